using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sgm.Engine;

/// <summary>Σ_n mass_n·N(·; centre_n, C²), each kernel as far as it counts.</summary>
internal sealed class JointRow
{
    private readonly double[] reaches;

    /// <param name="centres">Centres.</param>
    /// <param name="masses">Masses, a small part of 1.</param>
    /// <param name="deviation">C.</param>
    /// <param name="logRange">Parts below e^(−logRange) of all mass are left out.</param>
    public JointRow(double[] centres, double[] masses, double deviation, double logRange)
    {
        (Centres, Masses, Deviation, reaches) = (centres, masses, deviation, new double[centres.Length]);
        (From, To) = (double.PositiveInfinity, double.NegativeInfinity);
        VectorMath.Log(masses, reaches);
        for (int n = 0; n < reaches.Length; n++)
        {
            double reach = reaches[n] = deviation * Math.Sqrt(2 * Math.Max(0, logRange + reaches[n]));
            (From, To) = (Math.Min(From, centres[n] - reach), Math.Max(To, centres[n] + reach));
        }
    }

    /// <summary>Centres.</summary>
    public double[] Centres { get; }

    /// <summary>Masses.</summary>
    public double[] Masses { get; }

    /// <summary>C.</summary>
    public double Deviation { get; }

    /// <summary>How far it reaches to the left.</summary>
    public double From { get; }

    /// <summary>How far it reaches to the right.</summary>
    public double To { get; }

    /// <summary>Adds its density at places; returns how many values of a kernel were added.</summary>
    /// <param name="places">Ascending, with <see cref="JointKernels.Padding"/> more numbers behind <paramref
    /// name="count"/>.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="values">Receives the sums; padded as the places.</param>
    public long AddTo(ReadOnlySpan<double> places, int count, Span<double> values)
    {
        JointKernels kernels = new()
        {
            Centres = Centres,
            Masses = Masses,
            Reaches = reaches,
            Deviation = Deviation,
            Places = places,
            Count = count,
            Values = values,
        };
        LaneWidth.Run(ref kernels);
        return kernels.Work;
    }
}

/// <summary>The sums of a <see cref="JointRow"/>.</summary>
internal ref struct JointKernels : ILanesAction
{
    /// <summary>Places behind the last one that a register may touch.</summary>
    public const int Padding = 8;

    public required ReadOnlySpan<double> Centres;
    public required ReadOnlySpan<double> Masses;
    public required ReadOnlySpan<double> Reaches;
    public required double Deviation;
    public required ReadOnlySpan<double> Places;
    public required int Count;

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
            double centre = Centres[n], reach = Reaches[n];
            int from = places.BinarySearch(centre - reach), to = places.BinarySearch(centre + reach);
            from = from < 0 ? ~from : from;
            to = to < 0 ? ~to : to + 1;
            TLanes factor = Masses[n] * unit;
            for (int i = from; i < to; i += TLanes.Count)
            {
                TLanes d = TLanes.Load(in Unsafe.Add(ref place, i)) - centre;
                ref double sum = ref Unsafe.Add(ref value, i);
                TLanes.MultiplyAdd(factor, VectorMath.Exp(d * d * scale), TLanes.Load(in sum)).Store(ref sum);
            }

            Work += to - from;
        }
    }
}
