namespace Sgm.Engine;

/// <summary>The law of a state in the plane at one resolution, taken out of a run.</summary>
/// <param name="Density">The density before the steps that came after the last noise; null for a point.</param>
/// <param name="Images">Where they took its nodes; null where there were none.</param>
/// <param name="Masses">Masses of the nodes.</param>
/// <param name="Chain">These steps.</param>
/// <param name="Lost">Mass that is nowhere.</param>
/// <param name="Unresolved">The part of it that lattices could not resolve.</param>
/// <param name="Rounding">Relative rounding of the density.</param>
/// <param name="Resolution">How fine.</param>
internal sealed record PlaneSnapshot(
    PlaneDensity? Density,
    PlaneImages? Images,
    double[]? Masses,
    IStep[] Chain,
    double Lost,
    double Unresolved,
    double Rounding,
    PlaneResolution Resolution)
{
    private readonly Lazy<PlaneMoments> moments = new(() =>
        Images is null ? Density!.Moments() : PlaneMoments.Of(Images.X, Images.Y, Masses!));

    /// <summary>Means and covariances.</summary>
    public PlaneMoments Moments => moments.Value;

    /// <summary>Whether the state is a single point.</summary>
    public bool IsPoint => Density is null;

    /// <summary>Bytes that it keeps.</summary>
    public double Bytes => (48.0 * ((Density as PlaneSum)?.Masses.Length ?? 0)) + (16.0 * (Images?.X.Length ?? 0)) + ProbeMemory.LawBytes;
}

/// <summary>
/// An exact law on the plane at two resolutions, against the target at its level. Every number is that of the fine one; its bracket is
/// the difference to the coarse one, what the panels do not resolve, rounding, and what lies outside of them.
/// </summary>
public sealed class PlaneLaw : Law
{
    private const string Method = "plane";
    private const string NoDensity = "the state is a single point: it has no density";

    // A part of χ² as large as this where q is nearly as small as the grid holds is no longer negligible.
    private const double LargestEdge = 1e-9;

    // More of it out there than this, and no longer range will find its end.
    private const double Hopeless = 0.5;

    private const string Moved =
        "a deterministic step came last that is not known to be one to one: in the plane only means and "
        + "variances are known between it and the next noise; measure after a noisy step";

    private readonly PlaneSnapshot fine;
    private readonly PlaneSnapshot coarse;
    private readonly PlaneMixture target;
    private readonly PlaneMap map;

    // What the density is held against: the target, seen from before the steps that came last; null where these are not known to be one to one.
    private readonly IPlaneTarget? measured;
    private readonly RunOptions options;
    private PlaneDivergences? fineDivergences;
    private PlaneDivergences? coarseDivergences;

    internal PlaneLaw(PlaneSnapshot fine, PlaneSnapshot coarse, PlaneMixture target, PlaneMap map, RunOptions options)
    {
        this.fine = fine;
        this.coarse = coarse;
        this.target = target;
        this.map = map;
        this.options = options;
        measured = fine.Images is null ? target : fine.IsPoint ? null : PlanePullback.Of(target, fine.Chain, map.Score);
    }

    /// <inheritdoc/>
    public override int Dimension => 2;

    private PlaneDivergences Fine => fineDivergences ??= new(fine, measured!, options);

    private PlaneDivergences Coarse => coarseDivergences ??= new(coarse, measured!, options);

    /// <summary>Whether the state is a single point.</summary>
    internal bool IsPoint => fine.IsPoint;

    /// <summary>Whether the law has a density that is known.</summary>
    internal bool HasDensity => measured is not null;

    /// <summary>The law and its target on squares, at the fine resolution.</summary>
    internal PlanePanels Panels => Fine.Panels;

    /// <summary>
    /// χ² of the coarse law from the fine one, rounding included, where both have mass, and the mass where only one has or that is nowhere:
    /// how far the fine law may be from the truth, in a form that tensorises.
    /// </summary>
    internal (double Square, double Missing) ResolutionDistance()
    {
        (double square, double missing) = (fine.Rounding * fine.Rounding, fine.Lost + Panels.Unresolved);
        double mass = coarse.Density!.Mass;
        double[] other = new double[Legendre.Order * Legendre.Order];
        foreach (PlanePanel panel in Panels.All)
        {
            coarse.Density.Values(panel.X, panel.Y, other, coarse.Resolution.LogRange);
            for (int i = 0; i < other.Length; i++)
            {
                double share = 0.25 * panel.Area * Legendre.Weights[i / Legendre.Order] * Legendre.Weights[i % Legendre.Order] * panel.State[i];
                double change = (other[i] / mass / panel.State[i]) - 1;
                if (Math.Abs(change) < 1) square += share * change * change;
                else missing += share;
            }
        }

        return (square, missing);
    }

