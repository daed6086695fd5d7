using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sgm.Engine;

/// <summary>A law that is simple in the eigenbasis Q of a full covariance: f(x) = Q·f_inner(Qᵀx), for the score and for the denoiser.</summary>
internal sealed class RotatedKernel<TLanes> : ScoreKernel
    where TLanes : struct, ILanes<TLanes>
{
    private const int Chunk = 64;

    private readonly ScoreKernel inner;
    private readonly double[] forth;
    private readonly double[] back;

    /// <summary>The law's score in coordinates Qᵀx, and Q row-major with the eigenvectors as columns.</summary>
    public RotatedKernel(ScoreKernel inner, double[] eigenvectors)
    {
        int d = inner.Dimension;
        this.inner = inner;
        forth = new double[d * d];
        back = new double[d * d];
        Panel.Pack(Transposed(eigenvectors, d), d, d, forth);
        Panel.Pack(eigenvectors, d, d, back);
    }

    public override int Dimension => inner.Dimension;

    public override int ConstantsLength => inner.ConstantsLength;

    public override int ScratchLength => (2 * Dimension * Chunk) + inner.ScratchLength;

    public override double Cost => inner.Cost + (2.0 * Dimension * Dimension);

    /// <summary>Qᵀ of a row-major matrix.</summary>
    public static double[] Transposed(double[] matrix, int d)
    {
        double[] result = new double[d * d];
        for (int i = 0; i < d; i++)
        {
            for (int j = 0; j < d; j++)
            {
                result[(j * d) + i] = matrix[(i * d) + j];
            }
        }

        return result;
    }

    public override void Prepare(NoiseLevel level, Prediction of, Span<double> constants) => inner.Prepare(level, of, constants);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Evaluate(
        ReadOnlySpan<double> constants, ref double x, ref double s, int stride, int width, Span<double> scratch)
    {
        int d = Dimension;
        int group = 2 * TLanes.Count;
        ref double z = ref MemoryMarshal.GetReference(scratch);
        ref double t = ref Unsafe.Add(ref z, (nint)d * Chunk);
        Span<double> rest = scratch[(2 * d * Chunk)..];
        ref double none = ref Unsafe.NullRef<double>();
        for (int first = 0; first < width; first += Chunk)
        {
            int count = Math.Min(Chunk, width - first);
            for (int i = 0; i < count; i += group)
            {
                Panel.Multiply<TLanes>(
                    ref MemoryMarshal.GetArrayDataReference(forth), d, d, ref Unsafe.Add(ref x, first + i), stride, ref Unsafe.Add(ref z, i), Chunk, false, ref none);
            }

            inner.Evaluate(constants, ref z, ref t, Chunk, count, rest);
            for (int i = 0; i < count; i += group)
            {
                Panel.Multiply<TLanes>(
                    ref MemoryMarshal.GetArrayDataReference(back), d, d, ref Unsafe.Add(ref t, i), Chunk, ref Unsafe.Add(ref s, first + i), stride, false, ref none);
            }
        }
    }
}
