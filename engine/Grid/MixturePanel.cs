using System.Runtime.Intrinsics;

namespace Sgm.Engine;

/// <summary>
/// An interval of a mixture's line. With p(c + d) = e^(LogScale + Tilt·d)·P(d), four sums over the components, each
/// divided by the same exponential, are polynomials of degree 23 in t = d/h, with errors that were bounded when the
/// panel was accepted.
/// </summary>
internal sealed class MixturePanel(double from, double to, ComponentSlice parts)
{
    /// <summary>Coefficients of a polynomial.</summary>
    public const int Order = 24;

    /// <summary>Sums that a panel holds.</summary>
    public const int Lanes = 4;

    public double From => from;

    public double To => to;

    /// <summary>c.</summary>
    public double Centre { get; } = 0.5 * (from + to);

    /// <summary>h.</summary>
    public double HalfWidth { get; } = 0.5 * (to - from);

    /// <summary>The components that can matter here.</summary>
    public ComponentSlice Parts { get; set; } = parts;

    /// <summary>ln p(c).</summary>
    public double LogScale { get; set; }

    /// <summary>The score at c.</summary>
    public double Tilt { get; set; }

    /// <summary>The mean reading at c, that the sums count from.</summary>
    public double Reading { get; set; }

    /// <summary>Bound on the error of the mean reading: of the polynomials, their evaluation, and the sums.</summary>
    public double Rounding { get; set; }

    /// <summary>How many components of the whole law have means at or below c.</summary>
    public int Whole { get; set; }

    /// <summary>Chebyshev coefficients, shape [24, 4]; null where it is halved, or summed directly.</summary>
    public double[]? Coefficients { get; set; }

    /// <summary>The halves.</summary>
    public (MixturePanel Left, MixturePanel Right)? Halves { get; set; }

    /// <summary>Whether it was decided what the panel is.</summary>
    public bool IsDecided
    {
        get => Volatile.Read(ref decided);
        set => Volatile.Write(ref decided, value);
    }

    private bool decided;

    /// <summary>The four sums at x, divided by e^(LogScale + Tilt·d), by Clenshaw's recurrence.</summary>
    public Vector256<double> At(double x)
    {
        double t = Math.Clamp((x - Centre) / HalfWidth, -1, 1);
        ref double coefficients = ref Coefficients![0];
        Vector256<double> twice = Vector256.Create(2 * t);
        Vector256<double> last = Vector256<double>.Zero;
        Vector256<double> before = Vector256<double>.Zero;
        for (int j = Order - 1; j > 0; j--)
        {
            Vector256<double> own = Vector256.LoadUnsafe(ref coefficients, (nuint)(j * Lanes));
            Vector256<double> next = Vector256.FusedMultiplyAdd(twice, last, own - before);
            (before, last) = (last, next);
        }

        return Vector256.FusedMultiplyAdd(Vector256.Create(t), last, Vector256.LoadUnsafe(ref coefficients) - before);
    }

    /// <summary>ln of what the sums were divided by.</summary>
    public double LogDivisor(double x) => LogScale + (Tilt * (x - Centre));

    /// <summary>The sums at the 24 Chebyshev points, shape [4, 24], become coefficients.</summary>
    /// <returns>Σ_j (2j + 1)·|c_j| of each sum: times the rounding unit, how far evaluating it may be wrong.</returns>
    public double[] Interpolate(ReadOnlySpan<double> values)
    {
        double[] coefficients = new double[Order * Lanes];
        double[] sizes = new double[Lanes];
        for (int lane = 0; lane < Lanes; lane++)
        {
            for (int j = 0; j < Order; j++)
            {
                double sum = 0;
                for (int i = 0; i < Order; i++)
                {
                    sum += values[(lane * Order) + i] * Transform[(j * Order) + i];
                }

                coefficients[(j * Lanes) + lane] = sum;
                sizes[lane] += ((2 * j) + 1) * Math.Abs(sum);
            }
        }

        Coefficients = coefficients;
        return sizes;
    }

    /// <summary>cos((i + ½)π/24), shape [24].</summary>
    public static readonly double[] Nodes = [.. Enumerable.Range(0, Order).Select(i => Math.Cos((i + 0.5) * Math.PI / Order))];

    /// <summary>c_j = (2/24)·Σ_i f_i·cos(j(i + ½)π/24), half of it for j = 0.</summary>
    private static readonly double[] Transform =
    [
        .. from j in Enumerable.Range(0, Order)
           from i in Enumerable.Range(0, Order)
           select (j == 0 ? 1.0 : 2.0) / Order * Math.Cos(j * ((2 * i) + 1) % (4 * Order) * Math.PI / (2 * Order)),
    ];
}
