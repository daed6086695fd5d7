using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>The standard deviations of the Gaussian rates of a law's two tails: ln q(x) ~ −x²/(2·Left²) towards −∞.</summary>
internal readonly record struct TailRates(double Left, double Right)
{
    /// <summary>Whether the tails may be lighter than that.</summary>
    public bool AreBounds { get; init; }

    /// <summary>After T with slope a far out, and noise of standard deviation c.</summary>
    public TailRates After(double a, double c)
    {
        (double left, double right) = a < 0 ? (Right, Left) : (Left, Right);
        return new(Math.Sqrt((a * a * left * left) + (c * c)), Math.Sqrt((a * a * right * right) + (c * c))) { AreBounds = AreBounds };
    }
}

/// <summary>The law of a state on the line at one resolution.</summary>
internal abstract partial record LineState
{
    private LineState()
    {
    }

    /// <summary>All mass in one point, which rounding has moved by at most <paramref name="Shift"/>.</summary>
    public sealed record Point(double At, double Shift = 0) : LineState;

    /// <summary>A law with a density.</summary>
    public abstract record Continuous : LineState
    {
        /// <summary>Gaussian rates of the tails.</summary>
        public required TailRates Tails { get; init; }

        /// <summary>Sum of the mass defects |1 − ∫q| that renormalisation has taken out so far.</summary>
        public double Defect { get; init; }

        /// <summary>
        /// Relative rounding of the density that comes from the rounding of positions, which matters when C is small.
        /// </summary>
        public double Rounding { get; init; }

        /// <summary>Sum over the noisy steps of E (x − c)² of the mass that has been left out.</summary>
        public double Lost { get; init; }

        /// <summary>
        /// What the last noisy step left out: intervals with the density at their points, or all over them.
        /// </summary>
        public IReadOnlyList<(double From, double To, double[] Values)> Dropped { get; init; } = [];

        /// <summary>Noisy steps so far, for the rounding.</summary>
        public long Steps { get; init; }

        /// <summary>
        /// A length over which the density before the deterministic steps changes little; 0 where it has kinks.
        /// </summary>
        public double Smoothness { get; init; }

        /// <summary>Points or nodes that it is held by.</summary>
        public abstract int Nodes { get; }

        /// <summary>Where the law lies.</summary>
        public abstract Extent Extent { get; }

        /// <summary>An interval that holds all but negligible mass.</summary>
        public abstract (double Low, double High) Range { get; }
    }

    /// <summary>
    /// The law of S(U), where U has the density that takes <see cref="Values"/> at the points of <see cref="Panels"/> and S is the
    /// composition of the deterministic steps since the last noise. Deterministic steps move points, so they cost no accuracy.
    /// </summary>
    public sealed record Density : Continuous
    {
        private readonly ImmutableArray<ScalarMap> chain = [];
        private readonly double[] image = [];
        private Extent? extent;

        /// <summary>Panels for U.</summary>
        public required PanelSet Panels { get; init; }

        /// <summary>Density of U at the points, shape [P, 16].</summary>
        public required double[] Values { get; init; }

        /// <summary>The deterministic steps since the last noise, in order; empty: the state is U.</summary>
        public ImmutableArray<ScalarMap> Chain
        {
            get => chain;
            init
            {
                chain = value;
                ChainCost = 1 + value.Sum(map => map.Cost);
            }
        }

        /// <summary>S at the points; the points themselves for an empty chain.</summary>
        public required double[] Image
        {
            get => image;
            init
            {
                image = value;
                extent = null;
            }
        }

        /// <summary>dS/du at the points; null for an empty chain.</summary>
        public double[]? Slope { get; init; }

        /// <summary>Which smooth piece of S each point lies in; null for an empty chain.</summary>
        public int[]? Piece { get; init; }

        /// <summary>Bounds on the rounding of the image at the points; null for an empty chain.</summary>
        public double[]? Shift { get; init; }

        /// <summary>The law of U where it is known in closed form: before the first noise.</summary>
        public ScalarMixture? Exact { get; init; }

        /// <summary>Whether S is smooth in pieces only.</summary>
        public bool HasKinks => Chain.Any(map => map.HasKinks);

        /// <summary>Evaluations of a component that <see cref="Follow"/> takes.</summary>
        public double ChainCost { get; private init; } = 1;

        /// <summary>The sum that the density of U was taken from; null where there is none.</summary>
        public Even? Origin { get; init; }

        /// <inheritdoc/>
        public override int Nodes => Values.Length;

        /// <inheritdoc/>
        public override Extent Extent => extent ??= ExtentOf(Image);

        /// <inheritdoc/>
        public override (double Low, double High) Range => (Image.Min(), Image.Max());

        /// <summary>Where the law of a map of U lies whose value at the points is <paramref name="image"/>.</summary>
        public Extent ExtentOf(double[] image)
        {
            double mass = 0;
            double mean = 0;
            for (int i = 0; i < image.Length; i++)
            {
                mass += Values[i] * Panels.Weights[i];
                mean += Values[i] * Panels.Weights[i] * image[i];
            }

            mean /= mass;
            double variance = 0;
            for (int i = 0; i < image.Length; i++)
            {
                variance += Values[i] * Panels.Weights[i] * (image[i] - mean) * (image[i] - mean);
            }

            return new(mean, Math.Sqrt(Math.Max(0, variance / mass)));
        }

        /// <summary>Density of U at u, or null outside the panels.</summary>
        public double? ValueAt(double u)
        {
            const int order = Legendre.Order;
            int p = Panels.Find(u);
            if (p < 0)
            {
                return null;
            }

            Span<double> cardinals = stackalloc double[order];
            Legendre.Cardinals(((2 * (u - Panels.From[p])) / Panels.Width(p)) - 1, cardinals);
            double sum = 0;
            for (int i = 0; i < order; i++)
            {
                sum += cardinals[i] * Values[(p * order) + i];
            }

            return Math.Max(0, sum);
        }

