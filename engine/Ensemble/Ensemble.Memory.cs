namespace Sgm.Engine;

public sealed partial class Ensemble
{
    /// <summary>
    /// Bytes that a run keeps at its peak: the particles at every probe, the blocks in work, and what the plan's metrics copy of one
    /// probe's particles while they are measured.
    /// </summary>
    public static long RequiredBytes(Plan plan, RunOptions options) =>
        (long)Math.Min(long.MaxValue, RequiredBytes(plan, options, options.Particles, BlockFormat.Count(plan.Dimension, options.Particles)));

    private static double RequiredBytes(Plan plan, RunOptions options, double particles, long blocks)
    {
        int width = BlockFormat.Width((int)Math.Min(BlockFormat.Size(plan.Dimension), options.Particles));
        double kept = particles * plan.Dimension * sizeof(double) * plan.ProbeCount;
        // State, score and a second stage, and the level's constants; registers and draws of general steps.
        double others = plan.GeneralMethod is null ? 0 : plan.Steps().Max(step => step is GeneralTableau g ? g.Registers + g.Noises : 1);
        double working = (6.0 + others) * plan.Dimension * width * sizeof(double);
        double means = plan.Score.Blends.Prepend(plan.Score).Sum(s => s.Of.Factors.Sum(f => (double)f.Law.Means.Length)) * 4 * sizeof(double);
        return kept + (working * ThreadCount(options, blocks)) + means + MeasuringBytes(plan, particles);
    }

    // W2 on the line sorts a copy and keeps three quarters of it and a half as values of potentials; TV copies a coordinate, and in the
    // plane or higher also a projection. W2 in more dimensions looks at a bounded number of particles.
    private static double MeasuringBytes(Plan plan, double particles)
    {
        bool line = plan.Dimension == 1;
        double copies = plan.Metrics
            .Select(metric => metric.Match(tv: () => line ? 1.0 : 2.0, kl: () => 0.0, chi2: () => 0.0, w2: () => line ? 2.25 : 0.0))
            .DefaultIfEmpty(0)
            .Max();
        return copies * Math.Min(particles, Array.MaxLength) * sizeof(double);
    }

    private static string? WhyTooLarge(Plan plan, RunOptions options, long firstBlock, long count)
    {
        int size = BlockFormat.Size(plan.Dimension);
        double particles = Math.Min((double)count * size, options.Particles - ((double)firstBlock * size));
        double needed = RequiredBytes(plan, options, particles, count);
        double available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (count > Array.MaxLength)
            return $"{options.Particles} particles are more blocks than one run can hold; run ranges of blocks";
        return needed <= available
            ? null
            : $"the particles at the probes and the metrics on them need {Gigabytes(needed)} and {Gigabytes(available)} are there; "
                + "use fewer particles or fewer probes (one inside a repeat counts every time)";
    }

    private static string Gigabytes(double bytes) => $"{bytes / (1 << 30):0.##} GiB";
}
