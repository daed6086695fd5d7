namespace Sgm.Engine;

/// <summary>
/// An exact law on the line at two resolutions, against the target at its level. Every number is that of the fine one; its
/// bracket is the difference to the coarse one, the error of the quadrature, and the rounding of the steps.
/// </summary>
public sealed class GridLaw : Law
{
    private const string NoDensity = "the state is a single point: it has no density";
    private const string Method = "grid";
    private readonly LineState fine;
    private readonly LineState coarse;
    private readonly ScalarMixture target;
    private readonly GridResolution fineResolution;
    private readonly GridResolution coarseResolution;

    /// <summary>ln of what the mass that noisy steps left out could add to χ².</summary>
    private readonly double logForgotten;
    private LineDivergences? fineDivergences;
    private LineDivergences? coarseDivergences;
    private Marginal? marginal;
    private PanelMasses? masses;
    private bool tooManyFolds;

    internal GridLaw(
        LineState fine,
        LineState coarse,
        GridResolution fineResolution,
        GridResolution coarseResolution,
        ScalarMixture target,
        WorkLimit work,
        double logForgotten)
    {
        this.logForgotten = logForgotten;
        Work = work;
        this.fine = fine;
        this.coarse = coarse;
        this.fineResolution = fineResolution;
        this.coarseResolution = coarseResolution;
        this.target = target;
    }

    /// <inheritdoc/>
    public override int Dimension => 1;

    /// <summary>The law at the fine resolution.</summary>
    internal LineState State => fine;

    /// <summary>The target at the level of the law.</summary>
    internal ScalarMixture Target => target;

    /// <summary>What one metric may spend at one resolution.</summary>
    internal WorkLimit Work { get; }

    private LineDivergences Fine => Renewed(ref fineDivergences, fine, fineResolution);

    private LineDivergences Coarse => Renewed(ref coarseDivergences, coarse, coarseResolution);

    /// <summary>
    /// The divergences of one resolution, with all of a metric's work before them. Folds are looked for once: where there are too
    /// many, every metric says so.
    /// </summary>
    private LineDivergences Renewed(ref LineDivergences? divergences, LineState state, GridResolution resolution)
    {
        if (tooManyFolds)
        {
            throw new WorkExceededException();
        }

        Work.Renew();
        if (divergences is null)
        {
            tooManyFolds = true;
            divergences = new((LineState.Density)state, target, resolution, Work);
            tooManyFolds = false;
        }

        return divergences;
    }

    /// <summary>Relative rounding of a density after the steps so far.</summary>
    internal double Rounding => fine is LineState.Density density
        ? (2e-15 * (8 + Math.Sqrt(density.Steps))) + density.Rounding + density.Defect + (density.RootMeanSquareShift / target.SmallestDeviation)
        : 1e-16;

    /// <summary>E (x − c)² of the mass that the panels have left out.</summary>
    private double Lost => fine is LineState.Density { Exact: null } density ? density.Lost : 0;

    /// <summary>How far in W2 the rounding of the deterministic steps since the last noise has moved the law.</summary>
    private double Shift => fine switch
    {
        LineState.Density density => density.RootMeanSquareShift,
        LineState.Point point => point.Shift,
        _ => 0,
    };

    /// <summary>
    /// χ² of the coarse law from the fine one, rounding included, where both have mass, and the mass where only one has: how far
    /// the fine law may be from the truth, in a form that tensorises.
    /// </summary>
    internal (double Square, double Missing) ResolutionDistance()
    {
        var first = (LineState.Density)fine;
        var second = (LineState.Density)coarse;
        double square = Rounding * Rounding;
        double missing = 0;
        for (int i = 0; i < first.Values.Length; i++)
        {
            double share = first.Values[i] * first.Panels.Weights[i];
            if (second.ValueAt(first.Panels.Nodes[i]) is { } other && first.Values[i] > 0)
            {
                double change = (other / first.Values[i]) - 1;
                square += share * change * change;
            }
            else
            {
                missing += Math.Abs(share);
            }
        }

        return (square, missing);
    }

