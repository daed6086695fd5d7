namespace Sgm.Engine;

/// <summary>Where a map of the line changes from one smooth piece to another.</summary>
internal static class Kinks
{
    /// <summary>
    /// The first place in (from, to) where the piece changes, found between two neighbours among the ends and the 16 points of the
    /// interval; null when all of them lie in one piece.
    /// </summary>
    /// <param name="from">Left end.</param>
    /// <param name="to">Right end.</param>
    /// <param name="inner">The pieces at the 16 points, where they are known; else empty.</param>
    /// <param name="pieceAt">The piece at a point.</param>
    public static double? Between(double from, double to, ReadOnlySpan<int> inner, Func<double, int> pieceAt)
    {
        Span<double> points = stackalloc double[Legendre.Order + 2];
        (points[0], points[^1]) = (from, to);
        PanelSet.Place(from, to, points[1..^1]);
        double low = from;
        int first = pieceAt(from);
        for (int i = 1; i < points.Length; i++)
        {
            double high = points[i];
            if ((i <= inner.Length ? inner[i - 1] : pieceAt(high)) == first)
            {
                low = high;
                continue;
            }

            while (true)
            {
                double middle = 0.5 * (low + high);
                if (!(middle > low && middle < high))
                {
                    // The first number of the next piece: where it is the right end, the kink is that end.
                    return high < to && high > from ? high : null;
                }

                (low, high) = pieceAt(middle) == first ? (middle, high) : (low, middle);
            }
        }

        return null;
    }
}
