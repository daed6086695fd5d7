using System.Collections.Concurrent;
using MathNet.Numerics.LinearAlgebra;

namespace Sgm.Engine;

/// <summary>
/// A score fitted by denoising score matching in a linear class: with n training draws X_i of the target and normal Z_i, at every
/// level s minimises (1/n)·Σ‖s(m·X_i + σ·Z_i) + Z_i/σ‖² + λ‖W‖² over s(x) = −Σ̂⁻¹(x − μ̂) + W·φ(x), where μ̂, Σ̂ are the training draws'
/// moments at the level and φ_j(x) = √(2/k)·cos(ω_j·x + b_j), j = 1..k, are random Fourier features (Rahimi and Recht 2007).
/// </summary>
/// <remarks>
/// The minimiser over all functions is ∇ln p_level for infinitely many draws (Vincent 2011). Frequencies are ω_j = ζ_j/ℓ_j with ζ_j standard
/// normal and lengths ℓ_j = σ^u·ŝ^(1−u), u uniform on [0, 1], between the noise and the spread ŝ of the draws. The ridge is λ = 10⁻³/σ²,
/// a thousandth of the scale of the noise's own variance. Everything is a function of (target, n, k, seed): the generator is
/// MathNet's xoshiro256**. Levels are fitted when they are first asked for, at O(n·k²) operations each.
/// </remarks>
public sealed class ScoreMatching : ScoreFunction
{
    private const double Ridge = 1e-3;
    private readonly int draws;
    private readonly int features;
    private readonly double[] data;
    private readonly double[] noise;
    private readonly double[] directions;
    private readonly double[] exponents;
    private readonly double[] phases;
    private readonly ConcurrentDictionary<NoiseLevel, Fit> fits = new();

    /// <summary>Fits to <paramref name="draws"/> draws of the target with <paramref name="features"/> random features.</summary>
    public ScoreMatching(Target target, int draws, int features, long seed)
    {
        Dimension = target.Dimension;
        this.draws = draws;
        this.features = features;
        data = TrainingSample.Draw(target, draws, seed);
        var generator = new MathNet.Numerics.Random.Xoshiro256StarStar(TrainingSample.Seed(seed, 1));
        double[] Normals(int count)
        {
            double[] values = new double[count];
            MathNet.Numerics.Distributions.Normal.Samples(generator, values, 0, 1);
            return values;
        }

        noise = Normals(draws * Dimension);
        directions = Normals(features * Dimension);
        exponents = [.. Enumerable.Range(0, features).Select(_ => generator.NextDouble())];
        phases = [.. Enumerable.Range(0, features).Select(_ => 2 * Math.PI * generator.NextDouble())];
    }

    /// <inheritdoc/>
    public override int Dimension { get; }

    /// <inheritdoc/>
    public override string Description => "a function fitted to draws of the target by denoising score matching";

    /// <inheritdoc/>
    public override double Cost => (Dimension * (double)Dimension) + (features * ((2.0 * Dimension) + 20));

    /// <inheritdoc/>
    public override void Evaluate(NoiseLevel level, ReadOnlySpan<double> points, Span<double> scores, int stride, int count)
    {
        const int small = 64;
        Fit fit = At(level);
        Span<double> x = Dimension <= small ? stackalloc double[Dimension] : new double[Dimension];
        Span<double> s = Dimension <= small ? stackalloc double[Dimension] : new double[Dimension];
        for (int i = 0; i < count; i++)
        {
            for (int e = 0; e < Dimension; e++)
            {
                x[e] = points[(e * stride) + i];
            }

            fit.Evaluate(x, s);
            for (int e = 0; e < Dimension; e++)
            {
                scores[(e * stride) + i] = s[e];
            }
        }
    }

    /// <inheritdoc/>
    public override (double Value, double Slope) OnLine(NoiseLevel level, double x) => At(level).OnLine(x);

    /// <inheritdoc/>
    public override double FarSlope(NoiseLevel level) => -At(level).Precision[0];

    /// <inheritdoc/>
    public override bool HasBounds => true;

    /// <inheritdoc/>
    public override (double Slope, double Bend) Bounds(NoiseLevel level) => At(level).Bounds;

    private Fit At(NoiseLevel level) => fits.GetOrAdd(level, Fitted);

