namespace Sgm.Engine;

/// <summary>The distribution function of a density on panels, from the left and from the right.</summary>
internal sealed class PanelMasses
{
    private const int Order = Legendre.Order;
    private readonly PanelSet panels;
    private readonly double[] cumulative;

    /// <summary>The masses of a law's U.</summary>
    public PanelMasses(LineState.Density state)
    {
        panels = state.Panels;
        int count = panels.Count;
        Before = new double[count + 1];
        After = new double[count];
        cumulative = new double[state.Values.Length];
        double[] own = new double[count];
        for (int p = 0; p < count; p++)
        {
            for (int i = p * Order; i < (p + 1) * Order; i++)
            {
                own[p] += state.Values[i] * panels.Weights[i];
            }

            Before[p + 1] = Before[p] + own[p];
            Legendre.Multiply(Legendre.Cumulative, state.Values.AsSpan(p * Order, Order), cumulative.AsSpan(p * Order, Order));
        }

        for (int p = count - 2; p >= 0; p--)
        {
            After[p] = After[p + 1] + own[p + 1];
        }
    }

    /// <summary>Mass before each panel, and all of it; shape [P + 1].</summary>
    public double[] Before { get; }

    /// <summary>Mass after each panel, shape [P].</summary>
    public double[] After { get; }

    /// <summary>P(U &lt; u).</summary>
    public double Below(double u)
    {
        int p = panels.Find(u);
        return p < 0 ? Before[~p] : Before[p] + Inside(p, u);
    }

    /// <summary>P(a &lt; U &lt; b) for a ≤ b; relative to the panel's mass where both lie in one panel.</summary>
    public double Between(double a, double b)
    {
        int p = panels.Find(0.5 * (a + b));
        return p >= 0 && a >= panels.From[p] && b <= panels.To[p] ? Inside(p, b) - Inside(p, a) : Below(b) - Below(a);
    }

    /// <summary>The u below which there is the share <paramref name="share"/> of all mass.</summary>
    public double Quantile(double share)
    {
        double wanted = share * Before[^1];
        int p = Array.BinarySearch(Before, wanted);
        p = Math.Clamp(p < 0 ? ~p - 1 : p, 0, panels.Count - 1);
        double left = wanted - Before[p];
        (double low, double high) = (panels.From[p], panels.To[p]);
        // The density on a panel is smooth, and a few points find it.
        (double under, double over) = (-left, Before[p + 1] - Before[p] - left);
        if (under >= 0) return low;
        if (over <= 0) return high;
        var root = new RegulaFalsi(low, under, high, over);
        double u = low;
        for (int i = 0; i < 60; i++)
        {
            double next = root.Next;
            if (!root.Contains(next) || Math.Abs(next - u) <= 1e-15 * Math.Abs(next)) break;
            u = next;
            root.Take(u, Inside(p, u) - left);
        }

        return Math.Clamp(root.Next, root.Low, root.High);
    }

    private double Inside(int p, double u)
    {
        double t = ((2 * (u - panels.From[p])) / panels.Width(p)) - 1;
        if (t <= -1)
        {
            return 0;
        }

        if (t >= 1)
        {
            return Before[p + 1] - Before[p];
        }

        Span<double> cardinals = stackalloc double[Order];
        Legendre.Cardinals(t, cardinals);
        double sum = 0;
        for (int i = 0; i < Order; i++)
        {
            sum += cardinals[i] * cumulative[(p * Order) + i];
        }

        return 0.5 * panels.Width(p) * sum;
    }
}
