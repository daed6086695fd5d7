namespace Sgm.Engine;

/// <summary>
/// What a stage reads from the score model at a point y of a level (m, σ). The two carry the same information, m·D = y + σ²·s, and
/// a method is spelled in the one whose coefficients do not cancel.
/// </summary>
public enum Prediction
{
    /// <summary>The score s = ∇ln p_level(y).</summary>
    Score,

    /// <summary>The denoiser D = E[X₀ | m·X₀ + σ·Z = y]; y/m at σ = 0.</summary>
    Denoiser,
}
