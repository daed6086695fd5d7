namespace Sgm.Engine;

/// <summary>
/// A law on the line after deterministic steps that are not monotone: the density at x is the sum of ρ(u)/|S′(u)| over all u
/// with S(u) = x. Holds the monotone branches of S; the places where S turns are found by bisection of its slope.
/// </summary>
internal sealed class LineFolds
{
    private const int Order = Legendre.Order;

    /// <summary>
    /// Distance from a turn, in its branch: there the errors of the mirror image and of solving for it are about equal.
    /// </summary>
    private const double Mirrored = 4e-6;
    private readonly LineState.Density state;
    private readonly PanelMasses masses;
    private readonly WorkLimit work;
    private readonly List<Branch> branches;

    /// <summary>A monotone stretch of S: points u ascending, with their images, and P(U &lt; u) at the ends.</summary>
    private sealed record Branch(double[] U, double[] X, double Start, double End)
    {
        public bool Rises => X[^1] >= X[0];

        public double Low => Math.Min(X[0], X[^1]);

        public double High => Math.Max(X[0], X[^1]);
    }

    private LineFolds(LineState.Density state, PanelMasses masses, List<Branch> branches, WorkLimit work)
    {
        this.state = state;
        this.masses = masses;
        this.branches = branches;
        this.work = work;
    }

    /// <summary>Where branches begin, u ascending: S is monotone between two of them.</summary>
    public IEnumerable<double> Turns => branches.Select(b => b.U[0]);

    /// <summary>The intervals that the branches cover.</summary>
    public IEnumerable<(double From, double To)> Images => branches.Select(b => (b.Low, b.High));

    /// <summary>The branches, or null when S is monotone.</summary>
    public static LineFolds? Of(LineState.Density state, PanelMasses masses, WorkLimit work)
    {
        if (state.Slope is null || !MayFold(state))
        {
            return null;
        }

        List<(double U, double Slope)> samples = [];
        var found = new List<Branch>();
        int sign = 0;
        bool folded = false;
        var points = new List<double>();
        void Close()
        {
            if (points.Count > 1)
            {
                work.Spend(points.Count * state.ChainCost);
                found.Add(new([.. points], [.. points.Select(u => state.Follow(u).Value)], masses.Below(points[0]), masses.Below(points[^1])));
            }

            points.Clear();
            sign = 0;
        }

        for (int p = 0; p < state.Panels.Count; p++)
        {
            if (!state.Panels.TouchesLeft(p))
            {
                Close();
                points.Add(state.Panels.From[p]);
            }

            samples.Clear();
            Collect(state, state.Panels.From[p], state.Panels.To[p], samples, work, 0);
            foreach ((double u, double slope) in samples)
            {
                int own = Math.Sign(slope);
                if (own != 0 && sign != 0 && own != sign)
                {
                    double turn = Turn(state, points[^1], u, sign);
                    points.Add(turn);
                    Close();
                    points.Add(turn);
                    folded = true;
                }

                sign = own != 0 ? own : sign;
                points.Add(u);
            }

            points.Add(state.Panels.To[p]);
        }

        Close();
        return folded || found.Select(b => b.Rises).Distinct().Count() > 1 ? new(state, masses, found, work) : null;
    }

    /// <summary>ln q(x), P(state &lt; x) and P(state &gt; x).</summary>
    public (double LogDensity, double Below, double Above) At(double x) => At(x, double.NaN);

    /// <summary>
    /// The same at x = S(<paramref name="origin"/>). Where S turns, x tells u only to the root of the rounding, and
    /// with it the mass beyond; so the branch of the origin is divided there, and the other branch of a turn as near as
    /// <see cref="Mirrored"/> at its mirror image, to the second order in the distance.
    /// </summary>
    public (double LogDensity, double Below, double Above) At(double x, double origin)
    {
        double density = 0;
        double below = 0;
        double above = 0;
        foreach (Branch branch in branches)
        {
            (double before, double after, double u) = Divide(branch, x, origin);
            below += before;
            above += after;
            density += double.IsNaN(u) ? 0 : state.DensityAt(u) / Math.Abs(state.Follow(u).Slope);
        }

        return (Math.Log(density), below, above);
    }

    /// <summary>P(from &lt; state &lt; to).</summary>
    public double MassBetween(double from, double to)
    {
        double mass = 0;
        foreach (Branch branch in branches)
        {
            if (branch.High <= from || branch.Low >= to)
            {
                continue;
            }

            double a = from <= branch.Low ? End(branch, low: true) : Root(branch, from);
            double b = to >= branch.High ? End(branch, low: false) : Root(branch, to);
            mass += masses.Between(Math.Min(a, b), Math.Max(a, b));
        }

        return mass;
    }

    private static double End(Branch branch, bool low) => branch.Rises == low ? branch.U[0] : branch.U[^1];

