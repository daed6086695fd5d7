namespace Sgm.Engine;

/// <summary>Thrown where the work of a run or of a metric has reached its limit; caught where a reason is returned instead.</summary>
internal sealed class WorkExceededException : Exception;

/// <summary>
/// The work that a run on the line, or the metrics of its laws, may take, so that no input runs without an end. Counted in
/// evaluations of one component of a mixture (some 20 ns or more), never by the clock: what is refused does not depend on the machine.
/// </summary>
internal sealed class WorkLimit(long limit, CancellationToken cancellation, WorkLimit? whole = null)
{
    /// <summary>For the steps of a run: some 20 s.</summary>
    public const long OfRun = 1_000_000_000;

    /// <summary>For the metrics of all probes of a run: some 20 s.</summary>
    public const long OfMetrics = 1_000_000_000;

    /// <summary>For one metric of a law at one resolution.</summary>
    public const long OfMetric = 300_000_000;

    /// <summary>A run whose steps would take so many times the limit is refused before it reaches it.</summary>
    private const double Hopeless = 3;

    /// <summary>Ends what counts its work elsewhere.</summary>
    public CancellationToken Cancellation => cancellation;

    /// <summary>What was done.</summary>
    public long Spent { get; private set; }

    /// <summary>What may be done.</summary>
    public long Limit => limit;

    /// <summary>Whether so much is spent that a bracket should be left as wide as it is.</summary>
    public bool IsShort => Spent > limit / 2;

    /// <summary>Whether so much more work is hopeless, once enough is done to judge.</summary>
    public bool CannotHold(double more) => Spent > limit / 200 && Spent + more > Hopeless * limit;

    /// <summary>Whether a folded law, of which every density is dear, has taken its part.</summary>
    public bool IsShortForFolds => Spent > limit / 8;

    /// <summary>Gives up before work that is known not to fit.</summary>
    /// <exception cref="WorkExceededException">It does not.</exception>
    public void Foresee(double more)
    {
        if (Spent + more > limit)
        {
            throw new WorkExceededException();
        }
    }

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
