namespace Sgm.Engine;

/// <summary>
/// A law on the line as the coordinate of a product: a mixture, a normal law or a point. Equal by content, so that equal
/// coordinates are found.
/// </summary>
internal readonly record struct CoordinateLaw
{
    private CoordinateLaw(int mixture, double mean, double variance)
    {
        Mixture = mixture;
        Mean = mean;
        Variance = variance;
    }

    /// <summary>Index among the mixtures of the plan, or −1 for a normal law or a point.</summary>
    public int Mixture { get; }

    public double Mean { get; }

    /// <summary>0 for a point.</summary>
    public double Variance { get; }

    public static CoordinateLaw Normal(double mean, double variance) => new(-1, mean, variance);

    public static CoordinateLaw OfMixture(int index) => new(index, 0, 0);
}

/// <summary>One kind of coordinate.</summary>
/// <param name="Target">Of the target.</param>
/// <param name="Scored">Of the score's law.</param>
/// <param name="Start">Of the start.</param>
/// <param name="Blended">Which laws of blended scores it has (<see cref="Coordinates.BlendedLaws"/>); 0 where nothing is blended.</param>
internal readonly record struct Coordinate(CoordinateLaw Target, CoordinateLaw Scored, CoordinateLaw Start, int Blended);

/// <summary>The coordinates of a plan with independent ones, grouped into kinds.</summary>
internal sealed class Coordinates
{
    private readonly List<Mixture> mixtures = [];
    private readonly Dictionary<Mixture, int> known = new(new SameLaw());

    private readonly List<(int Before, CoordinateLaw Law)> chains = [];
    private readonly Dictionary<(int Before, CoordinateLaw Law), int> knownChains = [];

    private Coordinates(Plan plan)
    {
        int d = plan.Dimension;
        CoordinateLaw[] target = Expand(plan.Target);
        CoordinateLaw[] scored = ReferenceEquals(plan.Score.Of, plan.Target) ? target : Expand(plan.Score.Of);
        CoordinateLaw[] start = plan.Start switch
        {
            Start.Law law => ReferenceEquals(law.Of, plan.Target) ? target : Expand(law.Of),
            Start.Point point => [.. point.At.Select(x => CoordinateLaw.Normal(x, 0))],
            _ => throw new InvalidOperationException("a start that the product law does not know"),
        };
        CoordinateLaw[][] others = [.. plan.Score.Blends.Select(other => ReferenceEquals(other.Of, plan.Target) ? target : Expand(other.Of))];
        StartLevel = plan.Start is Start.Law { Level: var level } ? level : NoiseLevel.Data;
        KindOf = new int[d];
        var kinds = new Dictionary<Coordinate, int>();
        var counts = new List<long>();
        for (int i = 0; i < d; i++)
        {
            var coordinate = new Coordinate(target[i], scored[i], start[i], Chain(others, i));
            if (!kinds.TryGetValue(coordinate, out int kind))
            {
                kind = counts.Count;
                kinds.Add(coordinate, kind);
                counts.Add(0);
            }

            KindOf[i] = kind;
            counts[kind]++;
        }

        Kinds = [.. kinds.OrderBy(k => k.Value).Select(k => k.Key)];
        Counts = [.. counts];
    }

    /// <summary>Kind of every coordinate, shape [d].</summary>
    public int[] KindOf { get; }

    /// <summary>The kinds.</summary>
    public Coordinate[] Kinds { get; }

    /// <summary>How many coordinates are of each kind.</summary>
    public long[] Counts { get; }

    /// <summary>The level that the start is noised to.</summary>
    public NoiseLevel StartLevel { get; }

    /// <summary>The coordinates of a plan whose target, score and start have independent ones.</summary>
    public static Coordinates Of(Plan plan) => new(plan);

    /// <summary>The laws of a kind's blended scores, in the order of <see cref="Score.Blends"/>.</summary>
    public CoordinateLaw[] BlendedLaws(Coordinate kind)
    {
        List<CoordinateLaw> laws = [];
        for (int at = kind.Blended; at > 0; at = chains[at - 1].Before)
        {
            laws.Add(chains[at - 1].Law);
        }

        laws.Reverse();
        return [.. laws];
    }

    /// <summary>No more kinds than this: one for every factor of one dimension, and every coordinate of the others, of target, score and start.</summary>
    public static long MostKinds(Plan plan)
    {
        static long Of(Target law) => law.Factors.Sum(f => f.Law.Dimension == 1 ? 1 : (long)f.Count * f.Law.Dimension);
        return Of(plan.Target)
            + (ReferenceEquals(plan.Target, plan.Score.Of) ? 0 : Of(plan.Score.Of))
            + plan.Score.Blends.Sum(other => Of(other.Of))
            + (plan.Start is Start.Law law ? Of(law.Of) : plan.Dimension);
    }

    /// <summary>A coordinate's law as a mixture on the line; not for points.</summary>
    public Mixture MixtureOf(CoordinateLaw law) => law.Mixture >= 0
        ? mixtures[law.Mixture]
        : Sgm.Engine.Mixture.Normal([law.Mean], Covariance.Isotropic(1, law.Variance));

    // Laws one after the other as a number: equal ones have the same.
    private int Chain(CoordinateLaw[][] others, int coordinate)
    {
        int at = 0;
        foreach (CoordinateLaw[] laws in others)
        {
            (int, CoordinateLaw) next = (at, laws[coordinate]);
            if (!knownChains.TryGetValue(next, out at))
            {
                chains.Add(next);
                at = chains.Count;
                knownChains.Add(next, at);
            }
        }

        return at;
    }

    private CoordinateLaw[] Expand(Target law)
    {
        var result = new CoordinateLaw[law.Dimension];
        int at = 0;
        foreach (Factor factor in law.Factors)
        {
            for (int copy = 0; copy < factor.Count; copy++)
            {
                for (int i = 0; i < factor.Law.Dimension; i++)
                {
                    result[at++] = factor.Law.Count == 1
                        ? CoordinateLaw.Normal(factor.Law.Means[i], factor.Law.Covariances[0].Variance(i))
                        : CoordinateLaw.OfMixture(IndexOf(factor.Law));
                }
            }
        }

        return result;
    }

    private int IndexOf(Mixture law)
    {
        if (!known.TryGetValue(law, out int index))
        {
            index = mixtures.Count;
            mixtures.Add(law);
            known.Add(law, index);
        }

        return index;
    }
}
