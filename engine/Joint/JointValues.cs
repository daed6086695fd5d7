using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>A form's value with its slopes along the two coordinates.</summary>
internal readonly record struct JointValue(double Value, double First, double Second);

/// <summary>Evaluates forms: the scores of a law on the line, with modifiers.</summary>
internal sealed class JointValues(Mixture law, ImmutableArray<ScoreModifier> modifiers)
{
    private readonly Dictionary<(NoiseLevel, Prediction), ScalarScore> scores = [];
    private readonly Dictionary<NoiseLevel, double> floors = [];
    private readonly double slopeGain = Gain(modifiers);

    /// <summary>The density whose images forms may read.</summary>
    public LineState.Density? Images { get; set; }

    /// <summary>
    /// A bound from below of the slope of the score as it runs at a level: s′ = Var(m·μ_k | x)/v² − 1/v ≥ −1/v; −∞
    /// where none is known.
    /// </summary>
    public double SlopeFloor(NoiseLevel level)
    {
        if (!floors.TryGetValue(level, out double floor))
        {
            floors.Add(level, floor = -slopeGain / Math.Pow(ScalarMixture.At(law, level).SmallestDeviation, 2));
        }

        return floor;
    }

    /// <summary>
    /// The factor of the score itself; infinite where what is added is more than a constant, or the factor negative.
    /// </summary>
    public static double Gain(ImmutableArray<ScoreModifier> modifiers)
    {
        double gain = 1;
        foreach (ScoreModifier modifier in modifiers)
        {
            gain *= modifier switch
            {
                ScoreModifier.Shifted => 1,
                ScoreModifier.Scaled { Factor: >= 0 } scaled => scaled.Factor,
                _ => double.PositiveInfinity,
            };
        }

        return double.IsNaN(gain) ? double.PositiveInfinity : gain;
    }

    /// <summary>A form at (a, b).</summary>
    /// <param name="form">Without draws.</param>
    /// <param name="draw">Names a and b.</param>
    /// <param name="a">The first coordinate.</param>
    /// <param name="b">The second one.</param>
    public JointValue At(JointForm form, JointDraw draw, double a, double b)
    {
        (double value, double first, double second) = (0, 0, 0);
        foreach ((JointAtom of, double factor) in form.Terms)
        {
            JointValue one = At(of, draw, a, b);
            value += factor * one.Value;
            first += factor * one.First;
            second += factor * one.Second;
        }

        return new(value, first, second);
    }

    private JointValue At(JointAtom atom, JointDraw draw, double a, double b)
    {
        if (ReferenceEquals(atom, draw.First)) return new(a, 1, 0);
        if (ReferenceEquals(atom, draw.Second)) return new(b, 0, 1);
        if (ReferenceEquals(atom, JointAtom.One)) return new(1, 0, 0);
        if (atom is JointAtom.Image { Of: var coordinate })
        {
            bool isFirst = ReferenceEquals(coordinate, draw.First);
            MapValue image = Images!.Follow(isFirst ? a : b);
            return new(image.Value, isFirst ? image.Slope : 0, isFirst ? 0 : image.Slope);
        }

        var function = (JointAtom.Function)atom;
        JointValue at = At(function.At, draw, a, b);
        MapValue found = Score(function).At(at.Value);
        return new(found.Value, found.Slope * at.First, found.Slope * at.Second);
    }

    /// <summary>The least length over which the predictions in a form may bend, as lengths of what they read.</summary>
    public double FinestScale(JointForm form)
    {
        double least = double.PositiveInfinity;
        foreach ((JointAtom of, _) in form.Terms)
        {
            if (of is not JointAtom.Function function) continue;
            least = Math.Min(least, Math.Min(Score(function).FinestScale, FinestScale(function.At)));
        }

        return least;
    }

    /// <summary>
    /// Slopes far out, where predictions are linear; of an image 1, as its tails are those of the state.
    /// </summary>
    public (double First, double Second) Far(JointForm form, JointDraw draw)
    {
        (double first, double second) = (0, 0);
        foreach ((JointAtom of, double factor) in form.Terms)
        {
            (double ownFirst, double ownSecond) = of switch
            {
                JointAtom.Function function when Far(function.At, draw) is var (a, b) && Score(function).FarSlope is var slope =>
                    (slope * a, slope * b),
                JointAtom.Image image => ReferenceEquals(image.Of, draw.First) ? (1, 0) : (0, 1),
                _ => (ReferenceEquals(of, draw.First) ? 1 : 0, ReferenceEquals(of, draw.Second) ? 1 : 0),
            };
            (first, second) = (first + (factor * ownFirst), second + (factor * ownSecond));
        }

        return (first, second);
    }

    /// <summary>Evaluations of a component that a form takes.</summary>
    public double Cost(JointForm form) => 1 + form.Terms.Sum(term => term.Of is JointAtom.Function function
        ? 5 + Cost(function.At) + Score(function).Laws.Sum(one => one.Cost)
        : term.Of is JointAtom.Image ? 5 : 0);

    private ScalarScore Score(JointAtom.Function function)
    {
        (NoiseLevel, Prediction) key = (function.Level, function.Of);
        if (!scores.TryGetValue(key, out ScalarScore? score))
        {
            scores.Add(key, score = new(law, function.Level, modifiers, function.Of));
        }

        return score;
    }
}
