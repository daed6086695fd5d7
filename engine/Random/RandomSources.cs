using System.Runtime.CompilerServices;

namespace Sgm.Engine;

/// <summary>
/// What a <see cref="RandomStream"/> makes of its words: the group of numbers that the lanes give together.
/// </summary>
internal interface IRandomSource
{
    /// <summary>Numbers in a group: one or two steps of the eight lanes.</summary>
    static abstract int Group { get; }

    /// <summary>
    /// Writes the part of the group that belongs to these lanes; the number of lane l sits at l, and at 8 + l.
    /// </summary>
    static abstract void Next<TLanes>(ref Xoshiro<TLanes> generator, ref ulong destination)
        where TLanes : struct, ILanes<TLanes>;
}

internal readonly struct BitSource : IRandomSource
{
    public static int Group => RandomStream.Lanes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Next<TLanes>(ref Xoshiro<TLanes> generator, ref ulong destination)
        where TLanes : struct, ILanes<TLanes> => generator.Next().StoreBits(ref destination);
}

internal readonly struct UniformSource : IRandomSource
{
    public static int Group => RandomStream.Lanes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Next<TLanes>(ref Xoshiro<TLanes> generator, ref ulong destination)
        where TLanes : struct, ILanes<TLanes> => BoxMuller.Uniform(generator.Next()).StoreBits(ref destination);
}

internal readonly struct NormalSource : IRandomSource
{
    public static int Group => 2 * RandomStream.Lanes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Next<TLanes>(ref Xoshiro<TLanes> generator, ref ulong destination)
        where TLanes : struct, ILanes<TLanes>
    {
        TLanes radius = generator.Next();
        TLanes angle = generator.Next();
        BoxMuller.Normals(radius, angle, out TLanes first, out TLanes second);
        first.StoreBits(ref destination);
        second.StoreBits(ref Unsafe.Add(ref destination, RandomStream.Lanes));
    }
}
