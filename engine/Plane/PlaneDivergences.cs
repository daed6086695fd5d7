namespace Sgm.Engine;

/// <summary>
/// Divergences of a density q on the plane from a mixture p: KL = ∫ (q ln(q/p) − q + p) + p(outside), χ² = ∫ (q − p)²/p + p(outside) and TV = ∫ (q − p)₊
/// over the squares where q has mass. The integrands are non-negative, so that nothing cancels where the laws are close.
/// </summary>
internal sealed class PlaneDivergences
{
    // Where q is within e^(−this share of the range) of what is dropped, it has fewer digits.
    private const double EdgeShare = 0.85;

    // What the squares of χ² may take, a part of what a run may: q²/p is the first to find no end.
    private const double LargestShare = 0.2;
    private readonly PlanePanels panels;
    private readonly double outside;
    private readonly Lazy<Squares> square;

    public PlaneDivergences(PlaneSnapshot state, IPlaneTarget target, RunOptions options)
    {
        double mass = state.Density!.Mass;
        double least = Math.Exp(-EdgeShare * state.Resolution.LogRange) / (2 * Math.PI * state.Density!.Smoothness * state.Density.Smoothness);
        panels = PlanePanels.Of(state.Density, mass, target, state.Resolution, double.PositiveInfinity, new(options));
        outside = Outside(panels);
        square = new(() =>
        {
            PlaneWork work = new(options, LargestShare * PlaneWork.Limit);
            PlanePanels own = PlanePanels.Of(state.Density, mass, target, state.Resolution, least, work);
            return new(
                own,
                own.All.Sum(panel => panel.Integral(PlanePanels.Square)) + Outside(own),
                own.All.Sum(panel => panel.Integral((q, p) => q < least ? PlanePanels.Square(q, p) - Math.Exp(p) : 0)));
        });
    }

    // χ² on squares of its own, which resolve q²/p, and the part of it where q is nearly as small as the grid holds.
    private sealed record Squares(PlanePanels Panels, double Sum, double Edge);

    /// <summary>Both laws on squares.</summary>
    public PlanePanels Panels => panels;

    /// <summary>½∫|q − p|.</summary>
    public Measured Tv => tv ??= Variation();

    private Measured? tv;

    /// <summary>∫ q ln(q/p).</summary>
    public Measured Kl => new(panels.All.Sum(p => p.Integral(PlanePanels.RelativeEntropy)) + outside, panels.Unresolved);

    /// <summary>∫ q²/p − 1.</summary>
    /// <exception cref="WorkExceededException">The squares that it needs take too much work.</exception>
    public Measured Chi2 => new(square.Value.Sum, square.Value.Panels.Unresolved * Math.Max(1, square.Value.Sum));

    /// <summary>The share of 1 + χ² where q is nearly as small as the grid holds; 1 where the sums are beyond the range of a double.</summary>
    /// <exception cref="WorkExceededException">The squares that it needs take too much work.</exception>
    public double EdgeOfSquare =>
        Math.Max(0, square.Value.Edge) / (1 + square.Value.Sum) is var share && double.IsFinite(share) ? share : 1;

    /// <summary>The largest |ln(q/p)| where q is known.</summary>
    public double LargestLogRatio => panels.All.Max(panel =>
        panel.State.Zip(panel.LogTarget).Max(pair => pair.First > 0 ? Math.Abs(Math.Log(pair.First) - pair.Second) : 0));

    /// <summary>The largest q/p where q has mass to speak of.</summary>
    public double LargestRatio
    {
        get
        {
            double least = 1e-12 * panels.All.Max(panel => panel.State.Max());
            return panels.All.Max(panel => panel.State.Zip(panel.LogTarget)
                .Max(pair => pair.First > least ? pair.First * Math.Exp(-pair.Second) : 0));
        }
    }

    // What p has outside of the squares.
    private static double Outside(PlanePanels panels) =>
        Math.Max(0, 1 - panels.All.Sum(panel => panel.Integral(static (_, p) => Math.Exp(p))));

    private Measured Variation()
    {
        double value = 0, error = panels.Unresolved;
        double[] difference = new double[Legendre.Order * Legendre.Order];
        foreach (PlanePanel panel in panels.All)
        {
            for (int i = 0; i < difference.Length; i++)
            {
                difference[i] = panel.State[i] - Math.Exp(panel.LogTarget[i]);
            }

            Measured own = PositivePart.Of(difference, panel.Area);
            value += own.Value;
            error += own.Error;
        }

        return new(value, error);
    }
}
