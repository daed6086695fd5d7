using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Sgm.Engine;

/// <summary>
/// A prediction and its modifiers, applied from left to right. A modifier says what it does to the score; D = (x + σ²s)/m carries
/// that over to the denoiser, in which a constant added to the score counts σ²/m times and a clip is a projection.
/// </summary>
internal sealed class ModifiedKernel<TLanes>(ScoreKernel inner, ImmutableArray<ScoreModifier> modifiers) : ScoreKernel
    where TLanes : struct, ILanes<TLanes>
{
    public override int Dimension => inner.Dimension;

    // The inner ones, then the level and whether this is a denoiser.
    public override int ConstantsLength => inner.ConstantsLength + 4;

    public override int ScratchLength => inner.ScratchLength;

    public override double Cost => inner.Cost + (modifiers.Length * 4.0 * Dimension);

    public override void Prepare(NoiseLevel level, Prediction of, Span<double> constants)
    {
        inner.Prepare(level, of, constants[..inner.ConstantsLength]);
        Span<double> own = constants[inner.ConstantsLength..];
        (own[0], own[1], own[2], own[3]) = (level.Parameter, level.Mean, level.Sigma, of == Prediction.Denoiser ? 1 : 0);
    }

    public override void Evaluate(
        ReadOnlySpan<double> constants, ref double x, ref double s, int stride, int width, Span<double> scratch)
    {
        inner.Evaluate(constants[..inner.ConstantsLength], ref x, ref s, stride, width, scratch);
        ReadOnlySpan<double> own = constants[inner.ConstantsLength..];
        NoiseLevel level = new(own[0], own[1], own[2]);
        bool isDenoiser = own[3] != 0;
        double weight = isDenoiser ? level.NoiseVariance / level.Mean : 1;
        double unit = weight / Math.Sqrt(Dimension);
        foreach (ScoreModifier modifier in modifiers)
        {
            switch (modifier)
            {
                case ScoreModifier.Shifted shifted:
                    Affine(ref s, 1, shifted.Amount * unit, stride, width);
                    break;
                case ScoreModifier.Scaled scaled:
                    Affine(ref s, scaled.Factor, 0, stride, width);
                    if (isDenoiser && scaled.Factor != 1) AddState(ref x, ref s, (1 - scaled.Factor) / level.Mean, stride, width);
                    break;
                case ScoreModifier.Rippled rippled:
                    Ripple(ref x, ref s, rippled.Amplitude * unit * Math.Sqrt(2), rippled.Frequency / (2 * Math.PI), stride, width);
                    break;
                case ScoreModifier.Clipped clipped:
                    if (isDenoiser) Project(ref s, clipped.Radius, stride, width);
                    else Clip(ref x, ref s, level.Mean, level.NoiseVariance, clipped.Radius, stride, width);
                    break;
                default:
                    throw new NotSupportedException($"the ensemble does not know the modifier {modifier}");
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

    // s ← s + factor·x.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddState(ref double x, ref double s, double factor, nint stride, int width)
    {
        TLanes a = factor;
        for (int e = 0; e < Dimension; e++)
        {
            for (int i = 0; i < width; i += TLanes.Count)
            {
                ref double at = ref Unsafe.Add(ref s, (e * stride) + i);
                TLanes.MultiplyAdd(TLanes.Load(in Unsafe.Add(ref x, (e * stride) + i)), a, TLanes.Load(in at)).Store(ref at);
            }
        }
    }

    // D ← D·min(1, R/|D|).
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Project(ref double s, double radius, nint stride, int width)
    {
        TLanes limit = radius;
        for (int i = 0; i < width; i += TLanes.Count)
        {
            TLanes square = 0.0;
            for (int e = 0; e < Dimension; e++)
            {
                TLanes d = TLanes.Load(in Unsafe.Add(ref s, (e * stride) + i));
                square = TLanes.MultiplyAdd(d, d, square);
            }

            TLanes norm = TLanes.Sqrt(square);
            TLanes outside = TLanes.LessThan(limit, norm);
            if (!TLanes.Any(outside))
            {
                continue;
            }

            TLanes shrink = TLanes.Select(outside, limit / norm, 1.0);
            for (int e = 0; e < Dimension; e++)
            {
                ref double at = ref Unsafe.Add(ref s, (e * stride) + i);
                (TLanes.Load(in at) * shrink).Store(ref at);
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
