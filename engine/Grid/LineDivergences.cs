namespace Sgm.Engine;

/// <summary>A divergence at one resolution: its value and the error of its quadrature. NaN is caught by the caller.</summary>
internal readonly record struct Measured(double Value, double Error, string? Infinite = null, string? Unavailable = null);

/// <summary>
/// Divergences of a law on the line from a mixture p, as integrals over u with the density ratio r = p(x)/q(x) at x = S(u):
/// KL = ∫ρ·(r − 1 − ln r) + p(outside) ; χ² = ∫ρ·(1 − r)²/r + p(outside) ; W2² = ∫ρ·(x − Q_p(F_q(x)))²,
/// where outside is everything that the panels do not cover. The integrands are non-negative, so nothing cancels. TV has a kink
/// wherever r crosses 1, and comes from distribution functions instead (<see cref="LineVariation"/>).
/// </summary>
internal sealed class LineDivergences
{
    private const int Order = Legendre.Order;
    private readonly LineState.Density state;
    private readonly ScalarMixture target;
    private readonly GridResolution resolution;
    private readonly Counterpart other;
    private readonly LinePieces pieces;
    private readonly LineIntegral integral;
    private double? outside;

    /// <summary>The divergences of <paramref name="state"/> from <paramref name="target"/>, within a limit of work.</summary>
    public LineDivergences(LineState.Density state, ScalarMixture target, GridResolution resolution, WorkLimit work)
    {
        this.state = state;
        this.target = target;
        this.resolution = resolution;
        work.Spend(target.PanelCost);
        other = Counterpart.Of(target);
        pieces = new(state, other, work);
        integral = new(pieces);
    }

    /// <summary>Whether the law is known in closed form, so that no resolution changes it.</summary>
    public bool IsExact => state.Exact is not null && pieces.Folds is null;

    /// <summary>Mass of p where q has none that is not negligible.</summary>
    private double Outside
    {
        get
        {
            if (outside is { } known)
            {
                return known;
            }

            List<(double From, double To)> support = pieces.Support();
            double mass = target.Below(support[0].From) + target.Above(support[^1].To);
            for (int i = 0; i + 1 < support.Count; i++)
            {
                mass += target.Between(support[i].To, support[i + 1].From);
            }

            outside = mass;
            return mass;
        }
    }

    /// <summary>Total variation.</summary>
    public Measured Tv() => LineVariation.Of(pieces, other);

    /// <summary>KL(q‖p).</summary>
    public Measured Kl()
    {
        if (AtomMass() is > 1e-30 and var atoms)
        {
            return new(double.PositiveInfinity, 0, NoDensity(atoms));
        }

        (double value, double error) = integral.Of(
            (in LineSample sample, Span<double> values) =>
            {
                for (int i = 0; i < Order; i++)
                {
                    double log = target.LogDensity(sample.Image[i]);
                    double density = sample.Density[i];
                    double logRatio = log - sample.LogState[i];
                    values[i] = density > 0 && logRatio < 700
                        ? density * Excess(logRatio)
                        : Math.Exp(log) * Math.Abs(sample.Slope[i]);
                }
            },
            resolution.Quadrature,
            1e-30);
        return new(value + Outside, error);
    }

    /// <summary>χ²(q‖p).</summary>
    public Measured Chi2()
    {
        if (Divergent() is { } reason)
        {
            return reason;
        }

        (double log, double error) = LogOnePlusChi2();
        if (log > 1)
        {
            double value = RealFunctions.ExpM1(log);
            return double.IsInfinity(value)
                ? new(double.MaxValue, 0, Unavailable: $"finite but beyond the range of a double: ln(1 + χ²) = {log:g12}")
                : new(value, (value + 1) * error);
        }

        (double small, double smallError) = integral.Of(
            (in LineSample sample, Span<double> values) =>
            {
                for (int i = 0; i < Order; i++)
                {
                    double logTarget = target.LogDensity(sample.Image[i]);
                    double logRatio = logTarget - sample.LogState[i];
                    double density = sample.Density[i];
                    double change = RealFunctions.ExpM1(logRatio);
                    values[i] = density > 0 && logRatio < 300
                        ? density * change * change * Math.Exp(-logRatio)
                        : Math.Exp(logTarget) * Math.Abs(sample.Slope[i]);
                }
            },
            resolution.Quadrature,
            1e-30);
        return new(small + Outside, smallError);
    }

