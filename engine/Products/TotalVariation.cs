using System.Numerics;

namespace Sgm.Engine;

/// <summary>
/// Total variation of normal laws that are independent in common directions, in any dimension, to about 1e-14.
/// With ℓ = ln(q/p) and M(s) = E_q e^(sℓ), the inverse Mellin transform of (1 − e^(−ℓ))₊ gives
/// TV = 1 − (1/2π)·∫ M(−½ + it)/(¼ + t²) dt. Substituting 2t = sinh z makes the integrand analytic for |Im z| &lt; π/2 and
/// decaying at both ends, and moving the path to Im z = ±π/8 makes it decay double exponentially, so the trapezoid rule
/// doubles its digits when the spacing is halved. The bracket is the change under the last halving plus rounding.
/// Every direction's M is in closed form: for δ the difference of means, r = (Q − P)/P,
/// ln M(s) = ½[s·L(r) + L(−s·r)] + (δ²/2P)·s(1 + s)/(1 − s·r), L(x) = x − ln(1 + x), where nothing cancels for small r.
/// </summary>
public static class TotalVariation
{
    private const string Method = "Mellin inversion";
    private const double Bend = Math.PI / 8;
    private const double Coarsest = 0.125;
    private const double Finest = 1.0 / 2048;

    /// <summary>TV of q = Π N(m_q, Q)^n from p = Π N(m_p, P)^n over directions (m_q − m_p, Q, P, n).</summary>
    public static Estimate OfIndependentNormals(ReadOnlySpan<(double MeanDifference, double VarianceQ, double VarianceP, long Count)> directions)
    {
        var pairs = new DirectionPair[directions.Length];
        for (int i = 0; i < pairs.Length; i++)
        {
            (double difference, double q, double p, long count) = directions[i];
            pairs[i] = new(count, difference, p, q - p);
        }

        return OfIndependentNormals(pairs);
    }

    /// <summary>TV of q from p, both given by their independent directions.</summary>
    public static Estimate OfIndependentNormals(ReadOnlySpan<DirectionPair> pairs)
    {
        var merged = new Dictionary<(double Offset, double Ratio, double Quotient), double>();
        foreach (DirectionPair pair in pairs)
        {
            if (pair.StateBall.IsZero)
            {
                return Estimate.Exact(1, 1, 1, Method);
            }

            double quotient = (double)pair.QuotientBall;
            if (quotient <= 0)
            {
                return Estimate.Unavailable(Method, "the state's law may be singular: its smallest variance is 0 up to rounding", 0, 1);
            }

            (double, double, double) key = (0.5 * (double)pair.SquareBall, pair.Ratio, quotient);
            merged[key] = merged.GetValueOrDefault(key) + pair.Count;
        }

        double enclosed = OfEnclosures(pairs);
        Kind[] kinds = [.. merged.Select(m => new Kind(m.Value, m.Key.Offset, m.Key.Ratio, Math.Log(m.Key.Quotient)))];
        double edge = kinds.Sum(k => k.Count * k.Edge);
        double phase = edge > 0 ? Bend : edge < 0 ? -Bend : 0;
        double spacing = Coarsest;
        double value = Trapezoid(kinds, phase, spacing, offset: false);
        double change;
        do
        {
            // The halved rule is the mean of the rule and the one shifted by half a spacing.
            double halved = 0.5 * (value + Trapezoid(kinds, phase, spacing, offset: true));
            change = Math.Abs(halved - value);
            value = halved;
            spacing /= 2;
        }
        while (change > 4e-15 * value && spacing > Finest);

        double width = change + (2e-14 * value) + enclosed + 1e-300;
        return Estimate.Exact(Math.Clamp(value, 0, 1), Math.Max(0, value - width), Math.Min(1, value + width), Method);
    }

