namespace Sgm.Engine;

/// <summary>A normal state in the common eigenbasis of score, start and target: exact moments and divergences.</summary>
public sealed class GaussianLaw : Law
{
    private readonly Directions directions;
    private readonly AffineChannel[] channels;
    private readonly NoiseLevel level;
    private DirectionPair[]? pairs;

    internal GaussianLaw(Directions directions, AffineChannel[] channels, NoiseLevel level)
    {
        this.directions = directions;
        this.channels = channels;
        this.level = level;
    }

    /// <inheritdoc/>
    public override int Dimension => directions.GroupOf.Length;

    /// <summary>The distinct directions, q against the target at the level.</summary>
    public ReadOnlySpan<DirectionPair> Pairs => pairs ??= BuildPairs();

    /// <inheritdoc/>
    public override Moments Moments()
    {
        double[] groupMean = new double[directions.Groups.Length];
        double[] groupVariance = new double[directions.Groups.Length];
        for (int g = 0; g < groupMean.Length; g++)
        {
            Direction direction = directions.Groups[g];
            groupMean[g] = (double)Mean(direction);
            groupVariance[g] = (double)Variance(direction);
        }

        double[] mean = new double[Dimension];
        double[] variance = new double[Dimension];
        for (int i = 0; i < mean.Length; i++)
        {
            mean[i] = groupMean[directions.GroupOf[i]];
            variance[i] = groupVariance[directions.GroupOf[i]];
        }

        foreach (RotatedBlock block in directions.Blocks)
        {
            RotateBack(block, mean, variance);
        }

        return new(mean, variance, new double[mean.Length], new double[mean.Length], 1);
    }

    /// <inheritdoc/>
    public override Estimate Measure(Metric metric) => metric switch
    {
        Metric.Kl => NormalDivergences.Kl(Pairs),
        Metric.Chi2 => NormalDivergences.Chi2(Pairs),
        Metric.W2 => NormalDivergences.W2(Pairs),
        _ => NormalDivergences.Tv(Pairs),
    };

    private DirectionPair[] BuildPairs()
    {
        var result = new DirectionPair[directions.Groups.Length];
        DoubleDouble m = level.Mean;
        DoubleDouble noise = (DoubleDouble)level.Sigma * level.Sigma;
        for (int g = 0; g < result.Length; g++)
        {
            Direction direction = directions.Groups[g];
            DoubleDouble variance = (m * m * direction.TargetVariance) + noise;
            result[g] = new(
                directions.Counts[g],
                (double)(Mean(direction) - (m * direction.TargetMean)),
                (double)variance,
                (double)(Variance(direction) - variance));
        }

        return result;
    }

    private DoubleDouble Mean(in Direction direction)
    {
        ref AffineChannel channel = ref channels[direction.Channel];
        return (channel.Gain * direction.StartMean) + (channel.MeanGain * direction.ScoreMean) + (channel.ShiftGain * direction.Shift);
    }

    private DoubleDouble Variance(in Direction direction)
    {
        ref AffineChannel channel = ref channels[direction.Channel];
        return (channel.Gain * channel.Gain * direction.StartVariance) + channel.Noise;
    }

    private static void RotateBack(RotatedBlock block, double[] mean, double[] variance)
    {
        double[] directionMean = mean.AsSpan(block.Offset, block.Size).ToArray();
        double[] directionVariance = variance.AsSpan(block.Offset, block.Size).ToArray();
        for (int i = 0; i < block.Size; i++)
        {
            double sum = 0;
            double squares = 0;
            for (int j = 0; j < block.Size; j++)
            {
                double entry = block.Eigenvectors[(i * block.Size) + j];
                sum += entry * directionMean[j];
                squares += entry * entry * directionVariance[j];
            }

            mean[block.Offset + i] = sum;
            variance[block.Offset + i] = squares;
        }
    }
}
