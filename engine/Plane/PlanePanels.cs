namespace Sgm.Engine;

/// <summary>A square of the plane with a state q and a target p at 16 × 16 Gauss–Legendre points.</summary>
/// <param name="X">First coordinates; shape [16].</param>
/// <param name="Y">Second coordinates; shape [16].</param>
/// <param name="State">q, shape [16, 16].</param>
/// <param name="LogTarget">ln p, of the same shape.</param>
/// <param name="Area">Of the square.</param>
internal sealed record PlanePanel(double[] X, double[] Y, double[] State, double[] LogTarget, double Area)
{
    private const int Order = Legendre.Order;

    /// <summary>∫ f over the square for f of the values (q, ln p).</summary>
    public double Integral(Func<double, double, double> f)
    {
        double sum = 0;
        for (int i = 0; i < Order; i++)
        {
            double row = 0;
            for (int j = 0; j < Order; j++)
            {
                int at = (i * Order) + j;
                row += Legendre.Weights[j] * f(State[at], LogTarget[at]);
            }

            sum += Legendre.Weights[i] * row;
        }

        return 0.25 * Area * sum;
    }

    /// <summary>
    /// The last coefficients of f in either direction, times the area; and their squares over the largest value, which is what the sum over the
    /// points, exact to degree 31, fails to see of ∫ f.
    /// </summary>
    public (double Interpolation, double Integral) Unresolved(Func<double, double, double> f)
    {
        Span<double> line = stackalloc double[Order];
        double tail = 0, peak = double.Epsilon;
        for (int i = 0; i < Order; i++)
        {
            for (int j = 0; j < Order; j++)
            {
                line[j] = f(State[(i * Order) + j], LogTarget[(i * Order) + j]);
                peak = Math.Max(peak, Math.Abs(line[j]));
            }

            tail = Math.Max(tail, Legendre.Tail(line));
            for (int j = 0; j < Order; j++)
            {
                line[j] = f(State[(j * Order) + i], LogTarget[(j * Order) + i]);
            }

            tail = Math.Max(tail, Legendre.Tail(line));
        }

        return (tail * Area, tail * Math.Min(1, tail / peak) * Area);
    }

    /// <summary>Whether q − p has both signs at the points.</summary>
    public bool Crosses()
    {
        (bool above, bool below) = (false, false);
        for (int i = 0; i < State.Length; i++)
        {
            double difference = State[i] - Math.Exp(LogTarget[i]);
            above |= difference > 0;
            below |= difference < 0;
        }

        return above && below;
    }
}

/// <summary>
/// A density and a target on squares that cover all places where the density has mass, halved until the integrands of the divergences
/// are polynomials there as far as it matters.
/// </summary>
internal sealed class PlanePanels
{
    // In scales of the finer structure of the two laws.
    private const double LargestSide = 6;
    private const int MostHalvings = 7;

    // An interpolated place of total variation counts by so much of what an integral counts.
    private const double Interpolated = 1e-3;

    private PlanePanels(PlanePanel[] panels, double unresolved) => (All, Unresolved) = (panels, unresolved);

    /// <summary>The squares, in a fixed order.</summary>
    public IReadOnlyList<PlanePanel> All { get; }

    /// <summary>A bound on what the last coefficients leave of the integrals.</summary>
    public double Unresolved { get; }

    /// <summary>q·ln(q/p) − q + p ≥ 0, without loss where the two are close.</summary>
    public static double RelativeEntropy(double state, double logTarget)
    {
        double target = Math.Exp(logTarget);
        if (!(state > 0)) return target;
        double log = Math.Log(state) - logTarget;
        return Math.Abs(log) > 0.05 ? (state * log) - state + target : target * Near(log);

        // e^l·l − e^l + 1 = Σ_{n ≥ 2} (n − 1)/n!·lⁿ.
        static double Near(double l)
        {
            double sum = 0;
            for (int n = 10; n >= 2; n--)
            {
                sum = (sum + ((n - 1) * Inverse[n])) * l;
            }

            return sum * l;
        }
    }

    private static readonly double[] Inverse = [.. Enumerable.Range(0, 11).Select(n => 1 / Enumerable.Range(1, n).Aggregate(1.0, (a, b) => a * b))];

    /// <summary>(q − p)²/p.</summary>
    public static double Square(double state, double logTarget)
    {
        double target = Math.Exp(logTarget);
        double difference = state - target;
        return target > 1e-280
            ? difference * difference / target
            : Math.Exp((2 * Math.Log(Math.Max(state, double.Epsilon))) - logTarget) - (2 * state) + target;
    }

