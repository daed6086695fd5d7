namespace Sgm.Engine;

/// <summary>
/// A law on [S]^d with the target's at its level, both by their masses. Every mass is right to a relative error γ, so a divergence f(q, p)
/// is off by at most γ_q·Σ q|∂f/∂q| + γ_p·Σ p|∂f/∂p| and squares of γ. KL is summed as Σ [q ln(q/p) − q + p], whose terms are ≥ 0.
/// </summary>
public sealed class FiniteLaw : Law
{
    private const string Method = "all states";
    private const string NoDistance = "symbols have no distance from each other; measure tv, kl or chi2";

    /// <summary>Relative errors above this are too large for a bracket to their first order.</summary>
    private const double MostRelative = 1e-4;

    internal FiniteLaw(FiniteVector state, FiniteVector target)
    {
        State = state;
        Target = target;
    }

    /// <summary>q.</summary>
    public FiniteVector State { get; }

    /// <summary>p at the level.</summary>
    public FiniteVector Target { get; }

    /// <inheritdoc/>
    public override int Dimension => State.Dimension;

    /// <summary>KL(p‖q), the other way round than <see cref="Metric.Kl"/>, of a law of symbols; null of another.</summary>
    public static Estimate? Reverse(Law law) => law switch
    {
        FiniteLaw own => Divergence(own.Target, own.State),
        ProductLaw { Symbols: true } product => product.Added(Reverse),
        _ => null,
    };

    /// <summary>Means and variances of the symbols as the numbers 0, …, S − 1.</summary>
    public override Moments Moments()
    {
        double[] mean = new double[Dimension];
        double[] variance = new double[Dimension];
        for ((int i, int stride) = (0, 1); i < Dimension; i++, stride *= State.Symbols)
        {
            double[] shares = new double[State.Symbols];
            for (int x = 0; x < State.Masses.Length; x++)
            {
                shares[x / stride % State.Symbols] += State.Masses[x];
            }

            double total = shares.Sum();
            mean[i] = shares.Select(static (m, a) => m * a).Sum() / total;
            double centre = mean[i];
            variance[i] = shares.Select((m, a) => m * (a - centre) * (a - centre)).Sum() / total;
        }

        double off = 2 * (State.Relative + (State.Masses.Length * Rounding.Unit)) * State.Symbols * State.Symbols;
        double[] within = [.. mean.Select(_ => off)];
        return new(mean, variance, within, within, 1);
    }

    /// <inheritdoc/>
    protected override double? Density(ReadOnlySpan<double> x) => null;

    /// <inheritdoc/>
    protected override void Fill(RandomStream stream, Span<double> x, int count)
    {
        double[] upTo = new double[State.Masses.Length];
        double sum = 0;
        for (int s = 0; s < upTo.Length; s++)
        {
            upTo[s] = sum += State.Masses[s];
        }

        double[] u = new double[count];
        stream.FillUniform(u);
        for (int n = 0; n < count; n++)
        {
            int found = Array.BinarySearch(upTo, u[n] * sum);
            int state = Math.Min(found >= 0 ? found + 1 : ~found, upTo.Length - 1);
            for (int i = 0; i < Dimension; i++, state /= State.Symbols)
            {
                x[(i * count) + n] = state % State.Symbols;
            }
        }
    }

    /// <inheritdoc/>
    protected override Estimate Tv()
    {
        double value = 0.5 * Sum((q, p) => Math.Abs(q - p));
        double half = 0.5 * (State.Relative + Target.Relative) * 1.01;
        return Bracketed(value, half, 1);
    }

    /// <inheritdoc/>
    protected override Estimate Kl() => Divergence(State, Target);

    /// <inheritdoc/>
    protected override Estimate Chi2()
    {
        if (Array.Exists(Zeros(State, Target), static zero => zero)) return Infinite("χ²");
        (double ofState, double ofTarget) = (State.Relative, Target.Relative);
        double value = Sum(static (q, p) => p > 0 ? (q - p) / p * (q - p) : 0);
        double half = ofState * Sum(static (q, p) => p > 0 ? 2 * Math.Abs(q - p) / p * q : 0);
        half += ofTarget * Sum(static (q, p) => p > 0 ? Math.Abs(q - p) / p * (q + p) : 0);
        double both = ofState + ofTarget;
        return Bracketed(value, half + (4 * both * both * (1 + value)), double.PositiveInfinity);
    }

    /// <inheritdoc/>
    protected override Estimate W2() => Estimate.Unavailable(Method, NoDistance);

    /// <summary>KL(a‖b).</summary>
    private static Estimate Divergence(FiniteVector a, FiniteVector b)
    {
        if (Array.Exists(Zeros(a, b), static zero => zero)) return Infinite("relative entropy");
        double value = Sum(a, b, Excess);
        double both = a.Relative + b.Relative;
        double size = Sum(a, b, static (q, p) => q > 0 ? q * Math.Abs(Math.Log(q / p)) : 0);
        double half = (a.Relative * size) + (b.Relative * Sum(a, b, static (q, p) => Math.Abs(q - p)));
        return Bracketed(value, half + (4 * both * both * (1 + size)), double.PositiveInfinity, both);
    }

    /// <summary>q ln(q/p) − q + p ≥ 0: with r = (q − p)/p, p·[r·ln(1 + r) − (r − ln(1 + r))].</summary>
    private static double Excess(double q, double p)
    {
        if (q == 0 || p == 0) return p;
        double r = (q - p) / p;
        return Math.Abs(r) < 0.5 ? p * ((r * RealFunctions.LogOnePlus(r)) - RealFunctions.LogExcess(r)) : (q * Math.Log(q / p)) - q + p;
    }

    private static bool[] Zeros(FiniteVector a, FiniteVector b) => [.. a.Masses.Zip(b.Masses, static (q, p) => q > 0 && p == 0)];

    private static Estimate Infinite(string what) =>
        Estimate.Infinite(Method, $"{what} is infinite: a state has a mass on one side and none on the other; stop above time 0");

    private double Sum(Func<double, double, double> term) => Sum(State, Target, term);

    private static double Sum(FiniteVector a, FiniteVector b, Func<double, double, double> term) =>
        Rounding.Sum([.. a.Masses.Zip(b.Masses, term)]);

    private Estimate Bracketed(double value, double half, double most) => Bracketed(value, half, most, State.Relative + Target.Relative);

    private static Estimate Bracketed(double value, double half, double most, double relative)
    {
        double off = (1.01 * half) + (64 * Rounding.Unit * value) + 1e-300;
        return relative <= MostRelative
            ? Estimate.Exact(Math.Min(value, most), Math.Max(0, value - off), Math.Min(most, value + off), Method)
            : Estimate.Unavailable(Method, FormattableString.Invariant($"masses are right to a share {relative:g2} only"), 0, most);
    }
}
