namespace Sgm.Engine;

/// <summary>
/// First two moments of each coordinate with the half-widths of their brackets (0 for closed forms), or with the standard errors of
/// estimates from particles; all of shape [d].
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
    public abstract Estimate Measure(Metric metric);

    /// <summary>
    /// Total variation ½∫|q − r| from the law <paramref name="other"/> of another run, instead of from the target; unavailable where
    /// this kind of law cannot say.
    /// </summary>
    public virtual Estimate TotalVariationFrom(Law other) =>
        Estimate.Unavailable("law", "total variation between two runs is known here on the line only", 0, 1);
}
