using static Sgm.Engine.DenseAlgebra;

namespace Sgm.Engine;

/// <summary>
/// The normal law of a coupled block after some steps: its mean, and a factor F of its covariance Q = F·Fᵀ instead of
/// Q itself, which loses half as many digits: F = [g(S)·C, r(S)^½] for the gain g and the noise r of the channels
/// (the square-root form of the Kalman filter). g enters as 1 + (g − 1), so that where nothing has happened nothing
/// is rounded.
/// </summary>
internal sealed class CoupledState
{
    private readonly CoupledBlock block;
    private (double[,] Lower, bool IsPositive)? cholesky;

    public CoupledState(CoupledBlock block, ReadOnlySpan<AffineChannel> channels)
    {
        this.block = block;
        int n = block.Inputs.Size;
        AffineChannel[] own = channels.Slice(block.FirstChannel, n).ToArray();
        Ball[] gain = Array.ConvertAll(own, c => c.Gain);
        Ball[] added = Array.ConvertAll(gain, g => g - 1);
        Ball[] deviation = Array.ConvertAll(own, c => Ball.Sqrt(c.Noise));
        LargestGain = gain.Max(g => g.Magnitude);

        Mean = new DoubleDouble[n];
        foreach ((DoubleDouble[] vector, Ball[] function) in new[]
        {
            (block.StartMean, added),
            (block.ScoreMean, Array.ConvertAll(own, c => c.MeanGain)),
            (block.Shift, Array.ConvertAll(own, c => c.ShiftGain)),
        })
        {
            DoubleDouble[] image = Apply(function, vector);
            Mean = [.. Mean.Zip(image, (a, b) => a + b)];
            MeanError += ApplicationError(function, vector);
        }

        Mean = [.. Mean.Zip(block.StartMean, (a, b) => a + b)];
        // Inputs are off by two units, sums by a few more.
        double sizes = Norm(block.StartMean)
            + (own.Max(c => c.MeanGain.Magnitude) * Norm(block.ScoreMean))
            + (own.Max(c => c.ShiftGain.Magnitude) * Norm(block.Shift));
        MeanError = Slack * (MeanError + (Gamma(8) * (1 + LargestGain) * sizes));

        var columns = new List<DoubleDouble[]>();
        var errors = new List<double>();
        if (block.StartFactor is { } start)
        {
            double sum = Array.TrueForAll(added, a => a.IsZero) ? 0 : 2 * DoubleDouble.Unit;
            foreach (DoubleDouble[] column in Transposed(start))
            {
                DoubleDouble[] image = Apply(added, column);
                columns.Add([.. image.Zip(column, (a, b) => a + b)]);
                errors.Add(ApplicationError(added, column) + (sum * Norm(columns[^1])));
            }
        }

        if (!Array.TrueForAll(deviation, r => r.IsZero))
        {
            double error = block.FunctionError(deviation);
            for (int k = 0; k < n; k++)
            {
                DoubleDouble size = deviation[k].Mid;
                columns.Add(Array.ConvertAll(block.Vectors[k], v => size * v));
                errors.Add(Slack * (error + (Math.Abs(size.High) * (block.Nonorthogonality + (2 * DoubleDouble.Unit)))));
            }
        }

        Factor = columns.Count == 0 ? null : Transposed(columns.ToArray());
        ColumnErrors = [.. errors];
        IsBounded = block.IsBounded && Array.TrueForAll(ColumnErrors, double.IsFinite) && double.IsFinite(MeanError);
    }

    /// <summary>The mean, shape [n].</summary>
    public DoubleDouble[] Mean { get; }

    /// <summary>At least the length of the mean's error.</summary>
    public double MeanError { get; }

    /// <summary>F, shape [n][n or 2n]; null when the state is a point.</summary>
    public DoubleDouble[][]? Factor { get; }

    /// <summary>At least the length of the error of every column of F, for C as it was rounded.</summary>
    public double[] ColumnErrors { get; }

    /// <summary>At least ‖g(S)‖₂.</summary>
    public double LargestGain { get; }

