using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>A change made to a score s(x, level); with d the dimension of the whole state.</summary>
public abstract record ScoreModifier
{
    private ScoreModifier()
    {
    }

    /// <summary>s + (a/√d)·(1, …, 1): a constant error of L² and sup norm |a|.</summary>
    public sealed record Shifted(double Amount) : ScoreModifier;

    /// <summary>c·s.</summary>
    public sealed record Scaled(double Factor) : ScoreModifier;

    /// <summary>s_i + (a/√d)·√2·sin(w·x_i) in every coordinate i.</summary>
    public sealed record Rippled(double Amplitude, double Frequency) : ScoreModifier;

    /// <summary>Projects the implied denoiser D = (x + σ²s)/m onto the ball of radius R: s ← (m·Π_R(D) − x)/σ²; needs σ &gt; 0.</summary>
    public sealed record Clipped(double Radius) : ScoreModifier;

    /// <summary>Replaces the score by a function of its own.</summary>
    public sealed record Learned(ScoreFunction Function) : ScoreModifier;

    /// <summary>Weight·s + Σ_j w_j·s_j: the score so far and other estimates at the same point and level.</summary>
    public sealed record Blended(double Weight, ImmutableArray<WeightedScore> Others) : ScoreModifier;
}

/// <summary>A score estimate among several, and what it counts.</summary>
public readonly record struct WeightedScore(double Weight, Score Score);

/// <summary>
/// A score estimate: the exact score ∇ln p_level of <paramref name="Of"/>, then the modifiers, left to right.
/// <paramref name="Of"/> is the plan's target for an unbiased score and another law of the same dimension for a score that
/// was fitted to something else (a wrong mean, a training sample).
/// </summary>
public sealed record Score(Target Of, ImmutableArray<ScoreModifier> Modifiers)
{
    /// <summary>The scores that are blended into this one, one after the other as they are written, those inside them included.</summary>
    public IEnumerable<Score> Blends => Modifiers.OfType<ScoreModifier.Blended>()
        .SelectMany(static blend => blend.Others)
        .SelectMany(static other => other.Score.Blends.Prepend(other.Score));

    /// <summary>The modifiers, those of blended scores included.</summary>
    public IEnumerable<ScoreModifier> AllModifiers => Modifiers.Concat(Blends.SelectMany(static other => other.Modifiers));
}
