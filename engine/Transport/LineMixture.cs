namespace Sgm.Engine;

/// <summary>A mixture of normal laws on the line: one coordinate of a target at a level, or its projection on a direction.</summary>
public sealed class LineMixture
{
    // Deviations beyond which there is no mass that a double can hold.
    private const double Far = 40;

    private LineMixture(double[] weights, double[] means, double[] deviations)
    {
        Weights = weights;
        Means = means;
        Deviations = deviations;
        Mean = weights.Zip(means, (w, m) => w * m).Sum();
        Variance = Enumerable.Range(0, weights.Length).Sum(k => weights[k] * ((deviations[k] * deviations[k]) + ((means[k] - Mean) * (means[k] - Mean))));
    }

    /// <summary>Weights w, sum 1; shape [K].</summary>
    public double[] Weights { get; }

    /// <summary>Means; shape [K].</summary>
    public double[] Means { get; }

    /// <summary>Standard deviations; shape [K].</summary>
    public double[] Deviations { get; }

    /// <summary>E Y.</summary>
    public double Mean { get; }

    /// <summary>Var Y.</summary>
    public double Variance { get; }

    /// <summary>Coordinate i of the target at the level.</summary>
    public static LineMixture Coordinate(Target target, NoiseLevel level, int i)
    {
        (Mixture law, int local) = Find(target, i);
        return Of(law, level, k => law.Means[(k * law.Dimension) + local], c => c.Variance(local));
    }

    /// <summary>θ·X for a unit vector θ and a target that is one mixture (<see cref="IsOneMixture"/>).</summary>
    public static LineMixture Along(Target target, NoiseLevel level, double[] direction)
    {
        Mixture law = target.Factors[0].Law;
        return Of(law, level, k => Dot(law.Mean(k), direction), c => QuadraticForm(c, direction));
    }

    /// <summary>Whether <see cref="Along"/> knows the target's projections: it is one factor of one copy.</summary>
    public static bool IsOneMixture(Target target) => target.Factors.Length == 1 && target.Factors[0].Count == 1;

    /// <summary>
    /// ∫ (c₀ + c₁v + c₂v²) p(y) dy with v = y − origin over [from, to], in closed form; the ends may be infinite. And the sum of the sizes of
    /// all terms, which the rounding is relative to.
    /// </summary>
    /// <remarks>
    /// With y = μ + s·z the moments of z over [a, b] are P = Φ(b) − Φ(a), φ(a) − φ(b) and P + a·φ(a) − b·φ(b).
    /// </remarks>
    public (double Value, double Size) Integral(double c0, double c1, double c2, double origin, double from, double to)
    {
        double sum = 0;
        double size = 0;
        for (int k = 0; k < Weights.Length; k++)
        {
            double mu = Means[k], s = Deviations[k];
            double a = Math.Clamp((from - mu) / s, -Far, Far), b = Math.Clamp((to - mu) / s, -Far, Far);
            double mass = NormalTail.Between(a, b);
            double left = Density(a), right = Density(b);
            double first = left - right;
            double second = mass + (a * left) - (b * right);
            double m = mu - origin;
            sum += Weights[k] * (((c0 + (c1 * m) + (c2 * m * m)) * mass) + ((c1 + (2 * c2 * m)) * s * first) + (c2 * s * s * second));
            size += Weights[k] * (((Math.Abs(c0) + Math.Abs(c1 * m) + Math.Abs(c2 * m * m)) * mass)
                + ((Math.Abs(c1) + Math.Abs(2 * c2 * m)) * s * (left + right))
                + (Math.Abs(c2) * s * s * (mass + Math.Abs(a * left) + Math.Abs(b * right))));
        }

        return (sum, size);
    }

    private static double Density(double z) => Math.Exp((-0.5 * z * z) - NormalTail.LogRootTwoPi);

    private static LineMixture Of(Mixture law, NoiseLevel level, Func<int, double> mean, Func<Covariance, double> variance)
    {
        double[] shared = [.. law.Covariances.Select(c => Math.Sqrt(level.VarianceOf(variance(c))))];
        return new LineMixture(
            law.Weights,
            [.. Enumerable.Range(0, law.Count).Select(k => level.Mean * mean(k))],
            [.. Enumerable.Range(0, law.Count).Select(k => shared[law.SharesCovariance ? 0 : k])]);
    }

    private static (Mixture Law, int Local) Find(Target target, int coordinate)
    {
        foreach (Factor factor in target.Factors)
        {
            if (coordinate < factor.Dimension) return (factor.Law, coordinate % factor.Law.Dimension);
            coordinate -= factor.Dimension;
        }

        throw new ArgumentOutOfRangeException(nameof(coordinate));
    }

    private static double Dot(ReadOnlySpan<double> a, double[] b)
    {
        double sum = 0;
        for (int i = 0; i < b.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }

    // θᵀΣθ for a unit vector θ.
    private static double QuadraticForm(Covariance c, double[] direction)
    {
        double sum = 0;
        for (int j = 0; j < direction.Length; j++)
        {
            double along = direction[j];
            if (c.Eigenvectors is { } q)
            {
                along = 0;
                for (int i = 0; i < direction.Length; i++)
                {
                    along += q[(i * direction.Length) + j] * direction[i];
                }
            }

            sum += c.Eigenvalue(j) * along * along;
        }

        return sum;
    }
}
