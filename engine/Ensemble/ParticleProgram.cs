using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>One stage ready to run: y = A·x + Σ B·s, the score's constants at an offset.</summary>
internal readonly record struct CompiledStage(int Constants, double A, double[] B)
{
    /// <summary>Whether the score is evaluated at the state itself.</summary>
    public bool IsAtState => A == 1 && B.Length == 0;
}

/// <summary>
/// Sums of a general step ready to run, over a block's arrays: the state, registers, predictions and noises, in this order. Terms of one
/// array are added up.
/// </summary>
/// <param name="Constants">Where the constants of the score begin; −1 for what is no stage.</param>
/// <param name="Terms">Array, coefficient and share of the random fraction.</param>
internal readonly record struct CompiledSum(int Constants, (int Array, double Coefficient, Share Share)[] Terms);

/// <summary>Working memory of a block, in arrays of the size of its state.</summary>
/// <param name="Stages">Most stages of a step.</param>
/// <param name="HasInput">Whether a stage evaluates the score somewhere else than at the state.</param>
/// <param name="Registers">Registers besides the state.</param>
/// <param name="Noises">Most draws of a general step; an adjusted one draws one velocity.</param>
/// <param name="Scratch">Doubles of working memory of the kernels.</param>
/// <param name="MayReject">Whether a step may be rejected.</param>
internal readonly record struct ProgramShape(int Stages, bool HasInput, int Registers, int Noises, int Scratch, bool MayReject)
{
    /// <summary>The state and all others.</summary>
    public int Arrays => 1 + Stages + (HasInput ? 1 : 0) + Registers + Noises;
}

/// <summary>A node of a plan ready to run.</summary>
internal abstract record ParticleNode
{
    private ParticleNode()
    {
    }

    /// <summary>One step; its constants lie in <paramref name="Constants"/>.</summary>
    public sealed record Step(Tableau Tableau, CompiledStage[] Stages, double[] B, double[] Constants) : ParticleNode;

    /// <summary>One general step.</summary>
    public sealed record General(
        GeneralTableau Tableau, bool IsRandomized, int Noises, CompiledSum[] Stages, CompiledSum[] Updates, double[] Constants) : ParticleNode;

    /// <summary>One step that may be rejected, with the constants of the score and of the target's density.</summary>
    public sealed record Adjusted(AdjustedStep One, double[] Constants, double[] Density) : ParticleNode;

    public sealed record Repeat(long Count, ParticleNode[] Body) : ParticleNode;

    public sealed record Probe(string Name, NoiseLevel Level) : ParticleNode;

    /// <summary>Bodies compiled when they are reached: the plan has too many levels to keep the constants of all.</summary>
    public sealed record Lazy(int Count, Func<int, ImmutableArray<Instruction>> Body) : ParticleNode;
}

/// <summary>
/// A plan compiled for blocks: a tree of the plan's shape whose steps carry their score's constants. Steps at the same level
/// share them. Shared by all threads.
/// </summary>
internal sealed class ParticleProgram
{
    /// <summary>Constants kept for a whole plan: 64 MiB.</summary>
    private const long LargestConstants = 8 << 20;

    /// <summary>Steps kept for a whole plan, repeats counted once.</summary>
    private const long LargestSteps = 1 << 17;

    private readonly ScoreKernel kernel;

    public ParticleProgram(Plan plan, ScoreKernel kernel)
    {
        this.kernel = kernel;
        var shape = new ProgramShape(1, false, 0, 0, kernel.ScratchLength, false);
        long steps = 0;
        long most = Math.Min(LargestSteps, 1 + (LargestConstants / Math.Max(1, kernel.ConstantsLength)));
        foreach (IStep step in plan.Steps())
        {
            shape = step switch
            {
                Tableau t => shape with { Stages = Math.Max(shape.Stages, t.Stages.Length), HasInput = shape.HasInput || t.Stages.Length > 1 },
                GeneralTableau g => shape with
                {
                    Stages = Math.Max(shape.Stages, g.Stages.Length),
                    HasInput = true,
                    Registers = Math.Max(shape.Registers, g.Registers),
                    Noises = Math.Max(shape.Noises, g.Noises),
                },
                AdjustedStep a => Adjusted(shape, a, plan.Target),
                _ => throw new NotSupportedException($"the ensemble does not know the step {step}"),
            };
            steps += step.Levels.Count();
        }

        Shape = shape;
        Root = Compile(plan.Instructions, steps > most, []);
        ProbeCount = plan.ProbeCount;
    }

    /// <summary>The target's density, where a step asks for it.</summary>
    public DensityKernel? Density { get; private set; }

    /// <summary>What to run.</summary>
    public ParticleNode[] Root { get; }

    /// <summary>What a block needs.</summary>
    public ProgramShape Shape { get; }

    /// <summary>Probes that a run reaches, repeats counted.</summary>
    public long ProbeCount { get; }

