using System.Numerics;

namespace Sgm.Engine;

/// <summary>
/// Total variation, KL and χ² of particles from the target as estimates without an interval: by the density q(x) = E N(x; μ(Y), C²·I)
/// through the last kernel (Rao–Blackwell), with independent draws of μ(Y) in the place of E.
/// </summary>
/// <remarks>
/// q̂(x) = (1/M)·Σ_j N(x; μ_j, C²·I) with μ_j from a run of another seed, M ≤ 4096, at K ≤ 4096 particles x_i. Then TV ≈ mean (1 − p/q̂)₊, KL ≈ mean ln(q̂/p) +
/// ½(1/n_i − 1/M), the second term against the bias of the logarithm to first order, n_i = (Σ_j w_ij)²/Σ_j w_ij² the kernels
/// that carry x_i; and χ² ≈ mean q̂/p − 1.
/// What is wrong with them is of no known size: kernels that no μ_j stands for are missed, TV is too large by about 0.4/√n for
/// n the typical n_i, and q²/p may have a heavy tail. So there is none where the median of n_i is below 10.
/// A. Gelfand and A. Smith, J. Am. Stat. Assoc. 85, 1990, §2.2 (the density as a mean of kernels).
/// </remarks>
public sealed record KernelEstimate
{
    private const int MostCentres = 4096;
    private const double MostProducts = 1 << 27;
    private const double FewestKernels = 10;
    private const ulong OtherSeed = 0x5DEECE66D;

    private KernelEstimate(double? tv, double? kl, double? chi2, string? reason)
    {
        Tv = tv;
        Kl = kl;
        Chi2 = chi2;
        Reason = reason;
    }

    /// <summary>½∫|q − p|; null where there is no estimate.</summary>
    public double? Tv { get; }

    /// <summary>∫ q ln(q/p).</summary>
    public double? Kl { get; }

    /// <summary>∫ q²/p − 1; null also where it overflows.</summary>
    public double? Chi2 { get; }

    /// <summary>Why there is none; null where there is one.</summary>
    public string? Reason { get; }

    /// <summary>The estimate of a metric; null where there is none, and for W2.</summary>
    public double? Of(Metric metric) => metric.Match<double?>(() => Tv, () => Kl, () => Chi2, () => null);

    /// <summary>Particles that <see cref="At"/> runs besides.</summary>
    public static long Centres(Plan plan, RunOptions options) =>
        (long)Math.Min(Math.Min(MostCentres, options.Particles), Math.Sqrt(MostProducts / plan.Dimension));

    /// <summary>
    /// The estimates at the probe that is reached as number <paramref name="occurrence"/>, from the particles there and from a run by
    /// <paramref name="ensemble"/>, which is that of the particles.
    /// </summary>
    public static KernelEstimate At(Ensemble ensemble, Plan plan, RunOptions options, long occurrence, ProbeResult probe)
    {
        if (probe.Law is not ParticleLaw law) throw new ArgumentException("the law must be one of particles", nameof(probe));
        if (LastKernel.Of(plan, occurrence) is not { } kernel) return None("the last step before the probe has no noise or may be rejected, so no kernel gives a density");
        int count = (int)Centres(plan, options);
        Outcome outcome = ensemble.Run(kernel.Mean, options with { Particles = count, Seed = options.Seed ^ OtherSeed, Progress = null });
        if (!outcome.IsCompleted) return None("the run of the kernels' centres did not end");
        double[][] centres = Coordinates(((ParticleLaw)outcome.Probes[^1].Law).Particles, count);
        return Measure(centres, kernel.Deviation, law.Particles, new(plan.Target, probe.Level), count);
    }

    private static KernelEstimate None(string reason) => new(null, null, null, reason);

    private static double[][] Coordinates(ParticleStore store, int count) =>
        [.. Enumerable.Range(0, store.Dimension).Select(e => store.Coordinate(e)[..count])];

    private static KernelEstimate Measure(double[][] centres, double deviation, ParticleStore particles, TargetDensity target, int count)
    {
        double[] weights = new double[count];
        double[] kernels = new double[count];
        double constant = (-particles.Dimension * (NormalTail.LogRootTwoPi + Math.Log(deviation))) - Math.Log(count);
        double tv = 0, kl = 0, chi2 = 0;
        for (int i = 0; i < count; i++)
        {
            double[] x = particles.Particle(i);
            (double logSum, kernels[i]) = Overlap(centres, x, deviation, weights);
            double log = constant + logSum - target.LogDensity(x);
            tv += Math.Max(0, -RealFunctions.ExpM1(-log));
            kl += log + (0.5 * ((1 / kernels[i]) - (1.0 / count)));
            chi2 += Math.Exp(log);
        }

        Array.Sort(kernels);
        double median = kernels[count / 2];
        return median < FewestKernels || !double.IsFinite(kl) || !double.IsFinite(tv)
            ? None(FormattableString.Invariant(
                $"the kernels of the last step overlap too little: {median:0.#} of {count} carry a typical particle, and {FewestKernels} are needed"))
            : new(tv / count, Math.Max(0, kl / count), double.IsFinite(chi2) ? Math.Max(0, (chi2 / count) - 1) : null, null);
    }

    // ln Σ_j exp(−|x − μ_j|²/(2C²)), and (Σ w)²/Σ w².
    private static (double LogSum, double Kernels) Overlap(double[][] centres, double[] x, double deviation, double[] weights)
    {
        Array.Clear(weights);
        double scale = -0.5 / (deviation * deviation);
        for (int e = 0; e < x.Length; e++)
        {
            AddSquares(centres[e], x[e], scale, weights);
        }

        double top = double.NegativeInfinity;
        foreach (double w in weights)
        {
            top = Math.Max(top, w);
        }

        for (int j = 0; j < weights.Length; j++)
        {
            weights[j] -= top;
        }

        VectorMath.Exp(weights, weights);
        double sum = 0, squares = 0;
        foreach (double w in weights)
        {
            sum += w;
            squares += w * w;
        }

        return (top + Math.Log(sum), sum * sum / squares);
    }

    private static void AddSquares(double[] centre, double x, double scale, double[] sums)
    {
        int j = 0;
        Vector<double> at = new(x), factor = new(scale);
        for (; j <= sums.Length - Vector<double>.Count; j += Vector<double>.Count)
        {
            Vector<double> away = at - new Vector<double>(centre, j);
            (new Vector<double>(sums, j) + (factor * (away * away))).CopyTo(sums, j);
        }

        for (; j < sums.Length; j++)
        {
            double away = x - centre[j];
            sums[j] += scale * (away * away);
        }
    }
}
