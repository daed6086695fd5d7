namespace Sgm.Engine;

/// <summary>
/// A normal state in any dimension: exact moments and divergences, by groups of equal coordinates and by blocks of
/// coupled ones. What is reported are enclosures: the arithmetic is that of balls, whatever the condition of a
/// covariance.
/// </summary>
public sealed class GaussianLaw : Law
{
    private const string Method = "closed form";
    private readonly Directions directions;
    private readonly AffineChannel[] channels;
    private readonly NoiseLevel level;
    private readonly Ball unit;
    private readonly Lazy<DirectionPair[]> coordinates;
    private readonly Lazy<CoupledLaw[]> blocks;
    private readonly Lazy<DirectionPair[]> pairs;
    private readonly Lazy<Moments> moments;

    internal GaussianLaw(Directions directions, AffineChannel[] channels, NoiseLevel level)
    {
        this.directions = directions;
        this.channels = channels;
        this.level = level;
        unit = 1 / Ball.Sqrt(Dimension);
        coordinates = new(Coordinates);
        moments = new(Moments);
        blocks = new(() => [.. directions.Blocks.Select(b => new CoupledLaw(b, new CoupledState(b, channels), level))]);
        pairs = new(() => [.. coordinates.Value, .. blocks.Value.SelectMany(b => b.Pairs())]);
    }

    /// <inheritdoc/>
    public override int Dimension => directions.GroupOf.Length;

    /// <summary>Whether no coordinates are coupled, so that the directions are the coordinates.</summary>
    public bool IsDiagonal => directions.Blocks.Count == 0;

    /// <summary>
    /// The distinct independent directions, q against the target at the level: coordinates, and those of coupled
    /// blocks after the map that makes the target standard there (KL, χ² and TV do not change under it).
    /// </summary>
    public ReadOnlySpan<DirectionPair> Pairs => pairs.Value;

    /// <inheritdoc/>
    public override Moments Moments()
    {
        int d = Dimension;
        double[] mean = new double[d];
        double[] variance = new double[d];
        double[] meanError = new double[d];
        double[] varianceError = new double[d];
        (double, double)[] means = [.. directions.Groups.Select(g => Reported(Mean(g)))];
        (double, double)[] variances = [.. directions.Groups.Select(g => Reported(Variance(g)))];
        for (int i = 0; i < d; i++)
        {
            int group = directions.GroupOf[i];
            if (group >= 0)
            {
                (mean[i], meanError[i]) = means[group];
                (variance[i], varianceError[i]) = variances[group];
                continue;
            }

            CoupledState state = blocks.Value[-1 - group].State;
            for (int k = 0; k < state.Mean.Length; k++)
            {
                (mean[i + k], meanError[i + k]) = Reported(state.IsBounded ? state.MeanOf(k) : new(state.Mean[k], double.PositiveInfinity));
                (variance[i + k], varianceError[i + k]) = Reported(state.IsBounded ? state.VarianceOf(k) : new(0, double.PositiveInfinity));
            }

            i += state.Mean.Length - 1;
        }

        return new(mean, variance, meanError, varianceError, 1);
    }

    /// <inheritdoc/>
    protected override Marginal Coordinate(int coordinate) =>
        Engine.Marginal.Normal(moments.Value.Mean[coordinate], moments.Value.Variance[coordinate]);

    /// <inheritdoc/>
    protected override double? Density(ReadOnlySpan<double> x)
    {
        double sum = 0;
        for (int i = 0; i < x.Length; i++)
        {
            if (directions.GroupOf[i] is var group && group < 0)
            {
                CoupledState state = blocks.Value[-1 - group].State;
                if (state.LogDensity(x.Slice(i, state.Mean.Length)) is not { } block) return null;
                sum += block;
                i += state.Mean.Length - 1;
                continue;
            }

            double density = Coordinate(i).Density(x[i]);
            if (double.IsPositiveInfinity(density)) return null;
            sum += Math.Log(density);
        }

        return sum;
    }

