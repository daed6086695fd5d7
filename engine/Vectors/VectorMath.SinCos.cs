using System.Runtime.CompilerServices;

namespace Sgm.Engine;

public static partial class VectorMath
{
    /// <summary>
    /// <c>sin 2πu</c> and <c>cos 2πu</c> for 0 ≤ u &lt; 1 (and any |u| ≤ 2⁴⁹). Largest errors found 1.022 and
    /// 1.029 ulp (8·10⁶ points each, binary128 reference), absolute 1.2·10⁻¹⁶; exact at multiples of a quarter. NaN and
    /// ±∞ give NaN.
    /// </summary>
    /// <remarks>
    /// <c>u = n/4 + r</c> with |r| ≤ ⅛ is exact, so there is no error of reduction: the argument is in turns. The
    /// quadrant n mod 4 chooses between sine and cosine of 2πr and their signs.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SinCosTwoPi<TLanes>(TLanes u, out TLanes sin, out TLanes cos)
        where TLanes : struct, ILanes<TLanes>
    {
        TLanes n = TLanes.Round(u * 4.0);
        SinCosEighth(TLanes.MultiplyAdd(n, -0.25, u), out TLanes s, out TLanes c);
        TLanes quadrant = n + 6755399441055744.0; // 1.5·2⁵²: n modulo 4 is in the two lowest bits
        TLanes even = TLanes.IsZeroBits(quadrant & TLanes.FromBits(1));
        TLanes sinSign = TLanes.ShiftLeftBits(quadrant & TLanes.FromBits(2), 62);
        TLanes cosSign = TLanes.ShiftLeftBits(TLanes.AddBits(quadrant, TLanes.FromBits(1)) & TLanes.FromBits(2), 62);
        sin = TLanes.Select(even, s, c) ^ sinSign;
        cos = TLanes.Select(even, c, s) ^ cosSign;
    }

    /// <summary>
    /// <c>sin 2πr</c> and <c>cos 2πr</c> for |r| ≤ ⅛. Minimax polynomials of degree 13 and 14 (Remez; 2⁻⁵⁶ and 2⁻⁶²).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SinCosEighth<TLanes>(TLanes r, out TLanes sin, out TLanes cos)
        where TLanes : struct, ILanes<TLanes>
    {
        TLanes y = r * r;
        TLanes s = 3.786436507518271;
        s = TLanes.MultiplyAdd(s, y, -15.094054305439602);
        s = TLanes.MultiplyAdd(s, y, 42.05868918257171);
        s = TLanes.MultiplyAdd(s, y, -76.70585973563036);
        s = TLanes.MultiplyAdd(s, y, 81.60524927605172);
        s = TLanes.MultiplyAdd(s, y, -41.341702240399755);
        // 2π in two parts: the low one rides with the cubic term.
        sin = TLanes.MultiplyAdd(r, 6.283185307179586, r * TLanes.MultiplyAdd(s, y, 2.4492935982947064e-16));
        TLanes c = -1.6990354963008205;
        c = TLanes.MultiplyAdd(c, y, 7.903206963237597);
        c = TLanes.MultiplyAdd(c, y, -26.42625327676296);
        c = TLanes.MultiplyAdd(c, y, 60.244641352709365);
        c = TLanes.MultiplyAdd(c, y, -85.45681720664383);
        c = TLanes.MultiplyAdd(c, y, 64.93939402266824);
        c = TLanes.MultiplyAdd(c, y, -19.739208802178716);
        cos = TLanes.MultiplyAdd(c, y, 1.0);
    }
}
