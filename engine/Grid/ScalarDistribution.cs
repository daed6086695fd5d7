namespace Sgm.Engine;

/// <summary>
/// A value of a distribution function as whole components plus tails, Whole + Rest: between far modes Rest is their tails alone, so
/// that nothing of them is lost beside the mass of the components.
/// </summary>
internal readonly record struct MassLevel(DoubleDouble Whole, double Rest)
{
    /// <summary>1 minus the level.</summary>
    public MassLevel Complement => new(DoubleDouble.One - Whole, -Rest);

    /// <summary>This level minus another.</summary>
    public double Minus(in MassLevel other) => (double)(Whole - other.Whole + (Rest - (DoubleDouble)other.Rest));
}

/// <summary>The distribution function of a mixture on the line, and its inverse, with every component counted as a whole or by its tail.</summary>
internal sealed class ScalarDistribution
{
    private const double Reach = 38;
    private readonly double first = double.PositiveInfinity;
    private readonly double last = double.NegativeInfinity;

    private readonly ScalarMixture law;
    private readonly DoubleDouble[] before;

    /// <summary>The distribution function of <paramref name="law"/>; the weights are normalised to 32 digits.</summary>
    public ScalarDistribution(ScalarMixture law)
    {
        this.law = law;
        for (int k = 0; k < law.Count; k++)
        {
            first = Math.Min(first, law.Means[k] - (Reach * law.Deviations[k]));
            last = Math.Max(last, law.Means[k] + (Reach * law.Deviations[k]));
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
    }

    /// <summary>P(X &lt; x): components with means at or below x count as a whole, less their right tails.</summary>
    public MassLevel At(double x) => new(before[LowerBound(law.Means, x)], law.Tails(x));

    /// <summary>
    /// The x with P(X &lt; x) = goal to the rounding of the two levels, and that rounding; Newton, in the tails on the logarithm of
    /// the tail, inside a shrinking bracket, from <paramref name="guess"/>, which may be NaN.
    /// </summary>
    public (double At, double Rounding) Quantile(in MassLevel goal, double guess)
    {
        double rounding = 0;
        (double low, double high) = (first, last);
        double x = guess > low && guess < high ? guess : 0.5 * (low + high);
        for (int i = 0; i < 300 && high > low; i++)
        {
            MassLevel level = At(x);
            double error = level.Minus(goal);
            rounding = 2e-16 * Math.Max(Math.Abs(goal.Rest), Math.Abs(level.Rest));
            if (Math.Abs(error) <= rounding)
            {
                return (x, rounding);
            }

            (low, high) = error > 0 ? (low, x) : (x, high);
            bool sameTail = level.Whole == goal.Whole && level.Rest * goal.Rest > 0;
            double change = sameTail ? level.Rest * Math.Log(level.Rest / goal.Rest) : error;
            double next = x - (change * Math.Exp(-law.LogDensity(x)));

            // Between modes the two tails cancel in Rest, and its logarithm says nothing of how far the goal is.
            bool stays = Math.Abs(next - x) <= 2e-16 * Math.Abs(x);
            bool stalls = stays && Math.Abs(error) > 1e-9 * Math.Abs(goal.Rest);
            if (stays && !stalls)
            {
                return (x, rounding);
            }

            if (stalls || !(next > low && next < high))
            {
                next = 0.5 * (low + high);
                if (!(next > low && next < high))
                {
                    return (x, rounding);
                }
            }

            x = next;
        }

        return (x, rounding);
    }

    /// <summary>How many means are at or below x.</summary>
    private static int LowerBound(ReadOnlySpan<double> means, double x)
    {
        int low = 0;
        int high = means.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            (low, high) = means[middle] <= x ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}
