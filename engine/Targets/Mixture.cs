namespace Sgm.Engine;

/// <summary>
/// A mixture of K normal laws in dimension d: Σ_k w_k N(μ_k, Σ_k). One component is a normal law; n components of equal
/// weight with one shared covariance are a data set with a Gaussian kernel on every row.
/// </summary>
public sealed class Mixture
{
    /// <summary>
    /// Weights (shape [K], of any positive sum, by which they are divided), means (row-major [K, d]) and one shared covariance or K
    /// own ones.
    /// </summary>
    public Mixture(double[] weights, double[] means, Covariance[] covariances)
    {
        ArgumentOutOfRangeException.ThrowIfZero(weights.Length);
        if (covariances.Length != 1 && covariances.Length != weights.Length)
        {
            throw new ArgumentException("one shared covariance or one a component", nameof(covariances));
        }

        if (means.Length != weights.Length * covariances[0].Dimension)
        {
            throw new ArgumentException("the means must have shape [K, d]", nameof(means));
        }

        // In doubles the sum would depend on the order of the components, and with it the law.
        DoubleDouble total = weights.Aggregate(DoubleDouble.Zero, (sum, weight) => sum + weight);
        Given = weights;
        Weights = total == DoubleDouble.One ? weights : [.. weights.Select(weight => (double)(weight / total))];
        Means = means;
        Covariances = covariances;
    }

    /// <summary>K.</summary>
    public int Count => Weights.Length;

    /// <summary>d.</summary>
    public int Dimension => Covariances[0].Dimension;

    /// <summary>Shape [K], sums to 1 up to rounding.</summary>
    public double[] Weights { get; }

    /// <summary>The weights as they were given: what far modes exchange between two laws is a difference of these.</summary>
    public double[] Given { get; }

    /// <summary>Row-major, shape [K, d].</summary>
    public double[] Means { get; }

    /// <summary>One shared covariance, or K.</summary>
    public Covariance[] Covariances { get; }

    /// <summary>Whether all components have the same covariance object.</summary>
    public bool SharesCovariance => Covariances.Length == 1;

    /// <summary>N(mean, covariance).</summary>
    public static Mixture Normal(double[] mean, Covariance covariance) => new([1], mean, [covariance]);

    /// <summary>Mean of component k, shape [d].</summary>
    public ReadOnlySpan<double> Mean(int k) => Means.AsSpan(k * Dimension, Dimension);

    /// <summary>Covariance of component k.</summary>
    public Covariance Covariance(int k) => Covariances[SharesCovariance ? 0 : k];
}
