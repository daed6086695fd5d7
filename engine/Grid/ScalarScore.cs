using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>
/// A prediction on the line at one level: the score or the denoiser of a mixture, then the modifiers, left to right. A modifier says
/// what it does to the score; D = (x + σ²s)/m carries that over to the denoiser.
/// </summary>
internal sealed class ScalarScore
{
    private readonly ScalarMixture law;
    private readonly NoiseLevel level;
    private readonly ImmutableArray<ScoreModifier> modifiers;
    private readonly bool isDenoiser;

    /// <summary>For a score, the denoiser that each clip looks at, by the modifier's index.</summary>
    private readonly ScalarScore?[] clipped;

    /// <summary>The parts of each blend but the score so far, by the modifier's index.</summary>
    private readonly ScalarScore[][] parts;

    /// <summary>Of each blend, 1 − Σw and Σ|w|.</summary>
    private readonly (double Kept, double Size)[] weights;

    /// <summary>σ²/m for a denoiser, 1 for a score: what is added to the score counts so much.</summary>
    private readonly double weight;

    /// <summary>The prediction <paramref name="of"/> at <paramref name="level"/>.</summary>
    public ScalarScore(Mixture law, NoiseLevel level, ImmutableArray<ScoreModifier> modifiers, Prediction of)
    {
        this.law = ScalarMixture.At(law, level);
        this.level = level;
        this.modifiers = modifiers;
        isDenoiser = of == Prediction.Denoiser;
        weight = isDenoiser ? level.NoiseVariance / level.Mean : 1;
        clipped = [.. modifiers.Select((modifier, i) => !isDenoiser && modifier is ScoreModifier.Clipped
            ? new ScalarScore(law, level, modifiers[..i], Prediction.Denoiser)
            : null)];
        parts = [.. modifiers.Select(modifier => modifier is ScoreModifier.Blended blend
            ? blend.Others.Select(other => new ScalarScore(other.Score.Of.Factors[0].Law, level, other.Score.Modifiers, of)).ToArray()
            : [])];
        weights = [.. modifiers.Select(modifier => modifier is ScoreModifier.Blended blend ? Weights(blend) : default)];
        FarSlope = Far();
    }

    /// <summary>The law whose score it is.</summary>
    public ScalarMixture Law => law;

    /// <summary>The laws whose scores are evaluated, those of blended scores included.</summary>
    public IEnumerable<ScalarMixture> Laws => parts.SelectMany(all => all).SelectMany(part => part.Laws).Prepend(law);

    /// <summary>Whether it may change and change back on [low, high], unseen by points there.</summary>
    public bool HidesOn(double low, double high)
    {
        bool hides = FineStructure.IsIn(law, low, high);
        foreach (ScalarScore[] all in parts)
        {
            foreach (ScalarScore part in all)
            {
                hides = hides || part.HidesOn(low, high);
            }
        }

        return hides;
    }

    /// <summary>The least length over which it may bend: a deviation, or a radian of a ripple.</summary>
    public double FinestScale
    {
        get
        {
            double least = law.SmallestDeviation;
            foreach (ScoreModifier modifier in modifiers)
            {
                least = modifier is ScoreModifier.Rippled { Frequency: not 0 } ripple
                    ? Math.Min(least, 1 / Math.Abs(ripple.Frequency))
                    : least;
            }

            foreach (ScalarScore part in parts.SelectMany(all => all))
            {
                least = Math.Min(least, part.FinestScale);
            }

            return least;
        }
    }

    /// <summary>The slope towards ±∞, where every prediction here is linear plus bounded; the same on both sides.</summary>
    public double FarSlope { get; }

    /// <summary>Whether the prediction is smooth in pieces only.</summary>
    public bool HasKinks => modifiers.Any(m => m is ScoreModifier.Clipped) || parts.Any(all => all.Any(part => part.HasKinks));

