using MathNet.Numerics.LinearAlgebra;

namespace Sgm.Engine;

/// <summary>
/// The potentials of Gelbrich's bound: g(y) = m_qᵀ(y − m_p) + ½(y − m_p)ᵀA(y − m_p) with the linear map A that transports a normal law
/// with the moments of p to one with those of q. Tested on particles it bounds W2 of any two laws from below.
/// </summary>
/// <remarks>
/// A = Σ_p^(−½)(Σ_p^½ Σ_q Σ_p^½)^½ Σ_p^(−½). g*(x) = xᵀm_p + ½(x − m_q)ᵀA⁻¹(x − m_q), and
/// E_p[|y|² − 2g(y)] = |m_p|² + tr Σ_p − tr AΣ_p. M. Gelbrich, Math. Nachr. 147, 1990.
/// </remarks>
internal sealed class QuadraticPotential
{
    private readonly Matrix<double> inverse;
    private readonly Vector<double> state;
    private readonly Vector<double> target;

    /// <summary>From the exact moments of p and estimates of those of q.</summary>
    public QuadraticPotential(Vector<double> target, Matrix<double> targetCovariance, Vector<double> state, Matrix<double> stateCovariance)
    {
        this.state = state;
        this.target = target;
        Matrix<double> root = Power(targetCovariance, 0.5);
        Matrix<double> unroot = Power(targetCovariance, -0.5);
        Map = unroot * Power(root * stateCovariance * root, 0.5) * unroot;
        Map = 0.5 * (Map + Map.Transpose());
        inverse = Power(Map, -1);
        Map = Power(inverse, -1);
        OfTarget = target.DotProduct(target) + targetCovariance.Trace() - (Map * targetCovariance).Trace();
    }

    /// <summary>A.</summary>
    public Matrix<double> Map { get; }

    /// <summary>E_p[|y|² − 2g(y)].</summary>
    public double OfTarget { get; }

    /// <summary>|x|² − 2g*(x).</summary>
    public double OfState(ReadOnlySpan<double> x)
    {
        double square = 0, along = 0, form = 0;
        for (int i = 0; i < x.Length; i++)
        {
            square += x[i] * x[i];
            along += x[i] * target[i];
            double row = 0;
            for (int j = 0; j < x.Length; j++)
            {
                row += inverse[i, j] * (x[j] - state[j]);
            }

            form += row * (x[i] - state[i]);
        }

        return square - (2 * along) - form;
    }

    // Eigenvalues below 10⁻⁹ of the largest are raised to it: any positive map gives a valid bound.
    private static Matrix<double> Power(Matrix<double> m, double exponent)
    {
        var evd = (0.5 * (m + m.Transpose())).Evd(Symmetricity.Symmetric);
        double largest = evd.EigenValues.Max(z => Math.Abs(z.Real));
        double least = largest > 0 ? 1e-9 * largest : 1e-9;
        var values = evd.EigenValues.Map(z => Math.Pow(Math.Max(z.Real, least), exponent));
        return evd.EigenVectors * Matrix<double>.Build.DenseOfDiagonalVector(values) * evd.EigenVectors.Transpose();
    }
}
