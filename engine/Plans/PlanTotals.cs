using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Sgm.Engine;

/// <summary>What a body of instructions amounts to, repeats counted. The transitions of a schedule are visited once, whoever asks.</summary>
/// <param name="Steps">Steps.</param>
/// <param name="Evaluations">Score evaluations per particle.</param>
/// <param name="Probes">Probes that a run reaches.</param>
internal sealed record PlanTotals(long Steps, long Evaluations, long Probes)
{
    private static readonly PlanTotals Nothing = new(0, 0, 0);
    private static readonly PlanTotals Probe = new(0, 0, 1);
    private static readonly ConditionalWeakTable<Instruction.Transitions, PlanTotals> Known = [];

    /// <summary>Of a body. An <see cref="OverflowException"/> where a number is beyond a long.</summary>
    public static PlanTotals Of(ImmutableArray<Instruction> body)
    {
        PlanTotals sum = Nothing;
        foreach (Instruction instruction in body)
        {
            sum = sum.Plus(Of(instruction), 1);
        }

        return sum;
    }

    /// <summary>Of a schedule.</summary>
    public static PlanTotals Of(Instruction.Transitions transitions) => Known.GetValue(transitions, static all =>
    {
        PlanTotals sum = Nothing;
        for (int i = 0; i < all.Count; i++)
        {
            sum = sum.Plus(Of(all.Body(i)), 1);
        }

        return sum;
    });

    private static PlanTotals Of(Instruction instruction) => instruction switch
    {
        Instruction.Step step => new(1, step.Tableau.Stages.Length, 0),
        Instruction.Probe => Probe,
        Instruction.Repeat repeat => Nothing.Plus(Of(repeat.Body), repeat.Count),
        Instruction.Transitions transitions => Of(transitions),
        _ => Nothing,
    };

    private PlanTotals Plus(PlanTotals other, long times) => checked(new(
        Steps + (times * other.Steps), Evaluations + (times * other.Evaluations), Probes + (times * other.Probes)));
}
