using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sgm.Engine;

/// <content>The sums over the components of a panel, eight at a time.</content>
internal sealed partial class MixturePanels
{
    /// <summary>The largest exponent at the centre; e to the others less it, summed, with the scores, with 1/s² and with a
    /// lower bound on tail by density, 2s/(|z| + √(z² + 4)) (Birnbaum 1942).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (double Top, double Total, double Score, double Curvature, double Tail) Shares(MixturePanel panel)
    {
        ComponentSlice parts = panel.Parts;
        Vector512<double> centre = Vector512.Create(panel.Centre);
        Vector512<double> top = Vector512.Create(double.NegativeInfinity);
        for (int k = 0; k < parts.Count; k += Block)
        {
            Vector512<double> z = (centre - ComponentSlice.Load(parts.Mean, k)) * ComponentSlice.Load(parts.Precision, k);
            top = Vector512.MaxNative(top, ComponentSlice.Load(parts.LogPeak, k) - (z * z * 0.5));
        }

        Vector512<double> largest = Vector512.Create(ComponentSlice.Largest(top));
        Vector512<double> total = default;
        Vector512<double> score = default;
        Vector512<double> curvature = default;
        Vector512<double> tail = default;
        for (int k = 0; k < parts.Count; k += Block)
        {
            Vector512<double> precision = ComponentSlice.Load(parts.Precision, k);
            Vector512<double> z = (ComponentSlice.Load(parts.Mean, k) - centre) * precision;
            Vector512<double> share = Exp(ComponentSlice.Load(parts.LogPeak, k) - (z * z * 0.5) - largest);
            total += share;
            score += share * z * precision;
            curvature += share * precision * precision;
            tail += share * ComponentSlice.Load(parts.Deviation, k) * 2 / (Vector512.Abs(z) + Vector512.Sqrt((z * z) + Vector512.Create(4.0)));
        }

        return (largest.GetElement(0), Vector512.Sum(total), Vector512.Sum(score), Vector512.Sum(curvature), Vector512.Sum(tail));
    }

    /// <summary>
    /// Over the shares at the centre, means of the reading less an anchor, of its square, of the factor's size and of
    /// the reading's.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (double First, double Second, double Factor, double Size) Readings(MixturePanel panel, double anchor)
    {
        ComponentSlice parts = panel.Parts;
        Vector512<double> centre = Vector512.Create(panel.Centre);
        Vector512<double> logScale = Vector512.Create(panel.LogScale);
        Vector512<double> first = default;
        Vector512<double> second = default;
        Vector512<double> factors = default;
        Vector512<double> size = default;
        for (int k = 0; k < parts.Count; k += Block)
        {
            Vector512<double> away = ComponentSlice.Load(parts.Mean, k) - centre;
            Vector512<double> z = away * ComponentSlice.Load(parts.Precision, k);
            Vector512<double> share = Exp(ComponentSlice.Load(parts.LogPeak, k) - (z * z * 0.5) - logScale);
            Vector512<double> factor = ComponentSlice.Load(parts.Factor, k);
            Vector512<double> place = ComponentSlice.Load(parts.Base, k);
            Vector512<double> reading = place + (factor * away) - Vector512.Create(anchor);
            first += share * reading;
            second += share * reading * reading;
            factors += share * Vector512.Abs(factor);
            size += share * (Vector512.Abs(place) + (Vector512.Abs(factor * away) * 4));
        }

        return (Vector512.Sum(first), Vector512.Sum(second), Vector512.Sum(factors), Vector512.Sum(size));
    }

