namespace Sgm.Engine;

/// <summary>
/// Total variation of a law q on the line from another one p. For every partition of the line
/// TV ≥ ½·Σ |ΔQ − ΔP|, with equality when q − p changes its sign at no other place than a division; and a cell in which it may
/// change adds at most min(ΔQ, ΔP), or ½·ΔQ·(e^G − 1) where |ln(q/p)| ≤ G. So only the places of the sign changes are looked for, and
/// what is not known of them is in the bracket. The sign of g = ln(q/p) is certain in a cell where the first of its 16 Legendre
/// coefficients outweighs all others, their truncation, the rounding, and what the ends of the cell show beside them; the truncation
/// is sixteen times the last two coefficients, the only estimate here that is not a bound.
/// Where S is monotone a cell is an interval of u, else one of x: there no sign is certain before no branch ends inside.
/// </summary>
internal sealed class LineVariation
{
    private const int Order = Legendre.Order;
    private const int LargestBudget = 1 << 15;

    /// <summary>Uncertainty that is not worth a further division.</summary>
    private const double Enough = 1e-15;

    private readonly LinePieces pieces;
    private readonly Counterpart other;

    /// <summary>Where branches of a folded law end, ascending: between two of them the same ones cover every x.</summary>
    private readonly double[] ends;

    private LineVariation(LinePieces pieces, Counterpart other)
    {
        this.pieces = pieces;
        this.other = other;
        ends = pieces.Folds is { } folds ? [.. folds.Images.SelectMany(b => new[] { b.From, b.To }).Distinct().Order()] : [];
    }

    /// <summary>A cell: Sign of q − p, or 0 with the Gap by which ½∫|q − p| may exceed ½|ΔQ − ΔP|.</summary>
    private readonly record struct Cell(double From, double To, int Sign, double Gap);

    /// <summary>The middle of the bracket, and half its width.</summary>
    public static Measured Of(LinePieces pieces, Counterpart other)
    {
        var variation = new LineVariation(pieces, other);
        List<Cell> cells = variation.Divided(pieces.Folds is null ? variation.Panels() : [variation.Assess(variation.ends[0], variation.ends[^1])]);
        (double lower, double gap) = variation.Sum(cells);
        double upper = Math.Min(1, lower + gap);
        lower = Math.Min(lower, upper);
        return new(0.5 * (lower + upper), (0.5 * (upper - lower)) + 4e-15);
    }

    private List<Cell> Panels() => [.. pieces.Roots.Select(root => Assess(root.From, root.To))];

    /// <summary>Divides the most uncertain cell, again and again.</summary>
    private List<Cell> Divided(List<Cell> cells)
    {
        var certain = new List<Cell>();
        var waiting = new PriorityQueue<Cell, double>();
        double gap = 0;
        void Sort(Cell cell)
        {
            if (cell.Gap > 0)
            {
                gap += cell.Gap;
                waiting.Enqueue(cell, -cell.Gap);
            }
            else
            {
                certain.Add(cell);
            }
        }

        cells.ForEach(Sort);
        for (int i = 0; i < LargestBudget && waiting.Count > 0 && gap > Enough && !IsShort; i++)
        {
            Cell cell = waiting.Dequeue();
            double middle = DivisionOf(cell.From, cell.To) ?? (0.5 * (cell.From + cell.To));
            if (!(middle > cell.From && middle < cell.To))
            {
                certain.Add(cell);
                continue;
            }

            gap -= cell.Gap;
            Sort(Assess(cell.From, middle));
            Sort(Assess(middle, cell.To));
        }

        certain.AddRange(waiting.UnorderedItems.Select(item => item.Element));
        certain.Sort((a, b) => a.From.CompareTo(b.From));
        return certain;
    }

    /// <summary>The middle one of the ends of branches inside an interval.</summary>
    private double? DivisionOf(double from, double to)
    {
        int first = Array.BinarySearch(ends, from);
        first = first < 0 ? ~first : first + 1;
        int last = Array.BinarySearch(ends, to);
        last = last < 0 ? ~last : last;
        return last > first ? ends[(first + last) / 2] : null;
    }

    private bool IsShort => pieces.Folds is null ? pieces.Work.IsShort : pieces.Work.IsShortForFolds;

