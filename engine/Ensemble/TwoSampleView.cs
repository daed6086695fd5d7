namespace Sgm.Engine;

/// <summary>One coordinate, or a projection, of two samples: sets and functions that tell their laws apart.</summary>
internal sealed class TwoSampleView
{
    private readonly double[] a;
    private readonly double[] b;

    // Ends of the cells, ascending: quantiles of the proposing rows of both.
    private readonly double[] edges;

    // Shares of the proposing rows in each cell; the first is below the first edge.
    private readonly double[] ofA;
    private readonly double[] ofB;

    public TwoSampleView(double[] a, double[] b)
    {
        this.a = a;
        this.b = b;
        double[] pooled = [.. Part(a, 0, 4), .. Part(b, 0, 4)];
        Array.Sort(pooled);
        int cells = (int)Math.Clamp(2 * Math.Pow(Math.Min(a.Length, b.Length) / 4.0, 0.4), 8, 512);
        // What lies below the lowest of the proposing rows, and above the highest, are cells too.
        edges = [.. Enumerable.Range(0, cells + 1).Select(c => pooled[(int)((long)c * (pooled.Length - 1) / cells)]).Distinct()];
        ofA = Shares(a, 0, 4);
        ofB = Shares(b, 0, 4);
    }

    /// <summary>(mean of a − mean of b)/(variance), of the proposing rows.</summary>
    public double StandardizedShift()
    {
        double[] x = Part(a, 0, 4), y = Part(b, 0, 4);
        double mx = x.Average(), my = y.Average();
        double variance = x.Average(v => (v - mx) * (v - mx)) + y.Average(v => (v - my) * (v - my));
        return variance > 0 ? (mx - my) / variance : 0;
    }

    /// <summary>Sets of cells in which a may be more frequent than b: those where it was, and the best half-line on either side.</summary>
    public IEnumerable<bool[]> Sets()
    {
        yield return [.. ofA.Select((p, c) => p > ofB[c])];
        foreach (int sign in (int[])[1, -1])
        {
            double best = 0, gap = 0;
            int last = -1;
            for (int c = 0; c < ofA.Length; c++)
            {
                gap += sign * (ofA[c] - ofB[c]);
                if (gap <= best) continue;
                best = gap;
                last = c;
            }

            int end = last;
            if (end >= 0) yield return [.. Enumerable.Range(0, ofA.Length).Select(c => c <= end == sign > 0)];
        }
    }

    /// <summary>At most q(A) − r(A) but for a chance <paramref name="failure"/>, from the rows that choose (2) or test (1).</summary>
    public double Excess(bool[] set, int start, double failure)
    {
        int step = start == 1 ? 2 : 4;
        (long hits, long all) = Count(a, set, start, step);
        (long others, long total) = Count(b, set, start, step);
        return FrequencyBelow.Of(hits, all, 0.5 * failure) - 1 + FrequencyBelow.Of(total - others, total, 0.5 * failure);
    }

    /// <summary>At most W1(q, r) but for a chance <paramref name="failure"/>: what the choosing rows promise, and what the testing rows give.</summary>
    public (double Promised, double Lower) Transport(double failure)
    {
        double most = 0, lower = 0;
        foreach (double[] slopes in Slopes())
        {
            double[] heights = new double[edges.Length];
            for (int k = 1; k < heights.Length; k++)
            {
                heights[k] = heights[k - 1] + (slopes[k] * (edges[k] - edges[k - 1]));
            }

            double promised = Difference(heights, 2, 4, failure);
            if (promised <= most) continue;
            most = promised;
            lower = Math.Max(0, Difference(heights, 1, 2, failure));
        }

        return (most, lower);
    }

    // φ′ between the edges: one sign everywhere, and the sign of F_b − F_a, everywhere or where the proposing rows are sure of it.
    private IEnumerable<double[]> Slopes()
    {
        double[] gaps = new double[edges.Length];
        double before = 0;
        for (int c = 0; c < edges.Length; c++)
        {
            double after = before + ofB[c] - ofA[c];
            gaps[c] = 0.5 * (before + after);
            before = after;
        }

        double noise = Math.Sqrt((4.0 / a.Length) + (4.0 / b.Length));
        yield return [.. gaps.Select(_ => 1.0)];
        yield return [.. gaps.Select(_ => -1.0)];
        yield return [.. gaps.Select(g => (double)Math.Sign(g))];
        yield return [.. gaps.Select(g => Math.Abs(g) > noise ? Math.Sign(g) : 0.0)];
    }

    // Below E_a φ − E_b φ; φ is constant outside the edges, so both means have a floor.
    private double Difference(double[] heights, int start, int step, double failure)
    {
        double low = heights.Min(), high = heights.Max();
        double size = 1e-15 * Math.Max(Math.Abs(edges[0]), Math.Abs(edges[^1]));
        double OfA(int start, int step) => MeanBelow.Of(Values(a, heights, 2, 4, 1), Values(a, heights, start, step, 1), low, 0.5 * failure);
        double OfB(int start, int step) => MeanBelow.Of(Values(b, heights, 2, 4, -1), Values(b, heights, start, step, -1), -high, 0.5 * failure);
        return OfA(start, step) + OfB(start, step) - (4 * edges.Length * size);
    }

    private double[] Values(double[] x, double[] heights, int start, int step, int sign)
    {
        double[] part = Part(x, start, step);
        for (int i = 0; i < part.Length; i++)
        {
            int k = Cell(part[i]);
            double height = k == 0 ? heights[0]
                : k == edges.Length ? heights[^1]
                : heights[k - 1] + ((heights[k] - heights[k - 1]) * (part[i] - edges[k - 1]) / (edges[k] - edges[k - 1]));
            part[i] = sign * height;
        }

        return part;
    }

    private (long Hits, long All) Count(double[] x, bool[] set, int start, int step)
    {
        long hits = 0, all = 0;
        for (int i = start; i < x.Length; i += step, all++)
        {
            if (set[Cell(x[i])]) hits++;
        }

        return (hits, all);
    }

    private double[] Shares(double[] x, int start, int step)
    {
        double[] shares = new double[edges.Length + 1];
        double[] part = Part(x, start, step);
        foreach (double value in part)
        {
            shares[Cell(value)] += 1.0 / part.Length;
        }

        return shares;
    }

    // The index of the first edge that is not below x.
    private int Cell(double x)
    {
        int k = Array.BinarySearch(edges, x);
        return k < 0 ? ~k : k;
    }

    private static double[] Part(double[] x, int start, int step)
    {
        double[] part = new double[(x.Length - start + step - 1) / step];
        for (int i = 0; i < part.Length; i++)
        {
            part[i] = x[start + (i * step)];
        }

        return part;
    }
}
