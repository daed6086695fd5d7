using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sgm.Engine;

/// <summary>
/// A mixture of normal laws on the line at a noise level: Σ_k w_k N(m·μ_k, m²v_k + σ²), with log-density, score and its slope,
/// distribution function and quantiles, all with relative precision in the tails. Sums over components go by blocks of eight
/// neighbours: all of the arrays that they read end in components of weight 0.
/// </summary>
public sealed class ScalarMixture
{
    private readonly double[] mean;
    private readonly double[] deviation;
    private readonly double[] logWeight;
    private readonly double[] weight;
    private readonly double[] given;
    private readonly double[] precision;
    private readonly double[] zero;

    // Component k's denoiser at the level (m, σ): E[X₀ | x, k] = μ_k − pull_k·(m·μ_k − x), with pull_k = −m·v_k/(m²v_k + σ²).
    private readonly NoiseLevel level;
    private readonly double[] dataMean;
    private readonly double[] pull;

    /// <summary>Whether the noise rules the narrowest component: then denoisers, else scores, of components differ without cancellation.</summary>
    private readonly bool isNoisy;

    /// <summary>How far (in shared standard deviations, squared) a component can be from the nearest one and still count.</summary>
    private readonly double windowSquare;
    private readonly bool windowed;

    /// <summary>Σ w_k·N(μ_k, v_k) at a level.</summary>
    private ScalarMixture(double[] weight, double[] dataMean, double[] dataVariance, NoiseLevel level)
    {
        this.level = level;
        int[] order = [.. Enumerable.Range(0, dataMean.Length).OrderBy(k => dataMean[k])];
        double total = weight.Sum();
        given = [.. order.Select(k => weight[k])];
        this.weight = [.. given.Select(w => w / total)];
        this.dataMean = [.. order.Select(k => dataMean[k])];
        double[] variance = [.. order.Select(k => dataVariance[k])];
        mean = [.. this.dataMean.Select(mu => level.Mean * mu)];
        Count = mean.Length;
        deviation = [.. variance.Select(v => Math.Sqrt(level.VarianceOf(v)))];
        precision = [.. variance.Select(v => 1 / level.VarianceOf(v))];
        pull = [.. variance.Select((v, k) => -level.Mean * v * precision[k])];
        isNoisy = level.Sigma > level.Mean * Math.Sqrt(variance.Min());
        logWeight = [.. given.Select((w, k) => Math.Log(w / total / deviation[k]) - NormalTail.LogRootTwoPi)];
        windowed = Count > Block && deviation.All(s => s == deviation[0]);
        windowSquare = 80 + (2 * (Math.Log(Count) + logWeight.Max() - logWeight.Min()));
        LargestDeviation = deviation.Max();
        SmallestDeviation = deviation.Min();
        mean = Padded(mean, mean[^1]);
        deviation = Padded(deviation, deviation[^1]);
        logWeight = Padded(logWeight, double.NegativeInfinity);
        this.weight = Padded(this.weight, 0);
        precision = Padded(precision, 0);
        pull = Padded(pull, 0);
        this.dataMean = Padded(this.dataMean, this.dataMean[^1]);
        zero = new double[mean.Length];
    }

    /// <summary>Number of components.</summary>
    public int Count { get; }

    /// <summary>The standard deviation that rules both tails.</summary>
    public double LargestDeviation { get; }

    /// <summary>The narrowest component's.</summary>
    public double SmallestDeviation { get; }

    /// <summary>Component means, ascending.</summary>
    public ReadOnlySpan<double> Means => mean.AsSpan(0, Count);

    /// <summary>Component standard deviations, in the order of the means.</summary>
    public ReadOnlySpan<double> Deviations => deviation.AsSpan(0, Count);

    /// <summary>Component weights, in the order of the means.</summary>
    public ReadOnlySpan<double> Weights => weight.AsSpan(0, Count);

    /// <summary>The weights before the division by their sum, which is not exact.</summary>
    internal ReadOnlySpan<double> GivenWeights => given;

    /// <summary>
    /// How many blocks of components a density takes: all, or those in a window about x when many share a deviation and lie evenly.
    /// </summary>
    internal double Cost => 1 + ((windowed
        ? Math.Min(Count, Count * 2 * deviation[0] * Math.Sqrt(windowSquare) / Math.Max(mean[^1] - mean[0], deviation[0]))
        : Count) / Block);

    /// <summary>E x.</summary>
    public double Mean => Enumerable.Range(0, Count).Sum(k => weight[k] * mean[k]);

