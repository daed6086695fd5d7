using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>
/// Several steps in a row as one map of the line, from a state without registers; what the last one draws follows it. It is evaluated
/// quantity by quantity: predictions and sums, each from those before it.
/// </summary>
internal sealed class PathMap : ScalarMap
{
    /// <summary>Rounding of a term's product and sum, on top of that of its coefficient.</summary>
    private const double Operations = 3e-16;

    /// <summary>A tableau's coefficients.</summary>
    private const double TableauRounding = 3e-16;

    private const int OnStack = 128;
    private readonly Quantity[] quantities;

    /// <summary>A sum over earlier quantities (0 is x), and the prediction there where there is one.</summary>
    private sealed record Quantity(ScalarScore? Prediction, (int Of, double Coefficient)[] Terms, double Rounding);

    /// <summary>The map of steps without noise but for the last, which holds no registers after it.</summary>
    public PathMap(IReadOnlyList<IStep> steps, Mixture law, ImmutableArray<ScoreModifier> modifiers)
        : this(steps, Read(steps, law, modifiers))
    {
    }

    private PathMap(IReadOnlyList<IStep> steps, Quantity[] quantities)
        : base(steps[^1], [.. quantities.Select(q => q.Prediction!).Where(p => p is not null)], NoiseOf(steps[^1]))
    {
        this.quantities = quantities;
        FarSlope = Far();
    }

    /// <inheritdoc/>
    protected override double FirstScale =>
        quantities.First(q => q.Prediction is not null).Terms.Sum(term => term.Coefficient);

    /// <inheritdoc/>
    protected override MapValue At(double x, Span<(double Low, double High)> arguments)
    {
        Span<MapValue> values = quantities.Length < OnStack ? stackalloc MapValue[OnStack] : new MapValue[quantities.Length + 1];
        Span<double> own = quantities.Length < OnStack ? stackalloc double[OnStack] : new double[quantities.Length + 1];
        values[0] = new(x, 1, 0, 0);
        int piece = 0;
        int prediction = 0;
        for (int i = 0; i < quantities.Length; i++)
        {
            MapValue sum = Sum(quantities[i], values);
            (values[i + 1], own[i + 1]) = (sum, 1);
            if (quantities[i].Prediction is not { } score)
            {
                continue;
            }

            if (!arguments.IsEmpty)
            {
                ref (double Low, double High) range = ref arguments[prediction++];
                range = (Math.Min(range.Low, sum.Value), Math.Max(range.High, sum.Value));
            }

            MapValue f = score.At(sum.Value);
            values[i + 1] = new(f.Value, f.Slope * sum.Slope, 0, f.Rounding + Math.Abs(f.Slope * sum.Rounding));
            own[i + 1] = f.Slope;
            piece = unchecked((piece * 31) + f.Piece);
        }

        return values[quantities.Length] with { Piece = piece, Rounding = Rounding(values, own) };
    }

    /// <summary>
    /// Every quantity's own rounding times what the last one changes with it. Summed forwards, as sizes, they would grow by Σ|coefficient|
    /// a step, 1e8 over a schedule of 64 with the weights of Adams and Bashforth; backwards they keep their signs.
    /// </summary>
    private double Rounding(ReadOnlySpan<MapValue> values, ReadOnlySpan<double> own)
    {
        Span<double> weights = quantities.Length < OnStack ? stackalloc double[OnStack] : new double[quantities.Length + 1];
        weights.Clear();
        weights[quantities.Length] = 1;
        double rounding = 0;
        for (int i = quantities.Length; i > 0; i--)
        {
            rounding += Math.Abs(weights[i]) * values[i].Rounding;
            double change = weights[i] * own[i];
            foreach ((int of, double coefficient) in quantities[i - 1].Terms)
            {
                weights[of] += coefficient * change;
            }
        }

        return rounding;
    }

    /// <summary>A sum with its slope and the rounding that it makes itself.</summary>
    private static MapValue Sum(Quantity quantity, ReadOnlySpan<MapValue> values)
    {
        double value = 0;
        double slope = 0;
        double steepness = 0;
        double rounding = 0;
        foreach ((int of, double coefficient) in quantity.Terms)
        {
            MapValue input = values[of];
            double term = coefficient * input.Value;
            double change = coefficient * input.Slope;
            value += term;
            slope += change;
            steepness += Math.Abs(change);
            double own = coefficient is 1 or -1 ? Operations : quantity.Rounding + Operations;
            rounding += own * Math.Abs(term);
        }

        // What cancels to the last digits is flat: the law gets an atom there, not an enormous density.
        double halfUlp = 0.5 * (Math.BitIncrement(Math.Abs(value)) - Math.Abs(value));
        return new(value, Math.Abs(slope) <= 1e-15 * steepness ? 0 : slope, 0, rounding + halfUlp);
    }

    private double Far()
    {
        double[] slopes = new double[quantities.Length + 1];
        slopes[0] = 1;
        for (int i = 0; i < quantities.Length; i++)
        {
            double slope = 0;
            double steepness = 0;
            foreach ((int of, double coefficient) in quantities[i].Terms)
            {
                slope += coefficient * slopes[of];
                steepness += Math.Abs(coefficient * slopes[of]);
            }

            slope = Math.Abs(slope) < 1e-14 * steepness ? 0 : slope;
            slopes[i + 1] = slope * (quantities[i].Prediction?.FarSlope ?? 1);
        }

        return slopes[^1];
    }

    private static double NoiseOf(IStep step) => step is Tableau tableau ? tableau.C : ((GeneralTableau)step).Deviation;

    private static Quantity[] Read(IReadOnlyList<IStep> steps, Mixture law, ImmutableArray<ScoreModifier> modifiers)
    {
        List<Quantity> found = [];
        int Add(ScalarScore? prediction, IEnumerable<(int, double)> terms, double rounding)
        {
            found.Add(new(prediction, [.. terms], rounding));
            return found.Count;
        }

        // Which quantity every register is.
        int[] held = [0];
        foreach (IStep step in steps)
        {
            List<int> predictions = [];
            if (step is Tableau tableau)
            {
                IEnumerable<(int, double)> From(double a, ImmutableArray<double> b) =>
                    [(held[0], a), .. b.Select((c, j) => (predictions[j], c))];
                foreach (Stage stage in tableau.Stages)
                {
                    predictions.Add(Add(new(law, stage.Level, modifiers, stage.Of), From(stage.A, stage.B), TableauRounding));
                }

                held = [Add(null, From(tableau.A, tableau.B), TableauRounding), .. held[1..]];
                continue;
            }

            var general = (GeneralTableau)step;
            IEnumerable<(int, double)> Terms(ImmutableArray<Term> terms) => terms
                .Where(term => term.Of == Input.Prediction || (term.Of == Input.Register && term.Number < held.Length))
                .Select(term => (term.Of == Input.Register ? held[term.Number] : predictions[term.Number], term.Coefficient));
            foreach (GeneralStage stage in general.Stages)
            {
                predictions.Add(Add(new(law, stage.Level, modifiers, stage.Of), Terms(stage.At), general.Rounding));
            }

            // A register that is one quantity as it stands is that quantity.
            int[] next = [.. general.Updates.Skip(1).Select(row =>
                Terms(row).ToArray() is [(int of, 1.0)] ? of : Add(null, Terms(row), general.Rounding))];
            held = [Add(null, Terms(general.Updates[0]), general.Rounding), .. next];
        }

        // The state comes last.
        if (held[0] != found.Count) Add(null, [(held[0], 1.0)], 0);
        return [.. found];
    }
}
