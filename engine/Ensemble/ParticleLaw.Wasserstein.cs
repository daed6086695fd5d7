namespace Sgm.Engine;

public sealed partial class ParticleLaw
{
    private const int MostCoordinates = 16;
    private const int FewestParticles = 16;
    private const int MostBatches = 32;

    // In more than one dimension: coordinates of all particles that are looked at, and particles.
    private const long MostNumbers = 1L << 22;
    private const long MostPaired = 1L << 16;

    /// <summary>
    /// W2 with both ends, in any dimension. Lower: Kantorovich's dual, potentials chosen on one half and tested on the other
    /// (<see cref="DualBound"/>). Upper: W2² is jointly convex, so E W2²(q̂_m, p̂_m) ≥ W2²(q, p) for m particles and any random p̂_m
    /// of mean p; an upper confidence bound for the mean over independent batches of the cost of any coupling is one for W2².
    /// </summary>
    /// <remarks>
    /// In one dimension p̂ is p itself and the coupling is the monotone one, so the cost is exact; in more, p̂_m are m exact draws
    /// and the coupling is a <see cref="Pairing"/>. Each end fails with at most (1 − confidence)/2, by Student's t over
    /// particles (lower) and over at most 32 batches (upper): asymptotic, stated as such. Mass that no particle and no draw hit is in neither.
    /// <para>
    /// The value, in one dimension, is W2 of all particles to p. In more it is debiased: the mean cost less that of as many pairs of draws
    /// of p, which is what particles of law p would show. It is kept within the interval.
    /// </para>
    /// </remarks>
    private Estimate Wasserstein()
    {
        int d = Dimension;
        string method = d == 1 ? "sorted samples" : "dual potentials and paired draws";
        long most = d == 1 ? Array.MaxLength : Math.Clamp(MostNumbers / d, FewestParticles, MostPaired);
        int n = (int)Math.Min(Particles.Count, most);
        if (n < FewestParticles)
            return Estimate.Unavailable(method, $"an interval needs at least {FewestParticles} particles; there are {Particles.Count}");

        double oneSided = 0.5 * (1 - Confidence);
        double[] rows = Rows(n);
        double lower = Math.Sqrt(DualBound.Of(target, level, rows, oneSided, seed));
        (double upper, double square) = d == 1 ? OnTheLine(rows, oneSided) : ByPairs(rows, oneSided);
        upper = Math.Max(lower, Math.Sqrt(Math.Max(0, upper)));
        double value = Math.Clamp(Math.Sqrt(Math.Max(0, square)), lower, upper);
        return Estimate.Sampled(value, lower, upper, Confidence, method);
    }

    // The squares of the upper bound and of the value. Sorts the values in place: copies of very many particles would not fit.
    private (double Upper, double Value) OnTheLine(double[] values, double failure)
    {
        int batches = Batches(values.Length);
        double[] costs = new double[batches];
        for (int b = 0; b < batches; b++)
        {
            Span<double> batch = values.AsSpan(Start(b, values.Length, batches)..Start(b + 1, values.Length, batches));
            batch.Sort();
            costs[b] = Marginal.SquaredDistance(batch);
        }

        Array.Sort(values);
        return (new MeanBounds(costs).Upper(failure), Marginal.SquaredDistance(values));
    }

    private (double Upper, double Value) ByPairs(double[] rows, double failure)
    {
        int n = rows.Length / Dimension;
        int batches = Batches(n);
        TargetDraws draws = new(target, level, seed);
        double[] costs = new double[batches];
        double bias = 0;
        for (int b = 0; b < batches; b++)
        {
            int from = Start(b, n, batches);
            int to = Start(b + 1, n, batches);
            double[] drawn = draws.Rows(to - from, 2 * b);
            costs[b] = Pairing.Cost(rows[(from * Dimension)..(to * Dimension)], drawn, Dimension);
            bias += Pairing.Cost(draws.Rows(to - from, (2 * b) + 1), drawn, Dimension);
        }

        MeanBounds bounds = new(costs);
        return (bounds.Upper(failure), bounds.Mean - (bias / batches));
    }

    private static int Batches(int n) => Math.Clamp(n / 8, 2, MostBatches);

    private static int Start(int batch, int n, int batches) => (int)((long)batch * n / batches);

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

    private MarginalLaw Marginal => marginal ??= new MarginalLaw(LineMixture.Coordinate(target, level, 0));

    private MarginalLaw? marginal;
}
