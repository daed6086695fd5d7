namespace Sgm.Engine;

/// <summary>
/// Exact laws for affine scores of normal laws: the state stays normal, in any dimension. Work and memory grow with the number
/// of distinct eigenvalues of the score's law, not with d, and a repeat without probes costs the logarithm of its count.
/// </summary>
public sealed class GaussianInterpreter : IInterpreter
{
    /// <summary>Most coordinates that covariances may couple: work grows with the cube.</summary>
    public const int DenseLimit = 256;

    /// <inheritdoc/>
    public string Backend => "gaussian";

    /// <inheritdoc/>
    public string? WhyNot(Plan plan)
    {
        string? target = !plan.Target.IsGaussian ? "the target is not a single normal law" : null;
        string? scored = !plan.Score.Of.IsGaussian ? "the score is not that of a single normal law" : null;
        string? modifiers = AffineScore.Of(plan.Score.Modifiers) is null
            ? plan.Score.Modifiers.Any(m => m is ScoreModifier.Blended)
                ? "the score is a blend that is not affine, or one of normal laws in more than one dimension, which run coordinate by coordinate"
                : "the score is not affine in x (rippled, clipped and learned scores are not)"
            : null;
        string? start = plan.Start is Start.Law law && !law.Of.IsGaussian ? "the start is not a single normal law or a point" : null;
        string? adjusted = plan.AdjustedMethod is { } method ? $"'{method}' may be rejected, and the law of what is accepted or stays is not normal" : null;
        string? reason = target ?? scored ?? modifiers ?? start;
        return FiniteInterpreter.SymbolProblem(plan) is { } symbols ? symbols
            : adjusted is not null ? adjusted + "; use the grid (one dimension) or particles"
            : RegisterNoise.Fraction(plan) is { } fraction && reason is null ? fraction
            : reason is not null ? reason + "; use an exact law on a grid (one dimension, products) or particles"
            : IsTooDense(plan) ? $"full covariances couple more than {DenseLimit} coordinates; use particles"
            : ProbeMemory.WhyNot(plan, LawBytes(2.0 * plan.Dimension, HasFullCovariance(plan) ? plan.Dimension : 0), () => LawBytes(plan));
    }

    /// <inheritdoc/>
    public Outcome Run(Plan plan, RunOptions options) =>
        WhyNot(plan) is { } reason
            ? new(new RunStatus.Unsupported(reason), [])
            : new GaussianRun(plan, options).Run();

    /// <summary>Bytes of the law at a probe: its distinct coordinates, and factors of the blocks of coupled ones.</summary>
    private static double LawBytes(Plan plan)
    {
        var directions = GaussianRun.DirectionsOf(plan);
        return LawBytes(directions.Groups.Length + directions.Eigenvalues.Count, directions.Blocks.Sum(block => (double)block.Inputs.Size));
    }

    private static double LawBytes(double distinct, double coupled) =>
        ProbeMemory.LawBytes + (ProbeMemory.CoordinateBytes * distinct) + (8.0 * 16 * Math.Min(coupled, DenseLimit) * coupled);

    /// <summary>Only full covariances couple coordinates, so only they are looked at.</summary>
    private static bool IsTooDense(Plan plan) =>
        plan.Dimension > DenseLimit
        && HasFullCovariance(plan)
        && Directions.LargestBlock(
            NormalLaw.Of(plan.Score.Of, NoiseLevel.Data),
            GaussianRun.StartLaw(plan),
            NormalLaw.Of(plan.Target, NoiseLevel.Data)) > DenseLimit;

    private static bool HasFullCovariance(Plan plan) =>
        plan.Target.HasFullCovariance || plan.Score.Of.HasFullCovariance || plan.Start is Start.Law { Of.HasFullCovariance: true };
}
