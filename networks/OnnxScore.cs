using System.Collections.Concurrent;
using System.Security.Cryptography;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Sgm.Engine;

namespace Sgm.Networks;

/// <summary>What a trial found: why the network cannot be used, and whether a row's bits are the same wherever it stands.</summary>
internal sealed record Trial(string? Problem, bool RowsAgree);

/// <summary>
/// A network as a score. It is always given the same number of rows, those past the last point as zeros, so that what it computes for a
/// point depends neither on the block nor on the thread; sessions run on the thread that asks.
/// </summary>
internal sealed class OnnxScore : ScoreFunction
{
    private readonly InferenceSession session;
    private readonly OnnxSignature signature;
    private readonly NetworkUse use;
    private readonly int rows;
    private readonly string name;
    private readonly ConcurrentBag<OnnxWorker> idle = [];
    private readonly Lazy<Trial> trial;

    public OnnxScore(NetworkFile file, InferenceSession session, OnnxSignature signature, NetworkUse use, int rows)
    {
        this.session = session;
        this.signature = signature;
        this.use = use;
        this.rows = rows;
        name = file.Name;
        // A multiply-add a weight; a file is little but its weights.
        Cost = Math.Max(use.Dimension, (double)file.Contents.Length / (IsSingle ? sizeof(float) : sizeof(double)));
        trial = new(FindTrial);
        string level = signature.Level is { } given ? $" and {given.Name}" : "";
        string sha = Convert.ToHexStringLower(SHA256.HashData(file.Contents.Span))[..12];
        Description = $"the network {name} (x{level}, {(IsSingle ? "single" : "double")} precision, {rows} rows at a time, sha256 {sha}…)";
    }

    public Trial Trial => trial.Value;

    public override int Dimension => use.Dimension;

    public override string Description { get; }

    public override bool NeedsNoise =>
        use.NeedsNoise || signature.Level is { Kind: LevelInput.LogSnr or LevelInput.CNoise or LevelInput.Index };

    public override double Cost { get; }

    public override double Rounding => IsSingle ? 1.0 / (1 << 24) : base.Rounding;

    private bool IsSingle => signature.Element == TensorElementType.Float;

    public override void Evaluate(NoiseLevel level, ReadOnlySpan<double> points, Span<double> scores, int stride, int count)
    {
        if (!idle.TryTake(out OnnxWorker? worker)) worker = new OnnxWorker(session, signature, use.Dimension, rows);
        NetworkScaling scaling = use.Scaling(level);
        double at = signature.Level?.At(level, signature.Sigmas) ?? 0;
        for (int from = 0; from < count; from += rows)
        {
            int here = Math.Min(rows, count - from);
            worker.Run(points[from..], stride, here, scaling.Input, at);
            for (int e = 0; e < Dimension; e++)
            {
                for (int i = 0; i < here; i++)
                {
                    int place = (e * stride) + from + i;
                    scores[place] = (scaling.Skip * points[place]) + (scaling.Output * worker.Output(i, e));
                }
            }
        }

        idle.Add(worker);
    }

    // Points about as far out as states are; every one of them in every row of the batch.
    private Trial FindTrial()
    {
        int d = Dimension;
        bool agree = true;
        foreach (NoiseLevel level in use.Trials)
        {
            double spread = Math.Sqrt((level.Mean * level.Mean) + level.NoiseVariance);
            double[] points = new double[d * rows];
            double[] scores = new double[d * rows];
            for (int e = 0; e < d; e++)
            {
                for (int i = 0; i < rows; i++)
                {
                    points[(e * rows) + i] = spread * 1.7 * Math.Sin((1.3 * e) + (2.1 * i) + 0.4);
                }
            }

            try
            {
                Evaluate(level, points, scores, rows, rows);
            }
            catch (OnnxRuntimeException error)
            {
                return new($"it fails at {Spelled(level)}: {OnnxReader.Words(error)}", false);
            }

            int bad = Array.FindIndex(scores, s => !double.IsFinite(s));
            if (bad >= 0)
                return new($"at {Spelled(level)} its output is not finite: {scores[bad]} in coordinate {(bad / rows) + 1}", false);
            if (Moved(level, points, scores, ref agree) is { } problem) return new(problem, false);
        }

        return new(null, agree);
    }

    /// <summary>Whether the same points in other rows, among others, have other scores.</summary>
    private string? Moved(NoiseLevel level, double[] points, double[] scores, ref bool agree)
    {
        int d = Dimension;
        double[] other = new double[points.Length];
        double[] found = new double[points.Length];
        double largest = scores.Max(Math.Abs);
        for (int turn = 1; turn < rows; turn++)
        {
            for (int e = 0; e < d; e++)
            {
                for (int i = 0; i < rows; i++)
                {
                    // Turned by some rows, and every third row another point.
                    other[(e * rows) + i] = points[(e * rows) + ((i + turn) % rows)] + (i % 3 == 1 ? 0.5 : 0);
                }
            }

            Evaluate(level, other, found, rows, rows);
            for (int e = 0; e < d; e++)
            {
                for (int i = 0; i < rows; i++)
                {
                    if (i % 3 == 1) continue;
                    double expected = scores[(e * rows) + ((i + turn) % rows)];
                    double now = found[(e * rows) + i];
                    agree &= now == expected;
                    if (Math.Abs(now - expected) <= 1e4 * Rounding * largest) continue;
                    return $"the score of a point depends on the other points of its batch ({expected:g6} and {now:g6} at "
                        + $"{Spelled(level)}); a batch norm must be exported for evaluation";
                }
            }
        }

        return null;
    }

    private static string Spelled(NoiseLevel level) => FormattableString.Invariant($"(m, σ) = ({level.Mean:g4}, {level.Sigma:g4})");
}
