namespace Sgm.Engine;

/// <summary>A piece of a law on the line, at 16 points: where they are after the deterministic steps, and the densities there.</summary>
internal readonly ref struct LineSample
{
    /// <summary>Density ρ of U at the points.</summary>
    public required ReadOnlySpan<double> Density { get; init; }

    /// <summary>x = S(u).</summary>
    public required ReadOnlySpan<double> Image { get; init; }

    /// <summary>dS/du.</summary>
    public required ReadOnlySpan<double> Slope { get; init; }

    /// <summary>ln q(x), the logarithm of the density of the state; +∞ in an atom.</summary>
    public required ReadOnlySpan<double> LogState { get; init; }

    /// <summary>P(state &lt; x).</summary>
    public required ReadOnlySpan<double> Below { get; init; }

    /// <summary>P(state &gt; x).</summary>
    public required ReadOnlySpan<double> Above { get; init; }
}

/// <summary>An integrand in the variable u, at the 16 points of a sample.</summary>
internal delegate void LineIntegrand(in LineSample sample, Span<double> values);

/// <summary>What an integrand over a law has to know of another law: how fine its features are, and where its mass is.</summary>
/// <param name="Scale">A length over which the other law changes little, the smallest on an interval.</param>
/// <param name="Mass">Its mass in an interval.</param>
internal sealed record Counterpart(Func<double, double, double> Scale, Func<double, double, double> Mass)
{
    /// <summary>No other law.</summary>
    public static readonly Counterpart None = new((_, _) => double.PositiveInfinity, (_, _) => 0);
}

/// <summary>
/// ∫ f du over the panels of a law, by bisection where a piece and its halves disagree most; the density inside a panel is its
/// polynomial, everything else is evaluated anew.
/// </summary>
internal sealed class LineIntegral
{
    private const int Order = Legendre.Order;
    private const int LargestBudget = 4096;
    private const int DeepestCut = 52;

    /// <summary>Share of a map's range that the last coefficients of a piece may carry.</summary>
    private const double Smooth = 1e-6;

    /// <summary>Pieces with less mass under both laws are not resolved.</summary>
    private const double Negligible = 1e-16;

    private readonly LineState.Density state;
    private readonly LineFolds? folds;
    private readonly double[] leftOf;
    private readonly double[] rightOf;
    private readonly bool decreasing;
    private readonly Counterpart other;
    private Work[]? roots;

    /// <summary>Integrals over the law <paramref name="state"/>, of integrands that also depend on another law.</summary>
    public LineIntegral(LineState.Density state, Counterpart other)
    {
        this.state = state;
        this.other = other;
        int count = state.Panels.Count;
        leftOf = new double[count + 1];
        rightOf = new double[count + 1];
        for (int p = 0; p < count; p++)
        {
            leftOf[p + 1] = leftOf[p] + PanelMass(p);
        }

        for (int p = count - 1; p >= 0; p--)
        {
            rightOf[p] = rightOf[p + 1] + PanelMass(p);
        }

        folds = LineFolds.Of(state, leftOf);
        decreasing = folds is null && state.Slope is not null && Array.Exists(state.Slope, s => s < 0);
    }

    /// <summary>Whether S is not monotone.</summary>
    public bool IsFolded => folds is not null;

    /// <summary>ln q(x) and x = S(u), where U has density <paramref name="density"/> at u.</summary>
    public (double LogState, double Image) LogStateAt(double u, double density)
    {
        if (state.Chain.IsEmpty)
        {
            return (Math.Log(Math.Max(0, density)), u);
        }

        MapValue value = state.Follow(u);
        return (folds is null ? Math.Log(Math.Max(0, density)) - Math.Log(Math.Abs(value.Slope)) : folds.At(value.Value).LogDensity, value.Value);
    }

