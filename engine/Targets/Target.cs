using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>Count ≥ 1 independent copies of one mixture, on consecutive blocks of coordinates.</summary>
public sealed record Factor(int Count, Mixture Law)
{
    /// <summary>Coordinates of all copies together.</summary>
    public int Dimension => Count * Law.Dimension;
}

/// <summary>
/// A law on R^d: independent factors on consecutive blocks of coordinates. A law that does not factor has one factor of
/// one copy. Its noised law at level (m, σ) is again of this form: means m·μ, covariances m²Σ + σ²I.
/// </summary>
public sealed class Target
{
    /// <summary>The product of <paramref name="factors"/> in the order of the coordinates.</summary>
    public Target(ImmutableArray<Factor> factors)
    {
        ArgumentOutOfRangeException.ThrowIfZero(factors.Length);
        Factors = factors;
        Dimension = factors.Sum(f => f.Dimension);
        IsGaussian = factors.All(f => f.Law.Count == 1);
        HasIndependentCoordinates = factors.All(f =>
            f.Law.Dimension == 1 || (f.Law.Count == 1 && f.Law.Covariances[0].Shape != CovarianceShape.Full));
        HasFullCovariance = factors.Any(f => f.Law.Covariances[0].Shape == CovarianceShape.Full);
    }

    /// <summary>A law that is one mixture.</summary>
    public Target(Mixture law)
        : this([new Factor(1, law)])
    {
    }

    /// <summary>The factors in the order of the coordinates.</summary>
    public ImmutableArray<Factor> Factors { get; }

    /// <summary>d.</summary>
    public int Dimension { get; }

    /// <summary>Whether every factor is a single normal law, so that the whole is one.</summary>
    public bool IsGaussian { get; }

    /// <summary>Whether every factor is one-dimensional, or an isotropic or diagonal normal law: coordinates are independent.</summary>
    public bool HasIndependentCoordinates { get; }

    /// <summary>Whether a factor's covariances are full matrices.</summary>
    public bool HasFullCovariance { get; }

    /// <summary>N(0, v·I).</summary>
    public static Target Centred(int dimension, double variance) =>
        new(Mixture.Normal(new double[dimension], Covariance.Isotropic(dimension, variance)));
}