    private Fit Fitted(NoiseLevel level)
    {
        int d = Dimension;
        Matrix<double> points = Matrix<double>.Build.Dense(draws, d, (i, e) => (level.Mean * data[(i * d) + e]) + (level.Sigma * noise[(i * d) + e]));
        Vector<double> mean = points.ColumnSums() / draws;

        // Moments of the data at the level: the noise's variance is known and not estimated.
        Vector<double> centre = Vector<double>.Build.Dense(d, e => level.Mean * Enumerable.Range(0, draws).Average(i => data[(i * d) + e]));
        Matrix<double> covariance = Matrix<double>.Build.Dense(d, d, (e, f) =>
            (level.Mean * level.Mean * Enumerable.Range(0, draws).Average(i =>
                (data[(i * d) + e] - (centre[e] / level.Mean)) * (data[(i * d) + f] - (centre[f] / level.Mean))))
            + (e == f ? level.NoiseVariance : 0));
        Matrix<double> precision = covariance.Cholesky().Solve(Matrix<double>.Build.DenseIdentity(d));
        double spread = Math.Sqrt(covariance.Diagonal().Average());
        Matrix<double> frequencies = Matrix<double>.Build.Dense(features, d, (j, e) =>
            directions[(j * d) + e] / (Math.Pow(level.Sigma, exponents[j]) * Math.Pow(spread, 1 - exponents[j])));
        double amplitude = Math.Sqrt(2.0 / features);
        Matrix<double> phi = points * frequencies.Transpose();
        phi.MapIndexedInplace((_, j, angle) => amplitude * Math.Cos(angle + phases[j]));
        Matrix<double> goal = Matrix<double>.Build.Dense(draws, d, (i, e) =>
        {
            double linear = 0;
            for (int f = 0; f < d; f++)
            {
                linear -= precision[e, f] * (points[i, f] - centre[f]);
            }

            return (-noise[(i * d) + e] / level.Sigma) - linear;
        });
        Matrix<double> normal = (phi.TransposeThisAndMultiply(phi) / draws)
            + (Matrix<double>.Build.DenseIdentity(features) * (Ridge / level.NoiseVariance));
        Matrix<double> weights = normal.Cholesky().Solve(phi.TransposeThisAndMultiply(goal) / draws) * amplitude;
        return new Fit(d, centre.ToArray(), precision.ToRowMajorArray(), frequencies.ToRowMajorArray(), phases, weights.ToRowMajorArray());
    }

    /// <summary>One level: shapes [d], [d, d], [k, d], [k], [k, d].</summary>
    private sealed record Fit(int Dimension, double[] Centre, double[] Precision, double[] Frequencies, double[] Phases, double[] Weights)
    {
        /// <summary>Bounds of |∂s/∂x| and |∂²s/∂x²| on the line: |Σ̂⁻¹| + Σ|W_j·ω_j| and Σ|W_j|·ω_j².</summary>
        public (double Slope, double Bend) Bounds { get; } = (
            Math.Abs(Precision[0]) + Phases.Select((_, j) => Math.Abs(Weights[j] * Frequencies[j])).Sum(),
            Phases.Select((_, j) => Math.Abs(Weights[j]) * Frequencies[j] * Frequencies[j]).Sum());

        public void Evaluate(ReadOnlySpan<double> x, Span<double> score)
        {
            int d = Dimension;
            for (int e = 0; e < d; e++)
            {
                score[e] = 0;
                for (int f = 0; f < d; f++)
                {
                    score[e] -= Precision[(e * d) + f] * (x[f] - Centre[f]);
                }
            }

            for (int j = 0; j < Phases.Length; j++)
            {
                double angle = Phases[j];
                for (int e = 0; e < d; e++)
                {
                    angle += Frequencies[(j * d) + e] * x[e];
                }

                double cosine = Math.Cos(angle);
                for (int e = 0; e < d; e++)
                {
                    score[e] += Weights[(j * d) + e] * cosine;
                }
            }
        }

        public (double Value, double Slope) OnLine(double x)
        {
            double value = -Precision[0] * (x - Centre[0]);
            double slope = -Precision[0];
            for (int j = 0; j < Phases.Length; j++)
            {
                (double sine, double cosine) = Math.SinCos((Frequencies[j] * x) + Phases[j]);
                value += Weights[j] * cosine;
                slope -= Weights[j] * Frequencies[j] * sine;
            }

            return (value, slope);
        }
    }
}