    /// <summary>ln(1 + χ²) = ln ∫ρ/r du, without overflow.</summary>
    public (double Log, double Error) LogOnePlusChi2()
    {
        double largest = double.NegativeInfinity;
        integral.Of(
            (in LineSample sample, Span<double> values) =>
            {
                for (int i = 0; i < Order; i++)
                {
                    double log = Math.Log(Math.Max(0, sample.Density[i])) + sample.LogState[i] - target.LogDensity(sample.Image[i]);
                    largest = double.IsNaN(log) ? largest : Math.Max(largest, log);
                    values[i] = 0;
                }
            },
            1,
            1);
        double shift = Math.Abs(largest) < 300 ? 0 : largest;
        (double value, double error) = integral.Of(
            (in LineSample sample, Span<double> values) =>
            {
                for (int i = 0; i < Order; i++)
                {
                    // q/p alone may overflow where q²/p does not.
                    double density = Math.Max(0, sample.Density[i]);
                    values[i] = density == 0
                        ? 0
                        : Math.Exp(Math.Log(density) + sample.LogState[i] - target.LogDensity(sample.Image[i]) - shift);
                }
            },
            resolution.Quadrature,
            0);
        return (Math.Log(value) + shift, error / value);
    }

    /// <summary>
    /// Share of 1 + χ² that a panel beside a gap or at the end of all carries: when it is not negligible, the tail that the panels
    /// leave out there matters too.
    /// </summary>
    public double EdgeShareOfChi2()
    {
        (double log, _) = LogOnePlusChi2();
        double share = 0;
        for (int p = 0; p < state.Panels.Count; p++)
        {
            if (state.Panels.TouchesLeft(p) && state.Panels.TouchesRight(p))
            {
                continue;
            }

            for (int i = 0; i < Order; i++)
            {
                int at = (p * Order) + i;
                double slope = state.Slope is null ? 1 : Math.Abs(state.Slope[at]);
                double density = state.Values[at];
                if (density > 0 && slope > 0)
                {
                    share = Math.Max(
                        share,
                        Math.Exp((2 * Math.Log(density)) - Math.Log(slope) - target.LogDensity(state.Image[at]) - log) * state.Panels.Width(p));
                }
            }
        }

        return share;
    }

    /// <summary>Wasserstein-2, by the monotone coupling.</summary>
    /// <param name="relative">Relative error of the masses of q.</param>
    public Measured W2(double relative) => new LineTransport(pieces, target, relative).W2(resolution.Quadrature);

    /// <summary>E x and Var x.</summary>
    public (double Mean, double Variance) Moments()
    {
        (double mean, _) = Expectation(x => x);
        (double variance, _) = Expectation(x => (x - mean) * (x - mean));
        return (mean, variance);
    }

    private (double Value, double Error) Expectation(Func<double, double> f) => integral.Of(
        (in LineSample sample, Span<double> values) =>
        {
            for (int i = 0; i < Order; i++)
            {
                values[i] = sample.Density[i] * f(sample.Image[i]);
            }
        },
        1e-14,
        0);

    /// <summary>Why χ² is infinite, or why that cannot be decided.</summary>
    public Measured? Divergent()
    {
        if (AtomMass() is > 1e-30 and var atoms)
        {
            return new(double.PositiveInfinity, 0, NoDensity(atoms));
        }

        if (pieces.Folds is not null)
        {
            return new(double.PositiveInfinity, 0, "a deterministic step folds the line, and the state's density has a pole of order 1/2 at the fold: its square is not integrable");
        }

        double own = target.LargestDeviation;
        double heaviest = Math.Max(state.Tails.Left, state.Tails.Right);
        double ratio = heaviest * heaviest / (own * own);
        return ratio > 2 * (1 - 1e-10) && state.Tails.AreBounds
            ? new(double.MaxValue, 0, Unavailable: "a step that may be rejected leaves tails of which a bound is known, and at that bound q²/p is not integrable")
            : ratio > 2 * (1 + 1e-10)
            ? new(double.PositiveInfinity, 0, $"the state's tail is that of a normal law of variance {heaviest * heaviest:g6}, at least twice the target's {own * own:g6}, so q²/p is not integrable")
            : ratio > 2 * (1 - 1e-10)
                ? new(double.MaxValue, 0, Unavailable: "the state's tail variance is twice the target's to ten digits, the border of q²/p being integrable")
                : null;
    }

    /// <summary>e^w − 1 − w ≥ 0 with relative precision.</summary>
    private static double Excess(double w)
    {
        if (Math.Abs(w) > 0.5)
        {
            return RealFunctions.ExpM1(w) - w;
        }

        double term = w * w / 2;
        double sum = term;
        for (int k = 3; k < 20; k++)
        {
            term *= w / k;
            sum += term;
        }

        return sum;
    }

    private static string NoDensity(double atoms) =>
        $"the law of the state has no density: a deterministic step maps mass {atoms:g3} onto single points";

    private double AtomMass()
    {
        if (state.Slope is null)
        {
            return 0;
        }

        double mass = 0;
        for (int i = 0; i < state.Slope.Length; i++)
        {
            mass += state.Slope[i] == 0 ? state.Values[i] * state.Panels.Weights[i] : 0;
        }

        return mass;
    }
}
