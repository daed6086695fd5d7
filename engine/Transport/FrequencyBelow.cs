namespace Sgm.Engine;

/// <summary>A lower confidence bound for a probability from independent trials.</summary>
public static class FrequencyBelow
{
    /// <summary>
    /// Below the probability but for a chance <paramref name="failure"/>: from k hits in n trials the smallest a ≤ k/n with n·kl(k/n, a) ≤ ln(1/failure)
    /// (Chernoff), at any failure and for any number of trials. 1 less the bound for the misses is one from above.
    /// </summary>
    public static double Of(long hits, long trials, double failure)
    {
        double seen = (double)hits / trials;
        double limit = -Math.Log(failure) / trials;
        double low = 0, high = seen;
        for (int i = 0; i < 60; i++)
        {
            double middle = 0.5 * (low + high);
            double divergence = Term(seen, middle) + Term(1 - seen, 1 - middle);
            if (divergence > limit) low = middle;
            else high = middle;
        }

        return low;
    }

    private static double Term(double a, double b) => a > 0 ? a * Math.Log(a / b) : 0;
}
