using MathNet.Numerics;
using MathNet.Numerics.Distributions;

namespace Sgm.Engine;

/// <summary>Quantiles of Student's t far out in the tail, where <see cref="StudentT.InvCDF"/> does not converge.</summary>
public static class StudentTail
{
    // Above this many degrees of freedom t and the normal law agree to 2·10⁻⁴ of the quantile even at 10⁻¹².
    private const double AlmostNormal = 1e5;

    /// <summary>
    /// t with P(T &gt; t) = <paramref name="tail"/> ≤ ½ for T with <paramref name="freedom"/> degrees of freedom: bisection in
    /// P(T &gt; t) = ½·I_x(ν/2, ½), x = ν/(ν + t²), which MathNet gives to relative precision.
    /// </summary>
    public static double Quantile(double freedom, double tail)
    {
        if (!(tail is > 0 and <= 0.5)) throw new ArgumentOutOfRangeException(nameof(tail), tail, "must be in (0, ½]");
        double normal = -Normal.InvCDF(0, 1, tail);
        if (freedom > AlmostNormal) return normal;
        double low = normal, high = Math.Max(1, 2 * normal);
        while (Above(freedom, high) > tail) high *= 2;
        while (high - low > 1e-10 * high)
        {
            double middle = 0.5 * (low + high);
            if (Above(freedom, middle) > tail) low = middle;
            else high = middle;
        }

        return high;
    }

    /// <summary>P(T &gt; t) for t ≥ 0.</summary>
    public static double Above(double freedom, double t) =>
        0.5 * SpecialFunctions.BetaRegularized(0.5 * freedom, 0.5, freedom / (freedom + (t * t)));
}