    /// <summary>One body of a <see cref="ParticleNode.Lazy"/>.</summary>
    public ParticleNode[] CompileLazily(ImmutableArray<Instruction> body) => Compile(body, true, []);

    private ProgramShape Adjusted(ProgramShape shape, AdjustedStep step, Target target)
    {
        Density ??= step.LinePoints is null ? DensityKernel.Create(target) : null;
        return shape with
        {
            HasInput = true,
            Noises = Math.Max(shape.Noises, 1),
            Scratch = Math.Max(shape.Scratch, Density?.ScratchLength ?? 0),
            MayReject = true,
        };
    }

    private ParticleNode[] Compile(ImmutableArray<Instruction> body, bool lazy, Dictionary<(NoiseLevel, Prediction?), double[]> known)
    {
        List<ParticleNode> nodes = new(body.Length);
        foreach (Instruction instruction in body)
        {
            switch (instruction)
            {
                case Instruction.Step step:
                    nodes.Add(Compile(step.Tableau, known));
                    break;
                case Instruction.General general:
                    nodes.Add(Compile(general.Tableau));
                    break;
                case Instruction.Adjusted { One: var adjusted }:
                    double[] density = adjusted.LinePoints is null ? Constants(adjusted.Level, null, known) : [];
                    nodes.Add(new ParticleNode.Adjusted(adjusted, Constants(adjusted.Level, Prediction.Score, known), density));
                    break;
                case Instruction.Repeat repeat:
                    ParticleNode[] inner = Compile(repeat.Body, lazy, known);
                    // An empty body a billion times is nothing to do.
                    if (inner.Length > 0) nodes.Add(new ParticleNode.Repeat(repeat.Count, inner));
                    break;
                case Instruction.Probe probe:
                    nodes.Add(new ParticleNode.Probe(probe.Name, probe.Level));
                    break;
                case Instruction.Transitions transitions when lazy:
                    nodes.Add(new ParticleNode.Lazy(transitions.Count, transitions.Body));
                    break;
                case Instruction.Transitions transitions:
                    for (int i = 0; i < transitions.Count; i++)
                    {
                        nodes.AddRange(Compile(transitions.Body(i), lazy, known));
                    }

                    break;
                default:
                    throw new NotSupportedException($"the ensemble does not know the instruction {instruction}");
            }
        }

        return [.. nodes];
    }

    private ParticleNode.General Compile(GeneralTableau tableau)
    {
        int length = kernel.ConstantsLength;
        double[] constants = new double[tableau.Stages.Length * length];
        CompiledSum Sum(int at, ImmutableArray<Term> terms) => new(at, [
            .. terms.GroupBy(term => (Array: ArrayOf(term), term.Share))
                .Select(group => (group.Key.Array, group.Sum(term => term.Coefficient), group.Key.Share))
                .Where(term => term.Item2 != 0),
        ]);
        int ArrayOf(Term term) => term.Number + (term.Of switch
        {
            Input.Register => 0,
            Input.Prediction => 1 + Shape.Registers,
            _ => 1 + Shape.Registers + Shape.Stages,
        });
        CompiledSum Stage(GeneralStage stage, int i)
        {
            kernel.Prepare(stage.Level, stage.Of, constants.AsSpan(i * length, length));
            return Sum(i * length, stage.At);
        }

        return new(tableau, tableau.IsRandomized, tableau.Noises, [.. tableau.Stages.Select(Stage)], [.. tableau.Updates.Select(row => Sum(-1, row))], constants);
    }

    /// <summary>What the level determines for a prediction, or for the target's density where there is none; shared by steps.</summary>
    private double[] Constants(NoiseLevel level, Prediction? of, Dictionary<(NoiseLevel, Prediction?), double[]> known)
    {
        if (known.TryGetValue((level, of), out double[]? constants)) return constants;
        constants = new double[of is null ? Density!.ConstantsLength : kernel.ConstantsLength];
        if (of is { } prediction)
        {
            kernel.Prepare(level, prediction, constants);
        }
        else
        {
            Density!.Prepare(level, constants);
        }

        known.Add((level, of), constants);
        return constants;
    }

    private ParticleNode.Step Compile(Tableau tableau, Dictionary<(NoiseLevel, Prediction?), double[]> known)
    {
        // One stage, the usual case, shares the constants of its level; several stages get theirs side by side.
        int length = kernel.ConstantsLength;
        CompiledStage[] stages = [.. tableau.Stages.Select((s, i) => new CompiledStage(i * length, s.A, [.. s.B]))];
        double[] constants;
        if (stages.Length == 1)
        {
            constants = Constants(tableau.Stages[0].Level, tableau.Stages[0].Of, known);
        }
        else
        {
            constants = new double[stages.Length * length];
            for (int i = 0; i < stages.Length; i++)
            {
                kernel.Prepare(tableau.Stages[i].Level, tableau.Stages[i].Of, constants.AsSpan(i * length, length));
            }
        }

        return new ParticleNode.Step(tableau, stages, [.. tableau.B], constants);
    }
}
