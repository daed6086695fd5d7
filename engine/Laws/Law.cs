namespace Sgm.Engine;

/// <summary>
/// First two moments of each coordinate with the half-widths of their brackets (0 where that is the rounding of the
/// double itself), or with the standard errors of estimates from particles; all of shape [d].
/// </summary>
/// <param name="Mean">E x_i.</param>
/// <param name="Variance">Var x_i.</param>
/// <param name="MeanError">Half-width of the bracket of each mean, or its standard error; NaN where there are too few particles for one.</param>
/// <param name="VarianceError">The same of each variance.</param>
/// <param name="Confidence">1 for exact laws; 0 for estimates, which no confidence can be stated for.</param>
public sealed record Moments(double[] Mean, double[] Variance, double[] MeanError, double[] VarianceError, double Confidence)
{
    /// <summary>Whether these are estimates with standard errors, and not brackets.</summary>
    public bool AreEstimates => Confidence == 0;
}

/// <summary>The distribution of the state at one place of a plan, as an interpreter knows it.</summary>
public abstract class Law
{
    /// <summary>d.</summary>
    public abstract int Dimension { get; }

    /// <summary>Means and variances of the coordinates.</summary>
    public abstract Moments Moments();

    /// <summary>The divergence from the target at the level where the law was taken. Never NaN.</summary>
    /// <exception cref="OperationCanceledException">The run's cancellation was requested.</exception>
    public Estimate Measure(Metric metric)
    {
        try
        {
            return metric.Match(Tv, Kl, Chi2, W2);
        }
        catch (WorkExceededException)
        {
            return TooMuchWork(metric);
        }
    }

    /// <summary>What is said of a metric that takes too long.</summary>
    private protected virtual Estimate TooMuchWork(Metric metric) => GridLaw.TooMuch(metric);

    /// <summary>
    /// Total variation ½∫|q − r| from the law <paramref name="other"/> of another run, instead of from the target; unavailable where
    /// this kind of law cannot say.
    /// </summary>
    public virtual Estimate TotalVariationFrom(Law other) =>
        Estimate.Unavailable("law", "total variation between two runs is known here on the line only", 0, 1);

    /// <summary>The law of coordinate <paramref name="coordinate"/>; null where this kind of law does not know it, as particles do not.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such coordinate.</exception>
    public Marginal? Marginal(int coordinate)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)coordinate, (uint)Dimension, nameof(coordinate));
        return Coordinate(coordinate);
    }

    /// <summary>
    /// ln q(x) at a point of shape [d], to the accuracy of the marginals; null where the law has no density that is known (particles, a
    /// point mass).
    /// </summary>
    public double? LogDensity(ReadOnlySpan<double> x)
    {
        if (x.Length != Dimension) throw new ArgumentException($"a point has {Dimension} coordinates", nameof(x));
        return Density(x);
    }

    /// <summary>
    /// Fills <paramref name="x"/>, of shape [d, count] with the draw running fastest, with independent draws: of an exact law its own, of particles
    /// these with replacement. A function of the stream's place alone.
    /// </summary>
    public void Draw(RandomStream stream, Span<double> x, int count)
    {
        if (x.Length != Dimension * count) throw new ArgumentException($"{count} draws are {Dimension}·{count} numbers", nameof(x));
        Fill(stream, x, count);
    }

    /// <summary>The marginal of a coordinate that exists.</summary>
    protected virtual Marginal? Coordinate(int coordinate) => null;

    /// <summary>ln q(x); where nothing else is said the coordinates are independent.</summary>
    protected virtual double? Density(ReadOnlySpan<double> x)
    {
        double sum = 0;
        for (int i = 0; i < x.Length; i++)
        {
            if (Coordinate(i)?.Density(x[i]) is not { } density || double.IsPositiveInfinity(density)) return null;
            sum += Math.Log(density);
        }

        return sum;
    }

    /// <summary>Draws; where nothing else is said the coordinates are independent, and come by their quantiles.</summary>
    protected virtual void Fill(RandomStream stream, Span<double> x, int count)
    {
        stream.FillUniform(x);
        for (int i = 0; i < Dimension; i++)
        {
            Marginal marginal = Coordinate(i) ?? throw new NotSupportedException("a law without marginals must say how it is drawn from");
            foreach (ref double value in x.Slice(i * count, count))
            {
                value = marginal.Quantile(value);
            }
        }
    }

    /// <summary>½∫|q − p|.</summary>
    protected abstract Estimate Tv();

    /// <summary>∫ q ln(q/p).</summary>
    protected abstract Estimate Kl();

    /// <summary>∫ q²/p − 1.</summary>
    protected abstract Estimate Chi2();

    /// <summary>Wasserstein-2 distance.</summary>
    protected abstract Estimate W2();
}
