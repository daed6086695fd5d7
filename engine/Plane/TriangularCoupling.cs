namespace Sgm.Engine;

/// <summary>
/// Ends of W2² of two laws on the plane from one pair of axes: W2²(q, p) ≥ W2²(q₁, p₁) + W2²(q₂, p₂) for the marginals, and the coupling that moves the
/// first coordinate monotonically, and then the second one given the first, costs at least W2² (H. Knothe, Michigan Math. J. 4, 1957; M. Rosenblatt,
/// Ann. Math. Stat. 23, 1952). Along the axes of Gelbrich's map the two meet where both laws are normal.
/// </summary>
/// <param name="Below">At most W2².</param>
/// <param name="Above">At least W2².</param>
internal readonly record struct TriangularCoupling(double Below, double Above)
{
    // Beyond this range of both laws what moves is bounded, not computed.
    private const double LogRange = 30;
    private const int Side = LatticeTiles.Side;

    /// <summary>Along the coordinates.</summary>
    /// <param name="state">q, divided by its mass.</param>
    /// <param name="mass">The mass of q.</param>
    /// <param name="target">p.</param>
    /// <param name="spacing">Of the lattice, a fraction of the scale of both.</param>
    /// <param name="work">What it may take.</param>
    /// <exception cref="WorkExceededException">Too much of it.</exception>
    public static TriangularCoupling Of(PlaneDensity state, double mass, PlaneMixture target, double spacing, PlaneWork work)
    {
        PlaneBox box = state.Extent(LogRange).With(target.Extent(LogRange));
        double[] x = Places(box.Left, box.Right, spacing, work), y = Places(box.Bottom, box.Top, spacing, work);
        work.Hold((double)x.Length * y.Length);
        double[] values = Values(state, mass, x, y, work);
        double[] first = new double[x.Length], second = new double[y.Length];
        for (int i = 0; i < x.Length; i++)
        {
            for (int j = 0; j < y.Length; j++)
            {
                first[i] += spacing * values[(i * y.Length) + j];
                second[j] += spacing * values[(i * y.Length) + j];
            }
        }

        MonotoneMap across = MonotoneMap.Of(x, first, target.Marginal(x, true));
        MonotoneMap along = MonotoneMap.Of(y, second, target.Marginal(y, false));
        double[] given = new double[x.Length];
        double[] image = across.Image;
        work.Spend((double)x.Length * y.Length * (50 + (10 * target.Components.Length)));
        work.Each((x.Length + Side - 1) / Side, block =>
        {
            double[] row = new double[y.Length];
            for (int i = block * Side; i < Math.Min(x.Length, (block + 1) * Side); i++)
            {
                if (!(first[i] * spacing > MonotoneMap.Negligible)) continue;
                for (int j = 0; j < y.Length; j += Side)
                {
                    target.LogValues([image[i]], y.AsSpan(j, Side), row.AsSpan(j, Side));
                }

                VectorMath.Exp(row, row);
                var down = MonotoneMap.Of(y, values.AsSpan(i * y.Length, y.Length), row);
                given[i] = first[i] * spacing * (down.Cost + down.Doubt);
            }
        });
        double left = 0;
        foreach (double density in first)
        {
            left += density * spacing > MonotoneMap.Negligible ? 0 : density * spacing;
        }

        double farthest = (box.Width * box.Width) + (box.Height * box.Height);
        return new(across.Cost + along.Cost - across.Doubt - along.Doubt, across.Cost + across.Doubt + given.Sum() + (left * farthest));
    }

    // A multiple of 32 places.
    private static double[] Places(double from, double to, double spacing, PlaneWork work)
    {
        double count = Math.Ceiling((((to - from) / spacing) + 1) / Side) * Side;
        work.Hold(count);
        return [.. Enumerable.Range(0, (int)count).Select(i => from + (i * spacing))];
    }

    private static double[] Values(PlaneDensity state, double mass, double[] x, double[] y, PlaneWork work)
    {
        double[] values = new double[x.Length * y.Length];
        int columns = x.Length / Side, rows = y.Length / Side;
        for (int block = 0; block < columns * rows; block++)
        {
            (int i, int j) = (block / rows * Side, block % rows * Side);
            work.Spend(2 * state.Cost(new(x[i], x[i + Side - 1], y[j], y[j + Side - 1]), LogRange));
        }

        work.Each(columns * rows, block =>
        {
            (int i, int j) = (block / rows * Side, block % rows * Side);
            double[] tile = new double[Side * Side];
            state.Values(x.AsSpan(i, Side), y.AsSpan(j, Side), tile, LogRange);
            for (int a = 0; a < Side; a++)
            {
                for (int b = 0; b < Side; b++)
                {
                    values[((i + a) * y.Length) + j + b] = tile[(a * Side) + b] / mass;
                }
            }
        });
        return values;
    }
}
