namespace Sgm.Engine;

/// <summary>Distances between two laws on the line that both ran, as opposed to a law and its target.</summary>
internal static class LineDifference
{
    /// <summary>
    /// Total variation of <paramref name="first"/> from <paramref name="second"/>, the density of which is that of its panels.
    /// <paramref name="second"/> must have no deterministic step since its last noise.
    /// </summary>
    public static Measured TotalVariation(LineState.Density first, LineState.Density second, WorkLimit work)
    {
        PanelSet panels = second.Panels;
        var masses = new PanelMasses(second);
        double NarrowestPanel(double a, double b)
        {
            double narrowest = double.PositiveInfinity;
            for (int p = Math.Max(0, LowerBound(panels.From, a) - 1); p < panels.Count && panels.From[p] < b; p++)
            {
                narrowest = panels.To[p] > a ? Math.Min(narrowest, panels.Width(p)) : narrowest;
            }

            return narrowest;
        }

        var other = new Counterpart(
            x => Math.Log(second.DensityAt(x)),
            NarrowestPanel,
            (a, b) => second.Exact?.Between(a, b) ?? masses.Between(a, b),
            second.Exact?.Cost ?? 1);
        return LineVariation.Of(new(first, other, work), other);
    }

    private static int LowerBound(double[] ascending, double x)
    {
        int at = Array.BinarySearch(ascending, x);
        return at < 0 ? ~at : at;
    }
}
