using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>
/// The nodes of an even lattice with the masses of a law, and where the steps until the next noise take them.
/// </summary>
internal sealed class LineNodes
{
    /// <summary>Nodes of a group of what is dropped, or of a feature.</summary>
    private const int Group = 16;

    private readonly double[] x;
    private readonly double[] mass;
    private readonly byte[] phase;
    private readonly double[] image;
    private readonly double[] slope;
    private readonly double[] shift;
    private readonly List<(double From, double To, double Mass)> dropped;
    private readonly double spacing;

    private LineNodes(
        double spacing,
        List<double> x,
        List<double> mass,
        List<byte> phase,
        List<(double From, double To, double Mass)> dropped)
    {
        (this.spacing, this.x, this.mass, this.phase, this.dropped) = (spacing, [.. x], [.. mass], [.. phase], dropped);
        (image, slope, shift) = (new double[x.Count], new double[x.Count], new double[x.Count]);
        double whole = 0;
        foreach (double share in this.mass)
        {
            whole += share;
        }

        for (int n = 0; n < this.mass.Length; n++)
        {
            this.mass[n] /= whole;
        }

        Defect = Math.Abs(1 - whole);
    }

    /// <summary>How far the masses were from adding up to 1.</summary>
    public double Defect { get; }

    /// <summary>E (x − c)² of the nodes that were dropped.</summary>
    private double Lost { get; init; }

    /// <summary>
    /// The law on the lattice of a spacing; null where that takes more than <paramref name="most"/> nodes.
    /// </summary>
    public static LineNodes? Of(
        LineState.Continuous state, double spacing, int most, GridResolution resolution, WorkLimit work)
    {
        if (Lattice(state, spacing, most, work) is not { } lattice) return null;
        double negligible = Math.Exp(-resolution.LogRange - GridResolution.Margin);
        Extent extent = state is LineState.Density { Origin: { } origin } ? origin.Extent : state.Extent;
        (List<double> x, List<double> mass, List<byte> phase) = ([], [], []);
        List<(double From, double To, double Mass)> left = [];
        double lost = 0;
        foreach ((long first, int count, int offset) in lattice.Runs)
        {
            int since = -1;
            for (int i = 0; i < count; i++)
            {
                double at = (first + i) * spacing;
                double share = lattice.Values[offset + i] * spacing;
                double counted = share * extent.Reach(at, at);
                if (counted > negligible)
                {
                    x.Add(at);
                    mass.Add(share);
                    phase.Add((byte)((first + i) & 3));
                    continue;
                }

                lost += counted;
                if (since < 0 || i - since >= Group || left[^1].To < at - (1.5 * spacing))
                {
                    since = i;
                    left.Add((at, at, share));
                }
                else
                {
                    left[^1] = (left[^1].From, at, left[^1].Mass + share);
                }
            }
        }

        work.Spend(x.Count);
        return x.Count == 0 ? null : new(spacing, x, mass, phase, left) { Lost = lost * extent.Spread * extent.Spread };
    }

    private static LineLattice? Lattice(LineState.Continuous state, double spacing, int most, WorkLimit work)
    {
        if ((state as LineState.Even ?? (state as LineState.Density)?.Origin) is { } even)
        {
            work.Spend(even.Sum.Count * (1 + (LineSum.TermCost * even.Reach / spacing / 8)));
            return even.Sum.On(spacing, even.Reach, most);
        }

        // Over the panels, which hold all of the mass that counts.
        var density = (LineState.Density)state;
        PanelSet panels = density.Panels;
        List<(long First, int Count, int Offset)> runs = [];
        int total = 0;
        for (int p = 0; p < panels.Count; p++)
        {
            double start = Math.Ceiling(panels.From[p] / spacing);
            double end = Math.Floor(panels.To[p] / spacing);
            if (!(end - start < most && Math.Max(Math.Abs(start), Math.Abs(end)) < 1L << 50)) return null;
            long next = (long)start;
            if (runs.Count > 0 && next <= runs[^1].First + runs[^1].Count)
            {
                next = runs[^1].First + runs[^1].Count;
            }
            else if (end >= start)
            {
                runs.Add((next, 0, total));
            }

            if (end < next) continue;
            int more = (int)((long)end - next) + 1;
            total += more;
            if (total > most) return null;
            runs[^1] = runs[^1] with { Count = runs[^1].Count + more };
        }

        double[] values = new double[total];
        work.Spend(total * (density.Exact?.Cost ?? 1));
        foreach ((long first, int count, int offset) in runs)
        {
            for (int i = 0; i < count; i++)
            {
                values[offset + i] = density.DensityAt((first + i) * spacing);
            }
        }

        return new(spacing, runs, values, 0);
    }

    /// <summary>Moves the nodes; false where an image is not finite or beyond 1e150.</summary>
    /// <param name="chain">The steps since the last noise.</param>
    /// <param name="map">The step with the next noise.</param>
    /// <param name="known">
    /// Images of nodes of this lattice under <paramref name="map"/> alone, by number, which grows; null where none
    /// are kept.
    /// </param>
    /// <param name="work">What may be spent.</param>
    public bool Follow(
        ImmutableArray<ScalarMap> chain, ScalarMap map, Dictionary<long, MapValue>? known, WorkLimit work)
    {
        double cost = 1 + map.Cost + chain.Sum(before => before.Cost);
        bool isFinite = true;
        for (int n = 0; n < x.Length; n++)
        {
            long number = (long)Math.Round(x[n] / spacing);
            if (known is null || !known.TryGetValue(number, out MapValue value))
            {
                work.Spend(cost);
                value = Image(chain, map, x[n]);
                known?.Add(number, value);
            }

            (image[n], slope[n], shift[n]) = (value.Value, value.Slope, value.Rounding);
            isFinite &= Math.Abs(value.Value) <= 1e150;
        }

        return isFinite;
    }

