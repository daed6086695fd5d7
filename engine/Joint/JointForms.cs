using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>
/// State and registers on the line while noise is drawn, as forms of at most two coordinates: a, drawn last, and b, a
/// function of what was before. Every draw is a new coordinate x′ = μ(a, b) + C·ξ; what the registers hold is
/// regressed on it, r = ν + ρ(x′ − μ) + rest, so that noise of any rank is noise of one coordinate, and what r still
/// needs of (a, b) is the second coordinate: nothing, b, or a label Φ(a) ± b.
/// </summary>
internal sealed class JointForms
{
    // Functions within functions: every step without noise adds some.
    private const int Deepest = 10;

    // A label may be this much flatter than its linear part.
    private const double Flattest = 0.25;
    private readonly Func<NoiseLevel, double> slopeFloor;
    private JointAtom.Coordinate? first;
    private JointAtom.Coordinate? second;

    private JointForms(Func<NoiseLevel, double> slopeFloor) => this.slopeFloor = slopeFloor;

    /// <summary>The state.</summary>
    public JointForm State { get; private set; } = JointForm.Zero;

    /// <summary>What registers hold, by number; only those that will be read.</summary>
    public ImmutableSortedDictionary<int, JointForm> Registers { get; private set; } =
        ImmutableSortedDictionary<int, JointForm>.Empty;

    /// <summary>Whether the state is the first coordinate as it stands.</summary>
    public bool IsDrawn => first is not null && State.Terms.Count == 1 && State[first] == 1;

    /// <summary>Whether the state depends on both coordinates, so that its law is none that is known here.</summary>
    public bool IsMixed => State.Reads(second);

    /// <summary>A state that nothing is kept of.</summary>
    /// <param name="point">The value of a point; null for a law.</param>
    /// <param name="isMapped">Whether deterministic steps came after its density.</param>
    /// <param name="slopeFloor">By level a bound from below of the slope of the score as it runs; −∞ where none is
    /// known.</param>
    public static JointForms Start(double? point, bool isMapped, Func<NoiseLevel, double> slopeFloor)
    {
        JointForms forms = new(slopeFloor);
        if (point is { } value)
        {
            forms.State = JointForm.Of(JointAtom.One, value);
        }
        else
        {
            forms.first = new();
            forms.State = JointForm.Of(isMapped ? new JointAtom.Image(forms.first) : forms.first);
        }

        return forms;
    }

    /// <summary>One step; the reason where its law is none that two coordinates follow.</summary>
    /// <param name="step">The step.</param>
    /// <param name="reads">Numbers of the registers that the next step that reads any will.</param>
    /// <param name="draws">Receives the new coordinates, in order.</param>
    public string? Apply(IStep step, IReadOnlySet<int> reads, List<JointDraw> draws)
    {
        (ImmutableArray<GeneralStage> stages, ImmutableArray<ImmutableArray<Term>> rows, double rounding) = Parts(step);
        List<int> kept = [.. Enumerable.Range(1, Math.Max(0, rows.Length - 1)).Where(reads.Contains)];
        ImmutableArray<ImmutableArray<Term>> targets = [rows[0], .. kept.Select(k => rows[k])];
        bool[] needed = Needed(stages, targets);
        Dictionary<int, JointAtom.Draw> noises = [];
        JointForm Begun(ImmutableArray<Term> terms)
        {
            JointForm sum = JointForm.Zero;
            foreach (Term term in terms)
            {
                sum = sum.Plus(
                    term.Of switch
                    {
                        Input.Register when term.Number == 0 => State,
                        Input.Register => Registers.GetValueOrDefault(term.Number, JointForm.Zero),
                        Input.Noise => JointForm.Of(
                            noises.TryGetValue(term.Number, out JointAtom.Draw? draw) ? draw : noises[term.Number] = new()),
                        _ => JointForm.Zero,
                    },
                    term.Coefficient);
            }

            return sum;
        }

        // Stages that are needed, the state and the registers; each without the predictions that are still to come.
        List<(ImmutableArray<Term> Terms, JointForm Form)> live =
        [
            .. stages.Where((_, i) => needed[i]).Select(stage => stage.At).Concat(targets).Select(terms => (terms, Begun(terms))),
        ];

        // A tableau lets registers be.
        bool holds = step is Tableau;
        List<(int Number, JointForm Form)> carried =
            [.. holds ? Registers.Where(r => reads.Contains(r.Key)).Select(r => (r.Key, r.Value)) : []];
        live.AddRange(carried.Select(r => (ImmutableArray<Term>.Empty, r.Form)));
        for (int i = 0; i < stages.Length; i++)
        {
            if (!needed[i]) continue;
            if (Drawn(live, draws, rounding) is { } problem) return Refused(step, problem);
            JointForm at = live[0].Form;
            live.RemoveAt(0);
            JointAtom.Function function = new(stages[i].Level, stages[i].Of, at);
            if (function.Depth > Deepest)
            {
                return $"'{step.Method}' comes after too many steps without noise since the last draw while earlier evaluations are kept";
            }

            JointForm value = JointForm.Of(function);
            for (int k = 0; k < live.Count; k++)
            {
                foreach (Term term in live[k].Terms)
                {
                    if (term.Of != Input.Prediction || term.Number != i) continue;
                    live[k] = (live[k].Terms, live[k].Form.Plus(value, term.Coefficient));
                }
            }
        }

        if (Drawn(live, draws, rounding) is { } reason) return Refused(step, reason);
        State = live[0].Form;
        IEnumerable<int> numbers = holds ? carried.Select(r => r.Number) : kept;
        Registers = numbers.Zip(live.Skip(1), (k, one) => KeyValuePair.Create(k, one.Form)).ToImmutableSortedDictionary();
        return null;
    }

