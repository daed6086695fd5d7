using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>
/// Noisy steps from an even lattice to a sum of kernels over the images of its nodes. The trapezoid rule converges
/// faster than any power of the spacing; how far it has come is read from the sum
/// (<see cref="LineLattice.Error"/>): where a map bends and there is little mass, by that share of the mass.
/// </summary>
internal sealed class EvenStepper(GridResolution resolution, WorkLimit work)
{
    /// <summary>Panels are the better way when a lattice would need more nodes.</summary>
    private const int MostNodes = 1 << 13;

    private const int MostAttempts = 6;

    /// <summary>Where errors are read, in C.</summary>
    private const double Sampled = 0.75;

    /// <summary>After a spacing that was too wide, so many steps until a wider one is tried.</summary>
    private const int Patience = 16;

    /// <summary>What a wider spacing must have reached, of the digits that are wanted.</summary>
    private const double Ample = 1.25;

    /// <summary>A step that repeats more often is cheaper as a matrix from panels to themselves.</summary>
    private const int MostRepeats = 250;

    /// <summary>Lattices and maps whose images are kept.</summary>
    private const int MostKept = 8;

    private readonly Dictionary<(ScalarMap Map, double Spacing), Dictionary<long, MapValue>?> images = [];
    private double ratio = 0.5;
    private int steady;
    private int repeats;
    private ScalarMap? last;

    /// <summary>
    /// The law after a step; neither a state nor a failure where panels serve better: map or law are smooth in pieces
    /// only, the nodes are too many, or the step repeats too often.
    /// </summary>
    public (LineState.Even? State, StepFailure Failure) Apply(LineState.Continuous state, ScalarMap map)
    {
        ImmutableArray<ScalarMap> chain = (state as LineState.Density)?.Chain ?? [];
        if (state.Smoothness == 0 || map.HasKinks || chain.Any(before => before.HasKinks))
        {
            return (null, StepFailure.None);
        }

        repeats = chain.IsEmpty && ReferenceEquals(map, last) ? repeats + 1 : 0;
        if (repeats >= MostRepeats)
        {
            return (null, StepFailure.None);
        }

        // Nodes see every component of the laws whose scores are evaluated.
        double finest = chain.Select(before => before.FinestScale).Append(map.FinestScale).Min();
        double widest = Math.Min(0.7 * state.Smoothness, 0.5 * finest);
        double spacing = resolution.Quantised(Math.Min(ratio * map.Noise, widest));
        for (int attempt = 0; attempt < MostAttempts; attempt++)
        {
            if (LineNodes.Of(state, spacing, MostNodes, resolution, work) is not { } nodes)
            {
                break;
            }

            if (!nodes.Follow(chain, map, Known(chain, map, spacing), work))
            {
                return (null, StepFailure.Diverged);
            }

            LineState.Even next = nodes.After(state, chain, map, resolution);
            double reached = Reached(next);
            if (reached >= 1)
            {
                last = map;
                bool widens = reached > Ample && ++steady > 0 && spacing < resolution.Quantised(widest);
                ratio = (widens ? Math.Pow(2, 0.25) : 1) * 1.0001 * spacing / map.Noise;
                return (LineNodes.Thinned(next, resolution, MostNodes, work), StepFailure.None);
            }

            steady = -Patience;
            spacing = resolution.Quantised(spacing * Math.Clamp(0.97 * reached, 0.35, 0.9));
        }

        return (null, StepFailure.None);
    }

    // Images of nodes are kept from the second time on that a step meets the lattice.
    private Dictionary<long, MapValue>? Known(ImmutableArray<ScalarMap> chain, ScalarMap map, double spacing)
    {
        if (!chain.IsEmpty)
        {
            return null;
        }

        if (images.TryGetValue((map, spacing), out Dictionary<long, MapValue>? known))
        {
            return known ?? (images[(map, spacing)] = []);
        }

        if (images.Count == MostKept)
        {
            images.Clear();
        }

        images.Add((map, spacing), null);
        return null;
    }

    /// <summary>Lets go of what it has kept.</summary>
    public void Forget() => images.Clear();

    /// <summary>How many of the digits that are wanted a sum has, 1 for all of them.</summary>
    private double Reached(LineState.Even state)
    {
        double spacing = Sampled * state.Sum.Deviation;
        work.Spend(state.Sum.Count * (1 + (LineSum.TermCost * state.Reach / spacing / 8)));
        if (state.Sum.On(spacing, state.Reach, MostNodes * 4, byPhase: true) is not { } lattice)
        {
            return 0;
        }

        return lattice.Error(state.Extent, resolution).Reached(resolution);
    }
}
