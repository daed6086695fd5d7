namespace Sgm.Engine;

/// <summary>
/// W2² = ∫ ρ(u)·(S(u) − T(u))² du with the monotone coupling T(u) = F_p⁻¹(F_q(S(u))), where S is monotone. Masses are counted as
/// <see cref="MassLevel"/>, so that far modes exchange no mass by rounding. Both S and T are monotone, so a piece whose 16 points
/// do not foretell T at its ends (T jumps over a gap of p) is bracketed by what the ends allow; the others by halving. An error of
/// F_q moves T by no more than s(u), and W2 by no more than the root of ∫ρ·s² (Minkowski).
/// </summary>
internal sealed class LineTransport
{
    private const int Order = Legendre.Order;
    private const int LargestBudget = 4096;

    /// <summary>
    /// Bisections after which the error must have halved: one that comes from the masses, between far modes, is the same in the parts.
    /// </summary>
    private const int SmallestRound = 64;

    private readonly LinePieces pieces;
    private readonly ScalarMixture target;
    private readonly ScalarDistribution distribution;
    private readonly ScalarDistribution? own;
    private readonly double relative;

    /// <summary>The coupling of a law with <paramref name="target"/>.</summary>
    /// <param name="pieces">The law.</param>
    /// <param name="target">p.</param>
    /// <param name="relative">Relative error of the masses of q.</param>
    public LineTransport(LinePieces pieces, ScalarMixture target, double relative)
    {
        this.pieces = pieces;
        this.target = target;
        this.relative = relative;
        distribution = target.Distribution;
        own = pieces.State.Exact is { } exact && pieces.Folds is null ? exact.Distribution : null;
    }

    /// <summary>One piece: its integral, the bracket's half-width, how far 16 points miss T at the ends, and ∫ρ·s².</summary>
    private sealed record Part(LinePiece Piece, double Sum, double Unresolved, double Missed, double Moved, double Spread, double Size)
    {
        /// <summary>Whether 16 points see all of T.</summary>
        public bool Resolved => Unresolved == 0;
    }

    /// <summary>A piece by its halves.</summary>
    private sealed record Pair(Part First, Part Second, double Error)
    {
        public double Priority => Error + First.Spread + Second.Spread;
    }

    /// <summary>W2.</summary>
    public Measured W2(double tolerance)
    {
        var waiting = new PriorityQueue<Pair, double>();
        var done = new List<Pair>();
        double size = 0;
        double error = 0;
        int begun = 0;
        long before = pieces.Work.Spent;
        foreach (LinePiece root in pieces.Roots)
        {
            if (++begun == LineIntegral.Trial)
            {
                pieces.Work.Foresee((double)(pieces.Work.Spent - before) / begun * (pieces.Roots.Length - begun));
            }

            Pair pair = Halved(Assess(root));
            size += pair.First.Sum + pair.Second.Sum;
            error += pair.Priority;
            waiting.Enqueue(pair, -pair.Priority);
        }

        double places = 2e-16 * Math.Sqrt(waiting.UnorderedItems.Sum(item => item.Element.First.Size + item.Element.Second.Size));
        bool Suffices() => error <= Math.Max(tolerance * size, places * places);
        int round = Math.Max(SmallestRound, waiting.Count);
        double earlier = error;
        for (int i = 1; i <= LargestBudget && waiting.Count > 0 && !Suffices() && !pieces.Work.IsShort; i++)
        {
            if (i % round == 0)
            {
                if (error > 0.5 * earlier)
                {
                    break;
                }

                earlier = error;
            }

            Pair worst = waiting.Dequeue();
            double sum = worst.First.Sum + worst.Second.Sum;
            double middle = worst.First.Piece.To;
            bool divisible = middle > worst.First.Piece.From && middle < worst.Second.Piece.To;
            if (!divisible || worst.Priority <= 8e-16 * sum)
            {
                done.Add(worst);
                continue;
            }

            Pair first = Halved(worst.First);
            Pair second = Halved(worst.Second);
            size += first.First.Sum + first.Second.Sum + second.First.Sum + second.Second.Sum - sum;
            error += first.Priority + second.Priority - worst.Priority;
            waiting.Enqueue(first, -first.Priority);
            waiting.Enqueue(second, -second.Priority);
        }

        done.AddRange(waiting.UnorderedItems.Select(item => item.Element));
        double square = done.Sum(p => p.First.Sum + p.Second.Sum);
        double wrong = done.Sum(p => p.Error);
        double moved = Math.Sqrt(done.Sum(p => p.First.Moved + p.Second.Moved));
        double value = Math.Sqrt(square);
        double quadrature = value > 0 ? Math.Min(Math.Sqrt(wrong), wrong / value) : Math.Sqrt(wrong);
        return new(value, quadrature + moved + places + (relative * value));
    }

    private Pair Halved(Part whole)
    {
        (LinePiece left, LinePiece right) = pieces.Halves(whole.Piece);
        Part first = Assess(left);
        Part second = Assess(right);
        double apart = first.Resolved && second.Resolved ? Math.Abs(whole.Sum - first.Sum - second.Sum) : 0;
        double error = first.Unresolved + second.Unresolved + Math.Max(apart, first.Missed + second.Missed);
        return new(first, second, error);
    }

