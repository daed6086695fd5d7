using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>How a step from time t to t′ jumps, given the reverse rates of the shifts at t; c = 1, …, S − 1 are added mod S.</summary>
public enum FiniteSampler
{
    /// <summary>A coordinate shifts by c with probability h·λ_c, all coordinates at once.</summary>
    Euler,

    /// <summary>A coordinate shifts by Σ c·N_c with N_c Poisson of mean h·λ_c, all coordinates at once: τ-leaping of counts.</summary>
    TauLeaping,

    /// <summary>The reverse process itself in continuous time; its law is exact where the rates are those of a law.</summary>
    Uniformisation,
}

/// <summary>
/// A sampler of discrete diffusion. Forward, every coordinate is replaced by a uniform symbol at rate 1. Reverse, the rate of the shift
/// of coordinate i by c at time t is λ_{i,c}(t, x) = e^(b_i)·π_t(x + c·e_i)/(S·π_t(x)), π the law that the rates are of, b_i = +b for
/// even i and −b for odd i.
/// </summary>
public sealed record FiniteProcess
{
    /// <summary>The data distribution p.</summary>
    public required FiniteTarget Target { get; init; }

    /// <summary>π: p where the rates are exact.</summary>
    public required FiniteTarget RatesOf { get; init; }

    /// <summary>b: the rates of even coordinates are e^b times, of odd ones e^(−b) times, those of π.</summary>
    public required double Bias { get; init; }

    /// <summary>T = t₀ &gt; t₁ &gt; … &gt; t_K = δ ≥ 0.</summary>
    public required ImmutableArray<double> Times { get; init; }

    /// <summary>What a step is.</summary>
    public required FiniteSampler Sampler { get; init; }

    /// <summary>Whether the first state has the law p_T, and not the uniform one.</summary>
    public required bool IsWarm { get; init; }

    /// <summary>d.</summary>
    public int Dimension => Target.Dimension;

    /// <summary>K, or 1 for the reverse process itself.</summary>
    public int Steps => Sampler == FiniteSampler.Uniformisation ? 1 : Times.Length - 1;

    /// <summary>Whether the rates are those of p.</summary>
    public bool IsExact => ReferenceEquals(Target, RatesOf) && Bias == 0;

    /// <summary>The level of a time: e^(−t) of a coordinate is kept, the rest is refreshed.</summary>
    public static NoiseLevel Level(double t) => new(t, Math.Exp(-t), -RealFunctions.ExpM1(-t));

    /// <summary>The parts of the state that are independent of each other, equal ones once, and which part each coordinate is in.</summary>
    public (ImmutableArray<FinitePart> Parts, int[] PartOf) Independent()
    {
        if (Target is FiniteProduct p && RatesOf is FiniteProduct pi)
        {
            return Coordinates(p, pi);
        }

        double[] factors = [.. Enumerable.Range(0, Dimension).Select(Factor)];
        FiniteTable target = Target.AsTable();
        return ([new(1, target, ReferenceEquals(Target, RatesOf) ? target : RatesOf.AsTable(), [.. factors])], new int[Dimension]);
    }

    /// <summary>
    /// The first step of Euler's that is none, as its time, its length and the length from which a probability is negative; null where all
    /// are. From s ≥ β/α, α the probability that the forward process of a coordinate ends where it began and β that it ends at another
    /// symbol, a rate is at most e^b·(1 + S/(e^t − 1))/S: where that does not do, all rates are looked at.
    /// </summary>
    public (double Time, double Step, double Most)? TooLong()
    {
        if (Sampler != FiniteSampler.Euler) return null;
        (var parts, _) = Independent();
        for (int k = 0; k + 1 < Times.Length; k++)
        {
            double t = Times[k];
            double h = t - Times[k + 1];
            double largest = Math.Exp(Math.Abs(Bias)) * (Target.Symbols - 1) * ((1.0 / Target.Symbols) + (1 / RealFunctions.ExpM1(t)));
            double jumps = h * largest <= 0.999 ? 0 : parts.Max(part => MostJumps(part, t, h));
            if (jumps > 1) return (t, h, h / jumps);
        }

        return null;
    }

    private static double MostJumps(FinitePart part, double t, double h)
    {
        FiniteVector held = part.RatesAt(t);
        JumpKernel kernel = new(FiniteSampler.Euler, held, part.Factors, h);
        Span<double> row = stackalloc double[held.Symbols];
        for (int x = 0; x < held.Masses.Length; x++)
        {
            for ((int i, int stride) = (0, 1); i < held.Dimension; i++, stride *= held.Symbols)
            {
                kernel.Row(i, stride, x, row);
            }
        }

        return kernel.Jumps;
    }

    private (ImmutableArray<FinitePart> Parts, int[] PartOf) Coordinates(FiniteProduct p, FiniteProduct pi)
    {
        int[] partOf = new int[Dimension];
        var known = new Dictionary<(FiniteTable, FiniteTable, double), int>();
        var found = new List<(FiniteTable Target, FiniteTable Rates, double Factor, long Count)>();
        (int block, int other, int used, int usedOther) = (0, 0, 0, 0);
        for (int i = 0; i < partOf.Length; i++, used++, usedOther++)
        {
            while (used == p.Blocks[block].Count) (block, used) = (block + 1, 0);
            while (usedOther == pi.Blocks[other].Count) (other, usedOther) = (other + 1, 0);
            (FiniteTable, FiniteTable, double) key = (p.Blocks[block].Law, pi.Blocks[other].Law, Factor(i));
            if (!known.TryGetValue(key, out int part))
            {
                part = known[key] = found.Count;
                found.Add((key.Item1, key.Item2, key.Item3, 0));
            }

            partOf[i] = part;
            found[part] = found[part] with { Count = found[part].Count + 1 };
        }

        return ([.. found.Select(f => new FinitePart(f.Count, f.Target, f.Rates, [f.Factor]))], partOf);
    }

    private double Factor(int coordinate) => Math.Exp(coordinate % 2 == 0 ? Bias : -Bias);
}

/// <summary>A part of the state that is independent of the others, with its copies.</summary>
/// <param name="Count">Copies.</param>
/// <param name="Target">p of the part.</param>
/// <param name="Rates">π of the part.</param>
/// <param name="Factors">e^(b_i) of its coordinates.</param>
public sealed record FinitePart(long Count, FiniteTable Target, FiniteTable Rates, ImmutableArray<double> Factors)
{
    /// <summary>The law of the target at time t.</summary>
    public FiniteVector TargetAt(double t) => new FiniteVector(Target).Refreshed(t);

    /// <summary>The law that the rates are of at time t.</summary>
    public FiniteVector RatesAt(double t) => new FiniteVector(Rates).Refreshed(t);
}
