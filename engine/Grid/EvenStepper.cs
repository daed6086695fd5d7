using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>
/// Noisy steps from an even lattice to a sum of kernels over the images of its nodes. The trapezoid rule converges faster than any power of
/// the spacing; how far it has come is read from the sum. With S_r the terms of the nodes r modulo 4, lattices of two and of four spacings are wrong
/// by E₂ = |S₀ − S₁ + S₂ − S₃| and E₄ = |S₀ − S₂| + |S₁ − S₃|; errors fall like A·e^(−c/spacing) where the map has poles and faster where it has none,
/// so that this lattice is wrong by about E₂·(E₂/E₄)² or less: of a map that bends where there is little mass, by that share of the mass.
/// </summary>
internal sealed class EvenStepper(GridResolution resolution, WorkLimit work)
{
    /// <summary>Panels are the better way when a lattice would need more nodes.</summary>
    private const int MostNodes = 1 << 14;

    private const int MostAttempts = 8;

    /// <summary>Spacings are 2^(−j/4), so that steps that repeat meet the same nodes.</summary>
    private const double Quanta = 4;

    /// <summary>Where errors are read, in C.</summary>
    private const double Sampled = 0.75;

    /// <summary>After a spacing that was too wide, so many steps until a wider one is tried.</summary>
    private const int Patience = 16;

    /// <summary>What a wider spacing must have reached, of the digits that are wanted.</summary>
    private const double Ample = 1.45;

    private double ratio = 0.5;
    private int steady;

    /// <summary>
    /// The law after a step; neither a state nor a failure where panels serve better: map or law are smooth in pieces only, or the nodes too many.
    /// </summary>
    public (LineState.Even? State, StepFailure Failure) Apply(LineState.Continuous state, ScalarMap map)
    {
        ImmutableArray<ScalarMap> chain = (state as LineState.Density)?.Chain ?? [];
        if (state.Smoothness == 0 || map.HasKinks || chain.Any(before => before.HasKinks))
        {
            return (null, StepFailure.None);
        }

        // Nodes see every component of the laws whose scores are evaluated.
        double widest = Math.Min(0.7 * state.Smoothness, 0.5 * chain.Select(before => before.FinestScale).Append(map.FinestScale).Min());
        double spacing = Quantised(Math.Min(ratio * map.Noise, widest));
        for (int attempt = 0; attempt < MostAttempts; attempt++)
        {
            if (LineNodes.Of(state, spacing, MostNodes, resolution, work) is not { } nodes)
            {
                break;
            }

            if (!nodes.Follow(chain, map, work))
            {
                return (null, StepFailure.Diverged);
            }

            LineState.Even next = nodes.After(state, chain, map, resolution);
            double reached = Reached(next);
            if (reached >= 1)
            {
                bool widens = ++steady > 0 && reached > Ample && spacing < Quantised(widest);
                ratio = (widens ? Math.Pow(2, 1 / Quanta) : 1) * 1.0001 * spacing / map.Noise;
                return (next, StepFailure.None);
            }

            steady = -Patience;
            spacing = Quantised(spacing * Math.Clamp(0.97 * reached, 0.35, 0.9));
        }

        return (null, StepFailure.None);
    }

    private double Quantised(double spacing)
    {
        double power = (Quanta * Math.Log2(spacing)) - resolution.Offset;
        return Math.Pow(2, (Math.Floor(power) + resolution.Offset) / Quanta);
    }

    /// <summary>How many of the digits that are wanted a sum has, 1 for all of them.</summary>
    private double Reached(LineState.Even state)
    {
        double spacing = Sampled * state.Sum.Deviation;
        work.Spend(state.Sum.Count * (1 + (LineSum.TermCost * state.Reach / spacing / 8)));
        if (state.Sum.On(spacing, state.Reach, MostNodes * 4, byPhase: true) is not { } lattice)
        {
            return 0;
        }

        double total = 0;
        double worst = 0;
        Extent extent = state.Extent;
        foreach ((long first, int count, int offset) in lattice.Runs)
        {
            for (int i = 0; i < count; i++)
            {
                double zero = lattice.Values[offset + i];
                double one = lattice.Values[offset + i + lattice.Stride];
                double two = lattice.Values[offset + i + (2 * lattice.Stride)];
                double three = lattice.Values[offset + i + (3 * lattice.Stride)];
                double all = zero + one + two + three;
                double at = (first + i) * spacing;
                if (all * spacing * extent.Reach(at, at) <= resolution.Negligible)
                {
                    continue;
                }

                double second = Math.Abs(zero - one + two - three);
                double fourth = Math.Abs(zero - two) + Math.Abs(one - three);
                double error = second < Rounding * all ? 0 : second * Math.Min(1, second / fourth * (second / fourth));
                total += error * spacing;
                worst = Math.Max(worst, error / all);
            }
        }

        return Math.Min(Math.Log(total) / Math.Log(resolution.Absolute), Math.Log(worst) / Math.Log(resolution.Relative));
    }

    /// <summary>Of a sum of a few hundred terms.</summary>
    private const double Rounding = 1e-15;
}
