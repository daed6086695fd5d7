namespace Sgm.Engine;

/// <summary>
/// A score estimate that is a function of its own, not the score of a law: s(x, level), for instance fitted to data. Immutable as seen
/// from outside, safe to share between threads.
/// </summary>
public abstract class ScoreFunction
{
    /// <summary>d.</summary>
    public abstract int Dimension { get; }

    /// <summary>score ← s(x, level); both of shape [d]. Needs σ &gt; 0.</summary>
    public abstract void Evaluate(NoiseLevel level, ReadOnlySpan<double> x, Span<double> score);

    /// <summary>s(x, level) and ∂s/∂x in one dimension.</summary>
    public abstract (double Value, double Slope) OnLine(NoiseLevel level, double x);

    /// <summary>∂s/∂x towards ±∞ in one dimension, where s is linear plus bounded.</summary>
    public abstract double FarSlope(NoiseLevel level);

    /// <summary>Bounds of |∂s/∂x| and of |∂²s/∂x²| over the whole line, in one dimension.</summary>
    public abstract (double Slope, double Bend) Bounds(NoiseLevel level);
}
