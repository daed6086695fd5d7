namespace Sgm.Engine;

/// <summary>
/// The memory of laws on the grid: half of what there is, at most 1 GiB for a whole run, in quarters for nodes, for pieces of a source,
/// for block matrices, and for what is built. A step that needs more is refused. Both resolutions are counted, and a law before and after a step.
/// </summary>
public static class GridMemory
{
    // Values, image, slope, shift, points and weights, and the piece: at two resolutions, before and after a step.
    private const double NodeBytes = 256;

    // Image and density at 16 points, twelve fields and the headers.
    private const double PieceBytes = 512;

    // 16·16 numbers, twice while the blocks are sorted.
    private const double BlockBytes = 4096;

    /// <summary>Points of a normal law: a product of more kinds of coordinates than fit with so many each is not started.</summary>
    internal const int FewestNodes = 128;

    /// <summary>Bytes that all laws of a run may keep.</summary>
    public static double Limit => Math.Min(1L << 30, 0.5 * GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);

    /// <summary>Bytes that a point of a law takes which is kept, at two resolutions, with what its metrics remember.</summary>
    internal const double KeptNodeBytes = 256;

    /// <summary>Bytes of the smallest law at a probe.</summary>
    internal const double FewestLawBytes = ProbeMemory.LawBytes + (FewestNodes * KeptNodeBytes);

    /// <summary>Bytes that the laws of a run and those at its probes may keep; the law at the end is one of the run's.</summary>
    public static double Most(Plan plan) => Limit + (plan.ProbeCount > 1 ? ProbeMemory.Limit : 0);

    /// <summary>Evaluations of one component of a mixture that the steps of a run may take: some 20 s.</summary>
    public static long Evaluations => WorkLimit.OfRun;

    /// <summary>Points of all laws of a run at one resolution.</summary>
    internal static int Nodes { get; } = (int)(Limit / 4 / NodeBytes);

    /// <summary>Pieces of the source of one step.</summary>
    internal static int Pieces { get; } = (int)(Limit / 4 / PieceBytes);

    /// <summary>Blocks of all remembered steps of a run.</summary>
    internal static int Blocks { get; } = (int)(Limit / 4 / BlockBytes);

    /// <summary>Why so many kinds of coordinates cannot be on the grid together; null when they can.</summary>
    internal static string? WhyNot(long kinds) => kinds * FewestNodes <= Nodes
        ? null
        : $"{kinds} distinct kinds of coordinates are on grids of their own, which needs at least {Gibibytes(kinds * FewestNodes * NodeBytes * 4)} "
            + $"where {Gibibytes(Limit)} may be used; use fewer distinct coordinates, or particles";

    private static string Gibibytes(double bytes) => FormattableString.Invariant($"{bytes / (1 << 30):0.##} GiB");
}

/// <summary>What is left of a run's block matrices, for all of its coordinates together.</summary>
internal sealed class BlockAllowance
{
    /// <summary>Blocks that may still be stored.</summary>
    public int Left { get; private set; } = GridMemory.Blocks;

    public void Take(int blocks) => Left -= blocks;

    public void Return(int blocks) => Left += blocks;
}
