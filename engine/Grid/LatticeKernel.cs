using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sgm.Engine;

/// <summary>
/// A normal kernel at the nodes of an even lattice by recurrence: e^(−ρ²(j − f)²/2) =
/// e^(−ρ²f²/2)·e^(ρ²fj)·e^(−ρ²j²/2), ρ = spacing/C and f the fraction of a spacing that the centre is off its node
/// (fast Gaussian gridding: Greengard and Lee, SIAM Review 46, 2004).
/// </summary>
internal sealed class LatticeKernel
{
    private const int Group = 8;

    // After so many nodes the powers are made anew, so that their rounding stays that of a few products.
    private const int Anchored = 128;
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

    /// <summary>Numbers of a row: 2·Reach + 1, and zeros up to a multiple of eight.</summary>
    public int Length => fixedPart.Length;

    /// <summary>
    /// Adds the kernel times a mass, from Reach nodes before the nearest one on; the same bits at every width.
    /// </summary>
    /// <param name="off">f.</param>
    /// <param name="mass">What it is multiplied with.</param>
    /// <param name="row">Shape [Length] or longer.</param>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add<TLanes>(double off, double mass, Span<double> row)
        where TLanes : struct, ILanes<TLanes>
    {
        double rate = square * off;
        double step = Math.Exp(rate);
        Span<double> powers = stackalloc double[Group + 1];
        ref double target = ref MemoryMarshal.GetReference(row);
        ref double shape = ref MemoryMarshal.GetArrayDataReference(fixedPart);
        for (int anchor = 0; anchor < Length; anchor += Anchored)
        {
            powers[0] = 1;
            for (int i = 0; i < Group; i++)
            {
                powers[i + 1] = powers[i] * step;
            }

            double start = mass * Math.Exp(rate * (anchor - Reach - (0.5 * off)));
            TLanes next = powers[Group];
            int end = Math.Min(anchor + Anchored, Length);
            for (int first = 0; first < Group; first += TLanes.Count)
            {
                TLanes power = TLanes.Load(in powers[first]) * start;
                for (int i = anchor + first; i < end; i += Group)
                {
                    ref double at = ref Unsafe.Add(ref target, i);
                    TLanes own = TLanes.Load(in Unsafe.Add(ref shape, i));
                    TLanes.MultiplyAdd(power, own, TLanes.Load(in at)).Store(ref at);
                    power *= next;
                }
            }
        }
    }
}
