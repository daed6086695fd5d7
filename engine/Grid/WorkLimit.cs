namespace Sgm.Engine;

/// <summary>Thrown where the work of a run or of a metric has reached its limit; caught where a reason is returned instead.</summary>
internal sealed class WorkExceededException : Exception;

/// <summary>
/// The work that a run on the line, or the metrics of its laws, may take, so that no input runs without an end. Counted in
/// evaluations of one component of a mixture (some 20 ns or more), never by the clock: what is refused does not depend on the machine.
/// </summary>
internal sealed class WorkLimit(long limit, CancellationToken cancellation, WorkLimit? whole = null)
{
    /// <summary>For the steps of a run, and for the metrics of all its probes: some 20 s each.</summary>
    public const long OfRun = 1_000_000_000;

    /// <summary>For one metric of a law at one resolution: some 3 s.</summary>
    public const long OfMetric = 150_000_000;

    /// <summary>A run whose steps would take so many times the limit is refused before it reaches it.</summary>
    private const double Hopeless = 3;

    /// <summary>What was done.</summary>
    public long Spent { get; private set; }

    /// <summary>What may be done.</summary>
    public long Limit => limit;

    /// <summary>Whether so much is spent that a bracket should be left as wide as it is.</summary>
    public bool IsShort => Spent > limit / 2;

    /// <summary>Whether so much more work is hopeless, once enough is done to judge.</summary>
    public bool CannotHold(double more) => Spent > limit / 50 && Spent + more > Hopeless * limit;

    /// <summary>Begins anew, within the limit of the whole.</summary>
    public void Renew() => Spent = 0;

    /// <summary>Counts work before it is done.</summary>
    /// <exception cref="WorkExceededException">The limit is reached.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public void Spend(double count)
    {
        cancellation.ThrowIfCancellationRequested();
        if (Spent + count > limit)
        {
            throw new WorkExceededException();
        }

        Spent += (long)Math.Ceiling(count);
        whole?.Spend(count);
    }
}
