namespace Sgm.Engine;

/// <summary>A coordinate that stays normal, in closed form: the channel of <see cref="AffineChannel"/> in one direction.</summary>
/// <param name="target">Mean and variance of the target.</param>
/// <param name="scored">Mean and variance of the score's law.</param>
/// <param name="score">Its modifiers; the shift is that of the coordinate.</param>
/// <param name="start">Mean and variance of the start, noised.</param>
internal sealed class NormalProcess(
    (double Mean, double Variance) target,
    (double Mean, double Variance) scored,
    AffineScore score,
    (Ball Mean, Ball Variance) start)
    : LineProcess
{
    /// <summary>A step's part in the limit of work.</summary>
    private const double StepCost = 12;

    private AffineChannel channel = AffineChannel.Identity;
    private JointChannel? joint;
    private WorkLimit? work;

    /// <inheritdoc/>
    public override bool Start(double logRange, WorkLimit work)
    {
        this.work = work;
        channel = AffineChannel.Identity;
        joint = null;
        return true;
    }

    /// <inheritdoc/>
    public override StepFailure Apply(IStep step, IReadOnlySet<int>? reads)
    {
        work?.Spend(StepCost);
        if (step is Tableau tableau)
        {
            AffineChannel next = AffineChannel.OfStep(tableau, scored.Variance, score);
            channel = channel.Then(next);
            joint = joint?.Then(next);
        }
        else
        {
            joint = (joint ?? JointChannel.Of(channel)).Then((GeneralTableau)step, scored.Variance, score);
            channel = joint.State;
            joint = joint.Kept == 0 ? null : joint;
        }

        return channel.IsFinite ? StepFailure.None : StepFailure.Diverged;
    }

    /// <inheritdoc/>
    public override NormalFactorLaw Law(NoiseLevel at, WorkLimit work)
    {
        Ball mean = (channel.Gain * start.Mean) + (channel.MeanGain * scored.Mean) + channel.ShiftGain;
        Ball variance = (channel.Gain * channel.Gain * start.Variance) + channel.Noise;
        Ball m = at.Mean;
        Ball own = (m * m * target.Variance) + ((Ball)at.Sigma * at.Sigma);
        return new((double)mean, (double)variance, DirectionPair.Of(1, mean - (m * target.Mean), variance, own));
    }
}

/// <summary>A normal coordinate against the target's.</summary>
internal sealed class NormalFactorLaw(double mean, double variance, DirectionPair pair) : Law
{
    /// <inheritdoc/>
    public override int Dimension => 1;

    /// <summary>State and target.</summary>
    public DirectionPair Pair => pair;

    /// <inheritdoc/>
    public override Moments Moments() => new([mean], [variance], [0], [0], 1);

    /// <inheritdoc/>
    protected override Marginal Coordinate(int coordinate) => Engine.Marginal.Normal(mean, variance);

    /// <inheritdoc/>
    protected override void Fill(RandomStream stream, Span<double> x, int count)
    {
        stream.FillNormal(x);
        foreach (ref double value in x)
        {
            value = mean + (Math.Sqrt(variance) * value);
        }
    }

    /// <inheritdoc/>
    protected override Estimate Kl() => NormalDivergences.Kl([pair]);

    /// <inheritdoc/>
    protected override Estimate Chi2() => NormalDivergences.Chi2([pair]);

    /// <inheritdoc/>
    protected override Estimate W2() => NormalDivergences.W2([pair]);

    /// <inheritdoc/>
    protected override Estimate Tv() => TotalVariation.OfIndependentNormals([pair]);
}
