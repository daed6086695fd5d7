namespace Sgm.Engine;

/// <summary>
/// An unevaluated sum High + Low with about 31 significant digits (Dekker 1971; Hida, Li and Bailey 2001). The bias
/// of a sampler is a small difference of large numbers, q − p; carrying the recursion in this form leaves the
/// difference with all the digits of a double even after millions of steps. Infinities and NaN come out as a
/// non-finite <see cref="High"/>. Every operation is off by at most <see cref="Unit"/> times its result (Joldes,
/// Muller and Popescu 2017: 3u², 5u² and 10u² with u = 2⁻⁵³ for sums, products and quotients), where nothing under-
/// or overflows.
/// </summary>
public readonly record struct DoubleDouble(double High, double Low)
{
    /// <summary>2⁻¹⁰²: the relative error of one operation is at most this.</summary>
    public const double Unit = 1.0 / (1L << 51) / (1L << 51);

    /// <summary>0.</summary>
    public static DoubleDouble Zero => default;

    /// <summary>1.</summary>
    public static DoubleDouble One => new(1, 0);

    /// <summary>A double, exactly.</summary>
    public static implicit operator DoubleDouble(double value) => new(value, 0);

    /// <summary>Rounds to a double.</summary>
    public static explicit operator double(DoubleDouble value) => value.High + value.Low;

    /// <summary>Sum; relative error at most 3·2⁻¹⁰⁶, even where the result cancels.</summary>
    public static DoubleDouble operator +(DoubleDouble a, DoubleDouble b)
    {
        (double sum, double error) = TwoSum(a.High, b.High);
        (double low, double lowError) = TwoSum(a.Low, b.Low);
        (sum, error) = QuickTwoSum(sum, error + low);
        (sum, error) = QuickTwoSum(sum, error + lowError);
        return new(sum, error);
    }

    /// <summary>Negation, exact.</summary>
    public static DoubleDouble operator -(DoubleDouble a) => new(-a.High, -a.Low);

    /// <summary>Difference.</summary>
    public static DoubleDouble operator -(DoubleDouble a, DoubleDouble b) => a + (-b);

    /// <summary>Product; relative error at most 5·2⁻¹⁰⁶.</summary>
    public static DoubleDouble operator *(DoubleDouble a, DoubleDouble b)
    {
        double product = a.High * b.High;
        double error = Math.FusedMultiplyAdd(a.High, b.High, -product) + ((a.High * b.Low) + (a.Low * b.High));
        (product, error) = QuickTwoSum(product, error);
        return new(product, error);
    }

    /// <summary>Quotient; relative error at most 10·2⁻¹⁰⁶.</summary>
    public static DoubleDouble operator /(DoubleDouble a, DoubleDouble b)
    {
        double first = a.High / b.High;
        DoubleDouble rest = a - (b * first);
        double second = rest.High / b.High;
        rest -= b * second;
        (double high, double low) = QuickTwoSum(first, second);
        return new DoubleDouble(high, low) + (rest.High / b.High);
    }

    /// <summary>
    /// √a of a ≥ 0 by one step of Newton from the double root (Karp and Markstein 1997); relative error at most
    /// 2⁻¹⁰³.
    /// </summary>
    public static DoubleDouble Sqrt(DoubleDouble a)
    {
        if (a.High <= 0)
        {
            return 0;
        }

        double root = Math.Sqrt(a.High);
        DoubleDouble rest = a - ((DoubleDouble)root * root);
        (double high, double low) = QuickTwoSum(root, rest.High / (2 * root));
        return new(high, low);
    }

    /// <summary>|a|.</summary>
    public static DoubleDouble Abs(DoubleDouble a) => a.High < 0 ? -a : a;

    /// <summary>Whether the value is finite and at most <paramref name="limit"/> in absolute value.</summary>
    public bool IsWithin(double limit) => Math.Abs(High) <= limit;

    private static (double Sum, double Error) TwoSum(double a, double b)
    {
        double sum = a + b;
        double t = sum - a;
        return (sum, (a - (sum - t)) + (b - t));
    }

    private static (double Sum, double Error) QuickTwoSum(double a, double b)
    {
        double sum = a + b;
        return (sum, b - (sum - a));
    }
}
