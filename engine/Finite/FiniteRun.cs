using System.Numerics;
using System.Runtime.InteropServices;

namespace Sgm.Engine;

/// <summary>The law of one part of the state along a run. What it does with S^d masses is O(S^(2d)) a step, all pairs of states.</summary>
internal static class FiniteRun
{
    /// <summary>States after whose shares of the next law the sum is carried over: rounding grows with this, not with S^d.</summary>
    private const int Batch = 256;

    /// <summary>The law at the end; told the finished share of its steps.</summary>
    public static FiniteVector End(FiniteProcess process, FinitePart part, CancellationToken cancellation, Action<double> told)
    {
        double first = process.Times[0];
        int symbols = part.Target.Symbols;
        FiniteVector law = process.IsWarm ? part.TargetAt(first) : FiniteVector.Uniform(symbols, part.Target.Dimension);
        if (process.Sampler == FiniteSampler.Uniformisation) return Reversed(process, part, law);
        for (int k = 0; k + 1 < process.Times.Length; k++)
        {
            double t = process.Times[k];
            law = Step(law, new(process.Sampler, part.RatesAt(t), part.Factors, t - process.Times[k + 1]), cancellation);
            told((k + 1.0) / process.Steps);
        }

        return law;
    }

    /// <summary>By Bayes, with π_δ and the forward kernel K: q(y) = π_δ(y)·Σ_x K(y, x)·q_T(x)/π_T(x), and K is symmetric.</summary>
    private static FiniteVector Reversed(FiniteProcess process, FinitePart part, FiniteVector start)
    {
        double span = process.Times[0] - process.Times[^1];
        FiniteVector before = part.RatesAt(process.Times[0]);
        FiniteVector after = part.RatesAt(process.Times[^1]);
        double[] ratio = [.. start.Masses.Zip(before.Masses, static (q, p) => q / p)];
        FiniteVector pulled = (start with { Masses = ratio, Relative = start.Relative + before.Relative + Rounding.Unit }).Refreshed(span);
        double relative = pulled.Relative + after.Relative + ((span + 2) * Rounding.Unit);
        return pulled with { Masses = [.. pulled.Masses.Zip(after.Masses, static (k, p) => k * p)], Relative = relative };
    }

    private static FiniteVector Step(FiniteVector law, JumpKernel kernel, CancellationToken cancellation)
    {
        (int symbols, int dimension, int states) = (law.Symbols, law.Dimension, law.Masses.Length);
        int lower = (int)Math.Pow(symbols, dimension / 2);
        double[] low = new double[lower];
        double[] high = new double[states / lower];
        double[] sum = new double[states];
        double[] batch = new double[states];
        double[] row = new double[symbols];
        for (int x = 0; x < states; x++)
        {
            if (law.Masses[x] > 0)
            {
                (int count, int place, int stride) = (1, 0, 1);
                (low[0], high[0]) = (law.Masses[x], 1);
                for (int i = 0; i < dimension; i++, stride *= symbols)
                {
                    kernel.Row(i, stride, x, row);
                    if (i == dimension / 2) (count, place) = (1, 1);
                    count = Spread(place == 0 ? low : high, count, x / stride % symbols, row);
                }

                for (int y = 0; y < high.Length; y++)
                {
                    Add(high[y], low, batch.AsSpan(y * lower, lower));
                }
            }

            if ((x + 1) % Batch == 0 || x + 1 == states)
            {
                cancellation.ThrowIfCancellationRequested();
                Add(1, batch, sum);
                Array.Clear(batch);
            }
        }

        double rounding = ((2 * dimension) + Batch + (states / (double)Batch) + 4) * Rounding.Unit;
        return law with { Masses = sum, Relative = law.Relative + (dimension * kernel.Relative) + rounding };
    }

    /// <summary>One coordinate more: of v its product with the law of y = own + shift; how many entries there are now.</summary>
    private static int Spread(double[] v, int count, int own, double[] row)
    {
        for (int y = row.Length - 1; y >= 0; y--)
        {
            double share = row[y >= own ? y - own : y - own + row.Length];
            for (int j = 0; j < count; j++)
            {
                v[(y * count) + j] = share * v[j];
            }
        }

        return count * row.Length;
    }

    private static void Add(double factor, ReadOnlySpan<double> of, Span<double> to)
    {
        ReadOnlySpan<Vector<double>> from = MemoryMarshal.Cast<double, Vector<double>>(of);
        Span<Vector<double>> into = MemoryMarshal.Cast<double, Vector<double>>(to);
        for (int j = 0; j < from.Length; j++)
        {
            into[j] += factor * from[j];
        }

        for (int j = from.Length * Vector<double>.Count; j < of.Length; j++)
        {
            to[j] += factor * of[j];
        }
    }
}