    /// <summary>Var x, about the mean.</summary>
    public double Variance
    {
        get
        {
            double centre = Mean;
            return Enumerable.Range(0, Count).Sum(k =>
                weight[k] * ((deviation[k] * deviation[k]) + ((mean[k] - centre) * (mean[k] - centre))));
        }
    }

    /// <summary>The law of m·X + σ·Z.</summary>
    public static ScalarMixture At(Mixture law, NoiseLevel level)
    {
        int[] kept = [.. Enumerable.Range(0, law.Count).Where(k => law.Weights[k] > 0)];
        return new(
            [.. kept.Select(k => law.Weights[k])],
            [.. kept.Select(k => law.Means[k])],
            [.. kept.Select(k => law.Covariance(k).Eigenvalue(0))],
            level);
    }

    /// <summary>N(mean, deviation²).</summary>
    public static ScalarMixture Normal(double mean, double deviation) => new([1], [mean], [deviation * deviation], NoiseLevel.Data);

    /// <summary>ln p(x); finite for every finite x whose square is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public double LogDensity(double x)
    {
        (int from, int to) = Window(x);
        if (to - from == 1)
        {
            return Exponent(from, x);
        }

        Vector512<double> top = Vector512.Create(double.NegativeInfinity);
        for (int k = from; k < to; k += Block)
        {
            top = Vector512.Max(top, Exponents(k, x));
        }

        double largest = Largest(top);
        if (double.IsInfinity(largest))
        {
            return largest;
        }

        Vector512<double> sum = Vector512<double>.Zero;
        for (int k = from; k < to; k += Block)
        {
            sum += Shares(Exponents(k, x), largest);
        }

        return largest + Math.Log(Vector512.Sum(sum));
    }

    /// <summary>The score ∂ln p at x, and its slope ∂²ln p = Var(s_k) − E[1/v_k] over the components' shares at x.</summary>
    public (double Score, double Slope) Score(double x)
    {
        (double score, double slope, _) = RoundedScore(x);
        return (score, slope);
    }

    /// <summary>The score with its slope and a bound on its rounding.</summary>
    internal (double Score, double Slope, double Rounding) RoundedScore(double x)
    {
        PosteriorReading scores = Read(x, zero, precision);
        return (scores.Mean, scores.Variance - scores.Factor, scores.Rounding);
    }

    /// <summary>
    /// The denoiser D = E[X₀ | m·X₀ + σ·Z = x] with slope and rounding; x/m at σ = 0. From the components' shares and denoisers, never
    /// from the score, so it keeps its digits at every level. D′ = (m/σ²)·Var(X₀ | x) ≥ 0 is a sum of what the components have
    /// and of how far they are apart: (m/σ²)·Var(D_k) = (σ²/m)·Var(s_k).
    /// </summary>
    internal (double Denoiser, double Slope, double Rounding) Denoiser(double x)
    {
        if (level.Sigma == 0)
        {
            return (x / level.Mean, 1 / level.Mean, 2 * Ulp * Math.Abs(x / level.Mean));
        }

        PosteriorReading parts = Read(x, dataMean, pull);
        double between = Count == 1 ? 0
            : isNoisy ? level.Mean / level.NoiseVariance * parts.Variance
            : level.NoiseVariance / level.Mean * Read(x, zero, precision).Variance;
        return (parts.Mean, between - parts.Factor, parts.Rounding);
    }

    /// <summary>Slope of the denoiser towards ±∞: that of the widest component.</summary>
    internal double FarDenoiserSlope => level.Sigma == 0 ? 1 / level.Mean : -pull[Array.IndexOf(deviation, LargestDeviation)];

    /// <summary>Half the distance of 1 to the next double.</summary>
    private const double Ulp = 1.1102230246251565e-16;

