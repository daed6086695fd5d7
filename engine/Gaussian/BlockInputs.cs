namespace Sgm.Engine;

/// <summary>
/// Score, start and target of a block of n coupled coordinates, as given and before noising: means [n], covariances
/// [n][n].
/// </summary>
internal sealed record BlockInputs(
    double[] ScoreMean,
    double[][] Score,
    double[] StartMean,
    double[][] Start,
    NoiseLevel StartLevel,
    double[] TargetMean,
    double[][] Target)
{
    /// <summary>n.</summary>
    public int Size => ScoreMean.Length;

    public static BlockInputs At(int from, int size, NormalLaw score, NormalLaw start, NormalLaw target) => new(
        score.Mean[from..(from + size)],
        score.Covariance(from, size),
        start.Mean[from..(from + size)],
        start.Covariance(from, size),
        start.Level,
        target.Mean[from..(from + size)],
        target.Covariance(from, size));

    /// <summary>Equal by content.</summary>
    public bool Equals(BlockInputs? other) =>
        other is not null
        && Size == other.Size
        && ScoreMean.AsSpan().SequenceEqual(other.ScoreMean)
        && StartMean.AsSpan().SequenceEqual(other.StartMean)
        && TargetMean.AsSpan().SequenceEqual(other.TargetMean)
        && Same(Score, other.Score)
        && Same(Start, other.Start)
        && Same(Target, other.Target);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        for (int i = 0; i < Size; i++)
        {
            hash.Add(ScoreMean[i]);
            hash.Add(StartMean[i]);
            hash.Add(TargetMean[i]);
            hash.Add(Score[i][0]);
            hash.Add(Start[i][0]);
            hash.Add(Target[i][0]);
        }

        return hash.ToHashCode();
    }

    private static bool Same(double[][] a, double[][] b)
    {
        for (int i = 0; i < a.Length; i++)
        {
            if (!a[i].AsSpan().SequenceEqual(b[i]))
            {
                return false;
            }
        }

        return true;
    }
}
