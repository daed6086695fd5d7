using System.Runtime.InteropServices;

namespace Sgm.Engine;

/// <summary>
/// Weight·s + Σ_j w_j·s_j of several kernels; of denoisers, which D = (x + σ²s)/m makes of scores, the same and (1 − Σw)·x/m. Every term
/// is added by one multiply-add in the order of the kernels, at every register width the same.
/// </summary>
internal sealed class BlendKernel(ScoreKernel first, double weight, (double Weight, ScoreKernel Kernel)[] others) : ScoreKernel
{
    public override int Dimension => first.Dimension;

    // Those of the kernels one after the other, then what is kept of the state.
    public override int ConstantsLength { get; } =
        first.ConstantsLength + others.Sum(static other => other.Kernel.ConstantsLength) + 1;

    // Points and scores of a grain of points, and what the kernels need.
    public override int ScratchLength { get; } = (2 * first.Dimension * BlockFormat.Grain)
        + others.Select(static other => other.Kernel.ScratchLength).Append(first.ScratchLength).Max();

    public override double Cost { get; } =
        first.Cost + others.Sum(static other => other.Kernel.Cost) + (3.0 * (1 + others.Length) * first.Dimension);

    public override void Prepare(NoiseLevel level, Prediction of, Span<double> constants)
    {
        first.Prepare(level, of, constants[..first.ConstantsLength]);
        int at = first.ConstantsLength;
        double sum = weight;
        foreach ((double own, ScoreKernel kernel) in others)
        {
            kernel.Prepare(level, of, constants.Slice(at, kernel.ConstantsLength));
            at += kernel.ConstantsLength;
            sum += own;
        }

        constants[at] = of == Prediction.Denoiser ? (1 - sum) / level.Mean : 0;
    }

    public override void Evaluate(
        ReadOnlySpan<double> constants, ref double x, ref double s, int stride, int width, Span<double> scratch)
    {
        const int Grain = BlockFormat.Grain;
        int own = Dimension * Grain;
        Span<double> points = scratch[..own];
        Span<double> scores = scratch.Slice(own, own);
        Span<double> inner = scratch[(2 * own)..];
        ReadOnlySpan<double> state = MemoryMarshal.CreateReadOnlySpan(in x, ((Dimension - 1) * stride) + width);
        Span<double> result = MemoryMarshal.CreateSpan(ref s, ((Dimension - 1) * stride) + width);
        first.Evaluate(constants[..first.ConstantsLength], ref x, ref s, stride, width, inner);
        double kept = constants[ConstantsLength - 1];
        for (int from = 0; from < width; from += Grain)
        {
            for (int e = 0; e < Dimension; e++)
            {
                ReadOnlySpan<double> row = state.Slice((e * stride) + from, Grain);
                row.CopyTo(points[(e * Grain)..]);
                Span<double> sums = result.Slice((e * stride) + from, Grain);
                for (int i = 0; i < Grain; i++)
                {
                    sums[i] = kept == 0 ? weight * sums[i] : Math.FusedMultiplyAdd(kept, row[i], weight * sums[i]);
                }
            }

            int at = first.ConstantsLength;
            foreach ((double factor, ScoreKernel kernel) in others)
            {
                ReadOnlySpan<double> known = constants.Slice(at, kernel.ConstantsLength);
                at += kernel.ConstantsLength;
                kernel.Evaluate(
                    known, ref MemoryMarshal.GetReference(points), ref MemoryMarshal.GetReference(scores), Grain, Grain, inner);
                for (int e = 0; e < Dimension; e++)
                {
                    Span<double> sums = result.Slice((e * stride) + from, Grain);
                    ReadOnlySpan<double> found = scores.Slice(e * Grain, Grain);
                    for (int i = 0; i < Grain; i++)
                    {
                        sums[i] = Math.FusedMultiplyAdd(factor, found[i], sums[i]);
                    }
                }
            }
        }
    }
}
