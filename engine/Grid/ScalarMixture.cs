using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sgm.Engine;

/// <summary>
/// A mixture of normal laws on the line at a noise level: Σ_k w_k N(m·μ_k, m²v_k + σ²), with log-density, score and its slope,
/// distribution function and quantiles, all with relative precision in the tails. The sums over more than a few components are
/// polynomials on panels (<see cref="MixturePanels"/>).
/// </summary>
public sealed partial class ScalarMixture
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
    private readonly double[] dataVariance;
    private readonly double[] pull;

    /// <summary>
    /// Whether the noise rules the narrowest component: then denoisers, else scores, of components differ without
    /// cancellation.
    /// </summary>
    private readonly bool isNoisy;

    /// <summary>Whether sums go by panels.</summary>
    private readonly bool isMany;

    /// <summary>So many components are summed one by one.</summary>
    private const int Few = 16;

    /// <summary>Relative rounding of the smaller tail, of a sum or of a polynomial.</summary>
    public double TailRounding => isMany ? MixturePanels.DensityRounding * 1.1102230246251565e-16 : 4e-16;

    /// <summary>ln of a share that leaves no trace in a sum.</summary>
    private const double Traceless = -60;

    private static readonly ConditionalWeakTable<Mixture, Sorted> Orders = [];
    private ScalarDistribution? distribution;
    private ComponentSlice? components;
    private MixturePanels? tails;
    private MixturePanels? scores;
    private MixturePanels? denoisers;
    private ScalarMixture? leftmost;
    private ScalarMixture? rightmost;

    /// <summary>The components of positive weight, means ascending: w as given, w by their sum, μ and v.</summary>
    private sealed record Sorted(double[] Given, double[] Weight, double[] Mean, double[] Variance)
    {
        public static Sorted Of(double[] weights, double[] means, double[] variances)
        {
            int[] order = [.. Enumerable.Range(0, weights.Length).Where(k => weights[k] > 0).OrderBy(k => means[k])];
            double[] given = [.. order.Select(k => weights[k])];
            DoubleDouble total = given.Aggregate(DoubleDouble.Zero, (sum, weight) => sum + weight);
            return new(given, [.. given.Select(w => (double)(w / total))], [.. order.Select(k => means[k])], [.. order.Select(k => variances[k])]);
        }
    }

    /// <summary>Σ w_k·N(μ_k, v_k) at a level.</summary>
    private ScalarMixture(Sorted law, NoiseLevel level, bool many = true)
    {
        this.level = level;
        (given, weight, dataMean, dataVariance) = law;
        int count = weight.Length;
        (mean, deviation, precision) = (new double[count], new double[count], new double[count]);
        (pull, logWeight, zero) = (new double[count], new double[count], new double[count]);
        (LargestDeviation, SmallestDeviation) = (0, double.PositiveInfinity);
        double narrowest = double.PositiveInfinity;
        for (int k = 0; k < count; k++)
        {
            double v = level.VarianceOf(dataVariance[k]);
            mean[k] = level.Mean * dataMean[k];
            deviation[k] = Math.Sqrt(v);
            precision[k] = 1 / v;
            pull[k] = -level.Mean * dataVariance[k] * precision[k];
            logWeight[k] = Math.Log(weight[k] / deviation[k]) - NormalTail.LogRootTwoPi;
            narrowest = Math.Min(narrowest, dataVariance[k]);
            LargestDeviation = Math.Max(LargestDeviation, deviation[k]);
            SmallestDeviation = Math.Min(SmallestDeviation, deviation[k]);
        }

        isNoisy = level.Sigma > level.Mean * Math.Sqrt(narrowest);

        // No panels where doubles are too sparse to divide the narrowest component.
        isMany = many && count > Few && SmallestDeviation > 1e-12 * Math.Max(Math.Abs(mean[0]), Math.Abs(mean[^1]));
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

    /// <summary>How many evaluations of a component a density costs.</summary>
    internal double Cost => isMany ? 5 : Count;

    /// <summary>How many evaluations of a component its panels cost, about, all together.</summary>
    internal double PanelCost => isMany
        ? 3.0 * Count * Math.Clamp((mean[^1] - mean[0] + (20 * LargestDeviation)) / (2 * SmallestDeviation), 1, 64)
        : 0;

    /// <summary>The distribution function.</summary>
    internal ScalarDistribution Distribution => distribution ??= new(this);

    /// <summary>The components, with their weights as bases.</summary>
    internal ComponentSlice Components => components ??= Slice(weight, zero);

    private MixturePanels Tails => tails ??= new(Components, PanelContent.Tails, 1);

    private MixturePanels Scores => scores ??= new(Slice(zero, precision), PanelContent.Readings, 1);

    private MixturePanels Denoisers => denoisers ??= new(Slice(dataMean, pull), PanelContent.Readings, level.NoiseVariance / level.Mean);

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
    public static ScalarMixture At(Mixture law, NoiseLevel level) => new(
        Orders.GetValue(law, m => Sorted.Of(m.Given, m.Means, [.. Enumerable.Range(0, m.Count).Select(k => m.Covariance(k).Eigenvalue(0))])),
        level);

    /// <summary>N(mean, deviation²).</summary>
    public static ScalarMixture Normal(double mean, double deviation) => new(new([1], [1], [mean], [deviation * deviation]), NoiseLevel.Data);

    /// <summary>ln p(x); finite for every finite x whose square is.</summary>
    public double LogDensity(double x)
    {
        if (isMany)
        {
            return Tails.Find(x) is { } panel ? panel.LogDivisor(x) + Math.Log(panel.At(x).GetElement(0)) : Outside(x).LogDensity(x);
        }

        double largest = double.NegativeInfinity;
        for (int k = 0; k < mean.Length; k++)
        {
            largest = Math.Max(largest, Exponent(k, x));
        }

        if (mean.Length == 1 || double.IsInfinity(largest))
        {
            return largest;
        }

        double sum = 0;
        for (int k = 0; k < mean.Length; k++)
        {
            double share = Exponent(k, x) - largest;
            sum += share > Traceless ? Math.Exp(share) : 0;
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
        PosteriorReading read = ScoresAt(x);
        return (read.Mean, read.Variance - read.Factor, read.Rounding);
    }

    /// <summary>
    /// The denoiser D = E[X₀ | m·X₀ + σ·Z = x] with slope and rounding; x/m at σ = 0. From the components' shares and
    /// denoisers, never from the score, so it keeps its digits at every level. D′ = (m/σ²)·Var(X₀ | x) ≥ 0 is a sum of
    /// what the components have and of how far they are apart: (m/σ²)·Var(D_k) = (σ²/m)·Var(s_k).
    /// </summary>
    internal (double Denoiser, double Slope, double Rounding) Denoiser(double x)
    {
        if (level.Sigma == 0)
        {
            return (x / level.Mean, 1 / level.Mean, 2 * Ulp * Math.Abs(x / level.Mean));
        }

        PosteriorReading parts = DenoisersAt(x);
        double between = mean.Length == 1 ? 0
            : isNoisy ? level.Mean / level.NoiseVariance * parts.Variance
            : level.NoiseVariance / level.Mean * ScoresAt(x).Variance;
        return (parts.Mean, between - parts.Factor, parts.Rounding);
    }

    /// <summary>Slope of the denoiser towards ±∞: that of the widest component.</summary>
    internal double FarDenoiserSlope => level.Sigma == 0 ? 1 / level.Mean : -pull[Array.IndexOf(deviation, LargestDeviation)];

    /// <summary>Half the distance of 1 to the next double.</summary>
    private const double Ulp = 1.1102230246251565e-16;

    private PosteriorReading DenoisersAt(double x) =>
        !isMany ? Read(x, dataMean, pull) : Denoisers.Find(x) is { } panel ? Read(panel, x) : Outside(x).DenoisersAt(x);

    private PosteriorReading ScoresAt(double x) =>
        !isMany ? Read(x, zero, precision) : Scores.Find(x) is { } panel ? Read(panel, x) : Outside(x).ScoresAt(x);

    /// <summary>
    /// The components that can be above e^(−60) of the law anywhere beyond its panels, where x is. Against the widest,
    /// and of those the outermost, ln of another's ratio is D + d·t − q·t²/2 at t from the panels' end, q ≥ 0.
    /// </summary>
    private ScalarMixture Outside(double x)
    {
        bool right = x > mean[0];
        if ((right ? rightmost : leftmost) is { } known)
        {
            return known;
        }

        double end = right ? Tails.To : Tails.From;
        int widest = right ? Array.LastIndexOf(deviation, LargestDeviation) : Array.IndexOf(deviation, LargestDeviation);
        double Change(int k) => (right ? mean[k] - end : end - mean[k]) * precision[k];
        bool Counts(int k)
        {
            double rise = Math.Max(0, Change(k) - Change(widest));
            double bend = precision[k] - precision[widest];
            return Exponent(k, end) - Exponent(widest, end) + (rise == 0 ? 0 : rise * rise / (2 * bend)) > Traceless;
        }

        int[] kept = [.. Enumerable.Range(0, Count).Where(Counts)];
        double[] Of(double[] values) => [.. kept.Select(k => values[k])];
        var outside = new ScalarMixture(new(Of(given), Of(weight), Of(dataMean), Of(dataVariance)), level, many: false);
        return right ? rightmost = outside : leftmost = outside;
    }

    /// <summary>What a panel knows at x.</summary>
    private static PosteriorReading Read(MixturePanel panel, double x)
    {
        Vector256<double> sums = panel.At(x);
        double density = sums.GetElement(0);
        double first = sums.GetElement(1) / density;
        double value = panel.Reading + first;
        double variance = Math.Max(0, (sums.GetElement(2) / density) - (first * first));

        // As below; and the density's own errors count by how far the value is from the panel's.
        double away = Math.Abs(panel.LogDivisor(x) + Math.Log(density));
        double shares = (Math.Sqrt(variance) * 4 * (2 + away)) + (Math.Abs(first) * MixturePanels.DensityRounding);
        return new(value, variance, sums.GetElement(3) / density, panel.Rounding + (Ulp * ((2 * Math.Abs(value)) + shares)));
    }

    /// <summary>The components with readings.</summary>
    private ComponentSlice Slice(double[] bases, double[] factors)
    {
        var slice = new ComponentSlice(Count);
        for (int k = 0; k < Count; k++)
        {
            slice.Add(mean[k], deviation[k], logWeight[k], bases[k], factors[k]);
        }

        return slice.Close();
    }

    /// <summary>
    /// Of r_k = base_k + factor_k·(m·μ_k − x), under the shares of the components at x: mean, variance (West 1979: it
    /// never cancels) and the mean of the factors.
    /// </summary>
    private PosteriorReading Read(double x, double[] bases, double[] factors)
    {
        if (mean.Length == 1)
        {
            double away = factors[0] * (mean[0] - x);
            double value = bases[0] + away;
            return new(value, 0, factors[0], Ulp * ((4 * Math.Abs(away)) + Math.Abs(value)));
        }

        double largest = double.NegativeInfinity;
        for (int k = 0; k < mean.Length; k++)
        {
            largest = Math.Max(largest, Exponent(k, x));
        }

        double total = 0;
        double first = 0;
        double second = 0;
        double factor = 0;
        double size = 0;
        for (int k = 0; k < mean.Length; k++)
        {
            double logShare = Exponent(k, x) - largest;
            if (logShare < Traceless)
            {
                continue;
            }

            double share = Math.Exp(logShare);

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

    /// <summary>
    /// Mean and variance of a quantity over the components' shares, the mean factor, and a bound on the mean's
    /// rounding.
    /// </summary>
    private readonly record struct PosteriorReading(double Mean, double Variance, double Factor, double Rounding);

    private double Exponent(int k, double x)
    {
        double z = (x - mean[k]) / deviation[k];
        return logWeight[k] - (0.5 * z * z);
    }
}
