namespace Sgm.Engine;

/// <summary>Why a step could not be taken.</summary>
internal enum StepFailure
{
    None,
    Diverged,
    TooLarge,

    /// <summary>The state has no density that is smooth in pieces, which a step that may be rejected needs.</summary>
    NoDensity,

    /// <summary>State and registers are no law of two coordinates that is known here.</summary>
    Entangled,

    /// <summary>State and registers need too many nodes.</summary>
    TooDense,
}

/// <summary>
/// Applies steps to the law of a state on the line at one resolution. Deterministic steps move points. Noisy steps go
/// by even lattices where those serve (<see cref="EvenStepper"/>). Else they evaluate the banded sum on panels that are
/// chosen anew when the old ones no longer resolve the law; a step that repeats on the same panels becomes a block matrix.
/// </summary>
internal sealed class GridStepper(GridResolution resolution, BlockAllowance allowance, WorkLimit work)
{
    private const int Order = Legendre.Order;

    /// <summary>A density whose relative rounding is larger than this is not carried on.</summary>
    private const double LargestRounding = 0.01;

    /// <summary>A state that an unstable corrector has spread over more noise standard deviations than this has diverged.</summary>
    private const double LargestSpread = 1e8;

    /// <summary>Beyond so many standard deviations the rounding of mass counts by its share of the variance.</summary>
    private const double FarOut = 100;

    private const int CacheSize = 8;
    private readonly LinkedList<Repeated> cache = new();
    private readonly EvenStepper even = new(resolution, work);
    private ScalarMap? last;

    /// <summary>What is known of a step that was taken from these panels to themselves.</summary>
    private sealed class Repeated(ScalarMap map, PanelSet panels, TailRates tails, double[] shift, (int Panel, double Low, double High)[] strays)
    {
        public (int Panel, double Low, double High)[] Strays { get; } = strays;

        public ScalarMap Map { get; } = map;

        public double[] Shift { get; } = shift;

        public PanelSet Panels { get; } = panels;

        public TailRates Tails { get; } = tails;

        public KernelBlocks? Blocks { get; set; }

        public bool Tried { get; set; }
    }

    /// <summary>The law after one step; null with the reason when there is none.</summary>
    public (LineState? State, StepFailure Failure) Apply(LineState state, ScalarMap map) => (state, map.Noise) switch
    {
        (LineState.Point point, 0) => Moved(point, map),
        (LineState.Point point, _) => Spread(point, map),
        (LineState.Continuous law, 0) => Moved(Settled(law), map),
        (LineState.Continuous law, _) => Noisy(law, map),
        _ => throw new InvalidOperationException("a state that the grid does not know"),
    };

    /// <summary>A law on panels.</summary>
    public LineState.Density Settled(LineState.Continuous law) =>
        law as LineState.Density ?? ((LineState.Even)law).Settled(resolution, work);

    // On an even lattice where that serves, else on panels.
    private (LineState?, StepFailure) Noisy(LineState.Continuous law, ScalarMap map)
    {
        TailRates tails = law.Tails.After(map.FarSlope, map.Noise);
        if (!(map.Noise <= 1e150) || (IsUnstable(map) && Math.Max(tails.Left, tails.Right) > LargestSpread * map.Noise))
        {
            return (null, StepFailure.Diverged);
        }

        (LineState.Even? next, StepFailure failure) = even.Apply(law, map);
        return failure != StepFailure.None ? (null, failure)
            : next is null ? OnPanels(Settled(law), map)
            : next.Rounding <= LargestRounding ? (next, StepFailure.None)
            : (null, Lost(map));
    }

    private static (LineState?, StepFailure) Moved(LineState.Point point, ScalarMap map)
    {
        MapValue value = map.At(point.At);
        double shift = value.Rounding + Math.Abs(value.Slope * point.Shift);
        return Math.Abs(value.Value) <= 1e150 ? (new LineState.Point(value.Value, shift), StepFailure.None) : (null, StepFailure.Diverged);
    }

    private (LineState?, StepFailure) Spread(LineState.Point point, ScalarMap map)
    {
        MapValue value = map.At(point.At);
        if (!(Math.Abs(value.Value) <= 1e150 && map.Noise <= 1e150))
        {
            return (null, StepFailure.Diverged);
        }

        double rounding = (value.Rounding + Math.Abs(value.Slope * point.Shift)) / map.Noise;
        LineState.Density? density = rounding <= LargestRounding
            ? LineState.Of(ScalarMixture.Normal(value.Value, map.Noise), resolution, work)
            : null;
        return density is null ? (null, StepFailure.TooLarge) : (density with { Steps = 1, Rounding = rounding }, StepFailure.None);
    }

