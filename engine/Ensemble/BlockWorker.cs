namespace Sgm.Engine;

/// <summary>Where a block stopped early.</summary>
internal sealed record BlockFailure(long Step, IStep At, long Block);

/// <summary>What the workers of a run share.</summary>
internal abstract class BlockRun
{
    private long firstDiverged = long.MaxValue;

    /// <summary>Whether the caller cancelled, or a worker threw.</summary>
    public abstract bool IsCancelled { get; }

    /// <summary>Asked at every step: whether the block can stop: the run was cancelled, or an earlier block diverged.</summary>
    public bool ShouldStop(long block) => IsCancelled || block > Volatile.Read(ref firstDiverged);

    /// <summary>Earlier blocks run on, so that the smallest diverging block is found whatever the threads do.</summary>
    public void Diverged(long block)
    {
        long seen = Volatile.Read(ref firstDiverged);
        while (block < seen)
        {
            long was = Interlocked.CompareExchange(ref firstDiverged, block, seen);
            if (was == seen) return;
            seen = was;
        }
    }

    /// <summary>Called after so many more steps of a block.</summary>
    public abstract void Advance(long steps);

    /// <summary>
    /// Told before a probe when steps since the last one could be rejected: the sum over the block's particles of their mean acceptance
    /// probabilities, and of the squares of these.
    /// </summary>
    public virtual void Accepted(long occurrence, long block, double sum, double squares)
    {
    }

    /// <summary>The block reached its <paramref name="occurrence"/>-th probe with this state, of shape [d, width].</summary>
    public abstract void Probe(long occurrence, ParticleNode.Probe probe, long block, ReadOnlySpan<double> x, int width);
}

/// <summary>Runs whole blocks, one at a time, in memory of its own; allocates nothing a step.</summary>
internal abstract class BlockWorker : IDisposable
{
    /// <summary>Runs the plan on one block of so many particles; null when it ended or was stopped, else where it diverged.</summary>
    public abstract BlockFailure? Run(ulong seed, long block, int particles);

    public abstract void Dispose();

    /// <summary>Doubles of working memory.</summary>
    public static long MemoryLength(ScoreKernel kernel, ProgramShape shape, int width)
    {
        long state = AlignedMemory.Round((long)kernel.Dimension * width);
        return (state * shape.Arrays) + (NoiseChunk * (1 + shape.Registers)) + AlignedMemory.Round(shape.Scratch) + (shape.MayReject ? AlignedMemory.Round(width) : 0);
    }

    /// <summary>Normals drawn at a time; a multiple of 16, so it is no part of the format.</summary>
    protected const int NoiseChunk = 1024;
}

