namespace Sgm.Engine;

/// <summary>
/// A covariance of the two coordinates: that of a normal law whose tails the law has. Maps are linear far out; they and
/// noise do to it what they do to a covariance.
/// </summary>
internal readonly record struct JointSpread(double Xx, double Xy, double Yy)
{
    /// <summary>Of (μ + C·ξ, label + τ·ζ) for a map μ and a label of these slopes.</summary>
    public JointSpread After(
        (double First, double Second) mean, (double First, double Second) label, double noise, double labelNoise) => new(
        Product(mean, mean) + (noise * noise), Product(mean, label), Product(label, label) + (labelNoise * labelNoise));

    // uᵀΣv.
    private double Product((double First, double Second) u, (double First, double Second) v) =>
        (u.First * v.First * Xx) + (((u.First * v.Second) + (u.Second * v.First)) * Xy) + (u.Second * v.Second * Yy);
}
