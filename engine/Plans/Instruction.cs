using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>What an interpreter executes. A closed family: every interpreter answers for every case.</summary>
public abstract record Instruction
{
    private Instruction()
    {
    }

    /// <summary>Apply one tableau.</summary>
    public sealed record Step(Tableau Tableau) : Instruction;

    /// <summary>Apply one step that keeps earlier evaluations in registers, or draws several times.</summary>
    public sealed record General(GeneralTableau Tableau) : Instruction;

    /// <summary>Apply one step that may be rejected.</summary>
    public sealed record Adjusted(AdjustedStep One) : Instruction;

    /// <summary>Run the body <paramref name="Count"/> ≥ 0 times. Never unrolled.</summary>
    public sealed record Repeat(long Count, ImmutableArray<Instruction> Body) : Instruction;

    /// <summary>
    /// Run <c>Body(0)</c>, <c>Body(1)</c>, …, <c>Body(Count − 1)</c>: an anneal over a schedule of Count transitions.
    /// The body is a pure function, called on demand, so a long schedule takes the memory of its source text.
    /// </summary>
    public sealed record Transitions(int Count, Func<int, ImmutableArray<Instruction>> Body) : Instruction;

    /// <summary>Measure the law of the state here against the target at <paramref name="Level"/>.</summary>
    public sealed record Probe(string Name, NoiseLevel Level) : Instruction;
}
