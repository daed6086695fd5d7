namespace Sgm.Engine;

/// <summary>Where a step that may be rejected can bring a law, and how fine the law can be there.</summary>
internal static class AdjustedReach
{
    /// <summary>Velocities that are looked at.</summary>
    private const int Velocities = 19;

    /// <summary>
    /// An interval that is expected to hold the law after the step, and its features: where the law was (what is rejected stays), the
    /// target's, and the images of every panel under the leapfrog.
    /// </summary>
    public static ((double From, double To) Hull, List<Feature> Features) Of(
        LineState.Density state, AdjustedMap map, GridResolution resolution, WorkLimit work)
    {
        PanelSet panels = state.Panels;
        double negligible = -resolution.LogRange - GridResolution.Margin;
        (double from, double to) = (panels.From[0], panels.To[^1]);
        List<Feature> features = [];
        Span<double> left = stackalloc double[Velocities];
        Span<double> right = stackalloc double[Velocities];
        Span<bool> counts = stackalloc bool[Velocities];
        work.Spend(2.0 * Velocities * panels.Count * map.Cost);
        for (int p = 0; p < panels.Count; p++)
        {
            features.Add(new(panels.From[p], panels.To[p], panels.Width(p)));
            LeapOrigin first = map.At(panels.From[p]), last = map.At(panels.To[p]);
            double peak = Math.Log(PanelBuilder.Largest(state.Values.AsSpan(p * Legendre.Order, Legendre.Order)) * panels.Width(p));
            for (int j = 0; j < Velocities; j++)
            {
                double v = j - (Velocities / 2);
                LeapProposal one = map.From(first, v), other = map.From(last, v);
                (left[j], right[j]) = (one.To, other.To);
                counts[j] = peak - (0.5 * v * v) + Math.Min(0, Math.Max(one.Log, other.Log)) > negligible;
            }

            for (int j = 0; j + 1 < Velocities; j++)
            {
                double low = Math.Min(Math.Min(left[j], left[j + 1]), Math.Min(right[j], right[j + 1]));
                double high = Math.Max(Math.Max(left[j], left[j + 1]), Math.Max(right[j], right[j + 1]));
                if ((counts[j] || counts[j + 1]) && high - low < double.PositiveInfinity)
                {
                    double scale = Math.Max(Math.Abs(right[j] - left[j]), Math.Abs(left[j + 1] - left[j]));
                    features.Add(new(low, high, Math.Max(2 * scale, 1e-12 * Math.Max(Math.Abs(low), Math.Abs(high)))));
                    (from, to) = (Math.Min(from, low), Math.Max(to, high));
                }
            }
        }

        features.AddRange(map.Law.Features(from, to, work.Cancellation));
        return ((from, to), features);
    }
}
