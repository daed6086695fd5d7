namespace Sgm.Engine;

/// <summary>Fills the values of a tile, shape [x, y].</summary>
internal delegate void FillTile(ReadOnlySpan<double> x, ReadOnlySpan<double> y, Span<double> values);

/// <summary>
/// An even lattice through the origin in tiles of 32 × 32 nodes, of which only those hold values where there is mass: two modes far
/// apart cost what they cost one by one.
/// </summary>
internal sealed class LatticeTiles
{
    /// <summary>Nodes along a side of a tile.</summary>
    public const int Side = 32;

    // Of which all but the active ones are a number.
    private const int MostTiles = 1 << 24;

    private readonly double spacing;
    private readonly long left;
    private readonly long bottom;
    private readonly int[] slots;
    private double[] values = [];
    private (int X, int Y)[] active = [];

    private LatticeTiles(double spacing, long left, long bottom, int columns, int rows)
    {
        this.spacing = spacing;
        this.left = left;
        this.bottom = bottom;
        (Columns, Rows) = (columns, rows);
        slots = new int[columns * rows];
        Array.Fill(slots, -1);
    }

    /// <summary>Tiles along the first axis.</summary>
    public int Columns { get; }

    /// <summary>Tiles along the second axis.</summary>
    public int Rows { get; }

    /// <summary>The first node of tile (0, 0), in spacings from the origin.</summary>
    public (long X, long Y) First => (left * Side, bottom * Side);

    /// <summary>No tile active yet.</summary>
    /// <exception cref="WorkExceededException">The box has too many tiles, or its nodes are no doubles apart.</exception>
    public static LatticeTiles Over(PlaneBox box, double spacing)
    {
        double tile = Side * spacing;
        (double firstX, double lastX) = (Math.Floor(box.Left / tile), Math.Floor(box.Right / tile));
        (double firstY, double lastY) = (Math.Floor(box.Bottom / tile), Math.Floor(box.Top / tile));
        double farthest = Math.Max(Math.Max(-firstX, lastX), Math.Max(-firstY, lastY));
        bool fits = (lastX - firstX + 1) * (lastY - firstY + 1) <= MostTiles && farthest * Side < 1L << 40;
        return fits
            ? new(spacing, (long)firstX, (long)firstY, (int)(lastX - firstX) + 1, (int)(lastY - firstY) + 1)
            : throw new WorkExceededException();
    }

    /// <summary>Gives values to the tiles for which the answer is yes, all 0.</summary>
    public void Activate(Func<PlaneBox, bool> holdsMass, PlaneWork work)
    {
        double tile = Side * spacing;
        Activate(
            (column, row) => holdsMass(new(
                (left + column) * tile, (left + column + 1) * tile, (bottom + row) * tile, (bottom + row + 1) * tile)),
            work);
    }

    /// <summary>The same by the tile's place.</summary>
    public void Activate(Func<int, int, bool> holdsMass, PlaneWork work)
    {
        List<(int, int)> found = [];
        for (int column = 0; column < Columns; column++)
        {
            for (int row = 0; row < Rows; row++)
            {
                if (!holdsMass(column, row)) continue;
                slots[(column * Rows) + row] = found.Count;
                found.Add((column, row));
                work.Hold((double)found.Count * Side * Side);
            }
        }

        active = [.. found];
        values = new double[found.Count * Side * Side];
    }

    /// <summary>The values of the tile, first axis slowest; empty where it is not active.</summary>
    public Span<double> Tile(int column, int row) =>
        (uint)column < (uint)Columns && (uint)row < (uint)Rows && slots[(column * Rows) + row] is >= 0 and var slot
            ? values.AsSpan(slot * Side * Side, Side * Side)
            : default;

    /// <summary>Fills every active tile, on all threads.</summary>
    public void Fill(FillTile fill, PlaneWork work) => work.Each(active.Length, slot =>
    {
        Span<double> x = stackalloc double[Side];
        Span<double> y = stackalloc double[Side];
        for (int i = 0; i < Side; i++)
        {
            x[i] = (((left + active[slot].X) * Side) + i) * spacing;
            y[i] = (((bottom + active[slot].Y) * Side) + i) * spacing;
        }

        fill(x, y, values.AsSpan(slot * Side * Side, Side * Side));
    });

    /// <summary>The nodes with more mass than e^(−logRange).</summary>
    public PlaneNodes Nodes(double logRange)
    {
        double area = spacing * spacing;
        double least = Math.Exp(-logRange) / area;
        int[] number = new int[values.Length];
        int count = 0;
        double dropped = 0;
        for (int i = 0; i < values.Length; i++)
        {
            bool isKept = values[i] > least;
            number[i] = isKept ? count++ : -1;
            dropped += isKept ? 0 : values[i] * area;
        }

        PlaneNodes nodes = new(spacing, new double[count], new double[count], new double[count], new int[count], new int[count], dropped);
        for (int slot = 0; slot < active.Length; slot++)
        {
            (int column, int row) = active[slot];
            for (int at = 0; at < Side * Side; at++)
            {
                int node = number[(slot * Side * Side) + at];
                if (node < 0) continue;
                (int i, int j) = (at / Side, at % Side);
                nodes.X[node] = (((left + column) * Side) + i) * spacing;
                nodes.Y[node] = (((bottom + row) * Side) + j) * spacing;
                nodes.Mass[node] = values[(slot * Side * Side) + at] * area;
                nodes.Right[node] = i < Side - 1 ? number[(slot * Side * Side) + at + Side] : Neighbour(column + 1, row, j);
                nodes.Up[node] = j < Side - 1 ? number[(slot * Side * Side) + at + 1] : Neighbour(column, row + 1, i * Side);
            }
        }

        return nodes;
        int Neighbour(int column, int row, int at) =>
            column < Columns && row < Rows && slots[(column * Rows) + row] is >= 0 and var slot ? number[(slot * Side * Side) + at] : -1;
    }
}
