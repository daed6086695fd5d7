namespace Sgm.Engine;

/// <summary>Masses of a law on [S]^d, each right to a relative error.</summary>
/// <param name="Symbols">S.</param>
/// <param name="Dimension">d.</param>
/// <param name="Masses">By the state's index Σ x_i·S^i; not to be changed.</param>
/// <param name="Relative">How far each may be from the true one, over it.</param>
public sealed record FiniteVector(int Symbols, int Dimension, double[] Masses, double Relative)
{
    internal FiniteVector(FiniteTable table)
        : this(table.Symbols, table.Dimension, table.Masses, table.Relative)
    {
    }

    /// <summary>1/S^d everywhere.</summary>
    public static FiniteVector Uniform(int symbols, int dimension)
    {
        double[] masses = new double[(int)Math.Pow(symbols, dimension)];
        Array.Fill(masses, 1.0 / masses.Length);
        return new(symbols, dimension, masses, Rounding.Unit);
    }

    /// <summary>
    /// The law after time t, one coordinate after the other: p ← e^(−t)·p + (1 − e^(−t))·(mean over the coordinate). O(d·S^d); all terms are
    /// ≥ 0, so that relative errors only add.
    /// </summary>
    public FiniteVector Refreshed(double t)
    {
        if (t == 0) return this;
        double kept = Math.Exp(-t);
        double fresh = -RealFunctions.ExpM1(-t) / Symbols;
        double[] masses = [.. Masses];
        for (int stride = 1; stride < masses.Length; stride *= Symbols)
        {
            for (int block = 0; block < masses.Length; block += stride * Symbols)
            {
                for (int x = block; x < block + stride; x++)
                {
                    double sum = 0;
                    for (int y = x; y < block + (stride * Symbols); y += stride)
                    {
                        sum += masses[y];
                    }

                    for (int y = x; y < block + (stride * Symbols); y += stride)
                    {
                        masses[y] = (kept * masses[y]) + (fresh * sum);
                    }
                }
            }
        }

        return this with { Masses = masses, Relative = Relative + (Dimension * (Symbols + 10) * Rounding.Unit) };
    }
}
