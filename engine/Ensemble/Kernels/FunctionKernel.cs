using System.Runtime.InteropServices;

namespace Sgm.Engine;

/// <summary>A <see cref="ScoreFunction"/> as a kernel.</summary>
internal sealed class FunctionKernel(ScoreFunction function) : ScoreKernel
{
    public override int Dimension => function.Dimension;

    public override int ConstantsLength => 4;

    public override double Cost => function.Cost;

    public override void Prepare(NoiseLevel level, Prediction of, Span<double> constants)
    {
        constants[0] = level.Parameter;
        constants[1] = level.Mean;
        constants[2] = level.Sigma;
        constants[3] = of == Prediction.Denoiser ? 1 : 0;
    }

    public override void Evaluate(
        ReadOnlySpan<double> constants, ref double x, ref double s, int stride, int width, Span<double> scratch)
    {
        int length = checked(((Dimension - 1) * stride) + width);
        NoiseLevel level = new(constants[0], constants[1], constants[2]);
        ReadOnlySpan<double> points = MemoryMarshal.CreateReadOnlySpan(in x, length);
        Span<double> scores = MemoryMarshal.CreateSpan(ref s, length);
        function.Evaluate(level, points, scores, stride, width);
        if (constants[3] == 0) return;
        // D = (x + σ²s)/m.
        double weight = level.NoiseVariance / level.Mean;
        double kept = 1 / level.Mean;
        for (int e = 0; e < Dimension; e++)
        {
            for (int i = e * stride; i < (e * stride) + width; i++)
            {
                scores[i] = Math.FusedMultiplyAdd(points[i], kept, scores[i] * weight);
            }
        }
    }
}
