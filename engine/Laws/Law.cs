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
            return GridLaw.TooMuchWork(metric);
        }
    }

    /// <summary>
    /// Total variation ½∫|q − r| from the law <paramref name="other"/> of another run, instead of from the target; unavailable where
    /// this kind of law cannot say.
    /// </summary>
    public virtual Estimate TotalVariationFrom(Law other) =>
        Estimate.Unavailable("law", "total variation between two runs is known here on the line only", 0, 1);

    /// <summary>½∫|q − p|.</summary>
    protected abstract Estimate Tv();

    /// <summary>∫ q ln(q/p).</summary>
    protected abstract Estimate Kl();

    /// <summary>∫ q²/p − 1.</summary>
    protected abstract Estimate Chi2();

    /// <summary>Wasserstein-2 distance.</summary>
    protected abstract Estimate W2();
}
