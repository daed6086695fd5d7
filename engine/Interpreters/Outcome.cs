using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>How a run ended. Failures that depend on data are returned, never thrown.</summary>
public abstract record RunStatus
{
    private RunStatus()
    {
    }

    /// <summary>Every instruction ran.</summary>
    public sealed record Completed : RunStatus;

    /// <summary>The caller cancelled.</summary>
    public sealed record Cancelled : RunStatus;

    /// <summary>The state stopped being finite, or exceeded 1e150.</summary>
    /// <param name="Step">0-based index of the step in the order of running, repeats unrolled.</param>
    /// <param name="Method">The method of that step.</param>
    /// <param name="Level">The current level before it.</param>
    /// <param name="Block">The block of particles, or −1 for an exact law.</param>
    /// <param name="Advice">An actionable sentence.</param>
    public sealed record Diverged(long Step, string Method, NoiseLevel Level, long Block, string Advice) : RunStatus;

    /// <summary>This interpreter cannot run this plan.</summary>
    /// <param name="Reason">Why, and what to use instead.</param>
    public sealed record Unsupported(string Reason) : RunStatus;
}

/// <summary>The law at a probe.</summary>
public sealed record ProbeResult(string Name, NoiseLevel Level, Law Law)
{
    /// <summary>
    /// The mean probability of acceptance of the steps since the probe before that could be rejected; null where there were none.
    /// </summary>
    public Estimate? Acceptance { get; init; }
}

/// <summary>What a run gave: how it ended, and the law at every probe that it reached, in order.</summary>
public sealed record Outcome(RunStatus Status, ImmutableArray<ProbeResult> Probes)
{
    /// <summary>Whether every instruction ran.</summary>
    public bool IsCompleted => Status is RunStatus.Completed;
}

/// <summary>The law after one step, handed to an observer and not kept.</summary>
/// <param name="Index">0-based index of the step in the order of running; −1 for the start, before any step.</param>
/// <param name="Step">The step that just ran; null for the start.</param>
/// <param name="Level">The current level now.</param>
/// <param name="Law">The law now.</param>
public readonly record struct StepResult(long Index, IStep? Step, NoiseLevel Level, Law Law);

/// <summary>How to run a plan.</summary>
public sealed record RunOptions
{
    /// <summary>Number of particles; Monte Carlo only.</summary>
    public long Particles { get; init; } = 100_000;

    /// <summary>Seed of all randomness; Monte Carlo only.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Threads; 0 is one a core. Results do not depend on it.</summary>
    public int Threads { get; init; }

    /// <summary>Stops the run within a fraction of a second.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>Told the finished fraction in [0, 1], from any thread.</summary>
    public IProgress<double>? Progress { get; init; }

    /// <summary>Told the law of the start and after every step; exact laws only.</summary>
    public Action<StepResult>? AfterStep { get; init; }
}

/// <summary>One way to execute a plan.</summary>
public interface IInterpreter
{
    /// <summary>"gaussian", "grid", "product", "plane", "finite" or "particles".</summary>
    string Backend { get; }

    /// <summary>Null when this interpreter can run the plan; otherwise why not, and what to use instead, in a sentence.</summary>
    string? WhyNot(Plan plan);

    /// <summary>Runs the plan.</summary>
    Outcome Run(Plan plan, RunOptions options);
}
