namespace Sgm.Engine;

/// <summary>
/// Exact laws in one dimension, for every target, tableau, score and start: between steps a sum of kernels over
/// an even lattice or a density on adaptive panels, with brackets from a second resolution (<see cref="GridLaw"/>).
/// </summary>
public sealed class GridInterpreter : IInterpreter
{
    /// <inheritdoc/>
    public string Backend => "grid";

    /// <inheritdoc/>
    public string? WhyNot(Plan plan) =>
        FiniteInterpreter.SymbolProblem(plan) is { } symbols ? symbols
            : plan.Dimension != 1
            ? $"the state has dimension {plan.Dimension}, a grid needs 1; use the product law if the coordinates are independent, the gaussian law if everything is normal, or particles"
            : ScoreProblem(plan) ?? AtomProblem(plan) ?? JointPlan.Problem(plan) ?? ProbeMemory.WhyNot(plan, GridMemory.FewestLawBytes, () => GridMemory.FewestLawBytes);

    /// <inheritdoc/>
    public Outcome Run(Plan plan, RunOptions options)
    {
        if (WhyNot(plan) is { } reason)
        {
            return new(new RunStatus.Unsupported(reason), []);
        }

        (ScalarMixture? start, double point) = plan.Start switch
        {
            Start.Law law => (ScalarMixture.At(law.Of.Factors[0].Law, law.Level), 0.0),
            Start.Point at => (null, at.At[0]),
            _ => throw new InvalidOperationException("a start that the grid does not know"),
        };
        var process = new GridProcess(plan.Target.Factors[0].Law, plan.Score.Of.Factors[0].Law, plan.Score.Modifiers, start, point, new BlockAllowance());
        return new LineRun(plan, options, [process], laws => laws[0]).Run();
    }

    /// <summary>Why a step that may be rejected leaves no density: it finds the state in a point; null when it does not.</summary>
    private static string? AtomProblem(Plan plan) =>
        plan.AdjustedMethod is { } method && plan.Start is Start.Point && plan.Steps().First(step => step.IsNoisy) is AdjustedStep
            ? $"'{method}' may be rejected and finds the state in a point, where what is rejected stays as a point mass beside a density; start from a law, draw noise first, or use particles"
            : null;

    /// <summary>Why a plan's score cannot be evaluated in one dimension; null when it can.</summary>
    internal static string? ScoreProblem(Plan plan) =>
        plan.Score.AllModifiers.Any(m => m is ScoreModifier.Clipped or ScoreModifier.Learned { Function.NeedsNoise: true })
            && plan.Steps().Any(step => step.Levels.Any(level => level.Sigma == 0))
            ? "a clipped or learned score is evaluated at noise level 0, where there is no denoiser; end the schedule above 0 or take another score"
            : null;
}
