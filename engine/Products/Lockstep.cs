using System.Runtime.ExceptionServices;

namespace Sgm.Engine;

/// <summary>Several runs of the same instructions at once, so that an observer sees the laws of one step together.</summary>
internal static class Lockstep
{
    /// <summary>
    /// Every run on a thread of its own; <paramref name="see"/> is told the start and every step that all of them completed, in order.
    /// What the observer throws is thrown.
    /// </summary>
    public static Outcome[] Run(Func<RunOptions, Outcome>[] runs, RunOptions options, Action<StepResult[]> see)
    {
        var latest = new StepResult?[runs.Length];
        using Barrier barrier = new(runs.Length, _ =>
        {
            // A run that is over has none.
            if (Array.TrueForAll(latest, step => step.HasValue)) see(Array.ConvertAll(latest, step => step!.Value));
            Array.Clear(latest);
        });
        Task<Outcome>[] tasks = [.. runs.Select((run, k) => Task.Factory.StartNew(
            () =>
            {
                try
                {
                    return run(options with
                    {
                        Progress = k == 0 ? options.Progress : null,
                        AfterStep = step =>
                        {
                            latest[k] = step;
                            barrier.SignalAndWait();
                        },
                    });
                }
                finally
                {
                    barrier.RemoveParticipant();
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default))];
        try
        {
            Task.WaitAll(tasks);
        }
        catch (AggregateException e)
        {
            Exception first = e.Flatten().InnerExceptions[0];
            ExceptionDispatchInfo.Capture(first is BarrierPostPhaseException { InnerException: { } own } ? own : first).Throw();
        }

        return [.. tasks.Select(task => task.Result)];
    }
}
