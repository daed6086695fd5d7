using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>
/// One step of a sampler that moves all coordinates at once, each by a law of its own given the state before it: rows of probabilities
/// of the shifts 0, …, S − 1.
/// </summary>
public sealed class JumpKernel
{
    /// <summary>Terms of e^x at 0 ≤ x ≤ ½; what is left out is below 1e-24 of the whole.</summary>
    private const int Terms = 18;

    private readonly FiniteSampler sampler;
    private readonly FiniteVector held;
    private readonly ImmutableArray<double> factors;
    private readonly double step;
    private readonly double ratesOff;
    private readonly double[] power;
    private readonly double[] next;

    /// <summary>The step of length h where the rates are of <paramref name="held"/>, times a factor a coordinate.</summary>
    public JumpKernel(FiniteSampler sampler, FiniteVector held, ImmutableArray<double> factors, double step)
    {
        this.sampler = sampler;
        this.held = held;
        this.factors = factors;
        this.step = step;
        ratesOff = (2 * held.Relative) + (8 * Rounding.Unit);
        power = new double[held.Symbols];
        next = new double[held.Symbols];
    }

    /// <summary>How far a probability of the rows so far may be from the true one, over it.</summary>
    public double Relative { get; private set; }

    /// <summary>The largest probability of a jump h·Σ λ_c of the rows so far; Euler's step is none where it is above 1.</summary>
    public double Jumps { get; private set; }

    /// <summary>The law of the shift of coordinate i in state x.</summary>
    public void Row(int coordinate, int stride, int x, Span<double> row)
    {
        int symbols = held.Symbols;
        int own = x / stride % symbols;
        int origin = x - (own * stride);
        double unit = step * factors[coordinate] / (symbols * held.Masses[x]);
        double total = 0;
        for (int c = 1; c < symbols; c++)
        {
            int to = own + c < symbols ? own + c : own + c - symbols;
            row[c] = unit * held.Masses[origin + (to * stride)];
            total += row[c];
        }

        Jumps = Math.Max(Jumps, total);
        if (sampler == FiniteSampler.Euler)
        {
            row[0] = 1 - total;
            double lost = (total * (ratesOff + (symbols * Rounding.Unit))) + Rounding.Unit;
            Relative = Math.Max(Relative, row[0] > 0 ? Math.Max(ratesOff, lost / row[0]) : double.PositiveInfinity);
        }
        else
        {
            Poissons(row, total);
        }
    }

    /// <summary>From the means of the counts to the law of their sum mod S.</summary>
    private void Poissons(Span<double> row, double total)
    {
        if (row.Length == 2)
        {
            double twice = Math.Exp(-2 * total);
            row[1] = -0.5 * RealFunctions.ExpM1(-2 * total);
            row[0] = 0.5 * (1 + twice);
            Relative = Math.Max(Relative, ratesOff + (12 * Rounding.Unit));
            return;
        }

        // e^(−Λ)·Σ λ^{*n}/n! of a 2^m-th of the step, squared m times: every term is ≥ 0.
        int squarings = 0;
        while (total > 0.5)
        {
            total *= 0.5;
            squarings++;
        }

        double scale = Math.ScaleB(1, -squarings);
        row[0] = 0;
        for (int c = 1; c < row.Length; c++)
        {
            row[c] *= scale;
        }

        Span<double> sum = stackalloc double[row.Length];
        sum.Clear();
        Array.Clear(power);
        power[0] = Math.Exp(-total);
        for (int n = 1; ; n++)
        {
            for (int c = 0; c < row.Length; c++)
            {
                sum[c] += power[c];
            }

            if (n == Terms) break;
            Convolve(power, row, 1.0 / n);
        }

        for (int m = 0; m < squarings; m++)
        {
            sum.CopyTo(power);
            Convolve(power, sum, 1);
            power.CopyTo(sum);
        }

        sum.CopyTo(row);
        double series = Terms * (ratesOff + ((row.Length + 4) * Rounding.Unit));
        Relative = Math.Max(Relative, (series + (squarings * (row.Length + 2) * Rounding.Unit)) / scale);
    }

    /// <summary>power ← scale·(power ∗ row) on Z_S.</summary>
    private void Convolve(double[] of, ReadOnlySpan<double> row, double scale)
    {
        for (int y = 0; y < of.Length; y++)
        {
            double sum = 0;
            for (int c = 0; c < of.Length; c++)
            {
                sum += row[c] * of[y >= c ? y - c : y - c + of.Length];
            }

            next[y] = scale * sum;
        }

        next.CopyTo(of, 0);
    }
}