    private Cell Assess(double from, double to)
    {
        if (pieces.Folds is not null && (DivisionOf(from, to) is not null || to - from > other.Scale(from, to)))
        {
            pieces.Work.Spend(other.Cost);
            return new(from, to, 0, Math.Min(MassOf(from, to), other.Mass(from, to)));
        }

        Span<double> nodes = stackalloc double[Order];
        Span<double> values = stackalloc double[Order];
        PanelSet.Place(from, to, nodes);
        double rounding = 0;
        for (int i = 0; i < Order; i++)
        {
            (values[i], double own) = LogRatio(nodes[i]);
            rounding = Math.Max(rounding, own);
        }

        (double left, double leftRounding) = LogRatio(from);
        (double right, double rightRounding) = LogRatio(to);
        rounding = Math.Max(rounding, Math.Max(leftRounding, rightRounding));
        double first = 0;
        double others = 0;
        double atLeft = 0;
        double atRight = 0;
        double tail = 0;
        for (int n = 0; n < Order; n++)
        {
            double coefficient = Legendre.Coefficient(n, values);
            first = n == 0 ? coefficient : first;
            others += n == 0 ? 0 : Math.Abs(coefficient);
            tail += n >= Order - 2 ? Math.Abs(coefficient) : 0;
            atRight += coefficient;
            atLeft += (n & 1) == 0 ? coefficient : -coefficient;
        }

        double unknown = (16 * tail) + (4 * Math.Max(Math.Abs(left - atLeft), Math.Abs(right - atRight))) + rounding;
        if (Math.Abs(first) > others + unknown)
        {
            return new(from, to, Math.Sign(first), 0);
        }

        double mass = MassOf(from, to);
        double largest = Math.Abs(first) + others + unknown;
        double gap = largest < 1 ? 0.5 * mass * RealFunctions.ExpM1(largest) : double.PositiveInfinity;
        if (!(gap < Enough / 64))
        {
            (double a, double b) = Images(from, to);
            pieces.Work.Spend(other.Cost);
            gap = Math.Min(double.IsNaN(gap) ? double.PositiveInfinity : gap, Math.Min(mass, other.Mass(a, b)));
        }

        return new(from, to, 0, Math.Max(gap, double.Epsilon));
    }

    /// <summary>ln(q/p) with a bound of its rounding.</summary>
    private (double Value, double Rounding) LogRatio(double at)
    {
        pieces.Work.Spend(other.Cost);
        double x = at;
        double log;
        if (pieces.Folds is { } folds)
        {
            log = folds.At(x).LogDensity;
        }
        else
        {
            (log, x) = pieces.LogStateAt(at, pieces.State.DensityAt(at));
        }

        double target = other.LogDensity(x);
        return (log - target, 1e-15 * (1 + Math.Abs(log) + Math.Abs(target)));
    }

    private double MassOf(double from, double to) =>
        pieces.Folds is { } folds ? Math.Max(0, folds.MassBetween(from, to))
        : Math.Max(0, pieces.State.Exact is { } exact ? exact.Between(from, to) : pieces.Masses.Between(from, to));

    private (double From, double To) Images(double from, double to)
    {
        if (pieces.Folds is not null)
        {
            return (from, to);
        }

        double a = pieces.ImageOf(from);
        double b = pieces.ImageOf(to);
        return a < b ? (a, b) : (b, a);
    }

    /// <summary>½·Σ |ΔQ − ΔP| over runs of one sign, and the sum of the gaps. Beyond the cells and between them there is no q.</summary>
    private (double Lower, double Gap) Sum(List<Cell> cells)
    {
        var placed = new List<(double From, double To, Cell Cell)>();
        foreach (Cell cell in cells)
        {
            (double a, double b) = Images(cell.From, cell.To);
            placed.Add((a, b, cell));
        }

        placed.Sort((a, b) => a.From != b.From ? a.From.CompareTo(b.From) : a.To.CompareTo(b.To));
        double lower = 0;
        double gap = 0;
        double start = double.NegativeInfinity;
        double end = double.NegativeInfinity;
        var run = new List<Cell>();
        int sign = -1;
        void Close(double at)
        {
            at = Math.Max(at, start);
            pieces.Work.Spend(other.Cost);
            lower += 0.5 * Math.Abs(MassOf(run) - (at > start ? other.Mass(start, at) : 0));
            start = at;
            run.Clear();
        }

        foreach ((double from, double to, Cell cell) in placed)
        {
            if (from > end && sign != -1)
            {
                Close(end);
                sign = -1;
            }

            if (cell.Sign != sign || cell.Sign == 0)
            {
                Close(from);
                sign = cell.Sign;
            }

            run.Add(cell);
            gap += cell.Gap;
            end = Math.Max(end, to);
        }

        if (sign != -1)
        {
            Close(end);
        }

        Close(double.PositiveInfinity);
        return (lower, gap);
    }

    private double MassOf(List<Cell> run) =>
        run.Count == 0 ? 0
        : pieces.State.Exact is not null && pieces.Folds is null ? MassOf(run.Min(c => c.From), run.Max(c => c.To))
        : run.Sum(c => MassOf(c.From, c.To));
}
