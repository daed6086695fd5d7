namespace Sgm.Engine;

/// <summary>
/// A covariance of the two coordinates: that of a normal law than which a density is no rougher (its transform falls
/// at least like e^(−ξᵀΣξ/2)), or whose tails it has. Linear maps and noise do to it what they do to a covariance;
/// maps that are not linear are taken slope by slope.
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

    /// <summary>
    /// No smoother along either coordinate than a normal law of these variances; 0 for a coordinate that is not
    /// there.
    /// </summary>
    public JointSpread Within(double first, double second)
    {
        if (Yy == 0) return new(1 / ((1 / Xx) + (1 / first)), 0, 0);
        double determinant = (Xx * Yy) - (Xy * Xy);
        double x = (Yy / determinant) + (1 / first), y = (Xx / determinant) + (1 / second), both = Xy / determinant;
        double own = (x * y) - (both * both);
        return new(y / own, both / own, x / own);
    }

    /// <summary>1/w² for the scale w along a direction: dᵀΣ⁻¹d.</summary>
    public double InverseSquare(double x, double y)
    {
        if (Yy == 0) return x * x / Xx;
        double determinant = (Xx * Yy) - (Xy * Xy);
        return determinant > 0 ? ((Yy * x * x) - (2 * Xy * x * y) + (Xx * y * y)) / determinant : double.PositiveInfinity;
    }
}
