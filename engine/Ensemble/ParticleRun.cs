namespace Sgm.Engine;

/// <summary>One run: hands out the blocks in order, gathers the states at the probes, knows when to stop.</summary>
internal sealed class ParticleRun(Plan plan, RunOptions options, long first, int count, long probeCount) : BlockRun
{
    private readonly double[][][] states = [.. Enumerable.Range(0, checked((int)probeCount)).Select(_ => new double[count][])];
    // Sums of the particles' acceptance rates and of their squares, by probe and block.
    private readonly (double Sum, double Squares)[]?[] accepted = new (double, double)[]?[probeCount];
    private readonly ParticleNode.Probe?[] probes = new ParticleNode.Probe?[probeCount];
    private readonly double totalSteps = Math.Max(1.0, (double)plan.StepCount * count);
    private readonly Lock gate = new();
    private readonly long firstBlock = first;
    private long next = first;
    private long steps;
    private long reportedAt = Environment.TickCount64;
    private volatile bool aborted;
    private BlockFailure? failure;

    public override bool IsCancelled => aborted || options.Cancellation.IsCancellationRequested;

    /// <summary>The next block to run, or null when there is none or none is worth running.</summary>
    public long? Next()
    {
        long block = Interlocked.Increment(ref next) - 1;
        return block < firstBlock + count && !ShouldStop(block) ? block : null;
    }

    /// <summary>Stops everything: a worker threw.</summary>
    public void Abort() => aborted = true;

    public void Add(BlockFailure found)
    {
        lock (gate)
        {
            if (failure is null || found.Block < failure.Block) failure = found;
        }
    }

    public override void Advance(long steps)
    {
        if (options.Progress is not { } progress) return;
        long done = Interlocked.Add(ref this.steps, steps);
        long now = Environment.TickCount64;
        long last = Volatile.Read(ref reportedAt);
        if (now - last >= 50 && Interlocked.CompareExchange(ref reportedAt, now, last) == last) progress.Report(Math.Min(1, done / totalSteps));
    }

    public override void Probe(long occurrence, ParticleNode.Probe probe, long block, ReadOnlySpan<double> x, int width)
    {
        int particles = BlockFormat.ParticlesIn(plan.Dimension, options.Particles, block);
        double[] kept = GC.AllocateUninitializedArray<double>(plan.Dimension * particles);
        for (int e = 0; e < plan.Dimension; e++)
        {
            x.Slice(e * width, particles).CopyTo(kept.AsSpan(e * particles));
        }

        states[occurrence][block - firstBlock] = kept;
        probes[occurrence] = probe;
    }

    public override void Accepted(long occurrence, long block, double sum, double squares)
    {
        if (Volatile.Read(ref accepted[occurrence]) is null)
        {
            Interlocked.CompareExchange(ref accepted[occurrence], new (double, double)[count], null);
        }

        accepted[occurrence]![block - firstBlock] = (sum, squares);
    }

    public Outcome Outcome()
    {
        if (options.Cancellation.IsCancellationRequested && !IsComplete) return new Outcome(new RunStatus.Cancelled(), []);
        if (failure is { } f)
        {
            IStep t = f.At;
            return new Outcome(new RunStatus.Diverged(f.Step, t.Method, t.From, f.Block, Advice(t)), []);
        }

        options.Progress?.Report(1);
        return new Outcome(
            new RunStatus.Completed(),
            [.. states.Select((blocks, i) => new ProbeResult(
                probes[i]!.Name, probes[i]!.Level, new ParticleLaw(new ParticleStore(plan.Dimension, firstBlock, blocks), plan.Target, probes[i]!.Level, options.Seed))
            {
                Acceptance = accepted[i] is { } rates ? Rate(rates) : null,
            })]);
    }

    /// <summary>
    /// The mean of what the particles' acceptance probabilities are on average since the last probe: independent numbers in [0, 1]. By the
    /// empirical Bernstein inequality (Maurer and Pontil 2009, Theorem 4, on either side) it is within √(2V·ln(4/δ)/n) + 7·ln(4/δ)/(3(n − 1))
    /// of the truth but for a probability δ, V the sample variance.
    /// </summary>
    private Estimate Rate((double Sum, double Squares)[] rates)
    {
        long last = firstBlock + count - 1;
        double n = ((double)(count - 1) * BlockFormat.Size(plan.Dimension)) + BlockFormat.ParticlesIn(plan.Dimension, options.Particles, last);
        double mean = rates.Sum(rate => rate.Sum) / n;
        double tax = Math.Log(4 / (1 - ParticleLaw.UsualConfidence));
        double variance = n > 1 ? Math.Max(0, rates.Sum(rate => rate.Squares) - (n * mean * mean)) / (n - 1) : 1;
        double width = n > 1 ? Math.Sqrt(2 * variance * tax / n) + (7 * tax / (3 * (n - 1))) : 1;
        return Estimate.Sampled(
            Math.Clamp(mean, 0, 1), Math.Max(0, mean - width), Math.Min(1, mean + width), ParticleLaw.UsualConfidence, "particles");
    }

    private bool IsComplete => failure is null && states.All(s => s.All(b => b is not null));

    private static string Advice(IStep t) => t.StaysAtLevel
        ? $"the step of '{t.Method}' is too large for the stiffest direction at this level, or the score is not finite: use a smaller step (below twice the smallest variance)"
        : $"'{t.Method}' left the numbers between two levels: use more transitions there, or a score that is finite far out";
}
