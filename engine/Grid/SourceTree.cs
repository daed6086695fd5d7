using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sgm.Engine;

/// <summary>
/// The law of S(U) as the source of a noisy step: q(y) = ∫ ρ(u)·φ_C(y − S(u)) du with φ_C the density of N(0, C²). Panels are cut
/// into pieces that cover a few C after the map, on demand and only near the points where q is wanted, so the cost does not
/// grow when C is small; each piece is integrated by its 16 points, with error far below the interpolation's. Pieces never
/// straddle a kink of S (a clipped score).
/// </summary>
internal sealed class SourceTree
{
    private const int Order = Legendre.Order;
    private readonly LineState.Density state;
    private readonly ScalarMap map;
    private readonly GridResolution resolution;
    private readonly SourcePiece[] roots;
    private readonly bool anyDensity;
    private int count;
    private readonly WorkLimit work;
    private readonly bool hasKinks;

    /// <summary>
    /// The source of <paramref name="map"/>, whose noise C is positive, applied to <paramref name="state"/>; with
    /// <paramref name="anyDensity"/> the pieces are fine enough for every density on the same panels, not only for this one.
    /// </summary>
    public SourceTree(LineState.Density state, ScalarMap map, GridResolution resolution, WorkLimit work, bool anyDensity = false)
    {
        this.work = work;
        hasKinks = map.HasKinks || state.HasKinks;
        work.Spend(state.Image.Length * map.Cost);
        this.anyDensity = anyDensity;
        this.state = state;
        this.map = map;
        this.resolution = resolution;
        roots = new SourcePiece[state.Panels.Count];
        Shift = new double[state.Image.Length];
        double[] image = new double[state.Image.Length];
        int[] piece = new int[image.Length];
        IsFinite = true;
        for (int i = 0; i < image.Length; i++)
        {
            MapValue value = map.At(state.Image[i]);
            image[i] = value.Value;
            piece[i] = unchecked(((state.Piece?[i] ?? 0) * 31) + value.Piece);
            Shift[i] = value.Rounding + Math.Abs(value.Slope * (state.Shift?[i] ?? 0));
            IsFinite &= Math.Abs(value.Value) <= 1e150;
        }

        Extent = state.ExtentOf(image).After(map.Noise);
        for (int p = 0; p < roots.Length; p++)
        {
            double shift = PanelBuilder.Largest(Shift.AsSpan(p * Order, Order));
            double[] own = state.Values.AsSpan(p * Order, Order).ToArray();
            double[] places = image.AsSpan(p * Order, Order).ToArray();
            roots[p] = Measured(new(state.Panels.From[p], state.Panels.To[p], p, null, places, own), piece.AsSpan(p * Order, Order), shift);
        }

        Tails = state.Tails.After(map.FarSlope, map.Noise);
        double reach = Math.Sqrt(2 * resolution.LogRange);
        Cut = map.Noise * (resolution.Cut + (reach * map.Noise / Math.Min(Tails.Left, Tails.Right)));
    }

    /// <summary>Whether every image is finite and below 1e150.</summary>
    public bool IsFinite { get; }

    /// <summary>Bounds on the rounding of the image of every point.</summary>
    public double[] Shift { get; }

    /// <summary>Whether more pieces were wanted than there may be; then what was evaluated is worthless.</summary>
    public bool IsTooLarge { get; private set; }

    /// <summary>Tails after the step.</summary>
    public TailRates Tails { get; }

    /// <summary>Where the noise's density is cut off.</summary>
    public double Cut { get; }

    /// <summary>Where the law after the step lies.</summary>
    public Extent Extent { get; }

    /// <summary>The roots whose image meets none of these panels: what mass they have is missing there.</summary>
    public (int Panel, double Low, double High)[] StraysFrom(PanelSet panels) =>
        [.. roots.Where(r => !panels.Meet(r.Low, r.High)).Select(r => (r.Panel, r.Low, r.High))];

    /// <summary>The panels as pieces.</summary>
    public ReadOnlySpan<SourcePiece> Roots => roots;

    /// <summary>C.</summary>
    public double Noise => map.Noise;

    /// <summary>An interval that holds all but negligible mass of q.</summary>
    public (double From, double To) Hull => (roots.Min(r => r.Low) - Cut, roots.Max(r => r.High) + Cut);

    /// <summary>Where q may have structure and how fine it can be: no finer than C, nor than the image of a panel.</summary>
    public List<Feature> Features
    {
        get
        {
            var features = new List<Feature>(roots.Length);
            double negligible = resolution.Negligible;
            void Add(SourcePiece piece)
            {
                if (piece.Hides)
                {
                    Add(piece.LeftPart!);
                    Add(piece.RightPart!);
                }
                else if (piece.Peak * (piece.To - piece.From) * Extent.Reach(piece.Low, piece.High) > negligible)
                {
                    features.Add(new(piece.Low - (3 * Noise), piece.High + (3 * Noise), 2 * Math.Max(Noise, piece.High - piece.Low)));
                }
            }

            foreach (SourcePiece root in roots)
            {
                Add(root);
            }

            return features;
        }
    }

