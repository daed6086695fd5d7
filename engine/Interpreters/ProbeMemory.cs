namespace Sgm.Engine;

/// <summary>
/// The memory of the laws that an exact run keeps, one a probe and one at the end: half of what there is. A run that would need more is not
/// begun where its fewest bytes say so, and stops where the laws turn out larger.
/// </summary>
internal static class ProbeMemory
{
    /// <summary>A law without its coordinates, with what its metrics remember.</summary>
    public const double LawBytes = 1024;

    /// <summary>A distinct coordinate in closed form.</summary>
    public const double CoordinateBytes = 256;

    /// <summary>Bytes that all laws of a run may keep.</summary>
    public static double Limit => 0.5 * GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <summary>
    /// Why the laws at a plan's probes cannot be kept; null when they can. <paramref name="bytes"/> of a law are counted only where
    /// <paramref name="most"/>, which it does not exceed, would be too many; the law at the end is the run's own.
    /// </summary>
    public static string? WhyNot(Plan plan, double most, Func<double> bytes)
    {
        double probes = plan.ProbeCount;
        if (probes <= 1 || probes * most <= Limit)
        {
            return null;
        }

        double needed = probes * bytes();
        return needed <= Limit ? null : Words(probes, Gibibytes(needed));
    }

    /// <summary>The same of a run whose laws turned out larger.</summary>
    public static string? WhyNot(Plan plan, double kept) => kept <= Limit ? null : Words(plan.ProbeCount, $"more than {Gibibytes(Limit)}");

    private static string Words(double probes, string needed) => FormattableString.Invariant(
        $"the laws at {probes} probes need {needed} and {Gibibytes(Limit)} may be used; use fewer probes (one inside a repeat counts every time)");

    private static string Gibibytes(double bytes) => FormattableString.Invariant($"{bytes / (1 << 30):0.##} GiB");
}
