using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sgm.Engine;

/// <summary>
/// The values of a <see cref="PlaneSum"/> on an even lattice, term by term: each adds a patch that is the product of
/// two rows (<see cref="LatticeKernel"/>), so that a term costs four exponentials. Tiles are summed one by one and
/// added colour by colour, no two of a colour touching the same values: the same bits for any number of threads.
/// </summary>
internal static class LatticeScatter
{
    // Less than a tile, so that a patch reaches the next tile at most.
    private const int MostReach = LatticeTiles.Side - 1;
    private const int Colours = 3;

    /// <summary>Whether a kernel reaches so few spacings that this is the way.</summary>
    public static bool Fits(double reach) => reach < MostReach - 1;

    /// <summary>The nodes with more mass than e^(−logRange).</summary>
    public static PlaneNodes Nodes(PlaneSum sum, PlaneBox extent, double spacing, double logRange, PlaneWork work)
    {
        const int side = LatticeTiles.Side;
        var tiles = LatticeTiles.Over(extent.Grown(spacing), spacing);
        double tile = side * spacing;
        PlaneBins bins = new(sum.X, sum.Y, tile, tiles.First.X / side, tiles.First.Y / side, tiles.Columns, tiles.Rows);
        int reach = (int)Math.Ceiling(sum.Deviation * Math.Sqrt(2 * logRange) / spacing);
        List<(int, int)>[] byColour = [.. Enumerable.Range(0, Colours * Colours).Select(_ => new List<(int, int)>())];
        tiles.Activate(
            (column, row) =>
            {
                if (!bins.IsEmpty(column, row)) byColour[(column % Colours * Colours) + (row % Colours)].Add((column, row));
                for (int a = -1; a <= 1; a++)
                {
                    for (int b = -1; b <= 1; b++)
                    {
                        if (!bins.IsEmpty(column + a, row + b)) return true;
                    }
                }

                return false;
            },
            work);
        work.Spend(sum.Masses.Length * (40 + (0.15 * (2 * reach) * (2 * reach))));
        foreach (List<(int, int)> colour in byColour)
        {
            work.Each(colour.Count, i =>
            {
                (int column, int row) = colour[i];
                Scatter scatter = new() { Sum = sum, Bins = bins, Tiles = tiles, Column = column, Row = row, Reach = reach, Spacing = spacing };
                LaneWidth.Run(ref scatter);
            });
        }

        return tiles.Nodes(logRange);
    }

    private struct Scatter : ILanesAction
    {
        public required PlaneSum Sum;
        public required PlaneBins Bins;
        public required LatticeTiles Tiles;
        public required int Column;
        public required int Row;
        public required int Reach;
        public required double Spacing;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Invoke<TLanes>()
            where TLanes : struct, ILanes<TLanes>
        {
            const int side = LatticeTiles.Side;
            LatticeKernel kernel = new(Spacing / Sum.Deviation, Reach);
            int patch = (2 * Reach) + 1;
            int padded = kernel.Length;
            int height = side + patch;
            int width = side + padded;
            double[] buffer = new double[height * width];
            Span<double> across = stackalloc double[padded];
            Span<double> along = stackalloc double[padded];
            (long firstX, long firstY) = Tiles.First;
            double left = firstX + ((double)Column * side), bottom = firstY + ((double)Row * side);
            ref double h = ref MemoryMarshal.GetReference(along);
            (int from, int to) = Bins.Range(Column, Row, Row);
            for (int at = from; at < to; at++)
            {
                int n = Bins.Order[at];
                int i = Fill<TLanes>(kernel, (Sum.X[n] / Spacing) - left, Sum.Masses[n], across);
                int j = Fill<TLanes>(kernel, (Sum.Y[n] / Spacing) - bottom, 1, along);
                for (int r = 0; r < patch; r++)
                {
                    TLanes factor = across[r];
                    ref double row = ref buffer[((i + r) * width) + j];
                    for (int c = 0; c < padded; c += TLanes.Count)
                    {
                        TLanes sum = TLanes.MultiplyAdd(factor, TLanes.Load(in Unsafe.Add(ref h, c)), TLanes.Load(in Unsafe.Add(ref row, c)));
                        sum.Store(ref Unsafe.Add(ref row, c));
                    }
                }
            }

            Add(buffer, width);
        }

        // The factors of one coordinate, whose place is t in [0, 32] spacings; returns the nearest node.
        private static int Fill<TLanes>(LatticeKernel kernel, double t, double mass, Span<double> factors)
            where TLanes : struct, ILanes<TLanes>
        {
            int node = (int)Math.Clamp(Math.Round(t), 0, LatticeTiles.Side);
            factors.Clear();
            kernel.Add<TLanes>(t - node, mass, factors);
            return node;
        }

        private readonly void Add(double[] buffer, int width)
        {
            const int side = LatticeTiles.Side;
            double unit = 1 / (2 * Math.PI * Sum.Deviation * Sum.Deviation);
            for (int a = -1; a <= 1; a++)
            {
                for (int b = -1; b <= 1; b++)
                {
                    Span<double> tile = Tiles.Tile(Column + a, Row + b);
                    if (tile.IsEmpty) continue;
                    (int firstX, int lastX) = Overlap(a);
                    (int firstY, int lastY) = Overlap(b);
                    for (int i = firstX; i <= lastX; i++)
                    {
                        for (int j = firstY; j <= lastY; j++)
                        {
                            tile[(i * side) + j] += unit * buffer[((i + (a * side) + Reach) * width) + j + (b * side) + Reach];
                        }
                    }
                }
            }
        }

        // Nodes of a neighbour at this distance in tiles that are in the buffer, which begins Reach before the tile and ends Reach after node 32.
        private readonly (int First, int Last) Overlap(int offset) => (
            Math.Max(0, -Reach - (offset * LatticeTiles.Side)),
            Math.Min(LatticeTiles.Side - 1, LatticeTiles.Side + Reach - (offset * LatticeTiles.Side)));
    }
}
