namespace Sgm.Engine;

/// <summary>
/// The integrals of an adjusted step (<see cref="AdjustedMap"/>) over the velocity u, for a place y of the law after it: as points x of
/// the law before it with weights, and the probability of rejection at y. Pieces of u are cut at the roots of the acceptance ratio's
/// logarithm, where min(1, ·) has its kinks, at kinks of the score and at the ends of the law's panels, and bisected until 16 points
/// resolve what is integrated.
/// </summary>
internal sealed class AdjustedSource
{
    private const int Order = Legendre.Order;
    private const int Deepest = 48;

    /// <summary>A root is found to this distance: being wrong by δ costs δ².</summary>
    private const double RootAccuracy = 1e-10;

    private readonly LineState.Density state;
    private readonly AdjustedMap map;
    private readonly GridResolution resolution;
    private readonly WorkLimit work;
    private readonly double[] peak;
    private readonly double[] least;
    private readonly double floor;
    private readonly double logLargestRatio;
    private readonly double steepest;
    private readonly List<AdjustedPiece> pieces = [];

    // The place whose row is made.
    private LeapOrigin origin;
    private double scale;
    private double rejection;
    private double own;
    private List<(double X, double Weight)> points = [];

    /// <summary>The source of one step for a law whose deterministic steps are done.</summary>
    public AdjustedSource(LineState.Density state, AdjustedMap map, GridResolution resolution, WorkLimit work)
    {
        (this.state, this.map, this.resolution, this.work) = (state, map, resolution, work);
        int count = state.Panels.Count;
        (peak, least) = (new double[count], new double[count]);
        logLargestRatio = double.NegativeInfinity;
        work.Spend(count * ((2 * map.Cost) + (Order * map.Law.Cost)));
        for (int p = 0; p < count; p++)
        {
            peak[p] = PanelBuilder.Largest(state.Values.AsSpan(p * Order, Order));
            least[p] = double.PositiveInfinity;
            for (int i = p * Order; i < (p + 1) * Order; i++)
            {
                least[p] = Math.Min(least[p], state.Values[i]);
                logLargestRatio = Math.Max(logLargestRatio, Math.Log(Math.Max(0, state.Values[i])) - map.Law.LogDensity(state.Panels.Nodes[i]));
            }

            steepest = Math.Max(steepest, Math.Abs(map.At(state.Panels.From[p]).Score));
            steepest = Math.Max(steepest, Math.Abs(map.At(state.Panels.To[p]).Score));
        }

        floor = resolution.Negligible / Math.Max(state.Extent.Spread, 1e-300);
    }

    /// <summary>How well a row is resolved, as a share of the density at its place.</summary>
    public static double Accuracy(GridResolution resolution) => 10 * resolution.Absolute;

    /// <summary>
    /// f′ at y = <paramref name="y"/>, the probability that a step from there is rejected, and in <paramref name="row"/> where what is
    /// accepted comes from: f′(y) = rejection·f(y) + Σ weight·f(x).
    /// </summary>
    public double At(double y, List<(double X, double Weight)> row, out double rejected)
    {
        row.Clear();
        points = row;
        pieces.Clear();
        rejection = 0;
        work.Spend(map.Cost);
        origin = map.At(y);
        own = state.DensityAt(y);
        scale = 0;

        // What is rejected is within the normal law of the velocity, and gives the scale of the rest.
        AddPieces(-resolution.Cut, resolution.Cut);
        scale = Math.Max(scale, floor);
        (double from, double to) = Range();
        AddPieces(from, -resolution.Cut);
        AddPieces(resolution.Cut, to);
        foreach (AdjustedPiece piece in pieces)
        {
            Resolve(piece, 0);
        }

        double value = rejection * own;
        foreach ((double x, double weight) in row)
        {
            value += weight * state.DensityAt(x);
        }

        rejected = rejection;
        return value;
    }

