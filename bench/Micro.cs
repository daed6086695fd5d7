using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Sgm.Engine;

namespace Sgm.Bench;

/// <summary>BenchmarkDotNet, in this process: what it would compile anew is what runs here already.</summary>
internal static class Micro
{
    public static void Run(string[] arguments)
    {
        ManualConfig config = ManualConfig.Create(DefaultConfig.Instance)
            .AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
        BenchmarkSwitcher.FromTypes([typeof(Functions), typeof(Particles), typeof(ExactLaws)]).Run(arguments, config);
    }
}

/// <summary>1024 numbers an operation.</summary>
[MemoryDiagnoser]
public class Functions
{
    private const int Count = 1024;
    private readonly RandomStream stream = new(1, 0);
    private readonly double[] uniform = new double[Count];
    private readonly double[] one = new double[Count];
    private readonly double[] other = new double[Count];

    public Functions() => stream.FillUniform(uniform);

    [Benchmark(OperationsPerInvoke = Count)]
    public void Normals() => stream.FillNormal(one);

    [Benchmark(OperationsPerInvoke = Count)]
    public void Exp() => VectorMath.Exp(uniform, one);

    [Benchmark(OperationsPerInvoke = Count)]
    public void Log() => VectorMath.Log(uniform, one);

    [Benchmark(OperationsPerInvoke = Count)]
    public void SinCos() => VectorMath.SinCosTwoPi(uniform, one, other);
}

/// <summary>512 particles, one thread; an operation is one coordinate of one particle by one step.</summary>
[MemoryDiagnoser]
public class Particles
{
    private const int Count = 512;
    private const int Steps = 200;
    private static readonly RunOptions Options = new() { Particles = Count, Threads = 1 };
    private readonly Plan normal = Work.Langevin(Target.Centred(Work.Dimension, 1), Steps);
    private readonly Plan shared = Work.Langevin(Work.Mixture(Work.Components, Work.Dimension), Steps);
    private readonly Plan own = Work.Langevin(
        Work.Mixture(Work.Components, Work.Dimension, k => Work.Tridiagonal(Work.Dimension, k)), Steps);

    private readonly Plan samples = Work.Langevin(Work.Samples(10_000), 2, 1e-3);

    [Benchmark(OperationsPerInvoke = Count * Steps * Work.Dimension)]
    public Outcome LangevinOnNormal() => new Ensemble().Run(normal, Options);

    [Benchmark(OperationsPerInvoke = Count * Steps * Work.Dimension)]
    public Outcome LangevinOnMixture() => new Ensemble().Run(shared, Options);

    [Benchmark(OperationsPerInvoke = Count * Steps * Work.Dimension)]
    public Outcome LangevinOnOwnFullCovariances() => new Ensemble().Run(own, Options);

    [Benchmark(OperationsPerInvoke = Count * 2 * 2)]
    public Outcome LangevinOnTenThousandSamples() => new Ensemble().Run(samples, Options);
}

/// <summary>Whole runs.</summary>
[MemoryDiagnoser]
public class ExactLaws
{
    private readonly Plan gaussian = Work.GaussianLaw();
    private readonly Plan grid = Work.GridLaw();

    [Benchmark]
    public Outcome Gaussian() => new GaussianInterpreter().Run(gaussian, new RunOptions());

    [Benchmark]
    public Outcome Grid() => new GridInterpreter().Run(grid, new RunOptions());
}