    /// <summary>False where the digits do not suffice to say anything.</summary>
    public bool IsBounded { get; }

    /// <summary>At least the distance in ‖·‖_F from F to a factor of Q.</summary>
    public double FactorError =>
        Slack * (Math.Sqrt(ColumnErrors.Sum(e => e * e)) + (LargestGain * block.StartFactorError));

    /// <summary>Mean of coordinate i.</summary>
    public Ball MeanOf(int i) => new(Mean[i], MeanError);

    /// <summary>Variance of coordinate i, Σ_j F_ij².</summary>
    public Ball VarianceOf(int i)
    {
        if (Factor is null)
        {
            return default;
        }

        DoubleDouble square = Dot(Factor[i], Factor[i]);
        double error = FactorError;
        double rounding = Gamma(Factor[i].Length) * square.High;
        return new(square, Slack * ((2 * Math.Sqrt(square.High) * error) + (error * error) + rounding));
    }

    /// <summary>Draws μ + F·z, shape [n, count].</summary>
    public void Draw(RandomStream stream, Span<double> x, int count)
    {
        int columns = Factor?[0].Length ?? 0;
        double[] z = new double[columns * count];
        stream.FillNormal(z);
        for (int i = 0; i < Mean.Length; i++)
        {
            Span<double> row = x.Slice(i * count, count);
            row.Fill((double)Mean[i]);
            for (int j = 0; j < columns; j++)
            {
                double f = (double)Factor![i][j];
                ReadOnlySpan<double> normals = z.AsSpan(j * count, count);
                for (int k = 0; k < count; k++)
                {
                    row[k] += f * normals[k];
                }
            }
        }
    }

    /// <summary>ln of the density at x, shape [n], from Q in doubles; null where Q is singular in them.</summary>
    public double? LogDensity(ReadOnlySpan<double> x)
    {
        if (Factor is null) return null;
        int n = Mean.Length;
        (double[,] lower, bool isPositive) = cholesky ??= Cholesky();
        if (!isPositive) return null;
        double sum = -n * NormalTail.LogRootTwoPi;
        Span<double> y = n <= 64 ? stackalloc double[n] : new double[n];
        for (int i = 0; i < n; i++)
        {
            y[i] = x[i] - (double)Mean[i];
            for (int j = 0; j < i; j++)
            {
                y[i] -= lower[i, j] * y[j];
            }

            y[i] /= lower[i, i];
            sum -= (0.5 * y[i] * y[i]) + Math.Log(lower[i, i]);
        }

        return sum;
    }

    private (double[,] Lower, bool IsPositive) Cholesky()
    {
        int n = Mean.Length;
        double[,] lower = new double[n, n];
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                double rest = (double)Dot(Factor![i], Factor[j]);
                for (int k = 0; k < j; k++)
                {
                    rest -= lower[i, k] * lower[j, k];
                }

                if (i == j && !(rest > 0)) return (lower, false);
                lower[i, j] = i == j ? Math.Sqrt(rest) : rest / lower[j, j];
            }
        }

        return (lower, true);
    }

    /// <summary>V·diag(f)·Vᵀ·x.</summary>
    private DoubleDouble[] Apply(Ball[] f, DoubleDouble[] x) =>
        block.FromEigenbasis([.. Times(block.Vectors, x).Zip(f, (a, b) => b.Mid * a)]);

    /// <summary>
    /// At least ‖f(S)·x − V·diag(f̂)·Vᵀ·x as computed‖: the function's error, V's distance from orthogonality, and
    /// the rounding of two products, γ_(2n+2)·|V|·diag|f̂|·|V|ᵀ·|x| with ‖|V|‖₂ ≤ √n.
    /// </summary>
    private double ApplicationError(Ball[] f, DoubleDouble[] x)
    {
        double largest = f.Max(v => v.Magnitude);
        double rounding = (Gamma((2 * f.Length) + 2) * f.Length * Slack) + (2.1 * block.Nonorthogonality);
        return Slack * Norm(x) * (block.FunctionError(f) + (largest * rounding));
    }
}
