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
    /// The quantile comes from random halves A of the particles: A − q̂ is a fluctuation of the same size as q̂ − q (both have variance 1/n
    /// times that of a draw), so W2(A, q̂) is distributed as W2(q̂, q) whether W2 grows like the fluctuation (connected laws) or
    /// like its square root (separated modes). The particles come in pairs in the order of the run, and a fair bit sends one of each
    /// pair to A: the stream of (seed, −1 − split), the same on every machine. Fewer than 199 halves (many particles) give
    /// their largest value times 1.1. The square root of the coordinates' sum is a metric too, so the bound in more
    /// dimensions has the same interval.
    /// <para>
    /// The particles cannot show a fluctuation of mass that none of them hit. If q is p, such mass is in p: so the interval is never
    /// shorter than the same quantile of W2(p̂, p) for draws p̂ from p (in more dimensions, coordinate by coordinate). What is in
    /// q alone, with less mass than 1/n, no interval from n particles covers.
    /// </para>
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
        double radius = Math.Max(SplitQuantile(sorted, order, n), NullQuantile(coordinates, n));
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
        int splits = Splits(n, sorted.Length);
        double[] distances = new double[splits];
        byte[] isIn = new byte[n + 1];
        ulong[] bits = new ulong[(n / 128) + 1];
        double[] half = new double[(n / 2) + 1];
        for (int r = 0; r < splits; r++)
        {
            new RandomStream(seed, -1 - r).FillBits(bits);
            for (int pair = 0; pair < n / 2; pair++)
            {
                byte bit = (byte)((bits[pair / 64] >> (pair % 64)) & 1);
                isIn[2 * pair] = bit;
                isIn[(2 * pair) + 1] = (byte)(1 - bit);
            }

            double square = 0;
            for (int e = 0; e < sorted.Length; e++)
            {
                square += SquaredToHalf(sorted[e], order[e], isIn, half, n);
            }

            distances[r] = square;
        }

        return Math.Sqrt(Highest(distances));
    }

    private double NullQuantile(int coordinates, int n)
    {
        int draws = Splits(n, coordinates);
        double[] distances = new double[draws];
        double[] values = new double[n];
        double square = 0;
        for (int e = 0; e < coordinates; e++)
        {
            MarginalLaw law = new(target, level, e, 4096);
            for (int r = 0; r < draws; r++)
            {
                law.DrawSorted(new RandomStream(seed, -1_000_000 - ((long)e * 1000) - r), values);
                distances[r] = law.SquaredDistance(values);
            }

            square += Highest(distances);
        }

        return Math.Sqrt(square);
    }

    private static int Splits(int n, int coordinates) => (int)Math.Clamp(40_000_000L / ((long)n * coordinates), 40, 199);

    // Of squares.
    private static double Highest(double[] distances)
    {
        Array.Sort(distances);
        return distances.Length < 199 ? 1.21 * distances[^1] : distances[197];
    }

    // W2² of the half to the whole: its k-th smallest goes to the whole's 2k-th and (2k + 1)-th.
    private static double SquaredToHalf(double[] sorted, int[] order, byte[] isIn, double[] half, int n)
    {
        int taken = 0;
        for (int i = 0; i < sorted.Length; i++)
        {
            half[taken] = sorted[i];
            taken += isIn[order[i]];
        }

        double sum = 0;
        for (int k = 0; k < n / 2; k++)
        {
            double left = half[k] - sorted[2 * k];
            double right = half[k] - sorted[(2 * k) + 1];
            sum += (left * left) + (right * right);
        }

        return sum / n;
    }

    private MarginalLaw Marginal => marginal ??= new MarginalLaw(target, level, 0);

    private MarginalLaw? marginal;
}