    /// <summary>Whether what χ² is where q is small matters, and a longer range is worth one more run.</summary>
    internal bool NeedsMoreRange()
    {
        try
        {
            // The coarse squares are the cheaper ones to see that there is no end on.
            return HasDensity
                && Coarse.EdgeOfSquare < Hopeless && Fine.EdgeOfSquare is > 0.1 * LargestEdge and < Hopeless;
        }
        catch (WorkExceededException)
        {
            // Then χ² says so itself.
            return false;
        }
    }

    /// <inheritdoc/>
    public override Moments Moments()
    {
        (PlaneMoments a, PlaneMoments b) = (fine.Moments, coarse.Moments);
        double spread = Math.Sqrt(a.Xx + a.Yy);
        double size = Math.Abs(a.X) + Math.Abs(a.Y) + spread;

        // What is nowhere is taken to be as far out as 100 deviations, what is at the wrong place within 10.
        double away = fine.Lost - fine.Unresolved;
        double mean = (fine.Rounding * size) + (((100 * away) + (10 * fine.Unresolved)) * spread);
        double variance = (fine.Rounding * size * spread) + (((1e4 * away) + (100 * fine.Unresolved)) * spread * spread);
        return new(
            [a.X, a.Y],
            [a.Xx, a.Yy],
            [Math.Abs(a.X - b.X) + mean, Math.Abs(a.Y - b.Y) + mean],
            [Math.Abs(a.Xx - b.Xx) + variance, Math.Abs(a.Yy - b.Yy) + variance],
            1);
    }

    /// <inheritdoc/>
    protected override double? Density(ReadOnlySpan<double> x)
    {
        if (fine.Density is not { } density || fine.Images is not null) return null;
        Span<double> y = stackalloc double[8];
        Span<double> values = stackalloc double[8];
        y.Fill(x[1]);
        density.Values([x[0]], y, values, fine.Resolution.LogRange);
        return Math.Log(values[0]);
    }

    /// <inheritdoc/>
    protected override void Fill(RandomStream stream, Span<double> x, int count)
    {
        if (fine.IsPoint)
        {
            x[..count].Fill(fine.Images!.X[0]);
            x[count..].Fill(fine.Images.Y[0]);
            return;
        }

        fine.Density!.Draw(stream, x, count);
        PlaneImages images = new(x[..count].ToArray(), x[count..].ToArray(), []);
        foreach (IStep step in fine.Chain)
        {
            images = map.Apply(step, images) ?? throw new InvalidOperationException("a draw of a law that did not diverge does");
        }

        images.X.CopyTo(x);
        images.Y.CopyTo(x[count..]);
    }

    /// <inheritdoc/>
    protected override Estimate Tv() => fine.IsPoint
        ? Estimate.Exact(1, 1, 1, Method)
        : Measured(0, 1, divergences => divergences.Tv, value => fine.Rounding + fine.Lost + Placing);

    /// <inheritdoc/>
    protected override Estimate Kl() => fine.IsPoint
        ? Estimate.Infinite(Method, NoDensity)
        : Measured(
            0,
            double.PositiveInfinity,
            divergences => divergences.Kl,
            value => ((fine.Rounding + Placing) * ((2 * Math.Sqrt(value)) + fine.Rounding + Placing)) + (1e-14 * value) + (fine.Lost * Fine.LargestLogRatio));

