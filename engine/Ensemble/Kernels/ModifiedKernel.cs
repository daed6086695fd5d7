using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Sgm.Engine;

/// <summary>A score and its modifiers, applied from left to right.</summary>
internal sealed class ModifiedKernel<TLanes>(ScoreKernel inner, ImmutableArray<ScoreModifier> modifiers) : ScoreKernel
    where TLanes : struct, ILanes<TLanes>
{
    public override int Dimension => inner.Dimension;

    // The inner ones, then m and σ² for clipping, and the level for learned scores.
    public override int ConstantsLength => inner.ConstantsLength + 4;

    public override int ScratchLength => inner.ScratchLength;

    public override double Cost => inner.Cost + (modifiers.Length * 4.0 * Dimension);

    public override void Prepare(NoiseLevel level, Span<double> constants)
    {
        inner.Prepare(level, constants[..inner.ConstantsLength]);
        constants[inner.ConstantsLength] = level.Mean;
        constants[inner.ConstantsLength + 1] = level.NoiseVariance;
        constants[inner.ConstantsLength + 2] = level.Parameter;
        constants[inner.ConstantsLength + 3] = level.Sigma;
    }

    public override void Evaluate(
        ReadOnlySpan<double> constants, ref double x, ref double s, int stride, int width, Span<double> scratch)
    {
        inner.Evaluate(constants[..inner.ConstantsLength], ref x, ref s, stride, width, scratch);
        double unit = 1 / Math.Sqrt(Dimension);
        foreach (ScoreModifier modifier in modifiers)
        {
            switch (modifier)
            {
                case ScoreModifier.Shifted shifted:
                    Affine(ref s, 1, shifted.Amount * unit, stride, width);
                    break;
                case ScoreModifier.Scaled scaled:
                    Affine(ref s, scaled.Factor, 0, stride, width);
                    break;
                case ScoreModifier.Rippled rippled:
                    Ripple(ref x, ref s, rippled.Amplitude * unit * Math.Sqrt(2), rippled.Frequency / (2 * Math.PI), stride, width);
                    break;
                case ScoreModifier.Clipped clipped:
                    Clip(ref x, ref s, constants[inner.ConstantsLength], constants[inner.ConstantsLength + 1], clipped.Radius, stride, width);
                    break;
                case ScoreModifier.Learned learned:
                    NoiseLevel level = new(constants[inner.ConstantsLength + 2], constants[inner.ConstantsLength], constants[inner.ConstantsLength + 3]);
                    Replace(learned.Function, level, ref x, ref s, stride, width);
                    break;
                default:
                    throw new NotSupportedException($"the ensemble does not know the modifier {modifier}");
            }
        }
    }

    // s ← f(x), point by point.
    private void Replace(ScoreFunction function, NoiseLevel level, ref double x, ref double s, nint stride, int width)
    {
        const int small = 64;
        Span<double> point = Dimension <= small ? stackalloc double[Dimension] : new double[Dimension];
        Span<double> score = Dimension <= small ? stackalloc double[Dimension] : new double[Dimension];
        for (int i = 0; i < width; i++)
        {
            for (int e = 0; e < Dimension; e++)
            {
                point[e] = Unsafe.Add(ref x, (e * stride) + i);
            }

            function.Evaluate(level, point, score);
            for (int e = 0; e < Dimension; e++)
            {
                Unsafe.Add(ref s, (e * stride) + i) = score[e];
            }
        }
    }

    // s ← factor·s + amount.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Affine(ref double s, double factor, double amount, nint stride, int width)
    {
        TLanes a = factor;
        TLanes b = amount;
        for (int e = 0; e < Dimension; e++)
        {
            ref double row = ref Unsafe.Add(ref s, e * stride);
            for (int i = 0; i < width; i += TLanes.Count)
            {
                ref double at = ref Unsafe.Add(ref row, i);
                TLanes.MultiplyAdd(TLanes.Load(in at), a, b).Store(ref at);
            }
        }
    }

    // s ← s + amplitude·sin(2π·turns·x).
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Ripple(ref double x, ref double s, double amplitude, double turns, nint stride, int width)
    {
        TLanes a = amplitude;
        TLanes w = turns;
        for (int e = 0; e < Dimension; e++)
        {
            for (int i = 0; i < width; i += TLanes.Count)
            {
                ref double at = ref Unsafe.Add(ref s, (e * stride) + i);
                TLanes turn = TLanes.Load(in Unsafe.Add(ref x, (e * stride) + i)) * w;
                // Whole turns first: the sine takes what is left.
                VectorMath.SinCosTwoPi(turn - TLanes.Round(turn), out TLanes sine, out _);
                TLanes.MultiplyAdd(sine, a, TLanes.Load(in at)).Store(ref at);
            }
        }
    }

    // u = x + σ²s = m·D; where |u| > m·R: s ← (u·mR/|u| − x)/σ².
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Clip(ref double x, ref double s, double mean, double variance, double radius, nint stride, int width)
    {
        TLanes v = variance;
        TLanes limit = mean * radius;
        for (int i = 0; i < width; i += TLanes.Count)
        {
            TLanes square = 0.0;
            for (int e = 0; e < Dimension; e++)
            {
                TLanes u = TLanes.MultiplyAdd(v, TLanes.Load(in Unsafe.Add(ref s, (e * stride) + i)), TLanes.Load(in Unsafe.Add(ref x, (e * stride) + i)));
                square = TLanes.MultiplyAdd(u, u, square);
            }

            TLanes norm = TLanes.Sqrt(square);
            TLanes outside = TLanes.LessThan(limit, norm);
            if (!TLanes.Any(outside))
            {
                continue;
            }

            TLanes shrink = limit / norm;
            for (int e = 0; e < Dimension; e++)
            {
                ref double at = ref Unsafe.Add(ref s, (e * stride) + i);
                TLanes here = TLanes.Load(in Unsafe.Add(ref x, (e * stride) + i));
                TLanes old = TLanes.Load(in at);
                TLanes u = TLanes.MultiplyAdd(v, old, here);
                TLanes.Select(outside, ((u * shrink) - here) / v, old).Store(ref at);
            }
        }
    }
}
