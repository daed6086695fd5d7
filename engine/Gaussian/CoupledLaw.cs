using static Sgm.Engine.DenseAlgebra;

namespace Sgm.Engine;

/// <summary>
/// A coupled block's state N(μ, Q), Q = F·Fᵀ, against the target's N(μ_p, P), P = L·Lᵀ. KL, χ² and TV do not change
/// under invertible maps, so they are those of independent directions after x ↦ Vᵀ·L⁻¹·x, with the singular values of
/// L⁻¹F for deviations.
/// </summary>
internal sealed class CoupledLaw
{
    private const string Singular =
        "the covariances of a block of coupled coordinates are too near to singular ones (or outside 1e-200 to 1e200) for 31 digits";

    private readonly CoupledBlock block;
    private readonly CholeskyFactor? target;
    private readonly DoubleDouble[] difference;
    private readonly double differenceError;

    public CoupledLaw(CoupledBlock block, CoupledState state, NoiseLevel level)
    {
        this.block = block;
        State = state;
        DoubleDouble[][] covariance = CoupledBlock.Noised(block.Inputs.Target, level);
        target = CholeskyFactor.Of(covariance);
        DoubleDouble m = level.Mean;
        difference = [.. state.Mean.Zip(block.Inputs.TargetMean, (a, b) => a - (m * b))];
        double sizes = (4 * block.Inputs.TargetMean.Sum(Math.Abs)) + Norm(difference);
        differenceError = Slack * (state.MeanError + (DoubleDouble.Unit * sizes));
        bool inRange = covariance.Select((row, i) => row[i].High).All(v => v is > 1e-200 and < 1e200);
        Problem = inRange && state.IsBounded && target is { IsBounded: true } ? null : Singular;
    }

    public CoupledState State { get; }

    /// <summary>Why nothing can be said, or null.</summary>
    public string? Problem { get; }

