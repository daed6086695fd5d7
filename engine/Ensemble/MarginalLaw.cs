using MathNet.Numerics;

namespace Sgm.Engine;

/// <summary>
/// A mixture of normal laws on the line as a table of its distribution function.
/// </summary>
/// <remarks>
/// Up to 64 components the nodes are those of every component's own grid on ±9 standard deviations; for more, one grid whose spacing
/// is a 64th of the smallest deviation. Between two nodes the density counts as constant, which moves a quantile by at most
/// δ²·|p′/p|/8 for a spacing δ.
/// </remarks>
internal sealed class MarginalLaw
{
    private const double Reach = 9;
    private const int LargestTable = 1 << 20;

    public MarginalLaw(LineMixture law, int resolution = 65536)
    {
        int count = law.Weights.Length;
        Nodes = count <= 64 ? UnionGrid(law.Means, law.Deviations, resolution / count) : UniformGrid(law.Means, law.Deviations);
        Cumulative = Tabulate(law.Weights, law.Means, law.Deviations);
    }

    /// <summary>Ascending places.</summary>
    public double[] Nodes { get; }

    /// <summary>P(X ≤ node), never descending; 0 to within 10⁻¹⁸ at the first and 1 at the last.</summary>
    public double[] Cumulative { get; }

    /// <summary>The first node with at least mass <paramref name="u"/> below it.</summary>
    public int NodeAt(double u)
    {
        int j = Array.BinarySearch(Cumulative, u);
        return Math.Min(j < 0 ? ~j : j, Nodes.Length - 1);
    }

    /// <summary>W2² to the law with mass 1/n on every one of the ascending values: ∫₀¹ (F⁻¹(u) − Q(u))² du, cell by cell.</summary>
    public double SquaredDistance(ReadOnlySpan<double> sorted)
    {
        double n = sorted.Length;
        double sum = 0;
        int i = 0;
        for (int j = 1; j < Nodes.Length; j++)
        {
            double left = Cumulative[j - 1];
            double mass = Cumulative[j] - left;
            double spacing = Nodes[j] - Nodes[j - 1];
            double u = left;
            while (u < Cumulative[j])
            {
                double next = i + 1 < sorted.Length ? Math.Min(Cumulative[j], (i + 1) / n) : Cumulative[j];
                double a = sorted[i] - (Nodes[j - 1] + ((u - left) / mass * spacing));
                double b = sorted[i] - (Nodes[j - 1] + ((next - left) / mass * spacing));
                sum += (next - u) * ((a * a) + (a * b) + (b * b)) / 3;
                if (i + 1 < sorted.Length && next >= (i + 1) / n) i++;
                u = next;
            }
        }

        return sum;
    }

    /// <summary>The place with mass <paramref name="u"/> below it, interpolated between nodes.</summary>
    public double Quantile(double u)
    {
        int j = Math.Max(1, NodeAt(u));
        double mass = Cumulative[j] - Cumulative[j - 1];
        double part = mass > 0 ? Math.Clamp((u - Cumulative[j - 1]) / mass, 0, 1) : 1;
        return Nodes[j - 1] + (part * (Nodes[j] - Nodes[j - 1]));
    }

    private static double[] UnionGrid(double[] means, double[] deviations, int each)
    {
        double[] nodes = new double[means.Length * (each + 1)];
        for (int k = 0; k < means.Length; k++)
        {
            for (int j = 0; j <= each; j++)
            {
                nodes[(k * (each + 1)) + j] = means[k] + (deviations[k] * Reach * ((2.0 * j / each) - 1));
            }
        }

        Array.Sort(nodes);
        return nodes;
    }

    private static double[] UniformGrid(double[] means, double[] deviations)
    {
        double low = means.Zip(deviations, (m, s) => m - (Reach * s)).Min();
        double high = means.Zip(deviations, (m, s) => m + (Reach * s)).Max();
        int count = (int)Math.Min(LargestTable, Math.Ceiling((high - low) / (deviations.Min() / 64)));
        return [.. Enumerable.Range(0, count + 1).Select(j => low + ((high - low) * j / count))];
    }

    private double[] Tabulate(double[] weights, double[] means, double[] deviations)
    {
        double[] below = new double[Nodes.Length + 1];
        double[] inside = new double[Nodes.Length];
        for (int k = 0; k < means.Length; k++)
        {
            int first = LowerBound(means[k] - (Reach * deviations[k]));
            double end = means[k] + (Reach * deviations[k]);
            int j = first;
            for (; j < Nodes.Length && Nodes[j] <= end; j++)
            {
                inside[j] += weights[k] * 0.5 * SpecialFunctions.Erfc((means[k] - Nodes[j]) / (deviations[k] * Math.Sqrt(2)));
            }

            below[j] += weights[k];
        }

        double passed = 0;
        double largest = 0;
        for (int j = 0; j < Nodes.Length; j++)
        {
            passed += below[j];
            largest = Math.Max(largest, Math.Min(1, passed + inside[j]));
            inside[j] = largest;
        }

        inside[^1] = 1;
        return inside;
    }

    private int LowerBound(double x)
    {
        int j = Array.BinarySearch(Nodes, x);
        if (j < 0) return ~j;
        while (j > 0 && Nodes[j - 1] >= x) j--;
        return j;
    }
}
