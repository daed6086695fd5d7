namespace Sgm.Engine;

/// <summary>The law of the state alone, on the panels of the line.</summary>
internal sealed partial class JointLine
{
    // The sum between two halves of the noise is wrong by twice this share in every kernel: Poisson's formula.
    private const double DigitsBetween = 36;

    /// <summary>
    /// The law of the first coordinate alone, and how wrong the sum over rows is; null where it would need too many
    /// points.
    /// </summary>
    /// <param name="resolution">How fine.</param>
    /// <param name="work">What it may take.</param>
    public (LineState.Density? Law, LatticeError? Error) Line(GridResolution resolution, WorkLimit work)
    {
        if (source is not null) return (source, null);
        double logRange = resolution.LogRange + Margin;

        // Noise in two halves: between them the law is summed on an even lattice, so that a place after the second
        // one costs few terms.
        double half = Math.Sqrt(0.5) * deviation;
        double spacing = Math.PI * half / Math.Sqrt(DigitsBetween);
        (double from, double to) = Hull();
        if (!((to - from) / spacing < GridMemory.Nodes)) return default;
        int count = (int)Math.Ceiling((to - from) / spacing) + 1;
        double[] places =
        [
            .. Enumerable.Range(0, count).Select(i => from + (i * spacing)), .. Enumerable.Repeat(double.MaxValue, JointKernels.Padding),
        ];
        double[] masses = new double[places.Length];
        double[][] parts = [new double[places.Length], new double[places.Length], new double[places.Length], new double[places.Length]];
        for (int n = 0; n < sums.Length; n++)
        {
            var row = new JointRow(sums[n].Centres, sums[n].Masses, half, logRange);
            work.Spend(0.1 * row.AddTo(places, count, parts[numbers[n] & 3]));
        }

        double mean = 0, square = 0, all = 0;
        for (int i = 0; i < count; i++)
        {
            masses[i] = spacing * (parts[0][i] + parts[1][i] + parts[2][i] + parts[3][i]);
            (all, mean, square) = (all + masses[i], mean + (masses[i] * places[i]), square + (masses[i] * places[i] * places[i]));
        }

        (mean, square) = (mean / all, square / all);
        var extent = new Extent(mean, Math.Sqrt(Math.Max(0, square - (mean * mean)) + (half * half)));
        LatticeError? error = null;
        if (sums.Length > 1)
        {
            double[] centres = [.. Enumerable.Range(0, 4 * count).Select(i => places[i / 4])];
            double[] own = [.. Enumerable.Range(0, 4 * count).Select(i => spacing * parts[i % 4][i / 4])];
            byte[] phases = [.. Enumerable.Range(0, 4 * count).Select(i => (byte)(i % 4))];
            error = Read(centres, own, phases, half, AtEnds * 1e-15, extent, resolution, work);
        }

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
        List<Feature> features = [new(from, to, 2 * deviation)];
        var built = PanelBuilder.Build(Evaluate, (from, to), extent, features, resolution.Narrowest(half), new(Steps, half), resolution);
        if (built is not var (panels, found, dropped)) return (null, error);
        double mass = 0;
        for (int i = 0; i < found.Length; i++)
        {
            mass += found[i] * panels.Weights[i];
        }

        if (!(mass > 0.5 && mass < 2)) return (null, error);
        for (int i = 0; i < found.Length; i++)
        {
            found[i] /= mass;
        }

        double tail = Math.Sqrt(tails.Xx);
        return (new()
        {
            Panels = panels,
            Values = found,
            Image = panels.Nodes,
            Tails = new(tail, tail) { AreBounds = TailsAreBounds },
            Defect = Defect + Math.Abs(1 - mass) + (error?.Absolute ?? 0),
            Rounding = Rounding + (error?.Relative ?? 0) + 1e-15,
            Lost = Lost + extent.SecondMoment(dropped),
            Dropped = dropped,
            Steps = Steps,
            Smoothness = deviation,
        }, error);
    }
}
