using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>How long a run by particles takes on this machine, without its measurements.</summary>
/// <param name="Seconds">Wall time.</param>
/// <param name="IsLowerBound">A single step did not end within the calibration, so all that is known is that it takes
/// longer.</param>
public sealed record CostEstimate(double Seconds, bool IsLowerBound);

public sealed partial class Ensemble
{
    private const int StepsAtATime = 32;
    private const int ProbesAtATime = 8;

    // Terms of the score, of all particles of a block, that are a small part of a calibration.
    private const long TermsAtATime = 1 << 22;

    /// <summary>
    /// Predicts the wall time of a run from a few blocks of it; null when this interpreter cannot run it.
    /// </summary>
    /// <remarks>
    /// Seconds = first + ⌈blocks/threads⌉·(start + n·p + Σ_k n_k·c_k). The first block with one step of every kind is
    /// timed as it comes, compilation of the kernels included (<c>first</c>); then, through the real kernels on this
    /// thread, the start of a block, a probe p and a step c_k of every kind k that the plan has (<see
    /// cref="StepCensus"/>), each for its share of the <paramref name="seconds"/> of the calibration. So it is linear
    /// in particles and steps by construction, and in dimension and components as far as the kernels are: of a block of
    /// a law of very many components a part is timed. Nothing is assumed about the machine but that its cores are
    /// alike; a machine that is busy now is predicted to stay so.
    /// </remarks>
    public CostEstimate? Predict(Plan plan, RunOptions options, double seconds = 0.1)
    {
        long blocks = BlockFormat.Count(plan.Dimension, options.Particles);
        if ((WhyNot(plan) ?? WhyTooLarge(plan, options, 0, blocks)) is not null) return null;
        StepCensus census = new(plan);
        int whole = BlockFormat.ParticlesIn(plan.Dimension, options.Particles, 0);
        int particles = plan.Score.AllModifiers.Any(m => m is ScoreModifier.Learned or ScoreModifier.Blended) ? whole : Math.Min(whole, PartOfBlock(plan.Score.Of));
        double rounds = whole / (double)particles
            * Math.Ceiling(blocks / (double)Math.Min(ThreadCount(options, blocks), Environment.ProcessorCount));
        CalibrationRun run = new(plan.Dimension, particles, options.Cancellation);
        Calibration calibration = new(plan, ScoreKernels.Create(plan.Score), run, particles);
        ImmutableArray<Instruction> steps = [.. census.Kinds.Select(k => k.Example)];
        Instruction probe = new Instruction.Probe("", plan.InitialLevel);
        // Once more where the compilation of the kernels took all of the time.
        double once = 0;
        for (int attempt = 0; attempt < 2; attempt++)
        {
            double from = run.Seconds;
            long before = run.Steps;
            run.Allow(2 * seconds);
            bool diverged = calibration.Once([.. steps, probe]);
            once = run.Seconds - from;
            if (diverged || run.Steps - before == steps.Length) break;
            if (attempt == 1) return new CostEstimate(rounds * census.Kinds.Min(k => k.Count) * once, true);
        }

        double first = run.Seconds;
        double share = seconds / (steps.Length + 2);
        double most = once / (steps.Length + 1);
        double start = calibration.Each([], 0, share, static (_, blocks) => blocks, most);
        double block = start + (plan.ProbeCount
            * calibration.Each([new Instruction.Repeat(ProbesAtATime, [probe])], start, share, static (r, _) => r.Probes, most));
        for (int k = 0; k < steps.Length; k++)
        {
            block += census.Kinds[k].Count
                * calibration.Each([new Instruction.Repeat(StepsAtATime, [steps[k]])], start, share, static (r, _) => r.Steps, most);
        }

        return new CostEstimate(first + (rounds * block), false);
    }

    /// <summary>Particles whose scores are terms of a mixture as many as are computed at a time.</summary>
    private static int PartOfBlock(Target law)
    {
        long terms = Math.Max(1, law.Factors.Sum(f => (long)f.Count * f.Law.Count * f.Law.Dimension));
        return BlockFormat.Width((int)Math.Clamp(TermsAtATime / terms, 1, BlockFormat.Size(1)));
    }

    /// <summary>Small plans through the worker of one thread, timed.</summary>
    private sealed class Calibration(Plan plan, ScoreKernel kernel, CalibrationRun run, int particles)
    {
        private readonly StartSampler start = new(plan.Start);
        private ulong seed;

        /// <summary>One block of a body; whether it diverged.</summary>
        public bool Once(ImmutableArray<Instruction> body)
        {
            using BlockWorker worker = Create(body);
            return worker.Run(seed++, 0, particles) is not null;
        }

        /// <summary>
        /// Seconds of one of the things that are counted while a body runs for the given time, beyond the start of its
        /// blocks. The first half of the time warms up. When not one was finished, <paramref name="otherwise"/>.
        /// </summary>
        public double Each(ImmutableArray<Instruction> body, double startOfBlock, double seconds, Func<CalibrationRun, long, long> counted, double otherwise)
        {
            using BlockWorker worker = Create(body);
            double each = otherwise;
            for (int half = 0; half < 2; half++)
            {
                double from = run.Seconds;
                long before = counted(run, 0);
                long blocks = 0;
                run.Allow(seconds / 2);
                do
                {
                    worker.Run(seed++, 0, particles);
                    blocks++;
                }
                while (!run.IsCancelled);
                long count = counted(run, blocks) - before;
                if (count > 0) each = Math.Max(0, run.Seconds - from - (blocks * startOfBlock)) / count;
            }

            return each;
        }

        private BlockWorker Create(ImmutableArray<Instruction> body)
        {
            CreateWorker create = new()
            {
                Program = new ParticleProgram(plan with { Instructions = body }, kernel),
                Kernel = kernel,
                Start = start,
                Run = run,
                Capacity = BlockFormat.Width(particles),
            };
            LaneWidth.Run(ref create);
            return create.Worker!;
        }
    }
}
