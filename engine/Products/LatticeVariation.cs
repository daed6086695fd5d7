using System.Numerics;
using MathNet.Numerics.IntegralTransforms;

namespace Sgm.Engine;

/// <summary>
/// Total variation of products of independent coordinates with counts, TV = E_q[(1 − e^(−L))₊] with L = Σ ℓ over all
/// coordinates. The law of each ℓ is put on a lattice twice: once more informative (each cell is split onto the two lattice
/// points around it so that both masses, under q and under p, are kept: "connect the dots", Doroshenko et al. 2022), and once
/// less informative (neighbouring cells are merged until their common ratio is exactly a lattice point). Blackwell dominance is
/// kept by products, so the two TVs bracket the true one; both errors are of second order in the spacing.
/// Powers of the discrete Fourier transform make the sum; the mass that Chernoff's bound allows outside the
/// window is added to the bracket.
/// </summary>
internal static class LatticeVariation
{
    private const string Method = "lattice convolution";

    /// <summary>ln of the mass that may be outside the window.</summary>
    private const double LogOutside = -30;

    private const int SmallestLattice = 1 << 12;
    private const int LargestLattice = 1 << 21;

    /// <summary>Mass that may be taken out of the far tails of the single ratios, over all coordinates; it goes to the bracket.</summary>
    private const double Trimmed = 1e-11;

    /// <summary>Wanted width of the bracket; the largest lattice may not reach it.</summary>
    private const double Width = 5e-8;

    /// <summary>TV of Π q_k^n_k from Π p_k^n_k.</summary>
    public static Estimate Of(IReadOnlyList<Law> factors, IReadOnlyList<long> counts)
    {
        double distance = 0;
        double defect = 0;
        double total = counts.Sum(c => (double)c);
        double trim = Trimmed / total;
        LikelihoodCells[] rough = [.. factors.Select(f => LikelihoodCells.Of(f, double.PositiveInfinity, trim))];
        double affinity = 0;
        for (int k = 0; k < rough.Length; k++)
        {
            affinity += counts[k] * rough[k].LogMoment(-0.5);
            (double, double)? own = factors[k] is GridLaw grid ? grid.ResolutionDistance() : (factors[k] as PlaneLaw)?.ResolutionDistance();
            if (own is (double square, double missing))
            {
                distance += counts[k] * RealFunctions.LogOnePlus(square);
                defect += counts[k] * missing;
            }

            if (factors[k] is FiniteLaw symbols)
            {
                // Masses within a share γ of the true ones: χ² ≤ (2γ)².
                double off = 2 * (symbols.State.Relative + symbols.Target.Relative);
                distance += counts[k] * off * off;
            }

            defect += counts[k] * trim;
        }

        if (affinity < -33)
        {
            // TV ≥ 1 − ∫√(qp).
            return Estimate.Exact(1, 1 - Math.Exp(affinity + 0.1), 1, Method);
        }

        (double low, double high, double variance) = Window(rough, counts);
        double wanted = Math.Sqrt(0.05 * total * (high - low) * (high - low) / Math.Sqrt(Math.Max(variance, 1e-300)) / Width);
        int size = SmallestLattice;
        while (size < LargestLattice && size < wanted)
        {
            size *= 2;
        }

        (double lower, double upper, double unplaced) = Bracket(factors, counts, low, high, size);

        // TV(Π q, Π q′) ≤ ½·√χ² bounds what another resolution of the factors could change.
        double resolution = 0.5 * Math.Sqrt(RealFunctions.ExpM1(distance));
        double slack = resolution + defect + unplaced + (2 * Math.Exp(LogOutside)) + (4e-16 * total);
        double value = 0.5 * (lower + upper);
        return Estimate.Exact(
            Math.Clamp(value, 0, 1),
            Math.Max(0, Math.Min(lower, upper) - slack),
            Math.Min(1, Math.Max(lower, upper) + slack),
            Method);
    }

    /// <summary>An interval that L leaves with probability at most 2e^(LogOutside), by Chernoff's bound, and Var L.</summary>
    private static (double Low, double High, double Variance) Window(LikelihoodCells[] cells, IReadOnlyList<long> counts)
    {
        double mean = 0;
        double variance = 0;
        for (int k = 0; k < cells.Length; k++)
        {
            (double own, double spread) = cells[k].Moments();
            mean += counts[k] * own;
            variance += counts[k] * spread;
        }

        double deviation = Math.Max(Math.Sqrt(variance), 1e-150);
        double high = double.PositiveInfinity;
        double low = double.NegativeInfinity;
        for (int i = -24; i <= 16; i++)
        {
            double s = Math.Pow(2, 0.5 * i) * 8 / deviation;
            double up = 0;
            double down = 0;
            for (int k = 0; k < cells.Length; k++)
            {
                up += counts[k] * cells[k].LogMoment(s);
                down += counts[k] * cells[k].LogMoment(-s);
            }

            high = Math.Min(high, (up - LogOutside) / s);
            low = Math.Max(low, (LogOutside - down) / s);
        }

        // A little room for the lattice's own rounding.
        double room = 0.02 * (high - low);
        return (low - room, high + room, variance);
    }

