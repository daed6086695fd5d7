namespace Sgm.Engine;

/// <summary>
/// An unevaluated sum High + Low with about 31 significant digits (Dekker 1971; Hida, Li and Bailey 2001). The bias of a
/// sampler is a small difference of large numbers, q − p; carrying the recursion in this form leaves the difference with all
/// the digits of a double even after millions of steps. Infinities and NaN come out as a non-finite <see cref="High"/>.
/// </summary>
public readonly record struct DoubleDouble(double High, double Low)
{
    /// <summary>0.</summary>
    public static DoubleDouble Zero => default;

    /// <summary>1.</summary>
    public static DoubleDouble One => new(1, 0);

    /// <summary>A double, exactly.</summary>
    public static implicit operator DoubleDouble(double value) => new(value, 0);

    /// <summary>Rounds to a double.</summary>
    public static explicit operator double(DoubleDouble value) => value.High + value.Low;

    /// <summary>Sum; relative error about 2⁻¹⁰⁴ unless the result cancels.</summary>
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

    /// <summary>Product; relative error about 2⁻¹⁰².</summary>
    public static DoubleDouble operator *(DoubleDouble a, DoubleDouble b)
    {
        double product = a.High * b.High;
        double error = Math.FusedMultiplyAdd(a.High, b.High, -product) + ((a.High * b.Low) + (a.Low * b.High));
        (product, error) = QuickTwoSum(product, error);
        return new(product, error);
    }

    /// <summary>Quotient; relative error about 2⁻¹⁰⁰.</summary>
    public static DoubleDouble operator /(DoubleDouble a, DoubleDouble b)
    {
        double first = a.High / b.High;
        DoubleDouble rest = a - (b * first);
        double second = rest.High / b.High;
        rest -= b * second;
        (double high, double low) = QuickTwoSum(first, second);
        return new DoubleDouble(high, low) + (rest.High / b.High);
    }

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
