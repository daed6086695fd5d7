using static Sgm.Engine.DenseAlgebra;

namespace Sgm.Engine;

/// <summary>
/// A ≈ L·Lᵀ of a symmetric positive definite n×n matrix in double-double, with what separates the two: A = L(I +
/// E)Lᵀ. The bounds are those of Higham (2002), theorems 10.3 (|A − LLᵀ| ≤ γ_(n+1)·|L||L|ᵀ) and 8.5 (the inverse by
/// substitution), which feel the condition of A only as far as scaling its rows and columns leaves it.
/// </summary>
internal sealed class CholeskyFactor
{
    private CholeskyFactor(DoubleDouble[][] lower)
    {
        int n = lower.Length;
        Lower = lower;
        Inverse = Solve(Identity(n));
        double[][] size = Abs(lower);
        double[][] inverse = Abs(Inverse);
        Defect = Gamma(n) * Frobenius(Times(size, inverse));
        // Entries of A = m²Σ + σ²I are themselves rounded, by at most 4 units; |a_ij| is at most (|L||L|ᵀ)_ij up to rounding.
        double[][] error = Times(size, Transposed(size));
        double[][] half = Times(error, Transposed(inverse));
        double inflated = Gamma(n + 8) * Slack / (1 - Defect);
        FactorError = inflated * Frobenius(half);
        RelativeError = inflated / (1 - Defect) * Frobenius(Times(inverse, half));
        IsBounded = Defect < 1e-3 && RelativeError < 1e-3;
    }

    /// <summary>L.</summary>
    public DoubleDouble[][] Lower { get; }

    /// <summary>X ≈ L⁻¹, with L·X = I − Θ.</summary>
    public DoubleDouble[][] Inverse { get; }

    /// <summary>At least ‖Θ‖_F.</summary>
    public double Defect { get; }

    /// <summary>At least ‖E‖_F.</summary>
    public double RelativeError { get; }

    /// <summary>At least ‖L((I + E)^½ − I)‖_F ≤ ‖L·E‖_F, the distance from L to a factor of A.</summary>
    public double FactorError { get; }

    /// <summary>Whether the bounds say anything; else A is singular to 31 digits.</summary>
    public bool IsBounded { get; }

    /// <summary>The factor of A, or null where a pivot is not positive.</summary>
    public static CholeskyFactor? Of(DoubleDouble[][] a)
    {
        int n = a.Length;
        var lower = new DoubleDouble[n][];
        for (int i = 0; i < n; i++)
        {
            lower[i] = new DoubleDouble[n];
            for (int j = 0; j <= i; j++)
            {
                DoubleDouble rest = a[i][j] - Dot(lower[i].AsSpan(0, j), lower[j].AsSpan(0, j));
                if (i != j)
                {
                    lower[i][j] = rest / lower[j][j];
                }
                else if (rest.High > 0)
                {
                    lower[i][i] = DoubleDouble.Sqrt(rest);
                }
                else
                {
                    return null;
                }
            }
        }

        return new(lower);
    }

    /// <summary>L⁻¹·B by forward substitution; B and the result as rows.</summary>
    public DoubleDouble[][] Solve(DoubleDouble[][] b)
    {
        int n = Lower.Length;
        var result = new DoubleDouble[n][];
        for (int i = 0; i < n; i++)
        {
            DoubleDouble[] row = [.. b[i]];
            for (int k = 0; k < i; k++)
            {
                DoubleDouble factor = Lower[i][k];
                DoubleDouble[] earlier = result[k];
                for (int j = 0; factor.High != 0 && j < row.Length; j++)
                {
                    row[j] -= factor * earlier[j];
                }
            }

            for (int j = 0; j < row.Length; j++)
            {
                row[j] /= Lower[i][i];
            }

            result[i] = row;
        }

        return result;
    }
}