    private (LineState?, StepFailure) Moved(LineState.Density state, ScalarMap map)
    {
        int n = state.Image.Length;
        work.Spend(n * map.Cost);
        double[] image = new double[n];
        double[] slope = new double[n];
        int[] piece = new int[n];
        double[] shift = new double[n];
        for (int i = 0; i < n; i++)
        {
            MapValue value = map.At(state.Image[i]);
            if (!(Math.Abs(value.Value) <= 1e150))
            {
                return (null, StepFailure.Diverged);
            }

            image[i] = value.Value;
            slope[i] = (state.Slope?[i] ?? 1) * value.Slope;
            shift[i] = value.Rounding + Math.Abs(value.Slope * (state.Shift?[i] ?? 0));
            piece[i] = unchecked(((state.Piece?[i] ?? 0) * 31) + value.Piece);
        }

        return (state with
        {
            Chain = state.Chain.Add(map),
            Image = image,
            Slope = slope,
            Shift = shift,
            Piece = piece,
            Tails = state.Tails.After(map.FarSlope, 0),
        }, StepFailure.None);
    }

    private (LineState?, StepFailure) OnPanels(LineState.Density state, ScalarMap map)
    {
        var grain = new Grain(state.Steps + 1, map.Noise);
        Repeated? known = state.Chain.IsEmpty ? cache.FirstOrDefault(r => ReferenceEquals(r.Map, map) && ReferenceEquals(r.Panels, state.Panels)) : null;
        if (known is not null)
        {
            if (!known.Tried)
            {
                known.Tried = true;
                known.Blocks = KernelBlocks.Build(new(state, map, resolution, work, anyDensity: true), state.Panels, allowance.Left);
                allowance.Take(known.Blocks?.Count ?? 0);
            }

            if (known.Blocks is not null)
            {
                work.Spend(known.Blocks.Count);
                double[] after = new double[state.Values.Length];
                known.Blocks.Apply(state.Values, after);
                Extent extent = state.Extent.After(map.Noise);
                if (StillFits(resolution, state, known.Strays, after, extent, grain) is { } left)
                {
                    TailRates tails = state.Tails.After(map.FarSlope, map.Noise);
                    return Finished(state, map, state.Panels, after, tails, known.Shift, left, Missing(state, known.Strays, map.Noise));
                }
            }
        }

        var tree = new SourceTree(state, map, resolution, work);
        if (!tree.IsFinite)
        {
            return (null, StepFailure.Diverged);
        }

        bool again = ReferenceEquals(last, map);
        last = map;
        if (state.Chain.IsEmpty && (again || MovesLittle(state, tree)))
        {
            double[] after = new double[state.Values.Length];
            tree.Evaluate(state.Panels.Nodes, after);
            (int Panel, double Low, double High)[] strays = tree.StraysFrom(state.Panels);
            if (!tree.IsTooLarge && StillFits(resolution, state, strays, after, tree.Extent, grain) is { } left)
            {
                if (known is null)
                {
                    Remember(new(map, state.Panels, tree.Tails, tree.Shift, strays));
                }

                return Finished(state, map, state.Panels, after, tree.Tails, tree.Shift, left, Missing(state, strays, map.Noise));
            }
        }

        return PanelBuilder.Build(tree.Evaluate, tree.Hull, tree.Extent, tree.Features, resolution.Narrowest(map.Noise), grain, resolution) is var (panels, values, dropped)
            && !tree.IsTooLarge
            ? Finished(state, map, panels, values, tree.Tails, tree.Shift, tree.Extent.SecondMoment(dropped), dropped)
            : (null, Lost(map));
    }

    /// <summary>An unstable corrector, |dT/dx| &gt; 1 towards ±∞ at one level, drives the state off at a geometric rate.</summary>
    private static bool IsUnstable(ScalarMap map) => map.StaysAtLevel && Math.Abs(map.FarSlope) > 1 + 1e-9;

    /// <summary>What it means that the grid can no longer hold a law.</summary>
    private static StepFailure Lost(ScalarMap map) => IsUnstable(map) ? StepFailure.Diverged : StepFailure.TooLarge;

    /// <param name="before">The law before the step.</param>
    /// <param name="map">The step.</param>
    /// <param name="panels">Panels of the law after it.</param>
    /// <param name="values">Its density there.</param>
    /// <param name="tails">Its tails.</param>
    /// <param name="shift">Bounds on the rounding of the image of every point before the step.</param>
    /// <param name="lost">E (x − c)² of what the panels leave out.</param>
    /// <param name="dropped">What they leave out, as far as it is not beyond their ends.</param>
    private static (LineState?, StepFailure) Finished(
        LineState.Density before, ScalarMap map, PanelSet panels, double[] values, TailRates tails, double[] shift, double lost,
        IReadOnlyList<(double From, double To, double[] Values)> dropped)
    {
        double mass = panels.Normalise(values);

        if (!(mass > 0.5 && mass < 2))
        {
            return (null, Lost(map));
        }

        double[] shares = [.. before.Values.Select((value, i) => value * before.Panels.Weights[i])];
        Extent extent = before.Extent.After(map.Noise);
        (double displaced, double far) = Displaced(shares, before.Image, shift, extent, map.Noise);
        double rounding = before.Rounding + displaced;
        if (!(rounding <= LargestRounding))
        {
            return (null, Lost(map));
        }

        return (new LineState.Density
        {
            Panels = panels,
            Values = values,
            Image = panels.Nodes,
            Tails = tails,
            Defect = before.Defect + Math.Abs(1 - mass),
            Rounding = rounding,
            Lost = before.Lost + lost + far,
            Dropped = dropped,
            Steps = before.Steps + 1,
            Smoothness = before.HasKinks || map.HasKinks ? 0 : map.Noise,
        }, StepFailure.None);
    }

