using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sgm.Engine;

/// <summary>
/// A target of dimension 2 at a noise level (m, σ): Σ_k w_k N(m·μ_k, m²Σ_k + σ²I). A component's exponent is −½(u² + v²) with u, v the first coordinate
/// and the second one's rest after regression on it, each over its deviation, so that nothing cancels for ill-conditioned covariances.
/// </summary>
internal sealed class PlaneMixture : PlaneDensity, IPlaneTarget
{
    /// <summary>Components of a product of two laws on the line that are still multiplied out.</summary>
    public const int MostProducts = 4096;

    // A component that is below another by e^(−this) everywhere in a panel counts for nothing there.
    private const double Negligible = 45;
    private readonly Component[] components;
    private readonly double logMost;

    private PlaneMixture(Component[] components)
    {
        this.components = components;
        Smoothness = Math.Sqrt(components.Min(c => c.Least));
        logMost = Math.Log(components.Length);
    }

    /// <param name="Weight">w, in the sum 1.</param>
    /// <param name="X">Mean of the first coordinate.</param>
    /// <param name="Y">Mean of the second coordinate.</param>
    /// <param name="Xx">Variance of the first coordinate.</param>
    /// <param name="Xy">Covariance.</param>
    /// <param name="Yy">Variance of the second coordinate.</param>
    /// <param name="Determinant">Of the covariance.</param>
    /// <param name="Least">Its smaller eigenvalue.</param>
    public readonly record struct Component(
        double Weight, double X, double Y, double Xx, double Xy, double Yy, double Determinant, double Least)
    {
        /// <summary>Its larger eigenvalue.</summary>
        public double Largest => Determinant / Least;

        public double Slope => Xy / Xx;

        public double RestPrecision => Math.Sqrt(Xx / Determinant);

        public double LogPeak => Math.Log(Weight) - Math.Log(2 * Math.PI) - (0.5 * Math.Log(Determinant));
    }

    /// <summary>The components of positive weight.</summary>
    public ReadOnlySpan<Component> Components => components;

    /// <inheritdoc/>
    public override double Smoothness { get; }

    /// <summary>The law at a level; null where it has too many components.</summary>
    public static PlaneMixture? Of(Target law, NoiseLevel level)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(law.Dimension, 2, nameof(law));
        if (law.Factors[0].Law.Dimension == 2)
        {
            Mixture all = law.Factors[0].Law;
            return new([.. Enumerable.Range(0, all.Count).Where(k => all.Weights[k] > 0).Select(k => Whole(all, k, level))]);
        }

