namespace Sgm.Engine;

/// <summary>Disjoint intervals of the line in ascending order, each with 16 Gauss–Legendre points. Compared by identity.</summary>
internal sealed class PanelSet
{
    /// <summary>The set of the given intervals, ascending and disjoint.</summary>
    public PanelSet(IReadOnlyList<(double From, double To)> intervals)
    {
        Count = intervals.Count;
        From = new double[Count];
        To = new double[Count];
        Nodes = new double[Count * Legendre.Order];
        Weights = new double[Count * Legendre.Order];
        for (int p = 0; p < Count; p++)
        {
            (From[p], To[p]) = intervals[p];
            Place(From[p], To[p], Nodes.AsSpan(p * Legendre.Order, Legendre.Order));
            for (int i = 0; i < Legendre.Order; i++)
            {
                Weights[(p * Legendre.Order) + i] = 0.5 * (To[p] - From[p]) * Legendre.Weights[i];
            }
        }
    }

    /// <summary>Number of panels P.</summary>
    public int Count { get; }

    /// <summary>Left ends, shape [P].</summary>
    public double[] From { get; }

    /// <summary>Right ends, shape [P].</summary>
    public double[] To { get; }

    /// <summary>Points, shape [P, 16], ascending.</summary>
    public double[] Nodes { get; }

    /// <summary>Quadrature weights, shape [P, 16].</summary>
    public double[] Weights { get; }

    /// <summary>∫ of a density with these values at the points, which are divided by it.</summary>
    public double Normalise(Span<double> values)
    {
        double mass = 0;
        for (int i = 0; i < values.Length; i++)
        {
            mass += values[i] * Weights[i];
        }

        foreach (ref double value in values)
        {
            value /= mass;
        }

        return mass;
    }

    /// <summary>Width of panel p.</summary>
    public double Width(int p) => To[p] - From[p];

    /// <summary>The panel that holds u, or the complement of the first one beyond it.</summary>
    public int Find(double u)
    {
        int p = Array.BinarySearch(From, u);
        p = p < 0 ? ~p - 1 : p;
        return p >= 0 && u <= To[p] ? p : ~(p + 1);
    }

    /// <summary>Whether [low, high] and a panel have a point in common.</summary>
    public bool Meet(double low, double high)
    {
        int p = Find(low);
        return p >= 0 || (~p < Count && From[~p] <= high);
    }

    /// <summary>The 16 points of [from, to].</summary>
    public static void Place(double from, double to, Span<double> nodes)
    {
        double middle = 0.5 * (from + to);
        double half = 0.5 * (to - from);
        for (int i = 0; i < Legendre.Order; i++)
        {
            nodes[i] = middle + (half * Legendre.Nodes[i]);
        }
    }

    /// <summary>Whether panel p has a neighbour that it touches on the left.</summary>
    public bool TouchesLeft(int p) => p > 0 && To[p - 1] == From[p];

    /// <summary>Whether panel p has a neighbour that it touches on the right.</summary>
    public bool TouchesRight(int p) => p + 1 < Count && From[p + 1] == To[p];
}
