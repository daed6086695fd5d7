using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Sgm.Engine;

/// <summary>
/// The finest independent blocks of a plan: coordinates are cut where the target, the laws of the score and the start all factor.
/// Blocks of one coordinate make a plan together, of two coordinates each distinct one a plan of its own.
/// </summary>
internal sealed class ProductBlocks
{
    private static readonly ConditionalWeakTable<Plan, ProductBlocks> Known = [];

    /// <summary>The coordinates that are independent of all others; null where there are none.</summary>
    public Plan? Lines { get; private init; }

    /// <summary>The distinct pairs of coordinates that are coupled.</summary>
    public ImmutableArray<Plan> Planes { get; private init; } = [];

    /// <summary>How many there are of each.</summary>
    public ImmutableArray<long> Counts { get; private init; } = [];

    /// <summary>By coordinate the pair's number in <see cref="Planes"/>, ~number for its second coordinate; null for a coordinate of its own.</summary>
    public int?[] PlaneOf { get; private init; } = [];

    /// <summary>The first block of more than two coordinates, in words; null where there is none.</summary>
    public string? TooLarge { get; private init; }

    /// <summary>Of a plan without steps that may be rejected or scores that couple all coordinates; found once.</summary>
    public static ProductBlocks Of(Plan plan) => Known.GetValue(plan, static plan => new Cutter(plan).Cut());

    // One coordinate of a normal law without correlations, or one copy of a factor: what cannot be cut.
    private sealed class Cutter
    {
        private readonly Plan plan;
        private readonly Dictionary<Mixture, int> numbers = new(new SameLaw());
        private readonly List<Mixture> atoms = [];

        // The target, the score's law, blended ones, and the start; each as the numbers of its atoms.
        private readonly List<int[]> laws = [];

        public Cutter(Plan plan)
        {
            this.plan = plan;
            foreach (Target law in plan.Score.Blends.Select(other => other.Of).Prepend(plan.Score.Of).Prepend(plan.Target))
            {
                laws.Add(ReferenceEquals(law, plan.Target) && laws.Count > 0 ? laws[0] : AtomsOf(law));
            }

            laws.Add(plan.Start switch
            {
                Start.Law start => ReferenceEquals(start.Of, plan.Target) ? laws[0] : AtomsOf(start.Of),
                Start.Point point => [.. point.At.Select(x => Number(Normal(x, 0)))],
                _ => throw new InvalidOperationException("a start that the product law does not know"),
            });
        }

        public ProductBlocks Cut()
        {
            int d = plan.Dimension, count = laws.Count;
            int?[] planeOf = new int?[d];
            List<int>[] lines = [.. laws.Select(_ => new List<int>())];
            Dictionary<string, int> kinds = [];
            List<Plan> planes = [];
            List<long> counts = [];
            int[] next = new int[count], reached = new int[count], first = new int[count];
            for (int from = 0, to; from < d; from = to)
            {
                next.CopyTo(first, 0);
                to = from + 1;
                for (bool isEven = false; !isEven;)
                {
                    isEven = true;
                    for (int l = 0; l < count; l++)
                    {
                        while (reached[l] < to) reached[l] += atoms[laws[l][next[l]++]].Dimension;
                        isEven &= reached[l] == to;
                        to = reached[l];
                    }
                }

                if (to - from > 2) return new() { TooLarge = $"coordinates {from + 1} to {to} are coupled" };
                int[][] own = [.. laws.Select((law, l) => law[first[l]..next[l]])];
                if (to - from == 1)
                {
                    for (int l = 0; l < count; l++) lines[l].Add(own[l][0]);
                    continue;
                }

                string key = string.Join(';', own.Select(numbers => string.Join(',', numbers)));
                if (!kinds.TryGetValue(key, out int kind))
                {
                    kind = planes.Count;
                    kinds.Add(key, kind);
                    planes.Add(Part(own, Math.Sqrt(2.0 / d)));
                    counts.Add(0);
                }

                counts[kind]++;
                (planeOf[from], planeOf[from + 1]) = (kind, ~kind);
            }

            return new()
            {
                Lines = lines[0].Count == 0 ? null : Part([.. lines.Select(numbers => numbers.ToArray())], 1),
                Planes = [.. planes],
                Counts = [.. counts],
                PlaneOf = planeOf,
            };
        }

        private int[] AtomsOf(Target law)
        {
            List<int> all = [];
            foreach (Factor factor in law.Factors)
            {
                bool isCut = factor.Law.Count == 1 && factor.Law.Covariances[0].Shape != CovarianceShape.Full;
                int[] own = isCut
                    ? [.. Enumerable.Range(0, factor.Law.Dimension).Select(i => Number(Normal(factor.Law.Means[i], factor.Law.Covariances[0].Variance(i))))]
                    : [Number(factor.Law)];
                for (int copy = 0; copy < factor.Count; copy++) all.AddRange(own);
            }

            return [.. all];
        }

        private static Mixture Normal(double mean, double variance) => Mixture.Normal([mean], Covariance.Isotropic(1, variance));

        private int Number(Mixture law)
        {
            if (!numbers.TryGetValue(law, out int number))
            {
                number = atoms.Count;
                numbers.Add(law, number);
                atoms.Add(law);
            }

            return number;
        }

        // The plan of these atoms; amounts that are shared among coordinates have this share.
        private Plan Part(int[][] own, double share)
        {
            Target target = LawOf(own[0]);
            Target Sliced(Target law, int[] numbers) => ReferenceEquals(law, plan.Target) ? target : LawOf(numbers);
            Queue<int[]> blended = new(own[2..^1]);
            ImmutableArray<ScoreModifier> Of(ImmutableArray<ScoreModifier> all) => [.. all.Select(m => m switch
            {
                ScoreModifier.Shifted shifted => new ScoreModifier.Shifted(shifted.Amount * share),
                ScoreModifier.Rippled rippled => new ScoreModifier.Rippled(rippled.Amplitude * share, rippled.Frequency),
                ScoreModifier.Blended blend => blend with { Others = [.. blend.Others.Select(Other)] },
                _ => m,
            })];
            WeightedScore Other(WeightedScore other)
            {
                Target law = Sliced(other.Score.Of, blended.Dequeue());
                return other with { Score = new(law, Of(other.Score.Modifiers)) };
            }

            return plan with
            {
                Target = target,
                Score = new(Sliced(plan.Score.Of, own[1]), Of(plan.Score.Modifiers)),
                Start = plan.Start is Start.Law start
                    ? start with { Of = Sliced(start.Of, own[^1]) }
                    : new Start.Point([.. own[^1].Select(number => atoms[number].Means[0])]),
            };
        }

        private Target LawOf(int[] numbers)
        {
            List<Factor> factors = [];
            foreach (int number in numbers)
            {
                if (factors.Count > 0 && ReferenceEquals(factors[^1].Law, atoms[number])) factors[^1] = factors[^1] with { Count = factors[^1].Count + 1 };
                else factors.Add(new(1, atoms[number]));
            }

            return new([.. factors]);
        }
    }
}
