using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>
/// Exact laws in two dimensions, whatever couples the coordinates: x ← T(x) + C·ξ maps the masses m of an even lattice to the density
/// Q(y) = Σ m_n·N(y; T(x_n), C²·I), which the next step's lattice samples, with brackets from a second resolution (<see cref="PlaneLaw"/>).
/// </summary>
public sealed class PlaneInterpreter : IInterpreter
{
    private const string Quiet =
        "the last step before a probe is deterministic, and in the plane the law after it is known where "
        + "the step is one to one: of one stage, with an exact score, its multiples and shifts; use particles, or end with a noisy step";

    /// <inheritdoc/>
    public string Backend => "plane";

    /// <inheritdoc/>
    public string? WhyNot(Plan plan) => Obstacle(plan)
        ?? PlaneForecast.Of(plan).WhyNot()
        ?? ProbeMemory.WhyNot(plan, ProbeMemory.LawBytes, () => LawBytes(PlaneForecast.Of(plan)));

    /// <summary>Bytes of a law at a probe.</summary>
    internal static double LawBytes(PlaneForecast forecast) => ProbeMemory.LawBytes + (40 * forecast.Nodes);

    // What has nothing to do with its size.
    private static string? Obstacle(Plan plan)
    {
        if (FiniteInterpreter.SymbolProblem(plan) is { } symbols) return symbols;
        if (plan.Dimension != 2) return $"the state has dimension {plan.Dimension}, the plane needs 2; use another exact law or particles";
        bool isLarge = PlaneMixture.Of(plan.Target, plan.InitialLevel) is null
            || PlaneMixture.Of(plan.Score.Of, plan.InitialLevel) is null
            || (plan.Start is Start.Law start && PlaneMixture.Of(start.Of, start.Level) is null);
        (bool isPoint, bool isQuiet) = (plan.Start is Start.Point, false);
        return isLarge ? $"a product of mixtures with more than {PlaneMixture.MostProducts} components together; use the product law if the coordinates are independent, or particles"
            : plan.AdjustedMethod is { } adjusted ? $"'{adjusted}' may be rejected, which the plane does not follow; use particles"
            : GridInterpreter.ScoreProblem(plan)
                ?? RegisterNoise.Problem(plan)
                ?? (EndsQuietly(plan.Score, plan.Instructions, ref isPoint, ref isQuiet) ? Quiet : null);
    }

    /// <summary>What a plan takes here, were it not too much; null where something else keeps it from running.</summary>
    public static PlaneForecast? Foretell(Plan plan) => Obstacle(plan) is null ? PlaneForecast.Of(plan) : null;

    /// <inheritdoc/>
    public Outcome Run(Plan plan, RunOptions options) =>
        WhyNot(plan) is { } reason
            ? new(new RunStatus.Unsupported(reason), [])
            : new PlaneRun(plan, options).Run();

    // Whether a probe comes right after deterministic steps of what is not a point, one of which is not known to be one to one.
    private static bool EndsQuietly(Score score, ImmutableArray<Instruction> body, ref bool isPoint, ref bool isQuiet)
    {
        foreach (Instruction instruction in body)
        {
            switch (instruction)
            {
                case Instruction.Step { Tableau: var step }:
                    isQuiet = !step.IsNoisy && !isPoint && (isQuiet || !PlanePullback.IsOneToOne(step, score));
                    isPoint &= !step.IsNoisy;
                    break;
                case Instruction.General { Tableau.IsNoisy: var isNoisy }:
                    isQuiet = !isNoisy && !isPoint;
                    isPoint &= !isNoisy;
                    break;
                case Instruction.Probe when isQuiet:
                    return true;
                case Instruction.Repeat repeat:
                    for (long i = 0; i < Math.Min(2, repeat.Count); i++)
                    {
                        if (EndsQuietly(score, repeat.Body, ref isPoint, ref isQuiet)) return true;
                    }

                    break;
                case Instruction.Transitions all:
                    for (int i = 0; i < all.Count; i++)
                    {
                        if (EndsQuietly(score, all.Body(i), ref isPoint, ref isQuiet)) return true;
                    }

                    break;
            }
        }

        return false;
    }
}
