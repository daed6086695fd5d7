namespace Sgm.Engine;

public sealed partial class ParticleLaw
{
    // Of the masses of p's cells, all together.
    private const double Rounding = 1e-12;

    /// <summary>
    /// A lower bound: TV ≥ q(A) − p(A) for any set A. One half of the particles chooses a coordinate or a direction and a union A of cells in which it
    /// is more frequent than p; the other half gives a lower confidence bound of q(A); p(A) is exact. Samples alone give no upper bound below 1.
    /// </summary>
    /// <remarks>
    /// Cells are equal masses of p, and some small ones in its tails. The particles of even index choose, those of odd index test.
    /// The bound of q(A) is <see cref="FrequencyBelow"/>.
    /// </remarks>
    private Estimate TotalVariation()
    {
        const string Method = "tested partition";
        const string Reason = "samples alone give no upper end below 1; the lower end is a theorem at its confidence";
        int half = (int)Math.Min(Particles.Count, Array.MaxLength) / 2;
        if (half < FewestParticles) return Estimate.Unavailable(Method, Reason, 0, 1);

        double best = double.NegativeInfinity;
        double lower = 0;
        foreach ((double[] values, MarginalLaw law) in Views(half))
        {
            // Nodes of the table: there the distribution function is known, not interpolated.
            int[] nodes = [.. CellMasses(half).Select(law.NodeAt)];
            double[] masses = [.. nodes.Select(j => law.Cumulative[j])];
            double[] edges = [.. nodes.Select(j => law.Nodes[j])];
            int[] chosen = Counts(values, 0, half, edges);
            double gain = 0;
            double exact = 0;
            bool[] isIn = new bool[chosen.Length];
            for (int c = 0; c < chosen.Length; c++)
            {
                double mass = (c < masses.Length ? masses[c] : 1) - (c > 0 ? masses[c - 1] : 0);
                double excess = ((double)chosen[c] / half) - mass;
                isIn[c] = excess > 0;
                if (!isIn[c]) continue;
                gain += excess;
                exact += mass;
            }

            if (gain <= best) continue;
            best = gain;
            int hits = Counts(values, 1, half, edges).Where((_, c) => isIn[c]).Sum();
            lower = Math.Max(0, FrequencyBelow.Of(hits, half, 1 - Confidence) - exact - Rounding);
        }

        return Estimate.Unavailable(Method, Reason, lower, 1, Confidence);
    }

    // The coordinates; and for a target that is one mixture the direction in which the particles that choose are most off in the mean,
    // Σ⁻¹(m_q − m_p) with the diagonal of Σ: the normal of the best half-space between two normal laws of one diagonal covariance.
    private IEnumerable<(double[] Values, MarginalLaw Law)> Views(int half)
    {
        int coordinates = Math.Min(Dimension, MostCoordinates);
        double[] direction = new double[Dimension];
        for (int e = 0; e < coordinates; e++)
        {
            double[] values = Particles.Coordinate(e);
            LineMixture law = LineMixture.Coordinate(target, level, e);
            double mean = 0;
            for (int i = 0; i < half; i++)
            {
                mean += values[2 * i] / half;
            }

            direction[e] = (mean - law.Mean) / law.Variance;
            yield return (values, Dimension == 1 ? Table : new MarginalLaw(law, 4096));
        }

        double length = Math.Sqrt(direction.Sum(x => x * x));
        if (Dimension == 1 || Dimension > MostCoordinates || length == 0 || !LineMixture.IsOneMixture(target)) yield break;
        double[] along = new double[2 * half];
        for (int e = 0; e < Dimension; e++)
        {
            direction[e] /= length;
            double[] values = Particles.Coordinate(e);
            for (int i = 0; i < along.Length; i++)
            {
                along[i] += direction[e] * values[i];
            }
        }

        yield return (along, new MarginalLaw(LineMixture.Along(target, level, direction), 4096));
    }

    // The masses of p below the edges of the cells, ascending.
    private static double[] CellMasses(int particles)
    {
        int cells = (int)Math.Clamp(2 * Math.Pow(particles, 0.4), 8, 512);
        double[] tails = [.. Enumerable.Range(1, 6).Select(k => Math.Pow(10, -k) / cells)];
        return
        [
            .. tails.Reverse(),
            .. Enumerable.Range(1, cells - 1).Select(c => (double)c / cells),
            .. tails.Select(t => 1 - t),
        ];
    }

    // How many of the values at start, start + 2, … lie in each cell; cell c ends at edge c.
    private static int[] Counts(double[] values, int start, int count, double[] edges)
    {
        int[] counts = new int[edges.Length + 1];
        for (int i = 0; i < count; i++)
        {
            int c = Array.BinarySearch(edges, values[start + (2 * i)]);
            counts[c < 0 ? ~c : c]++;
        }

        return counts;
    }
}
