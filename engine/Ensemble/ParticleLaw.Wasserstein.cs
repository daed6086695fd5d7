namespace Sgm.Engine;

public sealed partial class ParticleLaw
{
    private const int MostCoordinates = 16;
    private const int FewestParticles = 16;

    /// <summary>
    /// In one dimension W2 of the sorted particles q̂ to p, and by the triangle inequality |W2(q̂, p) − W2(q, p)| ≤ W2(q̂, q) the interval ± the 0.99
    /// quantile of W2(q̂, q). In more dimensions only a lower bound: W2² is at least the sum of the coordinates' W2².
    /// </summary>
    /// <remarks>
    /// The quantile comes from random splits of the particles into halves A and B: the empirical process of q̂_A − q̂_B has twice the
    /// standard deviation of that of q̂, so W2(A, B)/2 is distributed as W2(q̂, q). The particles come in pairs in the order of the run,
    /// and a fair bit sends one of each pair to A: the stream of (seed, −1 − split), the same on every machine. Fewer than 199 splits
    /// (many particles) give their largest value times 1.1. The square root of the coordinates' sum is a metric too, so the
    /// bound in more dimensions has the same interval.
    /// </remarks>
    private Estimate Wasserstein()
    {
        int d = Dimension;
        int coordinates = Math.Min(d, MostCoordinates);
        long most = d == 1 ? int.MaxValue : Math.Max(1000, 4_000_000 / coordinates);
        int n = (int)Math.Min(Particles.Count, Math.Min(most, Array.MaxLength)) / 2 * 2;
        if (n < FewestParticles)
            return Estimate.Unavailable("sorted samples", $"an interval needs at least {FewestParticles} particles; there are {Particles.Count}");

        double[][] sorted = new double[coordinates][];
        int[][] order = new int[coordinates][];
        double square = 0;
        for (int e = 0; e < coordinates; e++)
        {
            double[] values = Particles.Coordinate(e);
            if (values.Length != n && d > 1) Array.Resize(ref values, n);
            order[e] = [.. Enumerable.Range(0, values.Length)];
            Array.Sort(values, order[e]);
            sorted[e] = values;
            MarginalLaw law = d == 1 ? Marginal : new MarginalLaw(target, level, e, 4096);
            square += law.SquaredDistance(values);
        }

        double value = Math.Sqrt(square);
        double radius = SplitQuantile(sorted, order, n);
        double lower = Math.Max(0, value - radius);
        return d == 1
            ? Estimate.Sampled(value, lower, value + radius, Confidence, "sorted samples")
            : Estimate.Unavailable(
                "sorted coordinates",
                $"no honest upper estimate in more than one dimension; the lower end is the distance of the first {coordinates} marginals",
                lower, double.PositiveInfinity, Confidence);
    }

    private double SplitQuantile(double[][] sorted, int[][] order, int n)
    {
        int splits = (int)Math.Clamp(40_000_000L / ((long)n * sorted.Length), 40, 199);
        double[] distances = new double[splits];
        byte[] inFirst = new byte[n + 1];
        ulong[] bits = new ulong[(n / 128) + 1];
        double[] a = new double[(n / 2) + 1], b = new double[(n / 2) + 1];
        for (int r = 0; r < splits; r++)
        {
            new RandomStream(seed, -1 - r).FillBits(bits);
            for (int pair = 0; pair < n / 2; pair++)
            {
                byte bit = (byte)((bits[pair / 64] >> (pair % 64)) & 1);
                inFirst[2 * pair] = bit;
                inFirst[(2 * pair) + 1] = (byte)(1 - bit);
            }

            double square = 0;
            for (int e = 0; e < sorted.Length; e++)
            {
                square += HalvesSquared(sorted[e], order[e], inFirst, n, a, b);
            }

            distances[r] = Math.Sqrt(square) / 2;
        }

        Array.Sort(distances);
        return splits < 199 ? 1.1 * distances[^1] : distances[197];
    }

    // W2² of the two halves: the k-th smallest of one goes to the k-th smallest of the other.
    private static double HalvesSquared(double[] sorted, int[] order, byte[] inFirst, int n, double[] a, double[] b)
    {
        int na = 0, nb = 0;
        for (int i = 0; i < sorted.Length; i++)
        {
            int particle = order[i];
            if (particle >= n) continue;
            int first = inFirst[particle];
            a[na] = sorted[i];
            b[nb] = sorted[i];
            na += first;
            nb += 1 - first;
        }

        double sum = 0;
        for (int k = 0; k < n / 2; k++)
        {
            double gap = a[k] - b[k];
            sum += gap * gap;
        }

        return sum / (n / 2);
    }

    private MarginalLaw Marginal => marginal ??= new MarginalLaw(target, level, 0);

    private MarginalLaw? marginal;
}