    /// <summary>The two TVs, and the mass that found no place on the lattice.</summary>
    private static (double Lower, double Upper, double Unplaced) Bracket(IReadOnlyList<Law> factors, IReadOnlyList<long> counts, double low, double high, int size)
    {
        double total = counts.Sum(c => (double)c);
        double spacing = (high - low) / size;
        int half = size / 2;
        var upperPower = new Complex[half + 1];
        var lowerPower = new Complex[half + 1];
        Array.Fill(upperPower, Complex.One);
        Array.Fill(lowerPower, Complex.One);
        var lattice = new Complex[size];
        double lowerOffset = 0;
        double unplaced = 0;
        for (int k = 0; k < factors.Count; k++)
        {
            Array.Clear(lattice);
            var cells = LikelihoodCells.Of(factors[k], 0.05 * spacing, Trimmed / total);
            unplaced += counts[k] * (cells.Infinite + cells.Missed);
            lowerOffset += counts[k] * Place(cells, spacing, lattice);
            Fourier.Forward(lattice, FourierOptions.NoScaling);
            for (int j = 0; j <= half; j++)
            {
                Complex a = lattice[j];
                Complex b = Complex.Conjugate(lattice[(size - j) % size]);
                Complex difference = a - b;
                upperPower[j] *= Power(0.5 * (a + b), counts[k]);
                lowerPower[j] *= Power(new(0.5 * difference.Imaginary, -0.5 * difference.Real), counts[k]);
            }
        }

        for (int j = 0; j <= half; j++)
        {
            (Complex u, Complex l) = (upperPower[j], lowerPower[j]);
            lattice[j] = new(u.Real - l.Imaginary, u.Imaginary + l.Real);
            if (j > 0 && j < half)
            {
                lattice[size - j] = new(u.Real + l.Imaginary, l.Real - u.Imaginary);
            }
        }

        Fourier.Inverse(lattice, FourierOptions.NoScaling);
        return (
            Expectation(lattice, lowerOffset, low, spacing, static z => z.Imaginary),
            Expectation(lattice, 0, low, spacing, static z => z.Real),
            unplaced);
    }

    /// <summary>E(1 − e^(−L))₊ for L = offset + index·spacing, each index read in the window that starts at <paramref name="low"/>.</summary>
    private static double Expectation(Complex[] lattice, double offset, double low, double spacing, Func<Complex, double> part)
    {
        int size = lattice.Length;
        long first = (long)Math.Floor((low - offset) / spacing);
        double sum = 0;
        for (long index = first; index < first + size; index++)
        {
            double ratio = offset + (index * spacing);
            if (ratio > 0)
            {
                sum -= RealFunctions.ExpM1(-ratio) * part(lattice[Wrap(index, size)]);
            }
        }

        return sum / size;
    }

    private static int Wrap(double index, int size) => (int)((((long)index % size) + size) % size);

    private static Complex Power(Complex z, long n)
    {
        if (n == 1)
        {
            return z;
        }

        double log = 0.5 * n * Math.Log((z.Real * z.Real) + (z.Imaginary * z.Imaginary));
        if (log < -50)
        {
            return Complex.Zero;
        }

        (double sine, double cosine) = Math.SinCos(n * Math.Atan2(z.Imaginary, z.Real));
        double size = Math.Exp(log);
        return new(size * cosine, size * sine);
    }

    /// <summary>
    /// Adds the more informative law, on the points index·spacing, to the real parts, and the less informative one, on points with
    /// an offset that is returned, to the imaginary parts.
    /// </summary>
    private static double Place(LikelihoodCells law, double spacing, Complex[] lattice)
    {
        int size = lattice.Length;

        void Split(double mass, double ratio)
        {
            double below = Math.Floor(ratio / spacing);
            double rest = ratio - (below * spacing);
            // α·e^(−below) + (1 − α)·e^(−above) = e^(−ratio).
            double share = RealFunctions.ExpM1(spacing - rest) / RealFunctions.ExpM1(spacing);
            lattice[Wrap(below, size)] += mass * share;
            lattice[Wrap(below + 1, size)] += mass * (1 - share);
        }

        foreach (LikelihoodCells.Cell cell in law.Cells)
        {
            double extent = cell.High - cell.Low;
            if (Math.Floor(cell.Low / spacing) == Math.Floor(cell.High / spacing) || extent <= 0)
            {
                Split(cell.Mass, cell.Mean);
                continue;
            }

            double share = Math.Clamp(RealFunctions.ExpM1(cell.High - cell.Mean) / RealFunctions.ExpM1(extent), 0, 1);
            Split(cell.Mass * share, cell.Low);
            Split(cell.Mass * (1 - share), cell.High);
        }

        return new CellMerger(law, spacing, (index, mass) => lattice[Wrap(index, size)] += new Complex(0, mass)).Run();
    }
}