    /// <summary>f(x), its slope, its rounding, and the piece: a base-3 digit below, inside or above the ball for every clip.</summary>
    public MapValue At(double x)
    {
        (double value, double slope, double rounding) = isDenoiser ? law.Denoiser(x) : law.RoundedScore(x);
        int piece = 0;
        for (int i = 0; i < modifiers.Length; i++)
        {
            double before = Math.Abs(value);
            switch (modifiers[i])
            {
                case ScoreModifier.Shifted shifted:
                    value += weight * shifted.Amount;
                    break;
                case ScoreModifier.Scaled scaled:
                    // The score's factor leaves (1 − c)·x/m of the state in the denoiser.
                    double kept = isDenoiser && scaled.Factor != 1 ? (1 - scaled.Factor) / level.Mean : 0;
                    before = Math.Max(before * Math.Abs(scaled.Factor), Math.Abs(kept * x));
                    value = (kept * x) + (scaled.Factor * value);
                    slope = kept + (scaled.Factor * slope);
                    rounding *= Math.Abs(scaled.Factor);
                    break;
                case ScoreModifier.Rippled rippled:
                    double size = weight * rippled.Amplitude * Math.Sqrt(2);
                    double turn = rippled.Frequency * x;
                    (double sine, double cosine) = Math.SinCos(turn);
                    value += size * sine;
                    slope += size * rippled.Frequency * cosine;
                    rounding += Rounding * Math.Abs(size) * (1 + Math.Abs(turn));
                    break;
                case ScoreModifier.Learned learned:
                    (value, slope) = learned.Function.OnLine(level, x);
                    rounding = learned.Function.Rounding * 16 * Math.Abs(value);
                    before = Math.Abs(value);
                    if (isDenoiser)
                    {
                        before = Math.Max(Math.Abs(x / level.Mean), Math.Abs(weight * value));
                        (value, slope) = ((x / level.Mean) + (weight * value), (1 / level.Mean) + (weight * slope));
                        rounding *= weight;
                    }

                    break;
                case ScoreModifier.Blended blend:
                    double stays = isDenoiser ? weights[i].Kept / level.Mean : 0;
                    double sizes = Math.Abs(blend.Weight * value);
                    sizes += isDenoiser ? weights[i].Size * Math.Abs(x / level.Mean) : 0;
                    (value, slope) = ((stays * x) + (blend.Weight * value), stays + (blend.Weight * slope));
                    rounding *= Math.Abs(blend.Weight);
                    for (int j = 0; j < parts[i].Length; j++)
                    {
                        MapValue part = parts[i][j].At(x);
                        double factor = blend.Others[j].Weight;
                        sizes += Math.Abs(factor * part.Value);
                        (value, slope) = (value + (factor * part.Value), slope + (factor * part.Slope));
                        rounding += Math.Abs(factor) * part.Rounding;
                        piece = unchecked((piece * 31) + part.Piece);
                    }

                    before = 2 * (parts[i].Length + 1) * sizes;
                    break;
                case ScoreModifier.Clipped clip:
                    (value, slope, int side) = Clip(clip.Radius, x, value, slope, clipped[i]?.At(x).Value ?? value);
                    piece = (3 * piece) + side;
                    rounding = side != 1 && isDenoiser ? 0 : rounding;
                    break;
            }

            rounding += Rounding * (before + Math.Abs(value));
        }

        return new(value, slope, piece, rounding);
    }

    /// <summary>Two roundings.</summary>
    private const double Rounding = 2.220446049250313e-16;

    private (double Value, double Slope, int Side) Clip(double radius, double x, double value, double slope, double denoised)
    {
        int side = denoised > radius ? 2 : denoised < -radius ? 0 : 1;
        double edge = Math.CopySign(radius, denoised);
        return side == 1 ? (value, slope, 1)
            : isDenoiser ? (edge, 0, side)
            : (((level.Mean * edge) - x) / level.NoiseVariance, -1 / level.NoiseVariance, side);
    }

    /// <summary>1 − Σw, what a blend of denoisers keeps of x/m, and Σ|w|.</summary>
    private static (double Kept, double Size) Weights(ScoreModifier.Blended blend)
    {
        double sum = blend.Weight;
        double size = Math.Abs(blend.Weight);
        foreach (WeightedScore other in blend.Others)
        {
            sum += other.Weight;
            size += Math.Abs(other.Weight);
        }

        return (1 - sum, size);
    }

    private double Far()
    {
        double slope = isDenoiser ? law.FarDenoiserSlope : -1 / (law.LargestDeviation * law.LargestDeviation);
        for (int i = 0; i < modifiers.Length; i++)
        {
            slope = modifiers[i] switch
            {
                ScoreModifier.Scaled scaled => (isDenoiser ? (1 - scaled.Factor) / level.Mean : 0) + (scaled.Factor * slope),
                ScoreModifier.Learned learned => (isDenoiser ? 1 / level.Mean : 0) + (weight * learned.Function.FarSlope(level)),
                ScoreModifier.Blended blend => (isDenoiser ? weights[i].Kept / level.Mean : 0)
                    + (blend.Weight * slope)
                    + blend.Others.Select((other, j) => other.Weight * parts[i][j].FarSlope).Sum(),
                ScoreModifier.Clipped when isDenoiser => 0,
                // Clipped far out, unless the denoiser is bounded already.
                ScoreModifier.Clipped when level.Sigma > 0 && Math.Abs(level.Mean * clipped[i]!.FarSlope) > 1e-12 => -1 / level.NoiseVariance,
                _ => slope,
            };
        }

        return slope;
    }
}
