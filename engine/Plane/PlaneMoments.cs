namespace Sgm.Engine;

/// <summary>Means and covariances of a law on the plane.</summary>
internal readonly record struct PlaneMoments(double X, double Y, double Xx, double Xy, double Yy)
{
    /// <summary>Of point masses, as shares of their sum.</summary>
    public static PlaneMoments Of(double[] x, double[] y, double[] mass)
    {
        double all = mass.Sum();
        double meanX = 0, meanY = 0, xx = 0, xy = 0, yy = 0;
        for (int n = 0; n < mass.Length; n++)
        {
            meanX += mass[n] * x[n];
            meanY += mass[n] * y[n];
        }

        (meanX, meanY) = (meanX / all, meanY / all);
        for (int n = 0; n < mass.Length; n++)
        {
            (double u, double v) = (x[n] - meanX, y[n] - meanY);
            xx += mass[n] * u * u;
            xy += mass[n] * u * v;
            yy += mass[n] * v * v;
        }

        return new(meanX, meanY, xx / all, xy / all, yy / all);
    }

    /// <summary>After independent isotropic noise of this variance.</summary>
    public PlaneMoments With(double variance) => this with { Xx = Xx + variance, Yy = Yy + variance };
}
