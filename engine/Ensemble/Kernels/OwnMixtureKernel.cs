using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sgm.Engine;

/// <summary>
/// Σ_k w_k N(μ_k, diag λ_k), each component with its own variances. With v_ke = m²λ_ke + σ²:
/// l_k = ln w_k − ½ Σ_e ln v_ke − ½ Σ_e (x_e − m·μ_ke)²/v_ke, p = softmax(l), f_e = Σ_k p_k·(base_ke + gain_ke·(m·μ_ke − x_e)), where
/// the gain is 1/v_ke and the base 0 for the score (<see cref="Reading"/>).
/// </summary>
internal sealed class OwnMixtureKernel<TLanes>(double[] weights, double[] means, Covariance[] covariances) : ScoreKernel
    where TLanes : struct, ILanes<TLanes>
{
    private const int Tile = 64;

    private readonly int dimension = covariances[0].Dimension;
    private readonly int components = weights.Length;

    public override int Dimension => dimension;

    // Rows [K, d] of m·μ, of 1/v, of the gains and of the bases, then K biases.
    public override int ConstantsLength => components * ((4 * dimension) + 1);

    public override int ScratchLength => Math.Min(Tile, components) * 2 * TLanes.Count;

    public override double Cost => components * ((6.0 * dimension) + 20);

    public override void Prepare(NoiseLevel level, Prediction of, Span<double> constants)
    {
        int size = components * dimension;
        for (int k = 0; k < components; k++)
        {
            double logDeterminant = 0;
            for (int e = 0; e < dimension; e++)
            {
                int at = (k * dimension) + e;
                double variance = level.VarianceOf(covariances[k].Eigenvalue(e));
                constants[at] = level.Mean * means[at];
                constants[size + at] = 1 / variance;
                (constants[(2 * size) + at], constants[(3 * size) + at]) = Reading.Of(of, level, means[at], covariances[k].Eigenvalue(e));
                logDeterminant += Math.Log(variance);
            }

            constants[(4 * size) + k] = Math.Log(weights[k]) - (0.5 * logDeterminant);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Evaluate(
        ReadOnlySpan<double> constants, ref double x, ref double s, int stride, int width, Span<double> scratch)
    {
        int lanes = TLanes.Count;
        int group = 2 * lanes;
        ref double centre = ref MemoryMarshal.GetReference(constants);
        ref double precision = ref Unsafe.Add(ref centre, (nint)components * dimension);
        ref double gain = ref Unsafe.Add(ref precision, (nint)components * dimension);
        ref double level = ref Unsafe.Add(ref gain, (nint)components * dimension);
        ref double bias = ref Unsafe.Add(ref level, (nint)components * dimension);
        ref double p = ref MemoryMarshal.GetReference(scratch);
        for (int i = 0; i < width; i += group)
        {
            ref double from = ref Unsafe.Add(ref x, i);
            ref double to = ref Unsafe.Add(ref s, i);
            Running<TLanes> left = Running<TLanes>.Start(), right = Running<TLanes>.Start();
            for (int first = 0; first < components; first += Tile)
            {
                int count = Math.Min(Tile, components - first);
                nint offset = (nint)first * dimension;
                ref double mu = ref Unsafe.Add(ref centre, offset);
                ref double w = ref Unsafe.Add(ref precision, offset);
                Logits(dimension, count, ref from, stride, ref mu, ref w, ref Unsafe.Add(ref bias, first), ref p);
                Softmax.Tile(ref p, count, group, ref left, ref right);
                Combine(
                    count, first == 0, left.Scale, right.Scale, ref from, ref to, stride, ref mu, ref Unsafe.Add(ref gain, offset), ref Unsafe.Add(ref level, offset), ref p);
            }

            Finish(1.0 / left.Sum, 1.0 / right.Sum, ref to, stride);
        }
    }

    /// <summary>p_k ← bias_k − ½ Σ_e w_ke (x_e − mu_ke)², for two registers of points: mu and w of shape [count, d], p of [count, two registers].</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Logits(
        int dimension, int count, ref double x, nint stride, ref double mu, ref double w, ref double bias, ref double p)
    {
        int lanes = TLanes.Count;
        for (int k = 0; k < count; k++)
        {
            TLanes a = 0.0, b = 0.0;
            ref double at = ref x;
            for (int e = 0; e < dimension; e++)
            {
                TLanes centre = mu;
                TLanes weight = w;
                TLanes left = TLanes.Load(in at) - centre;
                TLanes right = TLanes.Load(in Unsafe.Add(ref at, lanes)) - centre;
                a = TLanes.MultiplyAdd(left * weight, left, a);
                b = TLanes.MultiplyAdd(right * weight, right, b);
                at = ref Unsafe.Add(ref at, stride);
                mu = ref Unsafe.Add(ref mu, 1);
                w = ref Unsafe.Add(ref w, 1);
            }

            TLanes start = Unsafe.Add(ref bias, k);
            TLanes.MultiplyAdd(a, -0.5, start).Store(ref p);
            TLanes.MultiplyAdd(b, -0.5, start).Store(ref Unsafe.Add(ref p, lanes));
            p = ref Unsafe.Add(ref p, 2 * lanes);
        }
    }

    // s ← s·scale + Σ_k p_k·(base_k + gain_k·(mμ_k − x)).
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private void Combine(
        int count,
        bool isFirst,
        TLanes scale0,
        TLanes scale1,
        ref double from,
        ref double to,
        nint stride,
        ref double mu,
        ref double gain,
        ref double level,
        ref double p)
    {
        int lanes = TLanes.Count;
        for (int e = 0; e < dimension; e++)
        {
            ref double right = ref Unsafe.Add(ref to, lanes);
            TLanes x0 = TLanes.Load(in from);
            TLanes x1 = TLanes.Load(in Unsafe.Add(ref from, lanes));
            TLanes a = isFirst ? 0.0 : TLanes.Load(in to) * scale0;
            TLanes b = isFirst ? 0.0 : TLanes.Load(in right) * scale1;
            ref double share = ref p;
            int at = e;
            for (int k = 0; k < count; k++)
            {
                TLanes centre = Unsafe.Add(ref mu, at);
                TLanes slope = Unsafe.Add(ref gain, at);
                TLanes offset = Unsafe.Add(ref level, at);
                a = TLanes.MultiplyAdd(TLanes.Load(in share), TLanes.MultiplyAdd(centre - x0, slope, offset), a);
                b = TLanes.MultiplyAdd(TLanes.Load(in Unsafe.Add(ref share, lanes)), TLanes.MultiplyAdd(centre - x1, slope, offset), b);
                share = ref Unsafe.Add(ref share, 2 * lanes);
                at += dimension;
            }

            a.Store(ref to);
            b.Store(ref right);
            from = ref Unsafe.Add(ref from, stride);
            to = ref Unsafe.Add(ref to, stride);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Finish(TLanes share0, TLanes share1, ref double to, nint stride)
    {
        for (int e = 0; e < dimension; e++)
        {
            ref double right = ref Unsafe.Add(ref to, TLanes.Count);
            (TLanes.Load(in to) * share0).Store(ref to);
            (TLanes.Load(in right) * share1).Store(ref right);
            to = ref Unsafe.Add(ref to, stride);
        }
    }
}