    /// <inheritdoc/>
    protected override void Fill(RandomStream stream, Span<double> x, int count)
    {
        for (int i = 0; i < Dimension; i++)
        {
            if (directions.GroupOf[i] is var group && group < 0)
            {
                CoupledState state = blocks.Value[-1 - group].State;
                int size = state.Mean.Length;
                state.Draw(stream, x.Slice(i * count, size * count), count);
                i += size - 1;
                continue;
            }

            Span<double> row = x.Slice(i * count, count);
            stream.FillNormal(row);
            (double mean, double deviation) = (moments.Value.Mean[i], Math.Sqrt(moments.Value.Variance[i]));
            foreach (ref double value in row)
            {
                value = mean + (deviation * value);
            }
        }
    }

    /// <summary>
    /// Total variation from the law of another run with the same target and start, instead of from the target. Not available where
    /// coordinates are coupled.
    /// </summary>
    public override Estimate TotalVariationFrom(Law other)
    {
        if (other is not GaussianLaw normal || !IsDiagonal || !directions.GroupOf.AsSpan().SequenceEqual(normal.directions.GroupOf))
        {
            return base.TotalVariationFrom(other);
        }

        DirectionPair Of(int g) => DirectionPair.Of(
            directions.Counts[g],
            Mean(directions.Groups[g]) - normal.Mean(normal.directions.Groups[g]),
            Variance(directions.Groups[g]),
            normal.Variance(normal.directions.Groups[g]));
        return NormalDivergences.Tv([.. Enumerable.Range(0, directions.Groups.Length).Select(Of)]);
    }

    /// <inheritdoc/>
    protected override Estimate Kl() => Divergence(pairs => NormalDivergences.Kl(pairs), double.PositiveInfinity);

    /// <inheritdoc/>
    protected override Estimate Chi2() => Divergence(pairs => NormalDivergences.Chi2(pairs), double.PositiveInfinity);

    /// <inheritdoc/>
    protected override Estimate Tv() => Divergence(pairs => NormalDivergences.Tv(pairs), 1);

    /// <inheritdoc/>
    protected override Estimate W2() => Problem() is { } problem
        ? Estimate.Unavailable(Method, problem)
        : NormalDivergences.W2(coordinates.Value, directions.Blocks.Zip(blocks.Value, (b, law) => b.Count * law.SquaredDistance()));

    private Estimate Divergence(Func<DirectionPair[], Estimate> measure, double most) =>
        Problem() is { } problem ? Estimate.Unavailable(Method, problem, 0, most) : measure(pairs.Value);

    private string? Problem() => blocks.Value.Select(b => b.Problem).FirstOrDefault(p => p is not null);

    private DirectionPair[] Coordinates()
    {
        Direction[] groups = directions.Groups;
        var result = new DirectionPair[groups.Length];
        Ball m = level.Mean;
        Ball noise = (Ball)level.Sigma * level.Sigma;
        for (int g = 0; g < result.Length; g++)
        {
            Direction direction = groups[g];
            result[g] = DirectionPair.Of(
                directions.Counts[g],
                Mean(direction) - (m * direction.TargetMean),
                Variance(direction),
                (m * m * direction.TargetVariance) + noise);
        }

        return result;
    }

    private Ball Mean(in Direction direction)
    {
        ref AffineChannel channel = ref channels[direction.Channel];
        return (channel.Gain * directions.StartLevel.Mean * direction.StartMean) + (channel.MeanGain * direction.ScoreMean) + (channel.ShiftGain * unit);
    }

    private Ball Variance(in Direction direction)
    {
        ref AffineChannel channel = ref channels[direction.Channel];
        Ball m = directions.StartLevel.Mean;
        Ball start = (m * m * direction.StartVariance) + ((Ball)directions.StartLevel.Sigma * directions.StartLevel.Sigma);
        return (channel.Gain * channel.Gain * start) + channel.Noise;
    }

    /// <summary>A double and the half-width of its interval, 0 where that is its own rounding.</summary>
    private static (double Value, double Error) Reported(Ball ball)
    {
        double value = (double)ball;
        double error = Math.Max(ball.Upper - value, value - ball.Lower);
        return (value, error <= 4 * Math.BitIncrement(Math.Abs(value)) - (4 * Math.Abs(value)) ? 0 : error);
    }
}
