namespace Sgm.Engine;

/// <summary>How wide the lattices may be.</summary>
internal sealed partial class JointLine
{
    // The widest spacing of a lattice, in a where no label is kept and in the label otherwise, that sums as well as
    // it shall, and how smooth the new law is at least. An error of mass·e^(−κ/spacing²), κ = 2π²w², counts as much
    // as the mass that it is an error of.
    private (double Spacing, double Labels, JointSpread After) Needs(
        List<Cell> cells, JointDraw draw, JointDraw? next, JointValues values, double digits)
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
            bool isLabelled = draw.Kept == JointKept.Label;
            JointValue label = isLabelled
                ? values.At(draw.Label!, draw, cell.First, cell.Second)
                : new(cell.Second, 0, draw.Kept == JointKept.Second ? 1 : 0);
            double steep = draw.LabelDeviation > 0 ? label.First / draw.LabelDeviation : 0;
            double kernel = (mean.First * mean.First / noise) + (steep * steep);
            (double along, double later, double poles) = isLabelled ? Later(mean.Value, label.Value, draw, next, values) : default;
            all.Add((wanted, along, kernel, later));

            // A pole at a distance d leaves e^(−2πd/spacing).
            double pole = values.Poles(draw.Mean, draw, cell.First, cell.Second, 1, 0);
            nowPoles = Math.Min(nowPoles, Strip / (pole * wanted));
            poles = Math.Max(poles, IsExactLabel(draw) ? pole / Math.Abs(label.First) : 0);
            laterPoles = Math.Min(laterPoles, Strip / (poles * wanted));
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
