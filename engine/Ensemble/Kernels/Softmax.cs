using System.Runtime.CompilerServices;

namespace Sgm.Engine;

/// <summary>The responsibilities p_k = e^(l_k − max) of a tile of components, for one register of particles.</summary>
internal static class Softmax
{
    /// <summary>
    /// Reads the logits at <paramref name="logits"/> (rows <paramref name="stride"/> apart), overwrites them by e^(l − top) with the running
    /// maximum, and returns e^(old top − new top), by which everything summed before must be multiplied. The first tile comes
    /// with top = −∞ and sum = 0.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Tile<TLanes>(ref double logits, int count, nint stride, ref TLanes top, ref TLanes sum)
        where TLanes : struct, ILanes<TLanes>
    {
        TLanes old = top;
        TLanes now = old;
        ref double at = ref logits;
        for (int k = 0; k < count; k++)
        {
            // The new number second: a NaN passes on.
            now = TLanes.Max(now, TLanes.Load(in at));
            at = ref Unsafe.Add(ref at, stride);
        }

        TLanes scale = VectorMath.Exp(old - now);
        TLanes total = sum * scale;
        at = ref logits;
        for (int k = 0; k < count; k++)
        {
            TLanes p = VectorMath.Exp(TLanes.Load(in at) - now);
            p.Store(ref at);
            total += p;
            at = ref Unsafe.Add(ref at, stride);
        }

        top = now;
        sum = total;
        return scale;
    }
}
