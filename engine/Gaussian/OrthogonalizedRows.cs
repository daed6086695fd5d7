using static Sgm.Engine.DenseAlgebra;

namespace Sgm.Engine;

/// <summary>
/// The singular value decomposition of an n×m matrix A, n ≤ m, by one-sided Jacobi rotations of its rows (Hestenes 1958; de Rijk 1989):
/// Vᵀ·A = Y with orthogonal V and rows of Y orthogonal to each other, of lengths s₁ ≥ s₂ ≥ …, so that A·Aᵀ = V·diag(s²)·Vᵀ. Small
/// singular values keep their relative precision where scaling the rows makes A well conditioned. All bounds are a posteriori: they
/// hold whatever the rotations did. With Ṽ the orthogonal factor of V and D = diag(s):
/// A·Aᵀ = Ṽ·D(I + A₁)(I + A₁)ᵀD·Ṽᵀ, ‖A₁‖_F ≤ RelativeError, and ‖A·Aᵀ − ṼD²Ṽᵀ‖_F ≤ SquareError.
/// </summary>
internal sealed class OrthogonalizedRows
{
    private const int MostSweeps = 60;

    public OrthogonalizedRows(DoubleDouble[][] a)
    {
        int n = a.Length;
        int m = a[0].Length;
        Rows = [.. a.Select(row => (DoubleDouble[])row.Clone())];
        Vectors = Identity(n);
        Squares = Array.ConvertAll(Rows, row => Dot(row, row));
        for (int sweep = 0; sweep < MostSweeps && Sweep(n * 4 * DoubleDouble.Unit); sweep++)
        {
        }

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

    /// <summary>Makes every pair of rows orthogonal once; whether one of them was not.</summary>
    private bool Sweep(double tolerance)
    {
        bool rotated = false;
        for (int p = 0; p < Rows.Length; p++)
        {
            for (int q = p + 1; q < Rows.Length; q++)
            {
                if (Squares[p].High < Squares[q].High)
                {
                    (Rows[p], Rows[q]) = (Rows[q], Rows[p]);
                    (Vectors[p], Vectors[q]) = (Vectors[q], Vectors[p]);
                    (Squares[p], Squares[q]) = (Squares[q], Squares[p]);
                }

                DoubleDouble product = Dot(Rows[p], Rows[q]);
                if (Math.Abs(product.High) <= tolerance * Math.Sqrt(Squares[p].High) * Math.Sqrt(Squares[q].High))
                {
                    continue;
                }

                rotated = true;
                DoubleDouble zeta = (Squares[q] - Squares[p]) / (2 * product);
                DoubleDouble root = DoubleDouble.Sqrt(DoubleDouble.One + (zeta * zeta));
                DoubleDouble tangent = DoubleDouble.One / (zeta.High < 0 ? zeta - root : zeta + root);
                DoubleDouble cosine = DoubleDouble.One / DoubleDouble.Sqrt(DoubleDouble.One + (tangent * tangent));
                DoubleDouble sine = cosine * tangent;
                Rotate(Rows[p], Rows[q], cosine, sine);
                Rotate(Vectors[p], Vectors[q], cosine, sine);
                Squares[p] = Dot(Rows[p], Rows[p]);
                Squares[q] = Dot(Rows[q], Rows[q]);
            }
        }

        return rotated;
    }

    private static void Rotate(DoubleDouble[] p, DoubleDouble[] q, DoubleDouble cosine, DoubleDouble sine)
    {
        for (int i = 0; i < p.Length; i++)
        {
            (DoubleDouble x, DoubleDouble y) = (p[i], q[i]);
            p[i] = (cosine * x) - (sine * y);
            q[i] = (sine * x) + (cosine * y);
        }
    }

    private static DoubleDouble[][] Less(DoubleDouble[][] a, DoubleDouble[][] b) =>
        [.. a.Zip(b, (x, y) => x.Zip(y, (u, v) => u - v).ToArray())];
}
