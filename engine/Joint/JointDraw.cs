namespace Sgm.Engine;

/// <summary>What of the coordinates before a draw is still needed after it.</summary>
internal enum JointKept
{
    /// <summary>Nothing: the law is one of the new coordinate alone.</summary>
    Nothing,

    /// <summary>The second coordinate, as it is.</summary>
    Second,

    /// <summary>A label of the coordinates, which becomes the second one.</summary>
    Label,
}

/// <summary>A new coordinate Mean + Deviation·ξ, ξ ~ N(0, 1), that takes the place of the first one.</summary>
/// <param name="First">a, the first coordinate before; null for a point.</param>
/// <param name="Second">b, the second one before; null where there is none.</param>
/// <param name="Mean">A form of a and b.</param>
/// <param name="Deviation">Its standard deviation, &gt; 0.</param>
/// <param name="Kept">What remains besides the new coordinate.</param>
/// <param name="Label">For <see cref="JointKept.Label"/>: Φ(a), or Φ(a) ± b, with Φ one to one; any form where it has
/// noise.</param>
/// <param name="LabelDeviation">The standard deviation of noise of the label's own, independent of the new
/// coordinate's; mostly 0.</param>
/// <param name="NewFirst">The new coordinate.</param>
/// <param name="NewSecond">What is kept; null where nothing is.</param>
/// <param name="Rounding">Relative rounding of the coefficients.</param>
internal sealed record JointDraw(
    JointAtom.Coordinate? First,
    JointAtom.Coordinate? Second,
    JointForm Mean,
    double Deviation,
    JointKept Kept,
    JointForm? Label,
    double LabelDeviation,
    JointAtom.Coordinate NewFirst,
    JointAtom.Coordinate? NewSecond,
    double Rounding)
{
    /// <summary>Whether a label without noise is kept, whose lattice a has to follow.</summary>
    public bool IsExactLabel => Kept == JointKept.Label && LabelDeviation == 0;
}
