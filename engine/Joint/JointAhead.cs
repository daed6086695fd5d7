namespace Sgm.Engine;

/// <summary>What comes after a step.</summary>
/// <param name="Reads">The registers that the next step which reads or drops any will read.</param>
/// <param name="Next">The step right after it; null where a run ends.</param>
internal sealed record JointFuture(IReadOnlySet<int> Reads, IStep? Next);

/// <summary>Walks over instructions and says of every step what comes after it.</summary>
internal sealed class JointAhead(IEnumerable<Instruction> instructions) : IDisposable
{
    private static readonly HashSet<int> Nothing = [];
    private readonly IEnumerator<Instruction> rest = instructions.GetEnumerator();
    private readonly Queue<Instruction> coming = [];

    // The registers that the first general step of the queue reads; null where none is known to be there.
    private HashSet<int>? known;

    /// <summary>The next instruction with what comes after it; null at the end.</summary>
    public (Instruction Now, JointFuture After)? Next()
    {
        if (coming.Count == 0 && !Pull()) return null;
        Instruction now = coming.Dequeue();
        if (now is Instruction.General or Instruction.Adjusted) known = null;
        foreach (Instruction one in known is null ? coming : [])
        {
            known ??= ReadBy(one);
        }

        while (known is null && Pull())
        {
            known = ReadBy(coming.Last());
        }

        IStep? next = null;
        foreach (Instruction one in coming)
        {
            next = Step(one);
            if (next is not null) break;
        }

        return (now, new(known ?? Nothing, next));
    }

    /// <summary>The next step with what comes after it.</summary>
    public JointFuture NextStep()
    {
        while (Next() is var (now, after))
        {
            if (Step(now) is not null) return after;
        }

        throw new InvalidOperationException("no step is left");
    }

    private bool Pull()
    {
        if (!rest.MoveNext()) return false;
        coming.Enqueue(rest.Current);
        return true;
    }

    private static HashSet<int>? ReadBy(Instruction instruction) => instruction switch
    {
        Instruction.General { Tableau: var step } =>
            [.. step.Terms.Where(term => term is { Of: Input.Register, Number: > 0 }).Select(term => term.Number)],
        Instruction.Adjusted => Nothing,
        _ => null,
    };

    private static IStep? Step(Instruction instruction) => instruction switch
    {
        Instruction.Step { Tableau: var step } => step,
        Instruction.General { Tableau: var step } => step,
        Instruction.Adjusted { One: var step } => step,
        _ => null,
    };

    /// <inheritdoc/>
    public void Dispose() => rest.Dispose();
}
