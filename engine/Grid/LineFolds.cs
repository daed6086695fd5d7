namespace Sgm.Engine;

/// <summary>
/// A law on the line after deterministic steps that are not monotone: the density at x is the sum of ρ(u)/|S′(u)| over all u
/// with S(u) = x. Holds the monotone branches of S; the places where S turns are found by bisection of its slope.
/// </summary>
internal sealed class LineFolds
{
    private const int Order = Legendre.Order;
    private readonly LineState.Density state;
    private readonly double[] leftOf;
    private readonly List<Branch> branches;

    /// <summary>A monotone stretch of S: points u ascending, with their images.</summary>
    private sealed record Branch(double[] U, double[] X)
    {
        public bool Rises => X[^1] >= X[0];

        public double Low => Math.Min(X[0], X[^1]);

        public double High => Math.Max(X[0], X[^1]);
    }

    private LineFolds(LineState.Density state, double[] leftOf, List<Branch> branches)
    {
        this.state = state;
        this.leftOf = leftOf;
        this.branches = branches;
    }

    /// <summary>The intervals that the branches cover.</summary>
    public IEnumerable<(double From, double To)> Images => branches.Select(b => (b.Low, b.High));

    /// <summary>The branches, or null when S is monotone. <paramref name="leftOf"/> is the mass before each panel.</summary>
    public static LineFolds? Of(LineState.Density state, double[] leftOf)
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
                found.Add(new([.. points], [.. points.Select(u => state.Follow(u).Value)]));
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
            Collect(state, state.Panels.From[p], state.Panels.To[p], samples, 0);
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
        return folded || found.Select(b => b.Rises).Distinct().Count() > 1 ? new(state, leftOf, found) : null;
    }

    /// <summary>ln q(x), P(state &lt; x) and P(state &gt; x).</summary>
    public (double LogDensity, double Below, double Above) At(double x)
    {
        double density = 0;
        double below = 0;
        double above = 0;
        foreach (Branch branch in branches)
        {
            double start = MassBefore(branch.U[0]);
            double end = MassBefore(branch.U[^1]);
            if (x < branch.Low || x > branch.High)
            {
                below += x > branch.High ? end - start : 0;
                above += x < branch.Low ? end - start : 0;
                continue;
            }

            double u = Root(branch, x);
            double inside = MassBefore(u);
            below += branch.Rises ? inside - start : end - inside;
            above += branch.Rises ? end - inside : inside - start;
            density += (state.ValueAt(u) ?? 0) / Math.Abs(state.Follow(u).Slope);
        }

        return (Math.Log(density), below, above);
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
            if ((up && down) || Legendre.Tail(slopes) > 0.01 * largest || Legendre.Tail(image) > 0.01 * (high - low))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Points of a stretch, dense enough that the slope is resolved between them.</summary>
    private static void Collect(LineState.Density state, double from, double to, List<(double U, double Slope)> samples, int depth)
    {
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
        bool rough = Legendre.Tail(slopes) > 1e-3 * largest || Legendre.Tail(image) > 1e-3 * (high - low);
        if (depth < 40 && rough && middle > from && middle < to)
        {
            Collect(state, from, middle, samples, depth + 1);
            Collect(state, middle, to, samples, depth + 1);
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

        double from = branch.U[low];
        double to = branch.U[high];
        double u = 0.5 * (from + to);
        for (int i = 0; i < 100; i++)
        {
            MapValue value = state.Follow(u);
            (from, to) = (value.Value <= x) == branch.Rises ? (u, to) : (from, u);
            double next = u - ((value.Value - x) / value.Slope);
            if (!(next > from && next < to))
            {
                next = 0.5 * (from + to);
            }

            if (Math.Abs(next - u) <= 2e-16 * Math.Abs(u) || !(to > from))
            {
                break;
            }

            u = next;
        }

        return u;
    }

    private double MassBefore(double u)
    {
        int p = state.Panels.Find(u);
        if (p < 0)
        {
            return leftOf[~p];
        }

        Span<double> cardinals = stackalloc double[Order];
        Span<double> cumulative = stackalloc double[Order];
        double t = Inside(p, u);
        if (t <= -1)
        {
            return leftOf[p];
        }

        if (t >= 1)
        {
            return leftOf[p + 1];
        }

        Legendre.Cardinals(t, cardinals);
        Legendre.Multiply(Legendre.Cumulative, state.Values.AsSpan(p * Order, Order), cumulative);
        double sum = 0;
        for (int i = 0; i < Order; i++)
        {
            sum += cardinals[i] * cumulative[i];
        }

        return leftOf[p] + (0.5 * state.Panels.Width(p) * sum);
    }

    private double Inside(int p, double u) => ((2 * (u - state.Panels.From[p])) / state.Panels.Width(p)) - 1;
}