    private void AddPieces(double from, double to)
    {
        int count = (int)Math.Ceiling((to - from) / (0.5 * resolution.LeafExtent));
        double last = from;
        for (int i = 1; i <= count; i++)
        {
            double next = i == count ? to : from + ((to - from) * i / count);
            AdjustedPiece piece = Evaluated(last, next);
            pieces.Add(piece);
            scale += piece.Rough(own);
            last = next;
        }
    }

    // Velocities with which something may come that is not negligible. With the target's density what comes with u is
    // φ(u)·p(y)·a·ρ(x) ≤ φ(u)·p(y)·max ρ, ρ = f/p; in one leap it also comes from where the law is, and by the score alone u′ is
    // no larger than counts.
    private (double From, double To) Range()
    {
        double most = double.PositiveInfinity;
        double negligible = Math.Log(1e-3 * Accuracy(resolution) * scale);
        if (map.Step.LinePoints is null)
        {
            most = Math.Sqrt(2 * Math.Max(0, origin.LogTarget + logLargestRatio - negligible));
        }

        if (map.Step.Leaps > 1)
        {
            return (-most, most);
        }

        double reach = Math.Sqrt(2 * Math.Max(0, Math.Log(PanelBuilder.Largest(peak)) - negligible));
        most = Math.Min(most, reach + (0.5 * map.Step.Leap * (Math.Abs(origin.Score) + steepest)));
        double drift = 0.5 * map.Step.Leap * origin.Score;
        double ahead = ((state.Panels.To[^1] - origin.At) / map.Step.Leap) - drift;
        double behind = ((state.Panels.From[0] - origin.At) / map.Step.Leap) - drift;
        return (Math.Max(-most, behind), Math.Min(most, ahead));
    }

    private AdjustedPiece Evaluated(double from, double to)
    {
        work.Spend((Order + 2) * map.Cost);
        var piece = new AdjustedPiece(from, to) { First = map.From(origin, from), Last = map.From(origin, to) };
        PanelSet.Place(from, to, piece.Velocity);
        for (int i = 0; i < Order + 2; i++)
        {
            double u = i < Order ? piece.Velocity[i] : i == Order ? from : to;
            LeapProposal proposal = i < Order ? map.From(origin, u) : i == Order ? piece.First : piece.Last;
            if (i < Order)
            {
                piece.Proposals[i] = proposal;
            }

            double log = (-0.5 * u * u) - NormalTail.LogRootTwoPi;
            bool isFinite = double.IsFinite(proposal.Log);
            piece.Rejected[i] = isFinite ? Math.Exp(log) * -RealFunctions.ExpM1(Math.Min(0, proposal.Log)) : Math.Exp(log);
            piece.Density[i] = isFinite ? state.DensityAt(proposal.To) : 0;
            piece.Accepted[i] = piece.Density[i] > 0 ? Math.Exp(log - proposal.Energy + Math.Min(0, proposal.Log)) : 0;
        }

        return piece;
    }

    private void Resolve(AdjustedPiece piece, int depth)
    {
        double width = piece.To - piece.From;
        bool divisible = depth < Deepest && width > 1e-14 * Math.Max(Math.Abs(piece.From), Math.Abs(piece.To));
        if (divisible && CutOf(piece) is { } cut)
        {
            Resolve(Evaluated(piece.From, cut), depth + 1);
            Resolve(Evaluated(cut, piece.To), depth + 1);
            return;
        }

        if (divisible && !IsFine(piece))
        {
            double middle = 0.5 * (piece.From + piece.To);
            Resolve(Evaluated(piece.From, middle), depth + 1);
            Resolve(Evaluated(middle, piece.To), depth + 1);
            return;
        }

        for (int i = 0; i < Order; i++)
        {
            double weight = 0.5 * width * Legendre.Weights[i];
            rejection += weight * piece.Rejected[i];
            if (piece.Accepted[i] > 0)
            {
                points.Add((piece.Proposals[i].To, weight * piece.Accepted[i]));
            }
        }
    }

