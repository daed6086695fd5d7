namespace Sgm.Engine;

/// <summary>
/// Applies steps that may be rejected to the law of a state on the line at one resolution. A step that repeats on the same panels
/// becomes a block matrix.
/// </summary>
internal sealed class AdjustedStepper(GridResolution resolution, BlockAllowance allowance, WorkLimit work)
{
    private const int Order = Legendre.Order;

    /// <summary>Panels are not split below this share of the target's finest scale: a law has kinks of order 3/2 and 3.</summary>
    private const double Narrowest = 1e-9;

    /// <summary>Accuracy of an acceptance rate, in that of a row.</summary>
    private const double RateAccuracy = 10_000;

    private Repeated? known;

    /// <summary>A step from panels to themselves.</summary>
    private sealed class Repeated(AdjustedMap map, PanelSet panels)
    {
        public AdjustedMap Map { get; } = map;

        public PanelSet Panels { get; } = panels;

        public KernelBlocks? Blocks { get; set; }

        /// <summary>The acceptance rate as a functional of the density at the panels' points.</summary>
        public double[] Rate { get; set; } = [];

        public bool Tried { get; set; }
    }

    private double Accuracy => 3 * AdjustedSource.Accuracy(resolution);

    /// <summary>The law after one step, and the probability that it was accepted; null with the reason when there is none.</summary>
    public (LineState? State, StepFailure Failure, double Rate) Apply(LineState state, AdjustedMap map)
    {
        if (state is not LineState.Density density || LineFlattening.Of(density, resolution, work) is not { } flat)
        {
            return (null, StepFailure.NoDensity, 0);
        }

        var grain = new Grain(flat.Steps + 1, map.Law.SmallestDeviation) { Kept = Accuracy };
        bool again = known is not null && ReferenceEquals(known.Map, map) && ReferenceEquals(known.Panels, flat.Panels);
        double[] after = new double[flat.Values.Length];
        double rate = 0;
        var source = new AdjustedSource(flat, map, resolution, work);
        if (again && known!.Blocks is { } blocks)
        {
            work.Spend(blocks.Count);
            blocks.Apply(flat.Values, after);
            for (int i = 0; i < after.Length; i++)
            {
                rate += known.Rate[i] * flat.Values[i];
            }
        }
        else
        {
            rate = Evaluate(flat, map, source, again, after);
        }

        return GridStepper.StillFits(resolution, flat, [], after, flat.Extent, grain) is { } lost
            ? Finished(flat, map, flat.Panels, after, lost, [], rate)
            : Rebuilt(flat, map, source, after, grain, rate);
    }

    /// <summary>Forgets the step that was remembered.</summary>
    public void Forget()
    {
        allowance.Return(known?.Blocks?.Count ?? 0);
        known = null;
    }

    // The density after the step at the points of the panels. The first time on these panels is noted; the second makes the matrix.
    private double Evaluate(LineState.Density flat, AdjustedMap map, AdjustedSource source, bool again, double[] after)
    {
        double[] rejected = new double[after.Length];
        double[] functional = new double[after.Length];
        var rows = new List<(double X, double Weight)>[again && !known!.Tried ? after.Length : 0];
        List<(double X, double Weight)> row = [];
        for (int i = 0; i < after.Length; i++)
        {
            after[i] = source.At(flat.Panels.Nodes[i], row, out rejected[i]);
            if (rows.Length > 0)
            {
                rows[i] = [.. row];
            }
        }

        double rate = Rate(flat, source, rejected, functional);
        if (rows.Length > 0)
        {
            known!.Tried = true;
            known.Rate = functional;
            known.Blocks = KernelBlocks.Of(rows, rejected, flat.Panels, allowance.Left);
            allowance.Take(known.Blocks?.Count ?? 0);
        }
        else if (!again)
        {
            Forget();
            known = new(map, flat.Panels);
        }

        return rate;
    }