    /// <summary>Masses of a branch on the two sides of x, and where it crosses x; NaN where it does not.</summary>
    private (double Below, double Above, double At) Divide(Branch branch, double x, double origin)
    {
        double all = branch.End - branch.Start;
        double known = Known(branch, origin);
        if (double.IsNaN(known) && (x < branch.Low || x > branch.High))
        {
            return x > branch.High ? (all, 0, double.NaN) : (0, all, double.NaN);
        }

        double u = double.IsNaN(known) ? Root(branch, x) : known;
        double before = masses.Between(branch.U[0], u);
        double after = masses.Between(u, branch.U[^1]);
        return branch.Rises ? (before, after, u) : (after, before, u);
    }

    /// <summary>Where a branch has the image of an origin, if that is known better than by solving for it; else NaN.</summary>
    private static double Known(Branch branch, double origin)
    {
        (double from, double to) = (branch.U[0], branch.U[^1]);
        if (origin >= from && origin <= to)
        {
            return origin;
        }

        double turn = origin < from ? from : to;
        double mirror = turn + (turn - origin);
        return Math.Abs(turn - origin) <= Mirrored * (to - from) && mirror >= from && mirror <= to ? mirror : double.NaN;
    }

    private static bool MayFold(LineState.Density state)
    {
        bool up = false;
        bool down = false;
        for (int p = 0; p < state.Panels.Count; p++)
        {
            var slopes = state.Slope.AsSpan(p * Order, Order);
            var image = state.Image.AsSpan(p * Order, Order);
            (double low, double high) = (double.PositiveInfinity, double.NegativeInfinity);
            foreach (double x in image)
            {
                (low, high) = (Math.Min(low, x), Math.Max(high, x));
            }

            double largest = 0;
            foreach (double slope in slopes)
            {
                up |= slope > 0;
                down |= slope < 0;
                largest = Math.Max(largest, Math.Abs(slope));
            }

            // A map that a panel does not resolve may turn between its points.
            if ((up && down)
                || Legendre.Tail(slopes) > 0.01 * largest
                || Legendre.Tail(image) > 0.01 * (high - low)
                || state.HidesOn(state.Panels.From[p], state.Panels.To[p]))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Points of a stretch, dense enough that the slope is resolved between them.</summary>
    private static void Collect(LineState.Density state, double from, double to, List<(double U, double Slope)> samples, WorkLimit work, int depth)
    {
        work.Spend(Order * state.ChainCost);
        Span<double> nodes = stackalloc double[Order];
        Span<double> slopes = stackalloc double[Order];
        Span<double> image = stackalloc double[Order];
        PanelSet.Place(from, to, nodes);
        double largest = 0;
        double low = double.PositiveInfinity;
        double high = double.NegativeInfinity;
        for (int i = 0; i < Order; i++)
        {
            MapValue value = state.Follow(nodes[i]);
            (image[i], slopes[i]) = (value.Value, value.Slope);
            low = Math.Min(low, value.Value);
            high = Math.Max(high, value.Value);
            largest = Math.Max(largest, Math.Abs(slopes[i]));
        }

        double middle = 0.5 * (from + to);
        // Where S is flat to rounding, it does not get any smoother.
        double rounding = 1e-13 * Math.Max(Math.Abs(low), Math.Abs(high));
        bool rough = high - low > rounding
            && (Legendre.Tail(slopes) > 1e-3 * largest || Legendre.Tail(image) > 1e-3 * (high - low) || state.HidesOn(from, to));
        if (depth < 40 && rough && middle > from && middle < to)
        {
            Collect(state, from, middle, samples, work, depth + 1);
            Collect(state, middle, to, samples, work, depth + 1);
            return;
        }

        for (int i = 0; i < Order; i++)
        {
            samples.Add((nodes[i], slopes[i]));
        }
    }

    private static double Turn(LineState.Density state, double low, double high, int sign)
    {
        for (int i = 0; i < 100; i++)
        {
            double middle = 0.5 * (low + high);
            if (!(middle > low && middle < high))
            {
                break;
            }

            (low, high) = Math.Sign(state.Follow(middle).Slope) == sign ? (middle, high) : (low, middle);
        }

        return low;
    }

    private double Root(Branch branch, double x)
    {
        int low = 0;
        int high = branch.U.Length - 1;
        while (high - low > 1)
        {
            int middle = (low + high) / 2;
            (low, high) = (branch.X[middle] <= x) == branch.Rises ? (middle, high) : (low, middle);
        }

        return Preimage(state, branch.U[low], branch.U[high], x, branch.Rises, work);
    }

    /// <summary>The u in [from, to], where S rises or falls, with S(u) = x: Newton's method, kept between the ends.</summary>
    public static double Preimage(LineState.Density state, double from, double to, double x, bool rises, WorkLimit work)
    {
        double u = 0.5 * (from + to);
        for (int i = 0; i < 100; i++)
        {
            work.Spend(state.ChainCost);
            MapValue value = state.Follow(u);
            (from, to) = (value.Value <= x) == rises ? (u, to) : (from, u);
            double next = u - ((value.Value - x) / value.Slope);
            if (!(next > from && next < to))
            {
                next = 0.5 * (from + to);
            }

            if (Math.Abs(next - u) <= 4e-16 * Math.Abs(u) || !(next > from && next < to))
            {
                break;
            }

            u = next;
        }

        return u;
    }
}
