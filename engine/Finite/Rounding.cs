namespace Sgm.Engine;

/// <summary>What sums of doubles lose, for the brackets of laws on finite spaces.</summary>
internal static class Rounding
{
    /// <summary>u = 2⁻⁵³: an operation is right to so much, relatively.</summary>
    public const double Unit = 1.0 / (1L << 53);

    /// <summary>The sum with what every addition lost carried along (Neumaier): off by at most 2u·|Σ| + N²u²·Σ|a|.</summary>
    public static double Sum(ReadOnlySpan<double> terms)
    {
        double sum = 0;
        double lost = 0;
        foreach (double term in terms)
        {
            double next = sum + term;
            lost += Math.Abs(sum) >= Math.Abs(term) ? sum - next + term : term - next + sum;
            sum = next;
        }

        return sum + lost;
    }
}
