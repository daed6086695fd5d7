namespace Sgm.Engine;

/// <summary>
/// The joint law of two coordinates at one resolution, row by row: Σ_n mass_n·N(a; centre_n, C²) where b is the
/// row's. A draw sums every row, or every line on which a label is constant, by the trapezoid rule on an even lattice
/// of b or of the label: in the coordinates that
/// <see cref="JointForms"/> chose the places of the next sum are nodes of this one, and nothing is interpolated.
/// </summary>
internal sealed partial class JointLine
{
    // Sums keep more than what is dropped by this much, in the logarithm of the mass.
    private const double Margin = GridResolution.Margin;
    private const double Depth = 2 * Math.PI * Math.PI;

    // 2π, and what is left of the way to a pole before a kernel with its map is large there.
    private const double Strip = 0.75 * 2 * Math.PI;

    // Beyond this many times its lattice a row would be coarser than what is asked for only by rounding.
    private const double Slack = 1 + 1e-9;

    // Cells with less than this share of the largest mass say nothing of how rough the law becomes: between modes
    // maps only stretch it.
    private const double Likely = 1e-4;
    private readonly LineState.Density? source;
    private readonly double rowSpacing;
    private readonly double[] rows;
    private readonly long[] numbers;
    private readonly JointRow[] sums;
    private readonly double deviation;
    private readonly JointSpread smooth;
    private readonly JointSpread tails;

    private JointLine(
        LineState.Density? source,
        double rowSpacing,
        double[] rows,
        long[] numbers,
        JointRow[] sums,
        double deviation,
        JointSpread smooth,
        JointSpread tails)
    {
        (this.source, this.rowSpacing, this.rows, this.numbers, this.sums) = (source, rowSpacing, rows, numbers, sums);
        (this.deviation, this.smooth, this.tails) = (deviation, smooth, tails);
    }

    private bool IsPoint => source is null && deviation == 0;

    private double Defect { get; init; }

    private double Rounding { get; init; }

    private double Lost { get; init; }

    private long Steps { get; init; }

    private bool TailsAreBounds { get; init; }

    /// <summary>Nodes that it holds.</summary>
    public long Nodes => source?.Values.Length ?? sums.Sum(row => (long)row.Masses.Length);

    /// <summary>A state that nothing is kept of.</summary>
    /// <param name="state">Its law.</param>
    public static JointLine Of(LineState state)
    {
        if (state is not LineState.Density density) return new(null, 0, [0], [0], [new([], [], 0, 0)], 0, default, default);

        // The last noise: with it the transform falls.
        double smoothness = density.Origin?.Sum.Deviation ?? density.Smoothness;
        double tail = Math.Max(density.Tails.Left, density.Tails.Right);
        return new(density, 0, [0], [0], [new([], [], 0, 0)], smoothness, new(smoothness * smoothness, 0, 0), new(tail * tail, 0, 0))
        {
            Defect = density.Defect,
            Rounding = density.Rounding,
            Lost = density.Lost,
            Steps = density.Steps,
            TailsAreBounds = density.Tails.AreBounds || density.Tails.Left != density.Tails.Right,
        };
    }

    /// <summary>The law after a draw; null with the reason where there is none.</summary>
    /// <param name="draw">The new coordinate.</param>
    /// <param name="next">The one after it, as far as it is known: what is kept is resolved for it.</param>
    /// <param name="values">Evaluates forms.</param>
    /// <param name="resolution">What is dropped.</param>
    /// <param name="digits">−ln of the relative error of the sums.</param>
    /// <param name="work">What it may take.</param>
    public (JointLine? Law, StepFailure Failure) After(
        JointDraw draw, JointDraw? next, JointValues values, GridResolution resolution, double digits, WorkLimit work)
    {
        double logRange = resolution.LogRange + Margin;
        List<Cell> cells = Cells(work);
        bool keepsRows = IsExactLabel(draw) && draw.Label!.Reads(draw.Second);
        (double spacing, double labels, JointSpread after) = Needs(cells, draw, next, values, digits);
        if (!(spacing > 0 && labels > 0)) return (null, StepFailure.TooLarge);
        int finer = keepsRows ? (int)Math.Ceiling(rowSpacing / (spacing * Slack)) : 1;
        int stride = keepsRows ? Math.Max(1, (int)Math.Floor(spacing * Slack / rowSpacing)) : 1;
        double unit = keepsRows ? rowSpacing / finer : spacing;
        if (Places(draw, unit, values, work) is not { } places) return (null, StepFailure.TooDense);
        var gathered = new Gathered(this, draw, places, values, finer, stride, labels);
        if (gathered.Fill(logRange, work) is not { } dropped) return (null, StepFailure.TooDense);
        double apart = draw.Kept switch
        {
            JointKept.Nothing => 0,
            JointKept.Second => rowSpacing,
            _ => draw.LabelDeviation > 0 ? labels : unit * stride,
        };
        (double[] seconds, long[] own, (double[] Centres, double[] Masses)[] found) = gathered.Rows(apart);
        if (found.Length == 0) return (null, StepFailure.TooLarge);
        double mass = 0, mean = 0, square = 0, side = 0, sideSquare = 0;
        for (int row = 0; row < found.Length; row++)
        {
            (double[] centres, double[] masses) = found[row];
            for (int n = 0; n < masses.Length; n++)
            {
                if (!(Math.Abs(centres[n]) <= 1e150)) return (null, StepFailure.Diverged);
                (mass, mean, square) = (mass + masses[n], mean + (masses[n] * centres[n]), square + (masses[n] * centres[n] * centres[n]));
                (side, sideSquare) = (side + (masses[n] * seconds[row]), sideSquare + (masses[n] * seconds[row] * seconds[row]));
            }
        }

        if (!(mass > 0.5 && mass < 2)) return (null, StepFailure.TooLarge);
        foreach ((_, double[] masses) in found)
        {
            for (int n = 0; n < masses.Length; n++)
            {
                masses[n] /= mass;
            }
        }

        (double, double) label = draw.Kept switch
        {
            JointKept.Label => values.Far(draw.Label!, draw),
            JointKept.Second => (0, 1),
            _ => (0, 0),
        };
        after = after.Within(square - (mean * mean) + (draw.Deviation * draw.Deviation), sideSquare - (side * side));
        JointRow[] sorted = [.. found.Select(row => new JointRow(row.Centres, row.Masses, draw.Deviation, logRange))];
        JointSpread far = tails.After(values.Far(draw.Mean, draw), label, draw.Deviation, draw.LabelDeviation);
        return (new(null, apart, seconds, own, sorted, draw.Deviation, after, far)
        {
            Defect = Defect + Math.Abs(1 - mass),
            Rounding = Rounding + 1e-15 + (4 * draw.Rounding * Math.Sqrt(square) / draw.Deviation),
            Lost = Lost + (dropped * square),
            Steps = Steps + 1,
            TailsAreBounds = TailsAreBounds,
        }, StepFailure.None);
    }

