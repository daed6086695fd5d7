namespace Sgm.Engine;

/// <summary>
/// A pair of potentials for W2 on the line: for every convex g,
/// W2²(q, p) ≥ E_q[x² − 2g*(x)] + E_p[y² − 2g(y)], with equality when g′ transports p to q (Kantorovich; Brenier).
/// </summary>
/// <remarks>
/// g′ = S is continuous, increasing and piecewise linear: S(y_k) = s_k at the knots, with one slope outside of them. g and its
/// conjugate g*(x) = max_y xy − g(y) are then piecewise quadratic, and E_p is in closed form.
/// </remarks>
internal sealed class LinePotential
{
    private const double Flattest = 1e-3;
    private const double Steepest = 1e3;

    private readonly double[] y;
    private readonly double[] s;
    private readonly double[] g;
    private readonly double outside;

    private LinePotential(double[] y, double[] s, double outside)
    {
        this.y = y;
        this.s = s;
        this.outside = outside;
        g = new double[y.Length];
        for (int k = 1; k < y.Length; k++)
        {
            g[k] = g[k - 1] + (0.5 * (s[k] + s[k - 1]) * (y[k] - y[k - 1]));
        }
    }

    /// <summary>S is the line through (E_p y, mean) with the slope deviation/deviation of p: for normal laws the transport itself.</summary>
    public static LinePotential Affine(LineMixture law, double mean, double deviation) =>
        new([law.Mean], [mean], Math.Clamp(deviation / Math.Sqrt(law.Variance), Flattest, Steepest));

    /// <summary>
    /// S at the middles of <paramref name="knots"/> equal masses of p is the mean of the sorted values of that mass; between two
    /// knots its slope is kept in [10⁻³, 10³].
    /// </summary>
    public static LinePotential Fit(LineMixture law, MarginalLaw table, ReadOnlySpan<double> sorted, int knots)
    {
        double[] places = new double[knots];
        double[] values = new double[knots];
        int count = 0;
        double deviation = Deviation(sorted);
        for (int k = 0; k < knots; k++)
        {
            double place = table.Quantile((k + 0.5) / knots);
            double value = Mean(sorted[(int)((long)k * sorted.Length / knots)..(int)((k + 1L) * sorted.Length / knots)]);
            if (count > 0 && place <= places[count - 1]) continue;
            if (count > 0)
            {
                double width = place - places[count - 1];
                value = values[count - 1] + Math.Clamp(value - values[count - 1], Flattest * width, Steepest * width);
            }

            places[count] = place;
            values[count++] = value;
        }

        return new(places[..count], values[..count], Math.Clamp(deviation / Math.Sqrt(law.Variance), Flattest, Steepest));
    }

    /// <summary>x² − 2g*(x), whose mean under q is one side of the bound.</summary>
    public double OfState(double x)
    {
        int k = Array.BinarySearch(s, x);
        if (k < 0) k = ~k - 1;
        // Between knots k and k + 1, or outside: S(y) = x at the place of the maximum.
        int knot = Math.Max(k, 0);
        double slope = k >= 0 && k + 1 < s.Length ? (s[k + 1] - s[k]) / (y[k + 1] - y[k]) : outside;
        double away = (x - s[knot]) / slope;
        double place = y[knot] + away;
        double potential = g[knot] + (s[knot] * away) + (0.5 * slope * away * away);
        return (x * x) - (2 * ((x * place) - potential));
    }

    /// <summary>E_p[y² − 2g(y)].</summary>
    public double OfTarget(LineMixture law)
    {
        double sum = Piece(law, 0, outside, double.NegativeInfinity, y[0]);
        for (int k = 1; k < y.Length; k++)
        {
            sum += Piece(law, k - 1, (s[k] - s[k - 1]) / (y[k] - y[k - 1]), y[k - 1], y[k]);
        }

        return sum + Piece(law, y.Length - 1, outside, y[^1], double.PositiveInfinity);
    }

    // ∫ y² − 2(g_k + s_k(y − y_k) + slope·(y − y_k)²/2).
    private double Piece(LineMixture law, int k, double slope, double from, double to) => law.Integral(
        -2 * (g[k] - (s[k] * y[k]) + (0.5 * slope * y[k] * y[k])),
        -2 * (s[k] - (slope * y[k])),
        1 - slope,
        from,
        to);

    private static double Mean(ReadOnlySpan<double> values)
    {
        double sum = 0;
        foreach (double value in values)
        {
            sum += value;
        }

        return sum / values.Length;
    }

    private static double Deviation(ReadOnlySpan<double> values)
    {
        double mean = Mean(values);
        double sum = 0;
        foreach (double value in values)
        {
            sum += (value - mean) * (value - mean);
        }

        return Math.Sqrt(sum / values.Length);
    }
}
