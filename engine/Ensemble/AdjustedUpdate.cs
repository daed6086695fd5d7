using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sgm.Engine;

/// <summary>The lane-wise part of an adjusted step: rows of shape [d, width], one number a particle.</summary>
internal static class AdjustedUpdate<TLanes>
    where TLanes : struct, ILanes<TLanes>
{
    /// <summary>sum ← sum + factor·|v|².</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddSquare(ReadOnlySpan<double> v, double factor, Span<double> sum)
    {
        ref double rows = ref MemoryMarshal.GetReference(v);
        ref double total = ref MemoryMarshal.GetReference(sum);
        TLanes scale = factor;
        for (int i = 0; i < sum.Length; i += TLanes.Count)
        {
            TLanes square = 0.0;
            for (int at = i; at < v.Length; at += sum.Length)
            {
                TLanes own = TLanes.Load(in Unsafe.Add(ref rows, at));
                square = TLanes.MultiplyAdd(own, own, square);
            }

            ref double to = ref Unsafe.Add(ref total, i);
            TLanes.MultiplyAdd(square, scale, TLanes.Load(in to)).Store(ref to);
        }
    }

    /// <summary>sum ← sum + factor·s·(y − x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddWork(ReadOnlySpan<double> s, ReadOnlySpan<double> x, ReadOnlySpan<double> y, double factor, Span<double> sum)
    {
        ref double force = ref MemoryMarshal.GetReference(s);
        ref double from = ref MemoryMarshal.GetReference(x);
        ref double way = ref MemoryMarshal.GetReference(y);
        ref double total = ref MemoryMarshal.GetReference(sum);
        TLanes scale = factor;
        for (int i = 0; i < sum.Length; i += TLanes.Count)
        {
            TLanes work = 0.0;
            for (int at = i; at < s.Length; at += sum.Length)
            {
                TLanes step = TLanes.Load(in Unsafe.Add(ref way, at)) - TLanes.Load(in Unsafe.Add(ref from, at));
                work = TLanes.MultiplyAdd(TLanes.Load(in Unsafe.Add(ref force, at)), step, work);
            }

            ref double to = ref Unsafe.Add(ref total, i);
            TLanes.MultiplyAdd(work, scale, TLanes.Load(in to)).Store(ref to);
        }
    }

    /// <summary>
    /// x ← y where the uniform is below a = min(1, e^log); rates ← rates + a. A logarithm that is not a number rejects: what the proposal
    /// has run into is not finite.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Accept(Span<double> x, ReadOnlySpan<double> y, ReadOnlySpan<double> log, ReadOnlySpan<double> uniform, Span<double> rates)
    {
        ref double state = ref MemoryMarshal.GetReference(x);
        ref double proposal = ref MemoryMarshal.GetReference(y);
        ref double ratio = ref MemoryMarshal.GetReference(log);
        ref double draw = ref MemoryMarshal.GetReference(uniform);
        ref double rate = ref MemoryMarshal.GetReference(rates);
        for (int i = 0; i < log.Length; i += TLanes.Count)
        {
            TLanes own = TLanes.Load(in Unsafe.Add(ref ratio, i));
            TLanes a = VectorMath.Exp(TLanes.Select(TLanes.LessThan(own, 0.0), own, 0.0)) & TLanes.Equal(own, own);
            TLanes accepted = TLanes.LessThan(TLanes.Load(in Unsafe.Add(ref draw, i)), a);
            ref double to = ref Unsafe.Add(ref rate, i);
            (TLanes.Load(in to) + a).Store(ref to);
            for (int at = i; at < x.Length; at += log.Length)
            {
                ref double old = ref Unsafe.Add(ref state, at);
                TLanes.Select(accepted, TLanes.Load(in Unsafe.Add(ref proposal, at)), TLanes.Load(in old)).Store(ref old);
            }
        }
    }
}
