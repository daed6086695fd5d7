using System.Collections.Immutable;
using MathNet.Numerics.LinearAlgebra;

namespace Sgm.Engine;

/// <summary>One run: the channel of every distinct eigenvalue, composed instruction by instruction.</summary>
internal sealed class GaussianRun
{
    private readonly Plan plan;
    private readonly RunOptions options;
    private readonly AffineScore score;
    private readonly NormalLaw scoreLaw;
    private readonly NormalLaw startLaw;
    private readonly NormalLaw targetLaw;
    private readonly Directions? common;
    private readonly double[] eigenvalues;
    private readonly Directions scoreDirections;
    private readonly List<ProbeResult> probes = [];
    private AffineChannel[] channels;
    private NoiseLevel level;
    private long step;
    private RunStatus? stopped;

    public GaussianRun(Plan plan, RunOptions options)
    {
        this.plan = plan;
        this.options = options;
        score = AffineScore.Of(plan.Score.Modifiers)!.Value;
        scoreLaw = NormalLaw.Of(plan.Score.Of, NoiseLevel.Data);
        startLaw = StartLaw(plan);
        targetLaw = ReferenceEquals(plan.Target, plan.Score.Of) ? scoreLaw : NormalLaw.Of(plan.Target, NoiseLevel.Data);
        common = Directions.Common(scoreLaw, startLaw, targetLaw);
        scoreDirections = common ?? Directions.OfScore(scoreLaw);
        eigenvalues = scoreDirections.Eigenvalues;
        channels = [.. eigenvalues.Select(_ => AffineChannel.Identity)];
        level = plan.InitialLevel;
    }

    public static NormalLaw StartLaw(Plan plan) => plan.Start switch
    {
        Start.Law law => NormalLaw.Of(law.Of, law.Level),
        Start.Point point => NormalLaw.At(point.At),
        _ => throw new InvalidOperationException("a start that the Gaussian law does not know"),
    };

    public Outcome Run()
    {
        options.AfterStep?.Invoke(new(-1, null, level, Law()));
        Execute(plan.Instructions);
        return new(stopped ?? new RunStatus.Completed(), [.. probes]);
    }

    private void Execute(ImmutableArray<Instruction> body)
    {
        foreach (Instruction instruction in body)
        {
            if (stopped is not null)
            {
                return;
            }

            switch (instruction)
            {
                case Instruction.Step s:
                    Apply(s.Tableau);
                    break;
                case Instruction.Probe probe:
                    level = probe.Level;
                    probes.Add(new(probe.Name, level, Law()));
                    break;
                case Instruction.Transitions transitions:
                    for (int i = 0; i < transitions.Count && stopped is null; i++)
                    {
                        Execute(transitions.Body(i));
                    }

                    break;
                case Instruction.Repeat repeat:
                    ExecuteRepeat(repeat);
                    break;
            }
        }
    }

    private void Apply(Tableau tableau)
    {
        if ((step & 1023) == 0 && options.Cancellation.IsCancellationRequested)
        {
            stopped = new RunStatus.Cancelled();
            return;
        }

        for (int k = 0; k < channels.Length; k++)
        {
            channels[k] = channels[k].Then(AffineChannel.OfStep(tableau, eigenvalues[k], score));
            if (!channels[k].IsFinite)
            {
                stopped = new RunStatus.Diverged(step, tableau.Method, tableau.From, -1, Advice(tableau, eigenvalues[k]));
                return;
            }
        }

        level = tableau.To;
        options.AfterStep?.Invoke(new(step, tableau, level, Law()));
        step++;
    }

    /// <summary>
    /// A body that nobody watches is composed once and raised to a power. If that leaves the representable range, the longest
    /// power that stays inside is applied and the rest walked step by step, so that the report names the step.
    /// </summary>
    private void ExecuteRepeat(Instruction.Repeat repeat)
    {
        if (repeat.Count == 0)
        {
            return;
        }

        if (options.AfterStep is not null || HasProbe(repeat.Body))
        {
            for (long i = 0; i < repeat.Count && stopped is null; i++)
            {
                Execute(repeat.Body);
            }

            return;
        }

        AffineChannel[] before = channels;
        long stepBefore = step;
        channels = [.. eigenvalues.Select(_ => AffineChannel.Identity)];
        Execute(repeat.Body);
        AffineChannel[] body = channels;
        long bodySteps = step - stepBefore;
        channels = before;
        step = stepBefore;
        if (stopped is not null)
        {
            // The body alone diverges: walk it from the true state for the step's name.
            stopped = stopped is RunStatus.Cancelled ? stopped : null;
            for (long i = 0; i < repeat.Count && stopped is null; i++)
            {
                Execute(repeat.Body);
            }

            return;
        }

        long safe = LongestFinite(before, body, repeat.Count);
        channels = Advance(before, body, safe);
        step = stepBefore + (safe * bodySteps);
        if (safe < repeat.Count)
        {
            for (long i = safe; i < repeat.Count && stopped is null; i++)
            {
                Execute(repeat.Body);
            }
        }
    }

