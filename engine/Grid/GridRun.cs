using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Sgm.Engine;

/// <summary>One run of a one-dimensional plan at two resolutions side by side.</summary>
internal sealed class GridRun
{
    /// <summary>e^(−46) = 1e-20: mass that is dropped unless χ² needs more.</summary>
    private const double StandardLogRange = 46;

    /// <summary>e^(−690), the smallest density that doubles hold.</summary>
    private const double LargestLogRange = 690;

    private readonly Plan plan;
    private readonly RunOptions options;
    private readonly double unit;
    private readonly Mixture targetLaw;
    private readonly Mixture scoreLaw;
    private readonly List<ProbeResult> probes = [];
    private readonly ConditionalWeakTable<Tableau, ScalarMap> maps = [];
    private GridResolution fineResolution = GridResolution.Fine(StandardLogRange);
    private GridResolution coarseResolution = GridResolution.Coarse(StandardLogRange);
    private GridStepper fineStepper = null!;
    private GridStepper coarseStepper = null!;
    private LineState fine = null!;
    private LineState coarse = null!;
    private NoiseLevel level;
    private long step;
    private long total;
    private RunStatus? stopped;
    private bool needsMoreRange;
    private bool silent;

    /// <summary>A run; <paramref name="unit"/> is 1/√d with d the dimension of the state that the line is a coordinate of.</summary>
    public GridRun(Plan plan, RunOptions options, double unit)
    {
        this.plan = plan;
        this.options = options;
        this.unit = unit;
        targetLaw = plan.Target.Factors[0].Law;
        scoreLaw = plan.Score.Of.Factors[0].Law;
    }

    /// <summary>
    /// Runs the plan. When a probe's χ² turns out to depend on tails beyond the range, runs it again with twice the range; an
    /// observer sees only the last run.
    /// </summary>
    public Outcome Run()
    {
        total = Math.Max(1, plan.StepCount);
        double range = StandardLogRange;
        silent = options.AfterStep is not null && plan.Metrics.Contains(Metric.Chi2);
        while (true)
        {
            fineResolution = GridResolution.Fine(range);
            coarseResolution = GridResolution.Coarse(range);
            Once();
            bool again = needsMoreRange && range < LargestLogRange && stopped is not RunStatus.Cancelled;
            if (!again && !silent)
            {
                break;
            }

            silent &= again;
            range = again ? Math.Min(LargestLogRange, 2 * range) : range;
        }

        return new(stopped ?? new RunStatus.Completed(), [.. probes]);
    }

    private void Once()
    {
        probes.Clear();
        fineStepper = new(fineResolution);
        coarseStepper = new(coarseResolution);
        level = plan.InitialLevel;
        step = 0;
        stopped = null;
        needsMoreRange = false;
        LineState? first = Start(fineResolution);
        LineState? second = Start(coarseResolution);
        if (first is null || second is null)
        {
            stopped = TooLarge("the start");
            return;
        }

        (fine, coarse) = (first, second);
        Observe(-1, null);
        Execute(plan.Instructions);
    }

    private LineState? Start(GridResolution resolution) => plan.Start switch
    {
        Start.Law law => LineState.Of(ScalarMixture.At(law.Of.Factors[0].Law, law.Level), resolution),
        Start.Point point => new LineState.Point(point.At[0]),
        _ => throw new InvalidOperationException("a start that the grid does not know"),
    };

    private void Execute(ImmutableArray<Instruction> body)
    {
        foreach (Instruction instruction in body)
        {
            switch (instruction)
            {
                case Instruction.Step s:
                    Apply(s.Tableau);
                    break;
                case Instruction.Probe probe:
                    Probe(probe);
                    break;
                case Instruction.Repeat repeat:
                    for (long i = 0; i < repeat.Count && stopped is null; i++)
                    {
                        Execute(repeat.Body);
                    }

                    break;
                case Instruction.Transitions transitions:
                    for (int i = 0; i < transitions.Count && stopped is null; i++)
                    {
                        Execute(transitions.Body(i));
                    }

                    break;
            }

            if (stopped is not null || (needsMoreRange && fineResolution.LogRange < LargestLogRange))
            {
                stopped ??= new RunStatus.Unsupported("the range of the grid was too small");
                return;
            }
        }
    }

    private void Apply(Tableau tableau)
    {
        if (options.Cancellation.IsCancellationRequested)
        {
            stopped = new RunStatus.Cancelled();
            return;
        }

        ScalarMap map = maps.GetValue(tableau, t => new(t, scoreLaw, plan.Score.Modifiers, unit));
        (LineState? next, StepFailure failure) = fineStepper.Apply(fine, map);
        LineState? other = null;
        if (failure == StepFailure.None)
        {
            (other, failure) = coarseStepper.Apply(coarse, map);
        }

        if (next is null || other is null)
        {
            stopped = failure == StepFailure.Diverged
                ? new RunStatus.Diverged(step, tableau.Method, level, -1, Advice(tableau))
                : TooLarge($"step {step} ({tableau.Method})");
            return;
        }

        (fine, coarse) = (next, other);
        level = tableau.To;
        Observe(step, tableau);
        step++;
        if ((step & 63) == 0)
        {
            options.Progress?.Report((double)step / total);
        }
    }

    private void Observe(long index, Tableau? tableau)
    {
        if (!silent)
        {
            options.AfterStep?.Invoke(new(index, tableau, level, Law(level)));
        }
    }

    private void Probe(Instruction.Probe probe)
    {
        GridLaw law = Law(probe.Level);
        probes.Add(new(probe.Name, probe.Level, law));
        needsMoreRange |= plan.Metrics.Contains(Metric.Chi2) && law.NeedsMoreRange();
    }

    private GridLaw Law(NoiseLevel at) => new(fine, coarse, fineResolution, coarseResolution, ScalarMixture.At(targetLaw, at));

    private static RunStatus.Unsupported TooLarge(string where) => new(
        $"{where} needs more than {GridResolution.NodeLimit} grid points (the law has structure on scales too far apart); use particles, or less extreme widths");

    private static string Advice(Tableau tableau) => tableau.StaysAtLevel
        ? $"the step h = {tableau.B[0]:g6} is unstable for this target: use h below twice its smallest variance at this level"
        : "the steps of the schedule are too long for this predictor: use more levels";
}