        Mixture first = law.Factors[0].Law, second = law.Factors[^1].Law;
        if ((long)first.Count * second.Count > MostProducts) return null;
        return new([
            .. from i in Enumerable.Range(0, first.Count)
               from j in Enumerable.Range(0, second.Count)
               where first.Weights[i] * second.Weights[j] > 0
               select Pair(first.Weights[i] * second.Weights[j], first, i, second, j, level),
        ]);
    }

    private static Component Whole(Mixture law, int k, NoiseLevel level)
    {
        Covariance covariance = law.Covariance(k);
        double first = level.VarianceOf(covariance.Eigenvalue(0)), second = level.VarianceOf(covariance.Eigenvalue(1));
        ReadOnlySpan<double> mean = law.Mean(k);
        return new(
            law.Weights[k],
            level.Mean * mean[0],
            level.Mean * mean[1],
            covariance.Entry(0, 0, level.VarianceOf),
            covariance.Entry(0, 1, level.VarianceOf),
            covariance.Entry(1, 1, level.VarianceOf),
            first * second,
            Math.Min(first, second));
    }

    private static Component Pair(double weight, Mixture first, int i, Mixture second, int j, NoiseLevel level)
    {
        double x = level.VarianceOf(first.Covariance(i).Variance(0)), y = level.VarianceOf(second.Covariance(j).Variance(0));
        return new(weight, level.Mean * first.Means[i], level.Mean * second.Means[j], x, 0, y, x * y, Math.Min(x, y));
    }

    /// <inheritdoc/>
    public override PlaneDensity Turned(double angle) => TurnedMixture(angle);

    /// <summary>The same law seen along axes that are turned by this angle.</summary>
    public PlaneMixture TurnedMixture(double angle)
    {
        (double s, double c) = Math.SinCos(angle);
        return new(Array.ConvertAll(components, k => k with
        {
            X = (c * k.X) + (s * k.Y),
            Y = (c * k.Y) - (s * k.X),
            Xx = (c * c * k.Xx) + (2 * c * s * k.Xy) + (s * s * k.Yy),
            Xy = (c * s * (k.Yy - k.Xx)) + (((c * c) - (s * s)) * k.Xy),
            Yy = (s * s * k.Xx) - (2 * c * s * k.Xy) + (c * c * k.Yy),
        }));
    }

    /// <summary>The density of one coordinate at these places.</summary>
    public double[] Marginal(double[] places, bool isFirst)
    {
        double[] values = new double[places.Length];
        foreach (Component c in components)
        {
            (double mean, double variance) = isFirst ? (c.X, c.Xx) : (c.Y, c.Yy);
            double peak = c.Weight / Math.Sqrt(2 * Math.PI * variance);
            for (int i = 0; i < places.Length; i++)
            {
                double u = places[i] - mean;
                values[i] += peak * Math.Exp(-0.5 * u * u / variance);
            }
        }

        return values;
    }

    /// <inheritdoc/>
    public override PlaneMoments Moments()
    {
        double[] weights = Array.ConvertAll(components, c => c.Weight);
        PlaneMoments between = PlaneMoments.Of(Array.ConvertAll(components, c => c.X), Array.ConvertAll(components, c => c.Y), weights);
        double mass = weights.Sum();
        return between with
        {
            Xx = between.Xx + (components.Sum(c => c.Weight * c.Xx) / mass),
            Xy = between.Xy + (components.Sum(c => c.Weight * c.Xy) / mass),
            Yy = between.Yy + (components.Sum(c => c.Weight * c.Yy) / mass),
        };
    }

    /// <inheritdoc/>
    public override double Cost(PlaneBox box, double logRange) => 1500.0 * components.Length;

    /// <inheritdoc/>
    public override void Draw(RandomStream stream, Span<double> x, int count)
    {
        double[] uniforms = new double[count];
        stream.FillUniform(uniforms);
        stream.FillNormal(x);
        for (int i = 0; i < count; i++)
        {
            int k = 0;
            for (double left = uniforms[i]; k + 1 < components.Length && (left -= components[k].Weight) >= 0; k++)
            {
            }

            Component c = components[k];
            double u = x[i] * Math.Sqrt(c.Xx);
            x[i] = c.X + u;
            x[count + i] = c.Y + (c.Slope * u) + (x[count + i] / c.RestPrecision);
        }
    }

    /// <inheritdoc/>
    public override PlaneBox Extent(double logRange)
    {
        PlaneBox? box = null;
        foreach (Component c in components)
        {
            double reach = Math.Sqrt(2 * Math.Max(0, logRange + logMost + Math.Log(c.Weight)));
            double x = reach * Math.Sqrt(c.Xx), y = reach * Math.Sqrt(c.Yy);
            PlaneBox own = new(c.X - x, c.X + x, c.Y - y, c.Y + y);
            box = box?.With(own) ?? own;
        }

        return box!.Value;
    }

    /// <inheritdoc/>
    public override bool Reaches(PlaneBox box, double logRange)
    {
        (double x, double y) = (0.5 * (box.Left + box.Right), 0.5 * (box.Bottom + box.Top));
        double radius = 0.5 * Math.Sqrt((box.Width * box.Width) + (box.Height * box.Height));
        double area = Math.Log(box.Width * box.Height);
        foreach (Component c in components)
        {
            double least = Math.Max(0, Math.Sqrt(Quadratic(c, x, y)) - (radius / Math.Sqrt(c.Least)));
            double log = Math.Min(c.LogPeak + area, Math.Log(c.Weight)) - (0.5 * least * least);
            if (log + logMost > -logRange) return true;
        }

        return false;
    }

    /// <inheritdoc/>
    public override void Values(ReadOnlySpan<double> x, ReadOnlySpan<double> y, Span<double> values, double logRange)
    {
        LogValues(x, y, values);
        VectorMath.Exp(values, values);
    }

    /// <inheritdoc/>
    double IPlaneTarget.Cost => 500.0 * components.Length;

    /// <summary>ln p, ∇ln p and ∇²ln p = Cov_r(∇ln p_k) − E_r P_k at a place, r the posterior weights of the components.</summary>
    public PlaneExpansion Expansion(double x, double y)
    {
        double top = double.NegativeInfinity;
        foreach (Component c in components)
        {
            top = Math.Max(top, c.LogPeak - (0.5 * Quadratic(c, x, y)));
        }

        double sum = 0, gx = 0, gy = 0, xx = 0, xy = 0, yy = 0;
        foreach (Component c in components)
        {
            double r = Math.Exp(c.LogPeak - (0.5 * Quadratic(c, x, y)) - top);
            if (r < 1e-20) continue;
            (double u, double v) = Slope(c, x, y);
            (sum, gx, gy) = (sum + r, gx + (r * u), gy + (r * v));
        }

        (gx, gy) = (gx / sum, gy / sum);
        foreach (Component c in components)
        {
            double r = Math.Exp(c.LogPeak - (0.5 * Quadratic(c, x, y)) - top) / sum;
            if (r < 1e-20) continue;
            (double u, double v) = Slope(c, x, y);
            xx += r * (((u - gx) * (u - gx)) - (c.Yy / c.Determinant));
            xy += r * (((u - gx) * (v - gy)) + (c.Xy / c.Determinant));
            yy += r * (((v - gy) * (v - gy)) - (c.Xx / c.Determinant));
        }

        return new(top + Math.Log(sum), gx, gy, xx, xy, yy);

        static (double X, double Y) Slope(Component c, double x, double y)
        {
            double u = x - c.X;
            double rest = (y - c.Y - (c.Slope * u)) * c.RestPrecision * c.RestPrecision;
            return ((c.Slope * rest) - (u / c.Xx), -rest);
        }
    }

    /// <inheritdoc/>
    public void LogValues(ReadOnlySpan<double> x, ReadOnlySpan<double> y, Span<double> values)
    {
        Span<double> sums = stackalloc double[values.Length];
        Logarithms action = new() { Components = Near(x, y), X = x, Y = y, Values = values, Sums = sums };
        LaneWidth.Run(ref action);
        VectorMath.Log(sums, sums);
        for (int i = 0; i < values.Length; i++)
        {
            values[i] += sums[i];
        }
    }

    // The components that count in the panel.
    private Component[] Near(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        if (components.Length == 1) return components;
        (double atX, double atY) = (0.5 * (x[0] + x[^1]), 0.5 * (y[0] + y[^1]));
        (double width, double height) = (x[^1] - x[0], y[^1] - y[0]);
        double radius = 0.5 * Math.Sqrt((width * width) + (height * height));
        double[] most = new double[components.Length];
        double best = double.NegativeInfinity;
        for (int k = 0; k < components.Length; k++)
        {
            Component c = components[k];
            double distance = Math.Sqrt(Quadratic(c, atX, atY)), own = radius / Math.Sqrt(c.Least);
            double near = Math.Max(0, distance - own), far = distance + own;
            most[k] = c.LogPeak - (0.5 * near * near);
            best = Math.Max(best, c.LogPeak - (0.5 * far * far));
        }

        return [.. components.Where((_, k) => most[k] > best - Negligible)];
    }

    private static double Quadratic(Component c, double x, double y)
    {
        double u = x - c.X;
        double v = (y - c.Y - (c.Slope * u)) * c.RestPrecision;
        return (u * u / c.Xx) + (v * v);
    }

    private ref struct Logarithms : ILanesAction
    {
        public required Component[] Components;
        public required ReadOnlySpan<double> X;
        public required ReadOnlySpan<double> Y;
        public required Span<double> Values;
        public required Span<double> Sums;

        public void Invoke<TLanes>()
            where TLanes : struct, ILanes<TLanes>
        {
            Values.Fill(double.NegativeInfinity);
            Sums.Clear();
            foreach (Component c in Components)
            {
                Pass<TLanes>(c, false);
            }

            foreach (Component c in Components)
            {
                Pass<TLanes>(c, true);
            }
        }

        // The largest exponent first, then the sum of the others relative to it.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Pass<TLanes>(Component c, bool adds)
            where TLanes : struct, ILanes<TLanes>
        {
            ref double y = ref MemoryMarshal.GetReference(Y);
            (double slope, double precision, double peak) = (c.Slope, c.RestPrecision, c.LogPeak);
            for (int i = 0; i < X.Length; i++)
            {
                double u = X[i] - c.X;
                TLanes own = peak - (0.5 * u * u / c.Xx);
                double centre = c.Y + (slope * u);
                ref double values = ref Values[i * Y.Length];
                ref double sums = ref Sums[i * Y.Length];
                for (int j = 0; j < Y.Length; j += TLanes.Count)
                {
                    TLanes v = (TLanes.Load(in Unsafe.Add(ref y, j)) - centre) * precision;
                    TLanes log = own - (v * v * 0.5);
                    TLanes top = TLanes.Load(in Unsafe.Add(ref values, j));
                    if (adds)
                    {
                        (TLanes.Load(in Unsafe.Add(ref sums, j)) + VectorMath.Exp(log - top)).Store(ref Unsafe.Add(ref sums, j));
                    }
                    else
                    {
                        TLanes.Max(top, log).Store(ref Unsafe.Add(ref values, j));
                    }
                }
            }
        }
    }
}
