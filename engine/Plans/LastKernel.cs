using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>
/// The last step before a probe taken apart: the state there is μ(Y) + C·ξ, where Y is the state before that step and ξ ~ N(0, I) is
/// independent of it. So its density is q(x) = E N(x; μ(Y), C²·I).
/// </summary>
/// <param name="Mean">The plan up to the probe with the noise of its last step left out: it ends with the law of μ(Y).</param>
/// <param name="Deviation">C &gt; 0.</param>
internal sealed record LastKernel(Plan Mean, double Deviation)
{
    /// <summary>
    /// The kernel before the probe that is reached as number <paramref name="occurrence"/>; null where no step comes before it, or
    /// one without noise.
    /// </summary>
    public static LastKernel? Of(Plan plan, long occurrence)
    {
        long left = occurrence;
        List<Instruction> steps = Until(plan.Instructions, ref left);
        if (Quiet(steps) is not { } deviation) return null;
        steps.Add(new Instruction.Probe("end", plan.InitialLevel));
        return new(plan with { Instructions = [.. steps] }, deviation);
    }

    // The steps before the probe; when it was reached, left is −1.
    private static List<Instruction> Until(ImmutableArray<Instruction> body, ref long left)
    {
        List<Instruction> steps = [];
        foreach (Instruction instruction in body)
        {
            switch (instruction)
            {
                case Instruction.Probe:
                    left--;
                    break;
                case Instruction.Repeat repeat:
                    long probes = PlanTotals.Of(repeat.Body).Probes;
                    long rounds = probes == 0 ? repeat.Count : Math.Min(repeat.Count, left / probes);
                    steps.Add(new Instruction.Repeat(rounds, WithoutProbes(repeat.Body)));
                    left -= rounds * probes;
                    if (rounds < repeat.Count) steps.AddRange(Until(repeat.Body, ref left));
                    break;
                case Instruction.Transitions transitions:
                    int whole = 0;
                    for (; whole < transitions.Count && PlanTotals.Of(transitions.Body(whole)).Probes is var own && own <= left; whole++)
                    {
                        left -= own;
                    }

                    steps.Add(new Instruction.Transitions(whole, i => WithoutProbes(transitions.Body(i))));
                    if (whole < transitions.Count) steps.AddRange(Until(transitions.Body(whole), ref left));
                    break;
                default:
                    steps.Add(instruction);
                    break;
            }

            if (left < 0) break;
        }

        return steps;
    }

    private static ImmutableArray<Instruction> WithoutProbes(ImmutableArray<Instruction> body) =>
    [
        .. body.Where(instruction => instruction is not Instruction.Probe).Select(instruction => instruction switch
        {
            Instruction.Repeat repeat => new Instruction.Repeat(repeat.Count, WithoutProbes(repeat.Body)),
            Instruction.Transitions all => new Instruction.Transitions(all.Count, i => WithoutProbes(all.Body(i))),
            _ => instruction,
        }),
    ];

    // Takes the noise out of the last step, and says how much it was; null where there is none.
    private static double? Quiet(List<Instruction> steps)
    {
        while (steps.Count > 0)
        {
            Instruction last = steps[^1];
            steps.RemoveAt(steps.Count - 1);
            switch (last)
            {
                case Instruction.Step { Tableau: { C: > 0 } noisy }:
                    steps.Add(new Instruction.Step(noisy with { C = 0 }));
                    return noisy.C;
                case Instruction.General { Tableau: var general } when Ending(general) is var (mean, deviation):
                    steps.Add(new Instruction.General(mean));
                    return deviation;
                case Instruction.Step:
                case Instruction.General:
                case Instruction.Adjusted:
                    return null;
                case Instruction.Repeat { Count: > 0 } repeat:
                    steps.Add(new Instruction.Repeat(repeat.Count - 1, repeat.Body));
                    steps.AddRange(repeat.Body);
                    break;
                case Instruction.Transitions { Count: > 0 } all:
                    steps.Add(new Instruction.Transitions(all.Count - 1, all.Body));
                    steps.AddRange(all.Body(all.Count - 1));
                    break;
            }
        }

        return null;
    }

    // A general step whose noise enters its new state alone: that one without it and without what it keeps, and how much it is.
    private static (GeneralTableau Mean, double Deviation)? Ending(GeneralTableau step)
    {
        if (step.IsRandomized) return null;
        ImmutableArray<Term> quiet = [.. step.Updates[0].Where(term => term.Of != Input.Noise)];
        int read = quiet.Where(term => term.Of == Input.Prediction).Select(term => term.Number + 1).DefaultIfEmpty(0).Max();
        ImmutableArray<GeneralStage> stages = step.Stages[..read];
        return step.Deviation > 0 && !stages.Any(stage => stage.At.Any(term => term.Of == Input.Noise))
            ? (step with { Stages = stages, Updates = [quiet] }, step.Deviation)
            : null;
    }
}
