using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>
/// A random affine map of one direction from the state to the state and registers, r_k ← Gain_k·x + MeanGain_k·μ + ShiftGain_k·u + ε_k
/// with ε ~ N(0, Noise) jointly; row 0 is the state, which alone is an <see cref="AffineChannel"/>. Enclosures, as there.
/// </summary>
internal sealed class JointChannel
{
    private readonly Ball[] gain;
    private readonly Ball[] mean;
    private readonly Ball[] shift;
    private readonly Ball[,] noise;

    private JointChannel(Ball[] gain, Ball[] mean, Ball[] shift, Ball[,] noise)
    {
        this.gain = gain;
        this.mean = mean;
        this.shift = shift;
        this.noise = noise;
    }

    /// <summary>The state alone.</summary>
    public static JointChannel Of(in AffineChannel state) =>
        new([state.Gain], [state.MeanGain], [state.ShiftGain], new[,] { { state.Noise } });

    /// <summary>What becomes of the state.</summary>
    public AffineChannel State => new(gain[0], mean[0], shift[0], noise[0, 0]);

    /// <summary>Registers besides the state.</summary>
    public int Kept => gain.Length - 1;

    /// <summary>First this, then a channel of the state; the registers stay what they are.</summary>
    public JointChannel Then(in AffineChannel next)
    {
        Ball[] rowGain = [.. gain], rowMean = [.. mean], rowShift = [.. shift];
        AffineChannel state = State.Then(next);
        (rowGain[0], rowMean[0], rowShift[0]) = (state.Gain, state.MeanGain, state.ShiftGain);
        var covariance = (Ball[,])noise.Clone();
        covariance[0, 0] = state.Noise;
        for (int k = 1; k < gain.Length; k++)
        {
            covariance[0, k] = covariance[k, 0] = next.Gain * noise[0, k];
        }

        return new(rowGain, rowMean, rowShift, covariance);
    }

    /// <summary>First this, then a general step where the score's law has variance <paramref name="eigenvalue"/>.</summary>
    public JointChannel Then(GeneralTableau step, Ball eigenvalue, AffineScore score)
    {
        int held = gain.Length;
        int rows = step.Updates.Length;
        int draws = step.Noises;
        var predictions = new Row[step.Stages.Length];
        for (int i = 0; i < predictions.Length; i++)
        {
            GeneralStage stage = step.Stages[i];
            predictions[i] = Row.Of(stage.At, step.Rounding, predictions, held, draws)
                .Predicted(AffineChannel.Prediction(stage.Level, stage.Of, eigenvalue, score));
        }

        Row[] updates = [.. step.Updates.Select(terms => Row.Of(terms, step.Rounding, predictions, held, draws))];
        Ball[] After(Ball[] before, Func<Row, Ball> added) =>
            [.. updates.Select(row => Enumerable.Range(0, held).Aggregate(added(row), (sum, k) => sum + (row.Registers[k] * before[k])))];

        var covariance = new Ball[rows, rows];
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                Ball sum = 0;
                for (int k = 0; k < held; k++)
                {
                    for (int l = 0; l < held; l++)
                    {
                        sum += updates[i].Registers[k] * updates[j].Registers[l] * noise[k, l];
                    }
                }

                for (int n = 0; n < draws; n++)
                {
                    sum += updates[i].Noises[n] * updates[j].Noises[n];
                }

                covariance[i, j] = covariance[j, i] = sum;
            }
        }

        return new(After(gain, _ => 0), After(mean, row => row.Mean), After(shift, row => row.Shift), covariance);
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
            foreach ((Input of, int number, double value) in terms)
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
