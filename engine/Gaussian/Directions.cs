using System.Runtime.InteropServices;

namespace Sgm.Engine;

/// <summary>
/// A coordinate on its own: score, start and target do not couple it with another one. All numbers before noising.
/// </summary>
/// <param name="Channel">Index of its variance under the score's law among the distinct ones.</param>
/// <param name="ScoreMean">Mean of the score's law.</param>
/// <param name="StartMean">Mean of the first state.</param>
/// <param name="StartVariance">Variance of the first state.</param>
/// <param name="TargetMean">Mean of the target.</param>
/// <param name="TargetVariance">Variance of the target.</param>
internal readonly record struct Direction(
    int Channel,
    double ScoreMean,
    double StartMean,
    double StartVariance,
    double TargetMean,
    double TargetVariance);

/// <summary>
/// The coordinates in groups of equal ones, and the blocks of coordinates that a covariance of score, start or target
/// couples. Blocks are independent of each other and of the coordinates on their own, so that nothing is larger than
/// the largest block.
/// </summary>
internal sealed class Directions
{
    private readonly NormalLaw score;
    private readonly NormalLaw start;
    private readonly NormalLaw target;
    private readonly List<Ball> eigenvalues = [];
    private readonly Dictionary<double, int> channels = [];
    private readonly Dictionary<Direction, int> found = [];
    private readonly List<long> counts = [];
    private readonly Dictionary<BlockInputs, int> foundBlocks = [];
    private readonly List<CoupledBlock> blocks = [];

    public Directions(NormalLaw score, NormalLaw start, NormalLaw target)
    {
        this.score = score;
        this.start = start;
        this.target = target;
        GroupOf = new int[score.Mean.Length];
        Group(ContinuedBy(score, start, target));
        Groups = [.. found.Keys];
    }

    /// <summary>Eigenvalues of the score's law: one channel each.</summary>
    public List<Ball> Eigenvalues => eigenvalues;

    /// <summary>Group of every coordinate, −1 − b for those of block b; shape [d].</summary>
    public int[] GroupOf { get; }

    /// <summary>The distinct coordinates.</summary>
    public Direction[] Groups { get; }

    /// <summary>How many coordinates are in each group.</summary>
    public List<long> Counts => counts;

    /// <summary>The distinct blocks, with how many there are of each.</summary>
    public List<CoupledBlock> Blocks => blocks;

    /// <summary>The level of the start.</summary>
    public NoiseLevel StartLevel => start.Level;

    /// <summary>Coordinates of the largest block; 1 where none is coupled.</summary>
    public static int LargestBlock(NormalLaw score, NormalLaw start, NormalLaw target)
    {
        bool[] continued = ContinuedBy(score, start, target);
        int largest = 1;
        int size = 1;
        foreach (bool next in continued)
        {
            size = next ? size + 1 : 1;
            largest = Math.Max(largest, size);
        }

        return largest;
    }

    /// <summary>Whether coordinate i and coordinate i + 1 are in one block.</summary>
    private static bool[] ContinuedBy(params ReadOnlySpan<NormalLaw> laws)
    {
        bool[] result = new bool[laws[0].Mean.Length];
        foreach (NormalLaw law in laws)
        {
            foreach ((int offset, Covariance covariance) in law.Blocks)
            {
                result.AsSpan(offset, covariance.Dimension - 1).Fill(true);
            }
        }

        return result;
    }

    private void Group(bool[] continued)
    {
        int d = continued.Length;
        int group = -1;
        for (int i = 0; i < d; i++)
        {
            if (continued[i])
            {
                int size = 1;
                while (continued[i + size - 1])
                {
                    size++;
                }

                GroupOf.AsSpan(i, size).Fill(-1 - BlockAt(i, size));
                i += size - 1;
                continue;
            }

            // Long runs of equal coordinates are the rule; a run is told from its neighbour, without a look-up.
            bool sameAsBefore = i > 0
                && GroupOf[i - 1] >= 0
                && score.Variances[i] == score.Variances[i - 1]
                && score.Mean[i] == score.Mean[i - 1]
                && start.Mean[i] == start.Mean[i - 1]
                && start.Variances[i] == start.Variances[i - 1]
                && target.Mean[i] == target.Mean[i - 1]
                && target.Variances[i] == target.Variances[i - 1];
            if (!sameAsBefore)
            {
                var direction = new Direction(
                    ChannelOf(score.Variances[i]),
                    score.Mean[i],
                    start.Mean[i],
                    start.Variances[i],
                    target.Mean[i],
                    target.Variances[i]);
                ref int known = ref CollectionsMarshal.GetValueRefOrAddDefault(found, direction, out bool exists);
                if (!exists)
                {
                    known = counts.Count;
                    counts.Add(0);
                }

                group = known;
            }

            GroupOf[i] = group;
            counts[group]++;
        }
    }

    private int BlockAt(int from, int size)
    {
        var inputs = BlockInputs.At(from, size, score, start, target);
        ref int known = ref CollectionsMarshal.GetValueRefOrAddDefault(foundBlocks, inputs, out bool exists);
        if (!exists)
        {
            known = blocks.Count;
            var block = new CoupledBlock(inputs, score.Mean.Length, eigenvalues.Count);
            eigenvalues.AddRange(block.Eigenvalues);
            blocks.Add(block);
        }

        blocks[known].Count++;
        return known;
    }

    private int ChannelOf(double eigenvalue)
    {
        ref int channel = ref CollectionsMarshal.GetValueRefOrAddDefault(channels, eigenvalue, out bool exists);
        if (!exists)
        {
            channel = eigenvalues.Count;
            eigenvalues.Add(eigenvalue);
        }

        return channel;
    }
}