    /// <summary>Where a piece must be cut, inside it: at a kink of what leads there, or at a root of the ratio's logarithm.</summary>
    private double? CutOf(AdjustedPiece piece)
    {
        Span<int> inner = stackalloc int[Order];
        for (int i = 0; i < Order; i++)
        {
            inner[i] = Kind(piece.Proposals[i]);
        }

        bool isEmpty = Kind(piece.First) == inner[0] && Kind(piece.Last) == inner[0] && !inner.ContainsAnyExcept(inner[0]);
        if (!isEmpty && Matters(piece) && Kinks.Between(piece.From, piece.To, inner, KindAt) is { } kink && kink > piece.From && kink < piece.To)
        {
            return kink;
        }

        return Root(piece) is { } root && root > piece.From && root < piece.To ? root : null;
    }

    // The smooth piece of the scores on the way, and whether the law has density there.
    private int Kind(LeapProposal proposal) => (2 * proposal.Piece) + (state.Panels.Find(proposal.To) < 0 ? 1 : 0);

    private int KindAt(double u)
    {
        work.Spend(map.Cost);
        return Kind(map.From(origin, u));
    }

    private bool Matters(AdjustedPiece piece)
    {
        double most = Math.Max(PanelBuilder.Largest(piece.Rejected) * own, Largest(piece.Accepted, piece.Density));
        return most * (piece.To - piece.From) > 1e-3 * Accuracy(resolution) * scale;
    }

    private static double Largest(ReadOnlySpan<double> weights, ReadOnlySpan<double> values)
    {
        double largest = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            largest = Math.Max(largest, weights[i] * values[i]);
        }

