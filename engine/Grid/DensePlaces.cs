namespace Sgm.Engine;

/// <summary>Places of [−1, 1] where the polynomial through 16 points is looked at, close to both ends too.</summary>
internal static class DensePlaces
{
    private static readonly double[] Matrix;

    static DensePlaces()
    {
        double[] edge = [1e-7, 1e-6, 1e-5, 1e-4, 5e-4];
        IEnumerable<double> inner = Enumerable.Range(1, 63).Select(k => -Math.Cos(k * Math.PI / 64));
        Places = [.. edge.Select(e => e - 1), .. inner, .. edge.Reverse().Select(e => 1 - e)];
        Matrix = new double[Places.Length * Legendre.Order];
        for (int k = 0; k < Places.Length; k++)
        {
            Legendre.Cardinals(Places[k], Matrix.AsSpan(k * Legendre.Order, Legendre.Order));
        }
    }

    /// <summary>Ascending.</summary>
    public static double[] Places { get; }

    public static void Evaluate(ReadOnlySpan<double> values, Span<double> dense)
    {
        for (int k = 0; k < dense.Length; k++)
        {
            dense[k] = Product(Matrix.AsSpan(k * Legendre.Order, Legendre.Order), values);
        }
    }

    public static double At(double place, ReadOnlySpan<double> values)
    {
        Span<double> cardinals = stackalloc double[Legendre.Order];
        Legendre.Cardinals(place, cardinals);
        return Product(cardinals, values);
    }

    /// <summary>The vertex of the parabola through three neighbours, between the outer two.</summary>
    public static double Vertex(int k, ReadOnlySpan<double> dense)
    {
        (double a, double b, double c) = (Places[k - 1], Places[k], Places[k + 1]);
        double left = (dense[k] - dense[k - 1]) / (b - a);
        double right = (dense[k + 1] - dense[k]) / (c - b);
        return Math.Clamp((0.5 * (a + b)) - (0.5 * left * (c - a) / (right - left)), a, c);
    }

    private static double Product(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }
}
