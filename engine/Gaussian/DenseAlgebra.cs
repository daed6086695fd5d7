namespace Sgm.Engine;

/// <summary>
/// Matrices in double-double as arrays of rows, and bounds of their rounding as matrices of doubles. Every operation
/// is off by at most u = <see cref="DoubleDouble.Unit"/> times its result, so that the standard componentwise bounds
/// of Higham (2002), "Accuracy and stability of numerical algorithms", hold: an inner product of n terms is off by at
/// most γ_n·|a|·|b|, γ_n = n·u/(1 − n·u). Bounds are themselves evaluated in doubles of non-negative numbers; <see
/// cref="Slack"/> makes up for their rounding.
/// </summary>
internal static class DenseAlgebra
{
    /// <summary>More than the relative rounding of any bound here: (1 + 2⁻⁵³)^k &lt; 1.001 for k up to 10¹².</summary>
    public const double Slack = 1.001;

    /// <summary>γ_n, generously.</summary>
    public static double Gamma(int n) => Slack * n * DoubleDouble.Unit;

    /// <summary>Entries from doubles, exactly.</summary>
    public static DoubleDouble[][] OfDoubles(double[][] a) => [.. a.Select(row => Array.ConvertAll(row, x => (DoubleDouble)x))];

    /// <summary>n×n identity.</summary>
    public static DoubleDouble[][] Identity(int n) =>
        [.. Enumerable.Range(0, n).Select(i => Enumerable.Range(0, n).Select(j => i == j ? DoubleDouble.One : 0).ToArray())];

    /// <summary>|A| rounded to doubles.</summary>
    public static double[][] Abs(DoubleDouble[][] a) => [.. a.Select(row => Array.ConvertAll(row, x => Math.Abs(x.High)))];

    /// <summary>Σ a_i·b_i.</summary>
    public static DoubleDouble Dot(ReadOnlySpan<DoubleDouble> a, ReadOnlySpan<DoubleDouble> b)
    {
        DoubleDouble sum = 0;
        for (int i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }

    /// <summary>A·Bᵀ: inner products of rows.</summary>
    public static DoubleDouble[][] TimesTransposed(DoubleDouble[][] a, DoubleDouble[][] b) =>
        [.. a.Select(row => Array.ConvertAll(b, other => Dot(row, other)))];

    /// <summary>A·x.</summary>
    public static DoubleDouble[] Times(DoubleDouble[][] a, DoubleDouble[] x) => Array.ConvertAll(a, row => Dot(row, x));

    /// <summary>Aᵀ.</summary>
    public static T[][] Transposed<T>(T[][] a) =>
        [.. Enumerable.Range(0, a[0].Length).Select(j => Array.ConvertAll(a, row => row[j]))];

    /// <summary>A·B of non-negative bounds.</summary>
    public static double[][] Times(double[][] a, double[][] b)
    {
        var result = new double[a.Length][];
        for (int i = 0; i < a.Length; i++)
        {
            double[] row = new double[b[0].Length];
            for (int k = 0; k < b.Length; k++)
            {
                double factor = a[i][k];
                for (int j = 0; factor != 0 && j < row.Length; j++)
                {
                    row[j] += factor * b[k][j];
                }
            }

            result[i] = row;
        }

        return result;
    }

    /// <summary>‖A‖_F.</summary>
    public static double Frobenius(double[][] a) => Norm(a.SelectMany(row => row));

    /// <summary>‖A‖_F.</summary>
    public static double Frobenius(DoubleDouble[][] a) => Norm(a.SelectMany(row => row).Select(x => x.High));

    /// <summary>‖x‖.</summary>
    public static double Norm(DoubleDouble[] x) => Norm(x.Select(v => v.High));

    private static double Norm(IEnumerable<double> values)
    {
        double sum = 0;
        foreach (double value in values)
        {
            sum += value * value;
        }

        return Slack * Math.Sqrt(sum);
    }
}
