using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Sgm.Engine;

/// <summary>
/// One double: the plain twin that the vector widths are tested against, and the remainder of a span.
/// </summary>
public readonly struct Lanes64 : ILanes<Lanes64>
{
    private readonly double lane;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Lanes64(double lane) => this.lane = lane;

    public static int Count
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 Load(ref readonly double source) => new(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(ref double destination) => destination = lane;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 LoadBits(ref readonly ulong source) => FromBits(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StoreBits(ref ulong destination) => destination = Bits(this);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static implicit operator Lanes64(double value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 FromBits(ulong bits) => new(BitConverter.UInt64BitsToDouble(bits));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 operator +(Lanes64 a, Lanes64 b) => new(a.lane + b.lane);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 operator -(Lanes64 a, Lanes64 b) => new(a.lane - b.lane);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 operator *(Lanes64 a, Lanes64 b) => new(a.lane * b.lane);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 operator /(Lanes64 a, Lanes64 b) => new(a.lane / b.lane);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 operator -(Lanes64 a) => new(-a.lane);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 MultiplyAdd(Lanes64 a, Lanes64 b, Lanes64 c) =>
        new(Math.FusedMultiplyAdd(a.lane, b.lane, c.lane));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 NegativeMultiplyAdd(Lanes64 a, Lanes64 b, Lanes64 c) =>
        new(Math.FusedMultiplyAdd(-a.lane, b.lane, c.lane));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 Sqrt(Lanes64 a) => new(Math.Sqrt(a.lane));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 Abs(Lanes64 a) => new(Math.Abs(a.lane));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 Min(Lanes64 a, Lanes64 b) => new(a.lane < b.lane ? a.lane : b.lane);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 Max(Lanes64 a, Lanes64 b) => new(a.lane > b.lane ? a.lane : b.lane);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 Floor(Lanes64 a) => new(Math.Floor(a.lane));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 Round(Lanes64 a) => new(Math.Round(a.lane, MidpointRounding.ToEven));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 LessThan(Lanes64 a, Lanes64 b) => Mask(a.lane < b.lane);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 LessThanOrEqual(Lanes64 a, Lanes64 b) => Mask(a.lane <= b.lane);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 Equal(Lanes64 a, Lanes64 b) => Mask(a.lane == b.lane);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 Select(Lanes64 mask, Lanes64 a, Lanes64 b) => Any(mask) ? a : b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Any(Lanes64 mask) => Bits(mask) != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 operator &(Lanes64 a, Lanes64 b) => FromBits(Bits(a) & Bits(b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 operator |(Lanes64 a, Lanes64 b) => FromBits(Bits(a) | Bits(b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 operator ^(Lanes64 a, Lanes64 b) => FromBits(Bits(a) ^ Bits(b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 IsZeroBits(Lanes64 a) => Mask(Bits(a) == 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 AddBits(Lanes64 a, Lanes64 b) => FromBits(unchecked(Bits(a) + Bits(b)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 SubtractBits(Lanes64 a, Lanes64 b) => FromBits(unchecked(Bits(a) - Bits(b)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 ShiftLeftBits(Lanes64 a, [ConstantExpected(Max = (byte)63)] byte count) =>
        FromBits(Bits(a) << count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 ShiftRightBits(Lanes64 a, [ConstantExpected(Max = (byte)63)] byte count) =>
        FromBits(Bits(a) >> count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 RotateLeftBits(Lanes64 a, [ConstantExpected(Max = (byte)63)] byte count) =>
        FromBits(BitOperations.RotateLeft(Bits(a), count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes64 ScaleByPowerOfTwo(Lanes64 a, Lanes64 n)
    {
        Lanes64 half = Round(n * 0.5);
        return a * PowerOfTwo(half) * PowerOfTwo(n - half);
    }

    // The low bits of n + 1023 + 1.5·2⁵² hold the biased exponent; the first product is exact, so only the second
    // rounds.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Lanes64 PowerOfTwo(Lanes64 n) => ShiftLeftBits(n + (6755399441055744.0 + 1023), 52);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Sum(Lanes64 a) => a.lane;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Bits(Lanes64 a) => BitConverter.DoubleToUInt64Bits(a.lane);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Lanes64 Mask(bool condition) => FromBits(condition ? ulong.MaxValue : 0);
}