    // New panels: the old ones divided where they do not resolve the law, and others where it goes.
    private (LineState?, StepFailure, double) Rebuilt(
        LineState.Density flat, AdjustedMap map, AdjustedSource source, double[] after, Grain grain, double rate)
    {
        PanelSet panels = flat.Panels;
        Dictionary<double, double> values = [];
        for (int i = 0; i < after.Length; i++)
        {
            values[panels.Nodes[i]] = after[i];
        }

        ((double From, double To) hull, List<Feature> features) = AdjustedReach.Of(flat, map, resolution, work);
        List<(double From, double To)> first = [];
        double last = hull.From;
        for (int p = 0; p <= panels.Count; p++)
        {
            double next = p == panels.Count ? hull.To : panels.From[p];
            if (next > last)
            {
                PanelBuilder.Presplit(last, next, features, first, 0);
            }

            if (p < panels.Count)
            {
                first.Add((panels.From[p], panels.To[p]));
                last = panels.To[p];
            }
        }

        List<(double X, double Weight)> row = [];
        void Density(ReadOnlySpan<double> points, Span<double> found)
        {
            for (int i = 0; i < points.Length; i++)
            {
                found[i] = values.TryGetValue(points[i], out double value) ? value : source.At(points[i], row, out _);
            }
        }

        double narrowest = Narrowest * Math.Min(map.Law.SmallestDeviation, map.Step.Leap);
        return PanelBuilder.Build(Density, hull, flat.Extent, features, narrowest, grain, resolution, first) is var (built, found, dropped)
            ? Finished(flat, map, built, found, flat.Extent.SecondMoment(dropped), dropped, rate)
            : (null, StepFailure.TooLarge, 0);
    }

    private (LineState?, StepFailure, double) Finished(
        LineState.Density before, AdjustedMap map, PanelSet panels, double[] values, double lost,
        IReadOnlyList<(double From, double To, double[] Values)> dropped, double rate)
    {
        double mass = panels.Normalise(values);

        if (!(mass > 0.5 && mass < 2))
        {
            return (null, StepFailure.TooLarge, 0);
        }

        // Places are rounded, and with them densities.
        double rounding = (3 * Accuracy) + (2e-16 * (Math.Abs(before.Extent.Centre) + before.Extent.Spread) / map.Law.SmallestDeviation);
        return (new LineState.Density
        {
            Panels = panels,
            Values = values,
            Image = panels.Nodes,
            Tails = map.Tails(before.Tails),
            Defect = before.Defect + Math.Abs(1 - mass),
            Rounding = before.Rounding + rounding,
            Lost = before.Lost + lost,
            Dropped = dropped,
            Steps = before.Steps + 1,
        }, StepFailure.None, rate);
    }

    /// <summary>
    /// ∫ f·(1 − rejection), and in <paramref name="functional"/> what multiplies f at every point: rejection has kinks that the panels do not
    /// know, so they are bisected for it.
    /// </summary>
    private double Rate(LineState.Density state, AdjustedSource source, double[] rejected, double[] functional)
    {
        double sum = 0;
        List<(double X, double Weight)> row = [];
        double[] cardinals = new double[Order];
        void Add(int panel, double from, double to, ReadOnlySpan<double> refused, int depth)
        {
            Span<double> nodes = stackalloc double[Order];
            Span<double> values = stackalloc double[Order];
            PanelSet.Place(from, to, nodes);
            for (int i = 0; i < Order; i++)
            {
                values[i] = state.DensityAt(nodes[i]) * (1 - refused[i]);
            }

            double middle = 0.5 * (from + to);
            double allowed = RateAccuracy * AdjustedSource.Accuracy(resolution);
            if (depth < 40 && middle > from && middle < to && AdjustedSource.Unresolved(values) * (to - from) > allowed)
            {
                Span<double> half = stackalloc double[Order];
                for (int side = 0; side < 2; side++)
                {
                    (double left, double right) = side == 0 ? (from, middle) : (middle, to);
                    PanelSet.Place(left, right, nodes);
                    for (int i = 0; i < Order; i++)
                    {
                        source.At(nodes[i], row, out half[i]);
                    }

                    Add(panel, left, right, half, depth + 1);
                }

                return;
            }

            for (int i = 0; i < Order; i++)
            {
                double weight = 0.5 * (to - from) * Legendre.Weights[i];
                sum += weight * values[i];
                Legendre.Cardinals((2 * (nodes[i] - state.Panels.From[panel]) / state.Panels.Width(panel)) - 1, cardinals);
                for (int m = 0; m < Order; m++)
                {
                    functional[(panel * Order) + m] += weight * (1 - refused[i]) * cardinals[m];
                }
            }
        }

        for (int p = 0; p < state.Panels.Count; p++)
        {
            Add(p, state.Panels.From[p], state.Panels.To[p], rejected.AsSpan(p * Order, Order), 0);
        }

        return sum;
    }
}