        return largest;
    }

    /// <summary>
    /// A root of the logarithm inside a piece, or a place between two of them, by the polynomial through the 16 points: two roots at a
    /// distance δ that are not seen cost δ³.
    /// </summary>
    private double? Root(AdjustedPiece piece)
    {
        Span<double> log = stackalloc double[Order];
        Span<double> dense = stackalloc double[DensePlaces.Places.Length];
        for (int i = 0; i < Order; i++)
        {
            log[i] = piece.Proposals[i].Log;
        }

        DensePlaces.Evaluate(log, dense);
        double half = 0.5 * (piece.To - piece.From);
        double middle = 0.5 * (piece.From + piece.To);

        // Where the piece was cut at a root there is one at its end.
        double margin = Math.Max(4 * RootAccuracy * (1 + Math.Abs(middle)), 1e-6 * half);
        for (int k = 0; k + 1 < dense.Length; k++)
        {
            if (!(dense[k] * dense[k + 1] < 0))
            {
                continue;
            }

            (double low, double high) = (middle + (half * DensePlaces.Places[k]), middle + (half * DensePlaces.Places[k + 1]));
            (double under, double over) = (LogAt(low), LogAt(high));
            if (under * over < 0 && Found(low, under, high, over) is var root && root > piece.From + margin && root < piece.To - margin)
            {
                return root;
            }
        }

        for (int k = 1; k + 1 < dense.Length; k++)
        {
            if (Math.Abs(dense[k]) < Math.Abs(dense[k - 1]) && Math.Abs(dense[k]) < Math.Abs(dense[k + 1]) && dense[k - 1] * dense[k + 1] > 0
                && DensePlaces.Vertex(k, dense) is var t
                && DensePlaces.At(t, log) * dense[k] < 0)
            {
                double turn = middle + (half * t);
                return LogAt(turn) * dense[k] < 0 ? turn : null;
            }
        }

        return null;
    }

    private double LogAt(double u)
    {
        work.Spend(map.Cost);
        return map.From(origin, u).Log;
    }

    private double Found(double low, double under, double high, double over)
    {
        var root = new RegulaFalsi(low, under, high, over);
        double u = 0.5 * (low + high);
        for (int i = 0; i < 60 && root.Width > RootAccuracy * (1 + Math.Abs(u)); i++)
        {
            double next = root.Next;
            u = root.Contains(next) ? next : root.Middle;
            double value = LogAt(u);
            if (value == 0)
            {
                return u;
            }

            root.Take(u, value);
        }

        return u;
    }

    /// <summary>Whether the points resolve both integrands, and nothing of the law lies between them.</summary>
    private bool IsFine(AdjustedPiece piece)
    {
        double width = piece.To - piece.From;
        double allowed = Accuracy(resolution) * scale / width;
        Span<double> values = stackalloc double[Order + 2];
        double low = Math.Min(piece.First.To, piece.Last.To);
        double high = Math.Max(piece.First.To, piece.Last.To);
        (values[Order], values[^1]) = (piece.Accepted[Order] * piece.Density[Order], piece.Accepted[^1] * piece.Density[^1]);
        for (int i = 0; i < Order; i++)
        {
            values[i] = piece.Accepted[i] * piece.Density[i];
            low = Math.Min(low, piece.Proposals[i].To);
            high = Math.Max(high, piece.Proposals[i].To);
        }

        double most = Math.Max(PanelBuilder.Largest(values), PanelBuilder.Largest(piece.Rejected) * own);
        double allowedRefused = Math.Min(Accuracy(resolution) / width, own > 0 ? allowed / own : double.PositiveInfinity);
        if (Unresolved(values) > allowed || Unresolved(piece.Rejected) > allowedRefused || AtEnds(values) > allowed || AtEnds(piece.Rejected) > allowedRefused)
        {
            return false;
        }

        return !(high - low < double.PositiveInfinity) || (!HasHidden(piece, low, high, allowed) && !(most > 1e-3 * allowed && map.HidesOn(low, high)));
    }

    /// <summary>
    /// The error of the quadrature, an overestimate: its coefficients beyond the last two are smaller than these by what these are smaller than
    /// those half-way. Of a kink of order 3 they are a 16th, and the error is half of that.
    /// </summary>
    public static double Unresolved(ReadOnlySpan<double> values)
    {
        values = values[..Order];
        double tail = Legendre.Tail(values);
        double half = Math.Abs(Legendre.Coefficient(6, values)) + Math.Abs(Legendre.Coefficient(7, values));
        double largest = 0;
        foreach (double value in values)
        {
            largest = Math.Max(largest, Math.Abs(value));
        }

        // Rounding does not get smaller with the piece.
        return tail <= 2e-15 * largest ? 0 : tail * Math.Min(1, tail / half);
    }

    /// <summary>
    /// What a kink between an end and the point beside it makes of the integral, seen by the values at the ends, which come last: the points there
    /// have a hundredth of the piece between them and the end.
    /// </summary>
    private static double AtEnds(ReadOnlySpan<double> values)
    {
        double left = Math.Abs(values[Order] - Legendre.AtEnd(values[..Order], right: false));
        double right = Math.Abs(values[Order + 1] - Legendre.AtEnd(values[..Order], right: true));
        double largest = PanelBuilder.Largest(values);
        return Math.Max(left, right) <= 1e-13 * largest ? 0 : 0.01 * Math.Max(left, right);
    }

    /// <summary>Whether a panel of the law lies between the points, with much more or less density than they saw.</summary>
    private bool HasHidden(AdjustedPiece piece, double low, double high, double allowed)
    {
        PanelSet panels = state.Panels;
        int first = panels.Find(low);
        first = first < 0 ? ~first : first;
        double extent = high - low;
        double largest = PanelBuilder.Largest(piece.Density);
        double smallest = double.PositiveInfinity;
        double weight = 0;
        for (int i = 0; i < Order; i++)
        {
            smallest = Math.Min(smallest, piece.Density[i]);
            double u = piece.Velocity[i];
            weight = Math.Max(weight, double.IsFinite(piece.Proposals[i].Log)
                ? Math.Exp((-0.5 * u * u) - NormalTail.LogRootTwoPi - piece.Proposals[i].Energy + Math.Min(0, piece.Proposals[i].Log))
                : 0);
        }

        for (int p = first; p < panels.Count && panels.From[p] < high; p++)
        {
            double width = panels.Width(p);
            bool isSeen = width >= 0.5 * extent || (peak[p] <= 2 * largest && least[p] >= 0.5 * smallest);
            if (!isSeen && weight * peak[p] * width / extent > allowed)
            {
                return true;
            }
        }

        return false;
    }
}
