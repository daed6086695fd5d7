using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>
/// A random affine map of one direction of the state, x ← Gain·x + MeanGain·μ + ShiftGain·u + N(0, Noise), where μ is the mean
/// and u = (1, …, 1)/√d the unit shift in that direction. With an affine score every step, and so every plan, is of this form,
/// with coefficients that depend on the direction only through its eigenvalue. Channels compose: they form a monoid, so a body
/// repeated n times costs log₂ n compositions. The coefficients are enclosures: they contain what exact arithmetic would give for the
/// methods' formulas at the levels' doubles (m, σ), and every eigenvalue in its ball.
/// </summary>
/// <param name="Gain">Factor of the state.</param>
/// <param name="MeanGain">Factor of the mean of the score's law.</param>
/// <param name="ShiftGain">Factor of the unit shift.</param>
/// <param name="Noise">Variance of the accumulated noise.</param>
public readonly record struct AffineChannel(Ball Gain, Ball MeanGain, Ball ShiftGain, Ball Noise)
{
    /// <summary>A variance beyond this, a standard deviation of 1e150, counts as diverged.</summary>
    private const double Limit = 1e150;

    /// <summary>Relative rounding of √(2h), a corrector's noise; its step h is the user's, and exact.</summary>
    private const double RootRounding = 1.2e-16;

    /// <summary>Relative rounding of coefficients of a score: 1 + γ, e^γ, 2(e^γ − 1), √(e^(2γ) − 1), 2.5 units from the exact γ.</summary>
    private const double ScoreRounding = 5.6e-16;

    /// <summary>Relative rounding of coefficients of a denoiser: a few operations on the doubles (m, σ) of two levels.</summary>
    private const double DenoiserRounding = 1.5e-15;

    /// <summary>The same for the noise, in which σ² − r²σ′² may cancel: measured to 4.5e-15 over all levels that the language allows.</summary>
    private const double DenoiserNoiseRounding = 6e-15;

    /// <summary>Does nothing.</summary>
    public static AffineChannel Identity => new(1, 0, 0, 0);

    /// <summary>Whether every coefficient is finite and the state stays below 1e150.</summary>
    public bool IsFinite =>
        Gain.IsWithin(Limit) && MeanGain.IsWithin(Limit) && ShiftGain.IsWithin(Limit) && Noise.IsWithin(Limit * Limit);

    /// <summary>First this channel, then <paramref name="next"/>.</summary>
    public AffineChannel Then(in AffineChannel next) => new(
        next.Gain * Gain,
        (next.Gain * MeanGain) + next.MeanGain,
        (next.Gain * ShiftGain) + next.ShiftGain,
        (next.Gain * next.Gain * Noise) + next.Noise);

    /// <summary>This channel n ≥ 0 times, by repeated squaring.</summary>
    public AffineChannel Power(long n)
    {
        AffineChannel result = Identity;
        AffineChannel square = this;
        while (n > 0)
        {
            if ((n & 1) == 1)
            {
                result = result.Then(square);
            }

            n >>= 1;
            if (n > 0)
            {
                square = square.Then(square);
            }
        }

        return result;
    }

    /// <summary>
    /// The step of a tableau in a direction where the score's law has variance λ = <paramref name="eigenvalue"/>: at level (m, σ) with
    /// v = m²λ + σ² the score is s = −c·(y − m·μ)/v + e·u, with c and e from the modifiers (<see cref="AffineScore"/>), and the denoiser
    /// D = ((1 − c)/m + c·m·λ/v)·y + c·(σ²/v)·μ + e·(σ²/m)·u: for c = 1 a sum of terms ≥ 0.
    /// </summary>
    public static AffineChannel OfStep(Tableau tableau, Ball eigenvalue, AffineScore score)
    {
        int stages = tableau.Stages.Length;

        bool isOfScores = tableau.Stages.All(stage => stage.Of == Engine.Prediction.Score);
        (double rounding, double noiseRounding) = tableau.StaysAtLevel ? (0, RootRounding)
            : isOfScores ? (ScoreRounding, ScoreRounding)
            : (DenoiserRounding, DenoiserNoiseRounding);

        // 0 and 1 are no results of rounding.
        Ball Known(double coefficient) => coefficient is 0 or 1 ? coefficient : new Ball(coefficient, rounding * Math.Abs(coefficient));

        Span<(Ball X, Ball Mean, Ball Shift)> values = stackalloc (Ball, Ball, Ball)[stages];
        for (int i = 0; i < stages; i++)
        {
            Stage stage = tableau.Stages[i];
            (Ball slope, Ball centre, Ball added) = Prediction(stage.Level, stage.Of, eigenvalue, score);
            Ball x = Known(stage.A);
            Ball mean = 0;
            Ball shift = 0;
            for (int j = 0; j < i; j++)
            {
                x += Known(stage.B[j]) * values[j].X;
                mean += Known(stage.B[j]) * values[j].Mean;
                shift += Known(stage.B[j]) * values[j].Shift;
            }

            values[i] = (slope * x, (slope * mean) + centre, (slope * shift) + added);
        }

        Ball gain = Known(tableau.A);
        Ball meanGain = 0;
        Ball shiftGain = 0;
        for (int i = 0; i < stages; i++)
        {
            gain += Known(tableau.B[i]) * values[i].X;
            meanGain += Known(tableau.B[i]) * values[i].Mean;
            shiftGain += Known(tableau.B[i]) * values[i].Shift;
        }

        Ball deviation = new(tableau.C, noiseRounding * tableau.C);
        return new(gain, meanGain, shiftGain, deviation * deviation);
    }

    /// <summary>The prediction of the model at y, Slope·y + Centre·μ + Added·u.</summary>
    internal static (Ball Slope, Ball Centre, Ball Added) Prediction(NoiseLevel level, Prediction of, Ball eigenvalue, AffineScore score)
    {
        Ball m = level.Mean;
        Ball sigma = level.Sigma;
        Ball noise = sigma * sigma;
        Ball share = score.Scale / ((m * m * eigenvalue) + noise);
        bool isDenoiser = of == Engine.Prediction.Denoiser;
        Ball scale = score.Scale;
        Ball slope = isDenoiser ? share * m * eigenvalue : -share;
        Ball centre = share * (isDenoiser ? noise : m);
        Ball added = isDenoiser ? noise / m * score.Shift : score.Shift;
        foreach (AffinePart other in score.Others)
        {
            Ball part = other.Scale / ((m * m * other.Variance) + noise);
            scale += other.Scale;
            slope += isDenoiser ? part * m * other.Variance : -part;
            added += part * (isDenoiser ? noise : m) * other.Mean;
        }

        return (isDenoiser ? ((1 - scale) / m) + slope : slope, centre, added);
    }
}

