using System.Runtime.InteropServices;

namespace Sgm.Engine;

/// <summary>Directions in which everything that matters is the same, and how many there are.</summary>
/// <param name="Channel">Index of the direction's eigenvalue among the distinct ones of the score's law.</param>
/// <param name="ScoreMean">Mean of the score's law before noising.</param>
/// <param name="Shift">Component of (1, …, 1)/√d.</param>
/// <param name="StartMean">Mean of the first state.</param>
/// <param name="StartVariance">Variance of the first state.</param>
/// <param name="TargetMean">Mean of the target before noising.</param>
/// <param name="TargetVariance">Variance of the target before noising.</param>
internal readonly record struct Direction(
    int Channel,
    double ScoreMean,
    double Shift,
    double StartMean,
    double StartVariance,
    double TargetMean,
    double TargetVariance);

/// <summary>The common eigenbasis of score, start and target, grouped into distinct directions.</summary>
internal sealed class Directions
{
    private Directions(double[] eigenvalues, List<RotatedBlock> blocks, int[] groupOf, Direction[] groups, long[] counts)
    {
        Eigenvalues = eigenvalues;
        Blocks = blocks;
        GroupOf = groupOf;
        Groups = groups;
        Counts = counts;
    }

    /// <summary>Distinct eigenvalues of the score's law: one channel each.</summary>
    public double[] Eigenvalues { get; }

    /// <summary>Where directions are not coordinates.</summary>
    public List<RotatedBlock> Blocks { get; }

    /// <summary>Group of every direction, shape [d].</summary>
    public int[] GroupOf { get; }

    /// <summary>The distinct directions.</summary>
    public Direction[] Groups { get; }

    /// <summary>How many directions are in each group.</summary>
    public long[] Counts { get; }

    /// <summary>Groups the directions; null when score, start and target have no eigenbasis in common.</summary>
    public static Directions? Common(NormalLaw score, NormalLaw start, NormalLaw target)
    {
        List<RotatedBlock> blocks = score.Blocks.Count > 0 ? score.Blocks : target.Blocks.Count > 0 ? target.Blocks : start.Blocks;
        if (!score.IsDiagonalIn(blocks) || !start.IsDiagonalIn(blocks) || !target.IsDiagonalIn(blocks))
        {
            return null;
        }

        return Group(score, start, target, blocks);
    }

    /// <summary>The score's own eigenbasis, whatever start and target are; only the channels' eigenvalues are meaningful.</summary>
    public static Directions OfScore(NormalLaw score) => Group(score, score, score, score.Blocks);

    private static Directions Group(NormalLaw score, NormalLaw start, NormalLaw target, List<RotatedBlock> blocks)
    {
        int d = score.Mean.Length;
        double[] scoreMean = NormalLaw.ToDirections(score.Mean, blocks);
        double[] startMean = NormalLaw.ToDirections(start.Mean, blocks);
        double[] targetMean = NormalLaw.ToDirections(target.Mean, blocks);
        double unit = 1 / Math.Sqrt(d);
        double[]? shift = null;
        if (blocks.Count > 0)
        {
            double[] ones = new double[d];
            Array.Fill(ones, unit);
            shift = NormalLaw.ToDirections(ones, blocks);
        }

        var channels = new Dictionary<double, int>();
        var found = new Dictionary<Direction, int>();
        var counts = new List<long>();
        int[] groupOf = new int[d];
        int group = -1;
        for (int i = 0; i < d; i++)
        {
            // Long runs of equal directions are the rule; a run is told from its neighbour, without a look-up.
            bool sameAsBefore = i > 0
                && score.Variances[i] == score.Variances[i - 1]
                && scoreMean[i] == scoreMean[i - 1]
                && (shift is null || shift[i] == shift[i - 1])
                && startMean[i] == startMean[i - 1]
                && start.Variances[i] == start.Variances[i - 1]
                && targetMean[i] == targetMean[i - 1]
                && target.Variances[i] == target.Variances[i - 1];
            if (!sameAsBefore)
            {
                var direction = new Direction(
                    ChannelOf(channels, score.Variances[i]),
                    scoreMean[i],
                    shift?[i] ?? unit,
                    startMean[i],
                    start.Variances[i],
                    targetMean[i],
                    target.Variances[i]);
                ref int known = ref CollectionsMarshal.GetValueRefOrAddDefault(found, direction, out bool exists);
                if (!exists)
                {
                    known = counts.Count;
                    counts.Add(0);
                }

                group = known;
            }

            groupOf[i] = group;
            counts[group]++;
        }

        return new([.. channels.Keys], blocks, groupOf, [.. found.Keys], [.. counts]);
    }

    private static int ChannelOf(Dictionary<double, int> channels, double eigenvalue)
    {
        ref int channel = ref CollectionsMarshal.GetValueRefOrAddDefault(channels, eigenvalue, out bool exists);
        if (!exists)
        {
            channel = channels.Count - 1;
        }

        return channel;
    }
}
