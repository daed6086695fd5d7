using System.Diagnostics;
using System.Globalization;
using Sgm.Engine;

namespace Sgm.Bench;

/// <summary>Figures of one process, printed as lines "name value"; a comparison starts several such processes.</summary>
internal static class Figures
{
    /// <summary>A group of figures by its name.</summary>
    public static readonly IReadOnlyDictionary<string, Action> Groups = new Dictionary<string, Action>
    {
        ["speed"] = Speed,
        ["threads"] = Threads,
        ["laws"] = Laws,
        ["growth"] = Growth,
        ["memory"] = Memory,
        ["allocation"] = Allocation,
        ["prediction"] = Prediction,
    };

    private const int Particles = 512;

    private static void Print(string name, double value) =>
        Console.WriteLine($"{name} {value.ToString("R", CultureInfo.InvariantCulture)}");

    // As limit.cpp and peers.py do it: the best of several repetitions in a process.
    private static double Best(int repetitions, Action work)
    {
        double best = double.PositiveInfinity;
        for (int i = 0; i < repetitions; i++)
        {
            best = Math.Min(best, Time(work));
        }

        return best;
    }

    private static double Time(Action work)
    {
        long from = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(from).TotalSeconds;
    }

    private static void Run(Plan plan, long particles, int threads)
    {
        Outcome outcome = new Ensemble().Run(plan, new RunOptions { Particles = particles, Threads = threads });
        if (!outcome.IsCompleted) throw new InvalidOperationException(outcome.Status.ToString());
    }

    /// <summary>Millions per second on one thread: normals, or coordinates of particles by steps.</summary>
    private static void Speed()
    {
        RandomStream stream = new(1, 1);
        double[] normals = new double[8192];
        Print("normals", 200 * normals.Length / 1e6 / Best(20, () =>
        {
            for (int i = 0; i < 200; i++)
            {
                stream.FillNormal(normals);
            }
        }));
        // A repetition takes some milliseconds, as in limit.cpp: on a busy machine a long one is never undisturbed.
        Plan normal = Work.Langevin(Target.Centred(Work.Dimension, 1), 400);
        Plan mixture = Work.Langevin(Work.Mixture(Work.Components, Work.Dimension), 100);
        double coordinates = Particles * Work.Dimension / 1e6;
        Print("langevin", 400 * coordinates / Best(40, () => Run(normal, Particles, 1)));
        Print("mixture", 100 * coordinates / Best(60, () => Run(mixture, Particles, 1)));
    }

    /// <summary>
    /// The same work by one thread and by two, in turn: a run of about 0.15 s on one thread, and one of about 0.02 s,
    /// where starting a thread and the last block count.
    /// </summary>
    private static void Threads()
    {
        Pair("", 1 << 15, 12);
        Pair("Short", 1 << 12, 24);
    }

    // Millions of coordinates by steps a second, best repetition, on one thread and on two.
    private static void Pair(string suffix, int particles, int repetitions)
    {
        Plan mixture = Work.Langevin(Work.Mixture(Work.Components, Work.Dimension), 100);
        double one = double.PositiveInfinity;
        double two = double.PositiveInfinity;
        for (int i = 0; i < repetitions; i++)
        {
            one = Math.Min(one, Time(() => Run(mixture, particles, 1)));
            two = Math.Min(two, Time(() => Run(mixture, particles, 2)));
        }

        double coordinates = particles * 100.0 * Work.Dimension / 1e6;
        Print($"one{suffix}", coordinates / one);
        Print($"two{suffix}", coordinates / two);
    }

    /// <summary>Seconds of whole runs by exact laws.</summary>
    private static void Laws()
    {
        Plan gaussian = Work.GaussianLaw();
        Plan grid = Work.GridLaw();
        Print("gaussian", Time(() => new GaussianInterpreter().Run(gaussian, new RunOptions())));
        Print("gaussianWarm", Best(3, () => new GaussianInterpreter().Run(gaussian, new RunOptions())));
        Print("grid", Time(() => new GridInterpreter().Run(grid, new RunOptions())));
    }

    /// <summary>Seconds of runs on the grid with every metric, by what grows, each from a size to a hundred times that.</summary>
    private static void Growth()
    {
        Plan[] warm = [Work.OnTheLine(100), Work.Rows(100), Work.Modes(100)];
        Array.ForEach(warm, Measured);
        foreach (int size in Work.Sizes)
        {
            Print($"components{size}", Best(3, () => Measured(Work.OnTheLine(size))));
            Print($"rows{size}", Best(3, () => Measured(Work.Rows(size))));
            Print($"steps{size}", Best(3, () => Measured(Work.Modes(size))));
        }
    }

    private static void Measured(Plan plan)
    {
        Outcome outcome = new GridInterpreter().Run(plan, new RunOptions());
        if (!outcome.IsCompleted) throw new InvalidOperationException(outcome.Status.ToString());
        foreach (Metric metric in plan.Metrics)
        {
            Estimate estimate = outcome.Probes[^1].Law.Measure(metric);
            if (estimate.Value is null) throw new InvalidOperationException(estimate.Reason);
        }
    }

    /// <summary>Bytes of the process at its peak with ten million particles in the plane.</summary>
    private static void Memory()
    {
        Plan plan = Work.Langevin(Target.Centred(2, 1), 10);
        double seconds = Time(() => Run(plan, 10_000_000, 2));
        using Process self = Process.GetCurrentProcess();
        Print("peak", self.PeakWorkingSet64);
        Print("peakSeconds", seconds);
    }

    /// <summary>Bytes on the heap a step: what 1000 more steps add.</summary>
    private static void Allocation()
    {
        Plan few = Work.Langevin(Work.Mixture(Work.Components, Work.Dimension), 1000);
        Plan many = Work.Langevin(Work.Mixture(Work.Components, Work.Dimension), 2000);
        long Bytes(Plan plan)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Run(plan, Particles, 1);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Bytes(few);
        Bytes(many);
        long bytes = Bytes(few);
        Print("bytesPerStep", (Bytes(many) - bytes) / 1000.0);
    }

    /// <summary>Predicted and measured seconds of runs that differ in one thing, and of other kinds of runs.</summary>
    private static void Prediction()
    {
        foreach ((string name, Plan plan, long particles, int threads) in Predictions.Cases())
        {
            RunOptions options = new() { Particles = particles, Threads = threads };
            // Compiles the kernels, as every process of `sgm` does once: neither the prediction nor the run has it to itself.
            new Ensemble().Predict(plan, options, 0.05);
            double predicted = 0;
            double calibration = Time(() => predicted = new Ensemble().Predict(plan, options)!.Seconds);
            Print($"calibration:{name}", calibration);
            Print($"predicted:{name}", predicted);
            Print($"measured:{name}", Time(() => Run(plan, particles, threads)));
        }
    }
}