    /// <summary>
    /// Whether χ² is finite but the tails beyond the panels matter to it, or those near their ends, where a density has
    /// fewer digits:
    /// then the two resolutions disagree, and a longer range is worth one more run.
    /// </summary>
    /// <exception cref="WorkExceededException">Too much work to say.</exception>
    internal bool NeedsMoreRange() =>
        fine is LineState.Density
        && Fine.Divergent() is null
        && (Fine.EdgeShareOfChi2() > 1e-12 || (fineResolution.LogRange <= GridResolution.StandardLogRange && !Agrees(Fine.Chi2(), Coarse.Chi2())));

    /// <summary>What the mass that was left out could add to 1 + χ², as a share of it.</summary>
    private double ForgottenShare()
    {
        double chi2 = Fine.Chi2().Value;
        return double.IsFinite(chi2) ? Math.Exp(logForgotten) / (1 + chi2) : 0;
    }

    private static bool Agrees(Measured fine, Measured coarse) =>
        Math.Abs(fine.Value - coarse.Value) <= (1e-8 * Math.Abs(fine.Value)) + 1e-15;

    /// <inheritdoc/>
    public override Moments Moments()
    {
        if (fine is LineState.Point point)
        {
            return new([point.At], [0], [point.Shift + (Math.Abs(point.At) * 2e-16)], [0], 1);
        }

        double unresolved = 0;
        (double mean, double variance) = (0, 0);
        (double otherMean, double otherVariance) = (0, 0);
        try
        {
            (mean, variance) = Fine.Moments();
            (otherMean, otherVariance) = Coarse.Moments();
        }
        catch (WorkExceededException)
        {
            (mean, variance, unresolved) = ((LineState.Density)fine).RoughMoments();
            (otherMean, otherVariance, _) = ((LineState.Density)coarse).RoughMoments();
        }

        double deviation = Math.Sqrt(variance);
        return new(
            [mean],
            [variance],
            [unresolved + Math.Abs(mean - otherMean) + Shift + Math.Min(deviation, Lost / deviation) + (Rounding * (deviation + Math.Abs(mean)))],
            [(unresolved * (unresolved + (2 * deviation))) + Math.Abs(variance - otherVariance) + (2 * deviation * Shift) + Lost
                + (Rounding * (variance + (Math.Abs(mean) * deviation)))],
            1);
    }