/// <summary>Scale·∇ln of N(m·Mean, m²·Variance + σ²), a part of an affine score on the line.</summary>
public readonly record struct AffinePart(Ball Scale, Ball Mean, Ball Variance);

/// <summary>
/// An affine score in terms of the exact one: s = Scale·∇ln p + Shift·u with u = (1, …, 1)/√d, and on the line the scores of other
/// normal laws that are blended into it.
/// </summary>
public readonly record struct AffineScore(Ball Scale, Ball Shift)
{
    private readonly ImmutableArray<AffinePart> others = [];

    /// <summary>The other normal laws' scores.</summary>
    public ImmutableArray<AffinePart> Others
    {
        get => others.IsDefault ? [] : others;
        private init => others = value;
    }

    /// <summary>The affine form of the modifiers, or null when one of them is not affine.</summary>
    public static AffineScore? Of(IEnumerable<ScoreModifier> modifiers) => Of(modifiers, 1);

    /// <summary>The same for one coordinate out of d, with a/√d for an added vector of length a: <paramref name="unit"/> = 1/√d.</summary>
    public static AffineScore? Of(IEnumerable<ScoreModifier> modifiers, Ball unit)
    {
        var result = new AffineScore(1, 0);
        foreach (ScoreModifier modifier in modifiers)
        {
            switch (modifier)
            {
                case ScoreModifier.Shifted shifted:
                    result = result with { Shift = result.Shift + (unit * shifted.Amount) };
                    break;
                case ScoreModifier.Scaled scaled:
                    result = result.Times(scaled.Factor);
                    break;
                case ScoreModifier.Blended blend:
                    result = result.Times(blend.Weight);
                    foreach ((double weight, Score other) in blend.Others)
                    {
                        if (!other.Of.IsGaussian || other.Of.Dimension != 1 || Of(other.Modifiers, unit) is not { } own) return null;
                        Mixture law = other.Of.Factors[0].Law;
                        AffineScore part = own.Times(weight);
                        result = result with
                        {
                            Shift = result.Shift + part.Shift,
                            Others = [.. result.Others, new(part.Scale, law.Means[0], law.Covariances[0].Variance(0)), .. part.Others],
                        };
                    }

                    break;
                default:
                    return null;
            }
        }

        return result;
    }

    private AffineScore Times(Ball factor) => new(Scale * factor, Shift * factor)
    {
        Others = [.. Others.Select(part => part with { Scale = part.Scale * factor })],
    };
}
