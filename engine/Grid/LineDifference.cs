namespace Sgm.Engine;

/// <summary>Distances between two laws on the line that both ran, as opposed to a law and its target.</summary>
internal static class LineDifference
{
    private const int Order = Legendre.Order;

    /// <summary>
    /// Total variation ∫(q − r)₊ over the panels of <paramref name="first"/>, the density of <paramref name="second"/> by its panels'
    /// polynomials. <paramref name="second"/> must have no deterministic step since its last noise.
    /// </summary>
    public static Measured TotalVariation(LineState.Density first, LineState.Density second, double tolerance)
    {
        PanelSet panels = second.Panels;
        double NarrowestPanel(double a, double b)
        {
            double narrowest = double.PositiveInfinity;
            for (int p = Math.Max(0, LowerBound(panels.From, a) - 1); p < panels.Count && panels.From[p] < b; p++)
            {
                narrowest = panels.To[p] > a ? Math.Min(narrowest, panels.Width(p)) : narrowest;
            }

            return narrowest;
        }

        double MassBetween(double a, double b)
        {
            double mass = 0;
            for (int p = Math.Max(0, LowerBound(panels.From, a) - 1); p < panels.Count && panels.From[p] < b; p++)
            {
                for (int i = p * Order; i < (p + 1) * Order; i++)
                {
                    mass += panels.Nodes[i] > a && panels.Nodes[i] < b ? second.Values[i] * panels.Weights[i] : 0;
                }
            }

            return mass;
        }

        (double value, double error) = new LineIntegral(first, new(NarrowestPanel, MassBetween)).Of(
            (in LineSample sample, Span<double> values) =>
            {
                for (int i = 0; i < Order; i++)
                {
                    double ratio = DensityAt(second, sample.Image[i]) / Math.Exp(sample.LogState[i]);
                    values[i] = ratio < 1 ? Math.Max(0, sample.Density[i]) * (1 - ratio) : 0;
                }
            },
            tolerance,
            1e-13);
        return new(value, error);
    }

    private static int LowerBound(double[] ascending, double x)
    {
        int at = Array.BinarySearch(ascending, x);
        return at < 0 ? ~at : at;
    }

    /// <summary>The density at x; 0 beyond the panels.</summary>
    private static double DensityAt(LineState.Density state, double x)
    {
        PanelSet panels = state.Panels;
        int found = Array.BinarySearch(panels.From, x);
        int p = found >= 0 ? found : ~found - 1;
        if (p < 0 || x > panels.To[p])
        {
            return 0;
        }

        double at = ((2 * x) - panels.From[p] - panels.To[p]) / panels.Width(p);
        Span<double> cardinals = stackalloc double[Order];
        Legendre.Cardinals(at, cardinals);
        double density = 0;
        for (int i = 0; i < Order; i++)
        {
            density += cardinals[i] * state.Values[(p * Order) + i];
        }

        return Math.Max(0, density);
    }
}
