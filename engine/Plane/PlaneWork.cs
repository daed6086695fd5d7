using System.Runtime.ExceptionServices;

namespace Sgm.Engine;

/// <summary>
/// What a run in the plane may take: nodes of a lattice, by the memory, and work, in units of about a nanosecond of one core. Counted before
/// it is done and never by the clock, so that what is refused does not depend on the machine.
/// </summary>
internal sealed class PlaneWork(RunOptions options, double limit = PlaneWork.Limit)
{
    /// <summary>Work of the steps and measurements of a run: some half a minute of one core.</summary>
    public const double Limit = 3e10;

    /// <summary>Place, image, mass, neighbours and number of a node, its value in a tile, and the sorted copy.</summary>
    public const double NodeBytes = 160;

    private readonly ParallelOptions parallel = new()
    {
        MaxDegreeOfParallelism = options.Threads > 0 ? options.Threads : Environment.ProcessorCount,
        CancellationToken = options.Cancellation,
    };

    /// <summary>Nodes of a lattice that fit, at two resolutions; half of the memory, at most 2 GiB.</summary>
    public static double Nodes => Math.Min(2.0 * (1L << 30), 0.5 * GC.GetGCMemoryInfo().TotalAvailableMemoryBytes) / NodeBytes / 2;

    /// <summary>What was done.</summary>
    public double Spent { get; private set; }

    /// <summary>Counts work before it is done.</summary>
    /// <exception cref="WorkExceededException">The limit is reached.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public void Spend(double amount)
    {
        options.Cancellation.ThrowIfCancellationRequested();
        Spent += amount;
        if (!(Spent <= limit)) throw new WorkExceededException();
    }

    /// <summary>Asks for so many nodes.</summary>
    /// <exception cref="WorkExceededException">There is no memory for them.</exception>
    public void Hold(double nodes)
    {
        if (!(nodes <= Nodes)) throw new WorkExceededException();
    }

    /// <summary>The action for 0, …, count − 1, on all threads; what it writes for one does not depend on the others.</summary>
    public void Each(int count, Action<int> action)
    {
        options.Cancellation.ThrowIfCancellationRequested();
        if (count == 1)
        {
            action(0);
            return;
        }

        try
        {
            Parallel.For(0, count, parallel, action);
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Capture(e.InnerExceptions[0]).Throw();
        }
    }
}