    /// <summary>
    /// Of r_k = base_k + factor_k·(m·μ_k − x), under the shares of the components at x: mean, variance (from the differences to the
    /// reading of the largest share) and the mean of the factors.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private PosteriorReading Read(double x, double[] bases, double[] factors)
    {
        (int from, int to) = Window(x);
        if (to - from == 1)
        {
            double away = factors[from] * (mean[from] - x);
            double value = bases[from] + away;
            return new(value, 0, factors[from], Ulp * ((4 * Math.Abs(away)) + Math.Abs(value)));
        }

        Vector512<double> top = Vector512.Create(double.NegativeInfinity);
        Vector512<double> leaders = Vector512<double>.Zero;
        for (int k = from; k < to; k += Block)
        {
            Vector512<double> exponents = Exponents(k, x);
            Vector512<double> readings = Load(bases, k) + (Load(factors, k) * (Load(mean, k) - Vector512.Create(x)));
            leaders = Vector512.ConditionalSelect(Vector512.GreaterThan(exponents, top), readings, leaders);
            top = Vector512.Max(top, exponents);
        }

        double largest = Largest(top);
        double centre = leaders.GetElement(0);
        for (int i = 1; i < Block; i++)
        {
            centre = top.GetElement(i) == largest ? leaders.GetElement(i) : centre;
        }

        Vector512<double> totals = Vector512<double>.Zero;
        Vector512<double> firsts = Vector512<double>.Zero;
        Vector512<double> seconds = Vector512<double>.Zero;
        Vector512<double> slopes = Vector512<double>.Zero;
        Vector512<double> sizes = Vector512<double>.Zero;
        for (int k = from; k < to; k += Block)
        {
            Vector512<double> share = Shares(Exponents(k, x), largest);
            Vector512<double> away = Load(factors, k) * (Load(mean, k) - Vector512.Create(x));
            Vector512<double> reading = Load(bases, k) + away;
            Vector512<double> change = reading - Vector512.Create(centre);
            totals += share;
            firsts += share * change;
            seconds += share * change * change;
            slopes += share * Load(factors, k);
            sizes += share * ((Vector512.Abs(away) * 3) + Vector512.Abs(Load(bases, k)) + Vector512.Abs(reading));
        }

        // A share's relative rounding is that of its exponent: the square is rounded, not the difference of two squares. The sums
        // add one rounding a block to what is off the centre.
        double total = Vector512.Sum(totals);
        double shift = Vector512.Sum(firsts) / total;
        double spread = Vector512.Sum(seconds) / total;
        double mid = centre + shift;
        double variance = Math.Max(0, spread - (shift * shift));
        double shares = (Math.Sqrt(variance) * 4 * (2 + Math.Abs(largest))) + (Math.Sqrt(spread) * (8 + ((to - from) / Block)));
        double rounding = Ulp * ((Vector512.Sum(sizes) / total) + (2 * Math.Abs(mid)) + shares);
        return new(mid, variance, Vector512.Sum(slopes) / total, rounding);
    }

    /// <summary>Mean and variance of a quantity over the components' shares, the mean factor, and a bound on the mean's rounding.</summary>
    private readonly record struct PosteriorReading(double Mean, double Variance, double Factor, double Rounding);

    /// <summary>P(X &lt; x), with relative precision when it is small.</summary>
    public double Below(double x) => Between(double.NegativeInfinity, x);

    /// <summary>P(X &gt; x), with relative precision when it is small.</summary>
    public double Above(double x) => Between(x, double.PositiveInfinity);

    /// <summary>P(a &lt; X &lt; b) for a ≤ b, without cancellation in the tails.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public double Between(double a, double b)
    {
        Vector512<double> sum = Vector512<double>.Zero;
        for (int k = 0; k < Count; k += Block)
        {
            Vector512<double> start = Standardised(k, a);
            Vector512<double> stop = Standardised(k, b);
            Vector512<double> before = NormalTail.Above(Vector512.Abs(start));
            Vector512<double> after = NormalTail.Above(Vector512.Abs(stop));
            Vector512<double> right = Vector512.GreaterThan(start, Vector512<double>.Zero);
            Vector512<double> left = Vector512.LessThan(stop, Vector512<double>.Zero);
            Vector512<double> across = Vector512<double>.One - before - after;
            Vector512<double> mass = Vector512.ConditionalSelect(right, before - after, Vector512.ConditionalSelect(left, after - before, across));
            sum += Load(weight, k) * mass;
        }

        return Vector512.Sum(sum);
    }

    /// <summary>Σ ±w_k·P(|Z| beyond x): right tails of components at or below x negative, left tails of those above it positive.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal double Tails(double x)
    {
        (int from, int to) = Window(x);
        Vector512<double> sum = Vector512<double>.Zero;
        for (int k = from; k < to; k += Block)
        {
            Vector512<double> z = Standardised(k, x);
            Vector512<double> tail = Load(weight, k) * NormalTail.Above(Vector512.Abs(z));
            sum += Vector512.ConditionalSelect(Vector512.LessThan(z, Vector512<double>.Zero), tail, -tail);
        }

        return Vector512.Sum(sum);
    }

