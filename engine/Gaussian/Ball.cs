namespace Sgm.Engine;

/// <summary>
/// All reals within Radius of Mid: ball arithmetic (van der Hoeven 2009; Johansson 2017) over double-double
/// midpoints. The result of an operation contains every result for members of its operands, the rounding of the
/// midpoint included, as long as no midpoint under- or overflows. An exact 0 (radius 0) stays exact in products; a
/// quotient by a ball that contains 0 has radius ∞.
/// </summary>
/// <param name="Mid">The midpoint.</param>
/// <param name="Radius">≥ 0; ∞ or NaN where nothing is known.</param>
public readonly record struct Ball(DoubleDouble Mid, double Radius)
{
    /// <summary>
    /// Radii are computed in doubles: every operation rounds by at most 2⁻⁵³, and this makes up for some of them.
    /// </summary>
    private const double Up = 1 + (1.0 / (1L << 49));

    /// <summary>Covers what a product below the range of a double loses.</summary>
    private const double Underflow = 1e-300;

    /// <summary>A double, exactly.</summary>
    public static implicit operator Ball(double value) => new(value, 0);

    /// <summary>A double-double, exactly.</summary>
    public static implicit operator Ball(DoubleDouble value) => new(value, 0);

    /// <summary>The midpoint as a double.</summary>
    public static explicit operator double(Ball value) => (double)value.Mid;

    /// <summary>Whether this is 0 and nothing else.</summary>
    public bool IsZero => Mid.High == 0 && Radius == 0;

    /// <summary>A double below every member.</summary>
    public double Lower => Radius == 0 && Mid.Low == 0 ? Mid.High : Math.BitDecrement((double)(Mid - (Radius * Up)));

    /// <summary>A double above every member.</summary>
    public double Upper => Radius == 0 && Mid.Low == 0 ? Mid.High : Math.BitIncrement((double)(Mid + (Radius * Up)));

    /// <summary>The largest absolute value of a member.</summary>
    public double Magnitude => (Math.Abs(Mid.High) + Radius) * Up;

    /// <summary>Sum.</summary>
    public static Ball operator +(Ball a, Ball b) =>
        a.IsZero ? b : b.IsZero ? a : Rounded(a.Mid + b.Mid, a.Radius + b.Radius);

    /// <summary>Negation, exact.</summary>
    public static Ball operator -(Ball a) => new(-a.Mid, a.Radius);

    /// <summary>Difference.</summary>
    public static Ball operator -(Ball a, Ball b) => a + (-b);

    /// <summary>Product.</summary>
    public static Ball operator *(Ball a, Ball b) => a.IsZero || b.IsZero
        ? default
        : Rounded(
            a.Mid * b.Mid,
            (Math.Abs(a.Mid.High) * b.Radius * Up) + (a.Radius * ((Math.Abs(b.Mid.High) * Up) + b.Radius)) + Underflow);

    /// <summary>Quotient.</summary>
    public static Ball operator /(Ball a, Ball b)
    {
        if (a.IsZero && !b.IsZero)
        {
            return default;
        }

        double least = Math.Abs(b.Mid.High) - (b.Radius * Up);
        DoubleDouble mid = a.Mid / b.Mid;
        return least > 0
            ? Rounded(mid, ((a.Radius + (Math.Abs(mid.High) * b.Radius * Up)) / least * Up) + Underflow)
            : new(mid, double.PositiveInfinity);
    }

    /// <summary>√a of the members ≥ 0: |√x − √m| ≤ |x − m|/√m.</summary>
    public static Ball Sqrt(Ball a)
    {
        if (a.IsZero)
        {
            return a;
        }

        if (a.Radius < a.Mid.High)
        {
            DoubleDouble root = DoubleDouble.Sqrt(a.Mid);
            return Rounded(root, (a.Radius / root.High * Up) + Underflow);
        }

        double half = Math.Sqrt(Math.Max(0, a.Upper)) / 2 * Up;
        return new(half, half * Up);
    }

    /// <summary>All that is within <paramref name="distance"/> of a member.</summary>
    public Ball Widened(double distance) => new(Mid, (Radius + distance) * Up);

    /// <summary>Whether the midpoint is finite and at most <paramref name="limit"/> in absolute value.</summary>
    public bool IsWithin(double limit) => Mid.IsWithin(limit);

    private static Ball Rounded(DoubleDouble mid, double radius) =>
        new(mid, (radius + (Math.Abs(mid.High) * DoubleDouble.Unit)) * Up);
}
