namespace Sgm.Engine;

/// <summary>
/// ∫ f₊ over a square for a function that is a polynomial of degree 15 in each coordinate, of any signs. Where f is monotone in a coordinate
/// its zero is a graph over the other one: along lines the integral is that of the polynomial up to its zero, and it is smooth across them between
/// the places where the graph enters or leaves. Other squares are cut in four (R. I. Saye, SIAM J. Sci. Comput. 37, 2015).
/// </summary>
internal static class PositivePart
{
    private const int Order = Legendre.Order;

    // An integral as small as this is not cut further.
    private const double Negligible = 1e-15;

    /// <summary>
    /// ∫ f₊ over a square of this area and a bound on what was not resolved; values at the 16 × 16 Legendre points, first coordinate slowest.
    /// </summary>
    public static Measured Of(ReadOnlySpan<double> values, double area)
    {
        double least = double.PositiveInfinity, most = double.NegativeInfinity;
        foreach (double value in values)
        {
            (least, most) = (Math.Min(least, value), Math.Max(most, value));
        }

        if (most <= 0) return new(0, 0);
        if (least >= 0) return new(area * Plain(values), 0);
        double half = 0.5 * area * most;
        if (half < Negligible) return new(half, half);
        double[] turned = new double[values.Length];
        Transpose(values, turned);
        double alongFirst = Monotone(turned), alongSecond = Monotone(values);
        if (Math.Max(alongFirst, alongSecond) > 0.02)
        {
            return new(area * (alongSecond >= alongFirst ? Lines(values) : Lines(turned)), 0);
        }

        double sum = 0, error = 0;
        double[] part = new double[values.Length], quarter = new double[values.Length];
        for (int i = 0; i < 2; i++)
        {
            Halve(values, i == 0, part);
            Transpose(part, turned);
            for (int j = 0; j < 2; j++)
            {
                Halve(turned, j == 0, quarter);
                Measured own = Of(quarter, 0.25 * area);
                sum += own.Value;
                error += own.Error;
            }
        }

        return new(sum, error);
    }

    private static double Plain(ReadOnlySpan<double> values)
    {
        double sum = 0;
        for (int i = 0; i < Order; i++)
        {
            for (int j = 0; j < Order; j++)
            {
                sum += Legendre.Weights[i] * Legendre.Weights[j] * values[(i * Order) + j];
            }
        }

        return 0.25 * sum;
    }

    private static void Transpose(ReadOnlySpan<double> values, Span<double> turned)
    {
        for (int i = 0; i < Order; i++)
        {
            for (int j = 0; j < Order; j++)
            {
                turned[(j * Order) + i] = values[(i * Order) + j];
            }
        }
    }

    // The values on one half of the first coordinate.
    private static void Halve(ReadOnlySpan<double> values, bool left, Span<double> half)
    {
        double[] matrix = left ? Legendre.Left : Legendre.Right;
        half.Clear();
        for (int i = 0; i < Order; i++)
        {
            for (int m = 0; m < Order; m++)
            {
                double factor = matrix[(i * Order) + m];
                for (int j = 0; j < Order; j++)
                {
                    half[(i * Order) + j] += factor * values[(m * Order) + j];
                }
            }
        }
    }

    // The least slope along the second coordinate over the largest; 0 where it changes its sign.
    private static double Monotone(ReadOnlySpan<double> values)
    {
        Span<double> slopes = stackalloc double[Order];
        double least = double.PositiveInfinity, most = double.NegativeInfinity;
        for (int i = 0; i < Order; i++)
        {
            Legendre.Multiply(Legendre.Derivative, values.Slice(i * Order, Order), slopes);
            foreach (double slope in slopes)
            {
                (least, most) = (Math.Min(least, slope), Math.Max(most, slope));
            }
        }

        return least > 0 ? least / most : most < 0 ? most / least : 0;
    }