    // A label without noise, whose lattice a has to follow.
    private static bool IsExactLabel(JointDraw draw) => draw.Kept == JointKept.Label && draw.LabelDeviation == 0;

    // Where a row reaches.
    private (double From, double To) Hull(int row) =>
        IsPoint ? (0, 0) : source is not null ? (source.Panels.From[0], source.Panels.To[^1]) : (sums[row].From, sums[row].To);

    private (double From, double To) Hull() =>
        Enumerable.Range(0, sums.Length).Select(Hull).Aggregate((a, b) => (Math.Min(a.From, b.From), Math.Max(a.To, b.To)));

    // Places of a, padded, with their numbers on the lattice and what of the line belongs to each; null where there
    // are too many.
    private (double[] At, long[] Numbers, double[] Widths, int Count)? Places(
        JointDraw draw, double unit, JointValues values, WorkLimit work)
    {
        if (IsPoint) return ([0, .. Enumerable.Repeat(double.MaxValue, JointKernels.Padding)], [0], [1], 1);
        (double from, double to) = Hull();

        // Without a label a itself is even.
        JointForm label = IsExactLabel(draw)
            ? draw.Label!.Where(atom => draw.Second is null || !JointForm.Reads(atom, draw.Second))
            : JointForm.Of(draw.First!);
        bool isEven = label.Terms.Count == 1 && Math.Abs(label[draw.First!]) == 1;
        double sign = Math.Sign(label[draw.First!]);
        JointValue Up(double a) => values.At(label, draw, a, 0) is var (value, slope, _) ? new(sign * value, sign * slope, 0) : default;
        (double first, double last) = (Math.Ceiling(Up(from).Value / unit), Math.Floor(Up(to).Value / unit));
        if (!(last - first < GridMemory.Nodes) || !(Math.Max(Math.Abs(first), Math.Abs(last)) < 1L << 50)) return null;
        int count = Math.Max(0, (int)(last - first) + 1);
        double[] at = new double[count + JointKernels.Padding], widths = new double[count];
        long[] own = new long[count];
        work.Spend(isEven ? count : 6 * count * values.Cost(label));
        double place = from;
        for (int i = 0; i < count; i++)
        {
            double wanted = (first + i) * unit;
            own[i] = (long)(sign * (first + i));
            (place, double slope) = isEven ? (wanted, 1) : Solved(Up, wanted, place, to);
            (at[i], widths[i]) = (place, unit / slope);
        }

        at.AsSpan(count).Fill(double.MaxValue);
        return (at, own, widths, count);
    }

    // Newton's iterations within a bracket.
    private static (double Place, double Slope) Solved(Func<double, JointValue> up, double wanted, double from, double to)
    {
        (double low, double high, double at) = (from, to, from);
        JointValue found = up(at);
        for (int i = 0; i < 200; i++)
        {
            double left = wanted - found.Value;
            if (left > 0) low = at;
            else high = at;
            double further = at + (left / found.First);
            if (!(further >= low && further <= high)) further = 0.5 * (low + high);
            if (Math.Abs(further - at) <= 1e-15 * (Math.Abs(at) + Math.Abs(further))) break;
            at = further;
            found = up(at);
        }

        return (at, found.First);
    }

    // Values of a row at so many places.
    private void Fill(int row, ReadOnlySpan<double> places, int count, Span<double> values, WorkLimit work)
    {
        if (source is null && !IsPoint)
        {
            work.Spend(0.1 * sums[row].AddTo(places, count, values));
            return;
        }

        work.Spend(count);
        for (int i = 0; i < count; i++)
        {
            values[i] = source?.DensityAt(places[i]) ?? 1;
        }
    }
}
