using System.Runtime.InteropServices;

namespace Sgm.Engine;

/// <summary>
/// A score that a user wrote: scores[e·count + i] ← coordinate e of the score at point i, whose coordinates are points[e·count + i].
/// </summary>
/// <param name="level">The level that the score is asked for at.</param>
/// <param name="points">Shape [d, count], coordinate-major; count is a multiple of 16.</param>
/// <param name="scores">Same shape; every element must be written.</param>
/// <param name="count">Number of points.</param>
/// <remarks>
/// Called from many threads at once, and once a stage and a block: it must be a pure function of its arguments, and a point's
/// score must not depend on the other points, or results depend on how particles are cut into blocks. A value that is not
/// finite ends the run as diverged.
/// </remarks>
public delegate void BlockScore(NoiseLevel level, ReadOnlySpan<double> points, Span<double> scores, int count);

/// <summary>A <see cref="BlockScore"/> as a kernel.</summary>
internal sealed class UserKernel(BlockScore score, int dimension) : ScoreKernel
{
    public override int Dimension => dimension;

    public override int ConstantsLength => 4;

    public override double Cost => dimension;

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
        if (width != stride) throw new ArgumentException("a user's score takes whole blocks", nameof(width));
        int length = checked(dimension * width);
        NoiseLevel level = new(constants[0], constants[1], constants[2]);
        ReadOnlySpan<double> points = MemoryMarshal.CreateReadOnlySpan(in x, length);
        Span<double> scores = MemoryMarshal.CreateSpan(ref s, length);
        score(level, points, scores, width);
        if (constants[3] != 0)
        {
            for (int i = 0; i < length; i++)
            {
                scores[i] = ((level.NoiseVariance * scores[i]) + points[i]) / level.Mean;
            }
        }
    }
}
