using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sgm.Engine;

/// <summary>
/// ln p of a target at any level (m, σ) on a block of points, up to a constant of the level. Immutable and shared by all threads; the
/// layout of points and constants is that of <see cref="ScoreKernel"/>, and it is bit-identical at every register width as that is.
/// A point whose density underflows even as a logarithm, or that is not finite, gives −∞ or NaN.
/// </summary>
internal abstract class DensityKernel
{
    /// <summary>d.</summary>
    public abstract int Dimension { get; }

    /// <summary>Numbers that <see cref="Prepare"/> writes.</summary>
    public abstract int ConstantsLength { get; }

    /// <summary>Numbers of working memory, not kept between calls, aligned to 64 bytes.</summary>
    public abstract int ScratchLength { get; }

    /// <summary>Multiply-adds a point, roughly; an exponential counts 20.</summary>
    public abstract double Cost { get; }

    /// <summary>The kernel of a target at this process's register width.</summary>
    public static DensityKernel Create(Target target)
    {
        CreateAction action = new() { Target = target };
        LaneWidth.Run(ref action);
        return action.Kernel!;
    }

    /// <summary>The same at a given register width.</summary>
    public static DensityKernel Create<TLanes>(Target target)
        where TLanes : struct, ILanes<TLanes> =>
        new ProductDensity([.. target.Factors.Select(f => (f.Count, new MixtureDensity<TLanes>(ScoreKernels.WithoutEmptyComponents(f.Law))))]);

    /// <summary>Writes what the level determines.</summary>
    public abstract void Prepare(NoiseLevel level, Span<double> constants);

    /// <summary>sum ← sum + ln p at x. <paramref name="width"/> is a multiple of <see cref="BlockFormat.Grain"/>, ≤ stride.</summary>
    public abstract void Add(ReadOnlySpan<double> constants, ref double x, ref double sum, int stride, int width, Span<double> scratch);

    private struct CreateAction : ILanesAction
    {
        public Target Target;
        public DensityKernel? Kernel;

        public void Invoke<TLanes>()
            where TLanes : struct, ILanes<TLanes> => Kernel = Create<TLanes>(Target);
    }

    /// <summary>Independent factors on consecutive coordinates: logarithms add.</summary>
    private sealed class ProductDensity((int Count, DensityKernel Kernel)[] factors) : DensityKernel
    {
        public override int Dimension { get; } = factors.Sum(f => f.Count * f.Kernel.Dimension);

        public override int ConstantsLength { get; } = factors.Sum(f => f.Kernel.ConstantsLength);

        public override int ScratchLength { get; } = factors.Max(f => f.Kernel.ScratchLength);

        public override double Cost { get; } = factors.Sum(f => f.Count * f.Kernel.Cost);

        public override void Prepare(NoiseLevel level, Span<double> constants)
        {
            foreach ((_, DensityKernel kernel) in factors)
            {
                kernel.Prepare(level, constants[..kernel.ConstantsLength]);
                constants = constants[kernel.ConstantsLength..];
            }
        }

        public override void Add(ReadOnlySpan<double> constants, ref double x, ref double sum, int stride, int width, Span<double> scratch)
        {
            foreach ((int count, DensityKernel kernel) in factors)
            {
                for (int copy = 0; copy < count; copy++)
                {
                    kernel.Add(constants[..kernel.ConstantsLength], ref x, ref sum, stride, width, scratch);
                    x = ref Unsafe.Add(ref x, (nint)kernel.Dimension * stride);
                }

                constants = constants[kernel.ConstantsLength..];
            }
        }
    }

