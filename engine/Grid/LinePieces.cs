namespace Sgm.Engine;

/// <summary>What an integrand over a law has to know of another law: how fine its features are, and where its mass is.</summary>
/// <param name="LogDensity">ln p(x).</param>
/// <param name="Scale">A length over which the other law changes little, the smallest on an interval.</param>
/// <param name="Mass">Its mass in an interval a ≤ b.</param>
/// <param name="Cost">Evaluations of a component that one density takes.</param>
/// <param name="Hides">Whether its density may change on an interval unseen by 16 points.</param>
internal sealed record Counterpart(
    Func<double, double> LogDensity,
    Func<double, double, double> Scale,
    Func<double, double, double> Mass,
    double Cost,
    Func<double, double, bool>? Hides = null)
{
    /// <summary>No other law.</summary>
    public static readonly Counterpart None = new(_ => 0, (_, _) => double.PositiveInfinity, (_, _) => 0, 1);

    /// <summary>A mixture.</summary>
    public static Counterpart Of(ScalarMixture law) => new(law.LogDensity, law.FinestScale, law.Between, law.Cost, (a, b) => FineStructure.IsIn(law, a, b));
}

/// <summary>An interval of u inside one panel of a law: the density, the image and its slope at the 16 points.</summary>
internal sealed class LinePiece
{
    public double From { get; set; }

    public double To { get; set; }

    /// <summary>Mass before From.</summary>
    public double Left { get; set; }

    /// <summary>Mass after To.</summary>
    public double Right { get; set; }

    /// <summary>ρ(u).</summary>
    public double[] Density { get; } = new double[Legendre.Order];

    /// <summary>x = S(u).</summary>
    public double[] Image { get; } = new double[Legendre.Order];

    /// <summary>dS/du.</summary>
    public double[] Slope { get; } = new double[Legendre.Order];

    /// <summary>Its halves, once an integral has asked for them: all integrals over the law share them.</summary>
    public (LinePiece Left, LinePiece Right)? Halves { get; set; }

    /// <summary>Mass in the piece.</summary>
    public double Mass
    {
        get
        {
            double mass = 0;
            for (int i = 0; i < Legendre.Order; i++)
            {
                mass += Legendre.Weights[i] * Density[i];
            }

            return 0.5 * (To - From) * mass;
        }
    }
}

/// <summary>
/// The panels of a law on the line, cut until 16 points see everything that an integrand may depend on: at the kinks of the map S,
/// where S squeezes a jump between two points, and down to the features of another law.
/// </summary>
internal sealed class LinePieces
{
    private const int Order = Legendre.Order;
    private const int DeepestCut = 52;

    /// <summary>Share of a map's range that the last coefficients of a piece may carry.</summary>
    private const double Smooth = 1e-6;

    /// <summary>Pieces with less mass under both laws are not resolved.</summary>
    private const double Negligible = 1e-16;

    private readonly Counterpart other;
    private readonly bool hasKinks;
    private LinePiece[]? roots;
    private bool tooMany;
    private long begun;

    /// <summary>The pieces of <paramref name="state"/> for integrands that also depend on another law.</summary>
    public LinePieces(LineState.Density state, Counterpart other, WorkLimit work)
    {
        State = state;
        Work = work;
        this.other = other;
        hasKinks = state.HasKinks;
        Masses = new(state);
        Folds = LineFolds.Of(state, Masses, work);
        Decreasing = Folds is null && state.Slope is not null && Array.Exists(state.Slope, s => s < 0);
    }

    /// <summary>The law.</summary>
    public LineState.Density State { get; }

    /// <summary>What may be spent.</summary>
    public WorkLimit Work { get; }

    /// <summary>Evaluations of a component that one density of the other law takes.</summary>
    public double Cost => other.Cost;

    /// <summary>The distribution function of U.</summary>
    public PanelMasses Masses { get; }

    /// <summary>The branches of S; null where it is monotone.</summary>
    public LineFolds? Folds { get; }

    /// <summary>Whether S falls.</summary>
    public bool Decreasing { get; }

    /// <summary>
    /// The pieces, u ascending. A jump of S, without numbers between its sides, is left out: no mass starts there.
    /// </summary>
    /// <exception cref="WorkExceededException">There are so many that no integral over them fits, for any metric.</exception>
    public LinePiece[] Roots
    {
        get
        {
            if (tooMany)
            {
                throw new WorkExceededException();
            }

            tooMany = true;
            roots ??= Resolved();
            tooMany = false;
            return roots;
        }
    }

    /// <summary>ln q(x) and x = S(u), where U has density <paramref name="density"/> at u.</summary>
    public (double LogState, double Image) LogStateAt(double u, double density)
    {
        if (State.Chain.IsEmpty)
        {
            return (Math.Log(Math.Max(0, density)), u);
        }

        Work.Spend(State.ChainCost);
        MapValue value = State.Follow(u);
        return (Folds is null ? Math.Log(Math.Max(0, density)) - Math.Log(Math.Abs(value.Slope)) : Folds.At(value.Value).LogDensity, value.Value);
    }

    /// <summary>S(u).</summary>
    public double ImageOf(double u) => State.Chain.IsEmpty ? u : State.Follow(u).Value;

    /// <summary>The intervals that S maps the panels to: outside them the state has no mass that is not negligible.</summary>
    public List<(double From, double To)> Support()
    {
        var images = new List<(double From, double To)>();
        if (Folds is not null)
        {
            images.AddRange(Folds.Images);
        }
        else
        {
            foreach (LinePiece root in Roots)
            {
                double a = ImageOf(root.From);
                double b = ImageOf(root.To);
                images.Add(a < b ? (a, b) : (b, a));
            }
        }

        images.Sort();
        var merged = new List<(double From, double To)>();
        foreach ((double from, double to) in images)
        {
            if (merged.Count > 0 && from <= merged[^1].To)
            {
                merged[^1] = (merged[^1].From, Math.Max(merged[^1].To, to));
            }
            else
            {
                merged.Add((from, to));
            }
        }

        return merged;
    }

