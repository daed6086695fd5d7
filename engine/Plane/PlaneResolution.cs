namespace Sgm.Engine;

/// <summary>
/// How finely the plane is resolved. Every plan runs at two resolutions side by side; the difference of what they give, with rounding
/// and what lies outside, is the bracket.
/// </summary>
/// <param name="Digits">−ln of the relative error of the sums over a lattice.</param>
/// <param name="Nodes">So many nodes a lattice may have because a map stretches; what they leave unresolved is counted.</param>
/// <param name="LogRange">Nodes with less mass than e^(−LogRange) are dropped.</param>
/// <param name="Tail">What the last Legendre coefficients of a panel may leave of an integral.</param>
internal sealed record PlaneResolution(double Digits, double Nodes, double LogRange, double Tail)
{
    /// <summary>e^(−46) = 1e-20: mass that is dropped unless χ² needs more.</summary>
    public const double StandardLogRange = 46;

    /// <summary>The longest range that χ² is looked for in.</summary>
    public const double LargestLogRange = 184;

    /// <summary>The resolution of reported values: lattice sums to rounding.</summary>
    public static PlaneResolution Fine(double logRange) => new(36, 300_000, logRange, 1e-13);

    /// <summary>The resolution that it is compared with: lattice sums to 1e-11.</summary>
    public static PlaneResolution Coarse(double logRange) => new(25, 200_000, 0.87 * logRange, 1e-11);

    /// <summary>Mass that the sums of one step may get wrong.</summary>
    public double Tolerance => Math.Exp(-Digits);

    /// <summary>The widest spacing that sums so well where nothing is stretched: 2π²(w/spacing)² = Digits, where 1/w² = 1/a² + 1/b².</summary>
    /// <param name="smoothness">a, the scale of the density on the nodes.</param>
    /// <param name="noise">b, the standard deviation of the noise after the map; ∞ where there is none.</param>
    public double Spacing(double smoothness, double noise) =>
        Math.PI * Math.Sqrt(2 / (Digits * ((1 / (smoothness * smoothness)) + (1 / (noise * noise)))));
}
