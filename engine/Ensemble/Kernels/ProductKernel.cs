using System.Runtime.CompilerServices;

namespace Sgm.Engine;

/// <summary>Independent factors on consecutive blocks of coordinates, some repeated: each copy is evaluated on its own rows.</summary>
/// <remarks>
/// The copies of a one-dimensional factor are rows of the same law, so they run as one row of count·width points when the
/// block is contiguous.
/// </remarks>
internal sealed class ProductKernel((int Count, ScoreKernel Kernel)[] factors) : ScoreKernel
{
    public override int Dimension { get; } = factors.Sum(f => f.Count * f.Kernel.Dimension);

    public override int ConstantsLength { get; } = factors.Sum(f => f.Kernel.ConstantsLength);

    public override int ScratchLength { get; } = factors.Max(f => f.Kernel.ScratchLength);

    public override double Cost { get; } = factors.Sum(f => f.Count * f.Kernel.Cost);

    public override void Prepare(NoiseLevel level, Prediction of, Span<double> constants)
    {
        foreach ((_, ScoreKernel kernel) in factors)
        {
            kernel.Prepare(level, of, constants[..kernel.ConstantsLength]);
            constants = constants[kernel.ConstantsLength..];
        }
    }

    public override void Evaluate(
        ReadOnlySpan<double> constants, ref double x, ref double s, int stride, int width, Span<double> scratch)
    {
        foreach ((int count, ScoreKernel kernel) in factors)
        {
            ReadOnlySpan<double> own = constants[..kernel.ConstantsLength];
            constants = constants[kernel.ConstantsLength..];
            nint rows = (nint)kernel.Dimension * stride;
            if (kernel.Dimension == 1 && width == stride && (long)count * width <= int.MaxValue)
            {
                kernel.Evaluate(own, ref x, ref s, count * width, count * width, scratch);
                x = ref Unsafe.Add(ref x, count * rows);
                s = ref Unsafe.Add(ref s, count * rows);
                continue;
            }

            for (int copy = 0; copy < count; copy++)
            {
                kernel.Evaluate(own, ref x, ref s, stride, width, scratch);
                x = ref Unsafe.Add(ref x, rows);
                s = ref Unsafe.Add(ref s, rows);
            }
        }
    }
}
