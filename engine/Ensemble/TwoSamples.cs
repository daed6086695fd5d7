namespace Sgm.Engine;

/// <summary>
/// How far apart the unknown laws q and r of two samples are. Lower ends are theorems at the confidence for independent rows, whatever the two
/// laws are; there is no upper end, since mass that no row hit may lie anywhere; the value of W2 is an estimate.
/// </summary>
/// <remarks>
/// Of either sample the rows i ≡ 0 mod 4 propose sets and functions, those with i ≡ 2 choose one, and the odd ones test it. Views are the first 16
/// coordinates and, in more dimensions than one, the direction in which the means differ most in deviations. The rows must be in an order that
/// does not depend on their values: shuffled, where a file may be sorted. The first two million of either are looked at.
/// </remarks>
public sealed class TwoSamples
{
    private const int MostViews = 16;
    private const int Fewest = 64;
    private const int MostRows = 1 << 21;
    private const int MostPaired = 1 << 15;
    private const long MostNumbers = 1L << 21;

    private readonly ParticleStore first;
    private readonly ParticleStore second;
    private readonly double failure;
    private readonly Lazy<(TwoSampleView[] Coordinates, TwoSampleView? Direction)> views;

    /// <summary>Two samples of one dimension; an end is wrong with probability at most 1 − confidence.</summary>
    public TwoSamples(ParticleStore first, ParticleStore second, double confidence = ParticleLaw.UsualConfidence)
    {
        if (!(confidence is > 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(confidence), confidence, "must be in (0, 1)");
        if (first.Dimension != second.Dimension) throw new ArgumentException("both samples must have one dimension", nameof(second));
        this.first = first;
        this.second = second;
        failure = 1 - confidence;
        Confidence = confidence;
        views = new(Views);
    }

    /// <summary>The confidence of the lower ends.</summary>
    public double Confidence { get; }

    private int Dimension => first.Dimension;

    private bool AreFew => Math.Min(first.Count, second.Count) < Fewest;

    private string TooFew => $"an end needs at least {Fewest} rows of either; there are {first.Count} and {second.Count}";

    /// <summary>
    /// Total variation between q and r: at least q(A) − r(A) for every set A, a union of cells or a half-line in one view.
    /// </summary>
    public Estimate TotalVariation()
    {
        const string Method = "tested partition";
        if (AreFew) return Estimate.Unavailable(Method, TooFew, 0, 1);
        double most = double.NegativeInfinity;
        double lower = 0;
        foreach (TwoSampleView view in All())
        {
            foreach (bool[] set in view.Sets())
            {
                double promised = view.Excess(set, 2, failure);
                if (promised <= most) continue;
                most = promised;
                lower = view.Excess(set, 1, failure);
            }
        }

        return Estimate.Unavailable(
            Method, "samples alone give no upper end below 1; the lower end is a theorem at its confidence", Math.Max(0, lower), 1, Confidence);
    }

    /// <summary>
    /// W2 between q and r: W2(q, r) ≥ W1(q_θ, r_θ) ≥ E_q φ − E_r φ for every view θ and every φ with |φ′| ≤ 1, and W2² ≥ Σ_e W2²(q_e, r_e) over
    /// the coordinates. The value is W2 of the two samples, in more dimensions than one less what a sample's halves are apart.
    /// </summary>
    public Estimate W2()
    {
        string method = Dimension == 1 ? "tested Lipschitz functions; sorted samples" : "tested Lipschitz functions; paired rows";
        if (AreFew) return Estimate.Unavailable(method, TooFew);
        (TwoSampleView[] coordinates, TwoSampleView? direction) = views.Value;
        (double promised, double lower) = Sum(coordinates);
        if (direction is not null && direction.Transport(failure) is var (alone, tested) && alone > promised) lower = tested;
        double square = Dimension == 1 ? OnTheLine() : ByPairs();
        return square <= lower * lower
            ? Estimate.Unavailable(
                method,
                "the two samples are no farther apart than two of one law would be; take more rows",
                lower,
                double.PositiveInfinity,
                Confidence)
            : Estimate.Sampled(
                Math.Sqrt(square),
                lower,
                double.PositiveInfinity,
                Confidence,
                method,
                "samples alone give no upper end: mass that no row hit may lie anywhere; the lower end is a theorem, the value an estimate");
    }

    private (double Promised, double Lower) Sum(TwoSampleView[] coordinates)
    {
        double promised = 0, lower = 0;
        foreach (TwoSampleView view in coordinates)
        {
            (double own, double tested) = view.Transport(failure / coordinates.Length);
            promised += own * own;
            lower += tested * tested;
        }

        return (Math.Sqrt(promised), Math.Sqrt(lower));
    }

    private IEnumerable<TwoSampleView> All() =>
        views.Value.Direction is { } direction ? [.. views.Value.Coordinates, direction] : views.Value.Coordinates;

    private (TwoSampleView[] Coordinates, TwoSampleView? Direction) Views()
    {
        int count = Math.Min(Dimension, MostViews);
        TwoSampleView[] coordinates = new TwoSampleView[count];
        double[] direction = new double[count];
        for (int e = 0; e < count; e++)
        {
            coordinates[e] = new(Values(first, e), Values(second, e));
            direction[e] = coordinates[e].StandardizedShift();
        }

        double length = Math.Sqrt(direction.Sum(x => x * x));
        if (Dimension == 1 || !(length > 0) || !double.IsFinite(length)) return (coordinates, null);
        double[] Along(ParticleStore sample)
        {
            double[] sum = new double[Math.Min(sample.Count, MostRows)];
            for (int e = 0; e < count; e++)
            {
                double[] values = Values(sample, e);
                for (int i = 0; i < sum.Length; i++)
                {
                    sum[i] += direction[e] / length * values[i];
                }
            }

            return sum;
        }

        return (coordinates, new TwoSampleView(Along(first), Along(second)));
    }

    // W2² of the two samples on the line: ∫₀¹ (F⁻¹ − G⁻¹)².
    private double OnTheLine()
    {
        double[] a = Values(first, 0), b = Values(second, 0);
        Array.Sort(a);
        Array.Sort(b);
        double sum = 0;
        double u = 0;
        for (int i = 0, j = 0; i < a.Length && j < b.Length;)
        {
            double next = Math.Min((i + 1.0) / a.Length, (j + 1.0) / b.Length);
            sum += (next - u) * (a[i] - b[j]) * (a[i] - b[j]);
            u = next;
            // (i + 1)/n against (j + 1)/m in whole numbers.
            long left = (long)(i + 1) * b.Length, right = (long)(j + 1) * a.Length;
            if (left <= right) i++;
            if (right <= left) j++;
        }

        return sum;
    }

    private double ByPairs()
    {
        int half = (int)Math.Min(Math.Min(first.Count, second.Count) / 2, Math.Clamp(MostNumbers / Dimension, Fewest / 2, MostPaired));
        double[] a = Rows(first, 0, half), b = Rows(second, 0, half);
        double within = Pairing.Cost(a, Rows(first, half, half), Dimension) + Pairing.Cost(b, Rows(second, half, half), Dimension);
        return Pairing.Cost(a, b, Dimension) - (0.5 * within);
    }

    // A coordinate of the rows that are looked at.
    private static double[] Values(ParticleStore sample, int e) => sample.Coordinate(e)[..(int)Math.Min(sample.Count, MostRows)];

    private static double[] Rows(ParticleStore sample, int from, int count)
    {
        double[] rows = new double[count * sample.Dimension];
        for (int i = 0; i < count; i++)
        {
            sample.Particle(from + i).CopyTo(rows, i * sample.Dimension);
        }

        return rows;
    }
}
