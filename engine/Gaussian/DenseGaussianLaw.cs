using MathNet.Numerics.LinearAlgebra;

namespace Sgm.Engine;

/// <summary>
/// A normal state whose covariance has no eigenbasis in common with the target's: dense d×d algebra. KL, χ² and TV do not
/// change under invertible linear maps, so they are taken after whitening, where the directions are independent again.
/// </summary>
public sealed class DenseGaussianLaw : Law
{
    private readonly Vector<double> mean;
    private readonly Matrix<double> covariance;
    private readonly Vector<double> targetMean;
    private readonly Matrix<double> targetCovariance;

    /// <summary>q = N(mean, covariance) against p = N(targetMean, targetCovariance), the latter positive definite.</summary>
    public DenseGaussianLaw(Vector<double> mean, Matrix<double> covariance, Vector<double> targetMean, Matrix<double> targetCovariance)
    {
        this.mean = mean;
        this.covariance = covariance;
        this.targetMean = targetMean;
        this.targetCovariance = targetCovariance;
    }

    /// <inheritdoc/>
    public override int Dimension => mean.Count;

    /// <inheritdoc/>
    public override Moments Moments() =>
        new(mean.ToArray(), covariance.Diagonal().ToArray(), new double[mean.Count], new double[mean.Count], 1);

    /// <inheritdoc/>
    public override Estimate Measure(Metric metric) => metric switch
    {
        Metric.Kl => NormalDivergences.Kl(Whitened()),
        Metric.Chi2 => NormalDivergences.Chi2(Whitened()),
        Metric.W2 => W2(),
        _ => NormalDivergences.Tv(Whitened()),
    };

    /// <summary>After x ↦ L⁻¹x with LLᵀ the target's covariance, in the eigenbasis of L⁻¹ΣL⁻ᵀ − I.</summary>
    private DirectionPair[] Whitened()
    {
        Matrix<double> lower = targetCovariance.Cholesky().Factor;
        Matrix<double> half = lower.Solve(covariance - targetCovariance);
        Matrix<double> excess = lower.Solve(half.Transpose());
        var evd = ((excess + excess.Transpose()) / 2).Evd(Symmetricity.Symmetric);
        Vector<double> offset = evd.EigenVectors.TransposeThisAndMultiply(lower.Solve(mean - targetMean));
        return [.. Enumerable.Range(0, Dimension).Select(i => new DirectionPair(1, offset[i], 1, Math.Max(-1, evd.EigenValues[i].Real)))];
    }

    /// <summary>
    /// The Bures distance (Bhatia, Jain and Lim 2019) as ‖K·P^(−1/2)‖_F with K = (P^½·Q·P^½)^½ − P, which keeps the digits that the
    /// trace form tr(P + Q − 2(P^½QP^½)^½) cancels.
    /// </summary>
    private Estimate W2()
    {
        var evd = targetCovariance.Evd(Symmetricity.Symmetric);
        Matrix<double> Power(Func<double, double> f) =>
            evd.EigenVectors * Matrix<double>.Build.DenseOfDiagonalVector(evd.EigenValues.Map(z => f(z.Real))) * evd.EigenVectors.Transpose();
        Matrix<double> root = Power(Math.Sqrt);
        Matrix<double> inner = root * covariance * root;
        var innerEvd = ((inner + inner.Transpose()) / 2).Evd(Symmetricity.Symmetric);
        Matrix<double> innerRoot = innerEvd.EigenVectors
            * Matrix<double>.Build.DenseOfDiagonalVector(innerEvd.EigenValues.Map(z => Math.Sqrt(Math.Max(0, z.Real))))
            * innerEvd.EigenVectors.Transpose();
        Matrix<double> map = (innerRoot - targetCovariance) * Power(v => 1 / Math.Sqrt(v));
        double bures = map.FrobeniusNorm();
        double distance = Math.Sqrt((bures * bures) + (mean - targetMean).DotProduct(mean - targetMean));
        return Estimate.ClosedForm(distance, 1e-12, 1e-14 * Math.Sqrt(Dimension * targetCovariance.Trace()));
    }
}
