namespace Sgm.Engine;

/// <summary>Elementary functions that keep their relative precision where the textbook form cancels.</summary>
public static class RealFunctions
{
    /// <summary>e^x − 1 = 2·e^(x/2)·sinh(x/2); relative error a few ulp for every x; −1 below −40, where that is the nearest double.</summary>
    public static double ExpM1(double x) => x < -40 ? -1 : 2 * Math.Exp(x / 2) * Math.Sinh(x / 2);

    /// <summary>ln(1 + x) by Kahan's quotient; relative error a few ulp for every x &gt; −1.</summary>
    public static double LogOnePlus(double x)
    {
        double u = 1 + x;
        return u == 1 ? x : double.IsInfinity(u) ? u : Math.Log(u) * x / (u - 1);
    }

    /// <summary>a·b − c·d by Kahan's two products; relative error at most two units in the last place.</summary>
    public static double Determinant(double a, double b, double c, double d)
    {
        double product = c * d;
        double lost = Math.FusedMultiplyAdd(-c, d, product);
        return Math.FusedMultiplyAdd(a, b, -product) + lost;
    }

    /// <summary>
    /// x − ln(1 + x) ≥ 0, the KL divergence of centred normals with variance ratio 1 + x, doubled; relative error ≤ 1e-14.
    /// Near 0 by the series of 2·artanh(z) − x with z = x/(2 + x), so that x²/2 survives.
    /// </summary>
    public static double LogExcess(double x)
    {
        if (Math.Abs(x) > 0.3)
        {
            return x - LogOnePlus(x);
        }

        // ln(1+x) = 2·Σ z^(2k+1)/(2k+1) and x − 2z = x·z, so x − ln(1+x) = x·z − 2z³·Σ z^(2k)/(2k+3).
        double z = x / (2 + x);
        double square = z * z;
        double power = 1;
        double series = 0;
        for (int k = 3; power > 1e-18; k += 2)
        {
            series += power / k;
            power *= square;
        }

        return z * (x - (2 * square * series));
    }
}