    /// <summary>Lets go of the pieces below a root, which have the matrices of <see cref="SourcePiece.FromPanel"/>.</summary>
    public void Forget(SourcePiece root)
    {
        if (!root.Hides)
        {
            (root.LeftPart, root.RightPart) = (null, null);
        }

        count = 0;
    }

    /// <summary>q at ascending points.</summary>
    public void Evaluate(ReadOnlySpan<double> points, Span<double> values)
    {
        values.Clear();
        foreach (SourcePiece root in roots)
        {
            Add(root, points, values);
        }

        double norm = Math.Exp(-NormalTail.LogRootTwoPi) / Noise;
        for (int i = 0; i < values.Length; i++)
        {
            values[i] *= norm;
        }
    }

    /// <summary>
    /// The pieces below <paramref name="piece"/> that reach into a range of points, with the range that each reaches.
    /// </summary>
    public void Visit(SourcePiece piece, ReadOnlySpan<double> points, int offset, Action<SourcePiece, int, int> leaf)
    {
        (int from, int to) = Reach(piece, points);
        if (from == to || IsTooLarge)
        {
            return;
        }

        if (piece.IsLeaf)
        {
            work.Spend(Order * (to - from));
            leaf(piece, offset + from, offset + to);
            return;
        }

        Split(piece);
        Visit(piece.LeftPart!, points[from..to], offset + from, leaf);
        Visit(piece.RightPart!, points[from..to], offset + from, leaf);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Add(SourcePiece piece, ReadOnlySpan<double> points, Span<double> values)
    {
        (int from, int to) = Reach(piece, points);
        if (from == to || IsTooLarge || (piece.Peak <= 0 && !anyDensity))
        {
            return;
        }

        points = points[from..to];
        values = values[from..to];
        if (!piece.IsLeaf)
        {
            Split(piece);
            Add(piece.LeftPart!, points, values);
            Add(piece.RightPart!, points, values);
            return;
        }

        work.Spend(0.5 * points.Length);
        double scale = Math.Sqrt(0.5) / Noise;
        double half = 0.5 * (piece.To - piece.From);
        Vector512<double> place0 = Vector512.Create<double>(piece.Image);
        Vector512<double> place1 = Vector512.Create<double>(piece.Image, 8);
        Vector512<double> mass0 = Vector512.Create<double>(piece.Density) * Vector512.Create<double>(Legendre.Weights) * half;
        Vector512<double> mass1 = Vector512.Create<double>(piece.Density, 8) * Vector512.Create<double>(Legendre.Weights, 8) * half;
        for (int j = 0; j < points.Length; j++)
        {
            Vector512<double> y = Vector512.Create(points[j]);
            Vector512<double> t0 = (y - place0) * scale;
            Vector512<double> t1 = (y - place1) * scale;
            values[j] += Vector512.Sum((Vector512.Exp(-(t0 * t0)) * mass0) + (Vector512.Exp(-(t1 * t1)) * mass1));
        }
    }

    private (int From, int To) Reach(SourcePiece piece, ReadOnlySpan<double> points) =>
        (LowerBound(points, piece.Low - Cut), LowerBound(points, piece.High + Cut));

    private static int LowerBound(ReadOnlySpan<double> points, double x)
    {
        int low = 0;
        int high = points.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            (low, high) = points[middle] < x ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    private void Split(SourcePiece piece)
    {
        if (piece.LeftPart is not null)
        {
            return;
        }

        count += 2;
        IsTooLarge |= count > GridMemory.Pieces;

        bool kinked = piece.Kink is { } kink && kink > piece.From && kink < piece.To;
        double at = kinked ? piece.Kink!.Value : 0.5 * (piece.From + piece.To);
        double inside = -1 + (2 * (at - piece.From) / (piece.To - piece.From));
        piece.LeftPart = Part(piece, piece.From, at, kinked ? Legendre.Interpolation(-1, inside) : Legendre.Left);
        piece.RightPart = Part(piece, at, piece.To, kinked ? Legendre.Interpolation(inside, 1) : Legendre.Right);
    }

    private SourcePiece Part(SourcePiece whole, double from, double to, double[] interpolation)
    {
        work.Spend(Order * (state.ChainCost + map.Cost));
        Span<double> nodes = stackalloc double[Order];
        PanelSet.Place(from, to, nodes);
        double[] density = new double[Order];
        Legendre.Multiply(interpolation, whole.Density, density);
        double[] image = new double[Order];
        Span<int> piece = stackalloc int[Order];
        double shift = 0;
        for (int i = 0; i < Order; i++)
        {
            MapValue value = Follow(nodes[i]);
            (image[i], piece[i], shift) = (value.Value, value.Piece, Math.Max(shift, value.Rounding));
        }

        return Measured(new(from, to, whole.Panel, (whole, interpolation), image, density), piece, shift);
    }

    private MapValue Follow(double u)
    {
        MapValue before = state.Follow(u);
        MapValue value = map.At(before.Value);
        return value with
        {
            Piece = unchecked((before.Piece * 31) + value.Piece),
            Rounding = value.Rounding + Math.Abs(value.Slope * before.Rounding),
        };
    }

    /// <summary>
    /// Sets the range of the image and whether the piece is fine enough, for an image that is rounded by <paramref
    /// name="shift"/>.
    /// </summary>
    private SourcePiece Measured(SourcePiece result, ReadOnlySpan<int> pieces, double shift)
    {
        // The image of what lies between the outermost points and the ends counts too.
        work.Spend(2 * (state.ChainCost + map.Cost));
        (double first, double last) = (Follow(result.From).Value, Follow(result.To).Value);
        (double low, double high) = (Math.Min(first, last), Math.Max(first, last));
        foreach (double x in result.Image)
        {
            low = Math.Min(low, x);
            high = Math.Max(high, x);
        }

        result.Peak = PanelBuilder.Largest(result.Density);
        double margin = 0.05 * (high - low);
        result.Low = low - margin;
        result.High = high + margin;
        result.Kink = FindKink(result, pieces);
        double width = result.To - result.From;
        double rounding = (1e-14 * Math.Max(Math.Abs(low), Math.Abs(high))) + (16 * shift);
        bool indivisible = width <= 1e-15 * Math.Max(Math.Abs(result.From), Math.Abs(result.To));
        bool fine = high - low <= (resolution.LeafExtent * Noise) + rounding
            && Legendre.Tail(result.Image) <= (resolution.Shape * Noise) + rounding;
        result.IsLeaf = IsTooLarge || indivisible || (fine && result.Kink is null)
            || (!anyDensity && result.Peak * width * Extent.Reach(low, high) < 1e-6 * resolution.Negligible);
        if (!IsTooLarge && !indivisible && (result.Peak > 0 || anyDensity) && state.HidesOn(result.From, result.To, map))
        {
            // Where it goes is known from its parts only.
            result.Hides = true;
            result.IsLeaf = false;
            Split(result);
            result.Low = Math.Min(result.Low, Math.Min(result.LeftPart!.Low, result.RightPart!.Low));
            result.High = Math.Max(result.High, Math.Max(result.LeftPart.High, result.RightPart.High));
        }

        return result;
    }

    /// <summary>
    /// The place where S changes from one smooth piece to another, between two points (or a point and an end) that lie
    /// in different ones.
    /// </summary>
    private double? FindKink(SourcePiece part, ReadOnlySpan<int> pieces) =>
        hasKinks ? Kinks.Between(part.From, part.To, pieces, u => Follow(u).Piece) : null;
}

/// <summary>A piece of the source: an interval of u inside one panel, with the density and the image at its 16 points.</summary>
internal sealed class SourcePiece(double from, double to, int panel, (SourcePiece Whole, double[] Interpolation)? origin, double[] image, double[] density)
{
    private double[]? fromPanel;

    public double From { get; } = from;

    public double To { get; } = to;

    /// <summary>Index of the panel.</summary>
    public int Panel { get; } = panel;

    /// <summary>The piece that this one is a part of, and the matrix from its points to these; null for a whole panel.</summary>
    public (SourcePiece Whole, double[] Interpolation)? Origin { get; } = origin;

    /// <summary>The matrix from the panel's points to these, or null for a whole panel.</summary>
    public double[]? FromPanel => fromPanel ??= Compose();

    /// <summary>S at the points.</summary>
    public double[] Image { get; } = image;

    /// <summary>Density of U at the points.</summary>
    public double[] Density { get; } = density;

    public double Low { get; set; }

    public double High { get; set; }

    public double Peak { get; set; }

    public double? Kink { get; set; }

    public bool IsLeaf { get; set; }

    /// <summary>Whether its own points do not see all of the map, so that it has parts from the beginning.</summary>
    public bool Hides { get; set; }

    public SourcePiece? LeftPart { get; set; }

    public SourcePiece? RightPart { get; set; }

    private double[]? Compose()
    {
        const int n = Legendre.Order;
        if (Origin is not var (whole, interpolation))
        {
            return null;
        }

        if (whole.FromPanel is not { } outer)
        {
            return interpolation;
        }

        double[] product = new double[n * n];
        for (int i = 0; i < n; i++)
        {
            for (int k = 0; k < n; k++)
            {
                double factor = interpolation[(i * n) + k];
                for (int m = 0; m < n; m++)
                {
                    product[(i * n) + m] += factor * outer[(k * n) + m];
                }
            }
        }

        return product;
    }
}
