using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sgm.Engine;

/// <summary>
/// Σ_k w_k N(μ_k, diag λ), one covariance for all components; also data sets, where K is large.
/// With v_e = m²λ_e + σ², x′ = x − m·c, μ′ = μ − c and c the mean of the mixture:
/// l_k = ln w_k − ½ Σ_e (x′_e − m·μ′_ke)²/v_e, p = softmax(l), s_e = (m·Σ_k p_k·μ′_ke − x′_e)/v_e, D_e = c_e + (σ²·Σ_k p_k·μ′_ke + m·λ_e·x′_e)/v_e.
/// </summary>
/// <remarks>
/// Two forms of l_k, chosen by the level. <em>Dot</em>: Σ_e (x′_e·m/v_e)·μ′_ke − ½m²Σ_e μ′_ke²/v_e, which leaves out what all components
/// share; its rounding error is some 10⁻¹⁶·|x′|·|mμ′| in units of the standard deviations, so it is used while
/// max_k Σ_e (mμ′_ke)²/v_e ≤ <see cref="DotLimit"/>. <em>Difference</em>: the squares as they stand, for components that lie further apart.
/// Components come in tiles of <see cref="Tile"/> with a running maximum, so the working memory does not grow with K.
/// </remarks>
internal sealed class SharedMixtureKernel<TLanes> : ScoreKernel
    where TLanes : struct, ILanes<TLanes>
{
    /// <summary>Components handled between two looks at the running maximum.</summary>
    private const int Tile = 64;

    /// <summary>Largest squared distance of a component from the centre, in standard deviations, for the dot form.</summary>
    private const double DotLimit = 1e4;

    private readonly int dimension;
    private readonly int components;
    private readonly double[] logWeights;
    private readonly double[] centre;
    private readonly Covariance covariance;

    // Centred means: row-major [K, d]; packed for the logits (rows = components of one tile, columns = coordinates) and
    // for the combination (rows = coordinates, columns = components of one tile), tile after tile.
    private readonly double[] means;
    private readonly double[] packedLogits;
    private readonly double[] packedCombination;

    // Constants: m, form, the factor g of the mean, then five rows of length d (m·c, 1/v, m/v, h, b), then K biases: the prediction is
    // b + (g·Σ p·μ′ − h·x′)/v.
    private const int Header = 3;

    public SharedMixtureKernel(double[] weights, double[] means, Covariance covariance)
    {
        dimension = covariance.Dimension;
        components = weights.Length;
        this.covariance = covariance;
        logWeights = [.. weights.Select(static w => Math.Log(w))];
        centre = new double[dimension];
        for (int k = 0; k < components; k++)
        {
            for (int e = 0; e < dimension; e++)
            {
                centre[e] += weights[k] * means[(k * dimension) + e];
            }
        }

        this.means = new double[means.Length];
        for (int i = 0; i < means.Length; i++)
        {
            this.means[i] = means[i] - centre[i % dimension];
        }

        packedLogits = new double[means.Length];
        packedCombination = new double[means.Length];
        double[] transposed = new double[Tile * dimension];
        for (int first = 0; first < components; first += Tile)
        {
            int count = Math.Min(Tile, components - first);
            ReadOnlySpan<double> tile = this.means.AsSpan(first * dimension, count * dimension);
            Panel.Pack(tile, count, dimension, packedLogits.AsSpan(first * dimension));
            for (int k = 0; k < count; k++)
            {
                for (int e = 0; e < dimension; e++)
                {
                    transposed[(e * count) + k] = tile[(k * dimension) + e];
                }
            }

            Panel.Pack(transposed, dimension, count, packedCombination.AsSpan(first * dimension));
        }
    }

    public override int Dimension => dimension;

    public override int ConstantsLength => Header + (5 * dimension) + components;

    public override int ScratchLength => (dimension + Math.Min(Tile, components)) * 2 * TLanes.Count;

    public override double Cost => components * ((2.0 * dimension) + 20);

    public override void Prepare(NoiseLevel level, Prediction of, Span<double> constants)
    {
        double m = level.Mean;
        Span<double> shift = constants.Slice(Header, dimension);
        Span<double> precision = constants.Slice(Header + dimension, dimension);
        Span<double> slope = constants.Slice(Header + (2 * dimension), dimension);
        Span<double> kept = constants.Slice(Header + (3 * dimension), dimension);
        Span<double> offset = constants.Slice(Header + (4 * dimension), dimension);
        Span<double> bias = constants.Slice(Header + (5 * dimension), components);
        bool isScore = of == Prediction.Score;
        for (int e = 0; e < dimension; e++)
        {
            precision[e] = 1 / level.VarianceOf(covariance.Eigenvalue(e));
            shift[e] = m * centre[e];
            slope[e] = m * precision[e];
            kept[e] = isScore ? 1 : -m * covariance.Eigenvalue(e);
            offset[e] = isScore ? 0 : centre[e];
        }

        double largest = 0;
        for (int k = 0; k < components; k++)
        {
            ReadOnlySpan<double> mean = means.AsSpan(k * dimension, dimension);
            double square = 0;
            for (int e = 0; e < dimension; e++)
            {
                square += mean[e] * slope[e] * (m * mean[e]);
            }

            largest = Math.Max(largest, square);
            bias[k] = -0.5 * square;
        }

        bool dot = largest <= DotLimit;
        for (int k = 0; k < components; k++)
        {
            bias[k] = (dot ? bias[k] : 0) + logWeights[k];
        }

        constants[0] = m;
        constants[1] = dot ? 1 : 0;
        constants[2] = isScore ? m : level.NoiseVariance;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Evaluate(
        ReadOnlySpan<double> constants, ref double x, ref double s, int stride, int width, Span<double> scratch)
    {
        int lanes = TLanes.Count;
        int group = 2 * lanes;
        ref double c = ref MemoryMarshal.GetReference(constants);
        ref double shift = ref Unsafe.Add(ref c, Header);
        ref double precision = ref Unsafe.Add(ref shift, dimension);
        ref double slope = ref Unsafe.Add(ref precision, dimension);
        ref double kept = ref Unsafe.Add(ref slope, dimension);
        ref double offset = ref Unsafe.Add(ref kept, dimension);
        ref double bias = ref Unsafe.Add(ref offset, dimension);
        TLanes m = c;
        TLanes gain = constants[2];
        bool dot = constants[1] != 0;
        ref double y = ref MemoryMarshal.GetReference(scratch);
        ref double p = ref Unsafe.Add(ref y, (nint)dimension * group);
        for (int i = 0; i < width; i += group)
        {
            ref double from = ref Unsafe.Add(ref x, i);
            ref double to = ref Unsafe.Add(ref s, i);
            Centre(ref from, stride, ref y, ref shift, ref dot ? ref slope : ref Unsafe.NullRef<double>());
            Running<TLanes> left = Running<TLanes>.Start(), right = Running<TLanes>.Start();
            for (int first = 0; first < components; first += Tile)
            {
                int count = Math.Min(Tile, components - first);
                nint tile = (nint)first * dimension;
                if (dot)
                {
                    Panel.Multiply<TLanes>(
                        ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(packedLogits), tile),
                        count, dimension, ref y, group, ref p, group, false, ref Unsafe.Add(ref bias, first));
                }
                else
                {
                    Differences(m, first, count, ref y, ref precision, ref bias, ref p);
                }

                Softmax.Tile(ref p, count, group, ref left, ref right);
                if (first > 0)
                {
                    Rescale(ref to, stride, left.Scale, right.Scale);
                }

                Panel.Multiply<TLanes>(
                    ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(packedCombination), tile),
                    dimension, count, ref p, group, ref to, stride, first > 0, ref Unsafe.NullRef<double>());
            }

            Finish(gain / left.Sum, gain / right.Sum, ref from, ref to, stride, ref shift, ref precision, ref kept, ref offset);
        }
    }

    // y ← x′, or x′·m/v where a slope is given.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Centre(ref double from, nint stride, ref double y, ref double shift, ref double slope)
    {
        int lanes = TLanes.Count;
        bool scale = !Unsafe.IsNullRef(ref slope);
        for (int e = 0; e < dimension; e++)
        {
            TLanes c = Unsafe.Add(ref shift, e);
            TLanes a = scale ? Unsafe.Add(ref slope, e) : 1.0;
            ((TLanes.Load(in from) - c) * a).Store(ref y);
            ((TLanes.Load(in Unsafe.Add(ref from, lanes)) - c) * a).Store(ref Unsafe.Add(ref y, lanes));
            from = ref Unsafe.Add(ref from, stride);
            y = ref Unsafe.Add(ref y, 2 * lanes);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private void Differences(TLanes m, int first, int count, ref double y, ref double precision, ref double bias, ref double p)
    {
        int lanes = TLanes.Count;
        ref double mu = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(means), (nint)first * dimension);
        for (int k = 0; k < count; k++)
        {
            TLanes a = 0.0, b = 0.0;
            ref double at = ref y;
            for (int e = 0; e < dimension; e++)
            {
                TLanes middle = m * mu;
                TLanes weight = Unsafe.Add(ref precision, e);
                TLanes left = TLanes.Load(in at) - middle;
                TLanes right = TLanes.Load(in Unsafe.Add(ref at, lanes)) - middle;
                a = TLanes.MultiplyAdd(left * weight, left, a);
                b = TLanes.MultiplyAdd(right * weight, right, b);
                at = ref Unsafe.Add(ref at, 2 * lanes);
                mu = ref Unsafe.Add(ref mu, 1);
            }

            TLanes start = Unsafe.Add(ref bias, first + k);
            TLanes.MultiplyAdd(a, -0.5, start).Store(ref p);
            TLanes.MultiplyAdd(b, -0.5, start).Store(ref Unsafe.Add(ref p, lanes));
            p = ref Unsafe.Add(ref p, 2 * lanes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Rescale(ref double to, nint stride, TLanes scale0, TLanes scale1)
    {
        for (int e = 0; e < dimension; e++)
        {
            ref double right = ref Unsafe.Add(ref to, TLanes.Count);
            (TLanes.Load(in to) * scale0).Store(ref to);
            (TLanes.Load(in right) * scale1).Store(ref right);
            to = ref Unsafe.Add(ref to, stride);
        }
    }

    // s ← b + (s·g/sum − h·x′)/v.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Finish(
        TLanes share0,
        TLanes share1,
        ref double from,
        ref double to,
        nint stride,
        ref double shift,
        ref double precision,
        ref double kept,
        ref double offset)
    {
        int lanes = TLanes.Count;
        for (int e = 0; e < dimension; e++)
        {
            TLanes c = Unsafe.Add(ref shift, e);
            TLanes w = Unsafe.Add(ref precision, e);
            TLanes h = Unsafe.Add(ref kept, e);
            TLanes b = Unsafe.Add(ref offset, e);
            ref double right = ref Unsafe.Add(ref to, lanes);
            TLanes x0 = TLanes.Load(in from) - c;
            TLanes x1 = TLanes.Load(in Unsafe.Add(ref from, lanes)) - c;
            TLanes.MultiplyAdd(TLanes.Load(in to) * share0 - x0 * h, w, b).Store(ref to);
            TLanes.MultiplyAdd(TLanes.Load(in right) * share1 - x1 * h, w, b).Store(ref right);
            from = ref Unsafe.Add(ref from, stride);
            to = ref Unsafe.Add(ref to, stride);
        }
    }
}
