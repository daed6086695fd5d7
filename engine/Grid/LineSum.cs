using System.Runtime.CompilerServices;

namespace Sgm.Engine;

/// <summary>
/// Σ_n mass_n·N(·; x_n, C²): the law on the line after a noisy step x ← T(x) + C·ξ, where x_n are the images of the
/// nodes of an even lattice.
/// </summary>
internal sealed class LineSum
{
    /// <summary>Evaluations of a component that a term at one place takes.</summary>
    public const double TermCost = 0.05;

    // Terms by nodes in reach: some 20 ms, more than panels take.
    private const double MostTerms = 1 << 24;

    // Lanes work on whole groups.
    private const int Group = 8;
    private readonly double[] x;
    private readonly double[] mass;
    private readonly byte[] phase;

    /// <param name="images">x_n in the order of the nodes.</param>
    /// <param name="masses">Their masses, of sum 1.</param>
    /// <param name="phases">The number of each node modulo 4.</param>
    /// <param name="deviation">C &gt; 0.</param>
    public LineSum(double[] images, double[] masses, byte[] phases, double deviation)
    {
        (Count, Deviation) = (images.Length, deviation);
        (x, mass, phase) = (new double[Count], new double[Count], new byte[Count]);
        images.CopyTo(x, 0);
        masses.CopyTo(mass, 0);
        phases.CopyTo(phase, 0);
        for (int n = 1; n < Count; n++)
        {
            if (x[n] >= x[n - 1]) continue;
            int[] order = [.. Enumerable.Range(0, Count)];
            Array.Sort([.. images], order);
            for (int i = 0; i < Count; i++)
            {
                (x[i], mass[i], phase[i]) = (images[order[i]], masses[order[i]], phases[order[i]]);
            }

            break;
        }

        double mean = 0;
        for (int n = 0; n < Count; n++)
        {
            mean += mass[n] * x[n];
        }

        double variance = deviation * deviation;
        for (int n = 0; n < Count; n++)
        {
            variance += mass[n] * (x[n] - mean) * (x[n] - mean);
        }

        Extent = new(mean, Math.Sqrt(variance));
    }

    /// <summary>Terms.</summary>
    public int Count { get; }

    /// <summary>C.</summary>
    public double Deviation { get; }

    /// <summary>The smallest and the largest centre.</summary>
    public (double Low, double High) Centres => (x[0], x[Count - 1]);

    /// <summary>Where the law lies.</summary>
    public Extent Extent { get; }

    /// <summary>The density at ascending points; kernels end at <paramref name="reach"/>.</summary>
    public void Evaluate(ReadOnlySpan<double> points, Span<double> values, double reach, WorkLimit work)
    {
        double[] padded = new double[(points.Length + Group - 1) / Group * Group];
        points.CopyTo(padded);
        padded.AsSpan(points.Length).Fill(points[^1]);
        AtPoints action = new() { Sum = this, Reach = reach, Points = padded, Values = new double[padded.Length] };
        LaneWidth.Run(ref action);
        action.Values.AsSpan(0, points.Length).CopyTo(values);
        work.Spend(TermCost * action.Terms);
    }

    /// <summary>
    /// Values at the nodes that kernels reach, of all terms together or by the number of the term's node modulo 4;
    /// null where they are more than <paramref name="most"/>, or the terms more than <paramref name="terms"/>.
    /// </summary>
    public LineLattice? On(double spacing, double reach, int most, bool byPhase = false, double terms = MostTerms)
    {
        if (!(reach / spacing * Count < terms)) return null;
        var kernel = new LatticeKernel(spacing / Deviation, (int)Math.Ceiling(reach / spacing));
        List<(long First, int Count, int Offset)> runs = [];
        long end = long.MinValue;
        long total = 0;
        for (int n = 0; n < Count; n++)
        {
            long node = (long)Math.Round(x[n] / spacing);
            (long from, long to) = (node - kernel.Reach, node + kernel.Reach + 1);
            if (from > end)
            {
                total += runs.Count == 0 ? 0 : Group;
                runs.Add((from, 0, (int)total));
                end = from;
            }

            if (to <= end) continue;
            total += to - end;
            end = to;
            if (total > most) return null;
            runs[^1] = runs[^1] with { Count = (int)(end - runs[^1].First) };
        }

        int stride = (int)total + Group;
        double[] values = new double[byPhase ? 4 * stride : stride];
        OnNodes action = new()
        {
            Sum = this,
            Kernel = kernel,
            Spacing = spacing,
            Runs = runs,
            Values = values,
            Stride = byPhase ? stride : 0,
        };
        LaneWidth.Run(ref action);
        return new(spacing, runs, values, byPhase ? stride : 0);
    }

    /// <summary>The same terms with kernels of another deviation.</summary>
    public LineSum With(double deviation) => new(x, mass, phase, deviation);

