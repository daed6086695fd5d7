namespace Sgm.Engine;

/// <summary>What a mixture's panels hold besides the density.</summary>
internal enum PanelContent
{
    /// <summary>Tails: w·P(X_k &lt; x) of components right of the panel's centre, and w·P(X_k &gt; x) of the others.</summary>
    Tails,

    /// <summary>Σ p_k·r, Σ p_k·r² and Σ p_k·Factor_k, r the components' readings less the panel's.</summary>
    Readings,
}

/// <summary>
/// Sums over many components of a mixture on the line as polynomials on panels, halved on demand until the polynomials
/// are good to the last digits, so that a value takes the same few operations however many components there are.
/// <para>
/// The error is bounded, not guessed. A component times e^(−Tilt·d) is entire, and on the ellipse |t + √(t² − 1)| = ϱ
/// about the panel, with half axes X and Y, it is at most U_k = max over |d| ≤ X of its value, times e^(Y²/2s_k²).
/// Interpolation in n Chebyshev points is then off by at most 4·ϱ^(1−n)/(ϱ − 1)·Σ U_k (Trefethen, Approximation Theory
/// and Approximation Practice, theorem 8.2; points of the first kind alias alike). It is held against L = Σ min over
/// |d| ≤ h of the components, at most the density itself. Components that together are below 1e-17·L anywhere in a
/// panel are left out of it and of its halves.
/// </para>
/// </summary>
internal sealed partial class MixturePanels
{
    private const int Order = MixturePanel.Order;
    private const int Block = ComponentSlice.Block;

    /// <summary>ϱ.</summary>
    private const double Ellipse = 6.5;

    /// <summary>Halvings after which a panel is summed directly.</summary>
    private const int Deepest = 60;

    /// <summary>Beyond so many standard deviations of every component the density is below e^(−684) of its peak.</summary>
    private const double Reach = 37;

    /// <summary>Largest relative error of the density, and of a mean reading in its size.</summary>
    private const double Tolerance = 4e-16;

    /// <summary>Largest relative error of what only slopes depend on.</summary>
    private const double SlopeTolerance = 1e-14;

    /// <summary>Largest relative rounding of evaluating a polynomial.</summary>
    private const double LargestRounding = 4e-15;

    /// <summary>Of all that a panel leaves out, together.</summary>
    private const double Negligible = 1e-17;

    /// <summary>Smaller powers of e count as 0.</summary>
    private const double Lowest = -600;

    /// <summary>A panel over which the density varies more is not tried.</summary>
    private const double LargestVariation = 1e100;

    /// <summary>Terms that are added without compensation.</summary>
    private const int Run = 32;

    /// <summary>Bound on the relative rounding of a density here, in units of 2⁻⁵³.</summary>
    public const double DensityRounding = LargestRounding * 1.5 / 1.1102230246251565e-16;

    private const double Unit = 2.220446049250313e-16;
    private static readonly double Truncation = 4 * Math.Pow(Ellipse, 1 - Order) / (Ellipse - 1);
    private static readonly double HalfAxis = 0.5 * (Ellipse + (1 / Ellipse));
    private static readonly double Height = 0.5 * (Ellipse - (1 / Ellipse));

    /// <summary>
    /// Σ U_k ≥ p(c)·e^(h²·(Y/h)²·E[1/s²]/2), the mean over the shares at c (Jensen): from this h·√E[1/s²] on, no panel
    /// is accepted.
    /// </summary>
    private static readonly double Hopeless = Math.Sqrt(2 * Math.Log(Tolerance / Truncation)) / Height;

    private static readonly double RootTwoPi = Math.Sqrt(2 * Math.PI);

    private readonly PanelContent content;
    private readonly ComponentSlice all;
    private readonly double slopeScale;
    private readonly MixturePanel root;
    private readonly Lock gate = new();

    /// <summary>The panels of some components.</summary>
    /// <param name="all">The components; for <see cref="PanelContent.Tails"/> the base is the weight.</param>
    /// <param name="content">What is summed.</param>
    /// <param name="slopeScale">What the mean factor is multiplied with beside the readings' variance.</param>
    public MixturePanels(ComponentSlice all, PanelContent content, double slopeScale)
    {
        this.all = all;
        this.content = content;
        this.slopeScale = slopeScale;
        double from = double.PositiveInfinity;
        double to = double.NegativeInfinity;
        for (int k = 0; k < all.Count; k++)
        {
            from = Math.Min(from, all.Mean[k] - (Reach / all.Precision[k]));
            to = Math.Max(to, all.Mean[k] + (Reach / all.Precision[k]));
        }

        // Halvings end a little below the narrowest deviation, about the widest panel that is accepted.
        double narrowest = 0.9 * all.Deviation.Min();
        double half = narrowest * Math.Pow(2, Math.Ceiling(Math.Log2(0.5 * (to - from) / narrowest)));
        double middle = 0.5 * (from + to);
        root = new(middle - half, middle + half, all);
    }

