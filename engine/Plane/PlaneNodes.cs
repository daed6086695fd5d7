namespace Sgm.Engine;

/// <summary>
/// The nodes of an even lattice that carry mass: what a step maps. By the trapezoid rule Σ mass·f(x) over them is E f(X), up to
/// e^(−2π²(w/spacing)²) where w is the scale of density times f.
/// </summary>
/// <param name="Spacing">Between neighbours, in units of the state; 0 for a single point.</param>
/// <param name="X">First coordinates.</param>
/// <param name="Y">Second coordinates.</param>
/// <param name="Mass">Density times Spacing².</param>
/// <param name="Right">The number of the next node along the first axis; −1 where there is none.</param>
/// <param name="Up">The same along the second axis.</param>
/// <param name="Dropped">Mass of the nodes that were left out.</param>
internal sealed record PlaneNodes(double Spacing, double[] X, double[] Y, double[] Mass, int[] Right, int[] Up, double Dropped)
{
    /// <summary>How many there are.</summary>
    public int Count => Mass.Length;

    /// <summary>All mass at one place.</summary>
    public static PlaneNodes Point(double x, double y) => new(0, [x], [y], [1], [-1], [-1], 0);
}
