using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace Sgm.Engine;

/// <summary>
/// E‖s(X)‖ for a score estimate s at a level, X of the target's law there: what a step from a signal-to-noise ratio divides by. For the
/// (scaled) score of a normal target by quadrature, to 1e-14; otherwise the mean over draws of X that are the same on every machine,
/// an estimate with its standard error. Each level once; safe to share between threads.
/// </summary>
public sealed class ScoreNorm
{
    private const ulong Seed = 0x5C0_2E;
    private const int Chunk = 64;

    private static readonly ConditionalWeakTable<Score, ScoreNorm> Known = [];

    private readonly ConcurrentDictionary<NoiseLevel, (double Mean, double Error)> found = [];
    private readonly Target target;
    private readonly Score score;
    private readonly double? factor;

    private ScoreNorm(Target target, Score score)
    {
        this.target = target;
        this.score = score;
        bool isOwn = target.IsGaussian && ReferenceEquals(score.Of, target);
        factor = isOwn && score.Modifiers.All(static change => change is ScoreModifier.Scaled)
            ? score.Modifiers.Aggregate(1.0, static (product, change) => product * ((ScoreModifier.Scaled)change).Factor)
            : null;
    }

    /// <summary>Whether it is a mean over draws.</summary>
    public bool IsEstimate => factor is null;

    /// <summary>Of a score under a target's laws; one a score, whoever asks.</summary>
    public static ScoreNorm Of(Target target, Score score)
    {
        ScoreNorm known = Known.GetValue(score, own => new(target, own));
        return ReferenceEquals(known.target, target) ? known : new(target, score);
    }

    /// <summary>E‖s(X)‖ at a level, and its standard error (0 where it is no estimate); NaN or infinite where the score is.</summary>
    public (double Mean, double Error) At(NoiseLevel level) => found.GetOrAdd(level, Find);

    /// <summary>E‖ξ‖ for ξ ~ N(0, I) in d dimensions, √2·Γ((d + 1)/2)/Γ(d/2).</summary>
    public static double OfNoise(int dimension) => RootMean([(1, dimension)]);

    private (double Mean, double Error) Find(NoiseLevel level) =>
        factor is { } times ? (Math.Abs(times) * RootMean(Inverses(level)), 0) : Drawn(level);

    // The variances of the score's coordinates, 1 over those of the state, and how often each occurs.
    private List<(double Variance, double Count)> Inverses(NoiseLevel level)
    {
        Dictionary<double, double> counts = [];
        foreach (Factor one in target.Factors)
        {
            Covariance covariance = one.Law.Covariances[0];
            double times = (double)one.Dimension / covariance.Eigenvalues.Length;
            foreach (double value in covariance.Eigenvalues)
            {
                counts[value] = counts.GetValueOrDefault(value) + times;
            }
        }

        return [.. counts.Select(pair => (1 / level.VarianceOf(pair.Key), pair.Value))];
    }

    // E√Q for Q = Σ a_i·ξ_i²: ∫(1 − E e^(−tQ))·t^(−3/2) dt/(2√π), E e^(−tQ) = Π(1 + 2a_i·t)^(−1/2), in ln t by the trapezoid rule; the
    // integrand is analytic within π/2 of the line, and falls like e^(−|y|/2).
    private static double RootMean(List<(double Variance, double Count)> parts)
    {
        const double step = 0.25;
        double scale = parts.Sum(part => part.Variance * part.Count);
        double sum = 0;
        for (int i = -320; i <= 320; i++)
        {
            double t = Math.Exp(i * step);
            double log = parts.Sum(part => part.Count * RealFunctions.LogOnePlus(2 * part.Variance / scale * t));
            sum -= RealFunctions.ExpM1(-0.5 * log) / Math.Sqrt(t);
        }

        return step * sum * Math.Sqrt(scale) / (2 * Math.Sqrt(Math.PI));
    }

    // As many draws as a score of few components allows, a learned one fewer.
    private (double Mean, double Error) Drawn(NoiseLevel level)
    {
        int d = target.Dimension;
        double components = score.Of.Factors.Sum(one => (double)one.Law.Count * one.Dimension);
        bool isLearned = score.AllModifiers.Any(static change => change is ScoreModifier.Learned);
        double allowed = Math.Min(Math.ScaleB(1, 22) / components, Math.ScaleB(1, isLearned ? 12 : 18) / d);
        int chunks = (int)Math.Clamp(allowed / Chunk, 4, 256);
        ScoreField field = new(score);
        StartSampler sampler = new(new Start.Law(target, level));
        RandomStream stream = new(Seed, -1);
        double[] points = new double[d * Chunk];
        double[] values = new double[d * Chunk];
        double sum = 0;
        double squares = 0;
        for (int chunk = 0; chunk < chunks; chunk++)
        {
            sampler.Fill(stream, points, Chunk);
            field.Evaluate(level, points, values, Chunk);
            for (int i = 0; i < Chunk; i++)
            {
                double square = 0;
                for (int e = 0; e < d; e++)
                {
                    double value = values[(e * Chunk) + i];
                    square += value * value;
                }

                sum += Math.Sqrt(square);
                squares += square;
            }
        }

        double n = (double)chunks * Chunk;
        double mean = sum / n;
        return (mean, Math.Sqrt(Math.Max(0, (squares / n) - (mean * mean)) / n));
    }
}
