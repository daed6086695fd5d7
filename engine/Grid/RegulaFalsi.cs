namespace Sgm.Engine;

/// <summary>
/// A root between two places where a function has different signs, narrowed by the secant through them; an end that stays counts by
/// half from its second time on (Illinois; Dowell and Jarratt 1971).
/// </summary>
internal struct RegulaFalsi(double low, double under, double high, double over)
{
    private double below = under;
    private double above = over;
    private int side;

    /// <summary>The lower place.</summary>
    public double Low { get; private set; } = low;

    /// <summary>The upper place.</summary>
    public double High { get; private set; } = high;

    /// <summary>How far they are apart.</summary>
    public readonly double Width => High - Low;

    /// <summary>The place half-way.</summary>
    public readonly double Middle => 0.5 * (Low + High);

    /// <summary>Where the secant meets 0.</summary>
    public readonly double Next => Low - (below * Width / (above - below));

    /// <summary>Whether a place is between them.</summary>
    public readonly bool Contains(double u) => u > Low && u < High;

    /// <summary>Narrows to the side of u where the sign changes, given the value there.</summary>
    public void Take(double u, double value)
    {
        if (value * below > 0)
        {
            (Low, below) = (u, value);
            above *= side < 0 ? 0.5 : 1;
            side = -1;
        }
        else
        {
            (High, above) = (u, value);
            below *= side > 0 ? 0.5 : 1;
            side = 1;
        }
    }
}
