using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>One stage ready to run: y = A·x + Σ B·s, the score's constants at an offset.</summary>
internal readonly record struct CompiledStage(int Constants, double A, double[] B)
{
    /// <summary>Whether the score is evaluated at the state itself.</summary>
    public bool IsAtState => A == 1 && B.Length == 0;
}

/// <summary>A node of a plan ready to run.</summary>
internal abstract record ParticleNode
{
    private ParticleNode()
    {
    }

    /// <summary>One step; its constants lie in <paramref name="Constants"/>.</summary>
    public sealed record Step(Tableau Tableau, CompiledStage[] Stages, double[] B, double[] Constants) : ParticleNode;

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
        MostStages = 1;
        long steps = 0;
        long most = Math.Min(LargestSteps, 1 + (LargestConstants / Math.Max(1, kernel.ConstantsLength)));
        foreach (Tableau tableau in plan.Tableaus())
        {
            MostStages = Math.Max(MostStages, tableau.Stages.Length);
            steps += tableau.Stages.Length;
        }

        Root = Compile(plan.Instructions, steps > most, []);
        ProbeCount = plan.ProbeCount;
    }

    /// <summary>What to run.</summary>
    public ParticleNode[] Root { get; }

    /// <summary>Largest number of stages of a step.</summary>
    public int MostStages { get; }

    /// <summary>Probes that a run reaches, repeats counted.</summary>
    public long ProbeCount { get; }

    /// <summary>One body of a <see cref="ParticleNode.Lazy"/>.</summary>
    public ParticleNode[] CompileLazily(ImmutableArray<Instruction> body) => Compile(body, true, []);

    private ParticleNode[] Compile(ImmutableArray<Instruction> body, bool lazy, Dictionary<(NoiseLevel, Prediction), double[]> known)
    {
        List<ParticleNode> nodes = new(body.Length);
        foreach (Instruction instruction in body)
        {
            switch (instruction)
            {
                case Instruction.Step step:
                    nodes.Add(Compile(step.Tableau, known));
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

    private ParticleNode.Step Compile(Tableau tableau, Dictionary<(NoiseLevel, Prediction), double[]> known)
    {
        // One stage, the usual case, shares the constants of its level; several stages get theirs side by side.
        int length = kernel.ConstantsLength;
        CompiledStage[] stages = [.. tableau.Stages.Select((s, i) => new CompiledStage(i * length, s.A, [.. s.B]))];
        double[] constants;
        if (stages.Length == 1)
        {
            Stage stage = tableau.Stages[0];
            if (!known.TryGetValue((stage.Level, stage.Of), out constants!))
            {
                constants = new double[length];
                kernel.Prepare(stage.Level, stage.Of, constants);
                known.Add((stage.Level, stage.Of), constants);
            }
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
