using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>Where the steps since the last noise have taken the nodes, and what their registers hold.</summary>
/// <param name="X">First coordinates.</param>
/// <param name="Y">Second coordinates.</param>
/// <param name="Registers">The registers r₁, r₂, … that hold something.</param>
internal sealed record PlaneImages(double[] X, double[] Y, ImmutableArray<(double[] X, double[] Y)> Registers);

/// <summary>The deterministic part of a step, for all nodes at once: the score comes from the kernels that the ensemble runs.</summary>
internal sealed class PlaneMap(Score score, PlaneWork work)
{
    private const int Chunk = 2048;
    private readonly ScoreField field = new(score);

    /// <summary>The score.</summary>
    public Score Score => score;

    private readonly double cost = Cost(score);

    /// <summary>Work of one evaluation of a score, as <see cref="PlaneWork"/> counts.</summary>
    public static double Cost(Score score) => 15
        + (4.0 * score.Of.Factors.Sum(f => (long)f.Count * f.Law.Count))
        + score.AllModifiers.OfType<ScoreModifier.Learned>().Sum(m => 0.3 * m.Function.Cost)
        + score.Blends.Sum(other => 4.0 * other.Of.Factors.Sum(f => (long)f.Count * f.Law.Count));

    /// <summary>The standard deviation C of the noise that ends the step.</summary>
    public static double Deviation(IStep step) => step is Tableau tableau ? tableau.C : ((GeneralTableau)step).Deviation;

    /// <summary>The images after the step's map; null where one is not finite or beyond 1e150.</summary>
    public PlaneImages? Apply(IStep step, PlaneImages images)
    {
        (ImmutableArray<GeneralStage> stages, ImmutableArray<ImmutableArray<Term>> updates) = Parts(step);
        int count = images.X.Length;
        (double[] X, double[] Y)[] results = [.. updates.Select(_ => (new double[count], new double[count]))];
        bool isFinite = true;
        work.Spend(count * (10 + (stages.Length * cost)));
        work.Each((count + Chunk - 1) / Chunk, chunk =>
        {
            int from = chunk * Chunk, here = Math.Min(Chunk, count - from);
            double[][] predictions = [.. stages.Select(_ => new double[2 * here])];
            double[] at = new double[2 * here];
            for (int i = 0; i < stages.Length; i++)
            {
                Combine(stages[i].At, images, predictions, from, here, at);
                field.Evaluate(stages[i].Level, stages[i].Of, at, predictions[i], here);
            }

            for (int r = 0; r < updates.Length; r++)
            {
                Combine(updates[r], images, predictions, from, here, at);
                at.AsSpan(0, here).CopyTo(results[r].X.AsSpan(from));
                at.AsSpan(here).CopyTo(results[r].Y.AsSpan(from));
                if (Array.Exists(at, v => !(Math.Abs(v) <= 1e150))) Volatile.Write(ref isFinite, false);
            }
        });
        return isFinite ? new(results[0].X, results[0].Y, [.. results[1..]]) : null;
    }

    // A tableau in the form of the general steps; noise is left out.
    private static (ImmutableArray<GeneralStage> Stages, ImmutableArray<ImmutableArray<Term>> Updates) Parts(IStep step)
    {
        if (step is GeneralTableau general) return (general.Stages, general.Updates);
        var tableau = (Tableau)step;
        return (
            [.. tableau.Stages.Select(stage => new GeneralStage(stage.Level, Terms(stage.A, stage.B), stage.Of))],
            [Terms(tableau.A, tableau.B)]);
        static ImmutableArray<Term> Terms(double a, ImmutableArray<double> b) =>
            [new(Input.Register, 0, a), .. b.Select((c, j) => new Term(Input.Prediction, j, c))];
    }

    private static void Combine(ImmutableArray<Term> terms, PlaneImages images, double[][] predictions, int from, int here, double[] sum)
    {
        Array.Clear(sum);
        foreach (Term term in terms)
        {
            switch (term.Of)
            {
                case Input.Prediction:
                    Add(term.Coefficient, predictions[term.Number], sum);
                    break;
                case Input.Register when term.Number <= images.Registers.Length:
                    (double[] x, double[] y) = term.Number == 0 ? (images.X, images.Y) : images.Registers[term.Number - 1];
                    Add(term.Coefficient, x.AsSpan(from, here), sum.AsSpan(0, here));
                    Add(term.Coefficient, y.AsSpan(from, here), sum.AsSpan(here));
                    break;
            }
        }
    }

    private static void Add(double coefficient, ReadOnlySpan<double> values, Span<double> sum)
    {
        for (int i = 0; i < sum.Length; i++)
        {
            sum[i] += coefficient * values[i];
        }
    }
}
