namespace Sgm.Engine;

/// <summary>ln p_level of a target, point by point and plainly: the law of m·X + σ·Z has means m·μ and covariances m²Σ + σ²I.</summary>
public sealed class TargetDensity
{
    private readonly Part[] parts;

    public TargetDensity(Target target, NoiseLevel level)
    {
        Dimension = target.Dimension;
        parts = [.. target.Factors.Select(f => new Part(f, level))];
    }

    /// <summary>d.</summary>
    public int Dimension { get; }

    /// <summary>ln p_level(x); −∞ where it underflows even as a logarithm, NaN for a point that is NaN.</summary>
    public double LogDensity(ReadOnlySpan<double> x)
    {
        if (x.Length != Dimension) throw new ArgumentException($"a point has {Dimension} coordinates", nameof(x));
        double sum = 0;
        foreach (Part part in parts)
        {
            for (int copy = 0; copy < part.Copies; copy++)
            {
                sum += part.LogDensity(x[..part.Dimension]);
                x = x[part.Dimension..];
            }
        }

        return sum;
    }

    private sealed class Part
    {
        private readonly Mixture law;
        private readonly double mean;
        private readonly double[][] variances;
        private readonly double[] offsets;

        public Part(Factor factor, NoiseLevel level)
        {
            law = factor.Law;
            Copies = factor.Count;
            mean = level.Mean;
            variances = [.. law.Covariances.Select(c =>
                Enumerable.Range(0, law.Dimension).Select(e => level.VarianceOf(c.Eigenvalue(e))).ToArray())];
            offsets = [.. variances.Select(v => -0.5 * v.Sum(value => Math.Log(2 * Math.PI * value)))];
        }

        public int Copies { get; }

        public int Dimension => law.Dimension;

        public double LogDensity(ReadOnlySpan<double> x)
        {
            double top = double.NegativeInfinity;
            double sum = 0;
            for (int k = 0; k < law.Count; k++)
            {
                if (law.Weights[k] == 0) continue;
                double logit = Math.Log(law.Weights[k]) + Component(k, x);
                if (logit == double.NegativeInfinity) continue;
                if (logit <= top)
                {
                    sum += Math.Exp(logit - top);
                }
                else
                {
                    sum = (sum * Math.Exp(top - logit)) + 1;
                    top = logit;
                }
            }

            return double.IsNegativeInfinity(top) && !double.IsNaN(sum) ? top : top + Math.Log(sum);
        }

        private double Component(int k, ReadOnlySpan<double> x)
        {
            int shape = law.SharesCovariance ? 0 : k;
            double[] variance = variances[shape];
            double[]? q = law.Covariances[shape].Eigenvectors;
            ReadOnlySpan<double> mu = law.Mean(k);
            double square = 0;
            for (int j = 0; j < x.Length; j++)
            {
                double z = q is null ? x[j] - (mean * mu[j]) : 0;
                for (int e = 0; q is not null && e < x.Length; e++)
                {
                    z += q[(e * x.Length) + j] * (x[e] - (mean * mu[e]));
                }

                square += z * z / variance[j];
            }

            return offsets[shape] - (0.5 * square);
        }
    }
}
