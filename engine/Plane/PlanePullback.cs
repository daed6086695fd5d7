namespace Sgm.Engine;

/// <summary>What a density in the plane is measured against, on squares.</summary>
internal interface IPlaneTarget
{
    /// <summary>The scale below which it has no structure.</summary>
    double Smoothness { get; }

    /// <summary>Work of the values on a square.</summary>
    double Cost { get; }

    /// <summary>values[i·m + j] ← the logarithm of the density at (x_i, y_j), y of length m, a multiple of 8.</summary>
    void LogValues(ReadOnlySpan<double> x, ReadOnlySpan<double> y, Span<double> values);
}

/// <summary>
/// A target p seen from before deterministic steps T: p(T(x))·|det DT(x)|. A state q is as far from it as T#q is from p, in every divergence that
/// T, one to one, keeps. Steps are x ← A·x + B·s of one stage with s = c·∇ln q + shifts: as −∇²ln q ⪯ 1/λ, λ the smallest eigenvalue of
/// q's covariances, DT = A + B·c·∇²ln q ⪰ A − B·c/λ for B·c ≥ 0, and a map whose derivative is positive definite everywhere is one to one.
/// </summary>
internal sealed class PlanePullback : IPlaneTarget
{
    private readonly PlaneMixture target;
    private readonly (double A, double B, double Shift, PlaneMixture Law)[] maps;

    private PlanePullback(PlaneMixture target, (double A, double B, double Shift, PlaneMixture Law)[] maps)
    {
        this.target = target;
        this.maps = maps;

        // A step may stretch by at most A.
        Smoothness = target.Smoothness / maps.Aggregate(1.0, (product, map) => product * Math.Max(1, map.A));
    }

    /// <inheritdoc/>
    public double Smoothness { get; }

    /// <inheritdoc/>
    public double Cost => 4000.0 * (target.Components.Length + maps.Sum(map => map.Law.Components.Length));

    /// <summary>Whether a deterministic step is known to be one to one.</summary>
    public static bool IsOneToOne(IStep step, Score score) => Map(step, score) is not null;

    /// <summary>The target before these steps; null where one of them is not known to be one to one.</summary>
    public static PlanePullback? Of(PlaneMixture target, IReadOnlyList<IStep> steps, Score score)
    {
        (double, double, double, PlaneMixture)?[] all = [.. steps.Select(step => Map(step, score))];
        return Array.TrueForAll(all, map => map.HasValue) ? new(target, Array.ConvertAll(all, map => map!.Value)) : null;
    }

    private static (double A, double B, double Shift, PlaneMixture Law)? Map(IStep step, Score score)
    {
        if ((step as Tableau)?.InScores() is not { Stages: [{ A: 1 } stage] } tableau) return null;
        (double gain, double shift) = (1, 0);
        foreach (ScoreModifier modifier in score.Modifiers)
        {
            switch (modifier)
            {
                case ScoreModifier.Scaled scaled:
                    (gain, shift) = (gain * scaled.Factor, shift * scaled.Factor);
                    break;
                case ScoreModifier.Shifted shifted:
                    shift += shifted.Amount / Math.Sqrt(2);
                    break;
                default:
                    return null;
            }
        }

        PlaneMixture law = PlaneMixture.Of(score.Of, stage.Level)!;
        double push = tableau.B[0] * gain;
        double least = tableau.A - (push / (law.Smoothness * law.Smoothness));
        return push >= 0 && least > 1e-9 * tableau.A ? (tableau.A, push, tableau.B[0] * shift, law) : null;
    }

    /// <inheritdoc/>
    public void LogValues(ReadOnlySpan<double> x, ReadOnlySpan<double> y, Span<double> values)
    {
        for (int i = 0; i < x.Length; i++)
        {
            for (int j = 0; j < y.Length; j++)
            {
                (double atX, double atY, double log) = (x[i], y[j], 0);
                foreach ((double a, double b, double shift, PlaneMixture law) in maps)
                {
                    PlaneExpansion found = law.Expansion(atX, atY);
                    log += Math.Log(((a + (b * found.Xx)) * (a + (b * found.Yy))) - (b * b * found.Xy * found.Xy));
                    (atX, atY) = ((a * atX) + (b * found.X) + shift, (a * atY) + (b * found.Y) + shift);
                }

                values[(i * y.Length) + j] = log + target.Expansion(atX, atY).Log;
            }
        }
    }
}

/// <summary>ln p, its gradient and its Hessian at a place.</summary>
internal readonly record struct PlaneExpansion(double Log, double X, double Y, double Xx, double Xy, double Yy);
