namespace Sgm.Engine;

/// <summary>
/// A law with independent blocks of one or two coordinates. KL and W2² add, 1 + χ² multiplies (in logarithms), and TV comes from the law of the
/// log-likelihood ratio, a sum of independent terms: <see cref="TotalVariation"/> when all of them are normal,
/// <see cref="LatticeVariation"/> otherwise.
/// </summary>
public sealed class ProductLaw : Law
{
    private const string Method = "product";
    private readonly Law[] factors;
    private readonly long[] counts;
    private readonly int[] kindOf;

    /// <param name="factors">The distinct ones, of one dimension or two.</param>
    /// <param name="counts">How many there are of each.</param>
    /// <param name="kindOf">The factor's number by coordinate, ~number for a factor's second coordinate.</param>
    internal ProductLaw(Law[] factors, long[] counts, int[] kindOf)
    {
        this.factors = factors;
        this.counts = counts;
        this.kindOf = kindOf;
    }

    /// <summary>The law of blocks from that of the lines together, where there are any, and those of the planes.</summary>
    internal static ProductLaw Of(Law[] laws, ProductBlocks blocks)
    {
        var lines = laws[0] as ProductLaw;
        int before = lines?.factors.Length ?? 0, line = 0;
        int[] all = Array.ConvertAll(blocks.PlaneOf, plane => plane switch
        {
            null => lines!.kindOf[line++],
            >= 0 => plane.Value + before,
            _ => ~(~plane.Value + before),
        });
        return new([.. lines?.factors ?? [], .. laws[(lines is null ? 0 : 1)..]], [.. lines?.counts ?? [], .. blocks.Counts], all);
    }

    /// <inheritdoc/>
    public override int Dimension => kindOf.Length;

    /// <summary>Whether the coordinates are symbols.</summary>
    internal bool Symbols => factors[0] is FiniteLaw;

    /// <summary>A divergence of the factors that adds over them.</summary>
    internal Estimate Added(Func<Law, Estimate?> of) => Combined(TensorRule.Adds, law => of(law)!);

    /// <inheritdoc/>
    public override Moments Moments()
    {
        Moments[] kinds = [.. factors.Select(f => f.Moments())];
        double[] Spread(Func<Moments, double[]> pick)
        {
            double[] result = new double[kindOf.Length];
            for (int i = 0; i < result.Length; i++)
            {
                (int kind, int own) = Place(i);
                result[i] = pick(kinds[kind])[own];
            }

            return result;
        }

        return new(Spread(m => m.Mean), Spread(m => m.Variance), Spread(m => m.MeanError), Spread(m => m.VarianceError), 1);
    }

    /// <inheritdoc/>
    protected override Marginal? Coordinate(int coordinate)
    {
        (int kind, int own) = Place(coordinate);
        return factors[kind].Marginal(own);
    }

    private (int Factor, int Own) Place(int coordinate) => kindOf[coordinate] is >= 0 and var kind ? (kind, 0) : (~kindOf[coordinate], 1);

    /// <inheritdoc/>
    protected override double? Density(ReadOnlySpan<double> x)
    {
        double sum = 0;
        for (int i = 0; i < kindOf.Length;)
        {
            Law factor = factors[kindOf[i]];
            if (factor.LogDensity(x.Slice(i, factor.Dimension)) is not { } log) return null;
            sum += log;
            i += factor.Dimension;
        }

        return sum;
    }

    /// <inheritdoc/>
    protected override void Fill(RandomStream stream, Span<double> x, int count)
    {
        for (int i = 0; i < kindOf.Length;)
        {
            Law factor = factors[kindOf[i]];
            factor.Draw(stream, x.Slice(i * count, factor.Dimension * count), count);
            i += factor.Dimension;
        }
    }

    /// <inheritdoc/>
    protected override Estimate Kl() => Combined(Metric.Kl);

    /// <inheritdoc/>
    protected override Estimate Chi2() => Combined(Metric.Chi2);

    /// <inheritdoc/>
    protected override Estimate W2() => Combined(Metric.W2);

    /// <inheritdoc/>
    protected override Estimate Tv()
    {
        if (Array.TrueForAll(factors, f => f is NormalFactorLaw))
        {
            return TotalVariation.OfIndependentNormals(
                [.. factors.Select((f, k) => ((NormalFactorLaw)f).Pair with { Count = counts[k] })]);
        }

        foreach (Law factor in factors)
        {
            if (factor is GridLaw { State: LineState.Point } or NormalFactorLaw { Pair.StateBall.IsZero: true } or PlaneLaw { IsPoint: true })
            {
                return Estimate.Exact(1, 1, 1, Method);
            }

            // Of a law without density no ratio is known.
            if (factor is PlaneLaw { HasDensity: false })
            {
                Estimate own = factor.Measure(Metric.Tv);
                return Estimate.Unavailable(Method, own.Reason!, own.Lower, 1);
            }
        }

        return factors.Length == 1 && counts[0] == 1
            ? factors[0].Measure(Metric.Tv)
            : LatticeVariation.Of(factors, counts);
    }

    /// <summary>The factors' brackets by a metric's rule for products; infinite where a factor's is.</summary>
    private Estimate Combined(Metric metric) => Combined(metric.TensorRule!, law => law.Measure(metric));

    private Estimate Combined(TensorRule rule, Func<Law, Estimate> of)
    {
        (DoubleDouble value, DoubleDouble lower, DoubleDouble upper) = (0, 0, 0);
        string? missing = null;
        for (int k = 0; k < factors.Length; k++)
        {
            Estimate own = of(factors[k]);
            if (own.Value is { } number && double.IsInfinity(number))
            {
                return own;
            }

            DoubleDouble count = counts[k];
            missing ??= own.Value is null ? own.Reason : null;
            value += count * rule.Into(own.Value ?? 0);
            lower += count * rule.Into(own.Lower);
            // ∞ by hand: a double-double of it is not a number.
            upper = double.IsInfinity(own.Upper) || double.IsInfinity(upper.High) ? double.PositiveInfinity : upper + (count * rule.Into(own.Upper));
        }

        // One unit for the functions of every term, one for the sum, and the growth of OutOf (e^x − 1 turns absolute errors of x into relative ones).
        double relative = 4e-15 * (1 + (rule == TensorRule.OnePlusMultiplies ? (double)value : 0));
        double low = rule.OutOf((double)lower) * (1 - relative);
        double high = double.IsInfinity(upper.High) ? double.PositiveInfinity : rule.OutOf((double)upper) * (1 + relative);
        double middle = rule.OutOf((double)value);
        return missing is not null ? Estimate.Unavailable(Method, missing, Math.Max(0, low), high)
            : double.IsInfinity(middle) ? Estimate.Unavailable(Method, $"finite but beyond the range of a double: ln(1 + D) = {(double)value:g12}", double.MaxValue)
            : Estimate.Exact(middle, Math.Max(0, low), high, Method);
    }
}