    /// <summary>Five standard deviations of the narrowest component that has mass between a and b; +∞ where none has.</summary>
    internal double FinestScale(double a, double b)
    {
        const double reach = 6;
        double finest = double.PositiveInfinity;
        int to = LowerBound(b + (reach * LargestDeviation));
        for (int k = LowerBound(a - (reach * LargestDeviation)); k < to && finest > 5 * SmallestDeviation; k++)
        {
            bool isNear = mean[k] + (reach * deviation[k]) > a && mean[k] - (reach * deviation[k]) < b;
            finest = isNear ? Math.Min(finest, 5 * deviation[k]) : finest;
        }

        return finest;
    }

    /// <summary>
    /// The x with P(X &lt; x) = below and P(X &gt; x) = above, where below + above = 1 and the smaller one is trusted; Newton on the
    /// logarithm of the smaller tail inside a shrinking bracket.
    /// </summary>
    public double Quantile(double below, double above, double guess)
    {
        bool left = below <= above;
        double goal = Math.Log(left ? below : above);
        double reach = 8;
        double low;
        double high;
        do
        {
            low = double.PositiveInfinity;
            high = double.NegativeInfinity;
            for (int k = 0; k < Count; k++)
            {
                low = Math.Min(low, mean[k] - (reach * deviation[k]));
                high = Math.Max(high, mean[k] + (reach * deviation[k]));
            }

            reach *= 2;
        }
        while (reach < 80 && (left ? Math.Log(Below(low)) > goal : Math.Log(Above(high)) > goal));

        double x = guess > low && guess < high ? guess : 0.5 * (low + high);
        for (int i = 0; i < 200; i++)
        {
            double tail = left ? Below(x) : Above(x);
            double error = Math.Log(tail) - goal;
            if (Math.Abs(error) < 2e-16)
            {
                break;
            }

            bool tooFar = left ? error > 0 : error < 0;
            (low, high) = tooFar ? (low, x) : (x, high);
            double step = error * tail * Math.Exp(-LogDensity(x));
            double next = left ? x - step : x + step;
            if (!(next > low && next < high))
            {
                next = 0.5 * (low + high);
            }

            double moved = Math.Abs(next - x);
            x = next;
            if (moved <= 4e-16 * Math.Abs(x) || high - low <= 2e-16 * Math.Max(Math.Abs(low), Math.Abs(high)))
            {
                break;
            }
        }

        return x;
    }

    private double Exponent(int k, double x)
    {
        double z = (x - mean[k]) / deviation[k];
        return logWeight[k] - (0.5 * z * z);
    }

    private const int Block = 8;

    private const double Negligible = -700;

    private static double[] Padded(double[] values, double with) => [.. values, .. Enumerable.Repeat(with, Block)];

    private static Vector512<double> Load(double[] values, int k) => Vector512.LoadUnsafe(ref values[0], (nuint)k);

    private static double Largest(Vector512<double> values)
    {
        double largest = values.GetElement(0);
        for (int i = 1; i < Block; i++)
        {
            largest = Math.Max(largest, values.GetElement(i));
        }

        return largest;
    }

    /// <summary>e^(exponent − largest), 0 below e^(−700).</summary>
    private static Vector512<double> Shares(Vector512<double> exponents, double largest)
    {
        Vector512<double> away = exponents - Vector512.Create(largest);
        Vector512<double> least = Vector512.Create(Negligible);
        return Vector512.ConditionalSelect(Vector512.GreaterThan(away, least), Vector512.Exp(Vector512.Max(away, least)), Vector512<double>.Zero);
    }

    private Vector512<double> Standardised(int k, double x) => (Vector512.Create(x) - Load(mean, k)) / Load(deviation, k);

    private Vector512<double> Exponents(int k, double x)
    {
        Vector512<double> z = Standardised(k, x);
        return Load(logWeight, k) - (z * z * 0.5);
    }

    /// <summary>The components that can matter at x to double precision; all of them unless many share a standard deviation.</summary>
    private (int From, int To) Window(double x)
    {
        if (!windowed)
        {
            return (0, Count);
        }

        int right = LowerBound(x);
        double nearest = double.PositiveInfinity;
        if (right < Count)
        {
            nearest = Math.Abs(mean[right] - x);
        }

        if (right > 0)
        {
            nearest = Math.Min(nearest, Math.Abs(mean[right - 1] - x));
        }

        double z = nearest / deviation[0];
        double radius = deviation[0] * Math.Sqrt((z * z) + windowSquare);
        int from = LowerBound(x - radius);
        int to = LowerBound(x + radius);
        return (from, Math.Max(to, from + 1));
    }

    private int LowerBound(double x)
    {
        int low = 0;
        int high = Count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            (low, high) = mean[middle] < x ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}
