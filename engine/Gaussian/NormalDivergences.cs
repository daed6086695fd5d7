using MathNet.Numerics;

namespace Sgm.Engine;

/// <summary>One direction of two normal laws with a common eigenbasis: q = N(δ, Q) against p = N(0, P), Count times.</summary>
/// <param name="Count">Multiplicity.</param>
/// <param name="Offset">δ, the difference of the means.</param>
/// <param name="Variance">P &gt; 0, the variance under p.</param>
/// <param name="Excess">Q − P ≥ −P, given as a difference so that a small bias keeps its digits.</param>
public readonly record struct DirectionPair(long Count, double Offset, double Variance, double Excess)
{
    /// <summary>Q, the variance under q.</summary>
    public double StateVariance => Variance + Excess;

    /// <summary>(Q − P)/P.</summary>
    public double Ratio => Excess / Variance;
}

/// <summary>Divergences of normal laws that are independent in common directions; closed forms, relative error about 1e-14.</summary>
public static class NormalDivergences
{
    private const string NoDensity = "the law of the state is concentrated on a lower-dimensional set: it has no density";

    /// <summary>KL(q‖p) = ½ Σ n·[r − ln(1 + r) + δ²/P] with r = (Q − P)/P.</summary>
    public static Estimate Kl(ReadOnlySpan<DirectionPair> pairs)
    {
        double sum = 0;
        foreach (DirectionPair pair in pairs)
        {
            if (pair.StateVariance <= 0)
            {
                return Estimate.Infinite("closed form", NoDensity);
            }

            sum += pair.Count * (RealFunctions.LogExcess(pair.Ratio) + (pair.Offset * pair.Offset / pair.Variance));
        }

        return Estimate.ClosedForm(sum / 2);
    }

    /// <summary>
    /// χ²(q‖p) = Π (1 − r²)^(−n/2)·e^{n·δ²/(P(1 − r))} − 1, finite exactly when Q &lt; 2P in every direction; summed in logarithms.
    /// </summary>
    public static Estimate Chi2(ReadOnlySpan<DirectionPair> pairs)
    {
        double log = 0;
        foreach (DirectionPair pair in pairs)
        {
            if (pair.StateVariance <= 0)
            {
                return Estimate.Infinite("closed form", NoDensity);
            }

            if (pair.Ratio >= 1)
            {
                return Estimate.Infinite(
                    "closed form",
                    $"the state's variance {pair.StateVariance:g6} is at least twice the target's {pair.Variance:g6} in a direction, so q²/p is not integrable");
            }

            double r = pair.Ratio;
            log += pair.Count * ((-0.5 * RealFunctions.LogOnePlus(-r * r)) + (pair.Offset * pair.Offset / (pair.Variance * (1 - r))));
        }

        double value = RealFunctions.ExpM1(log);
        return double.IsInfinity(value)
            ? Estimate.Unavailable("closed form", $"finite but beyond the range of a double: ln(1 + χ²) = {log:g12}", double.MaxValue)
            : Estimate.ClosedForm(value, 1e-14 * (1 + log));
    }

    /// <summary>W2² = Σ n·[δ² + (√Q − √P)²], with √Q − √P = (Q − P)/(√Q + √P).</summary>
    public static Estimate W2(ReadOnlySpan<DirectionPair> pairs)
    {
        double sum = 0;
        foreach (DirectionPair pair in pairs)
        {
            double spread = pair.Excess / (Math.Sqrt(Math.Max(0, pair.StateVariance)) + Math.Sqrt(pair.Variance));
            sum += pair.Count * ((pair.Offset * pair.Offset) + (spread * spread));
        }

        return Estimate.ClosedForm(Math.Sqrt(sum));
    }

    /// <summary>
    /// Total variation. With equal covariances it is 2Φ(‖P^(−1/2)δ‖/2) − 1; in one dimension the difference of the two laws'
    /// masses between the crossings of their densities, absolute error about 1e-15; otherwise see <see cref="TotalVariation"/>.
    /// </summary>
    public static Estimate Tv(ReadOnlySpan<DirectionPair> pairs)
    {
        long dimension = 0;
        double distance = 0;
        bool sameCovariance = true;
        foreach (DirectionPair pair in pairs)
        {
            if (pair.StateVariance <= 0)
            {
                return Estimate.Exact(1, 1, 1, "closed form");
            }

            dimension += pair.Count;
            distance += pair.Count * pair.Offset * pair.Offset / pair.Variance;
            sameCovariance &= pair.Excess == 0;
        }

        return sameCovariance ? Bracketed(SpecialFunctions.Erf(Math.Sqrt(distance / 8)))
            : dimension == 1 ? Bracketed(OneDimensionalTv(pairs[0]))
            : TotalVariation.OfIndependentNormals(pairs);
    }

    private static Estimate Bracketed(double value) =>
        Estimate.Exact(value, Math.Max(0, value - 4e-15), Math.Min(1, value + 4e-15), "closed form");

    private static double OneDimensionalTv(DirectionPair pair)
    {
        // ln p/q as a quadratic: a·x² − 2b·x + c = 0 at the crossings, with one root far away when Q is close to P.
        double q = pair.StateVariance;
        double p = pair.Variance;
        double a = -pair.Ratio / q;
        double b = pair.Offset / q;
        double c = (pair.Offset * b) + RealFunctions.LogOnePlus(pair.Ratio);
        double root = b + Math.CopySign(Math.Sqrt(Math.Max(0, (b * b) - (a * c))), b);
        double first = root / a;
        double second = c / root;
        (double low, double high) = first < second ? (first, second) : (second, first);
        return Math.Abs(Mass(low, high, pair.Offset, q) - Mass(low, high, 0, p));
    }

    /// <summary>P(low &lt; X &lt; high) for X ~ N(mean, variance), from the tail on the side where it is small.</summary>
    private static double Mass(double low, double high, double mean, double variance)
    {
        double scale = 1 / Math.Sqrt(2 * variance);
        double from = (low - mean) * scale;
        double to = (high - mean) * scale;
        return from > 0 ? 0.5 * (SpecialFunctions.Erfc(from) - SpecialFunctions.Erfc(to))
            : to < 0 ? 0.5 * (SpecialFunctions.Erfc(-to) - SpecialFunctions.Erfc(-from))
            : 0.5 * (SpecialFunctions.Erf(to) - SpecialFunctions.Erf(from));
    }
}
