namespace Sgm.Engine;

/// <summary>Where the score's law at a level has mass, and what a step does to distances there.</summary>
internal sealed class PlaneReach
{
    // Components whose areas are added up, and those between which ridges are looked for.
    private const int MostComponents = 500;
    private const int MostPairs = 12;
    private const int Parts = 12;
    private readonly double narrowest;
    private readonly double outermost;

    // Between two components, where a map tears them apart.
    private readonly List<(double Curvature, double Exponent)> ridges = [];

    public PlaneReach(Target law, NoiseLevel level, double logRange)
    {
        PlaneMixture mixture = PlaneMixture.Of(law, level)!;
        ReadOnlySpan<PlaneMixture.Component> all = mixture.Components;
        Components = all.Length;
        PlaneBox box = mixture.Extent(logRange);
        double sum = 0;
        int stride = Math.Max(1, all.Length / MostComponents);
        (narrowest, outermost) = (double.PositiveInfinity, 0);
        double widest = 0;
        for (int k = 0; k < all.Length; k += stride)
        {
            sum += stride * 2 * Math.PI * logRange * Math.Sqrt(all[k].Determinant);
            narrowest = Math.Min(narrowest, all[k].Least);
            if (all[k].Largest > widest) (widest, outermost) = (all[k].Largest, all[k].Least);
        }

        Area = Math.Min(box.Width * box.Height, sum);
        int apart = Math.Max(1, (all.Length + MostPairs - 1) / MostPairs);
        for (int i = 0; i < all.Length; i += apart)
        {
            for (int j = 0; j < i; j += apart)
            {
                // Which place on the way is as near to both depends on their shapes.
                for (int part = 1; part < Parts; part++)
                {
                    double t = (double)part / Parts;
                    (double x, double y) = (all[i].X + (t * (all[j].X - all[i].X)), all[i].Y + (t * (all[j].Y - all[i].Y)));
                    if (Ridge(all, stride, x, y) is { Curvature: > 0 } ridge) ridges.Add(ridge);
                }
            }
        }
    }

    // (ln p)″ in its steepest direction at a place, Cov(μ | x)/v² − 1/v as for components of one variance v, and −ln of the mass around it.
    private static (double Curvature, double Exponent) Ridge(ReadOnlySpan<PlaneMixture.Component> all, int stride, double x, double y)
    {
        double sum = 0, meanX = 0, meanY = 0, xx = 0, xy = 0, yy = 0, variance = 0;
        for (int k = 0; k < all.Length; k += stride)
        {
            PlaneMixture.Component c = all[k];
            double u = x - c.X, v = (y - c.Y - (c.Slope * u)) * c.RestPrecision;
            double own = stride * Math.Exp(c.LogPeak - (0.5 * ((u * u / c.Xx) + (v * v))));
            sum += own;
            (meanX, meanY, variance) = (meanX + (own * c.X), meanY + (own * c.Y), variance + (own * c.Least));
            (xx, xy, yy) = (xx + (own * c.X * c.X), xy + (own * c.X * c.Y), yy + (own * c.Y * c.Y));
        }

        if (!(sum > 0)) return default;
        (meanX, meanY, variance) = (meanX / sum, meanY / sum, variance / sum);
        (xx, xy, yy) = ((xx / sum) - (meanX * meanX), (xy / sum) - (meanX * meanY), (yy / sum) - (meanY * meanY));
        double half = 0.5 * (xx - yy);
        double largest = (0.5 * (xx + yy)) + Math.Sqrt((half * half) + (xy * xy));
        return ((largest / (variance * variance)) - (1 / variance), Math.Max(0, -Math.Log(sum * 2 * Math.PI * variance)));
    }

    /// <summary>Of the ellipses of the components, or of the box around them where that is less.</summary>
    public double Area { get; }

    /// <summary>How many there are.</summary>
    public int Components { get; }

    /// <summary>The factor of distances far out, and the largest one inside a component; between components it is found by the spacing.</summary>
    public (double Out, double Inside) Slopes(IStep step)
    {
        // Steps that keep registers are taken for even ones.
        push = 0;
        if ((step as Tableau)?.InScores() is not { } tableau) return (1, 1);
        push = tableau.B.Sum();
        return (Math.Abs(tableau.A - (push / outermost)), Math.Max(1, Math.Abs(tableau.A - (push / narrowest))));
    }

    private double push;

    /// <summary>The spacing that the last step asks for where it stretches.</summary>
    /// <param name="smoothness">Of the state.</param>
    /// <param name="noise">C.</param>
    /// <param name="inside">The factor of distances inside a component.</param>
    public double Spacing(double smoothness, double noise, double inside)
    {
        PlaneResolution fine = PlaneResolution.Fine(PlaneResolution.StandardLogRange);
        double least = fine.Spacing(smoothness, noise / inside);
        foreach ((double curvature, double exponent) in ridges)
        {
            // What little mass is there needs as many digits less.
            if (exponent > fine.Digits - 1) continue;
            PlaneResolution own = fine with { Digits = fine.Digits - exponent };
            least = Math.Min(least, own.Spacing(smoothness, noise / (1 + (push * curvature))));
        }

        return least;
    }
}
