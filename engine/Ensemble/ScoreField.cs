using System.Runtime.InteropServices;

namespace Sgm.Engine;

/// <summary>
/// A score estimate as a function: s(x, level) or its denoiser for any number of points, by the kernels that the ensemble runs.
/// Immutable, safe to share between threads.
/// </summary>
public sealed class ScoreField
{
    private const int Chunk = 512;

    private readonly ScoreKernel kernel;

    /// <summary>The score with its modifiers.</summary>
    public ScoreField(Score score)
        : this(ScoreKernels.Create(score))
    {
    }

    /// <summary>The score at a register width of 512, 256, 128 or 64 bits (for tests; every width gives the same bits).</summary>
    public ScoreField(Score score, int registerBits)
        : this(Create(score, registerBits))
    {
    }

    private ScoreField(ScoreKernel kernel) => this.kernel = kernel;

    /// <summary>d.</summary>
    public int Dimension => kernel.Dimension;

    /// <summary>The names of the kernels that there are, one of which evaluates a factor of a target.</summary>
    public static IReadOnlyList<string> KernelNames => ScoreKernels.Names;

    /// <summary>The name of the kernel that evaluates this factor.</summary>
    public static string KernelName(Mixture law) => ScoreKernels.Name(law);

    /// <summary>
    /// scores[e·count + i] ← coordinate e of s(x_i, level), with coordinate e of x_i at points[e·count + i]; both of shape [d, count].
    /// </summary>
    public void Evaluate(NoiseLevel level, ReadOnlySpan<double> points, Span<double> scores, int count) =>
        Evaluate(level, Prediction.Score, points, scores, count);

    /// <summary>The same for either prediction.</summary>
    public void Evaluate(NoiseLevel level, Prediction of, ReadOnlySpan<double> points, Span<double> scores, int count)
    {
        if (points.Length != (long)count * Dimension || scores.Length != points.Length)
            throw new ArgumentException($"points and scores must have shape [{Dimension}, {count}]", nameof(points));
        double[] constants = new double[kernel.ConstantsLength];
        kernel.Prepare(level, of, constants);
        int capacity = Math.Min(Chunk, BlockFormat.Width(Math.Max(count, 1)));
        using AlignedMemory memory = new((2L * Dimension * capacity) + kernel.ScratchLength);
        Span<double> x = memory.Slice(0, Dimension * capacity);
        Span<double> s = memory.Slice((long)Dimension * capacity, Dimension * capacity);
        Span<double> scratch = memory.Slice(2L * Dimension * capacity, kernel.ScratchLength);
        for (int from = 0; from < count; from += capacity)
        {
            int here = Math.Min(capacity, count - from);
            int width = BlockFormat.Width(here);
            x.Clear();
            for (int e = 0; e < Dimension; e++)
            {
                points.Slice((e * count) + from, here).CopyTo(x[(e * width)..]);
            }

            kernel.Evaluate(constants, ref MemoryMarshal.GetReference(x), ref MemoryMarshal.GetReference(s), width, width, scratch);
            for (int e = 0; e < Dimension; e++)
            {
                s.Slice(e * width, here).CopyTo(scores[((e * count) + from)..]);
            }
        }
    }

    private static ScoreKernel Create(Score score, int registerBits)
    {
        CreateAction action = new() { Score = score };
        LaneWidth.Run(registerBits, ref action);
        return action.Kernel!;
    }

    private struct CreateAction : ILanesAction
    {
        public required Score Score;
        public ScoreKernel? Kernel;

        public void Invoke<TLanes>()
            where TLanes : struct, ILanes<TLanes> => Kernel = ScoreKernels.Create<TLanes>(Score);
    }
}
