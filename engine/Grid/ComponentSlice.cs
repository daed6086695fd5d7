using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sgm.Engine;

/// <summary>
/// Some components of a mixture on the line, means ascending, as arrays that end in a block of components without
/// weight, so that sums go by vectors of eight: ln of the density at the mean, and r_k(x) = Base_k + Factor_k·(Mean_k −
/// x).
/// </summary>
internal sealed class ComponentSlice
{
    /// <summary>Components of a vector.</summary>
    public const int Block = 8;

    private readonly int capacity;

    /// <summary>Room for so many components.</summary>
    public ComponentSlice(int count)
    {
        capacity = count;
        int length = ((count + Block - 1) / Block * Block) + Block;
        Mean = new double[length];
        Deviation = new double[length];
        Precision = new double[length];
        LogPeak = new double[length];
        Base = new double[length];
        Factor = new double[length];
    }

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    /// <summary>μ.</summary>
    public double[] Mean { get; }

    /// <summary>s, the standard deviation.</summary>
    public double[] Deviation { get; }

    /// <summary>1/s.</summary>
    public double[] Precision { get; }

    /// <summary>ln (w/(s·√(2π))).</summary>
    public double[] LogPeak { get; }

    /// <summary>Base of the reading.</summary>
    public double[] Base { get; }

    /// <summary>Factor of the reading.</summary>
    public double[] Factor { get; }

    /// <summary>Eight numbers from component <paramref name="k"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Load(double[] values, int k) => Vector512.LoadUnsafe(ref values[0], (nuint)k);

    /// <summary>The largest of eight numbers.</summary>
    public static double Largest(Vector512<double> values)
    {
        double largest = values.GetElement(0);
        for (int i = 1; i < Block; i++)
        {
            largest = Math.Max(largest, values.GetElement(i));
        }

        return largest;
    }

    /// <summary>Adds a component; after the last one <see cref="Close"/>.</summary>
    public void Add(double mean, double deviation, double logPeak, double at, double factor)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(Count, capacity);
        (Mean[Count], Deviation[Count], Precision[Count]) = (mean, deviation, 1 / deviation);
        (LogPeak[Count], Base[Count], Factor[Count]) = (logPeak, at, factor);
        Count++;
    }

    /// <summary>Fills up with components that weigh nothing.</summary>
    public ComponentSlice Close()
    {
        for (int k = Count; k < Mean.Length; k++)
        {
            (Mean[k], Deviation[k], Precision[k]) = (Mean[Count - 1], Deviation[Count - 1], Precision[Count - 1]);
            (LogPeak[k], Base[k], Factor[k]) = (double.NegativeInfinity, Base[Count - 1], Factor[Count - 1]);
        }

        return this;
    }

    /// <summary>Those whose share is above <paramref name="least"/>; all, where that would leave out few.</summary>
    public ComponentSlice Where(ReadOnlySpan<double> share, double least)
    {
        // No branch in the loop: the shares are in no order.
        int[] kept = new int[Count + 1];
        int count = 0;
        for (int k = 0; k < Count; k++)
        {
            kept[count] = k;
            count += share[k] > least ? 1 : 0;
        }

        if (count == 0 || count > 0.9 * Count)
        {
            return this;
        }

        var slice = new ComponentSlice(count) { Count = count };
        ReadOnlySpan<int> indices = kept.AsSpan(0, count);
        Gather(Mean, indices, slice.Mean);
        Gather(Deviation, indices, slice.Deviation);
        Gather(Precision, indices, slice.Precision);
        Gather(LogPeak, indices, slice.LogPeak);
        Gather(Base, indices, slice.Base);
        Gather(Factor, indices, slice.Factor);
        return slice.Close();
    }

    private static void Gather(double[] from, ReadOnlySpan<int> indices, double[] to)
    {
        for (int i = 0; i < indices.Length; i++)
        {
            to[i] = from[indices[i]];
        }
    }
}
