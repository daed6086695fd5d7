namespace Sgm.Engine;

/// <summary>
/// Cells of a law in the plane: rectangles of its squares, whose masses under q and p are integrals of the polynomials that the squares hold.
/// </summary>
internal sealed partial class LikelihoodCells
{
    // So many rectangles, and for a first look at the spread of ℓ.
    private const int PlaneCount = 1 << 20;
    private const int RoughCount = 1 << 14;

    // Interpolated values are no better than this share of the largest one on a square.
    private const double Noise = 1e-12;
    private const double Margin = 0.15;

    private static LikelihoodCells OfPlane(PlaneLaw law, double extent)
    {
        Spread[] squares = [.. law.Panels.All.Select(Spread.Of).Where(s => s.Mass > SmallestMass)];
        double budget = double.IsPositiveInfinity(extent) ? RoughCount : PlaneCount;

        // The gap of the two lattice laws is Σ mass·extent²: with so many cells it is least where extent⁴ is area in ℓ over mass.
        (double low, double high) = (-60, 60);
        for (int step = 0; step < 60; step++)
        {
            double middle = 0.5 * (low + high);
            if (squares.Sum(s => s.Columns(Math.Exp(middle)) * s.Rows(Math.Exp(middle))) > budget) low = middle;
            else high = middle;
        }

        var result = new LikelihoodCells { Missed = squares.Length == 0 ? 1 : 0 };
        foreach (Spread square in squares)
        {
            double scale = Math.Max(Math.Exp(high), double.IsPositiveInfinity(extent) ? 0 : square.ScaleOf(extent));
            result.Divide(square.Panel, (int)square.Columns(scale), (int)square.Rows(scale));
        }

        return result;
    }

    // How much ℓ changes across a square and along it, where either law has mass there.
    private readonly record struct Spread(PlanePanel Panel, double Mass, double Across, double Along)
    {
        public static Spread Of(PlanePanel panel)
        {
            const int order = Legendre.Order;
            double least = Math.Max(SmallestMass / panel.Area, 1e-9 * panel.State.Max());
            double Change(int line, bool isAlong)
            {
                (double low, double high) = (double.PositiveInfinity, double.NegativeInfinity);
                for (int i = 0; i < order; i++)
                {
                    int at = isAlong ? (line * order) + i : (i * order) + line;
                    if (!(panel.State[at] > least)) continue;
                    double ratio = Math.Log(panel.State[at]) - panel.LogTarget[at];
                    (low, high) = (Math.Min(low, ratio), Math.Max(high, ratio));
                }

                return Math.Max(0, high - low);
            }

            return new(
                panel,
                panel.Integral(static (q, _) => q),
                Enumerable.Range(0, order).Max(line => Change(line, false)) + 1e-12,
                Enumerable.Range(0, order).Max(line => Change(line, true)) + 1e-12);
        }

        public double Columns(double scale) => Math.Clamp(Math.Ceiling(Across / Extent(scale)), 1, 1 << 12);

        public double Rows(double scale) => Math.Clamp(Math.Ceiling(Along / Extent(scale)), 1, 1 << 12);

        // The scale at which cells have this extent.
        public double ScaleOf(double extent) => extent / Extent(1);

        private double Extent(double scale) => scale * Math.Sqrt(Math.Sqrt(Across * Along / Math.Max(Mass, 1e-18)));
    }

    private void Divide(PlanePanel panel, int columns, int rows)
    {
        const int order = Legendre.Order;
        double[] target = Array.ConvertAll(panel.LogTarget, Math.Exp);
        (double[,] across, double[,] along) = (Weights(columns), Weights(rows));
        (double[,] state, double[,] other) = (Product(across, panel.State, along), Product(across, target, along));
        (double[,] atColumns, double[,] atRows) = (Places((2 * columns) + 1), Places((2 * rows) + 1));
        (double[,] stateAt, double[,] targetAt) = (Product(atColumns, panel.State, atRows), Product(atColumns, target, atRows));
        double area = panel.Area / ((double)columns * rows);
        (double leastState, double leastTarget) = (Noise * panel.State.Max(), Noise * target.Max());
        for (int i = 0; i < columns; i++)
        {
            for (int j = 0; j < rows; j++)
            {
                (double q, double p) = (0.25 * panel.Area * state[i, j], 0.25 * panel.Area * other[i, j]);
                if (!(q > leastState * area))
                {
                    Missed += Math.Abs(q);
                    continue;
                }

                if (!(p > leastTarget * area))
                {
                    Infinite += q;
                    continue;
                }

                double mean = Math.Log(q / p), low = mean, high = mean;
                for (int k = 0; k < 9; k++)
                {
                    double ratio = stateAt[(2 * i) + (k / 3), (2 * j) + (k % 3)] / targetAt[(2 * i) + (k / 3), (2 * j) + (k % 3)];
                    if (!(ratio > 0) || !double.IsFinite(ratio)) continue;
                    (low, high) = (Math.Min(low, Math.Log(ratio)), Math.Max(high, Math.Log(ratio)));
                }

                // A turning point between the places reaches a little further than they show.
                double margin = Margin * (high - low);
                cells.Add(new(q, mean, low - margin, high + margin));
            }
        }

        // ∫ over part i of [−1, 1] of the cardinal polynomials.
        static double[,] Weights(int parts)
        {
            double[,] weights = new double[parts, order];
            for (int i = 0; i < parts; i++)
            {
                double[] inside = Legendre.Interpolation(-1 + (2.0 * i / parts), -1 + (2.0 * (i + 1) / parts));
                for (int k = 0; k < order; k++)
                {
                    for (int m = 0; m < order; m++)
                    {
                        weights[i, m] += Legendre.Weights[k] * inside[(k * order) + m] / parts;
                    }
                }
            }

            return weights;
        }

        static double[,] Places(int count)
        {
            double[,] values = new double[count, order];
            double[] cardinals = new double[order];
            for (int i = 0; i < count; i++)
            {
                Legendre.Cardinals(-1 + (2.0 * i / (count - 1)), cardinals);
                for (int m = 0; m < order; m++) values[i, m] = cardinals[m];
            }

            return values;
        }

        // L·V·Rᵀ for V of shape [16, 16].
        static double[,] Product(double[,] left, double[] values, double[,] right)
        {
            (int rows, int columns) = (left.GetLength(0), right.GetLength(0));
            double[,] result = new double[rows, columns];
            double[] line = new double[order];
            for (int i = 0; i < rows; i++)
            {
                for (int m = 0; m < order; m++)
                {
                    line[m] = 0;
                    for (int k = 0; k < order; k++) line[m] += left[i, k] * values[(k * order) + m];
                }

                for (int j = 0; j < columns; j++)
                {
                    double sum = 0;
                    for (int m = 0; m < order; m++) sum += line[m] * right[j, m];
                    result[i, j] = sum;
                }
            }

            return result;
        }
    }
}
