namespace Sgm.Engine;

/// <summary>
/// First two moments of each coordinate with the half-widths of their intervals (0 for closed forms); all of shape [d].
/// </summary>
/// <param name="Mean">E x_i.</param>
/// <param name="Variance">Var x_i.</param>
/// <param name="MeanError">Half-width of the interval of each mean.</param>
/// <param name="VarianceError">Half-width of the interval of each variance.</param>
/// <param name="Confidence">Of each interval on its own; 1 for exact laws.</param>
public sealed record Moments(double[] Mean, double[] Variance, double[] MeanError, double[] VarianceError, double Confidence);

/// <summary>The distribution of the state at one place of a plan, as an interpreter knows it.</summary>
public abstract class Law
{
    /// <summary>d.</summary>
    public abstract int Dimension { get; }

    /// <summary>Means and variances of the coordinates.</summary>
    public abstract Moments Moments();

    /// <summary>The divergence from the target at the level where the law was taken. Never NaN, never throws.</summary>
    public abstract Estimate Measure(Metric metric);

    /// <summary>
    /// Total variation ½∫|q − r| from the law <paramref name="other"/> of another run, instead of from the target; unavailable where
    /// this kind of law cannot say.
    /// </summary>
    public virtual Estimate TotalVariationFrom(Law other) =>
        Estimate.Unavailable("law", "total variation between two runs is known here on the line only", 0, 1);
}