    /// <summary>
    /// The independent directions. L·M = F up to the rounding of the substitution, so that F + Δ = L·(M + L⁻¹Δ) with
    /// Δ the error of F too. M = B·O with orthonormal rows of O, so the singular values of M + L⁻¹Δ = B·(O + B⁻¹L⁻¹Δ)
    /// are those of M within 1 ± ‖B⁻¹L⁻¹Δ‖, where ‖B⁻¹Z‖ = ‖D⁻¹VᵀZ‖ for M = V·D·(orthonormal rows) (Ostrowski).
    /// </summary>
    public IEnumerable<DirectionPair> Pairs()
    {
        CholeskyFactor lower = target!;
        int n = block.Inputs.Size;
        double[][] inverse = Abs(lower.Inverse);
        DoubleDouble[] whitened = [.. lower.Solve(Array.ConvertAll(difference, x => new[] { x })).Select(row => row[0])];
        double[][] residual = Times(Abs(lower.Lower), Array.ConvertAll(whitened, x => new[] { Math.Abs(x.High) }));
        double[][] error = Array.ConvertAll(residual, row => new[] { Slack * ((Gamma(n) * row[0]) + differenceError) });
        double offsetError = Frobenius(Times(inverse, error)) + (1.1 * lower.Defect * Frobenius(inverse) * Frobenius(error));
        Ball variance = new(DoubleDouble.One, lower.RelativeError);
        if (State.Factor is not { } factor)
        {
            return whitened.Select(y => DirectionPair.Of(block.Count, new(y, offsetError), default, variance));
        }

        DoubleDouble[][] scaled = lower.Solve(factor);
        double[][] perturbation = Times(Abs(lower.Lower), Abs(scaled));
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < perturbation[i].Length; j++)
            {
                perturbation[i][j] = Slack * ((Gamma(n + 1) * perturbation[i][j]) + State.ColumnErrors[j]);
            }
        }

        var rows = new OrthogonalizedRows(scaled);
        Ball[] variances = Variances(rows, scaled, lower, perturbation);
        DoubleDouble[] offsets = Times(rows.Vectors, whitened);
        offsetError = Slack * (offsetError + ((Gamma(n) * Math.Sqrt(n)) + rows.Nonorthogonality) * Norm(whitened));
        return offsets.Zip(variances, (y, w) => DirectionPair.Of(block.Count, new(y, offsetError), w, variance));
    }

    /// <summary>
    /// W2² = |μ − μ_p|² + B², B the Bures distance (Bhatia, Jain and Lim 2019). For K = LᵀF = V·S·U and O = V·U, B² =
    /// tr P + tr Q − 2·tr S = ‖L·O − F‖² + tr L(I − OOᵀ)Lᵀ + 2·(tr OKᵀ − tr S), where for an O that is computed the
    /// last two are small: the trace form's cancellation does not occur. Factors at distances ψ from those of P and Q
    /// change B by at most ψ.
    /// </summary>
    public Ball SquaredDistance()
    {
        CholeskyFactor lower = target!;
        double rounding = Gamma(difference.Length) * Slack * Math.Pow(Norm(difference), 2);
        Ball means = Ball.Sqrt(new(Dot(difference, difference), rounding)).Widened(differenceError);
        if (State.Factor is not { } factor)
        {
            Ball trace = 0;
            foreach (DoubleDouble[] row in lower.Lower)
            {
                DoubleDouble square = Dot(row, row);
                trace += new Ball(square, Gamma(row.Length) * square.High * Slack);
            }

            return (means * means) + trace.Widened(trace.Magnitude * 2 * lower.RelativeError);
        }

        Ball bures = Bures(lower.Lower, factor);
        double moved = Slack * (lower.FactorError + State.FactorError);
        return (means * means) + bures.Widened(Slack * moved * ((2 * Ball.Sqrt(bures).Magnitude) + moved));
    }

    private Ball[] Variances(OrthogonalizedRows rows, DoubleDouble[][] scaled, CholeskyFactor lower, double[][] perturbation)
    {
        int n = rows.Rows.Length;
        double[][] inverse = Abs(lower.Inverse);
        DoubleDouble[][] turned = TimesTransposed(rows.Vectors, Transposed(lower.Inverse));
        double[][] rounding = Times(Abs(rows.Vectors), inverse);
        double[][] sensitivity = [.. turned.Select((row, i) =>
            row.Select((x, j) => (Math.Abs(x.High) + (Gamma(n) * rounding[i][j])) / Math.Sqrt(rows.Squares[i].High)).ToArray())];
        double size = Frobenius(perturbation);
        double distortion = Frobenius(Times(sensitivity, perturbation)) + (1.1 * lower.Defect * Frobenius(sensitivity) * size);
        double relative = Slack * ((2.1 * rows.RelativeError) + (2.2 * distortion) + block.StartError);
        if (relative < 0.02)
        {
            return Array.ConvertAll(rows.Squares, w => new Ball(w, 1.1 * relative * w.High));
        }

        // Too near to singular for relative bounds: what is left is absolute.
        double moved = Frobenius(inverse) * size * (1 + (1.1 * lower.Defect));
        double norm = Frobenius(scaled);
        double absolute = Slack * (rows.SquareError + (moved * ((2 * norm) + moved)) + (3 * block.StartError * norm * norm));
        return Array.ConvertAll(rows.Squares, w => new Ball(w, absolute));
    }

    private static Ball Bures(DoubleDouble[][] lower, DoubleDouble[][] factor)
    {
        int n = lower.Length;
        int m = factor[0].Length;
        double size = Frobenius(lower);
        DoubleDouble[][] product = TimesTransposed(Transposed(lower), Transposed(factor));
        double rounding = Gamma(n) * size * Frobenius(factor);
        var rows = new OrthogonalizedRows(product);
        double[] lengths = Array.ConvertAll(rows.Squares, s => Math.Sqrt(s.High));
        double least = 4 * n * DoubleDouble.Unit * lengths.Max();
        int[] kept = [.. Enumerable.Range(0, n).Where(i => lengths[i] > least)];
        int[] dropped = [.. Enumerable.Range(0, n).Except(kept)];
        DoubleDouble[][] right = Array.ConvertAll(
            kept,
            i => Array.ConvertAll(rows.Rows[i], y => y / DoubleDouble.Sqrt(rows.Squares[i])));
        DoubleDouble[][] moved = TimesTransposed(lower, rows.Vectors);
        DoubleDouble sum = 0;
        DoubleDouble rest = 0;
        for (int i = 0; i < n; i++)
        {
            DoubleDouble[] left = Array.ConvertAll(kept, k => moved[i][k]);
            for (int j = 0; j < m; j++)
            {
                DoubleDouble entry = -factor[i][j];
                for (int k = 0; k < kept.Length; k++)
                {
                    entry += left[k] * right[k][j];
                }

                sum += entry * entry;
            }

            foreach (int k in dropped)
            {
                rest += moved[i][k] * moved[i][k];
            }
        }

        DoubleDouble[][] gram = TimesTransposed(right, right);
        for (int i = 0; i < gram.Length; i++)
        {
            gram[i][i] -= DoubleDouble.One;
        }

        // ‖UUᵀ − I‖, then what was rounded in L·O − F, in tr L(I − OOᵀ)Lᵀ and in tr OKᵀ − tr S.
        double coupling = Frobenius(gram) + (n * Gamma(m + 6));
        double loose = coupling + (2.1 * rows.Nonorthogonality);
        double first = Gamma((2 * n) + 2) * n * Slack * (size + Frobenius(factor));
        double distance = Math.Sqrt(sum.High);
        double nuclear = lengths.Sum() * Slack;
        double last = dropped.Sum(i => lengths[i])
            + (1.1 * (loose + Gamma(n + m)) * nuclear)
            + (2.2 * Math.Sqrt(n) * (rows.Residual + rounding));
        double error = (first * ((2 * distance) + first)) + (loose * size * size) + (2 * last) + (Gamma(m * n) * sum.High);
        return new(sum + rest, Slack * error);
    }
}