    private static string Refused(IStep step, string reason) =>
        $"'{step.Method}' draws noise while earlier evaluations or a velocity are kept, and {reason}";

    // The first of the live forms, where it has draws, becomes a coordinate, and all are seen from it.
    private string? Drawn(List<(ImmutableArray<Term> Terms, JointForm Form)> live, List<JointDraw> draws, double rounding)
    {
        JointForm noise = live[0].Form.Draws, mean = live[0].Form.Mean;
        double variance = noise.Product(noise);
        if (!(variance > 0)) return null;
        double tolerance = 16 * rounding;
        JointAtom.Coordinate drawn = new();
        for (int k = 1; k < live.Count; k++)
        {
            double share = live[k].Form.Product(noise) / variance;

            // What is the new coordinate itself is that to the last digit.
            if (Math.Abs(share - 1) < tolerance) share = 1;
            JointForm rest = live[k].Form.Plus(live[0].Form, -share, tolerance);
            live[k] = (live[k].Terms, rest.Plus(JointForm.Of(drawn, share)));
        }

        live[0] = (live[0].Terms, JointForm.Of(drawn));
        List<JointForm> needs = [.. live.Select(one => one.Form.Where(atom => Old(atom)))];
        needs.RemoveAll(form => form.Terms.Count == 0);
        bool usesFirst = needs.Exists(form => form.Reads(first)), usesSecond = needs.Exists(form => form.Reads(second));
        JointKept kept = JointKept.Nothing;
        JointForm? label = null;
        JointAtom.Coordinate? remains = null;
        double deviation = 0;

        // Noise that the new coordinate has seen a part of: it would be pending for ever, and is the label's.
        bool isSplit = live.Exists(one => one.Form.Terms.Any(term => term.Of is JointAtom.Draw && noise[term.Of] != 0));
        if (isSplit)
        {
            bool Past(JointAtom atom) => atom is JointAtom.Draw || Old(atom);
            List<JointForm> pasts = [.. live.Select(one => one.Form.Where(Past)).Where(form => form.Terms.Count > 0)];
            double scale = Math.Abs(pasts[0][first ?? JointAtom.One]);
            if (scale == 0) scale = Math.Sqrt(pasts[0].Product(pasts[0].Draws));
            label = pasts[0].Over(scale);
            if (!pasts.TrueForAll(form => form.MultipleOf(label, 4 * tolerance) is not null)) return Several;
            (kept, remains, deviation) = (JointKept.Label, new(), Math.Sqrt(label.Product(label.Draws)));
            Replace(live, Past, label, remains, tolerance);
            label = label.Mean;
        }
        else if (usesFirst)
        {
            label = Label(needs, usesSecond, tolerance);
            if (label is null && usesSecond) return Several;

            kept = JointKept.Label;
            if (label is null)
            {
                (label, remains) = (JointForm.Of(first!), first);
            }
            else
            {
                remains = new();
                Replace(live, Old, label, remains, tolerance);
            }
        }
        else if (usesSecond)
        {
            (kept, remains) = (JointKept.Second, second);
        }

        draws.Add(new(first, second, mean, Math.Sqrt(variance), kept, label, deviation, drawn, remains, rounding));
        (first, second) = (drawn, remains);
        return null;
    }

