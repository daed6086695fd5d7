using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>
/// One run of a plan whose coordinates evolve independently. Where somebody observes the steps, every distinct coordinate takes every
/// step, in lockstep; otherwise those on the grid run one after the other, so that only one of them is held with its matrices.
/// </summary>
internal sealed class LineRun(Plan plan, RunOptions options, LineProcess[] processes, Func<Law[], Law> assemble)
{
    /// <summary>So many steps foretell what the rest costs: a step that repeats is dear once, for its matrix, and cheap then.</summary>
    private const int RecentSteps = 8;

    /// <summary>Work after which progress is told.</summary>
    private const long ProgressWork = 300_000;

    private readonly LineProcess[][] groups = options.AfterStep is not null
        ? [processes]
        : [
            .. processes.Where(p => !p.IsOnGrid).ToArray() is { Length: > 0 } closed ? [closed] : Array.Empty<LineProcess[]>(),
            .. processes.Where(p => p.IsOnGrid).Select(p => new[] { p }),
        ];

    // A probe's laws, by process; those of a group that has not been there are missing.
    private readonly List<(Instruction.Probe Probe, Dictionary<LineProcess, Law> Laws, Estimate? Acceptance)> probes = [];
    private LineProcess[] group = [];
    private NoiseLevel level;
    private IStep? latest;
    private readonly WorkLimit work = new(WorkLimit.OfRun, options.Cancellation);
    private readonly WorkLimit metrics = new(WorkLimit.OfMetrics, options.Cancellation);
    private readonly Queue<long> recent = [];
    private double logRange;
    private double longest;
    private bool isTooDense;
    private double kept;
    private long keptNodes;
    private int passed;
    private long done;
    private long step;
    private JointAhead? ahead;
    private long last;
    private long total;
    private long told;
    private RunStatus? stopped;
    private bool needsMoreRange;
    private bool silent;
    private bool isOver;

    /// <summary>
    /// Runs the plan. When a probe's χ² turns out to depend on tails beyond the range, runs it again with twice the range; an
    /// observer sees only the last run.
    /// </summary>
    public Outcome Run()
    {
        total = Math.Max(1, plan.StepCount);
        logRange = GridResolution.StandardLogRange;
        longest = GridResolution.LargestLogRange;
        double before = logRange;
        silent = options.AfterStep is not null && plan.Metrics.Contains(Metric.Chi2);
        while (true)
        {
            Once();

            // A range that a joint law has no room for is not asked for again.
            if (isTooDense && logRange > before)
            {
                logRange = longest = before;
                continue;
            }

            before = logRange;
            bool again = needsMoreRange && logRange < longest && stopped is not RunStatus.Cancelled;
            if (!again && !silent)
            {
                return new(
                    stopped ?? new RunStatus.Completed(),
                    [
                        .. probes
                            .TakeWhile(p => p.Laws.Count == processes.Length)
                            .Select(p => new ProbeResult(p.Probe.Name, p.Probe.Level, assemble([.. processes.Select(q => p.Laws[q])])) { Acceptance = p.Acceptance }),
                    ]);
            }

            silent &= again;
            logRange = again ? Math.Min(longest, 2 * logRange) : logRange;
        }
    }