    private static bool HasProbe(ImmutableArray<Instruction> body) => body.Any(instruction => instruction switch
    {
        Instruction.Probe => true,
        Instruction.Repeat repeat => HasProbe(repeat.Body),
        Instruction.Transitions { Count: > 0 } transitions => HasProbe(transitions.Body(0)),
        _ => false,
    });

    private static AffineChannel[] Advance(AffineChannel[] before, AffineChannel[] body, long times) =>
        [.. before.Zip(body, (channel, once) => channel.Then(once.Power(times)))];

    private static long LongestFinite(AffineChannel[] before, AffineChannel[] body, long count)
    {
        bool Finite(long times) => Array.TrueForAll(Advance(before, body, times), channel => channel.IsFinite);
        if (Finite(count))
        {
            return count;
        }

        (long inside, long outside) = (0, count);
        while (outside - inside > 1)
        {
            long middle = inside + ((outside - inside) / 2);
            (inside, outside) = Finite(middle) ? (middle, outside) : (inside, middle);
        }

        return inside;
    }

    private Law Law() => common is not null
        ? new GaussianLaw(common, [.. channels], level)
        : Dense();

    private DenseGaussianLaw Dense()
    {
        int d = plan.Dimension;
        double[] startMean = NormalLaw.ToDirections(startLaw.Mean, scoreLaw.Blocks);
        double[] scoreMean = NormalLaw.ToDirections(scoreLaw.Mean, scoreLaw.Blocks);
        double[] ones = new double[d];
        Array.Fill(ones, 1 / Math.Sqrt(d));
        double[] shift = NormalLaw.ToDirections(ones, scoreLaw.Blocks);
        AffineChannel Channel(int i) => channels[scoreDirections.Groups[scoreDirections.GroupOf[i]].Channel];
        Matrix<double> basis = Basis(scoreLaw, d);
        Vector<double> mean = basis * Vector<double>.Build.Dense(d, i =>
            (double)((Channel(i).Gain * startMean[i]) + (Channel(i).MeanGain * scoreMean[i]) + (Channel(i).ShiftGain * shift[i])));
        Matrix<double> start = basis.Transpose() * Covariance(startLaw, d, 1, 0) * basis;
        Matrix<double> moved = Matrix<double>.Build.Dense(d, d, (i, j) =>
            (double)(Channel(i).Gain * Channel(j).Gain * start[i, j]) + (i == j ? (double)Channel(i).Noise : 0));
        return new(
            mean,
            basis * moved * basis.Transpose(),
            level.Mean * Vector<double>.Build.DenseOfArray(targetLaw.Mean),
            Covariance(targetLaw, d, level.Mean * level.Mean, level.NoiseVariance));
    }

    private static Matrix<double> Basis(NormalLaw law, int d)
    {
        Matrix<double> basis = Matrix<double>.Build.DenseIdentity(d);
        foreach (RotatedBlock block in law.Blocks)
        {
            basis.SetSubMatrix(
                block.Offset,
                block.Offset,
                Matrix<double>.Build.DenseOfRowMajor(block.Size, block.Size, block.Eigenvectors));
        }

        return basis;
    }

    private static Matrix<double> Covariance(NormalLaw law, int d, double factor, double added)
    {
        Matrix<double> basis = Basis(law, d);
        Vector<double> variances = Vector<double>.Build.Dense(d, i => (factor * law.Variances[i]) + added);
        return basis * Matrix<double>.Build.DenseOfDiagonalVector(variances) * basis.Transpose();
    }

    private static string Advice(Tableau tableau, double eigenvalue) => tableau.StaysAtLevel
        ? $"the step h = {tableau.B[0]:g6} is unstable where the variance is {tableau.From.VarianceOf(eigenvalue):g6}: use h < {2 * tableau.From.VarianceOf(eigenvalue):g6}"
        : "the steps of the schedule are too long for this predictor: use more levels";
}
