using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>How many steps of every kind a plan has; steps of one kind do the same work.</summary>
public sealed class StepCensus
{
    private readonly Dictionary<(int Stages, int Inputs, bool IsNoisy), (Tableau Example, long Count)> kinds = [];

    public StepCensus(Plan plan)
    {
        Count(plan.Instructions, 1);
        Kinds = [.. kinds.Values];
    }

    /// <summary>One step of every kind and how many of its kind a particle makes, repeats counted.</summary>
    public ImmutableArray<(Tableau Example, long Count)> Kinds { get; }

    private void Count(ImmutableArray<Instruction> body, long times)
    {
        if (times == 0) return;
        foreach (Instruction instruction in body)
        {
            switch (instruction)
            {
                case Instruction.Step { Tableau: var tableau }:
                    (int, int, bool) kind = (tableau.Stages.Length, tableau.Stages.Sum(Inputs), tableau.C != 0);
                    Tableau example = kinds.TryGetValue(kind, out (Tableau Example, long Count) known) ? known.Example : tableau;
                    kinds[kind] = (example, checked(known.Count + times));
                    break;
                case Instruction.Repeat repeat:
                    Count(repeat.Body, checked(times * repeat.Count));
                    break;
                case Instruction.Transitions transitions:
                    for (int i = 0; i < transitions.Count; i++)
                    {
                        Count(transitions.Body(i), times);
                    }

                    break;
            }
        }
    }

    // Passes over the state that make the point at which a stage evaluates the score.
    private static int Inputs(Stage stage) => stage.A == 1 && stage.B.Length == 0 ? 0 : 1 + stage.B.Length;
}
