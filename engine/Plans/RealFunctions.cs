namespace Sgm.Engine;

/// <summary>Elementary functions that keep their relative precision where the textbook form cancels.</summary>
public static class RealFunctions
{
    /// <summary>e^x − 1 = 2·e^(x/2)·sinh(x/2); relative error a few ulp for every x.</summary>
    public static double ExpM1(double x) => double.IsNegativeInfinity(x) ? -1 : 2 * Math.Exp(x / 2) * Math.Sinh(x / 2);
}
