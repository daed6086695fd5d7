using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>
/// What keeps a law on the line from following registers: while earlier evaluations are kept, state and registers are functions of what
/// the state was when the first of them was made, unless noise is drawn.
/// </summary>
internal static class RegisterNoise
{
    /// <summary>Why a step of a plan has no law that is exact here: it takes a random fraction of itself; null where none does.</summary>
    public static string? Fraction(Plan plan) => PlanTotals.Of(plan).RandomizedMethod is { } method
        ? $"'{method}' takes a random fraction of a step, so that the state is a mixture over all fractions; use particles"
        : null;

    /// <summary>Why a plan's registers cannot be followed by maps; null when they can.</summary>
    public static string? Problem(Plan plan)
    {
        string? keeper = null;
        return plan.GeneralMethod is null ? null : Fraction(plan) ?? Problem(plan.Instructions, ref keeper);
    }

    /// <param name="body">Instructions.</param>
    /// <param name="keeper">The method whose registers hold something; null where none do.</param>
    private static string? Problem(ImmutableArray<Instruction> body, ref string? keeper)
    {
        foreach (Instruction instruction in body)
        {
            string? problem = null;
            switch (instruction)
            {
                case Instruction.Step { Tableau: { IsNoisy: true } step } when keeper is not null:
                    problem = $"'{step.Method}' draws noise between two steps of '{keeper}', which keeps earlier evaluations";
                    break;
                case Instruction.Adjusted { One: var step } when keeper is not null:
                    problem = $"'{step.Method}' draws noise between two steps of '{keeper}', which keeps earlier evaluations";
                    break;
                case Instruction.General { Tableau: var step }:
                    problem = step.Stages.Any(stage => stage.At.Any(term => term.Of == Input.Noise))
                        ? $"'{step.Method}' evaluates the score at a state that it has added noise to within the step"
                        : step is { IsNoisy: true, Kept: > 0 } ? $"'{step.Method}' keeps earlier evaluations and draws noise"
                        : null;
                    keeper = step.Kept > 0 ? step.Method : null;
                    break;
                case Instruction.Repeat repeat:
                    // All later rounds are like the second.
                    for (long i = 0; i < Math.Min(2, repeat.Count) && problem is null; i++)
                    {
                        problem = Problem(repeat.Body, ref keeper);
                    }

                    if (problem is not null) return problem;
                    break;
                case Instruction.Transitions all:
                    for (int i = 0; i < all.Count && problem is null; i++)
                    {
                        problem = Problem(all.Body(i), ref keeper);
                    }

                    if (problem is not null) return problem;
                    break;
            }

            if (problem is not null)
            {
                return problem + ", so that the state on the line is no map of an earlier one; "
                    + "use the gaussian law if everything is normal, or particles";
            }
        }

        return null;
    }
}
