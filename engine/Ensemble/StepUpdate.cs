using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sgm.Engine;

/// <summary>The element-wise part of a step, over the flat state of a block.</summary>
internal static class StepUpdate<TLanes>
    where TLanes : struct, ILanes<TLanes>
{
    // |x|·this overflows exactly when |x| exceeds 1e150, and then 0·∞ is not a number.
    private const double Overflow = double.MaxValue / RunLimits.LargestState;

    /// <summary>y ← a·x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scale(ReadOnlySpan<double> x, double a, Span<double> y)
    {
        ref double from = ref MemoryMarshal.GetReference(x);
        ref double to = ref MemoryMarshal.GetReference(y);
        TLanes factor = a;
        for (int i = 0; i < x.Length; i += TLanes.Count)
        {
            (TLanes.Load(in Unsafe.Add(ref from, i)) * factor).Store(ref Unsafe.Add(ref to, i));
        }
    }

    /// <summary>y ← y + b·s.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(ReadOnlySpan<double> s, double b, Span<double> y)
    {
        ref double from = ref MemoryMarshal.GetReference(s);
        ref double to = ref MemoryMarshal.GetReference(y);
        TLanes factor = b;
        for (int i = 0; i < s.Length; i += TLanes.Count)
        {
            ref double at = ref Unsafe.Add(ref to, i);
            TLanes.MultiplyAdd(TLanes.Load(in Unsafe.Add(ref from, i)), factor, TLanes.Load(in at)).Store(ref at);
        }
    }

    /// <summary>y ← y + b·s·u, element by element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddProduct(ReadOnlySpan<double> s, ReadOnlySpan<double> u, double b, Span<double> y)
    {
        ref double from = ref MemoryMarshal.GetReference(s);
        ref double factors = ref MemoryMarshal.GetReference(u);
        ref double to = ref MemoryMarshal.GetReference(y);
        TLanes factor = b;
        for (int i = 0; i < s.Length; i += TLanes.Count)
        {
            ref double at = ref Unsafe.Add(ref to, i);
            TLanes product = TLanes.Load(in Unsafe.Add(ref from, i)) * TLanes.Load(in Unsafe.Add(ref factors, i));
            TLanes.MultiplyAdd(product, factor, TLanes.Load(in at)).Store(ref at);
        }
    }

    /// <summary>x ← a·x + b·s + c·ξ; false when an element left the numbers below 1e150.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool Noisy(Span<double> x, ReadOnlySpan<double> s, ReadOnlySpan<double> noise, double a, double b, double c)
    {
        ref double state = ref MemoryMarshal.GetReference(x);
        ref double score = ref MemoryMarshal.GetReference(s);
        ref double xi = ref MemoryMarshal.GetReference(noise);
        TLanes va = a, vb = b, vc = c, bad = 0.0;
        TLanes overflow = Overflow;
        for (int i = 0; i < x.Length; i += TLanes.Count)
        {
            ref double at = ref Unsafe.Add(ref state, i);
            TLanes y = TLanes.Load(in Unsafe.Add(ref score, i)) * vb;
            y = TLanes.MultiplyAdd(TLanes.Load(in at), va, y);
            y = TLanes.MultiplyAdd(TLanes.Load(in Unsafe.Add(ref xi, i)), vc, y);
            y.Store(ref at);
            bad = TLanes.MultiplyAdd(y * overflow, 0.0, bad);
        }

        return !TLanes.Any(TLanes.Equal(bad, 0.0) ^ TLanes.Equal(0.0, 0.0));
    }

    /// <summary>x ← a·x + b·s; false when an element left the numbers below 1e150.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool Quiet(Span<double> x, ReadOnlySpan<double> s, double a, double b)
    {
        ref double state = ref MemoryMarshal.GetReference(x);
        ref double score = ref MemoryMarshal.GetReference(s);
        TLanes va = a, vb = b, bad = 0.0;
        TLanes overflow = Overflow;
        for (int i = 0; i < x.Length; i += TLanes.Count)
        {
            ref double at = ref Unsafe.Add(ref state, i);
            TLanes y = TLanes.Load(in Unsafe.Add(ref score, i)) * vb;
            y = TLanes.MultiplyAdd(TLanes.Load(in at), va, y);
            y.Store(ref at);
            bad = TLanes.MultiplyAdd(y * overflow, 0.0, bad);
        }

        return !TLanes.Any(TLanes.Equal(bad, 0.0) ^ TLanes.Equal(0.0, 0.0));
    }
}

/// <summary>Bounds that every interpreter of particles keeps.</summary>
internal static class RunLimits
{
    /// <summary>A coordinate beyond this is divergence.</summary>
    public const double LargestState = 1e150;
}
