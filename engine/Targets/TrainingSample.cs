using MathNet.Numerics.Distributions;
using MathNet.Numerics.Random;

namespace Sgm.Engine;

/// <summary>Draws of a target to train on or to test with, a function of (target, number, seed) and of nothing else.</summary>
public static class TrainingSample
{
    /// <summary>Draws of shape [n, d], row-major, by MathNet's xoshiro256** and Box–Muller.</summary>
    public static double[] Draw(Target target, int count, long seed)
    {
        var generator = new Xoshiro256StarStar(Seed(seed, 0));
        int d = target.Dimension;
        double[] result = new double[count * d];
        double[] z = new double[d];
        for (int i = 0; i < count; i++)
        {
            int at = i * d;
            foreach (Factor factor in target.Factors)
            {
                for (int copy = 0; copy < factor.Count; copy++)
                {
                    One(factor.Law, generator, z, result.AsSpan(at, factor.Law.Dimension));
                    at += factor.Law.Dimension;
                }
            }
        }

        return result;
    }

    /// <summary>
    /// The kernel density of n draws: the mixture of N(X_i, bandwidth²·I) with equal weights, whose noised score is exact.
    /// </summary>
    public static Target KernelDensity(Target target, int count, double bandwidth, long seed)
    {
        double[] weights = new double[count];
        Array.Fill(weights, 1.0 / count);
        return new Target(new Mixture(weights, Draw(target, count, seed), [Covariance.Isotropic(target.Dimension, bandwidth * bandwidth)]));
    }

    /// <summary>A seed for one use among several of a user's seed.</summary>
    internal static int Seed(long seed, int use) => unchecked((int)((ulong)((seed * 2) + use) * 0x9E3779B97F4A7C15UL >> 33));

    private static void One(Mixture law, Xoshiro256StarStar generator, double[] z, Span<double> x)
    {
        double u = generator.NextDouble();
        int k = 0;
        while (k + 1 < law.Count && (u -= law.Weights[k]) >= 0)
        {
            k++;
        }

        Covariance covariance = law.Covariance(k);
        int d = law.Dimension;
        for (int e = 0; e < d; e++)
        {
            z[e] = Normal.Sample(generator, 0, 1);
        }

        ReadOnlySpan<double> mean = law.Mean(k);
        for (int e = 0; e < d; e++)
        {
            x[e] = mean[e];
            if (covariance.Shape != CovarianceShape.Full)
            {
                x[e] += Math.Sqrt(covariance.Eigenvalue(e)) * z[e];
                continue;
            }

            for (int f = 0; f < d; f++)
            {
                x[e] += covariance.Entry(e, f, Math.Sqrt) * z[f];
            }
        }
    }
}
