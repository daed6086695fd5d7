using System.Runtime.Intrinsics;

namespace Sgm.Engine;

/// <content>Masses, quantiles, and how fine the law is.</content>
public sealed partial class ScalarMixture
{
    /// <summary>P(X &lt; x), with relative precision when it is small.</summary>
    public double Below(double x)
    {
        if (isMany)
        {
            return Distribution.At(x).Value;
        }

        double sum = 0;
        for (int k = 0; k < mean.Length; k++)
        {
            sum += weight[k] * NormalTail.Below((x - mean[k]) / deviation[k]);
        }

        return sum;
    }

    /// <summary>P(X &gt; x), with relative precision when it is small.</summary>
    public double Above(double x)
    {
        if (isMany)
        {
            return Distribution.At(x).Complement.Value;
        }

        double sum = 0;
        for (int k = 0; k < mean.Length; k++)
        {
            sum += weight[k] * NormalTail.Above((x - mean[k]) / deviation[k]);
        }

        return sum;
    }

    /// <summary>P(a &lt; X &lt; b) for a ≤ b, without cancellation in the tails.</summary>
    public double Between(double a, double b)
    {
        if (isMany)
        {
            return Math.Max(0, Distribution.At(b).Minus(Distribution.At(a)));
        }

        double sum = 0;
        for (int k = 0; k < mean.Length; k++)
        {
            sum += weight[k] * NormalTail.Between((a - mean[k]) / deviation[k], (b - mean[k]) / deviation[k]);
        }

        return sum;
    }

    /// <summary>
    /// Tails of components on either side of a panel's centre at x, with how many are to the left; null where they have
    /// to be summed.
    /// </summary>
    internal (int Whole, double Tails)? TailsAt(double x)
    {
        if (!isMany || Tails.Find(x) is not { } panel)
        {
            return null;
        }

        Vector256<double> sums = panel.At(x);
        return (panel.Whole, (sums.GetElement(1) - sums.GetElement(2)) * Math.Exp(panel.LogDivisor(x)));
    }

    /// <summary>
    /// A length over which the law changes little, the smallest between a and b: five standard deviations of the
    /// narrowest component that has mass there, or as much by the panels; +∞ where nothing has.
    /// </summary>
    internal double FinestScale(double a, double b)
    {
        const double reach = 6;
        double finest = double.PositiveInfinity;
        if (isMany)
        {
            Tails.Between(a, b).ForEach(panel => finest = Math.Min(finest, 4 * panel.HalfWidth));
            return finest;
        }

        for (int k = 0; k < mean.Length; k++)
        {
            bool isNear = mean[k] + (reach * deviation[k]) > a && mean[k] - (reach * deviation[k]) < b;
            finest = isNear ? Math.Min(finest, 5 * deviation[k]) : finest;
        }

        return finest;
    }

    /// <summary>Where the density may change over which distances, between two places.</summary>
    internal List<Feature> Features(double from, double to, CancellationToken cancellation) => isMany
        ? [.. Tails.Between(from, to, cancellation).Select(panel => new Feature(panel.From, panel.To, 4 * panel.HalfWidth))]
        : [.. Enumerable.Range(0, Count).Select(k => new Feature(mean[k] - (4 * deviation[k]), mean[k] + (4 * deviation[k]), 4 * deviation[k]))];

    /// <summary>
    /// The x with P(X &lt; x) = below and P(X &gt; x) = above, where below + above = 1 and the smaller one is trusted;
    /// Newton on the logarithm of the smaller tail inside a shrinking bracket.
    /// </summary>
    public double Quantile(double below, double above, double guess)
    {
        bool left = below <= above;
        double goal = Math.Log(left ? below : above);
        double reach = 8;
        double low;
        double high;
        do
        {
            low = double.PositiveInfinity;
            high = double.NegativeInfinity;
            for (int k = 0; k < mean.Length; k++)
            {
                low = Math.Min(low, mean[k] - (reach * deviation[k]));
                high = Math.Max(high, mean[k] + (reach * deviation[k]));
            }

            reach *= 2;
        }
        while (reach < 80 && (left ? Math.Log(Below(low)) > goal : Math.Log(Above(high)) > goal));

        double x = guess > low && guess < high ? guess : 0.5 * (low + high);
        for (int i = 0; i < 200; i++)
        {
            double tail = left ? Below(x) : Above(x);
            double error = Math.Log(tail) - goal;
            if (Math.Abs(error) < 2e-16)
            {
                break;
            }

            bool tooFar = left ? error > 0 : error < 0;
            (low, high) = tooFar ? (low, x) : (x, high);
            double step = error * tail * Math.Exp(-LogDensity(x));
            double next = left ? x - step : x + step;
            if (!(next > low && next < high))
            {
                next = 0.5 * (low + high);
            }

            double moved = Math.Abs(next - x);
            x = next;
            if (moved <= 4e-16 * Math.Abs(x) || high - low <= 2e-16 * Math.Max(Math.Abs(low), Math.Abs(high)))
            {
                break;
            }
        }

        return x;
    }
}
