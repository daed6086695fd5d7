using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Sgm.Engine;

/// <summary>
/// Exact laws of states with independent blocks of one or two coordinates, in any dimension: one law for every distinct kind of block, on
/// the line in closed form where it stays normal and on the grid otherwise, in the plane by <see cref="PlaneInterpreter"/>; divergences
/// tensorise (<see cref="ProductLaw"/>).
/// </summary>
public sealed class ProductInterpreter : IInterpreter
{
    private static readonly PlaneInterpreter Plane = new();

    /// <inheritdoc/>
    public string Backend => "product";

    /// <inheritdoc/>
    public string? WhyNot(Plan plan)
    {
        if (FiniteInterpreter.SymbolProblem(plan) is { } symbols) return symbols;
        if (plan.AdjustedMethod is { } method)
        {
            return $"'{method}' accepts or rejects all coordinates together, so that they do not stay independent; use the grid (one dimension) or particles";
        }

        string? reason = plan.Dimension > 1 && plan.Score.AllModifiers.Any(m => m is ScoreModifier.Clipped or ScoreModifier.Learned)
            ? "a clipped or learned score couples the coordinates"
            : Coupling(plan);
        if (reason is not null) return reason + "; use the gaussian law if everything is normal, or particles";
        return GridInterpreter.ScoreProblem(plan) ?? (Dependence(plan) is null ? LinesProblem(plan) : BlocksProblem(ProductBlocks.Of(plan)));
    }

    /// <summary>
    /// What the pairs of coordinates that are coupled take together; null where there are none, or where something else keeps the plan
    /// from running.
    /// </summary>
    public static PlaneForecast? Foretell(Plan plan)
    {
        bool isOurs = plan.AdjustedMethod is null
            && !plan.Score.AllModifiers.Any(m => m is ScoreModifier.Clipped or ScoreModifier.Learned)
            && Dependence(plan) is not null
            && Coupling(plan) is null;
        PlaneForecast?[] all = isOurs ? [.. ProductBlocks.Of(plan).Planes.Select(PlaneInterpreter.Foretell)] : [null];
        return Array.IndexOf(all, null) >= 0 ? null : Together([.. all.Select(one => one!)]);
    }

    private static PlaneForecast Together(PlaneForecast[] all) => new(all.Max(one => one.Nodes), all.Sum(one => one.Work), all.Any(one => one.IsTorn));

    // Which law has coordinates that are not independent.
    private static string? Dependence(Plan plan) =>
        !plan.Target.HasIndependentCoordinates ? "the target's coordinates are not independent"
        : !plan.Score.Blends.Prepend(plan.Score).All(s => s.Of.HasIndependentCoordinates) ? "the score is that of a law whose coordinates are not independent"
        : plan.Start is Start.Law { Of.HasIndependentCoordinates: false } ? "the start's coordinates are not independent"
        : null;

    // Why the blocks are no lines and planes; a single plane is that law's own.
    private static string? Coupling(Plan plan) =>
        Dependence(plan) is not { } dependence ? null
        : plan.Dimension == 2 ? dependence
        : ProductBlocks.Of(plan).TooLarge is { } large ? $"{dependence}, nor are pairs of them: {large}"
        : null;

    private static string? BlocksProblem(ProductBlocks blocks)
    {
        foreach (Plan plane in blocks.Planes)
        {
            if (Plane.WhyNot(plane) is { } reason) return $"two coordinates that are coupled: {reason}";
        }

        PlaneForecast[] all = [.. blocks.Planes.Select(PlaneForecast.Of)];
        return Together(all).WhyNot()
            ?? ProbeMemory.WhyNot(blocks.Planes[0], all.Sum(PlaneInterpreter.LawBytes), () => all.Sum(PlaneInterpreter.LawBytes))
            ?? (blocks.Lines is { } lines ? LinesProblem(lines) : null);
    }

    private static string? LinesProblem(Plan plan) =>
        (IsNormal(plan) ? RegisterNoise.Fraction(plan) : JointPlan.Problem(plan)) ?? MemoryProblem(plan);

    private static readonly ConditionalWeakTable<Plan, StrongBox<(int Grids, int Kinds)>> Known = [];

