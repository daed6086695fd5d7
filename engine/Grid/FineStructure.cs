using System.Numerics;
using System.Runtime.Intrinsics;

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
    /// A switch e^(a·x) with a times the length below this is seen: from the outermost of 16 points to the end it is
    /// 0.0053 of the length, so that the switch has changed the score by e^(−2.7) of its size there.
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
        ComponentSlice parts = law.Components;
        Vector512<double> from = Vector512.Create(low);
        Vector512<double> to = Vector512.Create(high);
        Vector512<double> least = Vector512.Create(double.NegativeInfinity);
        for (int k = 0; k < parts.Count; k += ComponentSlice.Block)
        {
            Vector512<double> mean = ComponentSlice.Load(parts.Mean, k);
            Vector512<double> far = Vector512.Max(Vector512.Abs(from - mean), Vector512.Abs(to - mean)) * ComponentSlice.Load(parts.Precision, k);
            least = Vector512.Max(least, ComponentSlice.Load(parts.LogPeak, k) - (far * far * 0.5));
        }

        // Where one component is all that matters the score is linear, however long the interval.
        Vector512<double> threshold = Vector512.Create(ComponentSlice.Largest(least) - Traceless);
        int active = 0;
        Vector512<double> none = Vector512.Create(double.NegativeInfinity);
        (Vector512<double> narrowest, Vector512<double> highest, Vector512<double> highestThere) = (none, none, none);
        (Vector512<double> lowest, Vector512<double> lowestThere) = (none, none);
        for (int k = 0; k < parts.Count; k += ComponentSlice.Block)
        {
            Vector512<double> mean = ComponentSlice.Load(parts.Mean, k);
            Vector512<double> precision = ComponentSlice.Load(parts.Precision, k);
            Vector512<double> near = (mean - Vector512.Min(Vector512.Max(mean, from), to)) * precision;
            Vector512<double> counts = Vector512.GreaterThan(ComponentSlice.Load(parts.LogPeak, k) - (near * near * 0.5), threshold);
            if (counts == Vector512<double>.Zero)
            {
                continue;
            }

            active += BitOperations.PopCount(counts.ExtractMostSignificantBits());
            Vector512<double> here = (mean - from) * precision * precision;
            Vector512<double> there = (mean - to) * precision * precision;
            narrowest = Vector512.Max(narrowest, Vector512.ConditionalSelect(counts, precision, none));
            highest = Vector512.Max(highest, Vector512.ConditionalSelect(counts, here, none));
            lowest = Vector512.Max(lowest, Vector512.ConditionalSelect(counts, -here, none));
            highestThere = Vector512.Max(highestThere, Vector512.ConditionalSelect(counts, there, none));
            lowestThere = Vector512.Max(lowestThere, Vector512.ConditionalSelect(counts, -there, none));
        }

        bool tooNarrow = !isEven && width * ComponentSlice.Largest(narrowest) > Seen;
        double change = Math.Max(
            ComponentSlice.Largest(highest) + ComponentSlice.Largest(lowest),
            ComponentSlice.Largest(highestThere) + ComponentSlice.Largest(lowestThere));
        return active > 1 && (tooNarrow || width * change > SeenSwitch);
    }
}
