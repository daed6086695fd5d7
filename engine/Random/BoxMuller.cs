using System.Runtime.CompilerServices;

namespace Sgm.Engine;

/// <summary>Random bits to uniforms and normals: part of the format of <see cref="RandomStream"/>.</summary>
internal static class BoxMuller
{
    /// <summary>
    /// <c>(k + ½)·2⁻⁵²</c> where k is the upper 52 bits: exact, symmetric about ½, from 2⁻⁵³ to 1 − 2⁻⁵³.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Uniform<TLanes>(TLanes bits)
        where TLanes : struct, ILanes<TLanes> =>
        (TLanes.ShiftRightBits(bits, 12) | TLanes.FromBits(0x3FF0000000000000)) - (1.0 - 1.1102230246251565e-16);

    /// <summary>
    /// Two independent standard normals, <c>ρ·cos θ</c> and <c>ρ·sin θ</c> with <c>ρ = √(−2 ln u)</c>.
    /// </summary>
    /// <remarks>
    /// u is the uniform of <paramref name="radius"/>, so ρ ≤ √(106·ln 2) = 8.57. The upper 52 bits of
    /// <paramref name="angle"/>, an integer k, give <c>φ = 2π·(k·2⁻⁵² − ½)/4</c> in [−π/4, π/4); bit 0 set negates cos
    /// φ, then bit 1 set exchanges cos φ and sin φ: θ falls into each quarter of the circle with equal probability and
    /// there is no range to reduce.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Normals<TLanes>(TLanes radius, TLanes angle, out TLanes first, out TLanes second)
        where TLanes : struct, ILanes<TLanes>
    {
        TLanes rho = TLanes.Sqrt(VectorMath.LogPositive(Uniform(radius)) * -2.0);
        // The bits of a number in [¼, ½), less ⅜: exact.
        TLanes turn = (TLanes.ShiftRightBits(angle, 12) | TLanes.FromBits(0x3FD0000000000000)) - 0.375;
        VectorMath.SinCosEighth(turn, out TLanes sin, out TLanes cos);
        cos ^= TLanes.ShiftLeftBits(angle, 63);
        TLanes straight = TLanes.IsZeroBits(angle & TLanes.FromBits(2));
        first = rho * TLanes.Select(straight, cos, sin);
        second = rho * TLanes.Select(straight, sin, cos);
    }
}