    /// <summary>
    /// How far the TV of what the pairs enclose can be from that of their midpoints. TV is a metric, and for normal laws with variances
    /// within 1 ± ε_i of each other, ε_i ≤ ½, KL ≤ ½Σε_i², so by Pinsker TV ≤ ½√(Σε_i²); with means η_i deviations apart TV ≤ ½√(Ση_i²).
    /// </summary>
    public static double OfEnclosures(ReadOnlySpan<DirectionPair> pairs)
    {
        double state = 0;
        double target = 0;
        double mean = 0;
        foreach (DirectionPair pair in pairs)
        {
            double ofState = pair.StateBall.Radius / Math.Abs(pair.StateBall.Mid.High);
            double ofTarget = pair.VarianceBall.Radius / Math.Abs(pair.VarianceBall.Mid.High);
            if (!(ofState <= 0.5 && ofTarget <= 0.5))
            {
                return 1;
            }

            double shift = pair.OffsetBall.Radius / Math.Sqrt(Math.Max(pair.StateVariance, pair.Variance));
            state += pair.Count * ofState * ofState;
            target += pair.Count * ofTarget * ofTarget;
            mean += pair.Count * shift * shift;
        }

        return 0.501 * (Math.Sqrt(state) + Math.Sqrt(target) + Math.Sqrt(mean));
    }

    /// <summary>Directions of one kind: how many, δ²/2P, r, and ln(1 + r), which r near −1 does not determine.</summary>
    private readonly record struct Kind(double Count, double Offset, double Ratio, double LogQuotient)
    {
        /// <summary>ln(1 + r).</summary>
        private double Log => Math.Abs(Ratio) < 0.3 ? RealFunctions.LogOnePlus(Ratio) : LogQuotient;

        /// <summary>
        /// The extreme value of ℓ in the direction, −½·ln(1 + r) − (δ²/2P)/r: M turns like e^(s·Edge) far out, so the path bends to
        /// the side where that decays.
        /// </summary>
        public double Edge => Ratio == 0 ? 0 : (-0.5 * Log) - (Offset / Ratio);

        /// <summary>Count·ln M(s).</summary>
        public Complex LogMoment(Complex s)
        {
            Complex spread = Math.Abs(Ratio) > 0.3
                ? -0.5 * ((s * Log) + Complex.Log(1 - (s * Ratio)))
                : 0.5 * ((s * RealFunctions.LogExcess(Ratio)) + LogExcess(-s * Ratio));
            return Count * (spread + (Offset * s * (1 + s) / (1 - (s * Ratio))));
        }
    }

    /// <summary>
    /// (2/π)·∫₀^∞ Re[(1 − M)/cosh z] dv on z = v + i·phase, from the points k·spacing or those half a spacing further.
    /// </summary>
    private static double Trapezoid(Kind[] kinds, double phase, double spacing, bool offset)
    {
        double sum = 0;
        for (int k = 0; ; k++)
        {
            double v = (k + (offset ? 0.5 : 0)) * spacing;
            var z = new Complex(v, phase);
            Complex weight = 1 / Complex.Cosh(z);
            Complex s = -0.5 + (new Complex(0, 0.5) * Complex.Sinh(z));
            Complex log = Complex.Zero;
            foreach (Kind kind in kinds)
            {
                log += kind.LogMoment(s);
                if (log.Real < -1e4)
                {
                    break;
                }
            }

            double term = (-ExpM1(log) * weight).Real;
            sum += k == 0 && !offset ? 0.5 * term : term;
            if ((v > 1 && weight.Magnitude < 1e-17 * Math.Abs(sum)) || v > 700)
            {
                return 2 / Math.PI * spacing * sum;
            }
        }
    }

    /// <summary>z − ln(1 + z) with relative precision near 0.</summary>
    private static Complex LogExcess(Complex z)
    {
        if (z.Magnitude > 0.3)
        {
            return z - Complex.Log(1 + z);
        }

        Complex half = z / (2 + z);
        Complex square = half * half;
        Complex power = Complex.One;
        Complex series = Complex.Zero;
        for (int k = 3; power.Magnitude > 1e-18; k += 2)
        {
            series += power / k;
            power *= square;
        }

        return half * (z - (2 * square * series));
    }

    /// <summary>e^z − 1 with relative precision near 0.</summary>
    private static Complex ExpM1(Complex z)
    {
        if (z.Real < -700)
        {
            return -1;
        }

        // e^x·cos y − 1 = (e^x − 1)·cos y − 2·sin²(y/2).
        double growth = RealFunctions.ExpM1(z.Real);
        (double sine, double cosine) = Math.SinCos(z.Imaginary);
        double half = Math.Sin(0.5 * z.Imaginary);
        return new((growth * cosine) - (2 * half * half), Math.Exp(z.Real) * sine);
    }
}
