using System.Runtime.CompilerServices;

namespace Sgm.Engine;

/// <summary>The responsibilities p_k = e^(l_k − max) of a tile of components, for two registers of particles.</summary>
internal static class Softmax
{
    /// <summary>
    /// Reads the logits of two registers at <paramref name="logits"/> (rows <paramref name="stride"/> apart), overwrites them by e^(l − top) with the
    /// running maximum, and gives e^(old top − new top), by which everything summed before must be multiplied. The first tile
    /// comes with top = −∞ and sum = 0.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Tile<TLanes>(ref double logits, int count, nint stride, ref Running<TLanes> left, ref Running<TLanes> right)
        where TLanes : struct, ILanes<TLanes>
    {
        int lanes = TLanes.Count;
        TLanes a = left.Top, b = right.Top;
        ref double at = ref logits;
        for (int k = 0; k < count; k++)
        {
            a = TLanes.Max(a, TLanes.Load(in at));
            b = TLanes.Max(b, TLanes.Load(in Unsafe.Add(ref at, lanes)));
            at = ref Unsafe.Add(ref at, stride);
        }

        left.Scale = VectorMath.Exp(left.Top - a);
        right.Scale = VectorMath.Exp(right.Top - b);
        TLanes sumA = left.Sum * left.Scale, sumB = right.Sum * right.Scale;
        at = ref logits;
        for (int k = 0; k < count; k++)
        {
            ref double other = ref Unsafe.Add(ref at, lanes);
            TLanes p = VectorMath.Exp(TLanes.Load(in at) - a);
            TLanes q = VectorMath.Exp(TLanes.Load(in other) - b);
            p.Store(ref at);
            q.Store(ref other);
            sumA += p;
            sumB += q;
            at = ref Unsafe.Add(ref at, stride);
        }

        left.Top = a;
        right.Top = b;
        left.Sum = sumA;
        right.Sum = sumB;
    }
}

/// <summary>What a softmax over tiles carries on: the maximum and the sum so far, and the factor of the last change of the maximum.</summary>
internal struct Running<TLanes>
    where TLanes : struct, ILanes<TLanes>
{
    public TLanes Top, Sum, Scale;

    /// <summary>Before the first tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Running<TLanes> Start() => new() { Top = double.NegativeInfinity, Sum = 0.0, Scale = 0.0 };
}