    private ref struct AtPoints : ILanesAction
    {
        public required LineSum Sum;
        public required double Reach;
        public required double[] Points;
        public required double[] Values;
        public long Terms;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke<TLanes>()
            where TLanes : struct, ILanes<TLanes>
        {
            double scale = -0.5 / (Sum.Deviation * Sum.Deviation);
            double unit = Math.Exp(-NormalTail.LogRootTwoPi) / Sum.Deviation;
            ref double points = ref Points[0];
            ref double values = ref Values[0];
            (int from, int to) = (0, 0);
            for (int n = 0; n < Sum.Count; n++)
            {
                double centre = Sum.x[n];
                while (from < Points.Length && Points[from] < centre - Reach) from++;
                while (to < Points.Length && Points[to] <= centre + Reach) to++;

                // Whole groups at every width.
                (int first, int last) = (from / Group * Group, (to + Group - 1) / Group * Group);
                Terms += last - first;
                TLanes weight = unit * Sum.mass[n];
                for (int j = first; j < last; j += TLanes.Count)
                {
                    TLanes d = TLanes.Load(in Unsafe.Add(ref points, j)) - centre;
                    ref double at = ref Unsafe.Add(ref values, j);
                    TLanes.MultiplyAdd(VectorMath.Exp(d * d * scale), weight, TLanes.Load(in at)).Store(ref at);
                }
            }
        }
    }

    private ref struct OnNodes : ILanesAction
    {
        public required LineSum Sum;
        public required LatticeKernel Kernel;
        public required double Spacing;
        public required List<(long First, int Count, int Offset)> Runs;
        public required double[] Values;
        public required int Stride;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Invoke<TLanes>()
            where TLanes : struct, ILanes<TLanes>
        {
            double unit = Math.Exp(-NormalTail.LogRootTwoPi) / Sum.Deviation;
            int run = 0;
            for (int n = 0; n < Sum.Count; n++)
            {
                double place = Sum.x[n] / Spacing;
                long node = (long)Math.Round(place);
                while (node >= Runs[run].First + Runs[run].Count) run++;
                int at = (Sum.phase[n] * Stride) + Runs[run].Offset + (int)(node - Kernel.Reach - Runs[run].First);
                Kernel.Add<TLanes>(place - node, unit * Sum.mass[n], Values.AsSpan(at, Kernel.Length));
            }
        }
    }
}

/// <summary>Values at nodes of an even lattice through the origin, in runs of neighbours.</summary>
/// <param name="Spacing">Of the nodes.</param>
/// <param name="Runs">Number of the first node, how many, and where their values begin.</param>
/// <param name="Values">All of them.</param>
/// <param name="Stride">From the values of one phase to those of the next; 0 where there is one.</param>
internal sealed record LineLattice(
    double Spacing, List<(long First, int Count, int Offset)> Runs, double[] Values, int Stride)
{
    /// <summary>
    /// How far sums over an even lattice are from the integrals: with S_r the terms of the nodes r modulo 4, lattices
    /// of two and of four spacings are wrong by E₂ = |S₀ − S₁ + S₂ − S₃| and E₄ = |S₀ − S₂| + |S₁ − S₃|, and this one
    /// by about E₂·(E₂/E₄)² or less, as errors fall like A·e^(−c/spacing) or faster.
    /// </summary>
    /// <param name="extent">Where the law lies.</param>
    /// <param name="resolution">What counts.</param>
    /// <param name="left">So many nodes that may have been dropped, each of e^(−LogRange − Margin), are no error.</param>
    /// <param name="rounding">Relative rounding of the sums.</param>
    public LatticeError Error(Extent extent, GridResolution resolution, int left = 1, double rounding = 1e-15)
    {
        (double total, double worst) = (0, 0);
        double negligible = left * Math.Exp(-resolution.LogRange - GridResolution.Margin);
        foreach ((long first, int count, int offset) in Runs)
        {
            for (int i = 0; i < count; i++)
            {
                double zero = Values[offset + i];
                double one = Values[offset + i + Stride];
                double two = Values[offset + i + (2 * Stride)];
                double three = Values[offset + i + (3 * Stride)];
                double all = zero + one + two + three;
                double at = (first + i) * Spacing, reach = extent.Reach(at, at);
                if (all * Spacing * reach <= resolution.Negligible) continue;
                double second = Math.Abs(zero - one + two - three);
                double fourth = Math.Abs(zero - two) + Math.Abs(one - three);
                double error = second < rounding * all ? 0 : second * Math.Min(1, second / fourth * (second / fourth));
                error = error * Spacing * reach > negligible ? error : 0;
                (total, worst) = (total + (error * Spacing), Math.Max(worst, error / all));
            }
        }

        return new(total, worst);
    }
}

/// <summary>How far sums over a lattice are from integrals.</summary>
/// <param name="Absolute">Of mass.</param>
/// <param name="Relative">The largest share of a density, where there is mass that counts.</param>
internal readonly record struct LatticeError(double Absolute, double Relative)
{
    /// <summary>Of two parts of a law.</summary>
    public LatticeError With(LatticeError other) => new(Absolute + other.Absolute, Math.Max(Relative, other.Relative));

    /// <summary>How many of the digits that are wanted a sum has, 1 for all of them.</summary>
    public double Reached(GridResolution resolution) => Math.Min(
        Math.Log(Absolute) / Math.Log(resolution.Absolute), Math.Log(Relative) / Math.Log(resolution.Relative));
}