    /// <summary>The two halves of a piece.</summary>
    public (LinePiece Left, LinePiece Right) Halves(LinePiece whole) =>
        whole.Halves ??= Cut(whole, 0.5 * (whole.From + whole.To), Legendre.Left, Legendre.Right);

    private (LinePiece Left, LinePiece Right) Cut(LinePiece whole, double at, double[] toLeft, double[] toRight)
    {
        LinePiece left = Part(whole, whole.From, at, toLeft);
        LinePiece right = Part(whole, at, whole.To, toRight);
        left.Left = whole.Left;
        left.Right = whole.Right + right.Mass;
        right.Left = whole.Left + left.Mass;
        right.Right = whole.Right;
        return (left, right);
    }

    private LinePiece[] Resolved()
    {
        begun = Work.Spent;
        var found = new List<LinePiece>();
        var turns = new Queue<double>(Folds?.Turns ?? []);
        for (int p = 0; p < State.Panels.Count; p++)
        {
            LinePiece rest = Root(p);
            while (turns.TryPeek(out double turn) && turn < rest.To)
            {
                turns.Dequeue();
                if (turn > rest.From)
                {
                    (LinePiece before, rest) = CutAt(rest, turn);
                    Unkink(before, found);
                }
            }

            Unkink(rest, found);
        }

        return [.. found];
    }

    private (LinePiece Left, LinePiece Right) CutAt(LinePiece piece, double at)
    {
        double inside = -1 + (2 * (at - piece.From) / (piece.To - piece.From));
        return Cut(piece, at, Legendre.Interpolation(-1, inside), Legendre.Interpolation(inside, 1));
    }

    /// <summary>Cuts at the kinks of S, of which two points or a point and an end lie on different sides; then resolves.</summary>
    private void Unkink(LinePiece piece, List<LinePiece> found)
    {
        if (hasKinks && Kinks.Between(piece.From, piece.To, [], PieceAt) is { } kink)
        {
            (LinePiece left, LinePiece right) = CutAt(piece, kink);
            Unkink(left, found);
            Unkink(right, found);
            return;
        }

        Resolve(piece, found, 0);
    }

    private int PieceAt(double u)
    {
        Work.Spend(State.ChainCost);
        return State.Follow(u).Piece;
    }

    private void Resolve(LinePiece piece, List<LinePiece> found, int depth)
    {
        // An integral goes over every piece and both its halves.
        if (Work.Spent - begun > Work.Limit / 4)
        {
            throw new WorkExceededException();
        }

        double low = piece.Image.Min();
        double high = piece.Image.Max();
        bool mapped = State.Chain.IsEmpty
            || (Legendre.Tail(piece.Image) <= (Smooth * (high - low)) + (1e-15 * Math.Max(Math.Abs(low), Math.Abs(high)))
                && !State.HidesOn(piece.From, piece.To));
        if (mapped && high - low <= other.Scale(low, high) && other.Hides?.Invoke(low, high) != true)
        {
            found.Add(piece);
            return;
        }

        bool matters = piece.Mass > Negligible || EndsMass(piece) > Negligible;
        double middle = 0.5 * (piece.From + piece.To);
        bool divisible = middle > piece.From && middle < piece.To
            && piece.To - piece.From > 4e-16 * Math.Max(Math.Abs(piece.From), Math.Abs(piece.To));
        if (matters && divisible && depth < DeepestCut)
        {
            (LinePiece left, LinePiece right) = Halves(piece);
            Resolve(left, found, depth + 1);
            Resolve(right, found, depth + 1);
        }
        else if (mapped || !matters)
        {
            found.Add(piece);
        }
    }

    /// <summary>Mass of the other law between the images of the ends.</summary>
    private double EndsMass(LinePiece piece)
    {
        double a = ImageOf(piece.From);
        double b = ImageOf(piece.To);
        Work.Spend(2 * (State.ChainCost + other.Cost));
        return other.Mass(Math.Min(a, b), Math.Max(a, b));
    }

    private LinePiece Root(int p)
    {
        var root = new LinePiece
        {
            From = State.Panels.From[p],
            To = State.Panels.To[p],
            Left = Masses.Before[p],
            Right = Masses.After[p],
        };
        State.Values.AsSpan(p * Order, Order).CopyTo(root.Density);
        State.Image.AsSpan(p * Order, Order).CopyTo(root.Image);
        if (State.Slope is null)
        {
            Array.Fill(root.Slope, 1);
        }
        else
        {
            State.Slope.AsSpan(p * Order, Order).CopyTo(root.Slope);
        }

        return root;
    }

    private LinePiece Part(LinePiece whole, double from, double to, double[] interpolation)
    {
        var part = new LinePiece { From = from, To = to };
        PanelSet.Place(from, to, part.Image);
        if (State.Exact is { } exact)
        {
            Work.Spend(Order * exact.Cost);
            for (int i = 0; i < Order; i++)
            {
                part.Density[i] = Math.Exp(exact.LogDensity(part.Image[i]));
            }
        }
        else
        {
            Legendre.Multiply(interpolation, whole.Density, part.Density);
        }

        if (State.Chain.IsEmpty)
        {
            Array.Fill(part.Slope, 1);
            return part;
        }

        Work.Spend(Order * State.ChainCost);
        for (int i = 0; i < Order; i++)
        {
            MapValue value = State.Follow(part.Image[i]);
            part.Image[i] = value.Value;
            part.Slope[i] = value.Slope;
        }

        return part;
    }
}
