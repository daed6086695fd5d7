namespace Sgm.Engine;

/// <summary>
/// A value of a distribution function as whole components plus tails, Whole + Rest: between far modes Rest is their tails alone, so
/// that nothing of them is lost beside the mass of the components.
/// </summary>
internal readonly record struct MassLevel(DoubleDouble Whole, double Rest)
{
    /// <summary>The level as a number.</summary>
    public double Value => (double)(Whole + Rest);

    /// <summary>1 minus the level.</summary>
    public MassLevel Complement => new(DoubleDouble.One - Whole, -Rest);

    /// <summary>This level minus another.</summary>
    public double Minus(in MassLevel other) => (double)(Whole - other.Whole + (Rest - (DoubleDouble)other.Rest));
}

/// <summary>
/// The distribution function of a mixture on the line, and its inverse, with every component counted as a whole or by
/// its tail.
/// </summary>
internal sealed class ScalarDistribution
{
    /// <summary>Normal tails underflow here.</summary>
    private const double Underflow = 39;

    private const double Reach = 38;
    private readonly double window;
    private readonly double lowest = double.PositiveInfinity;
    private readonly double highest = double.NegativeInfinity;

    private readonly ScalarMixture law;
    private readonly DoubleDouble[] before;

    /// <summary>The distribution function of <paramref name="law"/>; the weights are normalised to 32 digits.</summary>
    public ScalarDistribution(ScalarMixture law)
    {
        this.law = law;
        window = 1.01 * Underflow * law.LargestDeviation;
        for (int k = 0; k < law.Count; k++)
        {
            lowest = Math.Min(lowest, law.Means[k] - (Reach * law.Deviations[k]));
            highest = Math.Max(highest, law.Means[k] + (Reach * law.Deviations[k]));
        }

        ReadOnlySpan<double> weights = law.GivenWeights;
        before = new DoubleDouble[weights.Length + 1];
        for (int k = 0; k < weights.Length; k++)
        {
            before[k + 1] = before[k] + weights[k];
        }

        DoubleDouble total = before[^1];
        for (int k = 0; k <= weights.Length; k++)
        {
            before[k] /= total;
        }

        before[^1] = DoubleDouble.One;
    }

    /// <summary>How many evaluations of a component a value costs.</summary>
    public double Cost => law.Cost;

    /// <summary>
    /// P(X &lt; x): components with means at or below x, or at or below the centre of its panel, count as a whole, less
    /// their right tails.
    /// </summary>
    public MassLevel At(double x)
    {
        if (law.TailsAt(x) is var (components, tails))
        {
            return new(before[components], tails);
        }

        ReadOnlySpan<double> means = law.Means;
        ReadOnlySpan<double> deviations = law.Deviations;
        ReadOnlySpan<double> weights = law.Weights;
        double rest = 0;
        int whole = LowerBound(means, x, orEqual: true);
        int last = LowerBound(means, x + window, orEqual: true);
        for (int k = LowerBound(means, x - window, orEqual: false); k < last; k++)
        {
            double z = (x - means[k]) / deviations[k];
            rest += Math.Abs(z) > Underflow ? 0 : z >= 0 ? -weights[k] * NormalTail.Above(z) : weights[k] * NormalTail.Below(z);
        }

        return new(before[whole], rest);
    }

    /// <summary>
    /// The x with P(X &lt; x) = goal, between <paramref name="low"/> and <paramref name="high"/> if it lies there (NaN: unknown);
    /// Newton, in the tails on the logarithm of the tail, inside a shrinking bracket.
    /// </summary>
    public double Quantile(in MassLevel goal, double low, double high, double guess)
    {
        if (!(low > lowest && At(low).Minus(goal) <= 0))
        {
            low = lowest;
        }

        if (!(high < highest && At(high).Minus(goal) >= 0))
        {
            high = highest;
        }

        double x = guess > low && guess < high ? guess : 0.5 * (low + high);
        for (int i = 0; i < 300 && high > low; i++)
        {
            MassLevel level = At(x);
            double error = level.Minus(goal);
            if (error == 0)
            {
                return x;
            }

            (low, high) = error > 0 ? (low, x) : (x, high);
            bool sameTail = level.Whole == goal.Whole && level.Rest * goal.Rest > 0;
            double change = sameTail ? level.Rest * Math.Log(level.Rest / goal.Rest) : error;
            double next = x - (change * Math.Exp(-law.LogDensity(x)));

            // Between modes the two tails cancel in Rest, and its logarithm says nothing of how far the goal is.
            bool stalls = Math.Abs(next - x) <= 2e-16 * Math.Abs(x) && Math.Abs(error) > 1e-9 * Math.Abs(goal.Rest);
            if (stalls || !(next > low && next < high))
            {
                next = 0.5 * (low + high);
                if (!(next > low && next < high))
                {
                    return x;
                }
            }

            double moved = Math.Abs(next - x);
            x = next;
            if (moved <= 2e-16 * Math.Abs(x))
            {
                return x;
            }
        }

        return x;
    }

    /// <summary>How many means are below x, or at x too.</summary>
    private static int LowerBound(ReadOnlySpan<double> means, double x, bool orEqual)
    {
        int low = 0;
        int high = means.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            (low, high) = means[middle] < x || (orEqual && means[middle] == x) ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}
