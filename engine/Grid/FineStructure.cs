namespace Sgm.Engine;

/// <summary>
/// Where a mixture's score changes and changes back within less than an interval, so that points on both sides agree and tell
/// nothing: a narrow component on a wider one. Between components of one width it cannot: what lies on both sides of one differs.
/// </summary>
internal static class FineStructure
{
    /// <summary>Points of an interval this many deviations long see a component.</summary>
    private const double Seen = 4;

    /// <summary>A component whose posterior weight is below e^(−60) on all of an interval leaves no trace there.</summary>
    private const double Traceless = 60;

    /// <summary>Whether components differ in width at all.</summary>
    public static bool MayBeIn(ScalarMixture law) => law.SmallestDeviation < (1 - 1e-9) * law.LargestDeviation;

    /// <summary>Whether a component that [low, high] is too long to see may have a posterior weight there that matters.</summary>
    public static bool IsIn(ScalarMixture law, double low, double high)
    {
        double width = high - low;
        if (!MayBeIn(law) || !(width > Seen * law.SmallestDeviation))
        {
            return false;
        }

        // Every component is log-concave: on the interval it is at least what it is at one of the ends.
        ReadOnlySpan<double> means = law.Means;
        ReadOnlySpan<double> deviations = law.Deviations;
        ReadOnlySpan<double> weights = law.Weights;
        double least = double.NegativeInfinity;
        for (int j = 0; j < means.Length; j++)
        {
            double far = Math.Max(Math.Abs(low - means[j]), Math.Abs(high - means[j])) / deviations[j];
            least = Math.Max(least, Math.Log(weights[j] / deviations[j]) - (0.5 * far * far));
        }

        for (int k = 0; k < means.Length; k++)
        {
            double near = (means[k] - Math.Clamp(means[k], low, high)) / deviations[k];
            if (width > Seen * deviations[k] && Math.Log(weights[k] / deviations[k]) - (0.5 * near * near) > least - Traceless)
            {
                return true;
            }
        }

        return false;
    }
}
