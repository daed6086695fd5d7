using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>A law on [S]^d, d coordinates with one of S symbols each; the state x has the index Σ x_i·S^i.</summary>
public abstract record FiniteTarget
{
    /// <summary>States of which all masses are kept: 2²⁰.</summary>
    public const int MostStates = 1 << 20;

    private protected FiniteTarget(int symbols, int dimension)
    {
        Symbols = symbols;
        Dimension = dimension;
    }

    /// <summary>S ≥ 2.</summary>
    public int Symbols { get; }

    /// <summary>d ≥ 1.</summary>
    public int Dimension { get; }

    /// <summary>S^d.</summary>
    public double States => Math.Pow(Symbols, Dimension);

    /// <summary>The law as its masses; only for at most <see cref="MostStates"/>.</summary>
    public abstract FiniteTable AsTable();

    /// <summary>Weights in proportion to the masses, by the state's index.</summary>
    /// <exception cref="ArgumentException">Not S^d finite weights ≥ 0 with a positive sum.</exception>
    public static FiniteTable Table(int symbols, int dimension, ReadOnlySpan<double> weights) =>
        new(symbols, dimension, weights.ToArray(), 0);

    /// <summary>Independent coordinates, so many with each law of S masses; they are normalised.</summary>
    public static FiniteProduct Product(IEnumerable<(int Count, double[] Law)> blocks) => new([.. blocks]);

    /// <summary>Σ w_k·P_k of laws with as many states.</summary>
    public static FiniteTable Mixture(IReadOnlyList<(double Weight, FiniteTarget Law)> components)
    {
        FiniteTarget first = components[0].Law;
        double[] sum = new double[(int)first.States];
        double relative = 0;
        foreach ((double weight, FiniteTarget law) in components)
        {
            FiniteTable table = law.AsTable();
            relative = Math.Max(relative, table.Relative);
            for (int x = 0; x < sum.Length; x++)
            {
                sum[x] += weight * table.Masses[x];
            }
        }

        return new(first.Symbols, first.Dimension, sum, relative + ((components.Count + 2) * Rounding.Unit));
    }

    /// <summary>
    /// Spins s_i = 2·x_i − 1 on a line with free ends, p(x) ∝ exp(J·Σ s_i s_{i+1} + b·Σ s_i).
    /// </summary>
    public static FiniteTable IsingChain(int dimension, double coupling, double field)
    {
        double[] weights = new double[1 << dimension];

        // The largest exponent that there can be is taken out of all, so that none overflows.
        double most = (Math.Abs(coupling) * (dimension - 1)) + (Math.Abs(field) * dimension);
        for (int x = 0; x < weights.Length; x++)
        {
            int up = int.PopCount(x);
            int unlike = int.PopCount((x ^ (x >> 1)) & ((1 << (dimension - 1)) - 1));
            double energy = (coupling * (dimension - 1 - (2 * unlike))) + (field * ((2 * up) - dimension));
            weights[x] = Math.Exp(energy - most);
        }

        return new(2, dimension, weights, (8 * Rounding.Unit * most) + (4 * Rounding.Unit));
    }
}

/// <summary>A law on [S]^d by its masses.</summary>
public sealed record FiniteTable : FiniteTarget
{
    internal FiniteTable(int symbols, int dimension, double[] weights, double relative)
        : base(symbols, dimension)
    {
        double sum = Rounding.Sum(weights);
        if (weights.Length != Math.Pow(symbols, dimension) || !(sum > 0 && double.IsFinite(sum)) || weights.Any(w => !(w >= 0)))
        {
            throw new ArgumentException($"{symbols}^{dimension} finite weights ≥ 0 with a positive sum", nameof(weights));
        }

        Masses = [.. weights.Select(w => w / sum)];
        Relative = (2 * relative) + (4 * Rounding.Unit);
    }

    /// <summary>p(x), of length S^d.</summary>
    public double[] Masses { get; }

    /// <summary>How far each mass may be from the true one, over it.</summary>
    public double Relative { get; }

    /// <inheritdoc/>
    public override FiniteTable AsTable() => this;

    /// <summary>Laws are compared by identity: their masses are many.</summary>
    public bool Equals(FiniteTable? other) => ReferenceEquals(this, other);

    /// <inheritdoc/>
    public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);
}

/// <summary>Independent coordinates on [S]^d, in runs of equal ones.</summary>
public sealed record FiniteProduct : FiniteTarget
{
    internal FiniteProduct(ImmutableArray<(int Count, double[] Law)> blocks)
        : base(blocks[0].Law.Length, checked(blocks.Sum(b => b.Count))) =>
        Blocks = [.. blocks.Select(b => (b.Count, new FiniteTable(Symbols, 1, b.Law, 0)))];

    /// <summary>How many coordinates follow each other, and the law of each.</summary>
    public ImmutableArray<(int Count, FiniteTable Law)> Blocks { get; }

    /// <inheritdoc/>
    public override FiniteTable AsTable()
    {
        double[] masses = [1];
        double relative = 0;
        foreach ((int count, FiniteTable law) in Blocks)
        {
            for (int i = 0; i < count; i++)
            {
                // The new coordinate runs slowest.
                double[] inner = masses;
                masses = [.. law.Masses.SelectMany(own => inner.Select(m => own * m))];
                relative += law.Relative + Rounding.Unit;
            }
        }

        return new(Symbols, Dimension, masses, relative);
    }
}