    /// <summary>The plan at the current range, group by group; what its steps throw is a status.</summary>
    private void Once()
    {
        probes.Clear();
        (kept, keptNodes, done) = (0, 0, 0);
        last = long.MaxValue;
        stopped = null;
        isTooDense = false;
        needsMoreRange = false;
        try
        {
            foreach (LineProcess[] next in groups)
            {
                group = next;
                Follow();
                done += total;
                keptNodes += Nodes;
                // What diverges is followed in the other coordinates too, up to that step: one of them may do so earlier.
                if (stopped is not null and not RunStatus.Diverged || !IsWorthGoingOn)
                {
                    break;
                }

                if (groups.Length > 1)
                {
                    Array.ForEach(group, process => process.Release());
                }
            }
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

    /// <summary>The plan for one group.</summary>
    private void Follow()
    {
        level = plan.InitialLevel;
        (step, passed, isOver) = (0, 0, false);
        ahead = JointPlan.MeetsNoise(plan) ? new(plan.Unrolled()) : null;
        recent.Clear();
        if (Array.Exists(group, process => !process.Start(logRange, work)) || keptNodes + Nodes > GridMemory.Nodes)
        {
            Stop(TooLarge("the start"));
            return;
        }

        Observe(-1, null);
        Execute(plan.Instructions);
    }

    /// <summary>Points of the group's laws on the grid.</summary>
    private long Nodes => group.Sum(p => (long)p.Nodes);

    private void Stop(RunStatus status)
    {
        (stopped, last, isOver) = (status, step, true);
    }

    private void Stop(StepFailure failure, long at, IStep one)
    {
        isTooDense = failure == StepFailure.TooDense;
        Stop(StatusOf(failure, at, one));
    }

    private RunStatus StatusOf(StepFailure failure, long at, IStep one) => failure switch
    {
        StepFailure.Diverged => new RunStatus.Diverged(at, one.Method, one.From, -1, Advice(one)),
        StepFailure.NoDensity => new RunStatus.Unsupported(
            $"step {at} ({one.Method}) may be rejected, which on the line needs the state's density: a deterministic step before it folds the line, is smooth in pieces only or ends in a point; draw noise between the two, or use particles"),
        StepFailure.Entangled => new RunStatus.Unsupported(
            $"step {at} ({one.Method}): state and registers together are no law of two coordinates that is known here; use particles"),
        StepFailure.TooDense => new RunStatus.Unsupported(
            $"step {at} ({one.Method}): state and register together need more than {GridMemory.Nodes} nodes, all that the memory for grids holds: what is drawn in a step is little beside the law's width; use larger steps, more friction, or particles"),
        _ => TooLarge($"step {at} ({one.Method})"),
    };

    /// <summary>Whether the laws can be looked at; a failure of steps that were put off is one of the last of them.</summary>
    private bool Settled()
    {
        foreach (LineProcess process in group)
        {
            if (process.Settle() is var failure && failure != StepFailure.None)
            {
                Stop(failure, step - 1, latest!);
                return false;
            }
        }

        return true;
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
                case Instruction.General general:
                    Apply(general.Tableau);
                    break;
                case Instruction.Adjusted adjusted:
                    Apply(adjusted.One);
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
    private bool Goes => !isOver && IsWorthGoingOn;

    private bool IsWorthGoingOn => !(needsMoreRange && logRange < longest);

    private void Apply(IStep one)
    {
        if (options.Cancellation.IsCancellationRequested)
        {
            Stop(new RunStatus.Cancelled());
            return;
        }

        if (step == last)
        {
            isOver = true;
            return;
        }

        long before = work.Spent;
        IReadOnlySet<int>? reads = ahead?.NextStep();
        foreach (LineProcess process in group)
        {
            if (process.Apply(one, reads) is var failure && failure != StepFailure.None)
            {
                Stop(failure, step, one);
                return;
            }
        }

        if (keptNodes + Nodes > GridMemory.Nodes)
        {
            Stop(TooLarge($"step {step} ({one.Method})"));
            return;
        }

        level = one.To;
        latest = one;
        Observe(step, one);
        step++;
        if ((step & 63) == 0 || work.Spent - told > ProgressWork)
        {
            told = work.Spent;
            options.Progress?.Report((double)(done + step) / ((double)total * groups.Length));
        }

        Foresee(work.Spent - before);
    }

    /// <summary>
    /// Refuses early when the cheapest of the last steps, repeated to the end of this group, would go far beyond the limit.
    /// </summary>
    private void Foresee(long spent)
    {
        recent.Enqueue(spent);
        if (recent.Count > RecentSteps)
        {
            recent.Dequeue();
            if (work.CannotHold((double)recent.Min() * (total - step)))
            {
                Stop(TooLong());
            }
        }
    }

    private void Observe(long index, IStep? one)
    {
        // Between a deterministic step that reads a register and the next noise no law of the state is known: it is not shown.
        if (!silent && options.AfterStep is { } observer && Array.TrueForAll(group, process => process.IsKnown) && Settled())
        {
            observer(new(index, one, level, assemble([.. processes.Select(p => p.Law(level, OneMetric(null)))])));
        }
    }

    private void Probe(Instruction.Probe probe)
    {
        if (!Settled())
        {
            return;
        }

        if (passed == probes.Count)
        {
            // Only the one process of a state on the line has such steps.
            probes.Add((probe, [], group[0].TakeAcceptance()));
        }

        Dictionary<LineProcess, Law> laws = probes[passed++].Laws;
        foreach (LineProcess process in group)
        {
            Law law = process.Law(probe.Level, OneMetric(metrics));
            laws.Add(process, law);
            needsMoreRange |= law is GridLaw onGrid
                && plan.Metrics.Contains(Metric.Chi2)
                && logRange < longest
                && NeedsMoreRange(onGrid);
        }

        kept += group.Sum(p => p.Nodes == 0 ? ProbeMemory.CoordinateBytes : p.Nodes * GridMemory.KeptNodeBytes);
        if (ProbeMemory.WhyNot(plan, kept + (ProbeMemory.LawBytes * probes.Count)) is { } reason)
        {
            Stop(new RunStatus.Unsupported(reason));
        }
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

    private static string Advice(IStep step) => step is Tableau { StaysAtLevel: true } tableau
        ? $"the step h = {tableau.B[0]:g6} is unstable for this target: use h below twice its smallest variance at this level"
        : "the steps of the schedule are too long for this predictor: use more levels";
}
