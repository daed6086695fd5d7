using System.Diagnostics.CodeAnalysis;

namespace Sgm.Engine;

/// <summary>
/// A register of <see cref="Count"/> doubles. A kernel is written once over
/// <c>TLanes : struct, ILanes&lt;TLanes&gt;</c> and the JIT specialises it for each width; every operation below is one
/// instruction or a few, lane by lane.
/// </summary>
/// <remarks>
/// Arithmetic is IEEE 754 binary64, rounded to nearest, and the fused multiply-add is rounded once on every width.
/// A kernel built from these operations therefore gives <em>bit-identical</em> results on every width (the payload of a
/// NaN excepted). The four implementations are <see cref="Lanes512"/>, <see cref="Lanes256"/>, <see cref="Lanes128"/>
/// and <see cref="Lanes64"/>; <see cref="LaneWidth"/> chooses among them.
/// <para>
/// A mask is a value whose lanes have either all bits set or none. The operations that end in <c>Bits</c>, and
/// <c>&amp; | ^</c>, treat a lane as 64 bits.
/// </para>
/// </remarks>
public interface ILanes<TSelf>
    where TSelf : struct, ILanes<TSelf>
{
    /// <summary>The number of lanes: 8, 4, 2 or 1. A constant to the JIT.</summary>
    static abstract int Count { get; }

    static abstract TSelf Load(ref readonly double source);

    void Store(ref double destination);

    static abstract TSelf LoadBits(ref readonly ulong source);

    void StoreBits(ref ulong destination);

    /// <summary>The same number in every lane.</summary>
    static abstract implicit operator TSelf(double value);

    /// <summary>The same 64 bits in every lane.</summary>
    static abstract TSelf FromBits(ulong bits);

    static abstract TSelf operator +(TSelf a, TSelf b);
    static abstract TSelf operator -(TSelf a, TSelf b);
    static abstract TSelf operator *(TSelf a, TSelf b);
    static abstract TSelf operator /(TSelf a, TSelf b);
    static abstract TSelf operator -(TSelf a);

    /// <summary><c>a·b + c</c>, rounded once.</summary>
    static abstract TSelf MultiplyAdd(TSelf a, TSelf b, TSelf c);

    /// <summary><c>c − a·b</c>, rounded once.</summary>
    static abstract TSelf NegativeMultiplyAdd(TSelf a, TSelf b, TSelf c);

    static abstract TSelf Sqrt(TSelf a);
    static abstract TSelf Abs(TSelf a);

    /// <summary>
    /// The smaller of two numbers. <paramref name="b"/> if it is NaN; unspecified between NaN and <paramref name="b"/>
    /// if <paramref name="a"/> is.
    /// </summary>
    static abstract TSelf Min(TSelf a, TSelf b);

    /// <summary>
    /// The larger of two numbers. <paramref name="b"/> if it is NaN; unspecified between NaN and <paramref name="b"/>
    /// if <paramref name="a"/> is.
    /// </summary>
    static abstract TSelf Max(TSelf a, TSelf b);

    static abstract TSelf Floor(TSelf a);

    /// <summary>The nearest integer, ties to even.</summary>
    static abstract TSelf Round(TSelf a);

    /// <summary>The mask of <c>a &lt; b</c>; false where either is NaN.</summary>
    static abstract TSelf LessThan(TSelf a, TSelf b);

    /// <summary>The mask of <c>a ≤ b</c>; false where either is NaN.</summary>
    static abstract TSelf LessThanOrEqual(TSelf a, TSelf b);

    /// <summary>The mask of <c>a = b</c>; false where either is NaN.</summary>
    static abstract TSelf Equal(TSelf a, TSelf b);

    /// <summary><paramref name="a"/> where the mask is set, <paramref name="b"/> elsewhere.</summary>
    static abstract TSelf Select(TSelf mask, TSelf a, TSelf b);

    /// <summary>Whether the mask is set in any lane.</summary>
    static abstract bool Any(TSelf mask);

    static abstract TSelf operator &(TSelf a, TSelf b);
    static abstract TSelf operator |(TSelf a, TSelf b);
    static abstract TSelf operator ^(TSelf a, TSelf b);

    /// <summary>The mask of the lanes whose 64 bits are all zero.</summary>
    static abstract TSelf IsZeroBits(TSelf a);

    /// <summary>Addition of 64-bit integers, modulo 2⁶⁴.</summary>
    static abstract TSelf AddBits(TSelf a, TSelf b);

    /// <summary>Subtraction of 64-bit integers, modulo 2⁶⁴.</summary>
    static abstract TSelf SubtractBits(TSelf a, TSelf b);

    static abstract TSelf ShiftLeftBits(TSelf a, [ConstantExpected(Max = (byte)63)] byte count);
    static abstract TSelf ShiftRightBits(TSelf a, [ConstantExpected(Max = (byte)63)] byte count);
    static abstract TSelf RotateLeftBits(TSelf a, [ConstantExpected(Max = (byte)63)] byte count);

    /// <summary><c>a·2ⁿ</c> for integral n, |n| ≤ 2044, rounded once, subnormals and overflow included.</summary>
    static abstract TSelf ScaleByPowerOfTwo(TSelf a, TSelf n);

    /// <summary>The sum of the lanes by halves: (0+4, 1+5, …), then (0+2, 1+3), then 0+1.</summary>
    static abstract double Sum(TSelf a);
}
