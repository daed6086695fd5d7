namespace Sgm.Engine;

public sealed partial class ParticleLaw
{
    private const int MostCoordinates = 16;
    private const int FewestParticles = 16;

    // In more than one dimension: coordinates of all particles that are looked at, and particles.
    private const long MostNumbers = 1L << 22;
    private const long MostPaired = 1L << 16;

    private const string NoUpperEnd =
        "particles alone give no upper end: mass that none of them hit may lie anywhere; the lower end is a theorem, the value an estimate";

    private const string Unresolved =
        "as many draws of the target lie as far from it as these particles do: W2 is below what so many resolve; take more";

    /// <summary>
    /// W2 with a lower end, in any dimension: Kantorovich's dual, potentials chosen on one half and tested on the other
    /// (<see cref="DualBound"/>), a theorem for every law of the state. There is no upper end without an assumption.
    /// </summary>
    /// <remarks>
    /// The value is an estimate. In one dimension it is W2 of all particles to p. In more it is debiased: the cost of pairing particles with draws
    /// of p, less that of pairing as many other draws of p, which is what particles of law p would show; none where nothing is left.
    /// </remarks>
    private Estimate Wasserstein()
    {
        string method = Dimension == 1 ? "dual potentials; sorted samples" : "dual potentials; paired draws";
        if (Few(method) is { } few) return few;
        double[] rows = Rows(Used);
        double lower = Lower(rows, 1 - Confidence);
        double square = Dimension == 1 ? OnTheLine(rows) : ByPairs(rows);
        return square <= lower * lower
            ? Estimate.Unavailable(method, Unresolved, lower, double.PositiveInfinity, Confidence)
            : Estimate.Sampled(Math.Sqrt(square), lower, double.PositiveInfinity, Confidence, method, NoUpperEnd);
    }

    /// <summary>
    /// W2 with both ends where the law q of the state and the target p are known to satisfy a logarithmic Sobolev inequality, each with at
    /// most the constant <paramref name="logSobolev"/> = C: KL(r‖q) ≤ (C/2)·E_r‖∇ln(r/q)‖². Each end fails with at most (1 − confidence)/2.
    /// </summary>
    /// <remarks>
    /// Let G = W2(q̂, p̂) for n particles and n draws of p. W2² is jointly convex, so W2²(q, p) ≤ E G² = (E G)² + Var G. G is a Lipschitz function of
    /// the 2n points with constant √(2/n), and their joint law has the constant C, so Var G ≤ 2C/n and, by Herbst's argument,
    /// P(G ≤ E G − t) ≤ e^(−n·t²/(4C)). Any pairing costs at least G². On the line p̂ is p itself: 1/n in the place of 2/n, and the pairing exact.
    /// Bakry, Gentil and Ledoux, Analysis and Geometry of Markov Diffusion Operators, 2014, §5.4.
    /// </remarks>
    public Estimate Wasserstein(double logSobolev)
    {
        string method = Dimension == 1 ? "dual potentials; sorted samples, concentration" : "dual potentials; paired draws, concentration";
        if (Few(method) is { } few) return few;
        double[] rows = Rows(Used);
        double failure = 0.5 * (1 - Confidence);
        double lower = Lower(rows, failure);
        double cost = Dimension == 1
            ? OnTheLine(rows)
            : Pairing.Cost(rows, new TargetDraws(target, level, seed).Rows(Used, 0), Dimension);
        double spread = (Dimension == 1 ? 1 : 2) * logSobolev / Used;
        double mean = Math.Sqrt(Math.Max(0, cost)) + Math.Sqrt(-2 * spread * Math.Log(failure));
        double upper = Math.Max(lower, Math.Sqrt((mean * mean) + spread) * (1 + 1e-12));
        return Estimate.Sampled(Math.Clamp(Math.Sqrt(Math.Max(0, cost)), lower, upper), lower, upper, Confidence, method);
    }

    /// <summary>The lower end of W2 alone, without the pairing that its value costs; 0 where the particles are too few for one.</summary>
    public double WassersteinBelow() => Used < FewestParticles ? 0 : Lower(Rows(Used), 1 - Confidence);

    // The particles that are looked at.
    private int Used => (int)Math.Min(
        Particles.Count, Dimension == 1 ? Array.MaxLength : Math.Clamp(MostNumbers / Dimension, FewestParticles, MostPaired));

    private Estimate? Few(string method) => Used >= FewestParticles
        ? null
        : Estimate.Unavailable(method, $"an interval needs at least {FewestParticles} particles; there are {Particles.Count}");

    // Less what rounding did to the places.
    private double Lower(double[] rows, double failure)
    {
        double largest = 0;
        foreach (double x in rows)
        {
            largest = Math.Max(largest, Math.Abs(x));
        }

        return Math.Max(0, Math.Sqrt(DualBound.Of(target, level, rows, failure, seed)) - (1e-15 * Dimension * largest));
    }

    // W2² of the particles to p. Sorts the values in place: copies of very many particles would not fit.
    private double OnTheLine(double[] values)
    {
        Array.Sort(values);
        return Table.SquaredDistance(values);
    }

    private double ByPairs(double[] rows)
    {
        TargetDraws draws = new(target, level, seed);
        double[] drawn = draws.Rows(Used, 0);
        return Pairing.Cost(rows, drawn, Dimension) - Pairing.Cost(draws.Rows(Used, 1), drawn, Dimension);
    }

    // The first n particles, row-major [n, d].
    private double[] Rows(int n)
    {
        int d = Dimension;
        double[] rows = new double[(long)n * d];
        int at = 0;
        for (int b = 0; at < n; b++)
        {
            ReadOnlySpan<double> block = Particles.Block(b);
            int count = block.Length / d;
            for (int i = 0; i < count && at < n; i++, at++)
            {
                for (int e = 0; e < d; e++)
                {
                    rows[(at * d) + e] = block[(e * count) + i];
                }
            }
        }

        return rows;
    }

    private MarginalLaw Table => table ??= new MarginalLaw(LineMixture.Coordinate(target, level, 0));

    private MarginalLaw? table;
}
