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

    /// <inheritdoc cref="ParticleStore.Moments"/>
    public override Moments Moments() => Particles.Moments();

    /// <inheritdoc/>
    protected override Estimate W2() => Wasserstein();

    /// <inheritdoc/>
    protected override Estimate Tv() => TotalVariation();

    /// <inheritdoc/>
    protected override Estimate Kl() => NotFromSamples();

    /// <inheritdoc/>
    protected override Estimate Chi2() => NotFromSamples();

    private static Estimate NotFromSamples() =>
        Estimate.Unavailable("particles", "no honest interval from samples alone; tv and w2 have lower ends that are theorems");

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
}
