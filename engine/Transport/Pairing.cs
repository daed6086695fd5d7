namespace Sgm.Engine;

/// <summary>
/// A pairing of n points x with n points y of low cost Σ|x_i − y_σ(i)|²/n: the cost of some coupling of the two, so never below
/// W2² of the two clouds.
/// </summary>
/// <remarks>
/// Both clouds are halved at their own medians along the coordinate in which x and y spread most, halves paired with halves, until one
/// point is left. Then pairs that are not monotone, (x_i − x_j)·(y_i − y_j) &lt; 0, exchange their partners, for neighbours i, j
/// in two such orders, until a sweep changes little. On the line this is the sorted pairing, which is optimal. O(n log n + n·d·window).
/// </remarks>
internal sealed class Pairing
{
    private const int Window = 16;
    private const int MostSweeps = 8;

    private readonly int d;
    private readonly double[] x;
    private readonly double[] y;

    /// <summary>Two clouds of row-major shape [n, d].</summary>
    private Pairing(double[] x, double[] y, int dimension)
    {
        d = dimension;
        this.x = x;
        this.y = y;
    }

    /// <summary>The cost of the pairing of two clouds, row-major [n, d].</summary>
    public static double Cost(double[] x, double[] y, int dimension) => new Pairing(x, y, dimension).Cost();

    private double Cost()
    {
        int n = x.Length / d;
        int[] rows = [.. Enumerable.Range(0, n)];
        int[] columns = [.. rows];
        Split(rows, columns, 0, n, 2);
        int[] partner = new int[n];
        for (int k = 0; k < n; k++)
        {
            partner[rows[k]] = columns[k];
        }

        if (d > 1)
        {
            int[] other = [.. rows];
            Split(other, null, 0, n, 3);
            for (int sweep = 0; sweep < MostSweeps; sweep++)
            {
                int changed = Exchange(rows, partner) + Exchange(other, partner);
                if (changed * 200 < n) break;
            }
        }

        double sum = 0;
        for (int i = 0; i < n; i++)
        {
            sum += Square(x.AsSpan(i * d, d), y.AsSpan(partner[i] * d, d));
        }

        return sum / n;
    }

    // Orders rows (and columns) from a to b: the first part is 1/parts of them the first time and half of them afterwards.
    private void Split(int[] rows, int[]? columns, int a, int b, int parts)
    {
        while (b - a > 1)
        {
            int e = Widest(rows, columns, a, b);
            int middle = a + Math.Max(1, (b - a) / parts);
            Select(rows, x, e, a, b, middle);
            if (columns is not null) Select(columns, y, e, a, b, middle);
            parts = 2;
            Split(rows, columns, a, middle, parts);
            a = middle;
        }
    }

    private int Widest(int[] rows, int[]? columns, int a, int b)
    {
        int best = 0;
        double most = -1;
        for (int e = 0; e < d && d > 1; e++)
        {
            double spread = Spread(rows, x, e, a, b) + (columns is null ? 0 : Spread(columns, y, e, a, b));
            if (spread <= most) continue;
            most = spread;
            best = e;
        }

        return best;
    }

    private double Spread(int[] order, double[] points, int e, int a, int b)
    {
        double sum = 0, squares = 0;
        double origin = points[(order[a] * d) + e];
        for (int k = a; k < b; k++)
        {
            double v = points[(order[k] * d) + e] - origin;
            sum += v;
            squares += v * v;
        }

        return squares - (sum * sum / (b - a));
    }

    // Those before `middle` get the smallest values of coordinate e (Hoare's selection).
    private void Select(int[] order, double[] points, int e, int a, int b, int middle)
    {
        int low = a, high = b - 1;
        while (low < high)
        {
            double pivot = points[(order[(low + high) >>> 1] * d) + e];
            int i = low, j = high;
            while (i <= j)
            {
                while (points[(order[i] * d) + e] < pivot) i++;
                while (points[(order[j] * d) + e] > pivot) j--;
                if (i > j) break;
                (order[i], order[j]) = (order[j], order[i]);
                i++;
                j--;
            }

            if (middle <= j) high = j;
            else if (middle >= i) low = i;
            else return;
        }
    }

    private int Exchange(int[] order, int[] partner)
    {
        int changed = 0;
        for (int k = 0; k < order.Length; k++)
        {
            int i = order[k];
            int end = Math.Min(order.Length, k + Window + 1);
            for (int l = k + 1; l < end; l++)
            {
                int j = order[l];
                if (Agreement(i, j, partner) >= 0) continue;
                (partner[i], partner[j]) = (partner[j], partner[i]);
                changed++;
            }
        }

        return changed;
    }

    // (x_i − x_j)·(y_i − y_j): half of what an exchange adds to the cost.
    private double Agreement(int i, int j, int[] partner)
    {
        int a = partner[i] * d, b = partner[j] * d;
        i *= d;
        j *= d;
        double sum = 0;
        for (int e = 0; e < d; e++)
        {
            sum += (x[i + e] - x[j + e]) * (y[a + e] - y[b + e]);
        }

        return sum;
    }

    private static double Square(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        double sum = 0;
        for (int e = 0; e < a.Length; e++)
        {
            sum += (a[e] - b[e]) * (a[e] - b[e]);
        }

        return sum;
    }
}