    private Part Assess(LinePiece piece)
    {
        Span<double> below = stackalloc double[Order];
        Span<double> nodes = stackalloc double[Order];
        Span<double> images = stackalloc double[Order];
        PanelSet.Place(piece.From, piece.To, nodes);
        Legendre.Multiply(Legendre.Cumulative, piece.Density, below);
        double half = 0.5 * (piece.To - piece.From);
        double mass = piece.Mass;

        // T at the ends; unknown (NaN) at the end of all panels, where the mass beyond is not known.
        (double from, double to) = (pieces.ImageOf(piece.From), pieces.ImageOf(piece.To));
        (double start, double startError) = AtEnd(LevelAt(piece.From, from, piece.Left, piece.Right + mass));
        (double stop, double stopError) = AtEnd(LevelAt(piece.To, to, piece.Left + mass, piece.Right));
        (double low, double high) = to < from ? (stop, start) : (start, stop);
        double sum = 0;
        double moved = 0;
        double size = 0;
        double widest = 0;
        (double least, double most) = (Least(startError, stopError), Most(startError, stopError));
        for (int i = 0; i < Order; i++)
        {
            double inside = half * below[i];
            MassLevel level = LevelAt(nodes[i], piece.Image[i], piece.Left + inside, piece.Right + (mass - inside));
            (images[i], double error) = Coupled(level, low, high);
            double share = half * Legendre.Weights[i] * Math.Max(0, piece.Density[i]);
            double distance = piece.Image[i] - images[i];
            sum += share * distance * distance;
            widest = Math.Max(widest, Math.Abs(distance));
            moved += share * error * error;
            size += share * ((piece.Image[i] * piece.Image[i]) + (images[i] * images[i]));
            (least, most) = (Math.Min(least, error), Math.Max(most, error));
        }

        // An error that jumps is counted at its largest until the piece is divided where it does.
        double spread = most > 4 * least ? Math.Max(0, mass) * most * most : 0;
        moved = Math.Max(moved, spread);
        double foretold = Most(Math.Abs(Legendre.AtEnd(images, right: false) - start), Math.Abs(Legendre.AtEnd(images, right: true) - stop));
        (low, high) = (Least(Least(low, high), Least(images[0], images[^1])), Most(Most(low, high), Most(images[0], images[^1])));
        double scale = (high - low) + Math.Abs(to - from);
        double rounding = 1e-13 * Math.Max(Math.Abs(low), Math.Abs(high));
        double unresolved = 0;

        // Halves may agree by chance; where the polynomial through T misses its ends, its square may be as wrong as that.
        double missed = Math.Max(0, foretold - rounding - (16 * most));
        missed *= Math.Max(0, mass) * (missed + (2 * widest));
        if (foretold > (0.02 * scale) + rounding + (16 * most))
        {
            double near = Math.Min(from, to) - high;
            double far = Math.Max(from, to) - low;
            double largest = Math.Max(near * near, far * far);
            double smallest = near <= 0 && far >= 0 ? 0 : Math.Min(near * near, far * far);
            unresolved = Math.Max(double.Epsilon, Math.Max(0, mass) * (largest - smallest));
        }

        return new(piece, sum, unresolved, unresolved > 0 || double.IsNaN(missed) ? 0 : missed, moved, spread, size);
    }

    private static double Least(double a, double b) => double.IsNaN(a) || b < a ? b : a;

    private static double Most(double a, double b) => double.IsNaN(a) || b > a ? b : a;

    private (double Image, double Error) AtEnd(in MassLevel level) =>
        level.Rest == 0 && own is null ? (double.NaN, double.NaN) : Coupled(level, double.NaN, double.NaN);

    /// <summary>F_q at x = S(u), where U has the masses <paramref name="left"/> and <paramref name="right"/> of u.</summary>
    private MassLevel LevelAt(double u, double x, double left, double right)
    {
        if (pieces.Folds is { } folds)
        {
            (_, double below, double above) = folds.At(x, u);
            return below <= above ? new(DoubleDouble.Zero, below) : new(DoubleDouble.One, -above);
        }

        MassLevel level = own?.At(u) ?? (left <= right ? new(DoubleDouble.Zero, left) : new(DoubleDouble.One, -right));
        return pieces.Decreasing ? level.Complement : level;
    }

    /// <summary>T, and how far the error of the level may move it.</summary>
    private (double Image, double Error) Coupled(in MassLevel level, double low, double high)
    {
        pieces.Work.Spend(12 * distribution.Cost);
        double image = distribution.Quantile(level, low, high, double.NaN);
        double rest = Math.Abs(level.Rest);
        double wrong = (target.TailRounding * rest) + (own is null ? relative * rest : 0);

        // In logarithms: where hardly any mass is left, 1/p may be beyond the doubles and its error below them.
        double step = (2 * Math.Exp(Math.Log(wrong) - target.LogDensity(image))) + (4e-16 * Math.Abs(image));
        if (rest == 0 || (distribution.At(image + step).Minus(level) >= wrong && distribution.At(image - step).Minus(level) <= -wrong))
        {
            return (image, step);
        }

        double up = distribution.Quantile(level with { Rest = level.Rest + wrong }, image, double.NaN, double.NaN);
        double down = distribution.Quantile(level with { Rest = level.Rest - wrong }, double.NaN, image, double.NaN);
        return (image, Math.Max(up - image, image - down));
    }
}
