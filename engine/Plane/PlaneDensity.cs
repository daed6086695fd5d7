namespace Sgm.Engine;

/// <summary>A density on the plane that can be had anywhere.</summary>
internal abstract class PlaneDensity
{
    /// <summary>The scale below which it has no structure, as far as is known: its transform falls at least like that of N(0, Smoothness²).</summary>
    public abstract double Smoothness { get; }

    /// <summary>All of it; 1 up to what was dropped.</summary>
    public virtual double Mass => 1;

    /// <summary>A box outside of which it has less mass than e^(−logRange).</summary>
    public abstract PlaneBox Extent(double logRange);

    /// <summary>Whether more mass than e^(−logRange) may lie in the box.</summary>
    public abstract bool Reaches(PlaneBox box, double logRange);

    /// <summary>The same law seen along axes that are turned by this angle, counterclockwise.</summary>
    public abstract PlaneDensity Turned(double angle);

    /// <summary>Means and covariances.</summary>
    public abstract PlaneMoments Moments();

    /// <summary>Work of the values on a panel, as <see cref="PlaneWork"/> counts.</summary>
    public abstract double Cost(PlaneBox box, double logRange);

    /// <summary>Fills x, of shape [2, count] with the draw running fastest, with independent draws.</summary>
    public abstract void Draw(RandomStream stream, Span<double> x, int count);

    /// <summary>values[i·m + j] ← the density at (x_i, y_j), x of any length and y of length m, a multiple of 8.</summary>
    /// <param name="x">Places along the first axis, ascending.</param>
    /// <param name="y">Places along the second axis, ascending.</param>
    /// <param name="values">Shape [x, y].</param>
    /// <param name="logRange">Parts below e^(−logRange) of a kernel's peak may be left out.</param>
    public abstract void Values(ReadOnlySpan<double> x, ReadOnlySpan<double> y, Span<double> values, double logRange);

    /// <summary>
    /// The density on the even lattice of this spacing through the origin, wherever a node has more mass than e^(−logRange).
    /// </summary>
    public virtual PlaneNodes Lattice(double spacing, double logRange, PlaneWork work)
    {
        var tiles = LatticeTiles.Over(Extent(logRange).Grown(spacing), spacing);
        tiles.Activate(box => Reaches(box, logRange), work);
        tiles.Fill((x, y, values) => Values(x, y, values, logRange), work);
        return tiles.Nodes(logRange);
    }
}
