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
}

/// <summary>An integrand in the variable u, at the 16 points of a sample.</summary>
internal delegate void LineIntegrand(in LineSample sample, Span<double> values);

/// <summary>
/// ∫ f du over the panels of a law, by bisection where a piece and its halves disagree most; the density inside a panel is its
/// polynomial, everything else is evaluated anew.
/// </summary>
internal sealed class LineIntegral(LinePieces pieces)
{
    private const int Order = Legendre.Order;
    private const int LargestBudget = 4096;

    /// <summary>So many pieces foretell what the others cost.</summary>
    public const int Trial = 64;

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
        int begun = 0;
        long before = pieces.Work.Spent;
        foreach (LinePiece root in pieces.Roots)
        {
            if (++begun == Trial)
            {
                pieces.Work.Foresee((double)(pieces.Work.Spent - before) / Trial * (pieces.Roots.Length - Trial));
            }

            double whole = Sum(root, integrand, out double magnitude);
            size += magnitude;
            Piece piece = Halve(root, whole, integrand);
            error += piece.Difference;
            waiting.Enqueue(piece, -piece.Difference);
        }

        double allowed = Math.Max(absolute, tolerance * size);
        for (int splits = 0; splits < LargestBudget && error > allowed && waiting.Count > 0 && !pieces.Work.IsShort;)
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
        return (done.Sum(piece => piece.First + piece.Second), done.Sum(piece => piece.Difference + piece.Rounding));
    }

    /// <summary>A piece by its two halves; its error is estimated by what halving changed.</summary>
    private sealed record Piece(LinePiece Left, LinePiece Right, double First, double Second, double Difference, double Magnitude)
    {
        /// <summary>Bisecting helps only above the rounding of the sums, and where there are numbers between the ends.</summary>
        public bool CanBeSplit =>
            double.IsFinite(Difference)
            && Difference > 8e-16 * Magnitude
            && Left.To > Left.From
            && Right.To > Right.From;

        /// <summary>
        /// What the rounding of the points themselves changes: f moves by itself over a few thousandths of a piece that 16 points
        /// resolve.
        /// </summary>
        public double Rounding => Magnitude * 1e-14 * Math.Max(Math.Abs(Left.From), Math.Abs(Right.To)) / (Right.To - Left.From);
    }

    private double Sum(LinePiece piece, LineIntegrand integrand, out double magnitude)
    {
        Span<double> logState = stackalloc double[Order];
        Span<double> values = stackalloc double[Order];
        double half = 0.5 * (piece.To - piece.From);
        pieces.Work.Spend(Order * pieces.Cost);
        for (int i = 0; i < Order; i++)
        {
            logState[i] = pieces.Folds is { } folds
                ? folds.At(piece.Image[i]).LogDensity
                : Math.Log(Math.Max(piece.Density[i], 0)) - Math.Log(Math.Abs(piece.Slope[i]));
        }

        integrand(
            new LineSample
            {
                Density = piece.Density,
                Image = piece.Image,
                Slope = piece.Slope,
                LogState = logState,
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

    private Piece Halve(LinePiece piece, double whole, LineIntegrand integrand)
    {
        (LinePiece left, LinePiece right) = pieces.Halves(piece);
        double first = Sum(left, integrand, out double firstSize);
        double second = Sum(right, integrand, out double secondSize);
        return new(left, right, first, second, Math.Abs(whole - first - second), firstSize + secondSize);
    }
}
