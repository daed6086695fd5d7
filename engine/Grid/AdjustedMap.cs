using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>A place with what the leapfrog and the acceptance need to know there.</summary>
/// <param name="At">y.</param>
/// <param name="Score">s(y).</param>
/// <param name="LogTarget">ln p(y).</param>
internal readonly record struct LeapOrigin(double At, double Score, double LogTarget);

/// <summary>Where the leapfrog leads from a place y with velocity u.</summary>
/// <param name="To">x.</param>
/// <param name="Velocity">u′ there.</param>
/// <param name="Energy">E(y, x): ln p(x) − ln p(y), or its estimate by the score.</param>
/// <param name="Log">E + (u² − u′²)/2, the logarithm of the acceptance ratio.</param>
/// <param name="Piece">Which smooth piece of the scores it went through.</param>
internal readonly record struct LeapProposal(double To, double Velocity, double Energy, double Log, int Piece);

/// <summary>
/// An <see cref="AdjustedStep"/> on the line. Its map (y, u) ↦ (x, u′) keeps area, and (x, −u′) ↦ (y, −u); E(x, y) = −E(y, x). So the law
/// after the step needs no inverse of anything: with a = min(1, e^Log) at (y, u),
///   f′(y) = f(y)·∫ φ(u)·(1 − a) du + ∫ min(φ(u)·e^(−E), φ(u′))·f(x) du,
/// the second because what comes to y came from x with velocity −u′, the way back of where y goes with u.
/// </summary>
internal sealed class AdjustedMap
{
    private readonly ScalarScore score;

    /// <summary>The step for a target and a score, by their data laws.</summary>
    public AdjustedMap(AdjustedStep step, Mixture target, Mixture scored, ImmutableArray<ScoreModifier> modifiers)
    {
        Step = step;
        Law = ScalarMixture.At(target, step.Level);
        score = new(scored, step.Level, modifiers, Prediction.Score);
        Cost = (step.Evaluations * (5 + score.Laws.Sum(law => law.Cost))) + (step.LinePoints is null ? Law.Cost : 0) + 5;
    }

    /// <summary>ε, L and the kind of acceptance.</summary>
    public AdjustedStep Step { get; }

    /// <summary>The target at the level.</summary>
    public ScalarMixture Law { get; }

    /// <summary>Evaluations of a component that a proposal takes.</summary>
    public double Cost { get; }

    /// <summary>Evaluations of a component that the panels of all laws take.</summary>
    public double PanelCost => Law.PanelCost + score.Laws.Sum(law => law.PanelCost);

    /// <summary>Whether the leapfrog is smooth in pieces only.</summary>
    public bool HasKinks => score.HasKinks;

    /// <summary>
    /// Bounds on the tails after the step. With the target's density ρ = f/p becomes its mean over one step, so f is no heavier than the
    /// heavier of p and f were; with the score, p is what the score is of far out, if it pulls back there.
    /// </summary>
    public TailRates Tails(TailRates before)
    {
        double own = Step.LinePoints is null ? Law.LargestDeviation : score.FarSlope < 0 ? 1 / Math.Sqrt(-score.FarSlope) : double.PositiveInfinity;
        double heaviest = Math.Max(Math.Max(before.Left, before.Right), own);
        if (double.IsInfinity(heaviest))
        {
            // What is proposed, kept or not.
            double a = 1 + (0.5 * Step.Leap * Step.Leap * score.FarSlope);
            heaviest = Math.Max(before.Left, before.Right) * Math.Max(1, Math.Abs(a)) + Step.Leap;
        }

        return new(heaviest, heaviest) { AreBounds = true };
    }

    /// <summary>Whether target or score may change on [low, high] unseen by points there.</summary>
    public bool HidesOn(double low, double high) => score.HidesOn(low, high) || (Step.LinePoints is null && FineStructure.IsIn(Law, low, high));

    /// <summary>What is the same for all velocities.</summary>
    public LeapOrigin At(double y) => new(y, score.At(y).Value, Step.LinePoints is null ? Law.LogDensity(y) : 0);

    /// <summary>The piece of the score at a place.</summary>
    public int PieceAt(double y) => HasKinks ? score.At(y).Piece : 0;

    /// <summary>The proposal from a place with velocity <paramref name="u"/>.</summary>
    public LeapProposal From(in LeapOrigin origin, double u)
    {
        double half = 0.5 * Step.Leap;
        double v = u + (half * origin.Score);
        double x = origin.At + (Step.Leap * v);
        MapValue s = score.At(x);
        int piece = s.Piece;
        for (int leap = 1; leap < Step.Leaps; leap++)
        {
            v += Step.Leap * s.Value;
            x += Step.Leap * v;
            s = score.At(x);
            piece = unchecked((piece * 31) + s.Piece);
        }

        v += half * s.Value;
        double energy = Step.LinePoints is { } points
            ? Line(origin, x, s.Value, points - 1, ref piece)
            : Law.LogDensity(x) - origin.LogTarget;
        return new(x, v, energy, energy + (0.5 * (u - v) * (u + v)), piece);
    }

    // The trapezoid rule for the work of the score on the way from y to x.
    private double Line(in LeapOrigin origin, double x, double end, int gaps, ref int piece)
    {
        double sum = 0.5 * (origin.Score + end);
        for (int j = 1; j < gaps; j++)
        {
            MapValue s = score.At((((gaps - j) * origin.At) + (j * x)) / gaps);
            sum += s.Value;
            piece = unchecked((piece * 31) + s.Piece);
        }

        return (x - origin.At) * sum / gaps;
    }
}
