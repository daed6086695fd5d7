using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>
/// One run of a plan whose coordinates evolve independently: every distinct coordinate takes every step, in lockstep, so that an
/// observer sees the whole law after each.
/// </summary>
internal sealed class LineRun(Plan plan, RunOptions options, LineProcess[] processes, Func<Law[], Law> assemble)
{
    /// <summary>So many steps foretell what the rest costs: a step that repeats is dear once, for its matrix, and cheap then.</summary>
    private const int RecentSteps = 8;

    /// <summary>Work after which progress is told.</summary>
    private const long ProgressWork = 10_000_000;

    private readonly List<ProbeResult> probes = [];
    private NoiseLevel level;
    private readonly WorkLimit work = new(WorkLimit.OfRun, options.Cancellation);
    private readonly WorkLimit metrics = new(WorkLimit.OfMetrics, options.Cancellation);
    private readonly Queue<long> recent = [];
    private double logRange;
    private double kept;
    private long step;
    private long total;
    private long told;
    private RunStatus? stopped;
    private bool needsMoreRange;
    private bool silent;

    /// <summary>
    /// Runs the plan. When a probe's χ² turns out to depend on tails beyond the range, runs it again with twice the range; an
    /// observer sees only the last run.
    /// </summary>
    public Outcome Run()
    {
        total = Math.Max(1, plan.StepCount);
        logRange = GridResolution.StandardLogRange;
        silent = options.AfterStep is not null && plan.Metrics.Contains(Metric.Chi2);
        while (true)
        {
            Once();
            bool again = needsMoreRange && logRange < GridResolution.LargestLogRange && stopped is not RunStatus.Cancelled;
            if (!again && !silent)
            {
                return new(stopped ?? new RunStatus.Completed(), [.. probes]);
            }

            silent &= again;
            logRange = again ? Math.Min(GridResolution.LargestLogRange, 2 * logRange) : logRange;
        }
    }

    /// <summary>The plan at the current range; what its steps throw is a status.</summary>
    private void Once()
    {
        probes.Clear();
        kept = 0;
        level = plan.InitialLevel;
        step = 0;
        stopped = null;
        needsMoreRange = false;
        recent.Clear();
        try
        {
            if (Array.Exists(processes, process => !process.Start(logRange, work)))
            {
                stopped = TooLarge("the start");
                return;
            }

            if (processes.Sum(p => (long)p.Nodes) > GridMemory.Nodes)
            {
                stopped = TooLarge("the start");
                return;
            }

            Observe(-1, null);
            Execute(plan.Instructions);
        }
        catch (WorkExceededException)
        {
            stopped = TooLong();
        }
        catch (OperationCanceledException) when (options.Cancellation.IsCancellationRequested)
        {
            stopped = new RunStatus.Cancelled();
        }
    }

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
                    for (long i = 0; i < repeat.Count && Goes; i++)
                    {
                        Execute(repeat.Body);
                    }

                    break;
                case Instruction.Transitions transitions:
                    for (int i = 0; i < transitions.Count && Goes; i++)
                    {
                        Execute(transitions.Body(i));
                    }

                    break;
            }

            if (!Goes)
            {
                return;
            }
        }
    }

    /// <summary>Whether there is a point in going on: not after a failure, nor in a run that has to be repeated.</summary>
    private bool Goes => stopped is null && !(needsMoreRange && logRange < GridResolution.LargestLogRange);

    private void Apply(Tableau tableau)
    {
        if (options.Cancellation.IsCancellationRequested)
        {
            stopped = new RunStatus.Cancelled();
            return;
        }

        long before = work.Spent;
        foreach (LineProcess process in processes)
        {
            StepFailure failure = process.Apply(tableau);
            if (failure != StepFailure.None)
            {
                stopped = failure == StepFailure.Diverged
                    ? new RunStatus.Diverged(step, tableau.Method, level, -1, Advice(tableau))
                    : TooLarge($"step {step} ({tableau.Method})");
                return;
            }
        }

        if (processes.Sum(p => (long)p.Nodes) > GridMemory.Nodes)
        {
            stopped = TooLarge($"step {step} ({tableau.Method})");
            return;
        }

        level = tableau.To;
        Observe(step, tableau);
        step++;
        if ((step & 63) == 0 || work.Spent - told > ProgressWork)
        {
            told = work.Spent;
            options.Progress?.Report((double)step / total);
        }

        Foresee(work.Spent - before);
    }

    /// <summary>Refuses early when the cheapest of the last steps, repeated to the end, would go far beyond the limit.</summary>
    private void Foresee(long last)
    {
        recent.Enqueue(last);
        if (recent.Count > RecentSteps)
        {
            recent.Dequeue();
            stopped ??= work.CannotHold((double)recent.Min() * (total - step)) ? TooLong() : null;
        }
    }

    private void Observe(long index, Tableau? tableau)
    {
        if (!silent)
        {
            options.AfterStep?.Invoke(new(index, tableau, level, assemble([.. processes.Select(p => p.Law(level, OneMetric(null)))])));
        }
    }

    private void Probe(Instruction.Probe probe)
    {
        Law[] laws = [.. processes.Select(p => p.Law(probe.Level, OneMetric(metrics)))];
        kept += ProbeMemory.LawBytes + processes.Sum(p => p.Nodes == 0 ? ProbeMemory.CoordinateBytes : p.Nodes * GridMemory.KeptNodeBytes);
        if (ProbeMemory.WhyNot(plan, kept) is { } reason)
        {
            stopped = new RunStatus.Unsupported(reason);
            return;
        }

        probes.Add(new(probe.Name, probe.Level, assemble(laws)));
        needsMoreRange |= plan.Metrics.Contains(Metric.Chi2)
            && logRange < GridResolution.LargestLogRange
            && laws.OfType<GridLaw>().Any(NeedsMoreRange);
    }

    private static bool NeedsMoreRange(GridLaw law)
    {
        try
        {
            return law.NeedsMoreRange();
        }
        catch (WorkExceededException)
        {
            // Then χ² says so itself.
            return false;
        }
    }

    /// <summary>The metrics of all probes share a limit; an observer measures what it wants, each law within its own.</summary>
    private WorkLimit OneMetric(WorkLimit? whole) => new(WorkLimit.OfMetric, options.Cancellation, whole);

    private RunStatus.Unsupported TooLong() => new(
        $"the run stops at step {step} of {plan.StepCount}: on the grid it takes more than {WorkLimit.OfRun} evaluations of a score's component; use fewer steps or components, larger steps, or particles");

    private static RunStatus.Unsupported TooLarge(string where) => new(
        $"{where} needs more than {GridMemory.Nodes} grid points, all that the memory for grids holds, or finer positions than doubles have (the law has structure on scales too far apart); use particles, or less extreme widths");

    private static string Advice(Tableau tableau) => tableau.StaysAtLevel
        ? $"the step h = {tableau.B[0]:g6} is unstable for this target: use h below twice its smallest variance at this level"
        : "the steps of the schedule are too long for this predictor: use more levels";
}
