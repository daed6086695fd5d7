namespace Sgm.Engine;

/// <summary>The monotone map between two densities on one even lattice of the line, and what it costs: W2² of the two.</summary>
/// <param name="Image">Where every place goes.</param>
/// <param name="Cost">E (x − T(x))² under the first density, as a share of its mass.</param>
/// <param name="Doubt">What the mass at the ends may cost besides.</param>
internal readonly record struct MonotoneMap(double[] Image, double Cost, double Doubt)
{
    /// <summary>Mass at either end that stays unmapped.</summary>
    public const double Negligible = 1e-13;

    // ∫ over the cell in the middle of six places, from their values: exact for polynomials of degree 5.
    private static readonly double[] Cell = [11.0 / 1440, -93.0 / 1440, 802.0 / 1440, 802.0 / 1440, -93.0 / 1440, 11.0 / 1440];

    /// <summary>From density q to density p, both at the places x, which are so many that both vanish at the ends.</summary>
    public static MonotoneMap Of(double[] x, ReadOnlySpan<double> state, ReadOnlySpan<double> target)
    {
        double[] from = Cumulative(state), to = Cumulative(target);
        double[] image = new double[x.Length];
        double spacing = x[1] - x[0];
        double sum = 0, mass = 0;
        double unit = spacing * to[^1];
        int cell = 0;
        for (int i = 0; i < x.Length; i++)
        {
            double level = from[i] / from[^1];
            image[i] = x[i];
            mass += state[i];
            if (!(level > Negligible && level < 1 - Negligible)) continue;
            double wanted = level * to[^1];
            while (cell + 2 < x.Length && to[cell + 1] < wanted)
            {
                cell++;
            }

            image[i] = x[cell] + (spacing * Inverse(to[cell], to[cell + 1], target[cell], target[cell + 1], wanted));
            sum += state[i] * (image[i] - x[i]) * (image[i] - x[i]);
        }

        // What stays at its place may have to go as far as the lattice.
        double width = x[^1] - x[0];
        return unit > 0 && mass > 0 ? new(image, sum / mass, 2 * Negligible * width * width) : new(image, 0, width * width);
    }

    // The distribution function in spacings.
    private static double[] Cumulative(ReadOnlySpan<double> values)
    {
        double[] sums = new double[values.Length];
        for (int i = 1; i < values.Length; i++)
        {
            double cell = 0;
            for (int k = 0; k < Cell.Length; k++)
            {
                int at = i - 3 + k;
                cell += at >= 0 && at < values.Length ? Cell[k] * values[at] : 0;
            }

            sums[i] = sums[i - 1] + Math.Max(0, cell);
        }

        return sums;
    }

    // t in [0, 1] where the cubic with these values and slopes at 0 and 1 is the wanted one: bisection with Newton's steps.
    private static double Inverse(double low, double high, double slopeLow, double slopeHigh, double wanted)
    {
        (double from, double to) = (0, 1);
        double t = high > low ? Math.Clamp((wanted - low) / (high - low), 0, 1) : 0.5;
        for (int step = 0; step < 40 && to - from > 1e-14; step++)
        {
            double u = 1 - t;
            double value = (low * u * u * (1 + (2 * t))) + (high * t * t * (1 + (2 * u))) + (t * u * ((slopeLow * u) - (slopeHigh * t)));
            double slope = (6 * t * u * (high - low)) + (slopeLow * u * (1 - (3 * t))) + (slopeHigh * t * (1 - (3 * u)));
            if (value < wanted) from = t;
            else to = t;
            double next = t - ((value - wanted) / slope);
            if (Math.Abs(next - t) < 1e-14) return next;
            t = next > from && next < to ? next : 0.5 * (from + to);
        }

        return t;
    }
}