    /// <summary>
    /// L; Σ U_k, and the same of the readings, of their squares and of the factors; and the sum of the readings' sizes
    /// over the panel.
    /// Fills in how much of every sum each component may be anywhere in the panel.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private (double Least, double Largest, double Reading, double Square, double Factor, double Size) Bounds(
        MixturePanel panel, double[] share, double sizeOfReading, double sizeOfSlope, double sizeOfFactor)
    {
        ComponentSlice parts = panel.Parts;
        bool tails = content == PanelContent.Tails;
        Vector512<double> centre = Vector512.Create(panel.Centre);
        Vector512<double> half = Vector512.Create(panel.HalfWidth);
        Vector512<double> axis = half * HalfAxis;
        Vector512<double> height = half * Height;
        Vector512<double> tilt = Vector512.Create(panel.Tilt);
        Vector512<double> logScale = Vector512.Create(panel.LogScale);
        Vector512<double> least = default;
        Vector512<double> largest = default;
        Vector512<double> readings = default;
        Vector512<double> squares = default;
        Vector512<double> factors = default;
        Vector512<double> sizes = default;
        for (int k = 0; k < parts.Count; k += Block)
        {
            Vector512<double> precision = ComponentSlice.Load(parts.Precision, k);
            Vector512<double> away = ComponentSlice.Load(parts.Mean, k) - centre;
            Vector512<double> peak = ComponentSlice.Load(parts.LogPeak, k) - logScale;
            Vector512<double> deviation = ComponentSlice.Load(parts.Deviation, k);
            Vector512<double> top = away - (tilt * deviation * deviation);
            Vector512<double> factor = Vector512.Abs(ComponentSlice.Load(parts.Factor, k));
            Vector512<double> place = ComponentSlice.Load(parts.Base, k);
            Vector512<double> up = height * precision;
            Vector512<double> inside = Exp(Exponent(peak, away, precision, tilt, Vector512.MinNative(Vector512.MaxNative(top, -half), half)));
            Vector512<double> outside = Exp(Exponent(peak, away, precision, tilt, Vector512.MinNative(Vector512.MaxNative(top, -axis), axis)) + (up * up * 0.5));
            least += Exp(Vector512.MinNative(Exponent(peak, away, precision, tilt, half), Exponent(peak, away, precision, tilt, -half)));
            largest += outside;
            Vector512<double> near;
            Vector512<double> far;
            if (tails)
            {
                // P(Z > u) ≤ ½·e^(−u²/2) for u ≥ 0, and ≤ e^(−u²/2)·e^(u²/2) for the u < 0 that the panel or the ellipse reaches.
                Vector512<double> distance = Vector512.Abs(away);
                near = Mills(distance - half, precision, deviation);
                far = Mills(distance - axis, precision, deviation);
                readings += outside * far;
            }
            else
            {
                Vector512<double> reading = Vector512.Abs(place + (ComponentSlice.Load(parts.Factor, k) * away) - Vector512.Create(panel.Reading));
                near = reading + (factor * half);
                far = reading + (factor * axis);
                readings += outside * far;
                squares += outside * far * far;
                factors += outside * factor;
                sizes += inside * (Vector512.Abs(place) + (factor * (Vector512.Abs(away) + half) * 4));
            }

            Vector512<double> most = Vector512.MaxNative(Vector512<double>.One, near * (1 / sizeOfReading));
            if (!tails)
            {
                most = Vector512.MaxNative(most, Vector512.MaxNative(near * near * (1 / sizeOfSlope), factor * (1 / sizeOfFactor)));
            }

            (inside * most).StoreUnsafe(ref share[0], (nuint)k);
        }

        return (Vector512.Sum(least), Vector512.Sum(largest), Vector512.Sum(readings), Vector512.Sum(squares), Vector512.Sum(factors), Vector512.Sum(sizes));
    }

    /// <summary>ln of a component times e^(−Tilt·d)/p(c) at c + d.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Exponent(
        Vector512<double> peak, Vector512<double> away, Vector512<double> precision, Vector512<double> tilt, Vector512<double> d)
    {
        Vector512<double> z = (d - away) * precision;
        return peak - (z * z * 0.5) - (tilt * d);
    }

    /// <summary>√(2π)·s·max(½, e^(u²/2)) for a least u of <paramref name="distance"/>/s.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Mills(Vector512<double> distance, Vector512<double> precision, Vector512<double> deviation)
    {
        Vector512<double> u = Vector512.MinNative(distance * precision, Vector512<double>.Zero);
        return Vector512.MaxNative(Vector512.Create(0.5), Exp(Vector512.MinNative(u * u * 0.5, Vector512.Create(700.0)))) * deviation * RootTwoPi;
    }

    /// <summary>The four sums at the Chebyshev points, shape [4, 24]: in runs without compensation, and those with it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Sums(MixturePanel panel, double[] values)
    {
        if (content != PanelContent.Tails)
        {
            ReadingSums action = new() { Panel = panel, Values = values };
            LaneWidth.Run(ref action);
            return;
        }

        ComponentSlice parts = panel.Parts;
        int left = LowerBound(parts, panel.Centre);
        for (int v = 0; v < Order; v += Block)
        {
            Vector512<double> d = ComponentSlice.Load(MixturePanel.Nodes, v) * panel.HalfWidth;
            Vector512<double> shift = (d * -panel.Tilt) - Vector512.Create(panel.LogScale);
            Vector512<double> unit = Exp(shift);
            (Vector512<double> sum0, Vector512<double> sum1, Vector512<double> sum2) = (default, default, default);
            (Vector512<double> rest0, Vector512<double> rest1, Vector512<double> rest2) = (default, default, default);
            for (int first = 0; first < parts.Count; first += Run)
            {
                (Vector512<double> own0, Vector512<double> own1, Vector512<double> own2) = (default, default, default);
                for (int k = first; k < Math.Min(first + Run, parts.Count); k++)
                {
                    Vector512<double> away = d + Vector512.Create(panel.Centre - parts.Mean[k]);
                    Vector512<double> z = away * parts.Precision[k];
                    Vector512<double> density = Exp(Vector512.Create(parts.LogPeak[k]) - (z * z * 0.5) + shift);
                    own0 += density;
                    Vector512<double> side = k < left ? z : -z;
                    Vector512<double> tail = NormalTail.Mills(Vector512.Abs(side)) * density * parts.Deviation[k];
                    tail = Vector512.ConditionalSelect(
                        Vector512.LessThan(side, Vector512<double>.Zero),
                        (unit * parts.Base[k]) - tail,
                        tail);
                    own1 += k < left ? default : tail;
                    own2 += k < left ? tail : default;
                }

                Compensated(ref sum0, ref rest0, own0);
                Compensated(ref sum1, ref rest1, own1);
                Compensated(ref sum2, ref rest2, own2);
            }

            (sum0 + rest0).StoreUnsafe(ref values[0], (nuint)v);
            (sum1 + rest1).StoreUnsafe(ref values[0], (nuint)(Order + v));
            (sum2 + rest2).StoreUnsafe(ref values[0], (nuint)((2 * Order) + v));
        }
    }

    /// <summary>The sums with readings, at the width that the machine has: they are most of what panels cost.</summary>
    private ref struct ReadingSums : ILanesAction
    {
        public required MixturePanel Panel;
        public required double[] Values;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Invoke<TLanes>()
            where TLanes : struct, ILanes<TLanes>
        {
            ComponentSlice parts = Panel.Parts;
            for (int v = 0; v < Order; v += TLanes.Count)
            {
                TLanes d = TLanes.Load(in MixturePanel.Nodes[v]) * Panel.HalfWidth;
                TLanes shift = (d * -Panel.Tilt) - Panel.LogScale;
                (TLanes sum0, TLanes sum1, TLanes sum2, TLanes sum3) = (0.0, 0.0, 0.0, 0.0);
                (TLanes rest0, TLanes rest1, TLanes rest2, TLanes rest3) = (0.0, 0.0, 0.0, 0.0);
                for (int first = 0; first < parts.Count; first += Run)
                {
                    (TLanes own0, TLanes own1, TLanes own2, TLanes own3) = (0.0, 0.0, 0.0, 0.0);
                    for (int k = first; k < Math.Min(first + Run, parts.Count); k++)
                    {
                        TLanes away = d + (Panel.Centre - parts.Mean[k]);
                        TLanes z = away * parts.Precision[k];
                        TLanes exponent = parts.LogPeak[k] - (z * z * 0.5) + shift;
                        TLanes density = VectorMath.Exp(TLanes.Max(Lowest, exponent));
                        density &= TLanes.LessThan(Lowest, exponent);
                        TLanes reading = parts.Base[k] - Panel.Reading - (away * parts.Factor[k]);
                        own0 += density;
                        own1 += density * reading;
                        own2 += density * reading * reading;
                        own3 += density * parts.Factor[k];
                    }

                    Compensated(ref sum0, ref rest0, own0);
                    Compensated(ref sum1, ref rest1, own1);
                    Compensated(ref sum2, ref rest2, own2);
                    Compensated(ref sum3, ref rest3, own3);
                }

                (sum0 + rest0).Store(ref Values[v]);
                (sum1 + rest1).Store(ref Values[Order + v]);
                (sum2 + rest2).Store(ref Values[(2 * Order) + v]);
                (sum3 + rest3).Store(ref Values[(3 * Order) + v]);
            }
        }

        private static void Compensated<TLanes>(ref TLanes sum, ref TLanes rest, TLanes term)
            where TLanes : struct, ILanes<TLanes>
        {
            TLanes next = sum + term;
            TLanes back = next - sum;
            rest += (sum - (next - back)) + (term - back);
            sum = next;
        }
    }

    /// <summary>Adds with the rounding kept aside (Knuth's two-sum).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Compensated(ref Vector512<double> sum, ref Vector512<double> rest, Vector512<double> term)
    {
        Vector512<double> next = sum + term;
        Vector512<double> back = next - sum;
        rest += (sum - (next - back)) + (term - back);
        sum = next;
    }

    /// <summary>e^x; 0 below e^(−600), so that no product of it is subnormal, which would be slow.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Exp(Vector512<double> x)
    {
        Vector512<double> least = Vector512.Create(Lowest);
        Vector512<double> value = Unsafe.BitCast<Lanes512, Vector512<double>>(VectorMath.Exp(new Lanes512(Vector512.MaxNative(x, least))));
        return value & Vector512.GreaterThan(x, least);
    }
}
