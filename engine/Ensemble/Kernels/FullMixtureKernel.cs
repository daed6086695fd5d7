using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sgm.Engine;

/// <summary>
/// Σ_k w_k N(μ_k, Q_k·diag λ_k·Q_kᵀ), each component with its own full covariance. With z = Q_kᵀ(x − m·μ_k) and v_kj = m²λ_kj + σ²:
/// l_k = ln w_k − ½ Σ_j ln v_kj − ½ Σ_j z_j²/v_kj, f = Σ_k p_k·Q_k(Q_kᵀ·base_k − gain_k·z), where the gain is 1/v_k and the base 0 for the score
/// (<see cref="Reading"/>); the softmax with a running maximum, component by component.
/// </summary>
internal sealed class FullMixtureKernel<TLanes> : ScoreKernel
    where TLanes : struct, ILanes<TLanes>
{
    private readonly int dimension;
    private readonly double[] weights;
    private readonly double[] means;
    private readonly Covariance[] covariances;
    private readonly double[] forth;
    private readonly double[] back;

    // Q_kᵀ·μ_k, row-major [K, d].
    private readonly double[] turned;

    public FullMixtureKernel(double[] weights, double[] means, Covariance[] covariances)
    {
        this.weights = weights;
        this.means = means;
        this.covariances = covariances;
        int d = dimension = covariances[0].Dimension;
        forth = new double[weights.Length * d * d];
        back = new double[weights.Length * d * d];
        turned = new double[means.Length];
        for (int k = 0; k < weights.Length; k++)
        {
            double[] q = covariances[k].Eigenvectors ?? Identity(d);
            Panel.Pack(RotatedKernel<TLanes>.Transposed(q, d), d, d, forth.AsSpan(k * d * d));
            Panel.Pack(q, d, d, back.AsSpan(k * d * d));
            for (int j = 0; j < d; j++)
            {
                for (int e = 0; e < d; e++)
                {
                    turned[(k * d) + j] += q[(e * d) + j] * means[(k * d) + e];
                }
            }
        }
    }

    public override int Dimension => dimension;

    public override int ConstantsLength => weights.Length * ((4 * dimension) + 1);

    public override int ScratchLength => 2 * dimension * 2 * TLanes.Count;

    public override double Cost => weights.Length * ((2.0 * dimension * dimension) + 40);

    public override void Prepare(NoiseLevel level, Prediction of, Span<double> constants)
    {
        int size = weights.Length * dimension;
        for (int k = 0; k < weights.Length; k++)
        {
            double logDeterminant = 0;
            for (int e = 0; e < dimension; e++)
            {
                int at = (k * dimension) + e;
                double variance = level.VarianceOf(covariances[k].Eigenvalue(e));
                constants[at] = level.Mean * means[at];
                constants[size + at] = 1 / variance;
                (double gain, constants[(3 * size) + at]) = Reading.Of(of, level, turned[at], covariances[k].Eigenvalue(e));
                constants[(2 * size) + at] = -gain;
                logDeterminant += Math.Log(variance);
            }

            constants[(4 * size) + k] = Math.Log(weights[k]) - (0.5 * logDeterminant);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Evaluate(
        ReadOnlySpan<double> constants, ref double x, ref double s, int stride, int width, Span<double> scratch)
    {
        int group = 2 * TLanes.Count;
        for (int i = 0; i < width; i += group)
        {
            Group(constants, ref Unsafe.Add(ref x, i), ref Unsafe.Add(ref s, i), stride, scratch);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Group(ReadOnlySpan<double> constants, ref double x, ref double s, nint stride, Span<double> scratch)
    {
        int d = dimension;
        int lanes = TLanes.Count;
        nint group = 2 * lanes;
        nint square = (nint)d * d;
        ref double mu = ref MemoryMarshal.GetReference(constants);
        ref double w = ref Unsafe.Add(ref mu, (nint)weights.Length * d);
        ref double gain = ref Unsafe.Add(ref w, (nint)weights.Length * d);
        ref double level = ref Unsafe.Add(ref gain, (nint)weights.Length * d);
        ref double bias = ref Unsafe.Add(ref level, (nint)weights.Length * d);
        ref double y = ref MemoryMarshal.GetReference(scratch);
        ref double z = ref Unsafe.Add(ref y, d * group);
        TLanes top0 = double.NegativeInfinity, top1 = double.NegativeInfinity, sum0 = 0.0, sum1 = 0.0;
        for (int e = 0; e < d; e++)
        {
            ((TLanes)0.0).Store(ref Unsafe.Add(ref s, e * stride));
            ((TLanes)0.0).Store(ref Unsafe.Add(ref s, (e * stride) + lanes));
        }

        for (int k = 0; k < weights.Length; k++)
        {
            for (int e = 0; e < d; e++)
            {
                TLanes centre = Unsafe.Add(ref mu, e);
                ref double from = ref Unsafe.Add(ref x, e * stride);
                ref double to = ref Unsafe.Add(ref y, e * group);
                (TLanes.Load(in from) - centre).Store(ref to);
                (TLanes.Load(in Unsafe.Add(ref from, lanes)) - centre).Store(ref Unsafe.Add(ref to, lanes));
            }

            ref double none = ref Unsafe.NullRef<double>();
            Panel.Multiply<TLanes>(ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(forth), k * square), d, d, ref y, group, ref z, group, false, ref none);
            TLanes a = 0.0, b = 0.0;
            for (int e = 0; e < d; e++)
            {
                TLanes weight = Unsafe.Add(ref w, e);
                TLanes left = TLanes.Load(in Unsafe.Add(ref z, e * group));
                TLanes right = TLanes.Load(in Unsafe.Add(ref z, (e * group) + lanes));
                a = TLanes.MultiplyAdd(left * weight, left, a);
                b = TLanes.MultiplyAdd(right * weight, right, b);
            }

            TLanes start = Unsafe.Add(ref bias, k);
            TLanes p0 = Share(TLanes.MultiplyAdd(a, -0.5, start), ref top0, ref sum0, out TLanes scale0);
            TLanes p1 = Share(TLanes.MultiplyAdd(b, -0.5, start), ref top1, ref sum1, out TLanes scale1);
            for (int e = 0; e < d; e++)
            {
                TLanes slope = Unsafe.Add(ref gain, e);
                TLanes offset = Unsafe.Add(ref level, e);
                ref double at = ref Unsafe.Add(ref z, e * group);
                ref double right = ref Unsafe.Add(ref at, lanes);
                (TLanes.MultiplyAdd(TLanes.Load(in at), slope, offset) * p0).Store(ref at);
                (TLanes.MultiplyAdd(TLanes.Load(in right), slope, offset) * p1).Store(ref right);
                ref double to = ref Unsafe.Add(ref s, e * stride);
                ref double toRight = ref Unsafe.Add(ref to, lanes);
                (TLanes.Load(in to) * scale0).Store(ref to);
                (TLanes.Load(in toRight) * scale1).Store(ref toRight);
            }

            Panel.Multiply<TLanes>(ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(back), k * square), d, d, ref z, group, ref s, stride, true, ref none);
            mu = ref Unsafe.Add(ref mu, d);
            w = ref Unsafe.Add(ref w, d);
            gain = ref Unsafe.Add(ref gain, d);
            level = ref Unsafe.Add(ref level, d);
        }

        for (int e = 0; e < d; e++)
        {
            ref double to = ref Unsafe.Add(ref s, e * stride);
            ref double right = ref Unsafe.Add(ref to, lanes);
            (TLanes.Load(in to) / sum0).Store(ref to);
            (TLanes.Load(in right) / sum1).Store(ref right);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Share(TLanes logit, ref TLanes top, ref TLanes sum, out TLanes scale)
    {
        TLanes now = TLanes.Max(top, logit);
        scale = VectorMath.Exp(top - now);
        TLanes p = VectorMath.Exp(logit - now);
        top = now;
        sum = TLanes.MultiplyAdd(sum, scale, p);
        return p;
    }

    private static double[] Identity(int d)
    {
        double[] matrix = new double[d * d];
        for (int i = 0; i < d; i++)
        {
            matrix[(i * d) + i] = 1;
        }

        return matrix;
    }
}
