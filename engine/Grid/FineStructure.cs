namespace Sgm.Engine;

/// <summary>
/// Where a mixture's score may change within an interval between all the points that look at it: a component narrower than their
/// distance, or a switch from one component to another beside an end, where no point lies.
/// </summary>
internal static class FineStructure
{
    /// <summary>Points of an interval this many deviations long see a component.</summary>
    private const double Seen = 4;

    /// <summary>
    /// A switch e^(a·x) with a times the length below this is seen: from the outermost of 16 points to the end it is 0.0053 of the length,
    /// so that the switch has changed the score by e^(−2.7) of its size there.
    /// </summary>
    private const double SeenSwitch = 500;

    /// <summary>A component whose posterior weight is below e^(−60) on all of an interval leaves no trace there.</summary>
    private const double Traceless = 60;

    /// <summary>Whether there is anything to hide.</summary>
    public static bool MayBeIn(ScalarMixture law) => law.Count > 1;

    /// <summary>Whether [low, high] may hold what 16 points do not see.</summary>
    public static bool IsIn(ScalarMixture law, double low, double high)
    {
        double width = high - low;
        ReadOnlySpan<double> means = law.Means;
        double smallest = law.SmallestDeviation;
        bool isEven = smallest >= (1 - 1e-9) * law.LargestDeviation;
        if (means.Length == 1 || (isEven && width * (means[^1] - means[0]) <= SeenSwitch * smallest * smallest))
        {
            return false;
        }

        // Every component is log-concave: on the interval it is at least what it is at one of the ends.
        ReadOnlySpan<double> deviations = law.Deviations;
        ReadOnlySpan<double> logWeights = law.LogWeights;
        double least = double.NegativeInfinity;
        for (int j = 0; j < means.Length; j++)
        {
            double far = Math.Max(Math.Abs(low - means[j]), Math.Abs(high - means[j])) / deviations[j];
            least = Math.Max(least, logWeights[j] - (0.5 * far * far));
        }

        // Where one component is all that matters the score is linear, however long the interval.
        int active = 0;
        bool tooNarrow = false;
        (double lowest, double highest) = (double.PositiveInfinity, double.NegativeInfinity);
        (double lowestThere, double highestThere) = (double.PositiveInfinity, double.NegativeInfinity);
        for (int k = 0; k < means.Length; k++)
        {
            double near = (means[k] - Math.Clamp(means[k], low, high)) / deviations[k];
            if (!(logWeights[k] - (0.5 * near * near) > least - Traceless))
            {
                continue;
            }

            active++;
            tooNarrow |= !isEven && width > Seen * deviations[k];
            double precision = 1 / (deviations[k] * deviations[k]);
            (double here, double there) = ((means[k] - low) * precision, (means[k] - high) * precision);
            (lowest, highest) = (Math.Min(lowest, here), Math.Max(highest, here));
            (lowestThere, highestThere) = (Math.Min(lowestThere, there), Math.Max(highestThere, there));
        }

        return active > 1 && (tooNarrow || width * Math.Max(highest - lowest, highestThere - lowestThere) > SeenSwitch);
    }
}
