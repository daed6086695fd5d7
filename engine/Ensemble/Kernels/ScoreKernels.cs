using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>Chooses the kernel of a law. A new kernel is a new case here and in <see cref="Name"/>, and the tests enumerate <see cref="Names"/>.</summary>
internal static class ScoreKernels
{
    /// <summary>Every kernel there is.</summary>
    public static readonly ImmutableArray<string> Names =
        ["normal", "shared mixture", "own mixture", "full mixture", "rotated normal", "rotated mixture"];

    /// <summary>The name of the kernel that evaluates one mixture.</summary>
    public static string Name(Mixture law)
    {
        bool full = law.Covariances.Any(c => c.Shape == CovarianceShape.Full);
        return (law.Count, law.SharesCovariance, full) switch
        {
            (1, _, true) => "rotated normal",
            (1, _, false) => "normal",
            (_, true, true) => "rotated mixture",
            (_, true, false) => "shared mixture",
            (_, false, true) => "full mixture",
            _ => "own mixture",
        };
    }

    /// <summary>The kernel of a score at this process's register width.</summary>
    public static ScoreKernel Create(Score score)
    {
        CreateAction action = new() { Score = score };
        LaneWidth.Run(ref action);
        return action.Kernel!;
    }

    /// <summary>The same at a given register width.</summary>
    public static ScoreKernel Create<TLanes>(Score score)
        where TLanes : struct, ILanes<TLanes>
    {
        // What a function replaces is not evaluated.
        int replaced = score.Modifiers.Select((m, i) => m is ScoreModifier.Learned ? i + 1 : 0).DefaultIfEmpty(0).Max();
        ScoreKernel kernel = replaced > 0
            ? new FunctionKernel(((ScoreModifier.Learned)score.Modifiers[replaced - 1]).Function)
            : Of<TLanes>(score.Of);
        return replaced == score.Modifiers.Length ? kernel : Modified<TLanes>(kernel, score.Modifiers[replaced..]);
    }

    // A blend takes kernels of its own; runs of other modifiers share one.
    private static ScoreKernel Modified<TLanes>(ScoreKernel kernel, ImmutableArray<ScoreModifier> modifiers)
        where TLanes : struct, ILanes<TLanes>
    {
        int at = 0;
        while (at < modifiers.Length)
        {
            if (modifiers[at] is ScoreModifier.Blended blend)
            {
                (double, ScoreKernel)[] others = [.. blend.Others.Select(other => (other.Weight, Create<TLanes>(other.Score)))];
                kernel = new BlendKernel(kernel, blend.Weight, others);
                at++;
                continue;
            }

            int from = at;
            while (at < modifiers.Length && modifiers[at] is not ScoreModifier.Blended)
            {
                at++;
            }

            kernel = new ModifiedKernel<TLanes>(kernel, modifiers[from..at]);
        }

        return kernel;
    }

    private static ScoreKernel Of<TLanes>(Target target)
        where TLanes : struct, ILanes<TLanes>
    {
        (int Count, ScoreKernel Kernel)[] factors = [.. target.Factors.Select(f => (f.Count, Of<TLanes>(f.Law)))];
        return factors is [(1, ScoreKernel single)] ? single : new ProductKernel(factors);
    }

    private static ScoreKernel Of<TLanes>(Mixture law)
        where TLanes : struct, ILanes<TLanes>
    {
        law = WithoutEmptyComponents(law);
        Covariance first = law.Covariances[0];
        return Name(law) switch
        {
            "normal" => new NormalKernel<TLanes>(law.Means, first),
            "shared mixture" => new SharedMixtureKernel<TLanes>(law.Weights, law.Means, first),
            "own mixture" => new OwnMixtureKernel<TLanes>(law.Weights, law.Means, law.Covariances),
            "full mixture" => new FullMixtureKernel<TLanes>(law.Weights, law.Means, law.Covariances),
            _ => Rotated<TLanes>(law, first),
        };
    }

    private static RotatedKernel<TLanes> Rotated<TLanes>(Mixture law, Covariance covariance)
        where TLanes : struct, ILanes<TLanes>
    {
        int d = law.Dimension;
        double[] q = covariance.Eigenvectors!;
        double[] means = new double[law.Means.Length];
        for (int k = 0; k < law.Count; k++)
        {
            for (int j = 0; j < d; j++)
            {
                for (int e = 0; e < d; e++)
                {
                    means[(k * d) + j] += q[(e * d) + j] * law.Means[(k * d) + e];
                }
            }
        }

        Mixture inner = new(law.Given, means, [Covariance.Diagonal(covariance.Eigenvalues)]);
        return new RotatedKernel<TLanes>(Of<TLanes>(inner), q);
    }

    /// <summary>The same law without components of weight 0.</summary>
    public static Mixture WithoutEmptyComponents(Mixture law)
    {
        if (law.Weights.All(w => w > 0)) return law;
        int[] kept = [.. Enumerable.Range(0, law.Count).Where(k => law.Weights[k] > 0)];
        return new Mixture(
            [.. kept.Select(k => law.Given[k])],
            [.. kept.SelectMany(k => law.Mean(k).ToArray())],
            law.SharesCovariance ? law.Covariances : [.. kept.Select(k => law.Covariances[k])]);
    }

    private struct CreateAction : ILanesAction
    {
        public Score Score;
        public ScoreKernel? Kernel;

        public void Invoke<TLanes>()
            where TLanes : struct, ILanes<TLanes> => Kernel = Create<TLanes>(Score);
    }
}