    /// <summary>
    /// What the rounding of images changes: the relative change of the density after noise, and E (x − c)² of what is
    /// far out.
    /// </summary>
    /// <param name="masses">Masses at the points before the step.</param>
    /// <param name="places">The points.</param>
    /// <param name="shift">Bounds on the rounding of their images.</param>
    /// <param name="extent">Where the law lies after it.</param>
    /// <param name="noise">C.</param>
    public static (double Relative, double Lost) Displaced(
        ReadOnlySpan<double> masses,
        ReadOnlySpan<double> places,
        ReadOnlySpan<double> shift,
        Extent extent,
        double noise)
    {
        // N(y + δ, C²) has χ² = e^(δ²/C²) − 1 from N(y, C²), and χ² is convex: the root of its mean is the relative change.
        double square = 0;
        double lost = 0;
        for (int i = 0; i < shift.Length; i++)
        {
            square += masses[i] * shift[i] * shift[i];

            // Far out, mass that is too light to show in that mean may hold much of the variance.
            double far = places[i] - extent.Centre;
            if (Math.Abs(far) > FarOut * extent.Spread)
            {
                lost += Math.Abs(masses[i]) * far * far * shift[i] / noise;
            }
        }

        return (Math.Sqrt(Math.Max(0, square)) / noise, lost);
    }

    /// <summary>Where panels whose image meets none of them went, with at most what density.</summary>
    private static (double From, double To, double[] Values)[] Missing(
        LineState.Density state, (int Panel, double Low, double High)[] strays, double noise) =>
        [.. strays.Select(s =>
        {
            double mass = PanelBuilder.Largest(state.Values.AsSpan(s.Panel * Order, Order)) * state.Panels.Width(s.Panel);
            double[] values = new double[Order];
            Array.Fill(values, mass / Math.Max(noise, s.High - s.Low));
            return (s.Low, s.High, values);
        })];

    private void Remember(Repeated step)
    {
        cache.AddFirst(step);
        if (cache.Count > CacheSize)
        {
            allowance.Return(cache.Last!.Value.Blocks?.Count ?? 0);
            cache.RemoveLast();
        }
    }

    /// <summary>Forgets the steps that were remembered.</summary>
    public void Forget()
    {
        allowance.Return(cache.Sum(r => r.Blocks?.Count ?? 0));
        cache.Clear();
    }

    /// <summary>Whether images stay close to where they came from, so that the panels are worth trying again.</summary>
    private static bool MovesLittle(LineState.Density state, SourceTree tree)
    {
        foreach (SourcePiece root in tree.Roots)
        {
            double width = root.To - root.From;
            if (root.Peak * width > 1e-9
                && Math.Abs(0.5 * (root.Low + root.High - root.From - root.To)) + (0.2 * tree.Noise) > 0.4 * width)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>
    /// If the state's panels resolve the density after the step, hold all of it and are not mostly empty: E (x − c)² of what they
    /// leave out, beyond their ends and of the panels whose image strays from all of them. Otherwise null.
    /// </summary>
    internal static double? StillFits(
        GridResolution resolution, LineState.Density state, (int Panel, double Low, double High)[] strays, double[] values, Extent extent, Grain grain)
    {
        PanelSet panels = state.Panels;
        double negligible = resolution.Negligible;
        double empty = negligible * Math.Exp(-2 * GridResolution.Margin);
        int wasted = 0;
        double lost = 0;
        foreach ((int p, double low, double high) in strays)
        {
            double share = PanelBuilder.Largest(state.Values.AsSpan(p * Order, Order)) * panels.Width(p) * extent.Reach(low, high);
            if (share > negligible)
            {
                return null;
            }

            lost += share;
        }

        for (int p = 0; p < panels.Count; p++)
        {
            ReadOnlySpan<double> own = values.AsSpan(p * Order, Order);
            double reach = extent.Reach(panels.From[p], panels.To[p]);
            double weight = panels.Width(p) * reach;
            double share = PanelBuilder.Largest(own) * weight;
            if (share < empty)
            {
                wasted++;
            }

            double left = panels.TouchesLeft(p) ? 0 : Math.Abs(own[0]) * weight;
            double right = panels.TouchesRight(p) ? 0 : Math.Abs(own[^1]) * weight;
            if (left > negligible
                || right > negligible
                || (share > negligible && !resolution.Resolves(own, panels.From[p], panels.To[p], grain, reach, GridResolution.Slack)))
            {
                return null;
            }

            lost += left + right;
        }

        return wasted * 3 <= panels.Count ? lost * extent.Spread * extent.Spread : null;
    }
}