    /// <summary>
    /// Σ_k w_k N(μ_k, Q_k·diag λ_k·Q_kᵀ): with v_ke = m²λ_ke + σ² and y = Q_kᵀx, ln of the sum of
    /// e^(ln w_k − ½ Σ_e ln v_ke − ½ Σ_e (y_e − m·(Q_kᵀμ_k)_e)²/v_ke).
    /// </summary>
    private sealed class MixtureDensity<TLanes> : DensityKernel
        where TLanes : struct, ILanes<TLanes>
    {
        private const int Tile = 64;

        private readonly Mixture law;

        // Q_kᵀ·μ_k, row-major [K, d], and Q_kᵀ packed; one for all that share it.
        private readonly double[] means;
        private readonly double[][] turns;

        public MixtureDensity(Mixture law)
        {
            this.law = law;
            int d = law.Dimension;
            turns = law.Covariances.All(c => c.Eigenvectors is null) ? [] : [.. law.Covariances.Select(c => Packed(c, d))];
            means = turns.Length == 0 ? law.Means : new double[law.Means.Length];
            for (int k = 0; k < (turns.Length == 0 ? 0 : law.Count); k++)
            {
                for (int j = 0; j < d; j++)
                {
                    for (int e = 0; e < d; e++)
                    {
                        double entry = law.Covariance(k).Eigenvectors is { } q ? q[(e * d) + j] : e == j ? 1 : 0;
                        means[(k * d) + j] += entry * law.Means[(k * d) + e];
                    }
                }
            }
        }

        public override int Dimension => law.Dimension;

        // Rows [K, d] of the centres and of 1/v, then K biases.
        public override int ConstantsLength => law.Count * ((2 * Dimension) + 1);

        public override int ScratchLength => 2 * TLanes.Count * (Math.Min(Tile, law.Count) + (turns.Length == 0 ? 0 : Dimension));

        public override double Cost => (law.Count * ((3.0 * Dimension) + 20)) + (turns.Length * (double)Dimension * Dimension);

        public override void Prepare(NoiseLevel level, Span<double> constants)
        {
            int size = law.Count * Dimension;
            for (int k = 0; k < law.Count; k++)
            {
                double logDeterminant = 0;
                for (int e = 0; e < Dimension; e++)
                {
                    int at = (k * Dimension) + e;
                    double variance = level.VarianceOf(law.Covariance(k).Eigenvalue(e));
                    constants[at] = level.Mean * means[at];
                    constants[size + at] = 1 / variance;
                    logDeterminant += Math.Log(variance);
                }

                constants[(2 * size) + k] = Math.Log(law.Weights[k]) - (0.5 * logDeterminant);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public override void Add(ReadOnlySpan<double> constants, ref double x, ref double sum, int stride, int width, Span<double> scratch)
        {
            int lanes = TLanes.Count;
            int group = 2 * lanes;
            ref double centre = ref MemoryMarshal.GetReference(constants);
            ref double precision = ref Unsafe.Add(ref centre, (nint)law.Count * Dimension);
            ref double bias = ref Unsafe.Add(ref precision, (nint)law.Count * Dimension);
            ref double logits = ref MemoryMarshal.GetReference(scratch);
            ref double turned = ref Unsafe.Add(ref logits, (nint)group * Math.Min(Tile, law.Count));
            for (int i = 0; i < width; i += group)
            {
                ref double point = ref Unsafe.Add(ref x, i);
                ref double to = ref Unsafe.Add(ref sum, i);
                nint rows = stride;
                if (turns.Length == 1)
                {
                    Turn(0, ref point, stride, ref turned);
                    point = ref turned;
                    rows = group;
                }

                if (law.Count == 1)
                {
                    Logit(0, ref point, rows, ref centre, ref precision, ref bias, ref logits);
                    (TLanes.Load(in to) + TLanes.Load(in logits)).Store(ref to);
                    to = ref Unsafe.Add(ref to, lanes);
                    (TLanes.Load(in to) + TLanes.Load(in Unsafe.Add(ref logits, lanes))).Store(ref to);
                    continue;
                }

                Running<TLanes> left = Running<TLanes>.Start(), right = Running<TLanes>.Start();
                for (int first = 0; first < law.Count; first += Tile)
                {
                    int count = Math.Min(Tile, law.Count - first);
                    for (int k = first; k < first + count; k++)
                    {
                        if (turns.Length > 1)
                        {
                            Turn(k, ref Unsafe.Add(ref x, i), stride, ref turned);
                            point = ref turned;
                            rows = group;
                        }

                        Logit(k, ref point, rows, ref centre, ref precision, ref bias, ref Unsafe.Add(ref logits, (nint)(k - first) * group));
                    }

                    Softmax.Tile(ref logits, count, group, ref left, ref right);
                }

                (TLanes.Load(in to) + left.Top + VectorMath.Log(left.Sum)).Store(ref to);
                to = ref Unsafe.Add(ref to, lanes);
                (TLanes.Load(in to) + right.Top + VectorMath.Log(right.Sum)).Store(ref to);
            }
        }

        private void Turn(int k, ref double x, int stride, ref double turned) => Panel.Multiply<TLanes>(
            ref MemoryMarshal.GetArrayDataReference(turns[k]), Dimension, Dimension, ref x, stride, ref turned, 2 * TLanes.Count, false, ref Unsafe.NullRef<double>());

        private void Logit(int k, ref double x, nint stride, ref double centre, ref double precision, ref double bias, ref double to) =>
            OwnMixtureKernel<TLanes>.Logits(
                Dimension, 1, ref x, stride, ref Unsafe.Add(ref centre, (nint)k * Dimension), ref Unsafe.Add(ref precision, (nint)k * Dimension), ref Unsafe.Add(ref bias, k), ref to);

        private static double[] Packed(Covariance covariance, int d)
        {
            double[] packed = new double[d * d];
            double[] identity = new double[d * d];
            for (int e = 0; e < d; e++)
            {
                identity[(e * d) + e] = 1;
            }

            Panel.Pack(RotatedKernel<TLanes>.Transposed(covariance.Eigenvectors ?? identity, d), d, d, packed);
            return packed;
        }
    }
}