    private static MapValue Image(ImmutableArray<ScalarMap> chain, ScalarMap map, double x)
    {
        double steepness = 1;
        double rounding = 0;
        foreach (ScalarMap before in chain)
        {
            MapValue value = before.At(x);
            (x, steepness) = (value.Value, steepness * value.Slope);
            rounding = value.Rounding + Math.Abs(value.Slope * rounding);
        }

        MapValue last = map.At(x);
        return last with { Slope = steepness * last.Slope, Rounding = last.Rounding + Math.Abs(last.Slope * rounding) };
    }

    /// <summary>The sum of kernels over the images.</summary>
    public LineState.Even After(
        LineState.Continuous state, ImmutableArray<ScalarMap> chain, ScalarMap map, GridResolution resolution)
    {
        // Not the state itself is kept for the features: a run would hold all of its states.
        (double noise, double smoothness, double negligible) = (map.Noise, state.Smoothness, resolution.Negligible);
        TailRates tails = state.Tails.After(map.FarSlope, noise);
        var sum = new LineSum(image, mass, phase, noise);
        (double relative, double lost) = GridStepper.Displaced(mass, x, shift, sum.Extent, noise);
        return new()
        {
            Sum = sum,
            Reach = resolution.Reach(noise, Math.Min(tails.Left, tails.Right)),
            Features = () => FeaturesOf(smoothness, noise, sum.Extent, negligible),
            Tails = tails,
            Defect = state.Defect + Defect,
            Rounding = state.Rounding + relative,
            Lost = state.Lost + Lost + lost,
            Dropped = [.. dropped.Select(part => Moved(part, chain, map))],
            Steps = state.Steps + 1,
            Smoothness = Scale(0, x.Length, smoothness, noise),
        };
    }

    // A normal law of deviation a before a map of slope s is one of s·a after it; noise adds C.
    private double Scale(int from, int to, double smoothness, double noise)
    {
        double least = double.PositiveInfinity;
        for (int n = from; n < to; n++)
        {
            least = Math.Min(least, Math.Abs(slope[n]));
        }

        return Math.Sqrt((least * least * smoothness * smoothness) + (noise * noise));
    }

    private List<Feature> FeaturesOf(double smoothness, double noise, Extent extent, double negligible)
    {
        // Neighbours that the map, or a gap between modes, has torn apart are no feature together.
        List<Feature> features = [];
        for (int from = 0, to; from < x.Length; from = to)
        {
            (double low, double high) = (image[from], image[from]);
            double here = mass[from];
            int end = Math.Min(from + Group, x.Length);
            for (to = from + 1; to < end && Math.Abs(image[to] - image[to - 1]) <= noise; to++)
            {
                (low, high) = (Math.Min(low, image[to]), Math.Max(high, image[to]));
                here += mass[to];
            }

            if (here * extent.Reach(low, high) > negligible)
            {
                features.Add(new(low - (3 * noise), high + (3 * noise), 2 * Scale(from, to, smoothness, noise)));
            }
        }

        return features;
    }

    /// <summary>The law from fewer terms, where there are many within C.</summary>
    public static LineState.Even Thinned(LineState.Even state, GridResolution resolution, int most, WorkLimit work)
    {
        // Noise in two halves: between the two the law is as smooth as one of them, and is summed on a lattice for
        // that.
        double half = Math.Sqrt(0.5) * state.Sum.Deviation;
        double wide = Math.PI * half / Math.Sqrt(DigitsBetween - Math.Log(resolution.Absolute));
        (double low, double high) = state.Range;
        if (state.Nodes * wide < Dense * (high - low)) return state;
        double tail = Math.Min(state.Tails.Left, state.Tails.Right);
        double before = Math.Sqrt(Math.Max(half * half, (tail * tail) - (half * half)));
        LineState.Even between = state with { Sum = state.Sum.With(half), Reach = resolution.Reach(half, before) };
        return Of(between, wide, most, resolution, work) is not { } nodes ? state : state with
        {
            Sum = new LineSum(nodes.x, nodes.mass, nodes.phase, half),
            Reach = resolution.Reach(half, tail),
            Defect = state.Defect + nodes.Defect,
            Lost = state.Lost + nodes.Lost,
            Dropped = [.. state.Dropped, .. nodes.dropped.Select(part => Spread(part.From, part.To, part.Mass, half))],
        };
    }

    /// <summary>So many times more terms than the lattice between two halves of the noise has are too many.</summary>
    private const double Dense = 3;

    /// <summary>That lattice has so many more digits than the step, in units of ln.</summary>
    private const double DigitsBetween = 4;

    private (double From, double To, double[] Values) Moved(
        (double From, double To, double Mass) part, ImmutableArray<ScalarMap> chain, ScalarMap map)
    {
        double first = Image(chain, map, part.From - (0.5 * spacing)).Value;
        double last = Image(chain, map, part.To + (0.5 * spacing)).Value;
        return Spread(Math.Min(first, last), Math.Max(first, last), part.Mass, map.Noise);
    }

    // Mass over an interval, or over the noise where that is wider.
    private static (double From, double To, double[] Values) Spread(double from, double to, double mass, double noise)
    {
        double middle = 0.5 * (from + to);
        double half = 0.5 * Math.Max(noise, to - from);
        return (middle - half, middle + half, [mass / (2 * half)]);
    }
}
