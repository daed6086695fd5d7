using MathNet.Numerics;

namespace Sgm.Engine;

/// <summary>
/// The law of one coordinate of a state that an exact law knows. Its numbers are those that the divergences are computed from, to the
/// accuracy of their quadrature; they carry no bracket of their own.
/// </summary>
public abstract class Marginal
{
    /// <summary>q(x), in inverse units of the state; +∞ at the place of a point mass.</summary>
    public abstract double Density(double x);

    /// <summary>P(X ≤ x).</summary>
    public abstract double Distribution(double x);

    /// <summary>The smallest x with P(X ≤ x) ≥ <paramref name="u"/>, to the digits of a double.</summary>
    /// <exception cref="ArgumentOutOfRangeException">u is not in (0, 1).</exception>
    public double Quantile(double u) => u is > 0 and < 1
        ? Inverse(u)
        : throw new ArgumentOutOfRangeException(nameof(u), u, "must be in (0, 1)");

    /// <summary>The normal law, or the point mass where the variance is 0.</summary>
    public static Marginal Normal(double mean, double variance) =>
        variance > 0 ? new NormalMarginal(mean, Math.Sqrt(variance)) : new PointMarginal(mean);

    /// <summary>The quantile of a u in (0, 1).</summary>
    private protected abstract double Inverse(double u);

    private sealed class NormalMarginal(double mean, double deviation) : Marginal
    {
        public override double Density(double x)
        {
            double z = (x - mean) / deviation;
            return Math.Exp((-0.5 * z * z) - NormalTail.LogRootTwoPi) / deviation;
        }

        public override double Distribution(double x) => 0.5 * SpecialFunctions.Erfc((mean - x) / (deviation * Math.Sqrt(2)));

        private protected override double Inverse(double u) => mean + (deviation * MathNet.Numerics.Distributions.Normal.InvCDF(0, 1, u));
    }

    private sealed class PointMarginal(double at) : Marginal
    {
        public override double Density(double x) => x == at ? double.PositiveInfinity : 0;

        public override double Distribution(double x) => x >= at ? 1 : 0;

        private protected override double Inverse(double u) => at;
    }
}
