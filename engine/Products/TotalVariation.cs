using System.Numerics;

namespace Sgm.Engine;

/// <summary>
/// Total variation of normal laws that are independent in common directions, in any dimension, to about 1e-14. With ℓ
/// = ln(q/p) and M(s) = E_q e^(sℓ), the inverse Mellin transform of (1 − e^(−ℓ))₊ gives TV = 1 − (1/2π)·∫ M(−½ +
/// it)/(¼ + t²) dt. Substituting 2t = sinh z makes the integrand analytic for |Im z| &lt; π/2 and decaying at both
/// ends, and moving the path to Im z = ±π/8 makes it decay double exponentially, so the trapezoid rule doubles its
/// digits when the spacing is halved. The bracket is the change under the last halving plus a running bound of
/// rounding. Where M would grow too far on the bent path, one that bends less or the other way is taken: rounding
/// decides. Every direction's M is in closed form: for δ the difference of means, r = (Q − P)/P, ln M(s) = ½[s·L(r) +
/// L(−s·r)] + (δ²/2P)·s(1 + s)/(1 − s·r), L(x) = x − ln(1 + x), where nothing cancels for small r.
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
            pairs[i] = DirectionPair.Of(count, difference, q, p);
        }

        return OfIndependentNormals(pairs);
    }

    /// <summary>TV of q from p, both given by their independent directions.</summary>
    public static Estimate OfIndependentNormals(ReadOnlySpan<DirectionPair> pairs)
    {
        var merged = new Dictionary<(double Offset, double Ratio, double Log), double>();
        foreach (DirectionPair pair in pairs)
        {
            if (pair.StateBall.IsZero)
            {
                return Estimate.Exact(1, 1, 1, Method);
            }

            if (pair.StateVariance <= 0)
            {
                return Estimate.Unavailable(Method, "the state's law may be singular: its smallest variance is 0 up to rounding", 0, 1);
            }

            (double, double, double) key = (0.5 * (double)pair.SquareBall, pair.Ratio, pair.LogQuotient);
            merged[key] = merged.GetValueOrDefault(key) + pair.Count;
        }

        double enclosed = OfEnclosures(pairs);
        Kind[] kinds = [.. merged.Select(m => new Kind(m.Value, m.Key.Offset, m.Key.Ratio, m.Key.Log))];
        // Far out M decays on one side of the straight path only, and may first grow there; on the straight path it is at most 1.
        double side = kinds.Sum(k => k.Count * k.Edge) < 0 ? -Bend : Bend;
        (double value, double width) = (0, double.PositiveInfinity);
        foreach (double bend in (ReadOnlySpan<double>)[side, side / 2, -side, side / 4, 0])
        {
            (double found, double error) = Refined(kinds, bend);
            if (error < width)
            {
                (value, width) = (found, error);
            }

            if (width <= 2e-13 * value)
            {
                break;
            }
        }

        width += enclosed + 1e-300;
        return Estimate.Exact(Math.Clamp(value, 0, 1), Math.Clamp(value - width, 0, 1), Math.Min(1, value + width), Method);
    }

    /// <summary>
    /// The integral on the path bent by so much, and what its last halving changed with what was rounded.
    /// </summary>
    private static (double Value, double Error) Refined(Kind[] kinds, double bend)
    {
        double spacing = Coarsest;
        (double value, double rounding) = Trapezoid(kinds, bend, spacing, offset: false);
        double change;
        do
        {
            // The halved rule is the mean of the rule and the one shifted by half a spacing.
            (double between, double more) = Trapezoid(kinds, bend, spacing, offset: true);
            double halved = 0.5 * (value + between);
            rounding = Math.Max(rounding, more);
            change = Math.Abs(halved - value);
            value = halved;
            spacing /= 2;
        }
        while (change > (4e-15 * Math.Abs(value)) + rounding && spacing > Finest);

        double error = change + rounding + (2e-15 * value);
        return double.IsFinite(value) && double.IsFinite(error) && value > -error ? (value, error) : (0, double.PositiveInfinity);
    }

    /// <summary>
    /// How far the TV of what the pairs enclose can be from that of their midpoints. TV is a metric, and for normal
    /// laws with variances within 1 ± ε_i of each other, ε_i ≤ ½, KL ≤ ½Σε_i², so by Pinsker TV ≤ ½√(Σε_i²); with
    /// means η_i deviations apart TV ≤ ½√(Ση_i²).
    /// </summary>
    public static double OfEnclosures(ReadOnlySpan<DirectionPair> pairs)
    {
        double state = 0;
        double target = 0;
        double mean = 0;
        foreach (DirectionPair pair in pairs)
        {
            // The last terms are what rounding r and δ to doubles does.
            double ofState = (pair.StateBall.Radius / Math.Abs(pair.StateBall.Mid.High)) + (2.3e-16 * Math.Min(1, Math.Abs(pair.Ratio)));
            double ofTarget = pair.VarianceBall.Radius / Math.Abs(pair.VarianceBall.Mid.High);
            if (!(ofState <= 0.5 && ofTarget <= 0.5))
            {
                return 1;
            }

            double shift = (pair.OffsetBall.Radius + (2.3e-16 * Math.Abs(pair.Offset))) / Math.Sqrt(Math.Max(pair.StateVariance, pair.Variance));
            state += pair.Count * ofState * ofState;
            target += pair.Count * ofTarget * ofTarget;
            mean += pair.Count * shift * shift;
        }

        return 0.501 * (Math.Sqrt(state) + Math.Sqrt(target) + Math.Sqrt(mean));
    }

    /// <summary>
    /// Directions of one kind: how many, δ²/2P, r, and ln(1 + r), which r near −1 does not determine.
    /// </summary>
    private readonly record struct Kind(double Count, double Offset, double Ratio, double Log)
    {
        /// <summary>
        /// The extreme value of ℓ in the direction, −½·ln(1 + r) − (δ²/2P)/r: M turns like e^(s·Edge) far out, so the
        /// path bends to the side where that decays.
        /// </summary>
        public double Edge => Ratio == 0 ? 0 : (-0.5 * Log) - (Offset / Ratio);

        /// <summary>Count·ln M(s), and the sum of the sizes of its parts.</summary>
        public (Complex Value, double Size) LogMoment(Complex s)
        {
            (Complex first, Complex second) = Math.Abs(Ratio) > 0.3
                ? (-0.5 * s * Log, -0.5 * Complex.Log(1 - (s * Ratio)))
                : (0.5 * s * RealFunctions.LogExcess(Ratio), 0.5 * LogExcess(-s * Ratio));
            Complex shift = Offset * s * (1 + s) / (1 - (s * Ratio));
            return (Count * (first + second + shift), Count * (first.Magnitude + second.Magnitude + shift.Magnitude));
        }
    }

    /// <summary>
    /// (2/π)·∫₀^∞ Re[(1 − M)/cosh z] dv on z = v + i·bend, from the points k·spacing or those half a spacing further,
    /// and a bound of its rounding: a logarithm whose parts have the sizes a_i is off by at most 8u·Σa_i, u = 2⁻⁵³.
    /// </summary>
    private static (double Value, double Rounding) Trapezoid(Kind[] kinds, double bend, double spacing, bool offset)
    {
        const double unit = 8.0 / (1L << 53);
        double sum = 0;
        double rounding = 0;
        for (int k = 0; ; k++)
        {
            double v = (k + (offset ? 0.5 : 0)) * spacing;
            var z = new Complex(v, bend);
            Complex weight = 1 / Complex.Cosh(z);
            Complex s = -0.5 + (new Complex(0, 0.5) * Complex.Sinh(z));
            Complex log = Complex.Zero;
            double size = 0;
            foreach (Kind kind in kinds)
            {
                (Complex own, double ownSize) = kind.LogMoment(s);
                log += own;
                size += ownSize;
            }

            Complex excess = ExpM1(log);
            double half = k == 0 && !offset ? 0.5 : 1;
            double moment = Math.Exp(Math.Min(700, log.Real));
            sum -= half * (excess * weight).Real;
            rounding += half * unit * weight.Magnitude * ((moment * size) + excess.Magnitude);
            if ((v > 1 && weight.Magnitude * Math.Max(1, moment) < 1e-17 * Math.Abs(sum)) || v > 700 || !double.IsFinite(sum))
            {
                double factor = 2 / Math.PI * spacing;
                return (factor * sum, factor * (rounding + (2 * weight.Magnitude * Math.Max(1, moment) / spacing)));
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
