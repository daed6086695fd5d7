using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sgm.Engine;

/// <summary>Σ_n mass_n·N(·; centre_n, C²) at ascending places, every kernel as far as it reaches.</summary>
internal ref struct JointKernels : ILanesAction
{
    /// <summary>Places behind the last one that a register may touch.</summary>
    public const int Padding = 8;

    public required ReadOnlySpan<double> Centres;
    public required ReadOnlySpan<double> Masses;
    public required double Deviation;

    /// <summary>Parts below e^(−LogRange) of all mass are left out.</summary>
    public required double LogRange;

    /// <summary>Ascending, with <see cref="Padding"/> more numbers behind <see cref="Count"/>.</summary>
    public required ReadOnlySpan<double> Places;
    public required int Count;

    /// <summary>Receives the sums; padded as the places.</summary>
    public required Span<double> Values;

    /// <summary>Kernel values that were added.</summary>
    public long Work;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke<TLanes>()
        where TLanes : struct, ILanes<TLanes>
    {
        ref double place = ref MemoryMarshal.GetReference(Places);
        ref double value = ref MemoryMarshal.GetReference(Values);
        double scale = -0.5 / (Deviation * Deviation), unit = Math.Exp(-NormalTail.LogRootTwoPi) / Deviation;
        ReadOnlySpan<double> places = Places[..Count];
        for (int n = 0; n < Centres.Length; n++)
        {
            double centre = Centres[n], depth = LogRange + Math.Log(Masses[n]);
            if (!(depth > 0)) continue;
            double reach = Deviation * Math.Sqrt(2 * depth);
            int from = places.BinarySearch(centre - reach), to = places.BinarySearch(centre + reach);
            from = from < 0 ? ~from : from;
            to = to < 0 ? ~to : to + 1;
            TLanes factor = Masses[n] * unit;
            for (int i = from; i < to; i += TLanes.Count)
            {
                TLanes d = TLanes.Load(in Unsafe.Add(ref place, i)) - centre;
                TLanes.MultiplyAdd(factor, VectorMath.Exp(d * d * scale), TLanes.Load(in Unsafe.Add(ref value, i))).Store(ref Unsafe.Add(ref value, i));
            }

            Work += to - from;
        }
    }
}
