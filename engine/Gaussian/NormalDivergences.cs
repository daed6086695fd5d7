using MathNet.Numerics;

namespace Sgm.Engine;

/// <summary>
/// Divergences of normal laws that are independent in common directions: closed forms, evaluated at both ends of what
/// encloses the directions. Elementary functions of doubles add a relative error of at most 2e-14.
/// </summary>
public static class NormalDivergences
{
    private const string Method = "closed form";
    private const string NoDensity = "the law of the state is concentrated on a lower-dimensional set: it has no density";
    private const double Rounding = 2e-14;

    /// <summary>KL(q‖p) = ½ Σ n·[r − ln(1 + r) + δ²/P] with r = (Q − P)/P.</summary>
    public static Estimate Kl(ReadOnlySpan<DirectionPair> pairs)
    {
        var sum = default(Sums);
        foreach (DirectionPair pair in pairs)
        {
            if (pair.StateBall.IsZero)
            {
                return Estimate.Infinite(Method, NoDensity);
            }

            (Ball r, Ball w, Ball square) = (pair.RatioBall, pair.QuotientBall, pair.SquareBall);
            (double below, double above) = (Excess(r.Lower, w.Lower), Excess(r.Upper, w.Upper));
            sum.Add(
                pair.Count,
                (r.Lower > 0 ? below : r.Upper < 0 ? above : 0) + Math.Max(0, square.Lower),
                Excess((double)r, (double)w) + Math.Max(0, (double)square),
                Math.Max(below, above) + square.Upper);
        }

        return sum.Reported(x => x / 2, Rounding);
    }

    /// <summary>
    /// χ²(q‖p) = Π (1 − r²)^(−n/2)·e^{n·δ²/(P(1 − r))} − 1, finite exactly when Q &lt; 2P in every direction; summed
    /// in logarithms.
    /// </summary>
    public static Estimate Chi2(ReadOnlySpan<DirectionPair> pairs)
    {
        var sum = default(Sums);
        foreach (DirectionPair pair in pairs)
        {
            if (pair.StateBall.IsZero)
            {
                return Estimate.Infinite(Method, NoDensity);
            }

            if (pair.ReserveBall.Upper <= 0)
            {
                return Estimate.Infinite(
                    Method,
                    $"the state's variance {pair.StateVariance:g6} is at least twice the target's {pair.Variance:g6} in a direction, so q²/p is not integrable");
            }
        }

        foreach (DirectionPair pair in pairs)
        {
            (Ball r, Ball w, Ball t, Ball square) = (pair.RatioBall, pair.QuotientBall, pair.ReserveBall, pair.SquareBall);
            (double below, double above) = (Spread(r.Lower, w.Lower, t.Upper), Spread(r.Upper, w.Upper, t.Lower));
            double reserve = (double)t;
            sum.Add(
                pair.Count,
                (r.Lower > 0 ? below : r.Upper < 0 ? above : 0) + (Math.Max(0, square.Lower) / t.Upper),
                reserve > 0 ? Spread((double)r, (double)w, reserve) + (Math.Max(0, (double)square) / reserve) : double.PositiveInfinity,
                t.Lower > 0 ? Math.Max(below, above) + (square.Upper / t.Lower) : double.PositiveInfinity);
        }

        return double.IsInfinity(sum.Upper)
            ? Estimate.Unavailable(
                Method,
                "the state's variance is twice the target's in a direction, up to rounding: whether q²/p is integrable is not decided",
                Math.Max(0, RealFunctions.ExpM1(sum.Lower * (1 - Rounding)) * (1 - Rounding)))
            : double.IsInfinity(RealFunctions.ExpM1(sum.Value))
                ? Estimate.Unavailable(Method, $"finite but beyond the range of a double: ln(1 + χ²) = {sum.Value:g12}", double.MaxValue)
                : sum.Reported(RealFunctions.ExpM1, Rounding);
    }

    /// <summary>W2² = Σ n·[δ² + (√Q − √P)²], with √Q − √P = (Q − P)/(√Q + √P).</summary>
    public static Estimate W2(ReadOnlySpan<DirectionPair> pairs) => W2(pairs, []);

    /// <summary>
    /// W2 of independent directions and further independent parts, of which the squares of their distances are given.
    /// </summary>
    public static Estimate W2(ReadOnlySpan<DirectionPair> pairs, IEnumerable<Ball> squares)
    {
        var sum = default(Sums);
        foreach (DirectionPair pair in pairs)
        {
            Ball spread = pair.ExcessBall / (Ball.Sqrt(pair.StateBall) + Ball.Sqrt(pair.VarianceBall));
            sum.Add(pair.Count, (pair.OffsetBall * pair.OffsetBall) + (spread * spread));
        }

        foreach (Ball square in squares)
        {
            sum.Add(1, square);
        }

        return sum.Reported(Math.Sqrt, 4e-16);
    }

    /// <summary>
    /// Total variation. With equal covariances it is 2Φ(‖P^(−1/2)δ‖/2) − 1; in one dimension the difference of the
    /// two laws' masses between the crossings of their densities, absolute error about 1e-15; otherwise see <see
    /// cref="TotalVariation"/>.
    /// </summary>
    public static Estimate Tv(ReadOnlySpan<DirectionPair> pairs)
    {
        long dimension = 0;
        DoubleDouble distance = 0;
        bool sameCovariance = true;
        foreach (DirectionPair pair in pairs)
        {
            if (pair.StateBall.IsZero)
            {
                return Estimate.Exact(1, 1, 1, Method);
            }

            dimension += pair.Count;
            distance += (DoubleDouble)pair.Count * pair.SquareBall.Mid;
            sameCovariance &= pair.ExcessBall.Mid.High == 0;
        }

        return sameCovariance ? Bracketed(SpecialFunctions.Erf(Math.Sqrt((double)distance / 8)), pairs)
            : dimension == 1 ? Bracketed(OneDimensionalTv(pairs[0]), pairs)
            : TotalVariation.OfIndependentNormals(pairs);
    }

