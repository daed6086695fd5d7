namespace Sgm.Engine;

/// <summary>
/// A measured number: there are no bare floats between the engine and a verdict. The truth lies in [Lower, Upper] with
/// probability at least Confidence (1: a certified bracket); from particles the value is an estimate. NaN is never a value: what
/// cannot be given has a Reason.
/// </summary>
public sealed record Estimate
{
    private Estimate(double? value, double lower, double upper, double confidence, string method, string? reason)
    {
        Value = value;
        Lower = lower;
        Upper = upper;
        Confidence = confidence;
        Method = method;
        Reason = reason;
    }

    /// <summary>The best value, +∞ where the truth is +∞; null where no honest value exists.</summary>
    public double? Value { get; }

    /// <summary>Lower end.</summary>
    public double Lower { get; }

    /// <summary>Upper end; +∞ where there is none.</summary>
    public double Upper { get; }

    /// <summary>In (0, 1]; 1 for exact laws.</summary>
    public double Confidence { get; }

    /// <summary>How it was found: "closed form", "grid", "lattice convolution", "sorted samples", ….</summary>
    public string Method { get; }

    /// <summary>Why there is no value or no upper end, or why it is infinite; null otherwise.</summary>
    public string? Reason { get; }

    /// <summary>An exact value with a certified bracket.</summary>
    public static Estimate Exact(double value, double lower, double upper, string method) =>
        Checked(value, lower, upper, 1, method, null);

    /// <summary>A closed form, exact to <paramref name="relative"/> rounding plus <paramref name="absolute"/>.</summary>
    public static Estimate ClosedForm(double value, double relative = 1e-14, double absolute = 0) =>
        Checked(value, Math.Max(0, value - (Math.Abs(value) * relative) - absolute), value + (Math.Abs(value) * relative) + absolute, 1, "closed form", null);

    /// <summary>A value that is +∞, and why.</summary>
    public static Estimate Infinite(string method, string reason) =>
        new(double.PositiveInfinity, double.PositiveInfinity, double.PositiveInfinity, 1, method, reason);

    /// <summary>A confidence interval from samples; <paramref name="reason"/> says why an end is missing, or what one assumes.</summary>
    public static Estimate Sampled(double value, double lower, double upper, double confidence, string method, string? reason = null) =>
        Checked(value, lower, upper, confidence, method, reason);

    /// <summary>No value, with what is certain all the same: the truth is in [lower, upper].</summary>
    public static Estimate Unavailable(string method, string reason, double lower = 0, double upper = double.PositiveInfinity, double confidence = 1) =>
        new(null, lower, upper, confidence, method, reason);

    private static Estimate Checked(double value, double lower, double upper, double confidence, string method, string? reason) =>
        double.IsNaN(value) || double.IsNaN(lower) || double.IsNaN(upper)
            ? Unavailable(method, "the arithmetic lost all its digits (not a number)")
            : double.IsInfinity(value) ? Unavailable(method, "the value is beyond the range of a double")
            : new(value, lower, upper, confidence, method, reason);
}