    /// <summary>Where the panels begin: beyond, the density is below e^(−684) of every component's peak.</summary>
    public double From => root.From;

    /// <summary>Where they end.</summary>
    public double To => root.To;

    /// <summary>The panel of x; null beyond them all.</summary>
    public MixturePanel? Find(double x)
    {
        if (!(x >= root.From && x <= root.To))
        {
            return null;
        }

        MixturePanel panel = root;
        for (int depth = 0; ; depth++)
        {
            if (!panel.IsDecided)
            {
                Decide(panel, depth);
            }

            if (panel.Halves is not var (left, right))
            {
                return panel.Coefficients is null ? null : panel;
            }

            panel = x < panel.Centre ? left : right;
        }
    }

    /// <summary>The panels that meet an interval, ascending.</summary>
    public List<MixturePanel> Between(double from, double to, CancellationToken cancellation = default)
    {
        var found = new List<MixturePanel>();
        Collect(root, 0);
        return found;

        void Collect(MixturePanel panel, int depth)
        {
            if (panel.From > to || panel.To < from)
            {
                return;
            }

            if (!panel.IsDecided)
            {
                cancellation.ThrowIfCancellationRequested();
                Decide(panel, depth);
            }

            if (panel.Halves is not var (left, right))
            {
                found.Add(panel);
                return;
            }

            Collect(left, depth + 1);
            Collect(right, depth + 1);
        }
    }

    private void Decide(MixturePanel panel, int depth)
    {
        lock (gate)
        {
            if (panel.IsDecided)
            {
                return;
            }

            if (Frame(panel) is not var (sizeOfReading, sizeOfSlope, sizeOfFactor))
            {
                Halve(panel, depth);
                return;
            }

            double[] share = new double[panel.Parts.Mean.Length];
            (double least, double largest, double reading, double square, double factor, double size) = Bounds(
                panel, share, sizeOfReading, sizeOfSlope, sizeOfFactor);
            bool fits = least * LargestVariation > 1
                && Truncation * largest <= Tolerance * least
                && Truncation * reading <= Tolerance * least * sizeOfReading
                && Truncation * square <= SlopeTolerance * least * sizeOfSlope
                && Truncation * factor <= SlopeTolerance * least * sizeOfFactor;
            panel.Parts = least * LargestVariation > 1 ? panel.Parts.Where(share, Negligible * least / panel.Parts.Count) : panel.Parts;
            if (fits)
            {
                double[] values = new double[MixturePanel.Lanes * Order];
                panel.Whole = LowerBound(all, panel.Centre);
                Sums(panel, values);
                double[] sizes = panel.Interpolate(values);
                fits = Unit * sizes[0] <= LargestRounding * least;
                panel.Rounding = (Tolerance * sizeOfReading) + (Unit * ((sizes[1] / least) + (size / least)));
            }

            if (fits)
            {
                panel.IsDecided = true;
            }
            else
            {
                Halve(panel, depth);
            }
        }
    }

    /// <summary>Divides a panel, or leaves it to direct sums where it cannot be divided.</summary>
    private static void Halve(MixturePanel panel, int depth)
    {
        bool divisible = depth < Deepest && panel.Centre > panel.From && panel.Centre < panel.To
            && panel.HalfWidth > 1e-14 * Math.Max(Math.Abs(panel.From), Math.Abs(panel.To));
        panel.Coefficients = null;
        panel.Halves = divisible ? (new(panel.From, panel.Centre, panel.Parts), new(panel.Centre, panel.To, panel.Parts)) : null;
        panel.IsDecided = true;
    }

    /// <summary>
    /// ln p, the score and the mean reading at the centre; then the sizes of the readings, their slopes and their
    /// factors there. Null where the panel is too wide for the components that rule its centre.
    /// </summary>
    private (double Reading, double Slope, double Factor)? Frame(MixturePanel panel)
    {
        (double top, double total, double score, double curvature, double tail) = Shares(panel);
        panel.LogScale = top + Math.Log(total);
        panel.Tilt = score / total;
        if (panel.HalfWidth * Math.Sqrt(curvature / total) > Hopeless)
        {
            return null;
        }

        if (content == PanelContent.Tails)
        {
            // A panel narrowed by one component must not ask for more of the others' tails than a sum would give.
            return (Math.Max(panel.HalfWidth, tail / total), 1, 1);
        }

        (double first, _, _, _) = Readings(panel, 0);
        (double shift, double second, double factors, double size) = Readings(panel, first);
        panel.Reading = first + shift;
        return (size, second + (slopeScale * factors), factors);
    }

    /// <summary>How many means are at or below x.</summary>
    private static int LowerBound(ComponentSlice parts, double x)
    {
        int low = 0;
        int high = parts.Count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            (low, high) = parts.Mean[middle] <= x ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}
