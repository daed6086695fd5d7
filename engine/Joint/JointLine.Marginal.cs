namespace Sgm.Engine;

/// <summary>The law of the state alone, on the panels of the line.</summary>
internal sealed partial class JointLine
{
    /// <summary>The law of the first coordinate alone; null where it would need too many points.</summary>
    /// <param name="resolution">How fine.</param>
    /// <param name="digits">−ln of the relative error of the sums.</param>
    /// <param name="work">What it may take.</param>
    public LineState.Density? Line(GridResolution resolution, double digits, WorkLimit work)
    {
        if (source is not null) return source;
        double logRange = resolution.LogRange + Margin;

        // Noise in two halves: between them the law is summed on an even lattice, so that a place after the second
        // one costs few terms.
        double half = Math.Sqrt(0.5) * deviation;
        double spacing = Math.Sqrt(Depth * half * half / (2 * digits));
        (double from, double to) = Hull();

        if (!((to - from) / spacing < GridMemory.Nodes)) return null;
        int count = (int)Math.Ceiling((to - from) / spacing) + 1;
        double[] places =
        [
            .. Enumerable.Range(0, count).Select(i => from + (i * spacing)), .. Enumerable.Repeat(double.MaxValue, JointKernels.Padding),
        ];
        double[] masses = new double[places.Length];
        foreach (JointRow row in sums)
        {
            work.Spend(0.1 * new JointRow(row.Centres, row.Masses, half, logRange).AddTo(places, count, masses));
        }

        double mean = 0, square = 0, all = 0;
        for (int i = 0; i < count; i++)
        {
            masses[i] *= spacing;
            (all, mean, square) = (all + masses[i], mean + (masses[i] * places[i]), square + (masses[i] * places[i] * places[i]));
        }

        (mean, square) = (mean / all, square / all);
        var extent = new Extent(mean, Math.Sqrt(Math.Max(0, square - (mean * mean)) + (half * half)));
        double reach = half * Math.Sqrt(2 * logRange), scale = -0.5 / (half * half);
        double norm = Math.Exp(-NormalTail.LogRootTwoPi) / half;
        void Evaluate(ReadOnlySpan<double> points, Span<double> values)
        {
            work.Spend(0.2 * points.Length * 2 * reach / spacing);
            for (int i = 0; i < points.Length; i++)
            {
                double sum = 0;
                int last = (int)Math.Min(count - 1, Math.Floor((points[i] + reach - from) / spacing));
                for (int n = (int)Math.Max(0, Math.Ceiling((points[i] - reach - from) / spacing)); n <= last; n++)
                {
                    double d = points[i] - places[n];
                    sum += masses[n] * Math.Exp(scale * d * d);
                }

                values[i] = norm * sum;
            }
        }

        // Structure is no finer than the noise.
        List<Feature> features = [new(from, to, 6 * deviation)];
        var built = PanelBuilder.Build(Evaluate, (from, to), extent, features, 0.75 * half, new(Steps, half), resolution);
        if (built is not var (panels, found, dropped)) return null;
        double mass = 0;
        for (int i = 0; i < found.Length; i++)
        {
            mass += found[i] * panels.Weights[i];
        }

        if (!(mass > 0.5 && mass < 2)) return null;
        for (int i = 0; i < found.Length; i++)
        {
            found[i] /= mass;
        }

        double tail = Math.Sqrt(tails.Xx);
        return new()
        {
            Panels = panels,
            Values = found,
            Image = panels.Nodes,
            Tails = new(tail, tail) { AreBounds = TailsAreBounds },
            Defect = Defect + Math.Abs(1 - mass),
            Rounding = Rounding + 1e-15,
            Lost = Lost + extent.SecondMoment(dropped),
            Dropped = dropped,
            Steps = Steps,
            Smoothness = deviation,
        };
    }
}
