using static Sgm.Engine.DenseAlgebra;

namespace Sgm.Engine;

/// <summary>
/// n coupled coordinates: what a run needs to know of them before the first step. S = V·diag(λ)·Vᵀ is the covariance
/// under the score's law and C a factor of the start's, C·Cᵀ; every plan acts as x ← g(S)·x + … + N(0, r(S)) with the
/// functions g, r of its channels.
/// </summary>
internal sealed class CoupledBlock
{
    public CoupledBlock(BlockInputs inputs, int dimension, int firstChannel)
    {
        Inputs = inputs;
        FirstChannel = firstChannel;
        int n = inputs.Size;
        Vectors = Identity(n);
        Eigenvalues = [.. inputs.Score.Select((row, i) => (Ball)row[i])];
        IsBounded = true;
        if (!IsDiagonal(inputs.Score))
        {
            Diagonalize();
        }

        StartFactor = FactorOfStart();
        Ball unit = (Ball)1 / Ball.Sqrt(dimension);
        DoubleDouble m = inputs.StartLevel.Mean;
        StartMean = Array.ConvertAll(inputs.StartMean, x => m * x);
        ScoreMean = Array.ConvertAll(inputs.ScoreMean, x => (DoubleDouble)x);
        Shift = [.. Enumerable.Repeat(unit.Mid, n)];
    }

    public BlockInputs Inputs { get; }

    /// <summary>How many blocks are like this one.</summary>
    public long Count { get; set; }

    /// <summary>Index of the channel of the first eigenvalue.</summary>
    public int FirstChannel { get; }

    /// <summary>λ, relative to which the true ones are within <see cref="SpectralError"/>.</summary>
    public Ball[] Eigenvalues { get; private set; }

    /// <summary>Vᵀ: one eigenvector a row.</summary>
    public DoubleDouble[][] Vectors { get; private set; }

    /// <summary>At least ‖VᵀV − I‖_F.</summary>
    public double Nonorthogonality { get; private set; }

    /// <summary>ε with S = Ŝ^½(I + E)Ŝ^½, ‖E‖_F ≤ ε, for Ŝ = V·diag(λ)·Vᵀ with V made orthogonal.</summary>
    public double SpectralError { get; private set; }

    /// <summary>C of shape [n][n]; null for a start that is a point.</summary>
    public DoubleDouble[][]? StartFactor { get; }

    /// <summary>At least ‖E‖_F where the start's covariance is C(I + E)Cᵀ.</summary>
    public double StartError { get; private set; }

    /// <summary>At least the distance in ‖·‖_F from C to a factor of the start's covariance.</summary>
    public double StartFactorError { get; private set; }

    /// <summary>
    /// Means of the start (noised) and of the score's law, and (1, …, 1)/√d; relative error at most two units.
    /// </summary>
    public DoubleDouble[] StartMean { get; }

    public DoubleDouble[] ScoreMean { get; }

    public DoubleDouble[] Shift { get; }

    /// <summary>False where a covariance is singular to 31 digits.</summary>
    public bool IsBounded { get; private set; }

    /// <summary>m²Σ + σ²I; every entry is off by at most 4 units.</summary>
    public static DoubleDouble[][] Noised(double[][] covariance, NoiseLevel level)
    {
        DoubleDouble factor = (DoubleDouble)level.Mean * level.Mean;
        DoubleDouble noise = (DoubleDouble)level.Sigma * level.Sigma;
        return [.. covariance.Select((row, i) => row.Select((x, j) => i == j ? (factor * x) + noise : factor * x).ToArray())];
    }

    /// <summary>
    /// Bounds ‖V·diag(f̂)·Vᵀ − f(S)‖_F for a function of which the balls contain f at the true eigenvalues λ_j. With
    /// u_i the columns of V and v_j the true eigenvectors it is the root of Σ (f̂_i − f(λ_j))²·(u_i·v_j)², where Σ_j
    /// (u_i·v_j)² = 1 and Σ_ij (λ̂_i − λ_j)²/(λ̂_iλ_j)·(u_i·v_j)² ≤ ‖E‖_F²/(1 − ‖E‖): eigenvectors of distant
    /// eigenvalues hardly mix.
    /// </summary>
    public double FunctionError(Ball[] f)
    {
        double near = 0;
        double steepest = 0;
        for (int i = 0; i < f.Length; i++)
        {
            for (int j = 0; j < f.Length; j++)
            {
                double difference = Slack * (Math.Abs((f[i].Mid - f[j].Mid).High) + f[j].Radius);
                (double a, double b) = (Eigenvalues[i].Mid.High, Eigenvalues[j].Mid.High);
                double distance = Math.Abs((Eigenvalues[i].Mid - Eigenvalues[j].Mid).High) - (b * SpectralError * Slack);
                if (distance > b * SpectralError)
                {
                    steepest = Math.Max(steepest, difference * Math.Sqrt(a) * Math.Sqrt(b) / distance);
                }
                else
                {
                    near = Math.Max(near, difference);
                }
            }
        }

        double mixed = steepest * SpectralError * 1.1;
        return Slack * Math.Sqrt((f.Length * near * near) + (mixed * mixed));
    }

    /// <summary>V·x.</summary>
    public DoubleDouble[] FromEigenbasis(DoubleDouble[] x)
    {
        var result = new DoubleDouble[x.Length];
        for (int k = 0; k < x.Length; k++)
        {
            for (int i = 0; x[k].High != 0 && i < result.Length; i++)
            {
                result[i] += Vectors[k][i] * x[k];
            }
        }

        return result;
    }

    private static bool IsDiagonal(double[][] a)
    {
        for (int i = 0; i < a.Length; i++)
        {
            for (int j = 0; j < i; j++)
            {
                if (a[i][j] != 0)
                {
                    return false;
                }
            }
        }

        return true;
    }

    /// <summary>S = LLᵀ and Vᵀ·L = Y with orthogonal rows, so that S = V·diag(|y|²)·Vᵀ.</summary>
    private void Diagonalize()
    {
        if (CholeskyFactor.Of(OfDoubles(Inputs.Score)) is not { IsBounded: true } factor)
        {
            IsBounded = false;
            return;
        }

        var rows = new OrthogonalizedRows(factor.Lower);
        Vectors = rows.Vectors;
        Nonorthogonality = rows.Nonorthogonality;
        SpectralError = (2.1 * rows.RelativeError) + (1.1 * factor.RelativeError);
        Eigenvalues = Array.ConvertAll(rows.Squares, s => new Ball(s, Slack * s.High * SpectralError));
        IsBounded = SpectralError < 1e-3;
    }

    private DoubleDouble[][]? FactorOfStart()
    {
        DoubleDouble[][] covariance = Noised(Inputs.Start, Inputs.StartLevel);
        int n = covariance.Length;
        if (IsDiagonal(Inputs.Start))
        {
            StartError = 6 * DoubleDouble.Unit * n;
            StartFactorError = StartError * Math.Sqrt(covariance.Select((row, i) => row[i].High).Sum());
            return Array.TrueForAll(covariance, row => Array.TrueForAll(row, x => x.High == 0))
                ? null
                : [.. covariance.Select((row, i) => row.Select((x, j) => i == j ? DoubleDouble.Sqrt(x) : 0).ToArray())];
        }

        if (CholeskyFactor.Of(covariance) is not { IsBounded: true } factor)
        {
            IsBounded = false;
            return null;
        }

        StartError = factor.RelativeError;
        StartFactorError = factor.FactorError;
        return factor.Lower;
    }
}
