using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sgm.Engine;

/// <summary>The standard normal distribution function with relative precision in both tails.</summary>
public static class NormalTail
{
    /// <summary>ln √(2π).</summary>
    public const double LogRootTwoPi = 0.918938533204672741780329736406;

    /// <summary>
    /// P(Z &gt; z); relative error about 1e-15 until it underflows near z = 38. By Cody's rational approximations of erfc
    /// (Math. Comp. 23, 1969), the form that computes e^(−z²/2) from a split argument so that its error does not grow with z².
    /// </summary>
    public static double Above(double z)
    {
        double y = Math.Abs(z) * 0.70710678118654752440;
        if (y <= 0.46875)
        {
            return 0.5 - (0.5 * Math.CopySign(ErfSmall(y), z));
        }

        double tail = 0.5 * ErfcScaled(y) * GaussianFactor(Math.Abs(z));
        return z > 0 ? tail : 1 - tail;
    }

    /// <summary>P(Z &lt; z).</summary>
    public static double Below(double z) => Above(-z);

    /// <summary>P(from &lt; Z &lt; to) for from ≤ to, without cancellation in the tails.</summary>
    public static double Between(double from, double to) =>
        from > 0 ? Above(from) - Above(to) : to < 0 ? Below(to) - Below(from) : 1 - Above(to) - Below(from);

    /// <summary>ln P(Z &gt; z), finite for every finite z.</summary>
    public static double LogAbove(double z) => z < 5
        ? Math.Log(Above(z))
        : (-0.5 * z * z) + Math.Log(0.5 * ErfcScaled(z * 0.70710678118654752440));

    /// <summary>
    /// Mills' ratio P(Z &gt; z)/φ(z) of eight z ≥ 0, φ the standard normal density, by the approximations of <see
    /// cref="Above(double)"/>; only those whose ranges occur are computed.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static Vector512<double> Mills(Vector512<double> z)
    {
        Vector512<double> y = z * 0.70710678118654752440;
        Vector512<double> far = Vector512.GreaterThan(y, Vector512.Create(4.0));
        Vector512<double> scaled = Vector512<double>.Zero;
        if (Vector512.GreaterThanAny(y, Vector512.Create(4.0)))
        {
            Vector512<double> s = Vector512<double>.One / (y * y);
            scaled = (Vector512.Create(0.56418958354775628695) - (s * Horner(FarUp, s) / Horner(FarDown, s))) / y;
        }

        if (Vector512.LessThanOrEqualAny(y, Vector512.Create(4.0)))
        {
            scaled = Vector512.ConditionalSelect(far, scaled, Horner(MiddleUp, y) / Horner(MiddleDown, y));
        }

        if (Vector512.LessThanOrEqualAny(y, Vector512.Create(0.46875)))
        {
            Vector512<double> small = Vector512.Min(y, Vector512.Create(0.46875));
            Vector512<double> s = small * small;
            Vector512<double> near = (Vector512<double>.One - (small * Horner(NearUp, s) / Horner(NearDown, s))) * MixturePanels.Exp(s);
            scaled = Vector512.ConditionalSelect(Vector512.LessThanOrEqual(y, Vector512.Create(0.46875)), near, scaled);
        }

        return scaled * 1.2533141373155002512;
    }

    /// <summary>e^(−z²/2) with the square split into a part that is exact and a small rest; 0 where it underflows.</summary>
    private static double GaussianFactor(double z)
    {
        // Far out the second factor overflows while the first is 0.
        if (z > 39)
        {
            return 0;
        }

        double high = Math.Round(z * 16) / 16;
        return Math.Exp(-0.5 * high * high) * Math.Exp(-0.5 * (z - high) * (z + high));
    }

    private static double ErfSmall(double y)
    {
        double s = y * y;
        return y * Horner(NearUp, s) / Horner(NearDown, s);
    }

    /// <summary>e^(y²)·erfc(y) for y &gt; 0.46875.</summary>
    private static double ErfcScaled(double y)
    {
        if (y <= 4)
        {
            return Horner(MiddleUp, y) / Horner(MiddleDown, y);
        }

        double s = 1 / (y * y);
        return (0.56418958354775628695 - (s * Horner(FarUp, s) / Horner(FarDown, s))) / y;
    }

    private static ReadOnlySpan<double> NearUp =>
    [
        1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3,
    ];

    private static ReadOnlySpan<double> NearDown =>
    [
        1, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3,
    ];

    private static ReadOnlySpan<double> MiddleUp =>
    [
        2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1, 2.98635138197400131e2,
        8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3,
    ];

    private static ReadOnlySpan<double> MiddleDown =>
    [
        1, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
        3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
    ];

    private static ReadOnlySpan<double> FarUp =>
    [
        1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1, 1.60837851487422766e-2,
        6.58749161529837803e-4,
    ];

    private static ReadOnlySpan<double> FarDown =>
    [
        1, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1, 6.05183413124413191e-2, 2.33520497626869185e-3,
    ];

    private static double Horner(ReadOnlySpan<double> coefficients, double x)
    {
        double value = coefficients[0];
        for (int i = 1; i < coefficients.Length; i++)
        {
            value = (value * x) + coefficients[i];
        }

        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Horner(ReadOnlySpan<double> coefficients, Vector512<double> x)
    {
        Vector512<double> value = Vector512.Create(coefficients[0]);
        for (int i = 1; i < coefficients.Length; i++)
        {
            value = Vector512.FusedMultiplyAdd(value, x, Vector512.Create(coefficients[i]));
        }

        return value;
    }
}
