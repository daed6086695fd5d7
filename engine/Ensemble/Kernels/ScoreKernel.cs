namespace Sgm.Engine;

/// <summary>
/// ∇ln p of one law at any level (m, σ), on a block of points. Immutable and shared by all threads.
/// </summary>
/// <remarks>
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

    /// <summary>Writes what the level determines.</summary>
    public abstract void Prepare(NoiseLevel level, Span<double> constants);

    /// <summary>s ← score(x). <paramref name="width"/> is a multiple of <see cref="BlockFormat.Grain"/>, ≤ stride.</summary>
    public abstract void Evaluate(
        ReadOnlySpan<double> constants, ref double x, ref double s, int stride, int width, Span<double> scratch);
}
