namespace Sgm.Engine;

/// <summary>Where something happens: on [From, To] a density may change over distances of Scale, and not faster.</summary>
internal readonly record struct Feature(double From, double To, double Scale);

/// <summary>Values of a density at ascending points.</summary>
internal delegate void DensityEvaluator(ReadOnlySpan<double> points, Span<double> values);

/// <summary>
/// Panels on which a density is a polynomial of degree 15 to the wanted precision: bisection from the hull down to the known
/// features, then by the Legendre coefficients; panels whose mass and share of the variance are negligible are dropped.
/// </summary>
internal static class PanelBuilder
{
    private const int Order = Legendre.Order;

    /// <summary>
    /// Panels and values, and the panels that were dropped, with the density at their points; null when more than <see
    /// cref="GridMemory.Nodes"/> points would be needed.
    /// </summary>
    /// <param name="density">The density.</param>
    /// <param name="hull">An interval that the density's support is expected in; it grows when it is too small.</param>
    /// <param name="extent">Where the law lies.</param>
    /// <param name="features">Where panels must be narrow to begin with.</param>
    /// <param name="narrowest">Panels of this width are never split.</param>
    /// <param name="grain">Rounding in the values.</param>
    /// <param name="resolution">What is wanted.</param>
    /// <param name="first">Panels to begin with, instead of those that the features ask for.</param>
    public static (PanelSet Panels, double[] Values, IReadOnlyList<(double From, double To, double[] Values)> Dropped)? Build(
        DensityEvaluator density,
        (double From, double To) hull,
        Extent extent,
        List<Feature> features,
        double narrowest,
        Grain grain,
        GridResolution resolution,
        List<(double From, double To)>? first = null)
    {
        double negligible = Math.Exp(-resolution.LogRange - GridResolution.Margin);
        var accepted = new List<(double From, double To, double[] Values)>();
        List<(double From, double To)> round = first ?? [];
        if (first is null)
        {
            Presplit(hull.From, hull.To, features, round, 0);
        }

        bool grown = false;
        var dropped = new List<(double From, double To, double[] Values)>();
        while (round.Count > 0)
        {
            if ((long)(accepted.Count + round.Count) * Order > GridMemory.Nodes)
            {
                return null;
            }

            var next = new List<(double From, double To)>();
            var candidates = new PanelSet(round);
            double[] values = new double[candidates.Nodes.Length];
            density(candidates.Nodes, values);
            for (int p = 0; p < candidates.Count; p++)
            {
                ReadOnlySpan<double> own = values.AsSpan(p * Order, Order);
                double width = candidates.Width(p);
                double reach = extent.Reach(candidates.From[p], candidates.To[p]);
                double peak = Largest(own);
                if (peak * width * reach <= negligible)
                {
                    dropped.Add((candidates.From[p], candidates.To[p], own.ToArray()));
                    continue;
                }

                double middle = 0.5 * (candidates.From[p] + candidates.To[p]);
                bool splits = middle > candidates.From[p] && middle < candidates.To[p] && width > narrowest;
                if (!splits || resolution.Resolves(own, candidates.From[p], candidates.To[p], grain, reach))
                {
                    accepted.Add((candidates.From[p], candidates.To[p], own.ToArray()));
                }
                else
                {
                    next.Add((candidates.From[p], middle));
                    next.Add((middle, candidates.To[p]));
                }
            }

            if (next.Count == 0 && grain.Kept > 0)
            {
                Mend(accepted, next, narrowest, grain);
            }

            if (next.Count == 0 && !grown)
            {
                grown = !Grow(accepted, extent, ref hull, next, negligible);
            }

            round = next;
        }

        accepted.Sort((a, b) => a.From.CompareTo(b.From));
        return (new([.. accepted.Select(a => (a.From, a.To))]), [.. accepted.SelectMany(a => a.Values)], dropped);
    }

    /// <summary>
    /// Bisects neighbours whose polynomials do not meet: there is a kink between an end and the point beside it, where a hundredth of the panel is.
    /// </summary>
    private static void Mend(
        List<(double From, double To, double[] Values)> accepted, List<(double From, double To)> next, double narrowest, Grain grain)
    {
        accepted.Sort((a, b) => a.From.CompareTo(b.From));
        HashSet<int> torn = [];
        for (int p = 0; p + 1 < accepted.Count; p++)
        {
            (double from, double to, double[] left) = accepted[p];
            (double start, double end, double[] right) = accepted[p + 1];
            double jump = Math.Abs(Legendre.AtEnd(left, right: true) - Legendre.AtEnd(right, right: false));
            if (to != start || !(0.01 * jump > grain.Of(from, end) * Math.Max(Largest(left), Largest(right))))
            {
                continue;
            }

            if (to - from > narrowest)
            {
                torn.Add(p);
            }

            if (end - start > narrowest)
            {
                torn.Add(p + 1);
            }
        }

        foreach (int p in torn.OrderDescending())
        {
            (double from, double to, _) = accepted[p];
            double middle = 0.5 * (from + to);
            if (middle > from && middle < to)
            {
                next.Add((from, middle));
                next.Add((middle, to));
                accepted.RemoveAt(p);
            }
        }

        next.Sort((a, b) => a.From.CompareTo(b.From));
    }

    /// <summary>The largest of some values; NaN counts as infinite, so that it is noticed.</summary>
    public static double Largest(ReadOnlySpan<double> values)
    {
        double largest = 0;
        foreach (double value in values)
        {
            largest = double.IsNaN(value) ? double.PositiveInfinity : Math.Max(largest, value);
        }

        return largest;
    }

    /// <summary>Bisects down to the features.</summary>
    public static void Presplit(double from, double to, List<Feature> features, List<(double From, double To)> panels, int depth)
    {
        var inside = features.FindAll(f => f.From < to && f.To > from);
        double middle = 0.5 * (from + to);
        if (depth < 60 && middle > from && middle < to && inside.Exists(f => to - from > f.Scale))
        {
            Presplit(from, middle, inside, panels, depth + 1);
            Presplit(middle, to, inside, panels, depth + 1);
        }
        else
        {
            panels.Add((from, to));
        }
    }

    /// <summary>Adds a panel beyond an end of the hull where the density is not negligible yet.</summary>
    private static bool Grow(
        List<(double From, double To, double[] Values)> accepted,
        Extent extent,
        ref (double From, double To) hull,
        List<(double From, double To)> next,
        double negligible)
    {
        (double from, double to) = hull;
        foreach ((double left, double right, double[] values) in accepted)
        {
            double width = right - left;
            double share = width * extent.Reach(left, right);
            if (left == hull.From && values[0] * share > negligible)
            {
                from = left - width;
                next.Add((from, left));
            }

            if (right == hull.To && values[^1] * share > negligible)
            {
                to = right + width;
                next.Add((right, to));
            }
        }

        hull = (from, to);
        next.Sort((a, b) => a.From.CompareTo(b.From));
        return next.Count > 0;
    }
}
