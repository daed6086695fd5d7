namespace Sgm.Engine;

/// <summary>
/// The joint law of two coordinates at one resolution, row by row: Σ_n mass_n·N(a; centre_n, C²) where b is the row's. A draw sums every row, or
/// every line on which a label is constant, by the trapezoid rule on an even lattice of b or of the label: in the coordinates that
/// <see cref="JointForms"/> chose the places of the next sum are nodes of this one, and nothing is interpolated.
/// </summary>
internal sealed class JointLine
{
    // Sums keep more than what is dropped by this much, in the logarithm of the mass.
    private const double Margin = GridResolution.Margin;
    private const double Depth = 2 * Math.PI * Math.PI;

    // 2π, and what is left of the way to a pole before a kernel with its map is large there.
    private const double Strip = 0.75 * 2 * Math.PI;

    // Beyond this many times its lattice a row would be coarser than what is asked for only by rounding.
    private const double Slack = 1 + 1e-9;

    // Cells with less than this share of the largest mass say nothing of how rough the law becomes: between modes maps only stretch it.
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
        LineState.Density? source, double rowSpacing, double[] rows, long[] numbers, JointRow[] sums, double deviation, JointSpread smooth, JointSpread tails)
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
    /// <param name="smoothness">The scale below which its density has no structure.</param>
    public static JointLine Of(LineState state, double smoothness)
    {
        if (state is not LineState.Density density) return new(null, 0, [0], [0], [new([], [], 0, 0)], 0, default, default);
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
        int finer = keepsRows ? (int)Math.Ceiling(rowSpacing / (spacing * Slack)) : 1, stride = keepsRows ? Math.Max(1, (int)Math.Floor(spacing * Slack / rowSpacing)) : 1;
        double unit = keepsRows ? rowSpacing / finer : spacing;
        if (Places(draw, unit, values, work) is not { } places) return (null, StepFailure.TooLarge);
        var gathered = new Gathered(this, draw, places, values, finer, stride, labels);
        double dropped = gathered.Fill(logRange, work);
        double apart = draw.Kept switch { JointKept.Nothing => 0, JointKept.Second => rowSpacing, _ => draw.LabelDeviation > 0 ? labels : unit * stride };
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
        return (new(null, apart, seconds, own, sorted, draw.Deviation, after, tails.After(values.Far(draw.Mean, draw), label, draw.Deviation, draw.LabelDeviation))
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

    // A piece of the line of about the scale of a, with its mass and the b where most of it is.
    private readonly record struct Cell(double Mass, double First, double Second);

    private List<Cell> Cells(WorkLimit work)
    {
        if (IsPoint) return [new(1, 0, 0)];
        if (source is not null)
        {
            return [.. source.Panels.Nodes.Select((a, i) => new Cell(source.Values[i] * source.Panels.Weights[i], a, 0))];
        }

        work.Spend(Nodes);
        Dictionary<long, (double Mass, double Largest, double Second)> found = [];
        for (int row = 0; row < sums.Length; row++)
        {
            (double[] centres, double[] masses) = (sums[row].Centres, sums[row].Masses);
            for (int n = 0; n < centres.Length; n++)
            {
                long at = (long)Math.Floor(centres[n] / deviation);
                (double mass, double largest, double second) = found.GetValueOrDefault(at);
                found[at] = masses[n] > largest ? (mass + masses[n], masses[n], rows[row]) : (mass + masses[n], largest, second);
            }
        }

        double MassOf(long at) => found.GetValueOrDefault(at).Mass;
        return [.. found.OrderBy(pair => pair.Key).Select(pair =>
            new Cell(pair.Value.Mass + MassOf(pair.Key - 1) + MassOf(pair.Key + 1), (pair.Key + 0.5) * deviation, pair.Value.Second))];
    }

    // The widest spacing of a lattice, in a where no label is kept and in the label otherwise, that sums as well as it shall, and how smooth the new law is at
    // least. An error of mass·e^(−κ/spacing²), κ = 2π²w², counts as much as the mass that it is an error of.
    private (double Spacing, double Labels, JointSpread After) Needs(List<Cell> cells, JointDraw draw, JointDraw? next, JointValues values, double digits)
    {
        double most = Likely * cells.Max(cell => cell.Mass), noise = draw.Deviation * draw.Deviation;
        (double roughest, JointSpread after) = (double.NegativeInfinity, default);
        List<(double Wanted, double Along, double Own, double Later)> all = [];
        (double nowPoles, double laterPoles) = (double.PositiveInfinity, double.PositiveInfinity);
        foreach (Cell cell in cells)
        {
            double wanted = digits + Math.Log(cell.Mass);
            if (!(wanted > 1)) continue;
            JointValue mean = values.At(draw.Mean, draw, cell.First, cell.Second);
            JointValue label = draw.Kept == JointKept.Label ? values.At(draw.Label!, draw, cell.First, cell.Second) : new(cell.Second, 0, draw.Kept == JointKept.Second ? 1 : 0);
            double kernel = (mean.First * mean.First / noise) + (draw.LabelDeviation > 0 ? label.First * label.First / (draw.LabelDeviation * draw.LabelDeviation) : 0);
            (double along, double later, double poles) = draw.Kept == JointKept.Label ? Later(mean.Value, label.Value, draw, next, values) : default;
            all.Add((wanted, along, kernel, later));

            // A pole at a distance d leaves e^(−2πd/spacing).
            double pole = values.Poles(draw.Mean, draw, cell.First, cell.Second, 1, 0);
            nowPoles = Math.Min(nowPoles, Strip / (pole * wanted));
            laterPoles = Math.Min(laterPoles, Strip / (Math.Max(poles, IsExactLabel(draw) ? pole / Math.Abs(label.First) : 0) * wanted));
            JointSpread own = smooth.After((mean.First, mean.Second), (label.First, label.Second), draw.Deviation, draw.LabelDeviation);
            double rough = draw.Kept == JointKept.Nothing ? 1 / own.Xx : own.InverseSquare(along, 1);
            if (cell.Mass > most && rough > roughest) (roughest, after) = (rough, own);
        }

        (double now, double then) = (double.PositiveInfinity, double.PositiveInfinity);
        foreach ((double wanted, double along, double own, double later) in all)
        {
            now = Math.Min(now, Depth / ((own + smooth.InverseSquare(1, 0)) * wanted));
            if (draw.Kept == JointKept.Label) then = Math.Min(then, Depth / ((later + after.InverseSquare(along, 1)) * wanted));
        }

        (now, then) = (Math.Min(Math.Sqrt(now), nowPoles), Math.Min(Math.Sqrt(then), laterPoles));

        // From a point there is nothing to sum.
        return (IsExactLabel(draw) ? then : IsPoint ? 1 : now, then, after);
    }

    // What the next draw sums over the second coordinate: along which direction (a, b), with its first one fixed or along the line where its label is
    // constant, 1/w² of its kernel there, and how near poles are.
    private static (double Along, double Kernel, double Poles) Later(double first, double second, JointDraw draw, JointDraw? next, JointValues values)
    {
        if (next is null) return (0, 1 / (draw.Deviation * draw.Deviation), 0);
        JointValue mean = values.At(next.Mean, next, first, second);
        double along = 0;
        if (next.Kept == JointKept.Label && next.Label!.Reads(next.Second))
        {
            JointValue label = values.At(next.Label, next, first, second);
            along = -label.Second / label.First;
        }

        double slope = next.Kept == JointKept.Second ? Math.Max(Math.Abs(mean.First), Math.Abs(mean.Second)) : mean.Second + (along * mean.First);
        return (along, slope * slope / (next.Deviation * next.Deviation), values.Poles(next.Mean, next, first, second, along, 1));
    }

    // Where a row reaches.
    private (double From, double To) Hull(int row) =>
        IsPoint ? (0, 0) : source is not null ? (source.Panels.From[0], source.Panels.To[^1]) : (sums[row].From, sums[row].To);

    private (double From, double To) Hull() =>
        Enumerable.Range(0, sums.Length).Select(Hull).Aggregate((a, b) => (Math.Min(a.From, b.From), Math.Max(a.To, b.To)));

    // Places of a, padded, with their numbers on the lattice and what of the line belongs to each; null where there are too many.
    private (double[] At, long[] Numbers, double[] Widths, int Count)? Places(JointDraw draw, double unit, JointValues values, WorkLimit work)
    {
        if (IsPoint) return ([0, .. Enumerable.Repeat(double.MaxValue, JointKernels.Padding)], [0], [1], 1);
        (double from, double to) = Hull();

        // Without a label a itself is even.
        JointForm label = IsExactLabel(draw) ? draw.Label!.Where(atom => draw.Second is null || !JointForm.Reads(atom, draw.Second)) : JointForm.Of(draw.First!);
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

    // The masses and images of the nodes, sorted by what they belong to after a draw.
    private sealed class Gathered(
        JointLine law, JointDraw draw, (double[] At, long[] Numbers, double[] Widths, int Count) places, JointValues values, int finer, int stride, double labels)
    {
        private readonly List<long> numbers = [];
        private readonly List<double> centres = [];
        private readonly List<double> masses = [];

        public double Fill(double logRange, WorkLimit work)
        {
            JointForm first = draw.Mean.Where(atom => !Reads(atom, draw.Second)), second = draw.Mean.Where(atom => !Reads(atom, draw.First) && Reads(atom, draw.Second));
            JointForm both = draw.Mean.Where(atom => Reads(atom, draw.First) && Reads(atom, draw.Second));
            work.Spend(places.Count * values.Cost(first));
            double[] across = new double[places.Count];
            for (int i = 0; i < across.Length; i++)
            {
                across[i] = values.At(first, draw, places.At[i], 0).Value;
            }

            double least = Math.Exp(-logRange), dropped = 0, noise = draw.LabelDeviation;
            double side = IsExactLabel(draw) && draw.Second is not null ? draw.Label![draw.Second] : 0;
            for (int row = 0; row < law.sums.Length; row++)
            {
                (double left, double right) = law.Hull(row);
                int from = Array.BinarySearch(places.At, 0, places.Count, left), to = Array.BinarySearch(places.At, 0, places.Count, right);
                (from, to) = (from < 0 ? ~from : from, to < 0 ? ~to : to + 1);
                if (to <= from) continue;
                double[] density = new double[to - from + JointKernels.Padding];
                law.Fill(row, places.At.AsSpan(from), to - from, density, work);
                double along = values.At(second, draw, 0, law.rows[row]).Value;
                work.Spend((to - from) * (both.Terms.Count == 0 ? 0.1 : values.Cost(both)));
                for (int i = from; i < to; i++)
                {
                    double mass = density[i - from] * places.Widths[i] * stride;
                    if (!(mass > least))
                    {
                        dropped += mass;
                        continue;
                    }

                    long number = draw.Kept switch
                    {
                        JointKept.Nothing => 0,
                        JointKept.Second => row,
                        _ => places.Numbers[i] + (long)(side * finer * law.numbers[row]),
                    };
                    if (number % stride != 0) continue;
                    double centre = across[i] + along + (both.Terms.Count == 0 ? 0 : values.At(both, draw, places.At[i], law.rows[row]).Value);
                    if (noise == 0)
                    {
                        Add(number, centre, mass);
                        continue;
                    }

                    // Noise of the label's own spreads a node over rows.
                    double at = values.At(draw.Label!, draw, places.At[i], law.rows[row]).Value, reach = noise * Math.Sqrt(2 * (logRange + Math.Log(mass)));
                    work.Spend(values.Cost(draw.Label!) + (2 * reach / labels));
                    for (long k = (long)Math.Ceiling((at - reach) / labels); k <= (at + reach) / labels; k++)
                    {
                        double d = ((k * labels) - at) / noise;
                        Add(k, centre, mass * labels / noise * Math.Exp((-0.5 * d * d) - NormalTail.LogRootTwoPi));
                    }
                }
            }

            return dropped;
        }

        private void Add(long number, double centre, double mass)
        {
            numbers.Add(number);
            centres.Add(centre);
            masses.Add(mass);
        }

        /// <summary>The second coordinates of the rows that hold something, their numbers, and what they hold.</summary>
        public (double[] Seconds, long[] Numbers, (double[] Centres, double[] Masses)[] Sums) Rows(double spacing)
        {
            if (numbers.Count == 0) return ([], [], []);
            long least = numbers.Min();
            int[] counts = new int[(int)((numbers.Max() - least) / stride) + 1];
            foreach (long number in numbers)
            {
                counts[(number - least) / stride]++;
            }

            (double[] Centres, double[] Masses)[] all = Array.ConvertAll(counts, count => (new double[count], new double[count]));
            for (int n = numbers.Count - 1; n >= 0; n--)
            {
                int row = (int)((numbers[n] - least) / stride);
                counts[row]--;
                (all[row].Centres[counts[row]], all[row].Masses[counts[row]]) = (centres[n], masses[n]);
            }

            int[] held = [.. Enumerable.Range(0, all.Length).Where(row => all[row].Masses.Length > 0)];
            long Number(int row) => (least / stride) + row;
            return (
                [.. held.Select(row => draw.Kept == JointKept.Second ? law.rows[Number(row)] : Number(row) * spacing)],
                [.. held.Select(row => draw.Kept == JointKept.Second ? law.numbers[Number(row)] : Number(row))],
                [.. held.Select(row => all[row])]);
        }

        private static bool Reads(JointAtom atom, JointAtom.Coordinate? coordinate) => coordinate is not null && JointForm.Reads(atom, coordinate);
    }

    /// <summary>The law of the first coordinate alone; null where it would need too many points.</summary>
    /// <param name="resolution">How fine.</param>
    /// <param name="digits">−ln of the relative error of the sums.</param>
    /// <param name="work">What it may take.</param>
    public LineState.Density? Line(GridResolution resolution, double digits, WorkLimit work)
    {
        if (source is not null) return source;
        double logRange = resolution.LogRange + Margin;

        // Noise in two halves: between them the law is summed on an even lattice, so that a place after the second one costs few terms.
        double half = Math.Sqrt(0.5) * deviation;
        double spacing = Math.Sqrt(Depth * half * half / (2 * digits));
        (double from, double to) = Hull();

        if (!((to - from) / spacing < GridMemory.Nodes)) return null;
        int count = (int)Math.Ceiling((to - from) / spacing) + 1;
        double[] places = [.. Enumerable.Range(0, count).Select(i => from + (i * spacing)), .. Enumerable.Repeat(double.MaxValue, JointKernels.Padding)];
        double[] masses = new double[places.Length];
        foreach (JointRow row in sums)
        {
            work.Spend(0.1 * new JointRow(row.Centres, row.Masses, half, logRange).AddTo(places, count, masses));
        }

        double mean = 0, square = 0, all = 0;
        for (int i = 0; i < count; i++)
        {
            masses[i] *= spacing;
            (all, mean, square) = (all + masses[i], mean + (masses[i] * places[i]), square + (masses[i] * places[i] * places[i]));
        }

        (mean, square) = (mean / all, square / all);
        var extent = new Extent(mean, Math.Sqrt(Math.Max(0, square - (mean * mean)) + (half * half)));
        double reach = half * Math.Sqrt(2 * logRange), scale = -0.5 / (half * half), norm = Math.Exp(-NormalTail.LogRootTwoPi) / half;
        void Evaluate(ReadOnlySpan<double> points, Span<double> values)
        {
            work.Spend(0.2 * points.Length * 2 * reach / spacing);
            for (int i = 0; i < points.Length; i++)
            {
                double sum = 0;
                int last = (int)Math.Min(count - 1, Math.Floor((points[i] + reach - from) / spacing));
                for (int n = (int)Math.Max(0, Math.Ceiling((points[i] - reach - from) / spacing)); n <= last; n++)
                {
                    double d = points[i] - places[n];
                    sum += masses[n] * Math.Exp(scale * d * d);
                }

                values[i] = norm * sum;
            }
        }

        // Structure is no finer than the noise.
        List<Feature> features = [new(from, to, 6 * deviation)];
        if (PanelBuilder.Build(Evaluate, (from, to), extent, features, 0.75 * half, new(Steps, half), resolution) is not var (panels, found, dropped)) return null;
        double mass = 0;
        for (int i = 0; i < found.Length; i++)
        {
            mass += found[i] * panels.Weights[i];
        }

        if (!(mass > 0.5 && mass < 2)) return null;
        for (int i = 0; i < found.Length; i++)
        {
            found[i] /= mass;
        }

        double tail = Math.Sqrt(tails.Xx);
        return new()
        {
            Panels = panels,
            Values = found,
            Image = panels.Nodes,
            Tails = new(tail, tail) { AreBounds = TailsAreBounds },
            Defect = Defect + Math.Abs(1 - mass),
            Rounding = Rounding + 1e-15,
            Lost = Lost + extent.SecondMoment(dropped),
            Dropped = dropped,
            Steps = Steps,
        };
    }
}
