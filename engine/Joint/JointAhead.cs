namespace Sgm.Engine;

/// <summary>
/// Walks over instructions and says of every step which registers the next step that reads or drops any will read.
/// </summary>
internal sealed class JointAhead(IEnumerable<Instruction> instructions) : IDisposable
{
    private static readonly HashSet<int> Nothing = [];
    private readonly IEnumerator<Instruction> rest = instructions.GetEnumerator();
    private readonly Queue<Instruction> coming = [];

    // The registers that the first general step of the queue reads; null where none is known to be there.
    private HashSet<int>? known;

    /// <summary>The next instruction with what is read after it; null at the end.</summary>
    public (Instruction Now, IReadOnlySet<int> Reads)? Next()
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

        return (now, known ?? Nothing);
    }

    /// <summary>What is read after the next step.</summary>
    public IReadOnlySet<int> NextStep()
    {
        while (Next() is var (now, reads))
        {
            if (now is Instruction.Step or Instruction.General or Instruction.Adjusted) return reads;
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

    /// <inheritdoc/>
    public void Dispose() => rest.Dispose();
}