    /// <summary>Why there is no memory for so many grids, or for them at every probe; null when there is. Kinds are counted only where there can
    /// be too many, and once.</summary>
    private static string? MemoryProblem(Plan plan)
    {
        long most = Coordinates.MostKinds(plan);
        bool isNormal = IsNormal(plan);
        long grids = isNormal || GridMemory.WhyNot(most) is null ? 0 : Count(plan).Grids;
        double mostBytes = ProbeMemory.LawBytes + (most * (isNormal ? ProbeMemory.CoordinateBytes : GridMemory.FewestLawBytes));
        return GridMemory.WhyNot(grids) ?? ProbeMemory.WhyNot(plan, mostBytes, () => LawBytes(plan));
    }

    private static double LawBytes(Plan plan)
    {
        (int grids, int kinds) = Count(plan);
        return ProbeMemory.LawBytes + (grids * GridMemory.FewestLawBytes) + ((kinds - grids) * ProbeMemory.CoordinateBytes);
    }

    private static (int Grids, int Kinds) Count(Plan plan) => Known.GetValue(plan, static plan =>
    {
        var coordinates = Coordinates.Of(plan);
        int grids = coordinates.Kinds.Count(kind => Affine(kind, Along(plan.Score.Modifiers, coordinates, kind), 1) is null);
        return new((grids, coordinates.Kinds.Length));
    }).Value;

    /// <summary>Whether every coordinate stays normal.</summary>
    private static bool IsNormal(Plan plan) =>
        plan.Target.IsGaussian
        && plan.Score.Of.IsGaussian
        && plan.Start is not Start.Law { Of.IsGaussian: false }
        && plan.Score.Blends.All(other => other.Of.IsGaussian)
        && AffineScore.Of(plan.Score.AllModifiers.Where(m => m is not ScoreModifier.Blended)) is not null;

    /// <summary>The score of a coordinate that stays normal; null where it does not.</summary>
    private static AffineScore? Affine(Coordinate kind, ImmutableArray<ScoreModifier> modifiers, Ball unit) =>
        kind is { Target.Mixture: < 0, Scored.Mixture: < 0, Start.Mixture: < 0 } ? AffineScore.Of(modifiers, unit) : null;

    /// <summary>The modifiers with the laws of blended scores in one coordinate.</summary>
    private static ImmutableArray<ScoreModifier> Along(ImmutableArray<ScoreModifier> modifiers, Coordinates coordinates, Coordinate kind)
    {
        if (kind.Blended == 0) return modifiers;
        Queue<CoordinateLaw> laws = new(coordinates.BlendedLaws(kind));
        ImmutableArray<ScoreModifier> Of(ImmutableArray<ScoreModifier> all) => [.. all.Select(m => m is ScoreModifier.Blended blend
            ? blend with
            {
                Others = [.. blend.Others.Select(other =>
                {
                    Target law = new(coordinates.MixtureOf(laws.Dequeue()));
                    return other with { Score = new(law, Of(other.Score.Modifiers)) };
                })],
            }
            : m)];
        return Of(modifiers);
    }

    /// <inheritdoc/>
    public Outcome Run(Plan plan, RunOptions options)
    {
        if (WhyNot(plan) is { } reason)
        {
            return new(new RunStatus.Unsupported(reason), []);
        }

        return Dependence(plan) is null ? Lines(plan, plan.Dimension, options) : Run(ProductBlocks.Of(plan), plan.Dimension, options);
    }

    /// <summary>A plan whose coordinates are independent, some of those of a state of dimension <paramref name="whole"/>.</summary>
    private static Outcome Lines(Plan plan, int whole, RunOptions options)
    {
        var coordinates = Coordinates.Of(plan);
        var allowance = new BlockAllowance();
        LineProcess[] processes = [.. coordinates.Kinds.Select(kind =>
        {
            ImmutableArray<ScoreModifier> along = Along(plan.Score.Modifiers, coordinates, kind);
            // Here the shift a/√d is not rounded.
            AffineScore? affine = Affine(kind, along, 1 / Ball.Sqrt(whole));
            return Process(coordinates, kind, PerCoordinate(along, whole), affine, allowance);
        })];
        return new LineRun(plan, options, processes, laws => new ProductLaw(laws, coordinates.Counts, coordinates.KindOf)).Run();
    }

