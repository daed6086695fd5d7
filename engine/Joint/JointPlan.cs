using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Sgm.Engine;

/// <summary>Which plans on the line have registers and noise that two coordinates follow.</summary>
internal static class JointPlan
{
    // All later rounds of a repeat are like the last of these: what is pending after the first one, and what the
    // second makes of it.
    private const int Rounds = 4;

    private const string Advice = "; use the gaussian law if everything is normal, or particles";

    private static readonly ConditionalWeakTable<Plan, StrongBox<string?>> Known = [];

    /// <summary>Whether noise is drawn while registers hold something.</summary>
    public static bool MeetsNoise(Plan plan) => RegisterNoise.Problem(plan) is not null;

    /// <summary>Why a plan's registers cannot be followed on the line; null where they can.</summary>
    public static string? Problem(Plan plan) => Known.GetValue(plan, static plan => new(Find(plan))).Value;

    private static string? Find(Plan plan)
    {
        if (RegisterNoise.Problem(plan) is not { } reason) return null;
        if (RegisterNoise.Fraction(plan) is not null) return reason;
        if (plan.Score.AllModifiers.Any(m => m is ScoreModifier.Clipped or ScoreModifier.Learned))
        {
            return "a clipped or learned score may have kinks, and of the sums that follow what is kept while noise is drawn no bracket is known then"
                + Advice;
        }

        double gain = JointValues.Gain(plan.Score.Modifiers);
        double narrowest = plan.Score.Of.Factors.Min(factor =>
            factor.Law.Covariances.Min(c => Enumerable.Range(0, c.Dimension).Min(c.Eigenvalue)));
        double Floor(NoiseLevel level) => -gain / level.VarianceOf(narrowest);
        using JointAhead all = new(Shortened(plan.Instructions));
        bool isPoint = plan.Start is Start.Point, isRejected = false, isJoint = false;
        JointForms forms = Begin(false);
        JointForms Begin(bool isMapped) => JointForms.Start(isPoint ? 1.0 : null, isMapped, Floor);
        while (all.Next() is var (now, reads))
        {
            if (now is Instruction.Probe && !forms.IsDrawn && (forms.IsMixed || isJoint))
            {
                return "the last step before a probe is deterministic and reads what was kept while noise was drawn, so that the state "
                    + "has no density that is known here; measure after a noisy step, or use particles";
            }

            if (now is Instruction.Adjusted { One: var adjusted })
            {
                if (forms.Registers.Count > 0)
                {
                    return $"'{adjusted.Method}' may be rejected while earlier evaluations are kept{Advice}";
                }

                (isRejected, isPoint) = (true, false);
                forms = Begin(false);
            }

            IStep? step = now is Instruction.Step s ? s.Tableau : now is Instruction.General general ? general.Tableau : null;
            if (step is null) continue;
            List<JointDraw> draws = [];
            if (forms.Apply(step, reads, draws) is { } problem) return problem + Advice;
            if (isRejected && draws.Exists(draw => draw.Kept != JointKept.Nothing))
            {
                return $"'{step.Method}' keeps earlier evaluations or a velocity and draws noise, and the state's density has the kinks of "
                    + $"a step that may be rejected; draw noise between the two{Advice}";
            }

            isRejected &= draws.Count == 0;
            isPoint &= draws.Count == 0;
            isJoint = draws.Count > 0 || isJoint;
            isJoint &= forms.Registers.Count > 0 || !forms.IsDrawn;
            if (forms.Registers.Count == 0 && !isJoint && !forms.IsDrawn) forms = Begin(true);
        }

        return null;
    }

    private static IEnumerable<Instruction> Shortened(ImmutableArray<Instruction> body)
    {
        foreach (Instruction instruction in body)
        {
            IEnumerable<Instruction> own = instruction switch
            {
                Instruction.Repeat repeat =>
                    Enumerable.Range(0, (int)Math.Min(Rounds, repeat.Count)).SelectMany(_ => Shortened(repeat.Body)),
                Instruction.Transitions all => Enumerable.Range(0, all.Count).SelectMany(i => Shortened(all.Body(i))),
                _ => [instruction],
            };
            foreach (Instruction one in own)
            {
                yield return one;
            }
        }
    }
}