    /// <inheritdoc/>
    protected override Estimate Chi2()
    {
        if (fine.IsPoint) return Estimate.Infinite(Method, NoDensity);
        if (!HasDensity) return Estimate.Unavailable(Method, Moved);
        try
        {
            if (Coarse.EdgeOfSquare > Hopeless) return Endless(Coarse.Chi2.Value);
            if (Fine.EdgeOfSquare > LargestEdge) return Endless(Math.Min(Fine.Chi2.Value, Coarse.Chi2.Value));
            return Measured(
                0,
                double.PositiveInfinity,
                divergences => divergences.Chi2,
                value => ((fine.Rounding + Placing) * ((2 * Math.Sqrt(value) * Math.Sqrt(1 + value)) + fine.Rounding + Placing)) + (1e-14 * value) + (4 * Fine.EdgeOfSquare * (1 + value))
                    + (2 * fine.Unresolved * Fine.LargestRatio));
        }
        catch (WorkExceededException)
        {
            // Jensen: 1 + χ² = E_q (q/p) ≥ e^KL.
            double below = RealFunctions.ExpM1(Kl().Lower);
            return Estimate.Unavailable(
                Method, "q²/p needs more squares than a measurement in the plane may take; KL, total variation and W2 do not", Finite(below));
        }
    }

    private static Estimate Endless(double value) => Estimate.Unavailable(
        Method,
        "what q²/p is where q is below the smallest density that the grid holds may not be negligible, or infinite",
        Finite(value * (1 - 1e-6)));

    private static double Finite(double below) => double.IsFinite(below) ? Math.Max(0, below) : double.MaxValue;

    /// <inheritdoc/>
    protected override Estimate W2()
    {
        PlaneMoments own = fine.Moments, other = target.Moments();
        double size = Math.Sqrt(PlaneTransport.Above(own, other));

        // What is nowhere, and what the moments are not right to: they enter as squares.
        double doubt = size * Math.Sqrt(fine.Lost + fine.Rounding);
        try
        {
            if (fine.IsPoint) return Estimate.ClosedForm(size, 1e-14);
            if (fine.Images is not null) return Ends(PlaneTransport.Below(own, other), PlaneTransport.Above(own, other), doubt * size);
            (TriangularCoupling ends, TriangularCoupling rough) = (
                PlaneTransport.Ends(fine, target, 1, new(options)), PlaneTransport.Ends(coarse, target, 1.5, new(options)));
            double below = ends.Below - Math.Abs(ends.Below - rough.Below), above = ends.Above + Math.Abs(ends.Above - rough.Above);
            double lower = Math.Max(0, Math.Sqrt(Math.Max(0, below)) - doubt), upper = Math.Sqrt(above) + doubt;
            return Estimate.Exact(0.5 * (lower + upper), lower, upper, "plane: projections, triangular coupling");
        }
        catch (WorkExceededException)
        {
            return Ends(PlaneTransport.Below(own, other), PlaneTransport.Above(own, other), doubt * size);
        }
    }

    private protected override Estimate TooMuchWork(Metric metric) => Estimate.Unavailable(
        Method,
        FormattableString.Invariant(
            $"measuring takes more than {PlaneWork.Limit:g3} units of work (about a nanosecond each) or more squares than the memory holds; end with a step of more noise, or measure from particles"),
        0,
        metric == Metric.Tv ? 1 : double.PositiveInfinity);

    private static Estimate Ends(double below, double above, double doubt) => Estimate.Unavailable(
        "moments",
        "between Gelbrich's bound and the cost of independence; no coupling is looked for after a deterministic step, or where its lattice takes too much work",
        Math.Sqrt(Math.Max(0, below - doubt)),
        Math.Sqrt(above + doubt));

    // Places after the steps that came last are right to a rounding of themselves, and ln p changes by that over its scale.
    private double Placing => fine.Images is { } images && HasDensity
        ? 4e-16 * Math.Max(images.X.Max(Math.Abs), images.Y.Max(Math.Abs)) / measured!.Smoothness
        : 0;

    private Estimate Measured(double least, double largest, Func<PlaneDivergences, Measured> of, Func<double, double> rounding)
    {
        if (!HasDensity) return Estimate.Unavailable(Method, Moved, least, largest);
        (Measured value, Measured other) = (of(Fine), of(Coarse));
        double width = Math.Abs(value.Value - other.Value) + value.Error + rounding(value.Value) + 4e-15;
        if (double.IsNaN(width)) return Estimate.Unavailable(Method, "the arithmetic lost all its digits (not a number)", least, largest);
        return Estimate.Exact(value.Value, Math.Max(least, value.Value - width), Math.Min(largest, value.Value + width), Method);
    }
}
