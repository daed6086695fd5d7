namespace Sgm.Engine;

/// <summary>
/// A lower confidence bound for the mean of independent values of one law that never go below a floor, whatever else that law
/// is: no variance need exist, and mass that no value hit cannot make it false.
/// </summary>
/// <remarks>
/// Z = Y − floor ≥ 0 and any c ≥ 0 that the values did not choose: E Π(1 + cZ_i) = (1 + cμ)ⁿ, so by Markov's inequality
/// Π(1 + cZ_i) ≥ (1 + cμ)ⁿ/δ has probability at most δ; otherwise μ ≥ ((δ·Π(1 + cZ_i))^(1/n) − 1)/c. The best c ≈ √(2 ln(1/δ)/(n·Var Z)) is chosen on
/// a pilot. With it the bound is the mean less √(2 ln(1/δ)·Var/n) to first order: what a normal law would allow times 1.3 at δ = 0.01, 1.06 at 10⁻¹¹.
/// A bet with a fixed stake: I. Waudby-Smith and A. Ramdas, J. R. Stat. Soc. B 86, 2024.
/// </remarks>
public static class MeanBelow
{
    // What rounding may do to a sum of logarithms and to the values, relative to the largest of the terms.
    private const double Rounding = 1e-12;

    /// <summary>
    /// Below the mean but for a probability <paramref name="failure"/>. The stake comes from <paramref name="pilot"/>, which must be independent of
    /// <paramref name="values"/>; −∞ when there are none, or when something is not finite.
    /// </summary>
    public static double Of(ReadOnlySpan<double> pilot, ReadOnlySpan<double> values, double floor, double failure)
    {
        double tax = -Math.Log(failure) / values.Length;
        double bound = Bound(values, floor, Stake(pilot, floor, tax), tax);
        return double.IsFinite(bound) ? bound : double.NegativeInfinity;
    }

    /// <summary>The same where the first eighth of the values is the pilot and the rest are what counts.</summary>
    public static double Of(ReadOnlySpan<double> values, double floor, double failure) =>
        Of(values[..(values.Length / 8)], values[(values.Length / 8)..], floor, failure);

    private static double Stake(ReadOnlySpan<double> pilot, double floor, double tax)
    {
        double mean = 0;
        foreach (double y in pilot)
        {
            mean += (y - floor) / pilot.Length;
        }

        double variance = 0;
        foreach (double y in pilot)
        {
            variance += (y - floor - mean) * (y - floor - mean) / pilot.Length;
        }

        // A value of no spread has no best stake: the larger the better.
        double middle = Math.Sqrt(2 * tax / Math.Max(variance, 1e-8 * mean * mean));
        if (!(double.IsFinite(middle) && middle > 0)) return 1;
        double best = middle;
        double most = double.NegativeInfinity;
        for (int power = -4; power <= 6; power++)
        {
            double stake = middle * Math.Pow(4, power);
            double bound = Bound(pilot, floor, stake, tax);
            if (!(bound > most)) continue;
            most = bound;
            best = stake;
        }

        return best;
    }

    private static double Bound(ReadOnlySpan<double> values, double floor, double stake, double tax)
    {
        double sum = 0;
        double size = 0;
        foreach (double y in values)
        {
            double z = Math.Max(0, y - floor);
            sum += RealFunctions.LogOnePlus(stake * z);
            size += z;
        }

        double grown = RealFunctions.ExpM1((sum / values.Length) - tax) / stake;
        return floor + grown - (Rounding * (Math.Abs(floor) + (size / values.Length)));
    }
}
