namespace Sgm.Engine;

/// <summary>
/// A law with independent coordinates. KL and W2² add, 1 + χ² multiplies (in logarithms), and TV comes from the law of the
/// log-likelihood ratio, a sum of independent terms: <see cref="TotalVariation"/> when all of them are normal,
/// <see cref="LatticeVariation"/> otherwise.
/// </summary>
public sealed class ProductLaw : Law
{
    private const string Method = "product";
    private readonly Law[] factors;
    private readonly long[] counts;
    private readonly int[] kindOf;

    internal ProductLaw(Law[] factors, long[] counts, int[] kindOf)
    {
        this.factors = factors;
        this.counts = counts;
        this.kindOf = kindOf;
    }

    /// <inheritdoc/>
    public override int Dimension => kindOf.Length;

    /// <inheritdoc/>
    public override Moments Moments()
    {
        Moments[] kinds = [.. factors.Select(f => f.Moments())];
        double[] Spread(Func<Moments, double[]> pick)
        {
            double[] result = new double[kindOf.Length];
            for (int i = 0; i < result.Length; i++)
            {
                result[i] = pick(kinds[kindOf[i]])[0];
            }

            return result;
        }

        return new(Spread(m => m.Mean), Spread(m => m.Variance), Spread(m => m.MeanError), Spread(m => m.VarianceError), 1);
    }

    /// <inheritdoc/>
    public override Estimate Measure(Metric metric)
    {
        try
        {
            return metric switch
            {
                Metric.Kl => Combined(metric, x => x, x => x),
                Metric.Chi2 => Chi2(),
                Metric.W2 => Combined(metric, x => x * x, Math.Sqrt),
                Metric.Tv => Tv(),
                _ => throw new InvalidOperationException("a metric that the product does not know"),
            };
        }
        catch (WorkExceededException)
        {
            return GridLaw.TooMuchWork(metric);
        }
    }

    /// <summary>back(Σ n·forth(value)), on both ends of the brackets; infinite or unavailable when a factor's is.</summary>
    private Estimate Combined(Metric metric, Func<double, double> forth, Func<double, double> back)
    {
        double value = 0;
        double lower = 0;
        double upper = 0;
        for (int k = 0; k < factors.Length; k++)
        {
            Estimate own = factors[k].Measure(metric);
            if (own.Value is not { } number || double.IsInfinity(number))
            {
                return own;
            }

            value += counts[k] * forth(number);
            lower += counts[k] * forth(own.Lower);
            upper += counts[k] * forth(own.Upper);
        }

        return Rounded(back(value), back(lower), back(upper));
    }

    private Estimate Chi2()
    {
        double value = 0;
        double lower = 0;
        double upper = 0;
        for (int k = 0; k < factors.Length; k++)
        {
            Estimate own = factors[k].Measure(Metric.Chi2);
            if (own.Value is not { } number || double.IsInfinity(number))
            {
                return own;
            }

            value += counts[k] * RealFunctions.LogOnePlus(number);
            lower += counts[k] * RealFunctions.LogOnePlus(own.Lower);
            upper += counts[k] * RealFunctions.LogOnePlus(own.Upper);
        }

        double result = RealFunctions.ExpM1(value);
        return double.IsInfinity(result)
            ? Estimate.Unavailable(Method, $"finite but beyond the range of a double: ln(1 + χ²) = {value:g12}", double.MaxValue)
            : Rounded(result, RealFunctions.ExpM1(lower), RealFunctions.ExpM1(upper), 2e-15 * (1 + value));
    }

    private static Estimate Rounded(double value, double lower, double upper, double relative = 2e-15) => Estimate.Exact(
        value,
        lower * (1 - relative),
        upper * (1 + relative),
        Method);

    private Estimate Tv()
    {
        if (Array.TrueForAll(factors, f => f is NormalFactorLaw))
        {
            return TotalVariation.OfIndependentNormals(
                [.. factors.Select((f, k) => ((NormalFactorLaw)f).Pair with { Count = counts[k] })]);
        }

        foreach (Law factor in factors)
        {
            if (factor is GridLaw { State: LineState.Point } || factor is NormalFactorLaw { Pair.StateVariance: <= 0 })
            {
                return Estimate.Exact(1, 1, 1, Method);
            }
        }

        return factors.Length == 1 && counts[0] == 1
            ? factors[0].Measure(Metric.Tv)
            : LatticeVariation.Of(factors, counts);
    }
}
