using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sgm.Engine;

/// <summary>
/// One normal law N(μ, diag λ): s_e = (m·μ_e − x_e)/v_e and D_e = μ_e − (m·λ_e/v_e)·(m·μ_e − x_e), v_e = m²λ_e + σ².
/// </summary>
internal sealed class NormalKernel<TLanes>(double[] mean, Covariance covariance) : ScoreKernel
    where TLanes : struct, ILanes<TLanes>
{
    public override int Dimension => mean.Length;

    public override int ConstantsLength => 3 * mean.Length;

    public override double Cost => 2 * mean.Length;

    public override void Prepare(NoiseLevel level, Prediction of, Span<double> constants)
    {
        for (int e = 0; e < mean.Length; e++)
        {
            constants[3 * e] = level.Mean * mean[e];
            (constants[(3 * e) + 1], constants[(3 * e) + 2]) = Reading.Of(of, level, mean[e], covariance.Eigenvalue(e));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Evaluate(
        ReadOnlySpan<double> constants, ref double x, ref double s, int stride, int width, Span<double> scratch)
    {
        ref double c = ref MemoryMarshal.GetReference(constants);
        for (int e = 0; e < mean.Length; e++)
        {
            ref double from = ref Unsafe.Add(ref x, (nint)e * stride);
            ref double to = ref Unsafe.Add(ref s, (nint)e * stride);
            TLanes centre = c;
            TLanes gain = Unsafe.Add(ref c, 1);
            TLanes level = Unsafe.Add(ref c, 2);
            for (int i = 0; i < width; i += TLanes.Count)
            {
                TLanes.MultiplyAdd(centre - TLanes.Load(in Unsafe.Add(ref from, i)), gain, level).Store(ref Unsafe.Add(ref to, i));
            }

            c = ref Unsafe.Add(ref c, 3);
        }
    }
}
