namespace Sgm.Engine;

/// <summary>Bounds of W2² from moments alone.</summary>
internal static class W2Ends
{
    /// <summary>|m − m′|² + tr(Σ + Σ′) − 2·tr (Σ^½Σ′Σ^½)^½ (M. Gelbrich, Math. Nachr. 147, 1990); tr √M = √(tr M + 2√det M) for 2 × 2.</summary>
    public static double Below(PlaneMoments a, PlaneMoments b)
    {
        double trace = (a.Xx * b.Xx) + (2 * a.Xy * b.Xy) + (a.Yy * b.Yy);
        double determinant = ((a.Xx * a.Yy) - (a.Xy * a.Xy)) * ((b.Xx * b.Yy) - (b.Xy * b.Xy));
        double root = Math.Sqrt(trace + (2 * Math.Sqrt(Math.Max(0, determinant))));
        return Math.Max(0, Shift(a, b) + a.Xx + a.Yy + b.Xx + b.Yy - (2 * root));
    }

    /// <summary>The cost of independence, |m − m′|² + tr(Σ + Σ′).</summary>
    public static double Above(PlaneMoments a, PlaneMoments b) => Shift(a, b) + a.Xx + a.Yy + b.Xx + b.Yy;

    private static double Shift(PlaneMoments a, PlaneMoments b) => ((a.X - b.X) * (a.X - b.X)) + ((a.Y - b.Y) * (a.Y - b.Y));
}
