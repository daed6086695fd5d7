using static Sgm.Engine.DenseAlgebra;

namespace Sgm.Engine;

/// <summary>
/// The singular value decomposition of an n×m matrix A, n ≤ m, by one-sided Jacobi rotations of its rows (Hestenes
/// 1958; de Rijk 1989): Vᵀ·A = Y with orthogonal V and rows of Y orthogonal to each other, of lengths s₁ ≥ s₂ ≥ …, so
/// that A·Aᵀ = V·diag(s²)·Vᵀ. Small singular values keep their relative precision where scaling the rows makes A well
/// conditioned. All bounds are a posteriori: they hold whatever the rotations did. With Ṽ the orthogonal factor of V
/// and D = diag(s): A·Aᵀ = Ṽ·D(I + A₁)(I + A₁)ᵀD·Ṽᵀ, ‖A₁‖_F ≤ RelativeError, and ‖A·Aᵀ − ṼD²Ṽᵀ‖_F ≤ SquareError.
/// </summary>
internal sealed class OrthogonalizedRows
{
    private const int MostSweeps = 60;

    public OrthogonalizedRows(DoubleDouble[][] a)
    {
        int n = a.Length;
        int m = a[0].Length;
        DoubleDoubleRow[] rows = Array.ConvertAll(a, row => new DoubleDoubleRow(row));
        DoubleDoubleRow[] vectors = Array.ConvertAll(Identity(n), row => new DoubleDoubleRow(row));
        for (int sweep = 0; sweep < MostSweeps && Sweep(rows, vectors, n * 4 * DoubleDouble.Unit); sweep++)
        {
        }

        Rows = Array.ConvertAll(rows, row => row.ToArray());
        Vectors = Array.ConvertAll(vectors, row => row.ToArray());
        Squares = Array.ConvertAll(Rows, row => Dot(row, row));
        double[] lengths = Array.ConvertAll(Squares, s => Math.Sqrt(s.High));
        double size = Frobenius(a);
        (double largest, double smallest) = (lengths.Max(), lengths.Min());

        // V·Vᵀ − I (the rows of Vectors are the columns of V), and Vᵀ·A − Y.
        Nonorthogonality = Frobenius(Less(TimesTransposed(Vectors, Vectors), Identity(n))) + (n * Gamma(n));
        double residual = Frobenius(Less(TimesTransposed(Vectors, Transposed(a)), Rows)) + (Gamma(n) * Math.Sqrt(n) * size * Slack);
        DoubleDouble[][] gram = TimesTransposed(Rows, Rows);
        double coupling = 0;
        double absolute = 0;
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < n; j++)
            {
                if (i != j)
                {
                    double entry = gram[i][j].High;
                    absolute += entry * entry;
                    double relative = entry / lengths[i] / lengths[j];
                    coupling += relative * relative;
                }
            }
        }

        coupling = (Slack * Math.Sqrt(coupling)) + (n * Gamma(m));
        SquareError = Slack * ((Slack * Math.Sqrt(absolute)) + (n * Gamma(m) * largest * largest)
            + (2 * Slack * size * residual) + (residual * residual) + (4 * Nonorthogonality * size * size));
        double sum = Slack * (coupling + (residual / smallest) + (Nonorthogonality * largest / smallest));
        RelativeError = sum < 0.01 ? 1.05 * sum : double.PositiveInfinity;
        Residual = residual;
        Coupling = coupling;
    }

    /// <summary>Y, n rows of length m.</summary>
    public DoubleDouble[][] Rows { get; }

    /// <summary>Vᵀ: row i is the left singular vector that belongs to row i of Y.</summary>
    public DoubleDouble[][] Vectors { get; }

    /// <summary>s².</summary>
    public DoubleDouble[] Squares { get; }

    /// <summary>At least ‖VᵀV − I‖_F.</summary>
    public double Nonorthogonality { get; }

    /// <summary>At least ‖Vᵀ·A − Y‖_F.</summary>
    public double Residual { get; }

    /// <summary>At least ‖D⁻¹YYᵀD⁻¹ − I‖_F; NaN where a row vanishes.</summary>
    public double Coupling { get; }

    /// <summary>See the class; ∞ where there is no such bound below 1 %.</summary>
    public double RelativeError { get; }

    /// <summary>See the class.</summary>
    public double SquareError { get; }

    /// <summary>Makes every pair of rows orthogonal once, the longer first; whether one of them was not.</summary>
    private static bool Sweep(DoubleDoubleRow[] rows, DoubleDoubleRow[] vectors, double tolerance)
    {
        bool rotated = false;
        DoubleDouble[] squares = Array.ConvertAll(rows, row => DoubleDoubleRow.Dot(row, row));
        for (int p = 0; p < rows.Length; p++)
        {
            for (int q = p + 1; q < rows.Length; q++)
            {
                if (squares[p].High < squares[q].High)
                {
                    (rows[p], rows[q]) = (rows[q], rows[p]);
                    (vectors[p], vectors[q]) = (vectors[q], vectors[p]);
                    (squares[p], squares[q]) = (squares[q], squares[p]);
                }

                DoubleDouble product = DoubleDoubleRow.Dot(rows[p], rows[q]);
                if (Math.Abs(product.High) <= tolerance * Math.Sqrt(squares[p].High) * Math.Sqrt(squares[q].High))
                {
                    continue;
                }

                rotated = true;
                DoubleDouble zeta = (squares[q] - squares[p]) / (2 * product);
                DoubleDouble root = DoubleDouble.Sqrt(DoubleDouble.One + (zeta * zeta));
                DoubleDouble tangent = DoubleDouble.One / (zeta.High < 0 ? zeta - root : zeta + root);
                DoubleDouble cosine = DoubleDouble.One / DoubleDouble.Sqrt(DoubleDouble.One + (tangent * tangent));
                DoubleDouble sine = cosine * tangent;
                DoubleDoubleRow.Rotate(rows[p], rows[q], cosine, sine);
                DoubleDoubleRow.Rotate(vectors[p], vectors[q], cosine, sine);
                squares[p] = DoubleDoubleRow.Dot(rows[p], rows[p]);
                squares[q] = DoubleDoubleRow.Dot(rows[q], rows[q]);
            }
        }

        return rotated;
    }

    private static DoubleDouble[][] Less(DoubleDouble[][] a, DoubleDouble[][] b) =>
        [.. a.Zip(b, (x, y) => x.Zip(y, (u, v) => u - v).ToArray())];
}
