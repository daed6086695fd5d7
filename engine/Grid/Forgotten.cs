namespace Sgm.Engine;

/// <summary>
/// χ² squares densities and divides by p: mass far below what the panels hold may be all of it where p is smaller still. Adds up, after
/// every noisy step, what the mass that was left out could contribute against the target at that level. To leading order it counts
/// until the end, as χ² does not grow under kernels that keep the target.
/// </summary>
internal sealed class Forgotten(Func<NoiseLevel, ScalarMixture> target)
{
    /// <summary>Where in a component a map is looked at, in its deviations.</summary>
    private static readonly double[] Places = [-9, -6, -3, 0, 3, 6, 9];

    /// <summary>ln of the sum.</summary>
    public double Log { get; private set; } = double.NegativeInfinity;

    /// <summary>One noisy step.</summary>
    public void Add(LineState.Density before, LineState.Density after, ScalarMap map, double logRange)
    {
        ScalarMixture law = target(map.Tableau.To);
        Span<double> points = stackalloc double[Legendre.Order];
        foreach ((double from, double to, double[] values) in after.Dropped)
        {
            PanelSet.Place(from, to, points);
            for (int i = 0; i < points.Length; i++)
            {
                Include((2 * Math.Log(values[i])) + Math.Log(0.5 * Legendre.Weights[i] * (to - from)) - law.LogDensity(points[i]));
            }
        }

        // Beyond the panels there is less than e^(−range) of mass; a component of the score there may throw it anywhere.
        double low = before.Image.Min();
        double high = before.Image.Max();
        foreach (ScalarMixture score in map.ScoreLaws)
        {
            for (int k = 0; k < score.Count; k++)
            {
                double mean = score.Means[k];
                if (mean >= low && mean <= high)
                {
                    continue;
                }

                foreach (double place in Places)
                {
                    double thrown = map.At(mean + (place * score.Deviations[k])).Value;
                    Include((-2 * logRange) - Math.Log(map.Noise) - law.LogDensity(thrown));
                }
            }
        }
    }

    private void Include(double log)
    {
        double larger = Math.Max(Log, log);
        Log = double.IsNegativeInfinity(larger) ? larger : larger + Math.Log(Math.Exp(Log - larger) + Math.Exp(log - larger));
    }
}
