namespace Sgm.Engine;

/// <summary>
/// A normal law by coordinates, with the numbers as they were given: N(m·Mean, m²Σ + σ²I) at its level (m, σ), where
/// Σ is diagonal but for the blocks.
/// </summary>
internal sealed class NormalLaw
{
    private NormalLaw(double[] mean, double[] variances, List<(int Offset, Covariance Covariance)> blocks, NoiseLevel level)
    {
        Mean = mean;
        Variances = variances;
        Blocks = blocks;
        Level = level;
    }

    /// <summary>Before noising, shape [d].</summary>
    public double[] Mean { get; }

    /// <summary>The diagonal of Σ, shape [d].</summary>
    public double[] Variances { get; }

    /// <summary>Where Σ is not diagonal, in the order of the coordinates.</summary>
    public List<(int Offset, Covariance Covariance)> Blocks { get; }

    public NoiseLevel Level { get; }

    /// <summary>A law all of whose factors are normal, noised to a level.</summary>
    public static NormalLaw Of(Target target, NoiseLevel level)
    {
        double[] mean = new double[target.Dimension];
        double[] variances = new double[target.Dimension];
        var blocks = new List<(int, Covariance)>();
        int offset = 0;
        foreach (Factor factor in target.Factors)
        {
            Covariance covariance = factor.Law.Covariances[0];
            int size = covariance.Dimension;
            bool coupled = IsCoupled(covariance);
            for (int copy = 0; copy < factor.Count; copy++)
            {
                for (int i = 0; i < size; i++)
                {
                    mean[offset + i] = factor.Law.Means[i];
                    variances[offset + i] = covariance.Matrix?[(i * size) + i] ?? covariance.Eigenvalue(i);
                }

                if (coupled)
                {
                    blocks.Add((offset, covariance));
                }

                offset += size;
            }
        }

        return new(mean, variances, blocks, level);
    }

    /// <summary>The law of a point.</summary>
    public static NormalLaw At(double[] point) => new(point, new double[point.Length], [], NoiseLevel.Data);

    /// <summary>
    /// The covariance Σ of the coordinates from … from + size − 1, before noising; no block reaches beyond them.
    /// </summary>
    public double[][] Covariance(int from, int size)
    {
        var result = new double[size][];
        for (int i = 0; i < size; i++)
        {
            result[i] = new double[size];
            result[i][i] = Variances[from + i];
        }

        foreach ((int offset, Covariance covariance) in Within(from, size))
        {
            for (int i = 0; i < covariance.Dimension; i++)
            {
                covariance.Matrix.AsSpan(i * covariance.Dimension, covariance.Dimension).CopyTo(result[offset - from + i].AsSpan(offset - from));
            }
        }

        return result;
    }

    private IEnumerable<(int Offset, Covariance Covariance)> Within(int from, int size)
    {
        int first = Blocks.BinarySearch((from, null!), Comparer<(int Offset, Covariance)>.Create((a, b) => a.Offset.CompareTo(b.Offset)));
        for (int k = first < 0 ? ~first : first; k < Blocks.Count && Blocks[k].Offset < from + size; k++)
        {
            yield return Blocks[k];
        }
    }

    private static bool IsCoupled(Covariance covariance)
    {
        if (covariance.Matrix is not { } matrix)
        {
            return false;
        }

        int size = covariance.Dimension;
        return Enumerable.Range(0, matrix.Length).Any(k => k / size != k % size && matrix[k] != 0);
    }
}
