using System.Collections.Immutable;
using Sgm.Engine;

namespace Sgm.Bench;

/// <summary>The plans that are measured; the Langevin ones are the work of limit.cpp and peers.py.</summary>
internal static class Work
{
    public const int Dimension = 16;
    public const int Components = 8;
    public const double Step = 0.01;

    /// <summary>Langevin from the origin with a probe at the end.</summary>
    public static Plan Langevin(Target target, long steps, double h = Step) =>
        Langevin(target, new Start.Point(new double[target.Dimension]), steps, h);

    /// <summary>Langevin with a probe at the end.</summary>
    public static Plan Langevin(Target target, Start start, long steps, double h) => Of(
        target,
        start,
        new Instruction.Repeat(steps, [new Instruction.Step(Corrector(h))]));

    /// <summary>
    /// A predictor and a corrector, alternating, each with as many evaluations and as much noise as it says: two kinds of steps.
    /// </summary>
    public static Plan HeunAndLangevin(Target target, int steps)
    {
        Tableau heun = Corrector(Step) with
        {
            Method = "heun",
            Stages = [new Stage(NoiseLevel.Data, 1, []), new Stage(NoiseLevel.Data, 1, [Step])],
            B = [Step / 2, Step / 2],
            C = 0,
        };
        return Of(
            target,
            new Start.Law(target, NoiseLevel.Data),
            new Instruction.Repeat(steps, [new Instruction.Step(heun), new Instruction.Step(Corrector(Step))]));
    }

    /// <summary>Equal weights, means uniform in [−2, 2]^d, covariances I or as given.</summary>
    public static Target Mixture(int components, int dimension, Func<int, Covariance>? covariance = null)
    {
        Random random = new(1);
        double[] means = [.. Enumerable.Range(0, components * dimension).Select(_ => (random.NextDouble() * 4) - 2)];
        return new Target(new Mixture(
            [.. Enumerable.Repeat(1.0 / components, components)],
            means,
            covariance is null
                ? [Covariance.Isotropic(dimension, 1)]
                : [.. Enumerable.Range(0, components).Select(covariance)]));
    }

    /// <summary>Data points uniform in a square, each with a normal law of standard deviation 0.1.</summary>
    public static Target Samples(int points)
    {
        Random random = new(2);
        double[] means = [.. Enumerable.Range(0, points * 2).Select(_ => (random.NextDouble() * 4) - 2)];
        return new Target(new Mixture([.. Enumerable.Repeat(1.0 / points, points)], means, [Covariance.Isotropic(2, 0.01)]));
    }

    /// <summary>Every component its own tridiagonal covariance.</summary>
    public static Covariance Tridiagonal(int dimension, int component)
    {
        double[,] matrix = new double[dimension, dimension];
        for (int i = 0; i < dimension; i++)
        {
            matrix[i, i] = 1 + (0.1 * component);
            if (i > 0) matrix[i, i - 1] = matrix[i - 1, i] = 0.2;
        }

        return Covariance.Full(matrix);
    }

    /// <summary>10⁵ steps in a million equal dimensions.</summary>
    public static Plan GaussianLaw() => Langevin(
        Target.Centred(1_000_000, 1), new Start.Law(Target.Centred(1_000_000, 4), NoiseLevel.Data), 100_000, 1e-4);

    /// <summary>10⁴ steps of h = 10⁻³ on two modes.</summary>
    public static Plan GridLaw()
    {
        Target modes = new(new Mixture([0.5, 0.5], [-2, 2], [Covariance.Isotropic(1, 0.25)]));
        return Langevin(modes, new Start.Law(Target.Centred(1, 1), NoiseLevel.Data), 10_000, 1e-3);
    }

    /// <summary>Sizes from which and to which costs on the grid are followed.</summary>
    public static readonly int[] Sizes = [100, 10_000];

    /// <summary>Twenty steps on so many components on the line, deviations from 0.05 to 2.</summary>
    public static Plan OnTheLine(int components)
    {
        Random random = new(3);
        double[] means = [.. Enumerable.Range(0, components).Select(_ => (random.NextDouble() * 10) - 5)];
        return OnTheGrid(new Mixture(
            [.. Enumerable.Repeat(1.0 / components, components)],
            means,
            [.. means.Select(_ => Covariance.Isotropic(1, Math.Pow(0.05 * Math.Pow(40, random.NextDouble()), 2)))]));
    }

    /// <summary>Twenty steps on so many rows of data, with the bandwidth of a normal reference.</summary>
    public static Plan Rows(int rows)
    {
        Random random = new(4);
        double[] data = [.. Enumerable.Range(0, rows).Select(i => (i % 2 == 0 ? -2 : 2) + random.NextDouble() + random.NextDouble())];
        double bandwidth = 2 * Math.Pow(rows, -0.2);
        return OnTheGrid(new Mixture([.. Enumerable.Repeat(1.0 / rows, rows)], data, [Covariance.Isotropic(1, bandwidth * bandwidth)]));
    }

    /// <summary>So many steps on two modes.</summary>
    public static Plan Modes(int steps) => OnTheGrid(new Mixture([0.5, 0.5], [-2, 2], [Covariance.Isotropic(1, 0.25)]), steps);

    private static Plan OnTheGrid(Mixture law, int steps = 20) =>
        Langevin(new Target(law), new Start.Law(Target.Centred(1, 9), NoiseLevel.Data), steps, 1e-3) with
        {
            Metrics = [Metric.Tv, Metric.Kl, Metric.Chi2, Metric.W2],
        };

    private static Tableau Corrector(double h) =>
        Tableau.OneStage("langevin", NoiseLevel.Data, NoiseLevel.Data, NoiseLevel.Data, 1, h, Math.Sqrt(2 * h));

    private static Plan Of(Target target, Start start, params ImmutableArray<Instruction> body) => new()
    {
        Target = target,
        Score = new Score(target, []),
        Start = start,
        InitialLevel = NoiseLevel.Data,
        Instructions = [.. body, new Instruction.Probe("end", NoiseLevel.Data)],
        Metrics = [],
    };
}
