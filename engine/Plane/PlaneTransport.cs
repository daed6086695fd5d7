using MathNet.Numerics.LinearAlgebra;

namespace Sgm.Engine;

/// <summary>
/// Ends of W2 on the plane: from the moments of both laws, and from triangular couplings along the axes of Gelbrich's map and along the
/// coordinates, in both orders.
/// </summary>
internal static class PlaneTransport
{
    // Places in the scale of the finer structure of the two laws: cells of the map are cubic, right to 1e-6 of it.
    private const double PlacesPerScale = 6;

    /// <summary>Both ends of W2² at one resolution.</summary>
    /// <exception cref="WorkExceededException">Too much work.</exception>
    public static TriangularCoupling Ends(PlaneSnapshot state, PlaneMixture target, double coarser, PlaneWork work)
    {
        PlaneMoments own = state.Moments, other = target.Moments();
        double below = Below(own, other), above = Above(own, other);
        double mass = state.Density!.Mass;
        double spacing = coarser * Math.Min(state.Density!.Smoothness, target.Smoothness) / PlacesPerScale;
        double axes = Axes(own, other);
        foreach (double angle in new[] { axes, axes + (0.5 * Math.PI), 0, 0.5 * Math.PI })
        {
            var coupling = TriangularCoupling.Of(state.Density.Turned(angle), mass, target.TurnedMixture(angle), spacing, work);
            below = Math.Max(below, coupling.Below);
            above = Math.Min(above, coupling.Above);
        }

        return new(below, Math.Max(below, above));
    }

    /// <summary>|m − m′|² + tr(Σ + Σ′) − 2·tr (Σ^½Σ′Σ^½)^½ ≤ W2² (M. Gelbrich, Math. Nachr. 147, 1990); tr √M = √(tr M + 2√det M) for 2 × 2.</summary>
    public static double Below(PlaneMoments a, PlaneMoments b)
    {
        double trace = (a.Xx * b.Xx) + (2 * a.Xy * b.Xy) + (a.Yy * b.Yy);
        double determinant = ((a.Xx * a.Yy) - (a.Xy * a.Xy)) * ((b.Xx * b.Yy) - (b.Xy * b.Xy));
        double root = Math.Sqrt(trace + (2 * Math.Sqrt(Math.Max(0, determinant))));
        return Math.Max(0, Shift(a, b) + a.Xx + a.Yy + b.Xx + b.Yy - (2 * root));
    }

    /// <summary>The cost of independence, |m − m′|² + tr(Σ + Σ′) ≥ W2².</summary>
    public static double Above(PlaneMoments a, PlaneMoments b) => Shift(a, b) + a.Xx + a.Yy + b.Xx + b.Yy;

    private static double Shift(PlaneMoments a, PlaneMoments b) => ((a.X - b.X) * (a.X - b.X)) + ((a.Y - b.Y) * (a.Y - b.Y));

    // The angle of the first axis of the linear map that transports the one covariance to the other.
    private static double Axes(PlaneMoments own, PlaneMoments other)
    {
        static Matrix<double> Of(PlaneMoments m) => Matrix<double>.Build.DenseOfRowMajor(2, 2, [m.Xx, m.Xy, m.Xy, m.Yy]);
        Matrix<double> axes = GelbrichMap.Axes(Of(other), Of(own));
        return Math.Atan2(axes[1, 0], axes[0, 0]);
    }
}
