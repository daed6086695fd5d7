using System.Runtime.ExceptionServices;

namespace Sgm.Engine;

/// <summary>
/// Monte Carlo: every particle runs the plan on its own. Any target, any score, any plan.
/// </summary>
/// <remarks>
/// Particles come in blocks (<see cref="BlockFormat"/>); each block runs the whole plan while it sits in the cache, with the random
/// stream of (seed, block). A result is a function of plan, seed and number of particles: bit-identical for any number of
/// threads, for any split of the blocks over runs (<see cref="Run(Plan, RunOptions, long, long)"/>) and for every register width.
/// <para>
/// A run that diverges returns the smallest block that does, and its first step that does, whatever the threads did; a block ends as
/// soon as a coordinate is not finite or exceeds 1e150. Peak memory is the particles at the probes plus a few blocks a thread
/// (<see cref="RequiredBytes(Plan, RunOptions)"/>); a run that cannot fit is refused before anything is allocated.
/// </para>
/// </remarks>
public sealed partial class Ensemble : IInterpreter
{
    /// <inheritdoc/>
    public string Backend => "particles";

    /// <inheritdoc/>
    public string? WhyNot(Plan plan) =>
        FiniteInterpreter.SymbolProblem(plan) is { } symbols ? symbols
        : (long)plan.Dimension * BlockFormat.Size(plan.Dimension) > int.MaxValue
            ? $"a block of particles in dimension {plan.Dimension} is larger than an array can be"
            : null;

    /// <inheritdoc/>
    public Outcome Run(Plan plan, RunOptions options) =>
        Run(plan, options, 0, BlockFormat.Count(plan.Dimension, options.Particles));

    /// <summary>
    /// Runs only the blocks <paramref name="firstBlock"/>, …, firstBlock + count − 1 of the run. <see cref="ParticleLaw.Concat"/> puts the laws of such
    /// parts together to what the whole run gives, bit for bit.
    /// </summary>
    public Outcome Run(Plan plan, RunOptions options, long firstBlock, long count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.Particles);
        long all = BlockFormat.Count(plan.Dimension, options.Particles);
        ArgumentOutOfRangeException.ThrowIfNegative(firstBlock);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(firstBlock + count, all);
        if ((WhyNot(plan) ?? WhyTooLarge(plan, options, firstBlock, count)) is { } reason) return new Outcome(new RunStatus.Unsupported(reason), []);

        ScoreKernel kernel = ScoreKernels.Create(plan.Score);
        ParticleProgram program = new(plan, kernel);
        ParticleRun run = new(plan, options, firstBlock, checked((int)count), program.ProbeCount);
        StartSampler start = new(plan.Start);
        int threads = ThreadCount(options, count);
        int capacity = BlockFormat.Width(BlockFormat.ParticlesIn(plan.Dimension, options.Particles, firstBlock));
        Spread(threads, () =>
        {
            CreateWorker create = new() { Program = program, Kernel = kernel, Start = start, Run = run, Capacity = capacity };
            LaneWidth.Run(ref create);
            using BlockWorker worker = create.Worker!;
            while (run.Next() is long block)
            {
                int particles = BlockFormat.ParticlesIn(plan.Dimension, options.Particles, block);
                if (worker.Run(options.Seed, block, particles) is { } failure) run.Add(failure);
            }
        }, run.Abort);
        return run.Outcome();
    }

    private static int ThreadCount(RunOptions options, long blocks) =>
        (int)Math.Min(blocks, options.Threads > 0 ? options.Threads : Environment.ProcessorCount);

    // Runs the action on so many threads, this one among them; an exception of a user's score comes out here.
    private static void Spread(int threads, Action action, Action abort)
    {
        ExceptionDispatchInfo? failure = null;
        void Guarded()
        {
            try
            {
                action();
            }
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(e), null);
                abort();
            }
        }

        Thread[] helpers = [.. Enumerable.Range(1, threads - 1).Select(i => new Thread(Guarded) { IsBackground = true, Name = $"ensemble {i}" })];
        foreach (Thread helper in helpers)
        {
            helper.Start();
        }

        Guarded();
        foreach (Thread helper in helpers)
        {
            helper.Join();
        }

        failure?.Throw();
    }

    private struct CreateWorker : ILanesAction
    {
        public required ParticleProgram Program;
        public required ScoreKernel Kernel;
        public required StartSampler Start;
        public required BlockRun Run;
        public required int Capacity;
        public BlockWorker? Worker;

        public void Invoke<TLanes>()
            where TLanes : struct, ILanes<TLanes> =>
            Worker = new BlockWorker<TLanes>(Program, Kernel, Start, Run, Capacity);
    }
}
