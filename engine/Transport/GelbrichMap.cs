using MathNet.Numerics.LinearAlgebra;

namespace Sgm.Engine;

/// <summary>
/// The linear map A that transports a normal law of covariance Σ_p to one of covariance Σ_q, whose axes are a good basis to look at two
/// laws in: for normal laws the transport moves every axis by itself.
/// </summary>
/// <remarks>A = Σ_p^(−½)(Σ_p^½ Σ_q Σ_p^½)^½ Σ_p^(−½). M. Gelbrich, Math. Nachr. 147, 1990.</remarks>
internal static class GelbrichMap
{
    /// <summary>An orthonormal basis of eigenvectors of A, as the columns.</summary>
    public static Matrix<double> Axes(Matrix<double> target, Matrix<double> state)
    {
        Matrix<double> root = Power(target, 0.5);
        Matrix<double> unroot = Power(target, -0.5);
        Matrix<double> map = unroot * Power(root * state * root, 0.5) * unroot;
        return (0.5 * (map + map.Transpose())).Evd(Symmetricity.Symmetric).EigenVectors;
    }

    // Eigenvalues below 10⁻⁹ of the largest are raised to it: any basis gives a valid bound.
    private static Matrix<double> Power(Matrix<double> m, double exponent)
    {
        var evd = (0.5 * (m + m.Transpose())).Evd(Symmetricity.Symmetric);
        double largest = evd.EigenValues.Max(z => Math.Abs(z.Real));
        double least = largest > 0 ? 1e-9 * largest : 1e-9;
        var values = evd.EigenValues.Map(z => Math.Pow(Math.Max(z.Real, least), exponent));
        return evd.EigenVectors * Matrix<double>.Build.DenseOfDiagonalVector(values) * evd.EigenVectors.Transpose();
    }
}