    /// <inheritdoc/>
    protected override Marginal? Coordinate(int coordinate)
    {
        try
        {
            Work.Renew();
            return marginal ??= fine is LineState.Density density
                ? new LineMarginal(density, Work)
                : Engine.Marginal.Normal(((LineState.Point)fine).At, 0);
        }
        catch (WorkExceededException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    protected override void Fill(RandomStream stream, Span<double> x, int count)
    {
        if (fine is not LineState.Density density)
        {
            x.Fill(((LineState.Point)fine).At);
            return;
        }

        masses ??= new(density);
        stream.FillUniform(x);
        foreach (ref double value in x)
        {
            double u = masses.Quantile(value);
            value = density.Chain.IsEmpty ? u : density.Follow(u).Value;
        }
    }

    /// <summary>What is said of a metric that takes too long.</summary>
    internal static Estimate TooMuch(Metric metric) => Estimate.Unavailable(
        Method,
        $"measuring takes more than {WorkLimit.OfMetric} evaluations of a score's component: the steps since the last noise fold the line too often, or have too many components; end with a noisy step, use a slower ripple or fewer components, or measure from particles",
        0,
        metric == Metric.Tv ? 1 : double.PositiveInfinity);

    /// <summary>
    /// Total variation ½∫|q − r| from the law of another run on the line, instead of from the target. Not available when a state
    /// is a point, or when a deterministic step came last in the other run.
    /// </summary>
    public override Estimate TotalVariationFrom(Law other)
    {
        if (other is not GridLaw line)
        {
            return base.TotalVariationFrom(other);
        }

        if (fine is not LineState.Density || line.fine is not LineState.Density { Chain.IsEmpty: true })
        {
            return Estimate.Unavailable(Method, "total variation between two runs needs both to have a density, and noise in the last step", 0, 1);
        }

        try
        {
            Work.Renew();
            Measured value = LineDifference.TotalVariation((LineState.Density)fine, (LineState.Density)line.fine, Work);
            Work.Renew();
            Measured rough = LineDifference.TotalVariation((LineState.Density)coarse, (LineState.Density)line.coarse, Work);
            return Bracket(value, rough, Rounding + line.Rounding, 1);
        }
        catch (WorkExceededException)
        {
            return TooMuchWork(Metric.Tv);
        }
    }

    /// <inheritdoc/>
    protected override Estimate Tv()
    {
        if (fine is LineState.Point)
        {
            return Estimate.Exact(1, 1, 1, Method);
        }

        Measured value = Fine.Tv();
        return Bracket(value, Fine.IsExact ? value : Coarse.Tv(), Rounding, 1);
    }

    /// <inheritdoc/>
    protected override Estimate Kl()
    {
        if (fine is LineState.Point)
        {
            return Estimate.Infinite(Method, NoDensity);
        }

        Measured value = Fine.Kl();
        return value.Infinite is { } reason
            ? Estimate.Infinite(Method, reason)
            : Bracket(value, Coarse.Kl(), (Rounding * ((2 * Math.Sqrt(value.Value)) + Rounding)) + (1e-14 * value.Value), double.PositiveInfinity);
    }

    /// <inheritdoc/>
    protected override Estimate Chi2()
    {
        if (fine is LineState.Point)
        {
            return Estimate.Infinite(Method, NoDensity);
        }

        if (Fine.Divergent() is { } divergent)
        {
            return divergent.Infinite is { } infinite
                ? Estimate.Infinite(Method, infinite)
                : Estimate.Unavailable(Method, divergent.Unavailable!);
        }

        Measured value = Fine.Chi2();
        if (value.Unavailable is { } reason)
        {
            return Estimate.Unavailable(Method, reason, value.Value);
        }

        double edge = Fine.EdgeShareOfChi2() + ForgottenShare();
        return edge > 1e-9
            ? Estimate.Unavailable(Method, "what q²/p is where q is below the smallest density that the grid holds may not be negligible", value.Value)
            : Bracket(
                value,
                Coarse.Chi2(),
                (Rounding * ((2 * Math.Sqrt(value.Value) * Math.Sqrt(1 + value.Value)) + Rounding)) + (edge * 4 * (1 + value.Value)),
                double.PositiveInfinity);
    }

    /// <inheritdoc/>
    protected override Estimate W2()
    {
        if (fine is LineState.Point { At: var at })
        {
            double away = at - target.Mean;
            return Estimate.ClosedForm(Math.Sqrt((away * away) + target.Variance), 1e-14, Shift + (1e-15 * Math.Abs(at)));
        }

        double relative = Fine.IsExact ? 0 : Rounding;
        Measured value = Fine.W2(relative);

        // What was left out changes W2² by its squared distance to where it is put, on either side of the coupling.
        double lost = 4 * Lost;
        double missing = lost == 0 ? 0 : lost / (value.Value + Math.Sqrt(lost));
        return Bracket(value, Fine.IsExact ? value : Coarse.W2(relative), Shift + missing, double.PositiveInfinity);
    }

    private Estimate Bracket(Measured value, Measured other, double rounding, double largest)
    {
        double width = Math.Abs(value.Value - other.Value) + value.Error + rounding;
        return Estimate.Exact(
            value.Value,
            Math.Max(0, value.Value - width),
            Math.Min(largest, value.Value + width),
            Method);
    }
}
