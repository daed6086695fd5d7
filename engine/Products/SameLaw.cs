namespace Sgm.Engine;

/// <summary>Mixtures are equal by content; most differ in their first numbers.</summary>
internal sealed class SameLaw : IEqualityComparer<Mixture>
{
    /// <inheritdoc/>
    public bool Equals(Mixture? a, Mixture? b) =>
        ReferenceEquals(a, b)
        || (a is not null
            && b is not null
            && a.Count == b.Count
            && a.Dimension == b.Dimension
            && a.Weights.AsSpan().SequenceEqual(b.Weights)
            && a.Means.AsSpan().SequenceEqual(b.Means)
            && Enumerable.Range(0, a.SharesCovariance && b.SharesCovariance ? 1 : a.Count).All(k => Equal(a.Covariance(k), b.Covariance(k))));

    /// <inheritdoc/>
    public int GetHashCode(Mixture law)
    {
        HashCode hash = default;
        hash.Add(law.Count);
        for (int k = 0; k < Math.Min(law.Count, 16); k++)
        {
            hash.Add(law.Weights[k]);
            hash.Add(law.Mean(k)[0]);
            hash.Add(law.Covariance(k).Variance(0));
        }

        return hash.ToHashCode();
    }

    private static bool Equal(Covariance a, Covariance b)
    {
        if (ReferenceEquals(a, b)) return true;
        for (int i = 0; i < a.Dimension; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                if (!a.Entry(i, j, static v => v).Equals(b.Entry(i, j, static v => v))) return false;
            }
        }

        return true;
    }
}