    private static Estimate Bracketed(double value, ReadOnlySpan<DirectionPair> pairs)
    {
        double width = 4e-15 + TotalVariation.OfEnclosures(pairs);
        return Estimate.Exact(value, Math.Max(0, value - width), Math.Min(1, value + width), Method);
    }

    private static double OneDimensionalTv(DirectionPair pair)
    {
        (double q, double p) = (pair.StateVariance, pair.Variance);
        double quotient = (double)pair.QuotientBall;
        double log = pair.LogQuotient;
        // The same two crossings as seen from either mean, so that neither is a small difference of large numbers.
        (double fromTarget, double toTarget) = Crossings(pair.Offset, q, p, pair.Ratio, log);
        (double fromState, double toState) = Crossings(-pair.Offset, p, q, -pair.Ratio / quotient, -log);
        return Math.Abs(Mass(fromState, toState, q) - Mass(fromTarget, toTarget, p));
    }

    /// <summary>
    /// Where N(δ, Q) and N(0, P) have equal densities: a·x² − 2b·x + c = 0 with a = −r/Q, b = δ/Q, c = δ²/Q +
    /// ln(Q/P). The discriminant b² − a·c = δ²/(QP) + r·ln(Q/P)/Q is a sum of numbers ≥ 0. One root is far away when
    /// Q is close to P.
    /// </summary>
    private static (double Low, double High) Crossings(double offset, double q, double p, double ratio, double log)
    {
        double a = -ratio / q;
        double b = offset / q;
        double c = (offset * b) + log;
        double root = b + Math.CopySign(Math.Sqrt((b * offset / p) + (ratio * log / q)), b);
        (double first, double second) = (root / a, c / root);
        return first < second ? (first, second) : (second, first);
    }

    /// <summary>P(low &lt; X &lt; high) for X ~ N(0, variance), from the tail on the side where it is small.</summary>
    private static double Mass(double low, double high, double variance)
    {
        double scale = 1 / Math.Sqrt(2 * variance);
        (double from, double to) = (low * scale, high * scale);
        return from > 0 ? 0.5 * (SpecialFunctions.Erfc(from) - SpecialFunctions.Erfc(to))
            : to < 0 ? 0.5 * (SpecialFunctions.Erfc(-to) - SpecialFunctions.Erfc(-from))
            : 0.5 * (SpecialFunctions.Erf(to) - SpecialFunctions.Erf(from));
    }

    /// <summary>r − ln(1 + r) ≥ 0, from w = 1 + r where that is small; ∞ where w ≤ 0.</summary>
    private static double Excess(double r, double w) =>
        r > -0.3 ? RealFunctions.LogExcess(r) : w > 0 ? w - 1 - Math.Log(w) : double.PositiveInfinity;

    /// <summary>−½·ln(1 − r²) from whichever of r, w = 1 + r and t = 1 − r is small; ∞ where w or t is ≤ 0.</summary>
    private static double Spread(double r, double w, double t)
    {
        double small = r < 0 ? w : t;
        return Math.Abs(r) < 0.5 ? -0.5 * RealFunctions.LogOnePlus(-r * r)
            : small > 0 ? -0.5 * (Math.Log(small) + Math.Log(2 - small))
            : double.PositiveInfinity;
    }

    /// <summary>
    /// Sums of numbers ≥ 0 with their lower and upper ends, in double-double: millions of directions do not add up
    /// rounding.
    /// </summary>
    private struct Sums
    {
        private DoubleDouble lower;
        private DoubleDouble value;
        private DoubleDouble upper;

        public readonly double Lower => (double)lower;

        public readonly double Value => (double)value;

        public readonly double Upper => double.IsNaN(upper.High) ? double.PositiveInfinity : (double)upper;

        public void Add(long count, double low, double middle, double high)
        {
            DoubleDouble n = count;
            lower += n * low;
            value += n * middle;
            upper += n * high;
        }

        public void Add(long count, Ball square)
        {
            DoubleDouble n = count;
            lower += n * (square.Mid.High <= square.Radius ? 0 : square.Mid - (square.Radius * (1 + 1e-15)));
            value += n * (square.Mid.High < 0 ? 0 : square.Mid);
            upper += n * (square.Mid + (square.Radius * (1 + 1e-15)));
        }

        /// <summary>
        /// An increasing function of the sum, itself good to the relative error given, as is the sum.
        /// </summary>
        public readonly Estimate Reported(Func<double, double> function, double rounding)
        {
            (double low, double middle, double high) = (function(Lower * (1 - rounding)), function(Value), function(Upper * (1 + rounding)));
            return double.IsFinite(middle)
                ? Estimate.Exact(middle, Math.Max(0, low * (1 - rounding)), high * (1 + rounding), Method)
                : Estimate.Unavailable(Method, "the state's law may be singular: its smallest variance is 0 up to rounding", Math.Max(0, low * (1 - rounding)));
        }
    }
}
