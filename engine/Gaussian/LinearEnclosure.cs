namespace Sgm.Engine;

/// <summary>
/// Vectors in enclosures that do not grow with the number of maps that they go through: x ∈ mid + B·[−R, R] with an orthogonal B that
/// turns with the maps (Lohner 1987). Intervals of the coordinates would grow by ‖|T|‖ a map, which for multistep methods is a power of
/// the range of levels. Several vectors, the columns, go through the same maps.
/// </summary>
internal sealed class LinearEnclosure
{
    private const double Up = 1 + 1e-13;
    private readonly DoubleDouble[][] mid;
    private readonly double[,] basis;
    private readonly double[][] radius;

    private LinearEnclosure(DoubleDouble[][] mid, double[,] basis, double[][] radius)
    {
        this.mid = mid;
        this.basis = basis;
        this.radius = radius;
    }

    /// <summary>How long the vectors are.</summary>
    public int Length => basis.GetLength(0);

    /// <summary>These columns.</summary>
    public static LinearEnclosure Of(params Ball[][] columns)
    {
        int n = columns[0].Length;
        double[,] unit = new double[n, n];
        for (int i = 0; i < n; i++)
        {
            unit[i, i] = 1;
        }

        return new(
            Array.ConvertAll(columns, column => Array.ConvertAll(column, x => x.Mid)),
            unit,
            Array.ConvertAll(columns, column => Array.ConvertAll(column, x => x.Radius)));
    }

    /// <summary>A coordinate of a column.</summary>
    public Ball this[int column, int row] => new(mid[column][row], Reach(column, row));

    /// <summary>T·x + added for every column; T has as many rows as <paramref name="added"/>, shape [columns][rows].</summary>
    public LinearEnclosure Mapped(Ball[,] map, Ball[][] added)
    {
        int n = Length;
        int rows = map.GetLength(0);
        double unit = Math.ScaleB(1, -52) * (n + 3);

        // T·B, and by how much it is rounded.
        double[,] turned = new double[rows, n];
        double[,] rounding = new double[rows, n];
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < n; j++)
            {
                double size = 0;
                for (int k = 0; k < n; k++)
                {
                    double term = (double)map[i, k].Mid * basis[k, j];
                    turned[i, j] += term;
                    size += Math.Abs(term);
                }

                rounding[i, j] = unit * size;
            }
        }

        double[,] next = Orthogonal(turned, Enumerable.Range(0, n).Select(j => radius.Max(r => r[j])).ToArray());
        double defect = Defect(next);
        var nextMid = new DoubleDouble[mid.Length][];
        var nextRadius = new double[mid.Length][];
        for (int c = 0; c < mid.Length; c++)
        {
            nextMid[c] = new DoubleDouble[rows];
            double[] local = new double[rows];
            for (int i = 0; i < rows; i++)
            {
                DoubleDouble sum = added[c][i].Mid;
                double size = Math.Abs(sum.High);
                local[i] = added[c][i].Radius;
                for (int k = 0; k < n; k++)
                {
                    DoubleDouble term = map[i, k].Mid * mid[c][k];
                    sum += term;
                    size += Math.Abs(term.High);
                    local[i] += (map[i, k].Radius * (Math.Abs(mid[c][k].High) + Reach(c, k))) + (rounding[i, k] * radius[c][k]);
                }

                nextMid[c][i] = sum;
                local[i] = Up * (local[i] + (2 * (n + 2) * DoubleDouble.Unit * size));
            }

            nextRadius[c] = Radius(turned, next, defect, radius[c], local);
        }

        return new(nextMid, next, nextRadius);
    }

    // r′ with Q·r′ = M·r + l: Qᵀ(M·r + l), and at most η/(1 − η)·|M·r + l| for Q's distance η from orthogonality.
    private static double[] Radius(double[,] turned, double[,] next, double defect, double[] before, double[] local)
    {
        int rows = local.Length;
        double square = 0;
        for (int i = 0; i < rows; i++)
        {
            double size = local[i];
            for (int l = 0; l < before.Length; l++)
            {
                size += Math.Abs(turned[i, l]) * before[l];
            }

            square += size * size;
        }

        double spare = 1.3 * defect * Math.Sqrt(square);
        double[] result = new double[rows];
        for (int j = 0; j < rows; j++)
        {
            double sum = spare;
            for (int l = 0; l < before.Length; l++)
            {
                double product = 0;
                double size = 0;
                for (int i = 0; i < rows; i++)
                {
                    double term = next[i, j] * turned[i, l];
                    product += term;
                    size += Math.Abs(term);
                }

                sum += (Math.Abs(product) + (Math.ScaleB(1, -52) * (rows + 2) * size)) * before[l];
            }

            for (int i = 0; i < rows; i++)
            {
                sum += Math.Abs(next[i, j]) * local[i];
            }

            result[j] = Up * sum;
        }

        return result;
    }

    // Columns orthogonal to each other, the first along the longest of those that are given times their radii.
    private static double[,] Orthogonal(double[,] turned, double[] weights)
    {
        int rows = turned.GetLength(0);
        double Size(int column) => weights[column] * Math.Sqrt(Enumerable.Range(0, rows).Sum(i => turned[i, column] * turned[i, column]));
        IEnumerable<double[]> wanted =
        [
            .. Enumerable.Range(0, weights.Length).OrderByDescending(Size)
                .Select(column => Enumerable.Range(0, rows).Select(i => turned[i, column]).ToArray()),
            .. Enumerable.Range(0, rows).Select(k => Enumerable.Range(0, rows).Select(i => i == k ? 1.0 : 0.0).ToArray()),
        ];
        double[,] result = new double[rows, rows];
        int found = 0;
        foreach (double[] vector in wanted)
        {
            if (found == rows) break;
            double before = Norm(vector);
            // Twice is enough (Kahan; Parlett 1980).
            for (int pass = 0; pass < 2; pass++)
            {
                for (int j = 0; j < found; j++)
                {
                    double along = 0;
                    for (int i = 0; i < rows; i++) along += result[i, j] * vector[i];
                    for (int i = 0; i < rows; i++) vector[i] -= along * result[i, j];
                }
            }

            double left = Norm(vector);
            if (!(left > 1e-6 * before)) continue;
            for (int i = 0; i < rows; i++) result[i, found] = vector[i] / left;
            found++;
        }

        return result;
    }

    private static double Norm(double[] vector) => Math.Sqrt(vector.Sum(x => x * x));

    // At least ‖QᵀQ − I‖_F.
    private static double Defect(double[,] q)
    {
        int n = q.GetLength(0);
        double square = 0;
        for (int a = 0; a < n; a++)
        {
            for (int b = 0; b < n; b++)
            {
                double product = a == b ? -1 : 0;
                for (int i = 0; i < n; i++) product += q[i, a] * q[i, b];
                square += product * product;
            }
        }

        double defect = (1.01 * Math.Sqrt(square)) + (n * (n + 2) * Math.ScaleB(1, -52));
        return defect < 0.1 ? defect : double.PositiveInfinity;
    }

    private double Reach(int column, int row)
    {
        double sum = 0;
        for (int j = 0; j < radius[column].Length; j++)
        {
            sum += Math.Abs(basis[row, j]) * radius[column][j];
        }

        return Up * sum;
    }
}
