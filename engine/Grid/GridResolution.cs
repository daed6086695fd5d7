namespace Sgm.Engine;

/// <summary>
/// How finely the grid resolves. Every plan runs at two resolutions side by side; the difference of what they give,
/// with the rounding, is the bracket.
/// </summary>
/// <param name="Absolute">Mass that the last Legendre coefficients of a panel may carry.</param>
/// <param name="Relative">The same, as a fraction of the smallest density in the panel: keeps the tails' relative
/// precision.</param>
/// <param name="LeafExtent">How many noise standard deviations a piece of the source may cover after the map.</param>
/// <param name="Shape">How well a piece must resolve the map, in noise standard deviations.</param>
/// <param name="Cut">Where the noise's density is cut off, in its standard deviations.</param>
/// <param name="LogRange">Panels with less mass than e^(−LogRange) are dropped.</param>
/// <param name="Quadrature">Relative tolerance of the integrals that make a divergence.</param>
/// <param name="Offset">
/// Of the spacings of its lattices, in quarters of an octave: those of two resolutions are never the same.
/// </param>
internal sealed record GridResolution(
    double Absolute,
    double Relative,
    double LeafExtent,
    double Shape,
    double Cut,
    double LogRange,
    double Quadrature,
    double Offset)
{
    /// <summary>A panel that a repeated step is still allowed to use may be this much worse than a new one.</summary>
    public const double Slack = 10;

    /// <summary>New panels reach further than required by this much, in the logarithm of the mass.</summary>
    public const double Margin = 14;

    /// <summary>e^(−46) = 1e-20: mass that is dropped unless χ² needs more.</summary>
    public const double StandardLogRange = 46;

    /// <summary>e^(−690), the smallest mass that doubles hold.</summary>
    public const double LargestLogRange = 690;

    private const double Quanta = 4;

    /// <summary>The resolution of reported values.</summary>
    public static GridResolution Fine(double logRange) => new(1e-14, 1e-11, 4, 1e-12, 9, logRange, 1e-11, 0);

    /// <summary>The resolution that it is compared with.</summary>
    public static GridResolution Coarse(double logRange) => new(1e-11, 1e-8, 5, 1e-9, 8.3, 0.87 * logRange, 1e-9, 0.5);

    /// <summary>
    /// The largest spacing of a lattice below this one: powers of 2^(1/4), so that steps that repeat meet the same nodes, and
    /// those of two resolutions never.
    /// </summary>
    public double Quantised(double spacing) => Math.Pow(2, (Math.Floor((Quanta * Math.Log2(spacing)) - Offset) + Offset) / Quanta);

    /// <summary>Smallest mass of a panel that is kept.</summary>
    public double Negligible => Math.Exp(-LogRange);

    /// <summary>
    /// Where a kernel of standard deviation <paramref name="noise"/> ends in a sum with the tail's: nothing is left
    /// out that counts where the law is at the smallest mass that is kept.
    /// </summary>
    public double Reach(double noise, double tail) =>
        noise * (Cut + (Math.Sqrt(2 * (LogRange + Margin)) * noise / tail));

    /// <summary>
    /// Panels are not split below this width where the last noise had standard deviation <paramref name="noise"/>: at the smallest mass
    /// that is kept the density falls like e^(−x·√(2·range)/C), by e^8 over it, and 16 points have 1e-6 of it. Wider ones
    /// lose the lower end of a tail, alike at every resolution, and χ² = ∫q²/p − 1 may live there.
    /// </summary>
    public double Narrowest(double noise) => 8 * noise / Math.Sqrt(2 * (LogRange + Margin));

    /// <summary>
    /// Whether 16 values resolve a density on a panel of this width: what is left in the last coefficients is below the wanted
    /// precision, or below the rounding that has gathered in them. The mass counts <paramref name="reach"/> times.
    /// </summary>
    public bool Resolves(ReadOnlySpan<double> values, double from, double to, Grain grain, double reach, double slack = 1)
    {
        double width = to - from;
        double tail = Legendre.Tail(values);
        double floor = double.PositiveInfinity;
        double peak = 0;
        foreach (double value in values)
        {
            floor = Math.Min(floor, value);
            peak = Math.Max(peak, value);
        }

        return tail <= grain.Of(from, to) * peak
            || (tail * width <= Absolute * slack && tail <= Relative * slack * Math.Max(floor, Negligible / (reach * width)));
    }
}

/// <summary>
/// Where a law lies. Mass far outside matters to W2, to moments and to KL by its share of the variance: 1e-20 at 10^12 standard
/// deviations is most of it.
/// </summary>
/// <param name="Centre">The mean c.</param>
/// <param name="Spread">The standard deviation s.</param>
internal readonly record struct Extent(double Centre, double Spread)
{
    /// <summary>After noise of this standard deviation.</summary>
    public Extent After(double noise) => new(Centre, Math.Sqrt((Spread * Spread) + (noise * noise)));

    /// <summary>max(1, ((x − c)/s)²) at the farther end of an interval: how often the mass in it counts.</summary>
    public double Reach(double from, double to)
    {
        double far = Math.Max(Math.Abs(from - Centre), Math.Abs(to - Centre)) / Spread;
        return Math.Clamp(far * far, 1, 1e250);
    }

    /// <summary>At most E (x − c)² of the mass on panels with these densities at their points, at least s² for each.</summary>
    public double SecondMoment(IEnumerable<(double From, double To, double[] Values)> panels)
    {
        double sum = 0;
        foreach ((double from, double to, double[] values) in panels)
        {
            sum += PanelBuilder.Largest(values) * (to - from) * Reach(from, to);
        }

        return sum * Spread * Spread;
    }
}

/// <summary>
/// How much rounding the values at the points may carry. Every step adds some, the same at the same place when it repeats; the
/// noise of a step, of standard deviation C, smooths it away once it has spread over the distance of the points.
/// </summary>
/// <param name="Steps">Noisy steps so far.</param>
/// <param name="Noise">C of the last one.</param>
internal readonly record struct Grain(long Steps, double Noise)
{
    /// <summary>
    /// Relative accuracy of the values after a step that keeps what it rejects as it stands, and smooths nothing; Noise is the law's own scale
    /// then. 0 after others.
    /// </summary>
    public double Kept { get; init; }

    /// <summary>
    /// Relative rounding of the last coefficients on a panel; positions are rounded too, and count in units of C.
    /// </summary>
    public double Of(double from, double to)
    {
        if (Steps == 0)
        {
            return 8e-15;
        }

        if (Kept > 0)
        {
            // ln p is of the size of the square of the distance, and its rounding is a density's relative one. Beside a kink, what is wrong on
            // a narrow panel is a share of what there is within the law's scale.
            double away = Math.Max(Math.Abs(from), Math.Abs(to)) / Noise;
            return Math.Max(Kept * Math.Clamp(Noise / (to - from), 1, 1e6), (2e-15 + (1e-16 * away * away)) * (4 + Steps));
        }

        double spacing = (to - from) / (8 * Noise);
        double position = Math.Max(Math.Abs(from), Math.Abs(to)) / Noise;
        return (2e-15 + (1e-16 * position)) * (4 + Math.Min(Steps, spacing * spacing));
    }
}
