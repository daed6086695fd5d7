namespace Sgm.Engine;

/// <summary>
/// The particles of a run at one probe: consecutive blocks, each of shape [d, particles in it], particle running fastest.
/// </summary>
public sealed class ParticleStore
{
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
}
