using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>One run: the channel of every distinct eigenvalue, composed instruction by instruction.</summary>
internal sealed class GaussianRun
{
    private readonly Plan plan;
    private readonly RunOptions options;
    private readonly AffineScore score;
    private readonly Directions directions;
    private readonly List<Ball> eigenvalues;
    private readonly List<ProbeResult> probes = [];
    private AffineChannel[] channels;
    private JointChannel[]? joint;
    private NoiseLevel level;
    private long step;
    private RunStatus? stopped;

    public GaussianRun(Plan plan, RunOptions options)
    {
        this.plan = plan;
        this.options = options;
        score = AffineScore.Of(plan.Score.Modifiers)!.Value;
        directions = DirectionsOf(plan);
        eigenvalues = directions.Eigenvalues;
        channels = [.. eigenvalues.Select(_ => AffineChannel.Identity)];
        level = plan.InitialLevel;
    }

    public static Directions DirectionsOf(Plan plan)
    {
        NormalLaw scoreLaw = NormalLaw.Of(plan.Score.Of, NoiseLevel.Data);
        return new(
            scoreLaw,
            StartLaw(plan),
            ReferenceEquals(plan.Target, plan.Score.Of) ? scoreLaw : NormalLaw.Of(plan.Target, NoiseLevel.Data));
    }

    public static NormalLaw StartLaw(Plan plan) => plan.Start switch
    {
        Start.Law law => NormalLaw.Of(law.Of, law.Level),
        Start.Point point => NormalLaw.At(point.At),
        _ => throw new InvalidOperationException("a start that the Gaussian law does not know"),
    };

    public Outcome Run()
    {
        options.AfterStep?.Invoke(new(-1, null, level, Law()));
        Execute(plan.Instructions);
        return new(stopped ?? new RunStatus.Completed(), [.. probes]);
    }

    private void Execute(ImmutableArray<Instruction> body)
    {
        foreach (Instruction instruction in body)
        {
            if (stopped is not null)
            {
                return;
            }

            switch (instruction)
            {
                case Instruction.Step s:
                    Apply(s.Tableau);
                    break;
                case Instruction.General general:
                    Apply(general.Tableau);
                    break;
                case Instruction.Probe probe:
                    level = probe.Level;
                    probes.Add(new(probe.Name, level, Law()));
                    break;
                case Instruction.Transitions transitions:
                    for (int i = 0; i < transitions.Count && stopped is null; i++)
                    {
                        Execute(transitions.Body(i));
                    }

                    break;
                case Instruction.Repeat repeat:
                    ExecuteRepeat(repeat);
                    break;
            }
        }
    }

    private void Apply(IStep one)
    {
        if ((step & 1023) == 0 && options.Cancellation.IsCancellationRequested)
        {
            stopped = new RunStatus.Cancelled();
            return;
        }

        for (int k = 0; k < channels.Length; k++)
        {
            Advance(k, one);
            if (!channels[k].IsFinite)
            {
                stopped = new RunStatus.Diverged(step, one.Method, one.From, -1, Advice(one, (double)eigenvalues[k]));
                return;
            }
        }

        joint = one is GeneralTableau { Kept: 0 } ? null : joint;
        level = one.To;
        options.AfterStep?.Invoke(new(step, one, level, Law()));
        step++;
    }

    private void Advance(int k, IStep one)
    {
        if (one is Tableau tableau)
        {
            AffineChannel next = AffineChannel.OfStep(tableau, eigenvalues[k], score);
            channels[k] = channels[k].Then(next);
            joint?[k] = joint[k].Then(next);
            return;
        }

        joint ??= [.. channels.Select(channel => JointChannel.Of(channel))];
        joint[k] = joint[k].Then((GeneralTableau)one, eigenvalues[k], score);
        channels[k] = joint[k].State;
    }

    /// <summary>
    /// A body of tableaux that nobody watches is composed once and raised to a power. If that leaves the representable range, the longest
    /// power that stays inside is applied and the rest walked step by step, so that the report names the step.
    /// </summary>
    private void ExecuteRepeat(Instruction.Repeat repeat)
    {
        if (repeat.Count == 0)
        {
            return;
        }

        if (options.AfterStep is not null || HasProbe(repeat.Body) || PlanTotals.Of(repeat.Body).GeneralMethod is not null)
        {
            for (long i = 0; i < repeat.Count && stopped is null; i++)
            {
                Execute(repeat.Body);
            }

            return;
        }

        AffineChannel[] before = channels;
        JointChannel[]? registers = joint;
        joint = null;
        long stepBefore = step;
        channels = [.. eigenvalues.Select(_ => AffineChannel.Identity)];
        Execute(repeat.Body);
        AffineChannel[] body = channels;
        long bodySteps = step - stepBefore;
        channels = before;
        joint = registers;
        step = stepBefore;
        if (stopped is not null)
        {
            // The body alone diverges: walk it from the true state for the step's name.
            stopped = stopped is RunStatus.Cancelled ? stopped : null;
            for (long i = 0; i < repeat.Count && stopped is null; i++)
            {
                Execute(repeat.Body);
            }

            return;
        }

        long safe = LongestFinite(before, body, repeat.Count);
        channels = Advance(before, body, safe);
        joint = joint is null ? null : [.. joint.Zip(body, (one, once) => one.Then(once.Power(safe)))];
        step = stepBefore + (safe * bodySteps);
        if (safe < repeat.Count)
        {
            for (long i = safe; i < repeat.Count && stopped is null; i++)
            {
                Execute(repeat.Body);
            }
        }
    }

    private static bool HasProbe(ImmutableArray<Instruction> body) => body.Any(instruction => instruction switch
    {
        Instruction.Probe => true,
        Instruction.Repeat repeat => HasProbe(repeat.Body),
        Instruction.Transitions { Count: > 0 } transitions => HasProbe(transitions.Body(0)),
        _ => false,
    });

    private static AffineChannel[] Advance(AffineChannel[] before, AffineChannel[] body, long times) =>
        [.. before.Zip(body, (channel, once) => channel.Then(once.Power(times)))];

    private static long LongestFinite(AffineChannel[] before, AffineChannel[] body, long count)
    {
        bool Finite(long times) => Array.TrueForAll(Advance(before, body, times), channel => channel.IsFinite);
        if (Finite(count))
        {
            return count;
        }

        (long inside, long outside) = (0, count);
        while (outside - inside > 1)
        {
            long middle = inside + ((outside - inside) / 2);
            (inside, outside) = Finite(middle) ? (middle, outside) : (inside, middle);
        }

        return inside;
    }

    private GaussianLaw Law() => new(directions, [.. channels], level);

    private static string Advice(IStep step, double eigenvalue) => step is Tableau { StaysAtLevel: true } tableau
        ? $"the step h = {tableau.B[0]:g6} is unstable where the variance is {tableau.From.VarianceOf(eigenvalue):g6}: use h < {2 * tableau.From.VarianceOf(eigenvalue):g6}"
        : step.StaysAtLevel
        ? $"the step is unstable where the variance is {step.From.VarianceOf(eigenvalue):g6}: take a smaller h"
        : "the steps of the schedule are too long for this predictor: use more levels";
}
