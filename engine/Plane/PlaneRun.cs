namespace Sgm.Engine;

/// <summary>One run of a plan in the plane, at two resolutions step by step.</summary>
internal sealed class PlaneRun(Plan plan, RunOptions options)
{
    /// <summary>So many instructions ahead the next noise is looked for.</summary>
    private const int Ahead = 4096;

    private readonly Queue<Instruction> coming = [];
    private readonly List<ProbeResult> probes = [];
    private readonly double total = Math.Max(1, plan.StepCount);
    private PlaneWork work = new(options);
    private PlaneState[] states = [];
    private PlaneMap map = new(plan.Score, new PlaneWork(options));
    private NoiseLevel level;
    private double kept;
    private long step;

    /// <summary>
    /// Runs the plan. Where a probe's χ² turns out to depend on tails beyond the range, runs it again with twice the range, as far as that
    /// fits; an observer sees only the last run.
    /// </summary>
    public Outcome Run()
    {
        double range = PlaneResolution.StandardLogRange;
        Outcome first = Once(range, out bool needsMore);
        while (needsMore && first.IsCompleted && range < PlaneResolution.LargestLogRange)
        {
            range *= 2;
            Outcome next = Once(range, out needsMore);
            if (next.Status is RunStatus.Unsupported) break;
            first = next;
        }

        if (options.AfterStep is { } observer && first.IsCompleted) Once(range, out _, observer);
        return first;
    }

    private Outcome Once(double range, out bool needsMore, Action<StepResult>? observer = null)
    {
        needsMore = false;
        probes.Clear();
        coming.Clear();
        (level, step, kept, work) = (plan.InitialLevel, 0, 0, new(options));
        map = new(plan.Score, work);
        RunStatus status;
        try
        {
            PlaneResolution[] resolutions = [PlaneResolution.Fine(range), PlaneResolution.Coarse(range)];
            states = plan.Start is Start.Law start
                ? [.. resolutions.Select(r => PlaneState.At(PlaneMixture.Of(start.Of, start.Level)!, r, map, work))]
                : [.. resolutions.Select(r => PlaneState.At(((Start.Point)plan.Start).At[0], ((Start.Point)plan.Start).At[1], r, map, work))];
            status = Follow(ref needsMore, observer);
        }
        catch (WorkExceededException)
        {
            status = new RunStatus.Unsupported(FormattableString.Invariant(
                $"the run stops at step {step} of {plan.StepCount}: in the plane it needs more than {PlaneWork.Nodes:g3} nodes of a lattice, all that the memory for them holds, or more than {PlaneWork.Limit:g3} units of work (about a nanosecond each); use fewer or larger steps, less extreme widths, or particles"));
        }
        catch (OperationCanceledException) when (options.Cancellation.IsCancellationRequested)
        {
            status = new RunStatus.Cancelled();
        }

        return new(status, [.. probes]);
    }

    private RunStatus Follow(ref bool needsMore, Action<StepResult>? observer)
    {
        using IEnumerator<Instruction> rest = plan.Unrolled().GetEnumerator();
        observer?.Invoke(new(-1, null, level, Law(level)));
        while (coming.Count > 0 || Pull(rest))
        {
            options.Cancellation.ThrowIfCancellationRequested();
            Instruction instruction = coming.Dequeue();
            if (instruction is Instruction.Probe probe)
            {
                PlaneLaw law = Law(probe.Level);
                needsMore |= observer is null && plan.Metrics.Contains(Metric.Chi2) && law.NeedsMoreRange();
                probes.Add(new(probe.Name, probe.Level, law));
                kept += states.Sum(s => s.Snapshot().Bytes);
                if (ProbeMemory.WhyNot(plan, kept) is { } reason) return new RunStatus.Unsupported(reason);
                continue;
            }

            IStep one = StepOf(instruction)!;
            double noise = NextNoise(one, rest);
            foreach (PlaneState state in states)
            {
                if (!state.Apply(one, noise))
                {
                    return new RunStatus.Diverged(step, one.Method, one.From, -1, Advice(one));
                }
            }

            level = one.To;
            observer?.Invoke(new(step, one, level, Law(level)));
            step++;
            options.Progress?.Report(step / total);
        }

        return new RunStatus.Completed();
    }

    private PlaneLaw Law(NoiseLevel at) => new(
        states[0].Snapshot(), states[1].Snapshot(), PlaneMixture.Of(plan.Target, at)!, map, options);

    private bool Pull(IEnumerator<Instruction> rest)
    {
        if (!rest.MoveNext()) return false;
        coming.Enqueue(rest.Current);
        return true;
    }

    private static IStep? StepOf(Instruction instruction) => instruction switch
    {
        Instruction.Step s => s.Tableau,
        Instruction.General g => g.Tableau,
        _ => null,
    };

    // C of this step or of the next one that has any; ∞ where none comes.
    private double NextNoise(IStep one, IEnumerator<Instruction> rest)
    {
        double noise = PlaneMap.Deviation(one);
        foreach (Instruction instruction in coming)
        {
            if (noise > 0) break;
            noise = StepOf(instruction) is { } next ? PlaneMap.Deviation(next) : 0;
        }

        while (noise == 0 && coming.Count < Ahead && rest.MoveNext())
        {
            coming.Enqueue(rest.Current);
            noise = StepOf(rest.Current) is { } next ? PlaneMap.Deviation(next) : 0;
        }

        return noise > 0 ? noise : double.PositiveInfinity;
    }

    private static string Advice(IStep step) => step is Tableau { StaysAtLevel: true } tableau
        ? $"the step h = {tableau.B[0]:g6} is unstable for this target: use h below twice its smallest variance at this level"
        : "the steps of the schedule are too long for this predictor: use more levels";
}