    /// <summary>Both laws on squares that resolve them.</summary>
    /// <param name="state">q.</param>
    /// <param name="mass">Its mass, which q is divided by.</param>
    /// <param name="target">p.</param>
    /// <param name="resolution">How fine.</param>
    /// <param name="leastSquared">Where q is larger, (q − p)²/p has to be resolved too; ∞ where it need not.</param>
    /// <param name="work">What it may take.</param>
    /// <exception cref="WorkExceededException">Too much of it.</exception>
    public static PlanePanels Of(
        PlaneDensity state, double mass, IPlaneTarget target, PlaneResolution resolution, double leastSquared, PlaneWork work)
    {
        double side = LargestSide * Math.Min(state.Smoothness, target.Smoothness);
        PlaneBox extent = state.Extent(resolution.LogRange);
        (double columns, double rows) = (Math.Ceiling(extent.Width / side), Math.Ceiling(extent.Height / side));
        work.Hold(columns * rows);
        List<PlaneBox> boxes = [];
        for (int i = 0; i < columns; i++)
        {
            for (int j = 0; j < rows; j++)
            {
                (double x, double y) = (extent.Left + (i * side), extent.Bottom + (j * side));
                boxes.Add(new(x, x + side, y, y + side));
            }
        }

        List<PlanePanel> done = [];
        double unresolved = 0;
        for (int halvings = 0; boxes.Count > 0; halvings++)
        {
            PlaneBox[] here = [.. boxes.Where(box => state.Reaches(box, resolution.LogRange))];
            foreach (PlaneBox box in here)
            {
                work.Spend(state.Cost(box, resolution.LogRange) + 20_000 + target.Cost);
            }

            work.Hold((done.Count + here.Length) * 64);
            var panels = new PlanePanel[here.Length];
            double[] left = new double[here.Length];
            work.Each(here.Length, i =>
            {
                panels[i] = Panel(here[i], state, mass, target, resolution.LogRange);
                left[i] = Worst(panels[i], leastSquared);
            });
            boxes.Clear();
            for (int i = 0; i < here.Length; i++)
            {
                if (left[i] <= resolution.Tail || halvings == MostHalvings)
                {
                    done.Add(panels[i]);
                    unresolved += halvings == MostHalvings ? left[i] : 0;
                }
                else
                {
                    boxes.AddRange(Quarters(here[i]));
                }
            }
        }

        return new([.. done], unresolved);
    }

    // The worst of the integrals, and of the interpolation where total variation needs it.
    private static double Worst(PlanePanel panel, double leastSquared)
    {
        (double state, double integral) = panel.Unresolved(static (q, _) => q);
        (double target, double other) = panel.Unresolved(static (_, p) => Math.Exp(p));
        double worst = Math.Max(Math.Max(integral, other), panel.Unresolved(RelativeEntropy).Integral);
        if (panel.Crosses()) worst = Math.Max(worst, Interpolated * Math.Max(state, target));
        if (panel.State.Max() < leastSquared) return worst;
        return Math.Max(worst, panel.Unresolved(Square).Integral / Math.Max(1, panel.Integral(Square)));
    }

    private static PlanePanel Panel(PlaneBox box, PlaneDensity state, double mass, IPlaneTarget target, double logRange)
    {
        double[] x = Points(box.Left, box.Right), y = Points(box.Bottom, box.Top);
        double[] q = new double[x.Length * y.Length];
        double[] p = new double[q.Length];
        state.Values(x, y, q, logRange);
        target.LogValues(x, y, p);
        for (int i = 0; i < q.Length; i++)
        {
            q[i] /= mass;
        }

        return new(x, y, q, p, box.Width * box.Height);
    }

    private static double[] Points(double from, double to) =>
        Array.ConvertAll(Legendre.Nodes, t => (0.5 * (from + to)) + (0.5 * (to - from) * t));

    private static IEnumerable<PlaneBox> Quarters(PlaneBox box)
    {
        (double x, double y) = (0.5 * (box.Left + box.Right), 0.5 * (box.Bottom + box.Top));
        return [new(box.Left, x, box.Bottom, y), new(box.Left, x, y, box.Top), new(x, box.Right, box.Bottom, y), new(x, box.Right, y, box.Top)];
    }
}