    private const string Several =
        "what is needed of the past is no single number: one register is, and the velocity of 'baoab' where the score is a law's own, "
        + "scaled or shifted, and h is below 2/√curvature";

    // The part of every form for which the answer is yes is a multiple of the label, which is a coordinate now.
    private static void Replace(
        List<(ImmutableArray<Term> Terms, JointForm Form)> live,
        Func<JointAtom, bool> isPart,
        JointForm label,
        JointAtom.Coordinate remains,
        double tolerance)
    {
        for (int k = 0; k < live.Count; k++)
        {
            double multiple = live[k].Form.Where(isPart).MultipleOf(label, 4 * tolerance)
                ?? throw new InvalidOperationException("a need that is no multiple of the label");
            live[k] = (live[k].Terms, live[k].Form.Where(atom => !isPart(atom)).Plus(JointForm.Of(remains), multiple));
        }
    }

    private bool Old(JointAtom atom) =>
        (first is not null && JointForm.Reads(atom, first)) || (second is not null && JointForm.Reads(atom, second));

    // The one form that all needs are multiples of, scaled to b or a, where it is known to be one to one in a; null
    // where there is none.
    private JointForm? Label(List<JointForm> needs, bool usesSecond, double tolerance)
    {
        double scale = Math.Abs(needs[0][usesSecond ? second! : first!]);
        if (scale == 0) return null;
        JointForm label = needs[0].Over(scale);
        if (!needs.TrueForAll(form => form.MultipleOf(label, 4 * tolerance) is not null)) return null;
        double linear = label[first!], floor = Math.Abs(linear);
        foreach ((JointAtom of, double factor) in label.Terms)
        {
            if (ReferenceEquals(of, first) || ReferenceEquals(of, second) || ReferenceEquals(of, JointAtom.One)) continue;

            // Of a function only the least slope is known: its factor must have the sign of the linear part.
            bool isKnown = of is JointAtom.Function { At: var at } && at.Terms.Count == 1 && at[first!] == 1 && factor * linear >= 0;
            if (!isKnown) return null;
            floor += Math.Abs(factor) * Least((JointAtom.Function)of);
        }

        return floor >= Flattest * Math.Abs(linear) && linear != 0 ? label : null;
    }

    private double Least(JointAtom.Function function)
    {
        double slope = slopeFloor(function.Level);
        double own = function.Of == Prediction.Score ? slope : (1 + (function.Level.NoiseVariance * slope)) / function.Level.Mean;
        return Math.Min(0, own);
    }

    private static bool[] Needed(ImmutableArray<GeneralStage> stages, ImmutableArray<ImmutableArray<Term>> targets)
    {
        bool[] needed = new bool[stages.Length];
        void Mark(ImmutableArray<Term> terms)
        {
            foreach (Term term in terms)
            {
                if (term.Of == Input.Prediction) needed[term.Number] = true;
            }
        }

        foreach (ImmutableArray<Term> terms in targets)
        {
            Mark(terms);
        }

        for (int i = stages.Length - 1; i >= 0; i--)
        {
            if (needed[i]) Mark(stages[i].At);
        }

        return needed;
    }

    // A tableau in the form of the general steps.
    private static (ImmutableArray<GeneralStage> Stages, ImmutableArray<ImmutableArray<Term>> Rows, double Rounding) Parts(IStep step)
    {
        if (step is GeneralTableau general) return (general.Stages, general.Updates, general.Rounding);
        var tableau = (Tableau)step;
        ImmutableArray<Term> Terms(double a, ImmutableArray<double> b, double c) =>
        [
            new(Input.Register, 0, a),
            .. b.Select((factor, j) => new Term(Input.Prediction, j, factor)),
            .. c > 0 ? new[] { new Term(Input.Noise, 0, c) } : [],
        ];
        return (
            [.. tableau.Stages.Select(stage => new GeneralStage(stage.Level, Terms(stage.A, stage.B, 0), stage.Of))],
            [Terms(tableau.A, tableau.B, tableau.C)],
            3e-16);
    }
}
