namespace Sgm.Engine;

/// <summary>
/// A mixture of normal laws on the line at a noise level: Σ_k w_k N(m·μ_k, m²v_k + σ²), with log-density, score and its slope,
/// distribution function and quantiles, all with relative precision in the tails.
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
        deviation = [.. variance.Select(v => Math.Sqrt(level.VarianceOf(v)))];
        precision = [.. variance.Select(v => 1 / level.VarianceOf(v))];
        pull = [.. variance.Select((v, k) => -level.Mean * v * precision[k])];
        zero = new double[mean.Length];
        isNoisy = level.Sigma > level.Mean * Math.Sqrt(variance.Min());
        logWeight = [.. given.Select((w, k) => Math.Log(w / total / deviation[k]) - NormalTail.LogRootTwoPi)];
        windowed = mean.Length > 16 && deviation.All(s => s == deviation[0]);

        // All that is left out together is e^-40 of the largest.
        windowSquare = 80 + (2 * (Math.Log(mean.Length) + logWeight.Max() - logWeight.Min()));
        LargestDeviation = deviation.Max();
        SmallestDeviation = deviation.Min();
    }

    /// <summary>Number of components.</summary>
    public int Count => mean.Length;

    /// <summary>The standard deviation that rules both tails.</summary>
    public double LargestDeviation { get; }

    /// <summary>The narrowest component's.</summary>
    public double SmallestDeviation { get; }

    /// <summary>Component means, ascending.</summary>
    public ReadOnlySpan<double> Means => mean;

    /// <summary>Component standard deviations, in the order of the means.</summary>
    public ReadOnlySpan<double> Deviations => deviation;

    /// <summary>Component weights, in the order of the means.</summary>
    public ReadOnlySpan<double> Weights => weight;

    /// <summary>ln(w_k/s_k) − ln √(2π), in the order of the means.</summary>
    internal ReadOnlySpan<double> LogWeights => logWeight;

    /// <summary>The weights before the division by their sum, which is not exact.</summary>
    internal ReadOnlySpan<double> GivenWeights => given;

    /// <summary>
    /// How many components a density takes: all, or those in a window about x when many share a deviation and lie evenly.
    /// </summary>
    internal double Cost => windowed
        ? Math.Clamp(Count * 2 * deviation[0] * Math.Sqrt(windowSquare) / Math.Max(mean[^1] - mean[0], deviation[0]), 4, Count)
        : Count;

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
    public double LogDensity(double x)
    {
        (int from, int to) = Window(x);
        double largest = double.NegativeInfinity;
        for (int k = from; k < to; k++)
        {
            largest = Math.Max(largest, Exponent(k, x));
        }

        if (to - from == 1 || double.IsInfinity(largest))
        {
            return largest;
        }

        double sum = 0;
        for (int k = from; k < to; k++)
        {
            sum += Math.Exp(Exponent(k, x) - largest);
        }

        return largest + Math.Log(sum);
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
        double between = mean.Length == 1 ? 0
            : isNoisy ? level.Mean / level.NoiseVariance * parts.Variance
            : level.NoiseVariance / level.Mean * Read(x, zero, precision).Variance;
        return (parts.Mean, between - parts.Factor, parts.Rounding);
    }

    /// <summary>Slope of the denoiser towards ±∞: that of the widest component.</summary>
    internal double FarDenoiserSlope => level.Sigma == 0 ? 1 / level.Mean : -pull[Array.IndexOf(deviation, LargestDeviation)];

    /// <summary>Half the distance of 1 to the next double.</summary>
    private const double Ulp = 1.1102230246251565e-16;

    /// <summary>
    /// Of r_k = base_k + factor_k·(m·μ_k − x), under the shares of the components at x: mean, variance (West 1979: it never cancels)
    /// and the mean of the factors.
    /// </summary>
    private PosteriorReading Read(double x, double[] bases, double[] factors)
    {
        (int from, int to) = Window(x);
        if (to - from == 1)
        {
            double away = factors[from] * (mean[from] - x);
            double value = bases[from] + away;
            return new(value, 0, factors[from], Ulp * ((4 * Math.Abs(away)) + Math.Abs(value)));
        }

        double largest = double.NegativeInfinity;
        for (int k = from; k < to; k++)
        {
            largest = Math.Max(largest, Exponent(k, x));
        }

        double total = 0;
        double first = 0;
        double second = 0;
        double factor = 0;
        double size = 0;
        for (int k = from; k < to; k++)
        {
            double share = Math.Exp(Exponent(k, x) - largest);
            if (share < 1e-18)
            {
                continue;
            }

            double away = factors[k] * (mean[k] - x);
            double reading = bases[k] + away;
            total += share;
            double change = reading - first;
            first += share / total * change;
            second += share * change * (reading - first);
            factor += share * factors[k];
            size += share * ((3 * Math.Abs(away)) + Math.Abs(bases[k]) + Math.Abs(reading));
        }

        // A share's relative rounding is that of its exponent: the square is rounded, not the difference of two squares.
        double variance = Math.Max(0, second / total);
        double shares = Math.Sqrt(variance) * 4 * (2 + Math.Abs(largest));
        return new(first, variance, factor / total, Ulp * ((size / total) + (2 * Math.Abs(first)) + shares));
    }

    /// <summary>Mean and variance of a quantity over the components' shares, the mean factor, and a bound on the mean's rounding.</summary>
    private readonly record struct PosteriorReading(double Mean, double Variance, double Factor, double Rounding);

    /// <summary>P(X &lt; x), with relative precision when it is small.</summary>
    public double Below(double x)
    {
        double sum = 0;
        for (int k = 0; k < mean.Length; k++)
        {
            sum += weight[k] * NormalTail.Below((x - mean[k]) / deviation[k]);
        }

        return sum;
    }

    /// <summary>P(X &gt; x), with relative precision when it is small.</summary>
    public double Above(double x)
    {
        double sum = 0;
        for (int k = 0; k < mean.Length; k++)
        {
            sum += weight[k] * NormalTail.Above((x - mean[k]) / deviation[k]);
        }

        return sum;
    }

    /// <summary>P(a &lt; X &lt; b) for a ≤ b, without cancellation in the tails.</summary>
    public double Between(double a, double b)
    {
        double sum = 0;
        for (int k = 0; k < mean.Length; k++)
        {
            sum += weight[k] * NormalTail.Between((a - mean[k]) / deviation[k], (b - mean[k]) / deviation[k]);
        }

        return sum;
    }

    /// <summary>Five standard deviations of the narrowest component that has mass between a and b; +∞ where none has.</summary>
    internal double FinestScale(double a, double b)
    {
        const double reach = 6;
        double finest = double.PositiveInfinity;
        for (int k = 0; k < mean.Length; k++)
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
            for (int k = 0; k < mean.Length; k++)
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

    /// <summary>The components that can matter at x to double precision; all of them unless many share a standard deviation.</summary>
    private (int From, int To) Window(double x)
    {
        if (!windowed)
        {
            return (0, mean.Length);
        }

        int right = Array.BinarySearch(mean, x);
        right = right < 0 ? ~right : right;
        double nearest = double.PositiveInfinity;
        if (right < mean.Length)
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
        int high = mean.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            (low, high) = mean[middle] < x ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}
