namespace Sgm.Engine;

/// <summary>Points of the plane sorted into squares, in the order in which they came within each.</summary>
internal sealed class PlaneBins
{
    private readonly int[] starts;

    /// <summary>Squares of this side, the first at multiples (left, bottom) of it.</summary>
    public PlaneBins(double[] x, double[] y, double side, long left, long bottom, int columns, int rows)
    {
        (Side, Left, Bottom, Columns, Rows) = (side, left, bottom, columns, rows);
        int[] bin = new int[x.Length];
        starts = new int[(columns * rows) + 1];
        for (int n = 0; n < x.Length; n++)
        {
            bin[n] = (Column(x[n]) * rows) + Row(y[n]);
            starts[bin[n] + 1]++;
        }

        for (int b = 0; b < columns * rows; b++)
        {
            starts[b + 1] += starts[b];
        }

        int[] next = [.. starts];
        Order = new int[x.Length];
        for (int n = 0; n < x.Length; n++)
        {
            Order[next[bin[n]]++] = n;
        }
    }

    public double Side { get; }

    public long Left { get; }

    public long Bottom { get; }

    public int Columns { get; }

    public int Rows { get; }

    /// <summary>The numbers of the points, square by square.</summary>
    public int[] Order { get; }

    /// <summary>The square that holds this place, or the nearest one.</summary>
    public int Column(double x) => (int)Math.Clamp(Math.Floor(x / Side) - Left, 0, Columns - 1);

    /// <summary>The same along the second axis.</summary>
    public int Row(double y) => (int)Math.Clamp(Math.Floor(y / Side) - Bottom, 0, Rows - 1);

    /// <summary>Where the points in squares of one column are in <see cref="Order"/>.</summary>
    public (int From, int To) Range(int column, int firstRow, int lastRow) => (starts[(column * Rows) + firstRow], starts[(column * Rows) + lastRow + 1]);

    /// <summary>Whether a square that may not be there has no points.</summary>
    public bool IsEmpty(int column, int row)
    {
        if ((uint)column >= (uint)Columns || (uint)row >= (uint)Rows) return true;
        (int from, int to) = Range(column, row, row);
        return from == to;
    }
}
