namespace Sgm.Engine;

/// <summary>
/// The particles of a run at one probe: consecutive blocks, each of shape [d, particles in it], particle running fastest.
/// </summary>
public sealed class ParticleStore
{
    private const int FewestForErrors = 16;

    private readonly double[][] blocks;

    /// <summary>Blocks <paramref name="firstBlock"/>, … of a run; each array must have shape [d, particles of that block].</summary>
    public ParticleStore(int dimension, long firstBlock, double[][] blocks)
    {
        ArgumentOutOfRangeException.ThrowIfZero(blocks.Length);
        Dimension = dimension;
        FirstBlock = firstBlock;
        this.blocks = blocks;
        Count = blocks.Sum(b => (long)(b.Length / dimension));
    }

    /// <summary>d.</summary>
    public int Dimension { get; }

    /// <summary>Number of particles.</summary>
    public long Count { get; }

    /// <summary>Index in the run of the first block here.</summary>
    public long FirstBlock { get; }

    /// <summary>Number of blocks here.</summary>
    public int BlockCount => blocks.Length;

    /// <summary>Block <paramref name="index"/> of those here: shape [d, n], coordinate-major. Not a copy.</summary>
    public ReadOnlySpan<double> Block(int index) => blocks[index];

    /// <summary>The particles of these stores one after the other, as if one run had made them.</summary>
    public static ParticleStore Concat(IReadOnlyList<ParticleStore> parts)
    {
        for (int i = 1; i < parts.Count; i++)
        {
            if (parts[i].Dimension != parts[0].Dimension || parts[i].FirstBlock != parts[i - 1].FirstBlock + parts[i - 1].BlockCount)
                throw new ArgumentException("the parts must have one dimension and follow each other", nameof(parts));
        }

        return new ParticleStore(parts[0].Dimension, parts[0].FirstBlock, [.. parts.SelectMany(p => p.blocks)]);
    }

    /// <summary>Copies one coordinate of all particles, in their order.</summary>
    public void CopyCoordinate(int coordinate, Span<double> destination)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)coordinate, (uint)Dimension);
        foreach (double[] block in blocks)
        {
            int count = block.Length / Dimension;
            block.AsSpan(coordinate * count, count).CopyTo(destination);
            destination = destination[count..];
        }
    }

    /// <summary>One coordinate of all particles, in their order; shape [Count].</summary>
    public double[] Coordinate(int coordinate)
    {
        double[] result = GC.AllocateUninitializedArray<double>(checked((int)Count));
        CopyCoordinate(coordinate, result);
        return result;
    }

    /// <summary>One particle; shape [d].</summary>
    public double[] Particle(long index)
    {
        int size = blocks[0].Length / Dimension;
        double[] block = blocks[checked((int)(index / size))];
        int lane = (int)(index % size);
        int count = block.Length / Dimension;
        double[] result = new double[Dimension];
        for (int e = 0; e < Dimension; e++)
        {
            result[e] = block[(e * count) + lane];
        }

        return result;
    }

    /// <summary>
    /// Sample means and unbiased variances, with their standard errors: s/√n, and by the sample's fourth moment √((μ₄ − (n−3)/(n−1)·s⁴)/n). They
    /// are estimates: rare mass that no particle hit is in neither, so no confidence is stated. NaN for fewer than 16 particles.
    /// </summary>
    /// <remarks>Two passes in the order of the particles; the second about the mean, so nothing cancels.</remarks>
    public Moments Moments()
    {
        int d = Dimension;
        double n = Count;
        bool few = n < FewestForErrors;
        double[] mean = new double[d], second = new double[d], third = new double[d], fourth = new double[d];
        Accumulate((e, x) => mean[e] += Sum(x));
        for (int e = 0; e < d; e++)
        {
            mean[e] /= n;
        }

        Accumulate((e, x) =>
        {
            double m = mean[e], s2 = 0, s4 = 0, s1 = 0;
            foreach (double value in x)
            {
                double y = value - m;
                s1 += y;
                s2 += y * y;
                s4 += y * y * y * y;
            }

            third[e] += s1;
            second[e] += s2;
            fourth[e] += s4;
        });
        double[] meanError = new double[d], varianceError = new double[d];
        for (int e = 0; e < d; e++)
        {
            // third holds what rounding left in the sum about the mean.
            mean[e] += third[e] / n;
            double variance = n > 1 ? second[e] / (n - 1) : 0;
            double ofVariance = Math.Max(0, (fourth[e] / n) - ((n - 3) / (n - 1) * variance * variance)) / n;
            second[e] = variance;
            meanError[e] = few ? double.NaN : Math.Sqrt(variance / n);
            varianceError[e] = few ? double.NaN : Math.Sqrt(ofVariance);
        }

        return new Moments(mean, second, meanError, varianceError, 0);
    }

    private delegate void RowAction(int coordinate, ReadOnlySpan<double> values);

    private void Accumulate(RowAction action)
    {
        for (int b = 0; b < BlockCount; b++)
        {
            ReadOnlySpan<double> block = Block(b);
            int count = block.Length / Dimension;
            for (int e = 0; e < Dimension; e++)
            {
                action(e, block.Slice(e * count, count));
            }
        }
    }

    private static double Sum(ReadOnlySpan<double> values)
    {
        double sum = 0;
        foreach (double value in values)
        {
            sum += value;
        }

        return sum;
    }
}
