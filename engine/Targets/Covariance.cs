using MathNet.Numerics.LinearAlgebra;

namespace Sgm.Engine;

/// <summary>How a covariance is stored.</summary>
public enum CovarianceShape
{
    /// <summary>v·I.</summary>
    Isotropic,

    /// <summary>diag(v₁, …, v_d).</summary>
    Diagonal,

    /// <summary>Q·diag(λ)·Qᵀ.</summary>
    Full,
}

/// <summary>
/// A symmetric positive definite d×d matrix by its eigendecomposition, so that noise levels only move eigenvalues.
/// </summary>
public sealed class Covariance
{
    private Covariance(CovarianceShape shape, int dimension, double[] eigenvalues, double[]? eigenvectors, double[]? matrix = null)
    {
        Matrix = matrix;
        Shape = shape;
        Dimension = dimension;
        Eigenvalues = eigenvalues;
        Eigenvectors = eigenvectors;
    }

    /// <summary>How it is stored.</summary>
    public CovarianceShape Shape { get; }

    /// <summary>d.</summary>
    public int Dimension { get; }

    /// <summary>One value when isotropic, else d values: coordinate variances (diagonal) or eigenvalues (full).</summary>
    public double[] Eigenvalues { get; }

    /// <summary>Row-major d×d, column j the eigenvector of <c>Eigenvalues[j]</c>; null unless full.</summary>
    public double[]? Eigenvectors { get; }

    /// <summary>Row-major d×d, Σ itself, of which the eigendecomposition is a rounded image; null unless full.</summary>
    public double[]? Matrix { get; }

    /// <summary>
    /// The same matrix with every eigenvalue right to a few roundings of its own size, not of the largest one's: in
    /// double-double with bounds a posteriori (<see cref="OrthogonalizedRows"/>); null where these are not small.
    /// Vectors are right to roundings.
    /// </summary>
    public Covariance? Refined()
    {
        if (Shape != CovarianceShape.Full)
        {
            return this;
        }

        var matrix = new DoubleDouble[Dimension][];
        for (int i = 0; i < Dimension; i++)
        {
            matrix[i] = [.. Matrix!.AsSpan(i * Dimension, Dimension).ToArray().Select(x => (DoubleDouble)x)];
        }

        if (CholeskyFactor.Of(matrix) is not { IsBounded: true } factor)
        {
            return null;
        }

        OrthogonalizedRows rows = new(factor.Lower);

        // Σ = L(I + E)Lᵀ, and L·Lᵀ = Ṽ·D(I + A₁)(I + A₁)ᵀD·Ṽᵀ: eigenvalues move by these shares at most (Ostrowski).
        if (!(factor.RelativeError + (3 * rows.RelativeError) < 1e-16))
        {
            return null;
        }

        double[] vectors = new double[Dimension * Dimension];
        for (int j = 0; j < Dimension; j++)
        {
            for (int i = 0; i < Dimension; i++)
            {
                vectors[(i * Dimension) + j] = (double)rows.Vectors[j][i];
            }
        }

        return new(CovarianceShape.Full, Dimension, [.. rows.Squares.Select(s => (double)s)], vectors, Matrix);
    }

    /// <summary>Smallest eigenvalue.</summary>
    public double Smallest => Eigenvalues.Min();

    /// <summary>Largest eigenvalue.</summary>
    public double Largest => Eigenvalues.Max();

    /// <summary>v·I in dimension d.</summary>
    public static Covariance Isotropic(int dimension, double variance) =>
        new(CovarianceShape.Isotropic, dimension, [variance], null);

    /// <summary>diag(variances).</summary>
    public static Covariance Diagonal(double[] variances) =>
        new(CovarianceShape.Diagonal, variances.Length, variances, null);

    /// <summary>A full matrix; only the symmetric part is read. Eigenvalues may come out ≤ 0: the caller checks.</summary>
    public static Covariance Full(double[,] matrix)
    {
        int d = matrix.GetLength(0);
        double[] symmetric = new double[d * d];
        for (int i = 0; i < d; i++)
        {
            for (int j = 0; j < d; j++)
            {
                symmetric[(i * d) + j] = (0.5 * matrix[i, j]) + (0.5 * matrix[j, i]);
            }
        }

        var evd = Matrix<double>.Build.DenseOfRowMajor(d, d, symmetric).Evd(Symmetricity.Symmetric);
        double[] vectors = new double[d * d];
        for (int i = 0; i < d; i++)
        {
            for (int j = 0; j < d; j++)
            {
                vectors[(i * d) + j] = evd.EigenVectors[i, j];
            }
        }

        return new(CovarianceShape.Full, d, [.. evd.EigenValues.Select(z => z.Real)], vectors, symmetric);
    }

    /// <summary>Eigenvalue of direction j: a coordinate unless the matrix is full.</summary>
    public double Eigenvalue(int j) => Shape == CovarianceShape.Isotropic ? Eigenvalues[0] : Eigenvalues[j];

    /// <summary>Entry (i, j) of the matrix f(Σ) = Q·diag(f(λ))·Qᵀ.</summary>
    public double Entry(int i, int j, Func<double, double> f)
    {
        if (Shape != CovarianceShape.Full)
        {
            return i == j ? f(Eigenvalue(i)) : 0;
        }

        double sum = 0;
        for (int k = 0; k < Dimension; k++)
        {
            sum += Eigenvectors![(i * Dimension) + k] * f(Eigenvalues[k]) * Eigenvectors[(j * Dimension) + k];
        }

        return sum;
    }

    /// <summary>Variance of coordinate i.</summary>
    public double Variance(int i) => Entry(i, i, static v => v);
}