    /// <summary>The intervals that S maps the panels to: outside them the state has no mass that is not negligible.</summary>
    public List<(double From, double To)> Support()
    {
        var images = new List<(double From, double To)>();
        if (folds is not null)
        {
            images.AddRange(folds.Images);
        }
        else
        {
            foreach (Work root in Roots)
            {
                double a = state.Follow(root.From).Value;
                double b = state.Follow(root.To).Value;
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

    /// <summary>
    /// The integral and a bound of its quadrature error. The piece with the largest error is bisected next, until the errors
    /// together are small enough; a piece whose error is at its rounding is left alone, and so is everything once the budget of
    /// bisections is spent: what remains is in the error, so that rounding noise widens a bracket and never hangs a run.
    /// </summary>
    /// <param name="integrand">f.</param>
    /// <param name="tolerance">Relative to ∫|f|.</param>
    /// <param name="absolute">Errors below this never matter.</param>
    public (double Value, double Error) Of(LineIntegrand integrand, double tolerance, double absolute)
    {
        var waiting = new PriorityQueue<Piece, double>();
        var done = new List<Piece>();
        double size = 0;
        double error = 0;
        foreach (Work root in Roots)
        {
            double whole = Sum(root, integrand, out double magnitude);
            size += magnitude;
            Piece piece = Halve(root, whole, integrand);
            error += piece.Difference;
            waiting.Enqueue(piece, -piece.Difference);
        }

        double allowed = Math.Max(absolute, tolerance * size);
        for (int splits = 0; splits < LargestBudget && error > allowed && waiting.Count > 0;)
        {
            Piece worst = waiting.Dequeue();
            if (!worst.CanBeSplit)
            {
                done.Add(worst);
                continue;
            }

            splits++;
            Piece left = Halve(worst.Left, worst.First, integrand);
            Piece right = Halve(worst.Right, worst.Second, integrand);
            error += left.Difference + right.Difference - worst.Difference;
            waiting.Enqueue(left, -left.Difference);
            waiting.Enqueue(right, -right.Difference);
        }

        done.AddRange(waiting.UnorderedItems.Select(item => item.Element));
        return (done.Sum(piece => piece.First + piece.Second), done.Sum(piece => piece.Difference));
    }

    /// <summary>A piece by its two halves; its error is estimated by what halving changed.</summary>
    private sealed record Piece(Work Left, Work Right, double First, double Second, double Difference, double Magnitude)
    {
        /// <summary>Bisecting helps only above the rounding of the sums, and where there are numbers between the ends.</summary>
        public bool CanBeSplit =>
            double.IsFinite(Difference)
            && Difference > 8e-16 * Magnitude
            && Left.To > Left.From
            && Right.To > Right.From;
    }

    /// <summary>Scratch for one piece.</summary>
    private sealed class Work
    {
        public double From;
        public double To;
        public double Left;
        public double Right;
        public readonly double[] Density = new double[Order];
        public readonly double[] Image = new double[Order];
        public readonly double[] Slope = new double[Order];
    }

    /// <summary>
    /// The panels, cut until 16 points see everything that an integrand may depend on: the map S, which may squeeze a jump between
    /// two points of a panel, and the features of the other law. What cannot be cut further because there are no numbers
    /// between is a jump of S, and left out: no mass starts there.
    /// </summary>
    private Work[] Roots => roots ??= Resolved();

    private Work[] Resolved()
    {
        var found = new List<Work>();
        for (int p = 0; p < state.Panels.Count; p++)
        {
            var root = new Work();
            Root(p, root);
            Resolve(root, found, 0);
        }

        return [.. found];
    }

    private void Resolve(Work work, List<Work> found, int depth)
    {
        double low = work.Image.Min();
        double high = work.Image.Max();
        bool mapped = state.Chain.IsEmpty || Legendre.Tail(work.Image) <= (Smooth * (high - low)) + (1e-15 * Math.Max(Math.Abs(low), Math.Abs(high)));
        if (mapped && high - low <= other.Scale(low, high))
        {
            found.Add(work);
            return;
        }

        bool matters = Mass(work) > Negligible || EndsMass(work) > Negligible;
        double middle = 0.5 * (work.From + work.To);
        bool divisible = middle > work.From && middle < work.To && work.To - work.From > 4e-16 * Math.Max(Math.Abs(work.From), Math.Abs(work.To));
        if (matters && divisible && depth < DeepestCut)
        {
            (Work left, Work right) = Halves(work);
            Resolve(left, found, depth + 1);
            Resolve(right, found, depth + 1);
        }
        else if (mapped || !matters)
        {
            found.Add(work);
        }
    }

    /// <summary>Mass of the other law between the images of the ends.</summary>
    private double EndsMass(Work work)
    {
        double a = state.Chain.IsEmpty ? work.From : state.Follow(work.From).Value;
        double b = state.Chain.IsEmpty ? work.To : state.Follow(work.To).Value;
        return other.Mass(Math.Min(a, b), Math.Max(a, b));
    }

    private double PanelMass(int p)
    {
        double mass = 0;
        for (int i = p * Order; i < (p + 1) * Order; i++)
        {
            mass += state.Values[i] * state.Panels.Weights[i];
        }

        return mass;
    }

    private void Root(int p, Work work)
    {
        work.From = state.Panels.From[p];
        work.To = state.Panels.To[p];
        work.Left = leftOf[p];
        work.Right = rightOf[p + 1];
        state.Values.AsSpan(p * Order, Order).CopyTo(work.Density);
        state.Image.AsSpan(p * Order, Order).CopyTo(work.Image);
        if (state.Slope is null)
        {
            Array.Fill(work.Slope, 1);
        }
        else
        {
            state.Slope.AsSpan(p * Order, Order).CopyTo(work.Slope);
        }
    }

    private double Sum(Work work, LineIntegrand integrand, out double magnitude)
    {
        Span<double> below = stackalloc double[Order];
        Span<double> above = stackalloc double[Order];
        Span<double> logState = stackalloc double[Order];
        Span<double> values = stackalloc double[Order];
        double half = 0.5 * (work.To - work.From);
        double mass = Mass(work);
        Legendre.Multiply(Legendre.Cumulative, work.Density, below);
        for (int i = 0; i < Order; i++)
        {
            double inside = half * below[i];
            (double left, double right) = (work.Left + inside, work.Right + (mass - inside));
            (below[i], above[i]) = decreasing ? (right, left) : (left, right);
            logState[i] = Math.Log(Math.Max(work.Density[i], 0)) - Math.Log(Math.Abs(work.Slope[i]));
            if (folds is not null)
            {
                (logState[i], below[i], above[i]) = folds.At(work.Image[i]);
            }
        }

        integrand(
            new LineSample
            {
                Density = work.Density,
                Image = work.Image,
                Slope = work.Slope,
                LogState = logState,
                Below = below,
                Above = above,
            },
            values);
        double sum = 0;
        magnitude = 0;
        for (int i = 0; i < Order; i++)
        {
            sum += Legendre.Weights[i] * values[i];
            magnitude += Legendre.Weights[i] * Math.Abs(values[i]);
        }

        magnitude *= half;
        return half * sum;
    }

    private static double Mass(Work work)
    {
        double mass = 0;
        for (int i = 0; i < Order; i++)
        {
            mass += Legendre.Weights[i] * work.Density[i];
        }

        return 0.5 * (work.To - work.From) * mass;
    }

    private Piece Halve(Work work, double whole, LineIntegrand integrand)
    {
        (Work left, Work right) = Halves(work);
        double first = Sum(left, integrand, out double firstSize);
        double second = Sum(right, integrand, out double secondSize);
        return new(left, right, first, second, Math.Abs(whole - first - second), firstSize + secondSize);
    }

    private (Work Left, Work Right) Halves(Work work)
    {
        double middle = 0.5 * (work.From + work.To);
        Work left = new();
        Work right = new();
        Part(work, work.From, middle, Legendre.Left, left);
        Part(work, middle, work.To, Legendre.Right, right);
        left.Left = work.Left;
        left.Right = work.Right + Mass(right);
        right.Left = work.Left + Mass(left);
        right.Right = work.Right;
        return (left, right);
    }

    private void Part(Work whole, double from, double to, double[] interpolation, Work part)
    {
        part.From = from;
        part.To = to;
        Legendre.Multiply(interpolation, whole.Density, part.Density);
        PanelSet.Place(from, to, part.Image);
        if (state.Chain.IsEmpty)
        {
            Array.Fill(part.Slope, 1);
            return;
        }

        for (int i = 0; i < Order; i++)
        {
            MapValue value = state.Follow(part.Image[i]);
            part.Image[i] = value.Value;
            part.Slope[i] = value.Slope;
        }
    }
}
