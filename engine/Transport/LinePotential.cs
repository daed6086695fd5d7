namespace Sgm.Engine;

/// <summary>
/// A pair of potentials for W2 on the line: for every growing map S = g′,
/// W2²(q, p) ≥ E_q f + E_p h, f(x) = x² − 2g*(x), h(y) = y² − 2g(y), with equality when S transports p to q (Kantorovich; Brenier).
/// </summary>
/// <remarks>
/// S is continuous, increasing and piecewise linear: S(y_k) = s_k at the knots. So f′(x) = 2(x − S⁻¹(x)) and h′(y) = 2(y − S(y)) are too, and f and h are
/// summed from displacements: what rounding leaves is relative to those, not to the places. Beyond the knots S leads away from p, or back
/// to the identity; either way f is bounded from below, which is what a bound from samples needs (<see cref="MeanBelow"/>).
/// </remarks>
internal sealed class LinePotential
{
    private const double Flattest = 1e-3;
    private const double Steepest = 1e3;
    private const double Rounding = 1e-12;

    private readonly double[] y;
    private readonly double[] s;
    private readonly double[] ofState;
    private readonly double[] ofTarget;

    // The slopes of S before the first knot, between two, and after the last.
    private readonly double[] slopes;

    private LinePotential(List<double> places, List<double> values, double outside)
    {
        double first = Closed(places, values, 0, -1) ? 1 : outside;
        double last = Closed(places, values, places.Count - 1, 1) ? 1 : outside;
        y = [.. places];
        s = [.. values];
        slopes = new double[y.Length + 1];
        ofState = new double[y.Length];
        ofTarget = new double[y.Length];
        ofTarget[0] = (s[0] - y[0]) * (s[0] - y[0]);
        slopes[0] = first;
        for (int k = 1; k < y.Length; k++)
        {
            double displacements = s[k - 1] - y[k - 1] + (s[k] - y[k]);
            slopes[k] = (s[k] - s[k - 1]) / (y[k] - y[k - 1]);
            ofState[k] = ofState[k - 1] + ((s[k] - s[k - 1]) * displacements);
            ofTarget[k] = ofTarget[k - 1] - ((y[k] - y[k - 1]) * displacements);
        }

        slopes[^1] = last;
        Floor = Least();
    }

    /// <summary>inf f.</summary>
    public double Floor { get; }

    /// <summary>
    /// S is, for four deviations to both sides, the line through (E_p y, mean) with the slope deviation/deviation of p: for normal laws the
    /// transport itself.
    /// </summary>
    public static LinePotential Affine(LineMixture law, double mean, double deviation)
    {
        double spread = Math.Sqrt(law.Variance);
        double reach = 4 * Math.Clamp(deviation, Flattest * spread, Steepest * spread);
        return new([law.Mean - (4 * spread), law.Mean + (4 * spread)], [mean - reach, mean + reach], Outside(law, deviation));
    }

    /// <summary>
    /// S at the middle of a cell of p's mass is the mean of the sorted values of that mass; between two places its slope is
    /// kept in [10⁻³, 10³]. Cells are equal masses, and halve towards both tails while they hold four values.
    /// </summary>
    public static LinePotential Fit(LineMixture law, MarginalLaw table, ReadOnlySpan<double> sorted, int cells)
    {
        List<double> places = [];
        List<double> values = [];
        double[] ends = Ends(cells, sorted.Length);
        for (int k = 1; k < ends.Length; k++)
        {
            int from = (int)(ends[k - 1] * sorted.Length);
            int to = (int)(ends[k] * sorted.Length);
            if (to <= from) continue;
            double place = table.Quantile(0.5 * (ends[k - 1] + ends[k]));
            double value = Mean(sorted[from..to]);
            if (places.Count > 0)
            {
                double width = place - places[^1];
                value = values[^1] + Math.Clamp(value - values[^1], Flattest * width, Steepest * width);
                if (!(width > 0) || !(value > values[^1])) continue;
            }

            places.Add(place);
            values.Add(value);
        }

        return new(places, values, Outside(law, Deviation(sorted)));
    }

    /// <summary>f(x).</summary>
    public double OfState(double x)
    {
        int piece = Array.BinarySearch(s, x);
        piece = piece < 0 ? ~piece : piece;
        int knot = Math.Max(piece - 1, 0);
        double away = x - s[knot];
        return ofState[knot] + (away * ((2 * (s[knot] - y[knot])) + ((1 - (1 / slopes[piece])) * away)));
    }

    /// <summary>E_p h, less what rounding may have added.</summary>
    public double OfTarget(LineMixture law)
    {
        double sum = 0;
        double size = 0;
        for (int piece = 0; piece <= y.Length; piece++)
        {
            int knot = Math.Max(piece - 1, 0);
            (double part, double terms) = law.Integral(
                ofTarget[knot],
                2 * (y[knot] - s[knot]),
                1 - slopes[piece],
                y[knot],
                piece == 0 ? double.NegativeInfinity : y[piece - 1],
                piece == y.Length ? double.PositiveInfinity : y[piece]);
            sum += part;
            size += terms;
        }

        return sum - (Rounding * size);
    }

    // Where S ends on the side of the identity that lets f fall for ever, it returns to the identity as steeply as may be.
    private static bool Closed(List<double> places, List<double> values, int end, int side)
    {
        double inwards = side * (places[end] - values[end]);
        if (!(inwards > 0)) return false;
        double place = places[end] + (side * inwards / (Steepest - 1));
        if (place == places[end] || place == values[end])
        {
            values[end] = places[end];
            return true;
        }

        places.Insert(side > 0 ? end + 1 : end, place);
        values.Insert(side > 0 ? end + 1 : end, place);
        return true;
    }

    private double Least()
    {
        double least = ofState.Min();
        for (int k = 1; k < y.Length; k++)
        {
            double curvature = 1 - (1 / slopes[k]);
            double away = (y[k - 1] - s[k - 1]) / curvature;
            if (curvature > 0 && away > 0 && away < s[k] - s[k - 1]) least = Math.Min(least, OfState(s[k - 1] + away));
        }

        return least;
    }

    private static double Outside(LineMixture law, double deviation) => Math.Clamp(deviation / Math.Sqrt(law.Variance), 1, Steepest);

    private static double[] Ends(int cells, int count)
    {
        List<double> tails = [];
        for (double mass = 0.5 / cells; mass * count >= 4; mass /= 2)
        {
            tails.Add(mass);
        }

        return
        [
            0,
            .. Enumerable.Reverse(tails),
            .. Enumerable.Range(1, cells - 1).Select(k => (double)k / cells),
            .. tails.Select(mass => 1 - mass),
            1,
        ];
    }

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
