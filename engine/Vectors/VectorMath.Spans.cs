using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sgm.Engine;

public static partial class VectorMath
{
    /// <summary>
    /// <c>destination[i] = exp(source[i])</c>; see <see cref="Exp{TLanes}(TLanes)"/>. The spans may be the same.
    /// </summary>
    public static void Exp(ReadOnlySpan<double> source, Span<double> destination) =>
        Map<ExpMap>(source, destination);

    /// <summary>
    /// <see cref="Exp(ReadOnlySpan{double}, Span{double})"/> from a kernel that is itself specialised to a width.
    /// </summary>
    public static void Exp<TLanes>(ReadOnlySpan<double> source, Span<double> destination)
        where TLanes : struct, ILanes<TLanes> => Map<ExpMap, TLanes>(source, destination);

    /// <summary>
    /// <c>destination[i] = ln(source[i])</c>; see <see cref="Log{TLanes}(TLanes)"/>. The spans may be the same.
    /// </summary>
    public static void Log(ReadOnlySpan<double> source, Span<double> destination) =>
        Map<LogMap>(source, destination);

    /// <summary>
    /// <see cref="Log(ReadOnlySpan{double}, Span{double})"/> from a kernel that is itself specialised to a width.
    /// </summary>
    public static void Log<TLanes>(ReadOnlySpan<double> source, Span<double> destination)
        where TLanes : struct, ILanes<TLanes> => Map<LogMap, TLanes>(source, destination);

    /// <summary>
    /// <c>sin[i] = sin 2πu[i]</c> and <c>cos[i] = cos 2πu[i]</c>; see
    /// <see cref="SinCosTwoPi{TLanes}(TLanes, out TLanes, out TLanes)"/>. One of the results may be the span u.
    /// </summary>
    public static void SinCosTwoPi(ReadOnlySpan<double> u, Span<double> sin, Span<double> cos)
    {
        SinCosAction action = new(u, sin, cos);
        LaneWidth.Run(ref action);
    }

    /// <summary>The function on spans from a kernel that is itself specialised to a width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SinCosTwoPi<TLanes>(ReadOnlySpan<double> u, Span<double> sin, Span<double> cos)
        where TLanes : struct, ILanes<TLanes>
    {
        CheckLength(u.Length, sin.Length);
        CheckLength(u.Length, cos.Length);
        ref double from = ref MemoryMarshal.GetReference(u);
        ref double toSin = ref MemoryMarshal.GetReference(sin);
        ref double toCos = ref MemoryMarshal.GetReference(cos);
        int i = 0;
        for (; i <= u.Length - TLanes.Count; i += TLanes.Count)
        {
            SinCosTwoPi(TLanes.Load(in Unsafe.Add(ref from, i)), out TLanes s, out TLanes c);
            s.Store(ref Unsafe.Add(ref toSin, i));
            c.Store(ref Unsafe.Add(ref toCos, i));
        }
        for (; i < u.Length; i++)
        {
            SinCosTwoPi(Lanes64.Load(in Unsafe.Add(ref from, i)), out Lanes64 s, out Lanes64 c);
            s.Store(ref Unsafe.Add(ref toSin, i));
            c.Store(ref Unsafe.Add(ref toCos, i));
        }
    }

    private static void Map<TMap>(ReadOnlySpan<double> source, Span<double> destination)
        where TMap : ILanesMap
    {
        MapAction<TMap> action = new(source, destination);
        LaneWidth.Run(ref action);
    }

    // The remainder runs on one lane: the same operations, hence the same bits.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Map<TMap, TLanes>(ReadOnlySpan<double> source, Span<double> destination)
        where TMap : ILanesMap
        where TLanes : struct, ILanes<TLanes>
    {
        CheckLength(source.Length, destination.Length);
        ref double from = ref MemoryMarshal.GetReference(source);
        ref double to = ref MemoryMarshal.GetReference(destination);
        int i = 0;
        for (; i <= source.Length - TLanes.Count; i += TLanes.Count)
            TMap.Apply(TLanes.Load(in Unsafe.Add(ref from, i))).Store(ref Unsafe.Add(ref to, i));
        for (; i < source.Length; i++)
            TMap.Apply(Lanes64.Load(in Unsafe.Add(ref from, i))).Store(ref Unsafe.Add(ref to, i));
    }

    private static void CheckLength(int source, int destination)
    {
        if (source != destination)
        {
            throw new ArgumentException(
                $"{source} arguments, but room for {destination} results.", nameof(destination));
        }
    }

    private interface ILanesMap
    {
        static abstract TLanes Apply<TLanes>(TLanes x)
            where TLanes : struct, ILanes<TLanes>;
    }

    private readonly struct ExpMap : ILanesMap
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TLanes Apply<TLanes>(TLanes x)
            where TLanes : struct, ILanes<TLanes> => Exp(x);
    }

    private readonly struct LogMap : ILanesMap
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TLanes Apply<TLanes>(TLanes x)
            where TLanes : struct, ILanes<TLanes> => Log(x);
    }

    private readonly ref struct MapAction<TMap>(ReadOnlySpan<double> source, Span<double> destination) : ILanesAction
        where TMap : ILanesMap
    {
        private readonly ReadOnlySpan<double> source = source;
        private readonly Span<double> destination = destination;

        public void Invoke<TLanes>()
            where TLanes : struct, ILanes<TLanes> => Map<TMap, TLanes>(source, destination);
    }

    private readonly ref struct SinCosAction(ReadOnlySpan<double> u, Span<double> sin, Span<double> cos) : ILanesAction
    {
        private readonly ReadOnlySpan<double> u = u;
        private readonly Span<double> sin = sin;
        private readonly Span<double> cos = cos;

        public void Invoke<TLanes>()
            where TLanes : struct, ILanes<TLanes> => SinCosTwoPi<TLanes>(u, sin, cos);
    }
}