        /// <summary>√E δ² of the rounding δ of the image: how far in W2 the law is from that without rounding.</summary>
        public double RootMeanSquareShift
        {
            get
            {
                double sum = 0;
                for (int i = 0; i < (Shift?.Length ?? 0); i++)
                {
                    sum += Values[i] * Panels.Weights[i] * Shift![i] * Shift[i];
                }

                return Math.Sqrt(Math.Max(0, sum));
            }
        }

        /// <summary>Density of U at u; 0 outside the panels.</summary>
        public double DensityAt(double u) => Exact is null ? ValueAt(u) ?? 0 : Math.Exp(Exact.LogDensity(u));

        /// <summary>
        /// E x and Var x from the points of the panels alone, with the error of E x if every panel's mass may lie anywhere in the
        /// range of its images.
        /// </summary>
        public (double Mean, double Variance, double Error) RoughMoments()
        {
            double mean = 0;
            double error = 0;
            for (int p = 0; p < Panels.Count; p++)
            {
                double mass = 0;
                (double low, double high) = (double.PositiveInfinity, double.NegativeInfinity);
                for (int i = p * Legendre.Order; i < (p + 1) * Legendre.Order; i++)
                {
                    double share = Values[i] * Panels.Weights[i];
                    mass += share;
                    mean += share * Image[i];
                    (low, high) = (Math.Min(low, Image[i]), Math.Max(high, Image[i]));
                }

                error += mass * (high - low);
            }

            double variance = 0;
            for (int i = 0; i < Image.Length; i++)
            {
                variance += Values[i] * Panels.Weights[i] * (Image[i] - mean) * (Image[i] - mean);
            }

            return (mean, variance, error);
        }

        /// <summary>
        /// Whether S, followed by <paramref name="next"/>, may change and change back on [from, to] unseen by its points.
        /// </summary>
        public bool HidesOn(double from, double to, ScalarMap? next = null)
        {
            if (Chain.IsEmpty)
            {
                return next?.HidesOn(from, to) == true;
            }

            if (Chain[0].HidesOn(from, to))
            {
                return true;
            }

            if (next?.MayHide != true && !Chain.Any(map => map.MayHide))
            {
                return false;
            }

            Span<double> points = stackalloc double[Legendre.Order + 2];
            PanelSet.Place(from, to, points[..Legendre.Order]);
            (points[^2], points[^1]) = (from, to);
            foreach (ScalarMap map in Chain)
            {
                if (map.HidesBetween(points))
                {
                    return true;
                }
            }

            return next?.HidesBetween(points) == true;
        }

        /// <summary>S(u) with its slope, piece and rounding.</summary>
        public MapValue Follow(double u)
        {
            double x = u;
            double slope = 1;
            double rounding = 0;
            int piece = 0;
            foreach (ScalarMap map in Chain)
            {
                MapValue next = map.At(x);
                x = next.Value;
                rounding = next.Rounding + Math.Abs(next.Slope * rounding);
                slope *= next.Slope;
                piece = unchecked((piece * 31) + next.Piece);
            }

            return new(x, slope, piece, rounding);
        }
    }

    /// <summary>
    /// A mixture as a density on panels, every component to the same depth, however small its weight; null when it would need too
    /// many points.
    /// </summary>
    public static Density? Of(ScalarMixture law, GridResolution resolution, WorkLimit work)
    {
        double lightest = law.Weights[0];
        foreach (double weight in law.Weights)
        {
            lightest = Math.Min(lightest, weight);
        }

        resolution = resolution with { LogRange = Math.Min(GridResolution.LargestLogRange, resolution.LogRange - Math.Log(lightest)) };
        double reach = Math.Sqrt(2 * (resolution.LogRange + GridResolution.Margin)) + 1;
        double from = double.PositiveInfinity;
        double to = double.NegativeInfinity;
        for (int k = 0; k < law.Count; k++)
        {
            double mean = law.Means[k];
            double deviation = law.Deviations[k];
            if (Math.BitIncrement(Math.Abs(mean)) - Math.Abs(mean) > deviation)
            {
                // No number lies within a deviation of the mean: however light, the component would be lost without a trace.
                return null;
            }

            from = Math.Min(from, mean - (reach * deviation));
            to = Math.Max(to, mean + (reach * deviation));
        }

        var extent = new Extent(law.Mean, Math.Sqrt(law.Variance));
        work.Spend(law.PanelCost);

        void Evaluate(ReadOnlySpan<double> points, Span<double> values)
        {
            work.Spend(points.Length * law.Cost);
            for (int i = 0; i < points.Length; i++)
            {
                values[i] = Math.Exp(law.LogDensity(points[i]));
            }
        }

        if (PanelBuilder.Build(Evaluate, (from, to), extent, law.Features(from, to, work.Cancellation), 0.05 * law.SmallestDeviation, default, resolution) is not var (panels, values, dropped))
        {
            return null;
        }

        // Far from 0 the points are rounded by much of a narrow law's width, and with them the mass.
        double mass = panels.Normalise(values);

        return new()
        {
            Panels = panels,
            Values = values,
            Image = panels.Nodes,
            Exact = law,
            Smoothness = law.SmallestDeviation,
            Tails = new(law.LargestDeviation, law.LargestDeviation),
            Defect = Math.Abs(1 - mass),
            Lost = extent.SecondMoment(dropped),
        };
    }
}
