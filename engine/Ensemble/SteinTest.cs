using MathNet.Numerics.LinearAlgebra;

namespace Sgm.Engine;

/// <summary>What a goodness-of-fit test found.</summary>
/// <param name="Discrepancy">Unbiased estimate of the squared kernel Stein discrepancy; 0 on average for particles of law p.</param>
/// <param name="PValue">Probability of at least this much for independent particles of law p; a multiple of 1/(draws + 1).</param>
/// <param name="Particles">How many particles were looked at.</param>
public sealed record SteinResult(double Discrepancy, double PValue, int Particles);

/// <summary>
/// Kernel Stein discrepancy: are the particles draws of p? Needs the score of p alone, no draws and no normalising constant.
/// </summary>
/// <remarks>
/// With s = ∇ln p, k(x, y) = (c² + |x − y|²)^(−½) and r = x − y, S = c² + |r|²:
/// u(x, y) = s(x)·s(y)·k + (s(x) − s(y))·r·S^(−3/2) + d·S^(−3/2) − 3|r|²·S^(−5/2),
/// whose mean over independent x, y of law q is 0 iff q = p. The U-statistic is Σ_{i≠j} u_ij/(n(n − 1)); its law under q = p is that of the
/// wild bootstrap Σ_{i≠j} w_i·w_j·u_ij/(n(n − 1)), w random signs, for large n. c² is the median of |x − y|². O(n²·(d + draws)), vectorised;
/// n is capped. The p-value resolves no more than 1/(draws + 1): it is no part of any error budget.
/// Q. Liu, J. Lee, M. Jordan and K. Chwialkowski, H. Strathmann, A. Gretton, ICML 2016; J. Gorham, L. Mackey, ICML 2017 (the kernel).
/// </remarks>
public static class SteinTest
{
    private const int MostParticles = 1000;
    private const int Batch = 100;

    /// <summary>Tests the first particles, at most 1000, against the target at the level; the seed is that of the signs.</summary>
    public static SteinResult Of(ParticleStore particles, Target target, NoiseLevel level, ulong seed, int draws = 499)
    {
        int d = particles.Dimension;
        int n = (int)Math.Min(particles.Count, MostParticles);
        ArgumentOutOfRangeException.ThrowIfLessThan(n, 2, nameof(particles));
        double[] x = new double[d * n];
        for (int i = 0; i < n; i++)
        {
            double[] row = particles.Particle(i);
            for (int e = 0; e < d; e++)
            {
                x[(e * n) + i] = row[e];
            }
        }

        double[] s = new double[d * n];
        new ScoreField(new Score(target, [])).Evaluate(level, x, s, n);
        Matrix<double> u = Kernel(x, s, d, n);
        double pairs = (double)n * (n - 1);
        double statistic = u.ColumnSums().Sum() / pairs;
        return new SteinResult(statistic, (1.0 + AtLeast(u, statistic * pairs, seed, draws)) / (draws + 1.0), n);
    }

    /// <summary>u(x, y) for two points with their scores; the plain formula.</summary>
    public static double Pair(ReadOnlySpan<double> x, ReadOnlySpan<double> sx, ReadOnlySpan<double> y, ReadOnlySpan<double> sy, double width2)
    {
        double square = 0, scores = 0, cross = 0;
        for (int e = 0; e < x.Length; e++)
        {
            double r = x[e] - y[e];
            square += r * r;
            scores += sx[e] * sy[e];
            cross += (sx[e] - sy[e]) * r;
        }

        return Combine(square, scores, cross, x.Length, width2);
    }

    private static double Combine(double square, double scores, double cross, int d, double width2)
    {
        double size = width2 + square;
        double k = 1 / Math.Sqrt(size);
        double k3 = k / size;
        return (scores * k) + ((cross + d) * k3) - (3 * square * k3 / size);
    }

    // u with a diagonal of zeros. By Gram matrices: |r|² = |x|² + |y|² − 2x·y and (s(x) − s(y))·r = s(x)·x + s(y)·y − s(x)·y − s(y)·x.
    private static Matrix<double> Kernel(double[] x, double[] s, int d, int n)
    {
        Matrix<double> points = Matrix<double>.Build.Dense(n, d, x);
        Matrix<double> scores = Matrix<double>.Build.Dense(n, d, s);
        Matrix<double> inner = points * points.Transpose();
        Matrix<double> mixed = scores * points.Transpose();
        Matrix<double> u = scores * scores.Transpose();
        double width2 = MedianSquare(inner, n);
        for (int j = 0; j < n; j++)
        {
            u[j, j] = 0;
            for (int i = 0; i < j; i++)
            {
                double square = Math.Max(0, inner[i, i] + inner[j, j] - (2 * inner[i, j]));
                double cross = mixed[i, i] + mixed[j, j] - mixed[i, j] - mixed[j, i];
                u[i, j] = u[j, i] = Combine(square, u[i, j], cross, d, width2);
            }
        }

        return u;
    }

    // Over the pairs (2i, 2i + 1): n/2 of them are enough for a scale.
    private static double MedianSquare(Matrix<double> inner, int n)
    {
        double[] squares = [.. Enumerable.Range(0, n / 2).Select(i => inner[2 * i, 2 * i] + inner[(2 * i) + 1, (2 * i) + 1] - (2 * inner[2 * i, (2 * i) + 1]))];
        Array.Sort(squares);
        return Math.Max(squares[squares.Length / 2], double.Epsilon);
    }

    // How many of the draws of signs give Σ w_i·w_j·u_ij at least this.
    private static int AtLeast(Matrix<double> u, double sum, ulong seed, int draws)
    {
        int n = u.RowCount;
        RandomStream stream = new(seed, -1);
        double[] uniforms = new double[n];
        int count = 0;
        for (int from = 0; from < draws; from += Batch)
        {
            int here = Math.Min(Batch, draws - from);
            Matrix<double> signs = Matrix<double>.Build.Dense(n, here);
            for (int r = 0; r < here; r++)
            {
                stream.FillUniform(uniforms);
                signs.SetColumn(r, [.. uniforms.Select(v => v < 0.5 ? -1.0 : 1.0)]);
            }

            count += (u * signs).PointwiseMultiply(signs).ColumnSums().Count(total => total >= sum);
        }

        return count;
    }
}
