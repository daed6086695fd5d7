namespace Sgm.Engine;

/// <summary>
/// The less informative lattice law of <see cref="LatticeVariation"/>: cells are merged, in the order of their ratio and outwards
/// from the median, until the common ratio ln(Σ q/Σ p) of a group is exactly a lattice point; the last cell of a group may be
/// shared with the next one. Lattice points lie half-way between where groups end, which makes groups as narrow as can be.
/// What is left over at either end is brought to a lattice point by merging it with a little mass of the groups before it.
/// </summary>
internal sealed class CellMerger(LikelihoodCells law, double spacing, Action<double, double> place)
{
    private readonly Dictionary<long, double> placed = [];
    private double offset;

    /// <summary>Places all groups; the ratio of lattice point j is the returned offset + j·spacing.</summary>
    public double Run()
    {
        LikelihoodCells.Cell[] cells = [.. law.Cells];
        Array.Sort(cells, static (a, b) => a.Mean.CompareTo(b.Mean));
        double half = 0.5 * cells.Sum(c => c.Mass);
        int median = 0;
        for (double mass = 0; median + 1 < cells.Length && mass + cells[median].Mass < half; median++)
        {
            mass += cells[median].Mass;
        }

        offset = cells[median].Mean + (0.5 * spacing);
        Pass(cells.AsSpan(median), 1);
        LikelihoodCells.Cell[] below = cells[..median];
        Array.Reverse(below);
        Pass(below, -1);
        foreach ((long index, double mass) in placed)
        {
            place(index, mass);
        }

        return offset;
    }

    /// <summary>Groups cells whose ratios rise (sign 1) or fall (sign −1).</summary>
    private void Pass(ReadOnlySpan<LikelihoodCells.Cell> cells, int sign)
    {
        int next = 0;
        double left = cells.IsEmpty ? 0 : cells[0].Mass;
        while (next < cells.Length)
        {
            // The first lattice point that is not too close to the first cell.
            double start = (cells[next].Mean - offset) / spacing;
            double point = sign * Math.Ceiling((sign * start) + 0.25);
            double goal = offset + (point * spacing);
            double mass = 0;

            // Σ mass·(1 − e^(goal − ratio)) = 0 says that the merged ratio is the goal.
            double lack = 0;
            bool closed = false;
            while (next < cells.Length && !closed)
            {
                double gain = -left * RealFunctions.ExpM1(goal - cells[next].Mean);
                closed = sign * (lack + gain) >= 0 && sign * gain > 0;
                double share = closed ? Math.Clamp(-lack / gain, 0, 1) : 1;
                mass += share * left;
                lack += share * gain;
                left -= share * left;
                if (!closed || left <= 0)
                {
                    next++;
                    left = next < cells.Length ? cells[next].Mass : 0;
                }
            }

            if (closed)
            {
                Put((long)point, mass);
            }
            else
            {
                Finish(mass, lack, goal, sign);
            }
        }
    }

    private void Put(long index, double mass) => placed[index] = placed.GetValueOrDefault(index) + mass;

    /// <summary>The last group, whose ratio does not reach its goal: merged with earlier groups until it is on the lattice.</summary>
    private void Finish(double mass, double lack, double goal, int sign)
    {
        double ratio = goal - RealFunctions.LogOnePlus(-lack / mass);
        double index = sign * Math.Floor(sign * (ratio - offset) / spacing);
        double own = offset + (index * spacing);
        double rest = -mass * RealFunctions.ExpM1(own - ratio);
        for (int j = 1; j < 1 << 20 && sign * rest > 0 && placed.Count > 0; j++)
        {
            long from = (long)index - (sign * j);
            if (!placed.TryGetValue(from, out double available))
            {
                continue;
            }

            double each = -RealFunctions.ExpM1(sign * j * spacing);
            double taken = Math.Min(available, -rest / each);
            placed[from] = available - taken;
            mass += taken;
            rest += taken * each;
        }

        if (Math.Abs(rest) <= 1e-9 * mass * spacing)
        {
            Put((long)index, mass);
        }
    }
}