    // Over the first coordinate, between the places where the zero enters or leaves through the ends of the second.
    private static double Lines(ReadOnlySpan<double> values)
    {
        List<double> ends = [-1, 1];
        double[] low = new double[Order], high = new double[Order];
        for (int i = 0; i < Order; i++)
        {
            low[i] = Legendre.AtEnd(values.Slice(i * Order, Order), false);
            high[i] = Legendre.AtEnd(values.Slice(i * Order, Order), true);
        }

        Zeros(low, ends);
        Zeros(high, ends);
        ends.Sort();
        double sum = 0;
        Span<double> cardinals = stackalloc double[Order];
        Span<double> line = stackalloc double[Order];
        for (int e = 1; e < ends.Count; e++)
        {
            double middle = 0.5 * (ends[e] + ends[e - 1]), half = 0.5 * (ends[e] - ends[e - 1]);
            if (half == 0) continue;
            for (int k = 0; k < Order; k++)
            {
                Legendre.Cardinals(middle + (half * Legendre.Nodes[k]), cardinals);
                line.Clear();
                for (int i = 0; i < Order; i++)
                {
                    for (int j = 0; j < Order; j++)
                    {
                        line[j] += cardinals[i] * values[(i * Order) + j];
                    }
                }

                sum += half * Legendre.Weights[k] * OnLine(line);
            }
        }

        return 0.25 * sum;
    }

    // ∫ f₊ of a monotone polynomial on [−1, 1].
    private static double OnLine(ReadOnlySpan<double> line)
    {
        double low = Legendre.AtEnd(line, false), high = Legendre.AtEnd(line, true);
        if (low <= 0 && high <= 0) return 0;
        double all = 0;
        for (int j = 0; j < Order; j++)
        {
            all += Legendre.Weights[j] * line[j];
        }

        if (low >= 0 && high >= 0) return all;
        double zero = Zero(line, -1, 1, low);
        Span<double> integrals = stackalloc double[Order];
        Legendre.Multiply(Legendre.Cumulative, line, integrals);
        double before = At(integrals, zero);
        return high > 0 ? all - before : before;
    }

    // The places where a polynomial changes its sign, to the resolution of its points and ends.
    private static void Zeros(ReadOnlySpan<double> values, List<double> places)
    {
        double at = -1, value = Legendre.AtEnd(values, false);
        for (int i = 0; i <= Order; i++)
        {
            double next = i < Order ? Legendre.Nodes[i] : 1;
            double there = i < Order ? values[i] : Legendre.AtEnd(values, true);
            if (value < 0 != there < 0) places.Add(Zero(values, at, next, value));
            (at, value) = (next, there);
        }
    }

    // Secant steps kept inside a bracket of the zero, an end that stays counting half (the Illinois method).
    private static double Zero(ReadOnlySpan<double> values, double from, double to, double atFrom)
    {
        double atTo = At(values, to);
        int stayed = 0;
        for (int step = 0; step < 60 && to - from > 1e-15; step++)
        {
            double guess = from - (atFrom * (to - from) / (atTo - atFrom));
            if (!(guess > from && guess < to)) guess = 0.5 * (from + to);
            double value = At(values, guess);
            if (value == 0) return guess;
            if (value < 0 == atFrom < 0)
            {
                (from, atFrom) = (guess, value);
                if (stayed > 0) atTo *= 0.5;
                stayed = 1;
            }
            else
            {
                (to, atTo) = (guess, value);
                if (stayed < 0) atFrom *= 0.5;
                stayed = -1;
            }
        }

        return 0.5 * (from + to);
    }

    private static double At(ReadOnlySpan<double> values, double t)
    {
        Span<double> cardinals = stackalloc double[Order];
        Legendre.Cardinals(t, cardinals);
        double sum = 0;
        for (int i = 0; i < Order; i++)
        {
            sum += cardinals[i] * values[i];
        }

        return sum;
    }
}
