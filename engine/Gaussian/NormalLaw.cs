namespace Sgm.Engine;

/// <summary>An orthogonal block of a covariance's eigenvectors on coordinates Offset … Offset + Size − 1 (row-major, columns).</summary>
internal sealed record RotatedBlock(int Offset, int Size, double[] Eigenvectors);

/// <summary>
/// A normal law by directions: coordinates, except inside the rotated blocks, where direction Offset + j is the j-th
/// eigenvector of the block. Means are kept in coordinates, variances in directions; all of shape [d].
/// </summary>
internal sealed class NormalLaw
{
    private NormalLaw(double[] mean, double[] variances, List<RotatedBlock> blocks)
    {
        Mean = mean;
        Variances = variances;
        Blocks = blocks;
    }

    public double[] Mean { get; }

    public double[] Variances { get; }

    public List<RotatedBlock> Blocks { get; }

    /// <summary>A law all of whose factors are normal, noised to a level.</summary>
    public static NormalLaw Of(Target target, NoiseLevel level)
    {
        double[] mean = new double[target.Dimension];
        double[] variances = new double[target.Dimension];
        var blocks = new List<RotatedBlock>();
        int offset = 0;
        foreach (Factor factor in target.Factors)
        {
            Covariance covariance = factor.Law.Covariances[0];
            int size = covariance.Dimension;
            for (int copy = 0; copy < factor.Count; copy++)
            {
                for (int i = 0; i < size; i++)
                {
                    mean[offset + i] = level.Mean * factor.Law.Means[i];
                    variances[offset + i] = level.VarianceOf(covariance.Eigenvalue(i));
                }

                if (covariance.Eigenvectors is { } eigenvectors)
                {
                    blocks.Add(new(offset, size, eigenvectors));
                }

                offset += size;
            }
        }

        return new(mean, variances, blocks);
    }

    /// <summary>The law of a point.</summary>
    public static NormalLaw At(double[] point) => new(point, new double[point.Length], []);

    /// <summary>Whether the covariance is diagonal in the directions of <paramref name="blocks"/>.</summary>
    public bool IsDiagonalIn(List<RotatedBlock> blocks) =>
        Blocks.TrueForAll(own => blocks.Exists(b => b.Offset == own.Offset && Equals(b.Eigenvectors, own.Eigenvectors)))
        && blocks.TrueForAll(b => Blocks.Exists(own => own.Offset == b.Offset && own.Size == b.Size)
            || (!Blocks.Exists(own => own.Offset < b.Offset + b.Size && b.Offset < own.Offset + own.Size)
                && !Variances.AsSpan(b.Offset, b.Size).ContainsAnyExcept(Variances[b.Offset])));

    /// <summary>A vector of coordinates in the directions of some blocks: v ↦ Qᵀv. Returns the input when there are none.</summary>
    public static double[] ToDirections(double[] coordinates, List<RotatedBlock> blocks)
    {
        if (blocks.Count == 0)
        {
            return coordinates;
        }

        double[] result = (double[])coordinates.Clone();
        foreach (RotatedBlock block in blocks)
        {
            for (int j = 0; j < block.Size; j++)
            {
                double sum = 0;
                for (int i = 0; i < block.Size; i++)
                {
                    sum += block.Eigenvectors[(i * block.Size) + j] * coordinates[block.Offset + i];
                }

                result[block.Offset + j] = sum;
            }
        }

        return result;
    }

    private static bool Equals(double[] a, double[] b) => ReferenceEquals(a, b) || a.AsSpan().SequenceEqual(b);
}
