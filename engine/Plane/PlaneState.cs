namespace Sgm.Engine;

/// <summary>
/// The state of a run in the plane at one resolution: a density, or the nodes of one with the maps that they went through since.
/// Nothing is decided before the next step is known: its noise and how it stretches say how fine a lattice the density needs.
/// </summary>
internal sealed class PlaneState
{
    // A lattice is made anew where it turns out too wide by more than this.
    private const double Slack = 0.95;
    private const int MostAttempts = 5;

    // So many times more nodes than a lattice between two halves of the noise has are too many.
    private const double Dense = 3;
    private readonly PlaneMap map;
    private readonly PlaneWork work;
    private readonly List<IStep> chain = [];
    private PlaneNodes? nodes;
    private double narrower = 1;

    private PlaneState(PlaneResolution resolution, PlaneMap map, PlaneWork work)
    {
        Resolution = resolution;
        this.map = map;
        this.work = work;
    }

    /// <summary>How fine.</summary>
    public PlaneResolution Resolution { get; }

    /// <summary>The density before the steps of the chain; null while the state is still a single point.</summary>
    public PlaneDensity? Density { get; private set; }

    /// <summary>Images of the nodes; null where no step came after the last noise.</summary>
    public PlaneImages? Images { get; private set; }

    /// <summary>Mass that is nowhere.</summary>
    public double Lost { get; private set; }

    /// <summary>The part of it that lattices could not resolve where maps tear the mass apart.</summary>
    public double Unresolved { get; private set; }

    /// <summary>Relative rounding of the density.</summary>
    public double Rounding { get; private set; } = 4e-15;

    /// <summary>At the start of a run.</summary>
    public static PlaneState At(PlaneDensity start, PlaneResolution resolution, PlaneMap map, PlaneWork work) =>
        new(resolution, map, work) { Density = start };

    /// <summary>The same where the start is a point.</summary>
    public static PlaneState At(double x, double y, PlaneResolution resolution, PlaneMap map, PlaneWork work)
    {
        PlaneNodes point = PlaneNodes.Point(x, y);
        return new(resolution, map, work) { nodes = point, Images = new(point.X, point.Y, []) };
    }

    /// <summary>One step; false where an image is not finite.</summary>
    /// <param name="step">The step.</param>
    /// <param name="nextNoise">C of the next step that draws noise, this one included; ∞ where none does.</param>
    /// <exception cref="WorkExceededException">It needs too many nodes, or takes too long.</exception>
    public bool Apply(IStep step, double nextNoise)
    {
        chain.Add(step);
        double noise = PlaneMap.Deviation(step);
        if (Images is null)
        {
            if (!Map(narrower * Resolution.Spacing(Density!.Smoothness, nextNoise))) return false;
        }
        else if (map.Apply(step, Images) is { } next)
        {
            Images = next;
        }
        else
        {
            return false;
        }

        if (noise == 0) return true;
        if (!Resolve(noise, out double least)) return false;
        double before = (Density?.Smoothness ?? 0) * least;

        // A place is rounded by half a unit of itself and by as much again in the map, and the exponent changes by that times the distance in C.
        double farthest = Math.Max(Images!.X.Max(Math.Abs), Images.Y.Max(Math.Abs));
        Rounding += 1e-15 + (4e-16 * farthest / noise);
        Density = Thinned(new PlaneSum(Images.X, Images.Y, nodes!.Mass, noise, Math.Sqrt((before * before) + (noise * noise))));
        (nodes, Images) = (null, null);
        chain.Clear();
        return true;
    }

    /// <summary>What is known of the law now.</summary>
    public PlaneSnapshot Snapshot() => new(Density, Images, nodes?.Mass, [.. chain], Lost, Unresolved, Rounding, Resolution);

    // Noise in two halves: what a map that stretches needed dense nodes for is between the two as smooth as one half, and summed on a lattice
    // for that, so that neither the next step nor a measurement pays for the nodes of this one.
    private PlaneSum Thinned(PlaneSum sum)
    {
        double half = Math.Sqrt(0.5) * sum.Deviation;
        double spacing = Resolution.Spacing(half, half);
        PlaneBox extent = sum.Extent(Resolution.LogRange);
        if (sum.Masses.Length * spacing * spacing < Dense * extent.Width * extent.Height) return sum;
        PlaneNodes between = new PlaneSum(sum.X, sum.Y, sum.Masses, half, half).Lattice(spacing, Resolution.LogRange, work);
        Lost += between.Dropped + Math.Exp(-Resolution.LogRange) + (2 * Resolution.Tolerance);
        return new(between.X, between.Y, between.Mass, half, sum.Smoothness);
    }

    // The chain from the density on a lattice of this spacing.
    private bool Map(double spacing)
    {
        nodes = Density!.Lattice(spacing, Resolution.LogRange, work);
        PlaneImages? images = new(nodes.X, nodes.Y, []);
        foreach (IStep step in chain)
        {
            images = map.Apply(step, images);
            if (images is null) return false;
        }

        Images = images;
        return true;
    }

    // Narrows the lattice until the chain's images are summed as well as they shall be, or as its nodes allow; counts what is lost.
    private bool Resolve(double noise, out double least)
    {
        least = 0;
        if (Density is null) return true;
        double even = Resolution.Spacing(Density.Smoothness, noise);
        PlaneStretch found = PlaneStretch.Of(nodes!, Images!, Density.Smoothness, noise);
        for (int attempt = 1; attempt < MostAttempts; attempt++)
        {
            // Not more nodes than these, or twice what they are where nothing is stretched: dense nodes make the next sums dear, too.
            double fewest = Math.Min(nodes!.Spacing * Math.Sqrt(nodes.Count / Resolution.Nodes), even / Math.Sqrt(2));
            double wanted = Math.Max(found.Spacing(1.5 * even, Resolution.Tolerance), fewest);
            narrower = Math.Min(1.5, wanted / even);
            if (wanted >= Slack * nodes.Spacing) break;
            if (!Map(Math.Max(wanted, 0.4 * nodes.Spacing))) return false;
            found = PlaneStretch.Of(nodes, Images!, Density.Smoothness, noise);
        }

        least = found.Least;
        double unresolved = found.Unresolved(nodes!.Spacing);
        Unresolved += unresolved;
        Lost += nodes.Dropped + Math.Exp(-Resolution.LogRange) + unresolved;
        return true;
    }
}
