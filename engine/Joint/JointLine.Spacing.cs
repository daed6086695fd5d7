namespace Sgm.Engine;

/// <summary>How wide the lattices may be.</summary>
internal sealed partial class JointLine
{
    // How far slopes within a cell may differ, and how often one is halved.
    private const double Bent = 0.2;
    private const int Deepest = 12;

    // A piece of the line of about the scale of a, with its mass and the b where most of it is.
    private readonly record struct Cell(double Mass, double First, double Second, double Width);

    private List<Cell> Cells(WorkLimit work)
    {
        if (IsPoint) return [new(1, 0, 0, 0)];
        if (source is not null)
        {
            double[] nodes = source.Panels.Nodes;
            return [.. nodes.Select((a, i) =>
                new Cell(source.Values[i] * source.Panels.Weights[i], a, 0, i + 1 < nodes.Length ? nodes[i + 1] - a : 0))];
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
            new Cell(pair.Value.Mass + MassOf(pair.Key - 1) + MassOf(pair.Key + 1), (pair.Key + 0.5) * deviation, pair.Value.Second, deviation))];
    }

    // Cells in which a map's slope at the middle is that from end to end: a jump between modes may be much narrower than a cell.
    private static List<Cell> Refined(List<Cell> cells, JointDraw draw, JointValues values)
    {
        List<Cell> found = [];
        void Add(Cell cell, int depth)
        {
            JointValue At(double part) => values.At(draw.Mean, draw, cell.First + (part * cell.Width), cell.Second);
            (JointValue left, JointValue middle, JointValue right) = (At(-0.5), At(0), At(0.5));
            double across = (right.Value - left.Value) / cell.Width;
            double bent = Math.Abs(across - middle.First) + Math.Abs(across - (0.5 * (left.First + right.First)));
            if (!(bent > Bent * (1 + Math.Abs(across))) || depth == Deepest || cell.Width == 0)
            {
                found.Add(cell);
                return;
            }

            Cell half = cell with { Mass = 0.5 * cell.Mass, Width = 0.5 * cell.Width };
            Add(half with { First = cell.First - (0.25 * cell.Width) }, depth + 1);
            Add(half with { First = cell.First + (0.25 * cell.Width) }, depth + 1);
        }

        foreach (Cell cell in cells)
        {
            Add(cell, 0);
        }

        return found;
    }

    // The widest spacing of a lattice, in a where no label is kept and in the label otherwise, that sums as well as
    // it shall, and how smooth the new law is at least. An error of mass·e^(−κ/spacing²), κ = 2π²w², counts as much
    // as the mass that it is an error of.
    private (double Spacing, double Labels, JointSpread After) Needs(
        List<Cell> cells, JointDraw draw, JointDraw? next, JointValues values, double digits)
    {
        double most = Likely * cells.Max(cell => cell.Mass), noise = draw.Deviation * draw.Deviation;
        (double roughest, JointSpread after) = (double.NegativeInfinity, default);
        List<(double Wanted, double Along, double Own, double Later, double Rough)> all = [];
        (double nowPoles, double laterPoles) = (double.PositiveInfinity, double.PositiveInfinity);
        foreach (Cell cell in Refined(cells, draw, values))
        {
            double wanted = digits + Math.Log(Math.Min(1, cell.Mass * cells.Count));
            if (!(wanted > 1)) continue;
            JointValue mean = values.At(draw.Mean, draw, cell.First, cell.Second);
            bool isLabelled = draw.Kept == JointKept.Label;
            JointValue label = isLabelled
                ? values.At(draw.Label!, draw, cell.First, cell.Second)
                : new(cell.Second, 0, draw.Kept == JointKept.Second ? 1 : 0);
            double steep = draw.LabelDeviation > 0 ? label.First / draw.LabelDeviation : 0;
            double kernel = (mean.First * mean.First / noise) + (steep * steep);
            (double along, double later, double poles) = isLabelled ? Later(mean.Value, label.Value, draw, next, values) : default;

            // A pole at a distance d leaves e^(−2πd/spacing).
            double pole = values.Poles(draw.Mean, draw, cell.First, cell.Second, 1, 0);
            nowPoles = Math.Min(nowPoles, Strip / (pole * wanted));
            poles = Math.Max(poles, IsExactLabel(draw) ? pole / Math.Abs(label.First) : 0);
            laterPoles = Math.Min(laterPoles, Strip / (poles * wanted));
            JointSpread own = smooth.After((mean.First, mean.Second), (label.First, label.Second), draw.Deviation, draw.LabelDeviation);
            double rough = draw.Kept == JointKept.Nothing ? 1 / own.Xx : own.InverseSquare(along, 1);
            all.Add((wanted, along, kernel, later, rough));
            if (cell.Mass > most && rough > roughest) (roughest, after) = (rough, own);
        }

        (double now, double then) = (double.PositiveInfinity, double.PositiveInfinity);
        foreach ((double wanted, double along, double own, double later, double rough) in all)
        {
            now = Math.Min(now, Depth / ((own + smooth.InverseSquare(1, 0)) * wanted));
            if (draw.Kept != JointKept.Label) continue;
            then = Math.Min(then, Depth / ((later + Math.Max(rough, after.InverseSquare(along, 1))) * wanted));
        }

        (now, then) = (Math.Min(Math.Sqrt(now), nowPoles), Math.Min(Math.Sqrt(then), laterPoles));

        // From a point there is nothing to sum.
        return (IsExactLabel(draw) ? then : IsPoint ? 1 : now, then, after);
    }

    // What the next draw sums over the second coordinate: along which direction (a, b), with its first one fixed or
    // along the line where its label is constant, 1/w² of its kernel there, and how near poles are.
    private static (double Along, double Kernel, double Poles) Later(
        double first, double second, JointDraw draw, JointDraw? next, JointValues values)
    {
        if (next is null) return (0, 1 / (draw.Deviation * draw.Deviation), 0);
        JointValue mean = values.At(next.Mean, next, first, second);
        double along = 0;
        if (next.Kept == JointKept.Label && next.Label!.Reads(next.Second))
        {
            JointValue label = values.At(next.Label, next, first, second);
            along = -label.Second / label.First;
        }

        double slope = next.Kept == JointKept.Second
            ? Math.Max(Math.Abs(mean.First), Math.Abs(mean.Second))
            : mean.Second + (along * mean.First);
        return (along, slope * slope / (next.Deviation * next.Deviation), values.Poles(next.Mean, next, first, second, along, 1));
    }
}
