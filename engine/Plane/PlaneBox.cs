namespace Sgm.Engine;

/// <summary>A rectangle of the plane with sides along the axes.</summary>
internal readonly record struct PlaneBox(double Left, double Right, double Bottom, double Top)
{
    /// <summary>Right − left.</summary>
    public double Width => Right - Left;

    /// <summary>Top − bottom.</summary>
    public double Height => Top - Bottom;

    /// <summary>Larger on every side.</summary>
    public PlaneBox Grown(double by) => new(Left - by, Right + by, Bottom - by, Top + by);

    /// <summary>The smallest box that holds both.</summary>
    public PlaneBox With(PlaneBox other) => new(
        Math.Min(Left, other.Left), Math.Max(Right, other.Right), Math.Min(Bottom, other.Bottom), Math.Max(Top, other.Top));

    /// <summary>The squared distance of two boxes; 0 where they meet.</summary>
    public double SquaredDistance(PlaneBox other)
    {
        double x = Math.Max(0, Math.Max(Left - other.Right, other.Left - Right));
        double y = Math.Max(0, Math.Max(Bottom - other.Top, other.Bottom - Top));
        return (x * x) + (y * y);
    }
}
