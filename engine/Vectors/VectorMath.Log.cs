using System.Runtime.CompilerServices;

namespace Sgm.Engine;

public static partial class VectorMath
{
    /// <summary>
    /// <c>ln x</c>. Largest error found 0.853 ulp (20·10⁶ points, binary128 reference). <c>ln 0 = −∞</c>,
    /// <c>ln(+∞) = +∞</c>, NaN for x &lt; 0 and NaN; subnormals included. See <see cref="LogPositive{TLanes}(TLanes)"/>
    /// for the method.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Log<TLanes>(TLanes x)
        where TLanes : struct, ILanes<TLanes>
    {
        TLanes subnormal = TLanes.LessThan(x, 2.2250738585072014e-308);
        TLanes scaled = TLanes.Select(subnormal, x * 18014398509481984.0, x); // 2⁵⁴
        TLanes result = LogShifted(scaled, TLanes.Select(subnormal, 54.0, 0.0));
        // Neither +∞ nor NaN is below +∞: they are their own logarithms.
        result = TLanes.Select(TLanes.LessThan(x, double.PositiveInfinity), result, x);
        result = TLanes.Select(TLanes.Equal(x, 0.0), double.NegativeInfinity, result);
        return TLanes.Select(TLanes.LessThan(x, 0.0), double.NaN, result);
    }

    /// <summary>
    /// <c>ln x</c> for finite positive <em>normal</em> x; any other x gives an unspecified number. Largest error found
    /// 0.853 ulp, also near 1, where ln x is small.
    /// </summary>
    /// <remarks>
    /// <c>x = 2ᵏ(1 + f)</c> with √½ ≤ 1 + f &lt; √2, <c>s = f/(2 + f)</c>,
    /// <c>ln(1 + f) = 2 artanh s = f − f²/2 + s(f²/2 + R(s²))</c> where <c>R(z) = 2z/3 + 2z²/5 + …</c> is a minimax
    /// polynomial of degree 7 (Remez; 2⁻⁵⁶), summed so that the largest term f is exact. This is the reduction of W. J.
    /// Cody and W. Waite, <em>Software Manual for the Elementary Functions</em> (1980), as arranged by K. C. Ng
    /// (fdlibm, 1993).
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes LogPositive<TLanes>(TLanes x)
        where TLanes : struct, ILanes<TLanes> => LogShifted(x, 0.0);

    // ln x − shift·ln 2; shift is a constant 0 that the JIT folds, or the scaling of the subnormals.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes LogShifted<TLanes>(TLanes x, TLanes shift)
        where TLanes : struct, ILanes<TLanes>
    {
        // Adding 1 − √½ to the bits carries into the exponent exactly when the mantissa is at least √2.
        TLanes bits = TLanes.AddBits(x, TLanes.FromBits(One - HalfSqrt2));
        TLanes k = (TLanes.ShiftRightBits(bits, 52) | TLanes.FromBits(TwoTo52)) - (4503599627370496.0 + 1023) - shift;
        TLanes f = TLanes.AddBits(bits & TLanes.FromBits(0x000FFFFFFFFFFFFF), TLanes.FromBits(HalfSqrt2)) - 1.0;
        TLanes s = f / (f + 2.0);
        TLanes z = s * s;
        TLanes r = 0.14617736819440316;
        r = TLanes.MultiplyAdd(r, z, 0.15331607963817098);
        r = TLanes.MultiplyAdd(r, z, 0.1818289288725104);
        r = TLanes.MultiplyAdd(r, z, 0.22222211077397896);
        r = TLanes.MultiplyAdd(r, z, 0.2857142862637127);
        r = TLanes.MultiplyAdd(r, z, 0.39999999999898506);
        r = TLanes.MultiplyAdd(r, z, 0.666666666666667);
        TLanes halfSquare = f * 0.5 * f;
        TLanes t = TLanes.MultiplyAdd(s, TLanes.MultiplyAdd(r, z, halfSquare), k * Ln2Low);
        return TLanes.MultiplyAdd(k, Ln2High, f - (halfSquare - t));
    }

    private const ulong TwoTo52 = 0x4330000000000000; // its lowest bits are an integer's
    private const ulong One = 0x3FF0000000000000;
    private const ulong HalfSqrt2 = 0x3FE6A09E667F3BCD;
}
