using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>One evaluation of the score model: y = A·x + Σ_{j &lt; i} B[j]·f_j, then f_i = the prediction at (Level, y).</summary>
/// <param name="Level">The level that the model is evaluated at.</param>
/// <param name="A">Coefficient of the state x.</param>
/// <param name="B">Coefficients of the predictions of the earlier stages; as many as there are earlier stages.</param>
/// <param name="Of">Whether f is the score or the denoiser.</param>
public sealed record Stage(NoiseLevel Level, double A, ImmutableArray<double> B, Prediction Of = Prediction.Score);

/// <summary>
/// One step of a sampler as data: x ← A·x + Σ_i B[i]·f_i + C·ξ with ξ ~ N(0, I), the f_i from <see cref="Stages"/>.
/// The interpreters know nothing about method names: a method is these numbers. <see cref="InScores"/> is the same step with every
/// f_i a score, for those who read coefficients; it must not be run, as its terms are of size m′/m and cancel.
/// </summary>
public sealed record Tableau : IStep
{
    /// <summary>The method's name, for reports ("langevin", "ancestral", …).</summary>
    public required string Method { get; init; }

    /// <summary>The current level before the step.</summary>
    public required NoiseLevel From { get; init; }

    /// <summary>The current level after the step; equal to <see cref="From"/> for a corrector.</summary>
    public required NoiseLevel To { get; init; }

    /// <summary>The evaluations of the model, in order.</summary>
    public required ImmutableArray<Stage> Stages { get; init; }

    /// <summary>Coefficient of the state.</summary>
    public required double A { get; init; }

    /// <summary>Coefficients of the predictions; one a stage.</summary>
    public required ImmutableArray<double> B { get; init; }

    /// <summary>Standard deviation of the fresh noise, ≥ 0; 0 is a deterministic step.</summary>
    public required double C { get; init; }

    /// <summary>x ← a·x + b·f(x, at) + c·ξ: the form of every one-stage method.</summary>
    public static Tableau OneStage(
        string method, NoiseLevel from, NoiseLevel to, NoiseLevel at, double a, double b, double c, Prediction of = Prediction.Score) =>
        new()
        {
            Method = method,
            From = from,
            To = to,
            Stages = [new Stage(at, 1, [], of)],
            A = a,
            B = [b],
            C = c,
        };

    /// <inheritdoc/>
    public IEnumerable<NoiseLevel> Levels => Stages.Select(static stage => stage.Level);

    /// <inheritdoc/>
    public bool IsNoisy => C != 0;

    /// <inheritdoc/>
    public bool StaysAtLevel => From == To;

    /// <summary>The same step with the score in every stage: f_i = (y_i + σ_i²·s_i)/m_i substituted where it is the denoiser.</summary>
    public Tableau InScores()
    {
        if (Stages.All(static stage => stage.Of == Prediction.Score))
        {
            return this;
        }

        // Row i: the prediction f_i = State[i]·x + Σ_{j ≤ i} Scores[i][j]·s_j.
        int count = Stages.Length;
        double[] state = new double[count];
        double[][] scores = [.. Stages.Select(_ => new double[count])];
        (double A, double[] B) Combined(double a, ImmutableArray<double> b)
        {
            double[] own = new double[count];
            for (int j = 0; j < b.Length; j++)
            {
                a += b[j] * state[j];
                for (int k = 0; k < count; k++)
                {
                    own[k] += b[j] * scores[j][k];
                }
            }

            return (a, own);
        }

        var stages = new Stage[count];
        for (int i = 0; i < count; i++)
        {
            Stage stage = Stages[i];
            (double a, double[] b) = Combined(stage.A, stage.B);
            stages[i] = new Stage(stage.Level, a, [.. b[..i]]);
            bool isDenoiser = stage.Of == Prediction.Denoiser;
            state[i] = isDenoiser ? a / stage.Level.Mean : 0;
            scores[i] = isDenoiser ? [.. b.Select(c => c / stage.Level.Mean)] : scores[i];
            scores[i][i] = isDenoiser ? stage.Level.NoiseVariance / stage.Level.Mean : 1;
        }

        (double ownA, double[] ownB) = Combined(A, B);
        return this with { Stages = [.. stages], A = ownA, B = [.. ownB] };
    }

    /// <summary>The same numbers, stage by stage (the default record equality compares the arrays by reference).</summary>
    public bool Equals(Tableau? other) =>
        other is not null
        && Method == other.Method
        && From == other.From
        && To == other.To
        && A.Equals(other.A)
        && C.Equals(other.C)
        && B.AsSpan().SequenceEqual(other.B.AsSpan())
        && Stages.Length == other.Stages.Length
        && Stages.Zip(other.Stages).All(p => p.First.Level == p.Second.Level
            && p.First.Of == p.Second.Of
            && p.First.A.Equals(p.Second.A)
            && p.First.B.AsSpan().SequenceEqual(p.Second.B.AsSpan()));

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Method, From, To, A, C, Stages.Length);
}