    private static Outcome Run(ProductBlocks blocks, int whole, RunOptions options)
    {
        Func<RunOptions, Outcome>[] runs =
        [
            .. blocks.Lines is { } lines ? [own => Lines(lines, whole, own)] : Array.Empty<Func<RunOptions, Outcome>>(),
            .. blocks.Planes.Select(plane => (Func<RunOptions, Outcome>)(own => Plane.Run(plane, own))),
        ];
        Law Assemble(IEnumerable<Law> laws) => ProductLaw.Of([.. laws], blocks);
        Outcome[] all = options.AfterStep is { } observer
            ? Lockstep.Run(runs, options, steps => observer(steps[0] with { Law = Assemble(steps.Select(s => s.Law)) }))
            : OneByOne(runs, options);
        RunStatus status = all.Select(one => one.Status).Aggregate(Worse);
        int probes = all.Length < runs.Length ? 0 : all.Min(one => one.Probes.Length);
        return new(status, [.. Enumerable.Range(0, probes).Select(i =>
            all[0].Probes[i] with { Law = Assemble(all.Select(one => one.Probes[i].Law)) })]);
    }

    // What diverges is followed in the other blocks too: one of them may do so earlier.
    private static Outcome[] OneByOne(Func<RunOptions, Outcome>[] runs, RunOptions options)
    {
        List<Outcome> all = [];
        foreach (Func<RunOptions, Outcome> run in runs)
        {
            double done = all.Count;
            IProgress<double>? progress = options.Progress is { } told ? new Share(told, done / runs.Length, 1.0 / runs.Length) : null;
            all.Add(run(options with { Progress = progress }));
            if (all[^1].Status is RunStatus.Unsupported or RunStatus.Cancelled) break;
        }

        return [.. all];
    }

    private sealed class Share(IProgress<double> whole, double before, double share) : IProgress<double>
    {
        public void Report(double value) => whole.Report(before + (share * value));
    }

    private static RunStatus Worse(RunStatus a, RunStatus b)
    {
        static double Rank(RunStatus status) => status switch
        {
            RunStatus.Cancelled => -2,
            RunStatus.Unsupported => -1,
            RunStatus.Diverged diverged => diverged.Step,
            _ => double.PositiveInfinity,
        };
        return Rank(b) < Rank(a) ? b : a;
    }

    /// <summary>The modifiers as one coordinate out of d sees them: what is a/√d there is the amount here.</summary>
    private static ImmutableArray<ScoreModifier> PerCoordinate(ImmutableArray<ScoreModifier> modifiers, int dimension)
    {
        double unit = 1 / Math.Sqrt(dimension);
        return [.. modifiers.Select(m => m switch
        {
            ScoreModifier.Shifted shifted => new ScoreModifier.Shifted(shifted.Amount * unit),
            ScoreModifier.Rippled rippled => new ScoreModifier.Rippled(rippled.Amplitude * unit, rippled.Frequency),
            ScoreModifier.Blended blend => blend with
            {
                Others = [.. blend.Others.Select(other =>
                    other with { Score = other.Score with { Modifiers = PerCoordinate(other.Score.Modifiers, dimension) } })],
            },
            _ => m,
        })];
    }

    private static LineProcess Process(
        Coordinates coordinates,
        Coordinate kind,
        ImmutableArray<ScoreModifier> modifiers,
        AffineScore? affine,
        BlockAllowance allowance)
    {
        NoiseLevel level = coordinates.StartLevel;
        Ball m = level.Mean;
        bool atPoint = kind.Start is { Mixture: < 0, Variance: 0 };
        if (affine is { } score)
        {
            return new NormalProcess(
                (kind.Target.Mean, kind.Target.Variance),
                (kind.Scored.Mean, kind.Scored.Variance),
                score,
                atPoint
                    ? (kind.Start.Mean, 0)
                    : (m * kind.Start.Mean, (m * m * kind.Start.Variance) + ((Ball)level.Sigma * level.Sigma)));
        }

        return new GridProcess(
            coordinates.MixtureOf(kind.Target),
            coordinates.MixtureOf(kind.Scored),
            modifiers,
            atPoint ? null : ScalarMixture.At(coordinates.MixtureOf(kind.Start), level),
            kind.Start.Mean,
            allowance);
    }
}
