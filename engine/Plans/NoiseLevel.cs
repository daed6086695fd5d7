namespace Sgm.Engine;

/// <summary>
/// A noise level (m, σ): the law of m·X₀ + σ·Z, with X₀ ~ data and Z ~ N(0, I) independent.
/// Every forward process is, to the engine, only a sequence of levels.
/// </summary>
/// <param name="Parameter">The user's name for the level: a time, or σ (ve); used in reports only.</param>
/// <param name="Mean">m &gt; 0, the factor of the data.</param>
/// <param name="Sigma">σ ≥ 0, the standard deviation of the noise.</param>
public readonly record struct NoiseLevel(double Parameter, double Mean, double Sigma)
{
    /// <summary>The data itself: m = 1, σ = 0.</summary>
    public static NoiseLevel Data => new(0, 1, 0);

    /// <summary>σ², the variance of the noise.</summary>
    public double NoiseVariance => Sigma * Sigma;

    /// <summary>Ornstein–Uhlenbeck, dX = −X dt + √2 dB, at time t ≥ 0: m = e^(−t), σ² = 1 − e^(−2t).</summary>
    public static NoiseLevel VariancePreserving(double t) => new(t, Math.Exp(-t), Math.Sqrt(-RealFunctions.ExpM1(-2 * t)));

    /// <summary>Additive noise of standard deviation σ ≥ 0: m = 1.</summary>
    public static NoiseLevel VarianceExploding(double sigma) => new(sigma, 1, sigma);

    /// <summary>The sub-VP process at time t ≥ 0: m = e^(−t), σ = 1 − e^(−2t).</summary>
    public static NoiseLevel SubVariancePreserving(double t) => new(t, Math.Exp(-t), -RealFunctions.ExpM1(-2 * t));

    /// <summary>Rectified flow at time 0 ≤ t &lt; 1: m = 1 − t, σ = t.</summary>
    public static NoiseLevel Rectified(double t) => new(t, 1 - t, t);

    /// <summary>The variance at this level of a direction with data variance <paramref name="variance"/>: m²·v + σ².</summary>
    public double VarianceOf(double variance) => Mean * Mean * variance + Sigma * Sigma;
}
