using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>The value of a map of the line, its slope, and which smooth piece of it the point lies in.</summary>
internal readonly record struct MapValue(double Value, double Slope, int Piece);

/// <summary>A score estimate on the line at one level: the exact score of a mixture, then the modifiers, left to right.</summary>
internal sealed class ScalarScore
{
    private readonly ScalarMixture law;
    private readonly NoiseLevel level;
    private readonly ImmutableArray<ScoreModifier> modifiers;

    /// <summary>The score at <paramref name="level"/>.</summary>
    public ScalarScore(Mixture law, NoiseLevel level, ImmutableArray<ScoreModifier> modifiers)
    {
        this.law = ScalarMixture.At(law, level);
        this.level = level;
        this.modifiers = modifiers;
    }

    /// <summary>The law whose score it is.</summary>
    public ScalarMixture Law => law;

    /// <summary>s(x), its slope, and the piece: a base-3 digit below, inside or above the ball for every clip.</summary>
    public MapValue At(double x)
    {
        (double value, double slope) = law.Score(x);
        int piece = 0;
        foreach (ScoreModifier modifier in modifiers)
        {
            switch (modifier)
            {
                case ScoreModifier.Shifted shifted:
                    value += shifted.Amount;
                    break;
                case ScoreModifier.Scaled scaled:
                    value *= scaled.Factor;
                    slope *= scaled.Factor;
                    break;
                case ScoreModifier.Rippled rippled:
                    double size = rippled.Amplitude * Math.Sqrt(2);
                    (double sine, double cosine) = Math.SinCos(rippled.Frequency * x);
                    value += size * sine;
                    slope += size * rippled.Frequency * cosine;
                    break;
                case ScoreModifier.Learned learned:
                    (value, slope) = learned.Function.OnLine(level, x);
                    break;
                case ScoreModifier.Clipped clipped:
                    double denoised = (x + (level.NoiseVariance * value)) / level.Mean;
                    int side = denoised > clipped.Radius ? 2 : denoised < -clipped.Radius ? 0 : 1;
                    piece = (3 * piece) + side;
                    if (side != 1)
                    {
                        value = ((level.Mean * Math.CopySign(clipped.Radius, denoised)) - x) / level.NoiseVariance;
                        slope = -1 / level.NoiseVariance;
                    }

                    break;
            }
        }

        return new(value, slope, piece);
    }

    /// <summary>Whether the score is smooth in pieces only.</summary>
    public bool HasKinks => modifiers.Any(m => m is ScoreModifier.Clipped);

    /// <summary>The slope towards ±∞, where every score here is linear plus bounded; the same on both sides.</summary>
    public double FarSlope
    {
        get
        {
            double slope = -1 / (law.LargestDeviation * law.LargestDeviation);
            foreach (ScoreModifier modifier in modifiers)
            {
                if (modifier is ScoreModifier.Scaled scaled)
                {
                    slope *= scaled.Factor;
                }
                else if (modifier is ScoreModifier.Learned learned)
                {
                    slope = learned.Function.FarSlope(level);
                }
                else if (modifier is ScoreModifier.Clipped && level.Sigma > 0)
                {
                    // The denoiser moves with slope (1 + σ²·slope)/m: clipped unless it is bounded already.
                    double denoiser = 1 + (level.NoiseVariance * slope);
                    slope = Math.Abs(denoiser) < 1e-12 ? slope : -1 / level.NoiseVariance;
                }
            }

            return slope;
        }
    }
}

/// <summary>The deterministic part of a step on the line: T(x) = A·x + Σ_i B_i·s_i, then + C·ξ.</summary>
internal sealed class ScalarMap
{
    private readonly ScalarScore[] scores;

    /// <summary>The map of a tableau.</summary>
    public ScalarMap(Tableau tableau, Mixture law, ImmutableArray<ScoreModifier> modifiers)
    {
        Tableau = tableau;
        scores = [.. tableau.Stages.Select(stage => new ScalarScore(law, stage.Level, modifiers))];
        FarSlope = Far();
        Cost = scores.Sum(s => 5 + s.Law.Cost);
    }

    /// <summary>The step.</summary>
    public Tableau Tableau { get; }

    /// <summary>C, the standard deviation of the noise that follows.</summary>
    public double Noise => Tableau.C;

    /// <summary>dT/dx towards ±∞.</summary>
    public double FarSlope { get; }

    /// <summary>The laws whose scores are evaluated, stage by stage.</summary>
    public IEnumerable<ScalarMixture> ScoreLaws => scores.Select(s => s.Law);

    /// <summary>Whether T is smooth in pieces only.</summary>
    public bool HasKinks => scores.Any(s => s.HasKinks);

    /// <summary>Evaluations of a component that <see cref="At"/> takes.</summary>
    public double Cost { get; }

    /// <summary>T(x) with slope and piece.</summary>
    public MapValue At(double x)
    {
        Span<MapValue> stages = stackalloc MapValue[scores.Length];
        double value = Tableau.A * x;
        double slope = Tableau.A;
        double size = Math.Abs(slope);
        int piece = 0;
        for (int i = 0; i < scores.Length; i++)
        {
            Stage stage = Tableau.Stages[i];
            double y = stage.A * x;
            double dy = stage.A;
            for (int j = 0; j < i; j++)
            {
                y += stage.B[j] * stages[j].Value;
                dy += stage.B[j] * stages[j].Slope;
            }

            MapValue score = scores[i].At(y);
            stages[i] = new(score.Value, score.Slope * dy, 0);
            value += Tableau.B[i] * score.Value;
            slope += Tableau.B[i] * stages[i].Slope;
            size += Math.Abs(Tableau.B[i] * stages[i].Slope);
            piece = unchecked((piece * 31) + score.Piece);
        }

        // What cancels to the last digits is flat: the law gets an atom there, not an enormous density.
        return new(value, Math.Abs(slope) <= 1e-15 * size ? 0 : slope, piece);
    }

    private double Far()
    {
        double[] stages = new double[scores.Length];
        double slope = Tableau.A;
        for (int i = 0; i < scores.Length; i++)
        {
            Stage stage = Tableau.Stages[i];
            double dy = stage.A;
            for (int j = 0; j < i; j++)
            {
                dy += stage.B[j] * stages[j];
            }

            stages[i] = scores[i].FarSlope * dy;
            slope += Tableau.B[i] * stages[i];
        }

        return Math.Abs(slope) < 1e-14 * Math.Abs(Tableau.A) ? 0 : slope;
    }
}
