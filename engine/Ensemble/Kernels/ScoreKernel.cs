namespace Sgm.Engine;

/// <summary>
/// ∇ln p of one law at any level (m, σ), or its denoiser there, on a block of points. Immutable and shared by all threads.
/// </summary>
/// <remarks>
/// Both predictions are means, under the components' shares p_k at x, of base_k + gain_k·(m·μ_k − x): for the score base = 0 and
/// gain = 1/v_k, v_k = m²λ_k + σ²; for the denoiser base = μ_k and gain = −m·λ_k/v_k. So they differ in constants, not in code, and the
/// denoiser is never made of the score, from which it would cancel.
/// What depends on the level is written by <see cref="Prepare"/> into a span of <see cref="ConstantsLength"/> numbers, so an
/// evaluation reads it and allocates nothing. Points have shape [d, width] with rows <c>stride</c> apart, particle in the
/// lane; the lanes do not interact, and each does the same IEEE operations at every register width: bit-identical on all. A point
/// that is not finite gives a score that is not finite and touches no other point.
/// </remarks>
internal abstract class ScoreKernel
{
    /// <summary>d.</summary>
    public abstract int Dimension { get; }

    /// <summary>Numbers that <see cref="Prepare"/> writes.</summary>
    public abstract int ConstantsLength { get; }

    /// <summary>Numbers of working memory, not kept between calls, aligned to 64 bytes.</summary>
    public virtual int ScratchLength => 0;

    /// <summary>Multiply-adds a point, roughly; an exponential counts 20.</summary>
    public abstract double Cost { get; }

    /// <summary>Writes what the level and the kind of prediction determine.</summary>
    public abstract void Prepare(NoiseLevel level, Prediction of, Span<double> constants);

    /// <summary>s ← the prediction at x. <paramref name="width"/> is a multiple of <see cref="BlockFormat.Grain"/>, ≤ stride.</summary>
    public abstract void Evaluate(
        ReadOnlySpan<double> constants, ref double x, ref double s, int stride, int width, Span<double> scratch);
}
