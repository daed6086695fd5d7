namespace Sgm.Engine;

/// <summary>
/// χ² squares densities and divides by p: mass far below what the panels hold may be all of it where p is smaller still. Adds up what
/// the mass that the last noisy step left out could contribute against the target at its level.
/// </summary>
internal sealed class Forgotten(Func<NoiseLevel, ScalarMixture> target)
{
    /// <summary>Where in a component a map is looked at, in its deviations.</summary>
    private static readonly double[] Places = [-9, -6, -3, 0, 3, 6, 9];

    /// <summary>ln of the sum.</summary>
    public double Log { get; private set; } = double.NegativeInfinity;

    /// <summary>One noisy step, instead of those before it.</summary>
    public void Add(LineState.Density before, LineState.Density after, ScalarMap map, double logRange)
    {
        Log = double.NegativeInfinity;
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

        // Beyond the panels there is less than e^(−range) of mass, and it falls at the rate of the tails; a component of the score
        // there may throw it anywhere.
        double low = before.Image.Min();
        double high = before.Image.Max();
        double centre = before.ExtentOf(before.Image, 0).Centre;
        foreach (ScalarMixture score in map.ScoreLaws)
        {
            for (int k = 0; k < score.Count; k++)
            {
                double mean = score.Means[k];
                if (mean >= low && mean <= high)
                {
                    continue;
                }

                double rate = mean < low ? before.Tails.Left : before.Tails.Right;
                double edge = (mean < low ? low : high) - centre;
                foreach (double place in Places)
                {
                    double x = mean + (place * score.Deviations[k]);
                    double beyond = Math.Max(0, ((x - centre) * (x - centre)) - (edge * edge)) / (rate * rate);
                    Include(-beyond - (2 * logRange) - Math.Log(map.Noise) - law.LogDensity(map.At(x).Value));
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