/// <inheritdoc/>
internal sealed partial class BlockWorker<TLanes> : BlockWorker
    where TLanes : struct, ILanes<TLanes>
{
    // A slice of a block's particles that costs about this many operations is evaluated between two looks at the token.
    private const double SliceCost = 1e8;

    private readonly ParticleProgram program;
    private readonly ScoreKernel kernel;
    private readonly StartSampler start;
    private readonly BlockRun run;
    private readonly AlignedMemory memory;
    private readonly int capacity;
    private readonly ProgramShape shape;
    private readonly RandomStream stream = new(0, 0);

    // The block that is running.
    private long block;
    private int particles;
    private int width;
    private long step;
    private long probes;
    private long reported;
    private IStep? failed;

    public BlockWorker(ParticleProgram program, ScoreKernel kernel, StartSampler start, BlockRun run, int capacity)
    {
        this.program = program;
        this.kernel = kernel;
        this.start = start;
        this.run = run;
        this.capacity = capacity;
        shape = program.Shape;
        memory = new AlignedMemory(MemoryLength(kernel, shape, capacity));
    }

    private int Length => kernel.Dimension * width;

    private Span<double> State => memory.Slice(0, Length);

    private Span<double> Noise => memory.Slice(Offset(1), NoiseChunk);

    private Span<double> Scratch => memory.Slice(Offset(1) + NoiseChunk, shape.Scratch);

    // After the arrays that every plan has: predictions, the point of a stage, registers, noises, and a part of what registers become.
    private long Others => Offset(1) + NoiseChunk + AlignedMemory.Round(shape.Scratch);

    private Span<double> Score(int stage) => memory.Slice(Others + Offset(stage), Length);

    private Span<double> StageInput => Score(shape.Stages);

    private long Offset(int arrays) => arrays * AlignedMemory.Round((long)kernel.Dimension * capacity);

    public override void Dispose() => memory.Dispose();

    public override BlockFailure? Run(ulong seed, long block, int particles)
    {
        this.block = block;
        this.particles = particles;
        width = BlockFormat.Width(particles);
        step = probes = reported = 0;
        failed = null;
        stream.Reset(seed, block);
        kept = shape.Registers;
        Drop(0);
        Forget();
        start.Fill(stream, State, width);
        bool ended = Execute(program.Root);
        run.Advance(step - reported);
        return !ended && failed is not null ? new BlockFailure(step, failed, block) : null;
    }

    // False when the block stopped: it diverged or became pointless.
    private bool Execute(ParticleNode[] nodes)
    {
        foreach (ParticleNode node in nodes)
        {
            bool goesOn = node switch
            {
                ParticleNode.Step one => Step(one),
                ParticleNode.General one => Step(one),
                ParticleNode.Adjusted one => Step(one),
                ParticleNode.Repeat repeat => Execute(repeat),
                ParticleNode.Lazy lazy => Execute(lazy),
                ParticleNode.Probe probe => Measure(probe),
                _ => throw new NotSupportedException(node.ToString()),
            };
            if (!goesOn) return false;
        }

        return true;
    }

    private bool Execute(ParticleNode.Repeat repeat)
    {
        for (long i = 0; i < repeat.Count; i++)
        {
            if (!Execute(repeat.Body)) return false;
        }

        return true;
    }

    private bool Execute(ParticleNode.Lazy lazy)
    {
        for (int i = 0; i < lazy.Count; i++)
        {
            if (!Execute(program.CompileLazily(lazy.Body(i)))) return false;
        }

        return true;
    }

    private bool Measure(ParticleNode.Probe probe)
    {
        TellRates(probes);
        run.Probe(probes++, probe, block, State, width);
        return true;
    }

    private bool Step(ParticleNode.Step node)
    {
        if (run.ShouldStop(block)) return false;
        for (int i = 0; i < node.Stages.Length; i++)
        {
            if (!Evaluate(node, i)) return false;
        }

        Span<double> total = Score(0);
        double weight = 0;
        if (node.B.Length == 1)
        {
            weight = node.B[0];
        }
        else if (node.B.Length > 1)
        {
            weight = 1;
            StepUpdate<TLanes>.Scale(total, node.B[0], total);
            for (int i = 1; i < node.B.Length; i++)
            {
                StepUpdate<TLanes>.Add(Score(i), node.B[i], total);
            }
        }
        else
        {
            total.Clear();
        }

        bool fine = Update(node.Tableau, total, weight, out bool stopped);
        return !stopped && Ended(node.Tableau, fine);
    }

    // Whether the block goes on after a step.
    private bool Ended(IStep one, bool fine)
    {
        if (!fine && HasDiverged())
        {
            failed = one;
            run.Diverged(block);
            return false;
        }

        step++;
        if ((step & 63) == 0 || Length > 100_000)
        {
            run.Advance(step - reported);
            reported = step;
        }

        return true;
    }

    private bool Update(Tableau tableau, ReadOnlySpan<double> score, double weight, out bool stopped)
    {
        stopped = false;
        Span<double> state = State;
        if (tableau.C == 0) return StepUpdate<TLanes>.Quiet(state, score, tableau.A, weight);
        Span<double> noise = Noise;
        bool fine = true;
        for (int from = 0; from < state.Length; from += NoiseChunk)
        {
            int count = Math.Min(NoiseChunk, state.Length - from);
            stream.FillNormal<TLanes>(noise[..count]);
            fine &= StepUpdate<TLanes>.Noisy(state.Slice(from, count), score.Slice(from, count), noise, tableau.A, weight, tableau.C);
            if ((from & 0xFFFFF) == 0xFFC00 && run.ShouldStop(block))
            {
                stopped = true;
                return fine;
            }
        }

        return fine;
    }

    private bool Evaluate(ParticleNode.Step node, int index)
    {
        CompiledStage stage = node.Stages[index];
        Span<double> input = State;
        if (!stage.IsAtState)
        {
            input = StageInput;
            StepUpdate<TLanes>.Scale(State, stage.A, input);
            for (int j = 0; j < stage.B.Length; j++)
            {
                StepUpdate<TLanes>.Add(Score(j), stage.B[j], input);
            }
        }

        return Evaluate(node.Constants.AsSpan(stage.Constants, kernel.ConstantsLength), input, Score(index));
    }

    private bool Evaluate(ReadOnlySpan<double> constants, Span<double> input, Span<double> score)
    {
        Span<double> scratch = Scratch;
        int slice = Slice(kernel.Cost);
        for (int from = 0; from < width; from += slice)
        {
            if (from > 0 && run.ShouldStop(block)) return false;
            kernel.Evaluate(constants, ref input[from], ref score[from], width, Math.Min(slice, width - from), scratch);
        }

        return true;
    }

    private int Slice(double cost) => (int)Math.Min(width, BlockFormat.Grain * Math.Ceiling(SliceCost / (BlockFormat.Grain * cost)));

    // The lanes past the last particle do not count: they start again from 0.
    private bool HasDiverged()
    {
        Span<double> state = State;
        for (int e = 0; e < kernel.Dimension; e++)
        {
            for (int i = 0; i < width; i++)
            {
                if (Math.Abs(state[(e * width) + i]) <= RunLimits.LargestState) continue;
                if (i < particles) return true;
                state[(e * width) + i] = 0;
            }
        }

        return false;
    }
}
