using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sgm.Engine;

/// <summary>
/// A normal kernel at the nodes of an even lattice by recurrence: e^(−ρ²(j − f)²/2) = e^(−ρ²f²/2)·e^(ρ²fj)·e^(−ρ²j²/2), ρ = spacing/C and f the
/// fraction of a spacing that the centre is off its node (fast Gaussian gridding: Greengard and Lee, SIAM Review 46, 2004).
/// </summary>
internal sealed class LatticeKernel
{
    private const int Group = 8;

    // After so many nodes the powers are made anew, so that their rounding stays that of a few products.
    private const int Anchored = 64;
    private static readonly double[] Counts = [0, 1, 2, 3, 4, 5, 6, 7];
    private readonly double[] fixedPart;
    private readonly double square;

    /// <param name="ratio">ρ.</param>
    /// <param name="reach">Nodes on either side.</param>
    public LatticeKernel(double ratio, int reach)
    {
        (square, Reach) = (ratio * ratio, reach);
        fixedPart = new double[((2 * reach) + 1 + Group - 1) / Group * Group];
        for (int i = 0; i <= 2 * reach; i++)
        {
            fixedPart[i] = Math.Exp(-0.5 * square * (i - reach) * (i - reach));
        }
    }

    /// <summary>Nodes on either side of the nearest one.</summary>
    public int Reach { get; }

    /// <summary>Numbers of a row, 2·Reach + 1 and zeros up to a multiple of eight.</summary>
    public int Length => fixedPart.Length;

    /// <summary>The kernel times a mass at the nodes from Reach before the nearest one on; the same bits at every width.</summary>
    /// <param name="off">f.</param>
    /// <param name="mass">What it is multiplied with.</param>
    /// <param name="row">Shape [Length].</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Fill<TLanes>(double off, double mass, Span<double> row)
        where TLanes : struct, ILanes<TLanes>
    {
        double rate = square * off;
        TLanes eighth = Math.Exp(Group * rate);
        double peak = mass * Math.Exp(-0.5 * rate * off);
        ref double target = ref MemoryMarshal.GetReference(row);
        ref double shape = ref MemoryMarshal.GetArrayDataReference(fixedPart);
        for (int anchor = 0; anchor < Length; anchor += Anchored)
        {
            int end = Math.Min(anchor + Anchored, Length);
            for (int first = 0; first < Group; first += TLanes.Count)
            {
                TLanes power = VectorMath.Exp((TLanes.Load(in Counts[first]) + (anchor - Reach)) * rate) * peak;
                for (int i = anchor + first; i < end; i += Group)
                {
                    (power * TLanes.Load(in Unsafe.Add(ref shape, i))).Store(ref Unsafe.Add(ref target, i));
                    power *= eighth;
                }
            }
        }
    }
}
