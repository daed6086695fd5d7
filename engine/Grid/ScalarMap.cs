using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>
/// The value of a map of the line, its slope, which smooth piece of it the point lies in, and a bound on the value's
/// rounding (first order in the rounding unit, the coefficients' own included).
/// </summary>
internal readonly record struct MapValue(double Value, double Slope, int Piece, double Rounding);

/// <summary>The deterministic part of a step on the line: T(x) = A·x + Σ_i B_i·f_i, then + C·ξ.</summary>
internal class ScalarMap
{
    /// <summary>
    /// Relative rounding of a coefficient with that of the product and the sum: the coefficient is good to a few units.
    /// </summary>
    private const double TermRounding = 6e-16;

    private readonly ScalarScore[] predictions;
    private readonly Tableau tableau;

    /// <summary>The map of a tableau.</summary>
    public ScalarMap(Tableau tableau, Mixture law, ImmutableArray<ScoreModifier> modifiers)
        : this(tableau, [.. tableau.Stages.Select(stage => new ScalarScore(law, stage.Level, modifiers, stage.Of))], tableau.C)
    {
        this.tableau = tableau;
        FarSlope = Far();
    }

    /// <summary>What a map by other means has in common with it.</summary>
    protected ScalarMap(IStep step, ScalarScore[] predictions, double noise)
    {
        this.predictions = predictions;
        tableau = null!;
        (StaysAtLevel, To, Noise) = (step.StaysAtLevel, step.To, noise);
        Cost = predictions.Sum(s => 5 + s.Laws.Sum(law => law.Cost));
        FinestScale = predictions.Select(s => s.FinestScale).DefaultIfEmpty(double.PositiveInfinity).Min();
        MayHide = predictions.Any(s => s.Laws.Any(FineStructure.MayBeIn));
    }

    /// <summary>Whether it is a corrector's.</summary>
    public bool StaysAtLevel { get; }

    /// <summary>The level after it.</summary>
    public NoiseLevel To { get; }

    /// <summary>C, the standard deviation of the noise that follows.</summary>
    public double Noise { get; }

    /// <summary>dT/dx towards ±∞.</summary>
    public double FarSlope { get; protected init; }

    /// <summary>What the first stage multiplies x with.</summary>
    protected virtual double FirstScale => tableau.Stages[0].A;

    /// <summary>The laws whose scores are evaluated, stage by stage.</summary>
    public IEnumerable<ScalarMixture> ScoreLaws => predictions.SelectMany(s => s.Laws);

    /// <summary>Whether T is smooth in pieces only.</summary>
    public bool HasKinks => predictions.Any(s => s.HasKinks);

    /// <summary>The least length over which a score of it may bend.</summary>
    public double FinestScale { get; }

    /// <summary>Evaluations of a component that <see cref="At(double)"/> takes.</summary>
    public double Cost { get; }

    /// <summary>Whether T may change and change back between two points, however close.</summary>
    public bool MayHide { get; }

    /// <summary>Evaluations of a component that the panels of all stages take.</summary>
    public double PanelCost => predictions.Sum(s => s.Laws.Sum(law => law.PanelCost));

    /// <summary>T(x) with slope, piece and rounding.</summary>
    public MapValue At(double x) => At(x, []);

    /// <summary>
    /// Whether T may change on [from, to] unseen by its points; the first stage is asked first, since it looks at x
    /// itself.
    /// </summary>
    public bool HidesOn(double from, double to)
    {
        if (!MayHide)
        {
            return false;
        }

        double scale = FirstScale;
        if (predictions[0].HidesOn(Math.Min(scale * from, scale * to), Math.Max(scale * from, scale * to)))
        {
            return true;
        }

        if (predictions.Length == 1)
        {
            return false;
        }

        Span<double> points = stackalloc double[Legendre.Order + 2];
        PanelSet.Place(from, to, points[..Legendre.Order]);
        (points[^2], points[^1]) = (from, to);
        return HidesBetween(points);
    }

    /// <summary>
    /// Replaces points x by T(x); says whether T may change and change back between them: whether a stage, on the way from the
    /// smallest to the largest of its arguments, meets structure of its score that they are too far apart to see.
    /// </summary>
    public bool HidesBetween(Span<double> points)
    {
        Span<(double Low, double High)> arguments = stackalloc (double, double)[predictions.Length];
        arguments.Fill((double.PositiveInfinity, double.NegativeInfinity));
        for (int i = 0; i < points.Length; i++)
        {
            points[i] = At(points[i], arguments).Value;
        }

        for (int i = 0; i < predictions.Length; i++)
        {
            if (predictions[i].HidesOn(arguments[i].Low, arguments[i].High))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>T(x); widens the ranges of the stages' arguments, where there are any.</summary>
    protected virtual MapValue At(double x, Span<(double Low, double High)> arguments)
    {
        Span<MapValue> stages = stackalloc MapValue[predictions.Length];
        int piece = 0;
        for (int i = 0; i < predictions.Length; i++)
        {
            Stage stage = tableau.Stages[i];
            MapValue y = Combined(stage.A, stage.B, x, stages);
            if (!arguments.IsEmpty)
            {
                arguments[i] = (Math.Min(arguments[i].Low, y.Value), Math.Max(arguments[i].High, y.Value));
            }

            MapValue f = predictions[i].At(y.Value);
            stages[i] = new(f.Value, f.Slope * y.Slope, 0, f.Rounding + Math.Abs(f.Slope * y.Rounding));
            piece = unchecked((piece * 31) + f.Piece);
        }

        return Combined(tableau.A, tableau.B, x, stages) with { Piece = piece };
    }

    private static MapValue Combined(double a, ImmutableArray<double> b, double x, ReadOnlySpan<MapValue> stages)
    {
        double value = a * x;
        double slope = a;
        double steepness = Math.Abs(a);
        double rounding = a == 1 ? 0 : TermRounding * Math.Abs(value);
        for (int j = 0; j < b.Length; j++)
        {
            double term = b[j] * stages[j].Value;
            double change = b[j] * stages[j].Slope;
            value += term;
            slope += change;
            steepness += Math.Abs(change);
            rounding += (TermRounding * Math.Abs(term)) + Math.Abs(b[j] * stages[j].Rounding);
        }

        // What cancels to the last digits is flat: the law gets an atom there, not an enormous density.
        double halfUlp = 0.5 * (Math.BitIncrement(Math.Abs(value)) - Math.Abs(value));
        return new(value, Math.Abs(slope) <= 1e-15 * steepness ? 0 : slope, 0, rounding + halfUlp);
    }

    private double Far()
    {
        double[] stages = new double[predictions.Length];
        double Slope(double a, ImmutableArray<double> b)
        {
            double slope = a;
            double steepness = Math.Abs(a);
            for (int j = 0; j < b.Length; j++)
            {
                slope += b[j] * stages[j];
                steepness += Math.Abs(b[j] * stages[j]);
            }

            return Math.Abs(slope) < 1e-14 * steepness ? 0 : slope;
        }

        for (int i = 0; i < predictions.Length; i++)
        {
            stages[i] = predictions[i].FarSlope * Slope(tableau.Stages[i].A, tableau.Stages[i].B);
        }

        return Slope(tableau.A, tableau.B);
    }
}
