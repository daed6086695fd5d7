namespace Sgm.Engine;

/// <summary>
/// The law of the state as the particles show it. Every end of an interval is a theorem at one confidence, 0.99 unless another is
/// asked for, whatever the law of the state; values and moments are estimates. Every number is a function of the particles in
/// their order and of the run's seed, so it is the same for any number of threads.
/// </summary>
public sealed partial class ParticleLaw : Law
{
    /// <summary>The confidence of an interval when none is asked for.</summary>
    public const double UsualConfidence = 0.99;

    private readonly Target target;
    private readonly NoiseLevel level;
    private readonly ulong seed;

    /// <summary>
    /// The particles, to be held against <paramref name="target"/> at <paramref name="level"/>; the seed is that of the run. Every
    /// interval is wrong with probability at most 1 − confidence, which must be in (0, 1).
    /// </summary>
    public ParticleLaw(ParticleStore particles, Target target, NoiseLevel level, ulong seed, double confidence = UsualConfidence)
    {
        if (!(confidence is > 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(confidence), confidence, "must be in (0, 1)");
        if (particles.Dimension != target.Dimension) throw new ArgumentException("particles and target must have one dimension", nameof(particles));
        Particles = particles;
        this.target = target;
        this.level = level;
        this.seed = seed;
        Confidence = confidence;
    }

    /// <summary>The confidence of every interval.</summary>
    public double Confidence { get; }

    /// <summary>The same particles with intervals at another confidence.</summary>
    public ParticleLaw At(double confidence) => new(Particles, target, level, seed, confidence);

    /// <summary>The particles themselves.</summary>
    public ParticleStore Particles { get; }

    /// <inheritdoc/>
    public override int Dimension => Particles.Dimension;

    /// <summary>The laws that consecutive ranges of blocks of one run gave at one probe, as the law of the whole run.</summary>
    public static ParticleLaw Concat(IReadOnlyList<ParticleLaw> parts) =>
        new(ParticleStore.Concat([.. parts.Select(p => p.Particles)]), parts[0].target, parts[0].level, parts[0].seed, parts[0].Confidence);

    /// <summary>
    /// Sample means and unbiased variances, with their standard errors: s/√n, and by the sample's fourth moment √((μ₄ − (n−3)/(n−1)·s⁴)/n). They
    /// are estimates: rare mass that no particle hit is in neither, so no confidence is stated. NaN for fewer than 16 particles.
    /// </summary>
    /// <remarks>Two passes in the order of the particles; the second about the mean, so nothing cancels.</remarks>
    public override Moments Moments()
    {
        int d = Dimension;
        double n = Particles.Count;
        bool few = n < FewestParticles;
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

    /// <inheritdoc/>
    protected override Estimate W2() => Wasserstein();

    /// <inheritdoc/>
    protected override Estimate Tv() => TotalVariation();

    /// <inheritdoc/>
    protected override Estimate Kl() => NotFromSamples();

    /// <inheritdoc/>
    protected override Estimate Chi2() => NotFromSamples();

    private static Estimate NotFromSamples() =>
        Estimate.Unavailable("particles", "no honest upper estimate from samples alone; use --by exact or read tv and w2");

    protected override double? Density(ReadOnlySpan<double> x) => null;

    protected override void Fill(RandomStream stream, Span<double> x, int count)
    {
        double[] uniforms = new double[count];
        stream.FillUniform(uniforms);
        for (int i = 0; i < count; i++)
        {
            double[] particle = Particles.Particle((long)(uniforms[i] * Particles.Count));
            for (int e = 0; e < Dimension; e++)
            {
                x[(e * count) + i] = particle[e];
            }
        }
    }

    private delegate void RowAction(int coordinate, ReadOnlySpan<double> values);

    private void Accumulate(RowAction action)
    {
        for (int b = 0; b < Particles.BlockCount; b++)
        {
            ReadOnlySpan<double> block = Particles.Block(b);
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
