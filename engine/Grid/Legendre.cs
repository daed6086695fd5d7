namespace Sgm.Engine;

/// <summary>
/// Gauss–Legendre quadrature and polynomial interpolation at 16 points of [−1, 1], the basis of every panel of the grid. The rule
/// integrates polynomials up to degree 31 exactly; interpolation is by the barycentric formula (Berrut and Trefethen 2004).
/// </summary>
internal static class Legendre
{
    /// <summary>Points in a panel.</summary>
    public const int Order = 16;

    /// <summary>The points x_i, ascending.</summary>
    public static readonly double[] Nodes = new double[Order];

    /// <summary>The weights w_i, sum 2.</summary>
    public static readonly double[] Weights = new double[Order];

    /// <summary>Row-major: entry (i, m) is the m-th cardinal polynomial at the i-th point of [−1, 0].</summary>
    public static readonly double[] Left;

    /// <summary>The same for [0, 1].</summary>
    public static readonly double[] Right;

    /// <summary>Row-major: entry (i, m) is the integral of the m-th cardinal polynomial from −1 to x_i.</summary>
    public static readonly double[] Cumulative = new double[Order * Order];

    /// <summary>Row-major: entry (i, m) is the slope of the m-th cardinal polynomial at x_i.</summary>
    public static readonly double[] Derivative = new double[Order * Order];

    /// <summary>Row-major: coefficient n of the Legendre expansion is Σ_i Coefficients[n, i]·f(x_i).</summary>
    private static readonly double[] Coefficients = new double[Order * Order];

    private static readonly double[] Barycentric = new double[Order];

    static Legendre()
    {
        for (int i = 0; i < Order; i++)
        {
            double x = -Math.Cos(Math.PI * (i + 0.75) / (Order + 0.5));
            double slope = 1;
            for (int step = 0; step < 60; step++)
            {
                (double value, slope) = Polynomial(Order, x);
                double change = value / slope;
                x -= change;
                if (Math.Abs(change) < 1e-17)
                {
                    break;
                }
            }

            Nodes[i] = x;
        }

        for (int i = 0; i < Order; i++)
        {
            // Exactly symmetric points.
            Nodes[i] = 0.5 * (Nodes[i] - Nodes[Order - 1 - i]);
            (_, double slope) = Polynomial(Order, Nodes[i]);
            Weights[i] = 2 / ((1 - (Nodes[i] * Nodes[i])) * slope * slope);
            if (i >= Order / 2)
            {
                Nodes[i] = -Nodes[Order - 1 - i];
                Weights[i] = Weights[Order - 1 - i];
            }

            Barycentric[i] = ((i & 1) == 0 ? 1 : -1) * Math.Sqrt((1 - (Nodes[i] * Nodes[i])) * Weights[i]);
            for (int n = 0; n < Order; n++)
            {
                Coefficients[(n * Order) + i] = (n + 0.5) * Weights[i] * (n == 0 ? 1 : Polynomial(n, Nodes[i]).Value);
            }
        }

        for (int i = 0; i < Order; i++)
        {
            for (int m = 0; m < Order; m++)
            {
                if (m == i) continue;
                Derivative[(i * Order) + m] = Barycentric[m] / Barycentric[i] / (Nodes[i] - Nodes[m]);
                Derivative[(i * Order) + i] -= Derivative[(i * Order) + m];
            }
        }

        Left = Interpolation(-1, 0);
        Right = Interpolation(0, 1);
        for (int i = 0; i < Order; i++)
        {
            double[] inside = Interpolation(-1, Nodes[i]);
            for (int m = 0; m < Order; m++)
            {
                double sum = 0;
                for (int k = 0; k < Order; k++)
                {
                    sum += Weights[k] * inside[(k * Order) + m];
                }

                Cumulative[(i * Order) + m] = 0.5 * (Nodes[i] + 1) * sum;
            }
        }
    }

    /// <summary>The matrix from values at the points of [−1, 1] to values at the points of [a, b]; shape [16, 16], row-major.</summary>
    public static double[] Interpolation(double a, double b)
    {
        double[] matrix = new double[Order * Order];
        for (int i = 0; i < Order; i++)
        {
            Cardinals((0.5 * (a + b)) + (0.5 * (b - a) * Nodes[i]), matrix.AsSpan(i * Order, Order));
        }

        return matrix;
    }

    /// <summary>All cardinal polynomials at t, shape [16].</summary>
    public static void Cardinals(double t, Span<double> values)
    {
        double sum = 0;
        for (int m = 0; m < Order; m++)
        {
            double distance = t - Nodes[m];
            if (distance == 0)
            {
                values.Clear();
                values[m] = 1;
                return;
            }

            values[m] = Barycentric[m] / distance;
            sum += values[m];
        }

        for (int m = 0; m < Order; m++)
        {
            values[m] /= sum;
        }
    }

    /// <summary>destination = matrix·source, shapes [16] = [16, 16]·[16].</summary>
    public static void Multiply(ReadOnlySpan<double> matrix, ReadOnlySpan<double> source, Span<double> destination)
    {
        for (int i = 0; i < Order; i++)
        {
            double sum = 0;
            for (int m = 0; m < Order; m++)
            {
                sum += matrix[(i * Order) + m] * source[m];
            }

            destination[i] = sum;
        }
    }

    /// <summary>|c₁₄| + |c₁₅|, the size of the last two Legendre coefficients: what a panel fails to resolve is of this order.</summary>
    public static double Tail(ReadOnlySpan<double> values) =>
        Math.Abs(Coefficient(Order - 1, values)) + Math.Abs(Coefficient(Order - 2, values));

    /// <summary>Coefficient n of the Legendre expansion of a function with these values at the points.</summary>
    public static double Coefficient(int n, ReadOnlySpan<double> values)
    {
        ReadOnlySpan<double> row = Coefficients.AsSpan(n * Order, Order);
        double sum = 0;
        for (int i = 0; i < Order; i++)
        {
            sum += row[i] * values[i];
        }

        return sum;
    }

    /// <summary>The interpolating polynomial at 1 or at −1.</summary>
    public static double AtEnd(ReadOnlySpan<double> values, bool right)
    {
        double sum = 0;
        for (int n = 0; n < Order; n++)
        {
            sum += right || (n & 1) == 0 ? Coefficient(n, values) : -Coefficient(n, values);
        }

        return sum;
    }

    /// <summary>P_n(x) and its derivative.</summary>
    private static (double Value, double Slope) Polynomial(int n, double x)
    {
        double before = 1;
        double value = x;
        for (int k = 2; k <= n; k++)
        {
            (before, value) = (value, ((((2 * k) - 1) * x * value) - ((k - 1) * before)) / k);
        }

        return (value, n * ((x * value) - before) / ((x * x) - 1));
    }
}
