using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Kind = (int Stages, int Inputs, int Noises, int Terms);

namespace Sgm.Engine;

/// <summary>
/// What a body of instructions amounts to, repeats counted: its probes, and its steps by kind; steps of one kind do the same work.
/// The transitions of a schedule are visited once, whoever asks. Throws an <see cref="OverflowException"/> beyond a long.
/// </summary>
internal sealed class PlanTotals
{
    // No other step has so many inputs.
    private const int Accepted = -1;

    private static readonly ConditionalWeakTable<Instruction.Transitions, PlanTotals> Known = [];

    private static readonly ConditionalWeakTable<Plan, PlanTotals> KnownPlans = [];

    private readonly Dictionary<Kind, (Instruction Example, long Count)> kinds = [];

    /// <summary>Probes that a run reaches.</summary>
    public long Probes { get; private set; }

    /// <summary>Steps.</summary>
    public long Steps { get; private set; }

    /// <summary>Score evaluations per particle.</summary>
    public long Evaluations { get; private set; }

    /// <summary>The name of the first step that is no tableau.</summary>
    public string? GeneralMethod { get; private set; }

    /// <summary>The name of the first step that takes a random fraction of itself.</summary>
    public string? RandomizedMethod { get; private set; }
    /// <summary>The name of the first step that may be rejected.</summary>
    public string? AdjustedMethod { get; private set; }

    /// <summary>The first step of every kind, and how many of its kind there are.</summary>
    public IEnumerable<(Instruction Example, long Count)> Kinds => kinds.Values;

    /// <summary>Of a plan; counted once.</summary>
    public static PlanTotals Of(Plan plan) => KnownPlans.GetValue(plan, static plan => Of(plan.Instructions));

    /// <summary>Of a body.</summary>
    public static PlanTotals Of(ImmutableArray<Instruction> body)
    {
        PlanTotals totals = new();
        totals.Add(body, 1);
        return totals;
    }

    /// <summary>Of a schedule.</summary>
    public static PlanTotals Of(Instruction.Transitions transitions) => Known.GetValue(transitions, static all =>
    {
        PlanTotals totals = new();
        for (int i = 0; i < all.Count; i++)
        {
            totals.Add(all.Body(i), 1);
        }

        return totals;
    });

    private void Add(ImmutableArray<Instruction> body, long times)
    {
        foreach (Instruction instruction in body)
        {
            switch (instruction)
            {
                case Instruction.Step { Tableau: var step }:
                    Add((step.Stages.Length, step.Stages.Sum(Inputs), step.C != 0 ? 1 : 0, 0), instruction, times);
                    break;
                case Instruction.General { Tableau: var step }:
                    GeneralMethod ??= step.Method;
                    RandomizedMethod ??= step.IsRandomized ? step.Method : null;
                    int inputs = step.Stages.Sum(stage => stage.At.Length);
                    Add((step.Stages.Length, inputs, step.Noises, step.Updates.Sum(row => 1 + row.Length)), instruction, times);
                    break;
                case Instruction.Adjusted { One: var step }:
                    GeneralMethod ??= step.Method;
                    AdjustedMethod ??= step.Method;
                    Add((step.Evaluations, Accepted, step.Leaps, step.LinePoints ?? 0), instruction, times);
                    break;
                case Instruction.Probe:
                    Probes = checked(Probes + times);
                    break;
                case Instruction.Repeat { Count: > 0 } repeat:
                    Add(repeat.Body, checked(times * repeat.Count));
                    break;
                case Instruction.Transitions transitions:
                    PlanTotals all = Of(transitions);
                    Probes = checked(Probes + (times * all.Probes));
                    GeneralMethod ??= all.GeneralMethod;
                    RandomizedMethod ??= all.RandomizedMethod;
                    AdjustedMethod ??= all.AdjustedMethod;
                    foreach ((Kind kind, (Instruction example, long count)) in all.kinds)
                    {
                        Add(kind, example, checked(times * count));
                    }

                    break;
            }
        }
    }

    private void Add(Kind kind, Instruction example, long count)
    {
        Steps = checked(Steps + count);
        Evaluations = checked(Evaluations + (kind.Stages * count));
        kinds[kind] = kinds.TryGetValue(kind, out var known) ? (known.Example, checked(known.Count + count)) : (example, count);
    }

    // Passes over the state that make the point at which a stage evaluates the score.
    private static int Inputs(Stage stage) => stage.A == 1 && stage.B.Length == 0 ? 0 : 1 + stage.B.Length;
}
