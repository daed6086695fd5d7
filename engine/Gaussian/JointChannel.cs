using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>
/// A random affine map of one direction from the state to the state and registers, r_k ← Gain_k·x + MeanGain_k·μ + ShiftGain_k·u + ε_k
/// with ε ~ N(0, Noise) jointly; row 0 is the state, which alone is an <see cref="AffineChannel"/>. Enclosures, as there.
/// </summary>
internal sealed class JointChannel
{
    // Columns: gain, gain of the mean, gain of the shift.
    private readonly LinearEnclosure gains;

    // The covariance as a vector, row by row; null where no noise has been drawn.
    private readonly LinearEnclosure? noise;

    private JointChannel(LinearEnclosure gains, LinearEnclosure? noise)
    {
        this.gains = gains;
        this.noise = noise;
    }

    /// <summary>The state alone.</summary>
    public static JointChannel Of(in AffineChannel state) => new(
        LinearEnclosure.Of([state.Gain], [state.MeanGain], [state.ShiftGain]),
        state.Noise.IsZero ? null : LinearEnclosure.Of([state.Noise]));

    /// <summary>What becomes of the state.</summary>
    public AffineChannel State => new(gains[0, 0], gains[1, 0], gains[2, 0], noise?[0, 0] ?? 0);

    /// <summary>Registers besides the state.</summary>
    public int Kept => gains.Length - 1;

    /// <summary>First this, then a channel of the state; the registers stay what they are.</summary>
    public JointChannel Then(in AffineChannel next)
    {
        int held = gains.Length;
        var map = new Ball[held, held];
        for (int k = 0; k < held; k++)
        {
            map[k, k] = k == 0 ? next.Gain : 1;
        }

        Ball[] First(Ball value) => [value, .. new Ball[held - 1]];
        var drawn = new Ball[held, held];
        drawn[0, 0] = next.Noise;
        return Mapped(map, [new Ball[held], First(next.MeanGain), First(next.ShiftGain)], next.Noise.IsZero ? null : drawn);
    }

    /// <summary>First this, then a general step where the score's law has variance <paramref name="eigenvalue"/>.</summary>
    public JointChannel Then(GeneralTableau step, Ball eigenvalue, AffineScore score)
    {
        int held = gains.Length;
        int draws = step.Noises;
        var predictions = new Row[step.Stages.Length];
        for (int i = 0; i < predictions.Length; i++)
        {
            GeneralStage stage = step.Stages[i];
            predictions[i] = Row.Of(stage.At, step.Rounding, predictions, held, draws)
                .Predicted(AffineChannel.Prediction(stage.Level, stage.Of, eigenvalue, score));
        }

        Row[] updates = [.. step.Updates.Select(terms => Row.Of(terms, step.Rounding, predictions, held, draws))];
        int rows = updates.Length;
        var map = new Ball[rows, held];
        var drawn = new Ball[rows, rows];
        for (int i = 0; i < rows; i++)
        {
            for (int k = 0; k < held; k++)
            {
                map[i, k] = updates[i].Registers[k];
            }

            for (int j = 0; j < rows; j++)
            {
                for (int n = 0; n < draws; n++)
                {
                    drawn[i, j] += updates[i].Noises[n] * updates[j].Noises[n];
                }
            }
        }

        Ball[][] added = [new Ball[rows], Array.ConvertAll(updates, row => row.Mean), Array.ConvertAll(updates, row => row.Shift)];
        return Mapped(map, added, draws == 0 ? null : drawn);
    }

    // T for the gains; for the covariance T⊗T and what is drawn.
    private JointChannel Mapped(Ball[,] map, Ball[][] added, Ball[,]? drawn)
    {
        LinearEnclosure mapped = gains.Mapped(map, added);
        if (noise is null && drawn is null) return new(mapped, null);
        int rows = map.GetLength(0);
        int held = map.GetLength(1);
        Ball[] fresh = drawn is null ? new Ball[rows * rows] : [.. drawn.Cast<Ball>()];
        if (noise is null) return new(mapped, LinearEnclosure.Of(fresh));
        var squared = new Ball[rows * rows, held * held];
        for (int i = 0; i < rows * rows; i++)
        {
            for (int k = 0; k < held * held; k++)
            {
                squared[i, k] = map[i / rows, k / held] * map[i % rows, k % held];
            }
        }

        return new(mapped, noise.Mapped(squared, [fresh]));
    }

    /// <summary>A quantity inside a step: Σ Registers·r + Mean·μ + Shift·u + Σ Noises·ξ.</summary>
    private sealed record Row(Ball[] Registers, Ball Mean, Ball Shift, Ball[] Noises)
    {
        public static Row Of(ImmutableArray<Term> terms, double rounding, Row[] predictions, int held, int draws)
        {
            var registers = new Ball[held];
            var noises = new Ball[draws];
            Ball mean = 0;
            Ball shift = 0;
            foreach ((Input of, int number, double value, _) in terms)
            {
                // 0, 1 and −1 are no results of rounding.
                Ball coefficient = value is 0 or 1 or -1 ? value : new Ball(value, rounding * Math.Abs(value));
                switch (of)
                {
                    case Input.Register when number < held:
                        registers[number] += coefficient;
                        break;
                    case Input.Register:
                        break;
                    case Input.Noise:
                        noises[number] += coefficient;
                        break;
                    case Input.Prediction:
                        Row prediction = predictions[number];
                        mean += coefficient * prediction.Mean;
                        shift += coefficient * prediction.Shift;
                        AddTo(registers, coefficient, prediction.Registers);
                        AddTo(noises, coefficient, prediction.Noises);
                        break;
                }
            }

            return new(registers, mean, shift, noises);
        }

        /// <summary>The prediction there, slope·y + centre·μ + added·u.</summary>
        public Row Predicted((Ball Slope, Ball Centre, Ball Added) of) => new(
            Array.ConvertAll(Registers, r => of.Slope * r),
            (of.Slope * Mean) + of.Centre,
            (of.Slope * Shift) + of.Added,
            Array.ConvertAll(Noises, c => of.Slope * c));

        private static void AddTo(Ball[] sum, Ball factor, Ball[] terms)
        {
            for (int k = 0; k < sum.Length; k++)
            {
                sum[k] += factor * terms[k];
            }
        }
    }
}
