using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Sgm.Engine;

/// <summary>
/// Exact laws of states with independent coordinates, in any dimension: one law on the line for every distinct kind of
/// coordinate, in closed form where it stays normal and on the grid otherwise; divergences tensorise (<see cref="ProductLaw"/>).
/// </summary>
public sealed class ProductInterpreter : IInterpreter
{
    /// <inheritdoc/>
    public string Backend => "product";

    /// <inheritdoc/>
    public string? WhyNot(Plan plan)
    {
        string? reason =
            plan.AdjustedMethod is { } method ? $"'{method}' accepts or rejects all coordinates together, so that they do not stay independent"
            : !plan.Target.HasIndependentCoordinates ? "the target's coordinates are not independent"
            : !plan.Score.Blends.Prepend(plan.Score).All(s => s.Of.HasIndependentCoordinates) ? "the score is that of a law whose coordinates are not independent"
            : plan.Start is Start.Law { Of.HasIndependentCoordinates: false } ? "the start's coordinates are not independent"
            : plan.Dimension > 1 && plan.Score.AllModifiers.Any(m => m is ScoreModifier.Clipped or ScoreModifier.Learned) ? "a clipped or learned score couples the coordinates"
            : null;
        return reason is null
            ? GridInterpreter.ScoreProblem(plan) ?? (IsNormal(plan) ? RegisterNoise.Fraction(plan) : RegisterNoise.Problem(plan)) ?? MemoryProblem(plan)
            : reason + (plan.AdjustedMethod is null ? "; use the gaussian law if everything is normal, or particles" : "; use the grid (one dimension) or particles");
    }

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

        var coordinates = Coordinates.Of(plan);
        var allowance = new BlockAllowance();
        LineProcess[] processes = [.. coordinates.Kinds.Select(kind =>
        {
            ImmutableArray<ScoreModifier> along = Along(plan.Score.Modifiers, coordinates, kind);
            // Here the shift a/√d is not rounded.
            AffineScore? affine = Affine(kind, along, 1 / Ball.Sqrt(plan.Dimension));
            return Process(coordinates, kind, PerCoordinate(along, plan.Dimension), affine, allowance);
        })];
        return new LineRun(plan, options, processes, laws => new ProductLaw(laws, coordinates.Counts, coordinates.KindOf)).Run();
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
