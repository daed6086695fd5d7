namespace Sgm.Engine;

/// <summary>What a form on the line is a sum of; two are the same where they are the same object.</summary>
internal abstract class JointAtom
{
    /// <summary>The number 1.</summary>
    public static readonly JointAtom One = new Unit();

    private sealed class Unit : JointAtom;

    /// <summary>A coordinate of the joint law.</summary>
    public sealed class Coordinate : JointAtom;

    /// <summary>A draw of N(0, 1), independent of all others and of the coordinates.</summary>
    public sealed class Draw : JointAtom;

    /// <summary>A prediction at a form without draws.</summary>
    public sealed class Function(NoiseLevel level, Prediction of, JointForm at) : JointAtom
    {
        /// <summary>The level.</summary>
        public NoiseLevel Level => level;

        /// <summary>What is predicted.</summary>
        public Prediction Of => of;

        /// <summary>Where.</summary>
        public JointForm At => at;

        /// <summary>The coordinates that it depends on.</summary>
        public IReadOnlySet<Coordinate> Reads { get; } = at.Coordinates;

        /// <summary>How many functions are within each other: an evaluation takes 2^depth of them at most.</summary>
        public int Depth { get; } = 1 + at.Terms.Select(term => term.Of is Function inner ? inner.Depth : 0).DefaultIfEmpty(0).Max();
    }

    /// <summary>Where deterministic steps have taken a coordinate before registers were held.</summary>
    public sealed class Image(Coordinate coordinate) : JointAtom
    {
        /// <summary>The coordinate.</summary>
        public Coordinate Of => coordinate;
    }
}

/// <summary>Σ c·atom: what the state or a register is, given coordinates and draws.</summary>
internal sealed class JointForm
{
    /// <summary>0.</summary>
    public static readonly JointForm Zero = new([]);

    private readonly (JointAtom Of, double Factor)[] terms;

    private JointForm((JointAtom, double)[] terms) => this.terms = terms;

    /// <summary>The terms, none of factor 0.</summary>
    public IReadOnlyList<(JointAtom Of, double Factor)> Terms => terms;

    /// <summary>An atom.</summary>
    public static JointForm Of(JointAtom atom, double factor = 1) => factor == 0 ? Zero : new([(atom, factor)]);

    /// <summary>The factor of an atom, 0 where it is not there.</summary>
    public double this[JointAtom atom]
    {
        get
        {
            foreach ((JointAtom of, double factor) in terms)
            {
                if (ReferenceEquals(of, atom)) return factor;
            }

            return 0;
        }
    }

    /// <summary>
    /// This + factor·other; what cancels to <paramref name="tolerance"/> of its parts is 0: their own rounding.
    /// </summary>
    public JointForm Plus(JointForm other, double factor = 1, double tolerance = 0)
    {
        if (factor == 0 || other.terms.Length == 0) return this;
        List<(JointAtom, double)> sum = [];
        foreach ((JointAtom of, double own) in terms)
        {
            double more = factor * other[of];
            if (Math.Abs(own + more) > tolerance * (Math.Abs(own) + Math.Abs(more))) sum.Add((of, own + more));
        }

        sum.AddRange(other.terms.Where(term => this[term.Of] == 0).Select(term => (term.Of, factor * term.Factor)));
        return new([.. sum]);
    }

    /// <summary>This over a number: a factor of its size becomes 1 or −1, which its product with the inverse may miss.</summary>
    public JointForm Over(double scale) => new([.. terms.Select(term => (term.Of, term.Factor / scale))]);

    /// <summary>The terms for which the answer is yes.</summary>
    public JointForm Where(Func<JointAtom, bool> holds) => new([.. terms.Where(term => holds(term.Of))]);

    /// <summary>Whether it depends on a coordinate, through functions too.</summary>
    public bool Reads(JointAtom.Coordinate? coordinate) => coordinate is not null && Array.Exists(terms, term => Reads(term.Of, coordinate));

    /// <summary>Whether an atom depends on a coordinate.</summary>
    public static bool Reads(JointAtom atom, JointAtom.Coordinate coordinate) => atom switch
    {
        JointAtom.Function function => function.Reads.Contains(coordinate),
        JointAtom.Image image => ReferenceEquals(image.Of, coordinate),
        _ => ReferenceEquals(atom, coordinate),
    };

    /// <summary>The coordinates that it depends on.</summary>
    public HashSet<JointAtom.Coordinate> Coordinates =>
        [.. terms.SelectMany(IEnumerable<JointAtom.Coordinate> (term) => term.Of switch
        {
            JointAtom.Coordinate coordinate => [coordinate],
            JointAtom.Image image => [image.Of],
            JointAtom.Function function => function.Reads,
            _ => [],
        })];

    /// <summary>Its draws.</summary>
    public JointForm Draws => Where(atom => atom is JointAtom.Draw);

    /// <summary>All but its draws.</summary>
    public JointForm Mean => Where(atom => atom is not JointAtom.Draw);

    /// <summary>Σ of the products of equal atoms' factors: of draws, a covariance.</summary>
    public double Product(JointForm other)
    {
        double sum = 0;
        foreach ((JointAtom of, double factor) in terms)
        {
            sum += factor * other[of];
        }

        return sum;
    }

    /// <summary>c where this is c·other term by term; null where it is no multiple.</summary>
    public double? MultipleOf(JointForm other, double tolerance)
    {
        if (terms.Length == 0) return 0;
        double ratio = other[terms[0].Of] is var first && first == 0 ? 0 : terms[0].Factor / first;
        return ratio != 0 && Plus(other, -ratio, tolerance).terms.Length == 0 ? ratio : null;
    }
}
