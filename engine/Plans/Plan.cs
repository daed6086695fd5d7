using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>
/// A lowered experiment: everything that an interpreter needs and nothing that it does not. Engine and theorems read the
/// same plan, so a bound cannot be checked against a schedule that did not run.
/// </summary>
public sealed record Plan
{
    /// <summary>The data distribution p; its noised laws are what the probes measure against.</summary>
    public required Target Target { get; init; }

    /// <summary>The score estimate that the steps evaluate.</summary>
    public required Score Score { get; init; }

    /// <summary>The law of the first state.</summary>
    public required Start Start { get; init; }

    /// <summary>The current level before the first instruction.</summary>
    public required NoiseLevel InitialLevel { get; init; }

    /// <summary>What to do, the implicit last probe "end" included.</summary>
    public required ImmutableArray<Instruction> Instructions { get; init; }

    /// <summary>The metrics asked for at every probe, in order.</summary>
    public required ImmutableArray<Metric> Metrics { get; init; }

    /// <summary>
    /// A sampler on symbols in place of one on R^d; then only the metrics of the other parts mean anything. Null otherwise.
    /// </summary>
    public FiniteProcess? Finite { get; init; }

    /// <summary>The dimension d of the state.</summary>
    public int Dimension => Finite?.Dimension ?? Target.Dimension;

    /// <summary>Number of steps, repeats counted.</summary>
    public long StepCount => Finite?.Steps ?? PlanTotals.Of(this).Steps;

    /// <summary>Number of score evaluations per particle, repeats counted.</summary>
    public long ScoreEvaluations => Finite?.Steps ?? PlanTotals.Of(this).Evaluations;

    /// <summary>How many steps run before the probe that is reached as number <paramref name="occurrence"/> (from 0), repeats counted.</summary>
    public long StepsBefore(long occurrence)
    {
        long left = occurrence;
        return StepsUntil(Instructions, ref left);
    }

    /// <summary>Probes that a run reaches, repeats counted.</summary>
    public long ProbeCount => PlanTotals.Of(this).Probes;

    /// <summary>The steps and probes in the order in which they run, repeats unrolled, produced on demand.</summary>
    public IEnumerable<Instruction> Unrolled() => Unroll(Instructions);

    /// <summary>Every step once a place in the plan: a repeat's body is visited once.</summary>
    public IEnumerable<IStep> Steps() => DistinctSteps(Instructions);

    /// <summary>The name of the first step that is no tableau; null where all are.</summary>
    public string? GeneralMethod => PlanTotals.Of(this).GeneralMethod;

    /// <summary>The name of the first step that may be rejected; null where there is none.</summary>
    public string? AdjustedMethod => PlanTotals.Of(this).AdjustedMethod;

    /// <summary>
    /// The steps as tableaux, for those who read coefficients. A plan that has a general step is not described by its tableaux: ask
    /// <see cref="GeneralMethod"/> first; there it throws a <see cref="NoTableauException"/>.
    /// </summary>
    public IEnumerable<Tableau> Tableaus() => Steps().Select(static step => step as Tableau ?? throw new NoTableauException(step));

    /// <summary>Steps until <paramref name="left"/> probes have passed and one more comes (then it is −1), or to the end of the body.</summary>
    private static long StepsUntil(ImmutableArray<Instruction> body, ref long left)
    {
        long steps = 0;
        foreach (Instruction instruction in body)
        {
            switch (instruction)
            {
                case Instruction.Step:
                case Instruction.General:
                case Instruction.Adjusted:
                    steps++;
                    break;
                case Instruction.Probe:
                    left--;
                    break;
                case Instruction.Repeat repeat:
                    // Whole rounds that come before the probe, and then a part of one.
                    PlanTotals round = PlanTotals.Of(repeat.Body);
                    long probes = round.Probes;
                    long rounds = probes == 0 ? repeat.Count : Math.Min(repeat.Count, left / probes);
                    steps += rounds * round.Steps;
                    left -= rounds * probes;
                    steps += rounds < repeat.Count ? StepsUntil(repeat.Body, ref left) : 0;
                    break;
                case Instruction.Transitions transitions when PlanTotals.Of(transitions) is var all && all.Probes <= left:
                    steps += all.Steps;
                    left -= all.Probes;
                    break;
                case Instruction.Transitions transitions:
                    for (int i = 0; i < transitions.Count && left >= 0; i++)
                    {
                        steps += StepsUntil(transitions.Body(i), ref left);
                    }

                    break;
            }

            if (left < 0)
            {
                break;
            }
        }

        return steps;
    }

    private static IEnumerable<Instruction> Unroll(ImmutableArray<Instruction> body)
    {
        foreach (Instruction instruction in body)
        {
            switch (instruction)
            {
                case Instruction.Repeat repeat:
                    for (long i = 0; i < repeat.Count; i++)
                    {
                        foreach (Instruction inner in Unroll(repeat.Body))
                        {
                            yield return inner;
                        }
                    }

                    break;
                case Instruction.Transitions transitions:
                    for (int i = 0; i < transitions.Count; i++)
                    {
                        foreach (Instruction inner in Unroll(transitions.Body(i)))
                        {
                            yield return inner;
                        }
                    }

                    break;
                default:
                    yield return instruction;
                    break;
            }
        }
    }

    private static IEnumerable<IStep> DistinctSteps(ImmutableArray<Instruction> body)
    {
        foreach (Instruction instruction in body)
        {
            IEnumerable<IStep> inner = instruction switch
            {
                Instruction.Step step => [step.Tableau],
                Instruction.General general => [general.Tableau],
                Instruction.Adjusted adjusted => [adjusted.One],
                Instruction.Repeat { Count: > 0 } repeat => DistinctSteps(repeat.Body),
                Instruction.Transitions t => Enumerable.Range(0, t.Count).SelectMany(i => DistinctSteps(t.Body(i))),
                _ => [],
            };
            foreach (IStep step in inner)
            {
                yield return step;
            }
        }
    }
}
