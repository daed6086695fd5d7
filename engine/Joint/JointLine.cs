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

    // Beyond this many times its lattice a row would be coarser than what is asked for only by rounding.
    private const double Slack = 1 + 1e-9;

    // Where errors are read, in C, and the most places of a line where they are.
    private const double Sampled = 0.75;
    private const int MostSampled = 1 << 20;

    // How much more rounding of a centre does at the end of a kernel than in its middle.
    private const double AtEnds = 20;
    private readonly LineState.Density? source;
    private readonly double rowSpacing;
    private readonly double[] rows;
    private readonly long[] numbers;
    private readonly JointRow[] sums;
    private readonly double deviation;
    private readonly JointSpread tails;

    private JointLine(
        LineState.Density? source,
        double rowSpacing,
        double[] rows,
        long[] numbers,
        JointRow[] sums,
        double deviation,
        JointSpread tails)
    {
        (this.source, this.rowSpacing, this.rows, this.numbers, this.sums) = (source, rowSpacing, rows, numbers, sums);
        (this.deviation, this.tails) = (deviation, tails);
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
        if (state is not LineState.Density density) return new(null, 0, [0], [0], [new([], [], 0, 0)], 0, default);

        double tail = Math.Max(density.Tails.Left, density.Tails.Right);
        return new(density, 0, [0], [0], [new([], [], 0, 0)], density.Smoothness, new(tail * tail, 0, 0))
        {
            Defect = density.Defect,
            Rounding = density.Rounding,
            Lost = density.Lost,
            Steps = density.Steps,
            TailsAreBounds = density.Tails.AreBounds || density.Tails.Left != density.Tails.Right,
        };
    }

    /// <summary>A distance over which the first coordinate's density changes little; ∞ at a point.</summary>
    public double Scale => IsPoint ? double.PositiveInfinity : deviation;

    /// <summary>The spacing of the rows; 0 for one row.</summary>
    public double RowSpacing => rowSpacing;

    /// <summary>The law after a draw, and how wrong its sums are; null with the reason where there is none.</summary>
    /// <param name="draw">The new coordinate.</param>
    /// <param name="along">The spacing of the first coordinate's lattice, where no label has one.</param>
    /// <param name="labels">The widest spacing of the new rows, where a label is kept.</param>
    /// <param name="values">Evaluates forms.</param>
    /// <param name="resolution">What is dropped.</param>
    /// <param name="work">What it may take.</param>
    public (JointLine? Law, JointError Error, StepFailure Failure) After(
        JointDraw draw, double along, double labels, JointValues values, GridResolution resolution, WorkLimit work)
    {
        double logRange = resolution.LogRange + Margin;
        bool keepsRows = draw.IsExactLabel && draw.Label!.Reads(draw.Second);
        int finer = keepsRows ? (int)Math.Ceiling(rowSpacing / (labels * Slack)) : 1;
        int stride = keepsRows ? Math.Max(1, (int)Math.Floor(labels * Slack / rowSpacing)) : 1;
        double unit = keepsRows ? rowSpacing / finer : draw.IsExactLabel ? labels : along;
        if (Places(draw, unit, values, work) is not { } places) return (null, default, StepFailure.TooDense);
        var gathered = new Gathered(this, draw, places, values, finer, stride, labels);
        if (gathered.Fill(logRange, work) is not { } dropped) return (null, default, StepFailure.TooDense);
        double apart = draw.Kept switch
        {
            JointKept.Nothing => 0,
            JointKept.Second => rowSpacing,
            _ => draw.LabelDeviation > 0 ? labels : unit * stride,
        };
        if (gathered.Rows(apart) is not var (seconds, own, found)) return (null, default, StepFailure.TooDense);
        if (found.Length == 0) return (null, default, StepFailure.TooLarge);
        double mass = 0, mean = 0, square = 0;
        for (int row = 0; row < found.Length; row++)
        {
            (double[] centres, double[] masses) = (found[row].Centres, found[row].Masses);
            for (int n = 0; n < masses.Length; n++)
            {
                if (!(Math.Abs(centres[n]) <= 1e150)) return (null, default, StepFailure.Diverged);
                (mass, mean, square) = (mass + masses[n], mean + (masses[n] * centres[n]), square + (masses[n] * centres[n] * centres[n]));
            }
        }

        if (!(mass > 0.5 && mass < 2)) return (null, default, StepFailure.TooLarge);
        foreach (JointNodes row in found)
        {
            for (int n = 0; n < row.Masses.Length; n++)
            {
                row.Masses[n] /= mass;
            }
        }

        // Where a point was there is nothing to sum, and on a line on which a label is constant the rows are.
        (mean, square) = (mean / mass, square / mass);
        Extent extent = new(mean, Math.Sqrt(Math.Max(0, square - (mean * mean)) + (draw.Deviation * draw.Deviation)));
        bool sumsAlong = !IsPoint && !draw.IsExactLabel, sumsAcross = sums.Length > 1 && draw.Kept != JointKept.Second;
        JointError error = default;

        // Of centres, and of the places of a label, at the ends of kernels.
        double rounding = 1e-15 + (4 * draw.Rounding * Math.Sqrt(square) / draw.Deviation);
        foreach (JointNodes row in found)
        {
            LatticeError Of(byte[] phases) => Read(row.Centres, row.Masses, phases, draw.Deviation, AtEnds * rounding, extent, resolution, work);
            if (sumsAlong) error = error with { Along = (error.Along ?? default).With(Of(row.Along)) };
            if (sumsAcross) error = error with { Across = (error.Across ?? default).With(Of(row.Across)) };
        }

        (double, double) label = draw.Kept switch
        {
            JointKept.Label => values.Far(draw.Label!, draw),
            JointKept.Second => (0, 1),
            _ => (0, 0),
        };
        JointRow[] sorted = [.. found.Select(row => new JointRow(row.Centres, row.Masses, draw.Deviation, logRange))];
        JointSpread far = tails.After(values.Far(draw.Mean, draw), label, draw.Deviation, draw.LabelDeviation);
        return (new(null, apart, seconds, own, sorted, draw.Deviation, far)
        {
            Defect = Defect + Math.Abs(1 - mass) + error.Sum.Absolute,
            Rounding = Rounding + error.Sum.Relative + rounding,
            Lost = Lost + (dropped * square),
            Steps = Steps + 1,
            TailsAreBounds = TailsAreBounds,
        }, error, StepFailure.None);
    }

    // The error of a row's sum of kernels.
    private static LatticeError Read(
        double[] centres, double[] masses, byte[] phases, double deviation, double rounding, Extent extent, GridResolution resolution, WorkLimit work)
    {
        double spacing = Sampled * deviation, reach = deviation * Math.Sqrt(2 * (resolution.LogRange + Margin));
        work.Spend(centres.Length * (1 + (LineSum.TermCost * reach / spacing / 8)));
        LineSum sum = new(centres, masses, phases, deviation);
        return sum.On(spacing, reach, MostSampled, byPhase: true, terms: double.PositiveInfinity)?.Error(extent, resolution, centres.Length, rounding)
            ?? new(double.PositiveInfinity, double.PositiveInfinity);
    }

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
        JointForm label = draw.IsExactLabel
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
