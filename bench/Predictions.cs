using Sgm.Engine;

namespace Sgm.Bench;

/// <summary>Runs whose time is predicted: one that differs from the first in one factor at a time, then other kinds of plans.</summary>
internal static class Predictions
{
    private const long Particles = 4096;
    private const int Steps = 100;

    public static IEnumerable<(string Name, Plan Plan, long Particles, int Threads)> Cases()
    {
        yield return ("mixture, K = 8, d = 16, 4096 particles, 100 steps", Mixture(8, 16, Steps), Particles, 1);
        yield return ("4× the particles", Mixture(8, 16, Steps), 4 * Particles, 1);
        yield return ("4× the steps", Mixture(8, 16, 4 * Steps), Particles, 1);
        yield return ("4× the dimension", Mixture(8, 64, Steps), Particles, 1);
        yield return ("4× the components", Mixture(32, 16, Steps), Particles, 1);
        yield return ("2 threads", Mixture(8, 16, 4 * Steps), Particles, 2);
        yield return ("N(0, I), d = 2, 200 000 particles, 100 steps", Work.Langevin(Target.Centred(2, 1), 100), 200_000, 1);
        yield return ("N(0, I), d = 1000, 2048 particles, 50 steps", Work.Langevin(Target.Centred(1000, 1), 50), 2048, 1);
        yield return (
            "own full covariances, K = 8, d = 16, 2048 particles, 50 steps",
            Work.Langevin(Work.Mixture(8, 16, k => Work.Tridiagonal(16, k)), 50),
            2048,
            1);
        yield return ("10⁴ data points, d = 2, 4096 particles, 4 steps", Work.Langevin(Work.Samples(10_000), 4, 1e-3), 4096, 1);
        yield return ("Heun and Langevin in turn, K = 8, d = 16, 4096 particles, 100 steps", Work.HeunAndLangevin(Work.Mixture(8, 16), 50), 4096, 1);
        yield return ("start and probe alone, d = 2, 2·10⁶ particles", Work.Langevin(Work.Mixture(8, 2), new Start.Law(Work.Mixture(8, 2), NoiseLevel.Data), 0, 1), 2_000_000, 1);
    }

    private static Plan Mixture(int components, int dimension, int steps) => Work.Langevin(Work.Mixture(components, dimension), steps);
}
