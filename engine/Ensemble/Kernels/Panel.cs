using System.Runtime.CompilerServices;

namespace Sgm.Engine;

/// <summary>
/// Small matrices times a group of points: two registers of particles wide, so each coefficient is used twice and the
/// multiply-adds of a tile are independent.
/// </summary>
/// <remarks>
/// The pieces of a kernel that loop are methods of their own, compiled at their first call to full optimisation: inlined into one
/// another they exceed the compiler's budget, and what it then leaves as calls starts in the slow tier.
/// </remarks>
internal static class Panel
{
    /// <summary>
    /// The matrix (row-major [rows, columns]) in tiles of 4 rows, then 2, then 1: within a tile column-major, so that one
    /// column's coefficients lie side by side. The tile that starts at row r starts at r·columns.
    /// </summary>
    public static void Pack(ReadOnlySpan<double> matrix, int rows, int columns, Span<double> packed)
    {
        int at = 0;
        for (int r = 0; r < rows;)
        {
            int tile = TileAt(r, rows);
            for (int c = 0; c < columns; c++)
            {
                for (int t = 0; t < tile; t++)
                {
                    packed[at++] = matrix[((r + t) * columns) + c];
                }
            }

            r += tile;
        }
    }

    private static int TileAt(int row, int rows) => rows - row >= 4 ? 4 : rows - row >= 2 ? 2 : 1;

    /// <summary>
    /// out[r] ← start[r] + Σ_c M[r, c]·in[c] for every lane of the group; start is out itself when <paramref name="accumulate"/>,
    /// else <paramref name="bias"/>[r], or 0 where bias is null.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Multiply<TLanes>(
        ref double packed, int rows, int columns, ref double input, nint inputStride, ref double output, nint outputStride, bool accumulate, ref double bias)
        where TLanes : struct, ILanes<TLanes>
    {
        int r = 0;
        for (; r + 4 <= rows; r += 4)
        {
            ref double to = ref Unsafe.Add(ref output, r * outputStride);
            ref double m = ref Unsafe.Add(ref packed, (nint)r * columns);
            Tile4<TLanes>(ref m, columns, ref input, inputStride, ref to, outputStride, accumulate, ref Row(ref bias, r));
        }

        if (r + 2 <= rows)
        {
            ref double to = ref Unsafe.Add(ref output, r * outputStride);
            ref double m = ref Unsafe.Add(ref packed, (nint)r * columns);
            Tile2<TLanes>(ref m, columns, ref input, inputStride, ref to, outputStride, accumulate, ref Row(ref bias, r));
            r += 2;
        }

        if (r < rows)
        {
            ref double to = ref Unsafe.Add(ref output, r * outputStride);
            ref double m = ref Unsafe.Add(ref packed, (nint)r * columns);
            Tile1<TLanes>(ref m, columns, ref input, inputStride, ref to, accumulate, ref Row(ref bias, r));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ref double Row(ref double bias, int r) => ref Unsafe.IsNullRef(ref bias) ? ref bias : ref Unsafe.Add(ref bias, r);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Start<TLanes>(ref double output, bool accumulate, ref double bias, int r)
        where TLanes : struct, ILanes<TLanes> =>
        accumulate ? TLanes.Load(in output) : Unsafe.IsNullRef(ref bias) ? (TLanes)0.0 : Unsafe.Add(ref bias, r);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Tile4<TLanes>(
        ref double m, int columns, ref double input, nint inputStride, ref double output, nint outputStride, bool accumulate, ref double bias)
        where TLanes : struct, ILanes<TLanes>
    {
        int lanes = TLanes.Count;
        ref double out1 = ref Unsafe.Add(ref output, outputStride);
        ref double out2 = ref Unsafe.Add(ref output, 2 * outputStride);
        ref double out3 = ref Unsafe.Add(ref output, 3 * outputStride);
        TLanes a0 = Start<TLanes>(ref output, accumulate, ref bias, 0);
        TLanes a1 = Start<TLanes>(ref out1, accumulate, ref bias, 1);
        TLanes a2 = Start<TLanes>(ref out2, accumulate, ref bias, 2);
        TLanes a3 = Start<TLanes>(ref out3, accumulate, ref bias, 3);
        TLanes b0 = Start<TLanes>(ref Unsafe.Add(ref output, lanes), accumulate, ref bias, 0);
        TLanes b1 = Start<TLanes>(ref Unsafe.Add(ref out1, lanes), accumulate, ref bias, 1);
        TLanes b2 = Start<TLanes>(ref Unsafe.Add(ref out2, lanes), accumulate, ref bias, 2);
        TLanes b3 = Start<TLanes>(ref Unsafe.Add(ref out3, lanes), accumulate, ref bias, 3);
        ref double from = ref input;
        for (int c = 0; c < columns; c++)
        {
            TLanes x = TLanes.Load(in from);
            TLanes y = TLanes.Load(in Unsafe.Add(ref from, lanes));
            TLanes m0 = m;
            TLanes m1 = Unsafe.Add(ref m, 1);
            TLanes m2 = Unsafe.Add(ref m, 2);
            TLanes m3 = Unsafe.Add(ref m, 3);
            a0 = TLanes.MultiplyAdd(x, m0, a0);
            b0 = TLanes.MultiplyAdd(y, m0, b0);
            a1 = TLanes.MultiplyAdd(x, m1, a1);
            b1 = TLanes.MultiplyAdd(y, m1, b1);
            a2 = TLanes.MultiplyAdd(x, m2, a2);
            b2 = TLanes.MultiplyAdd(y, m2, b2);
            a3 = TLanes.MultiplyAdd(x, m3, a3);
            b3 = TLanes.MultiplyAdd(y, m3, b3);
            from = ref Unsafe.Add(ref from, inputStride);
            m = ref Unsafe.Add(ref m, 4);
        }

        a0.Store(ref output);
        a1.Store(ref out1);
        a2.Store(ref out2);
        a3.Store(ref out3);
        b0.Store(ref Unsafe.Add(ref output, lanes));
        b1.Store(ref Unsafe.Add(ref out1, lanes));
        b2.Store(ref Unsafe.Add(ref out2, lanes));
        b3.Store(ref Unsafe.Add(ref out3, lanes));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Tile2<TLanes>(
        ref double m, int columns, ref double input, nint inputStride, ref double output, nint outputStride, bool accumulate, ref double bias)
        where TLanes : struct, ILanes<TLanes>
    {
        int lanes = TLanes.Count;
        ref double out1 = ref Unsafe.Add(ref output, outputStride);
        TLanes a0 = Start<TLanes>(ref output, accumulate, ref bias, 0);
        TLanes a1 = Start<TLanes>(ref out1, accumulate, ref bias, 1);
        TLanes b0 = Start<TLanes>(ref Unsafe.Add(ref output, lanes), accumulate, ref bias, 0);
        TLanes b1 = Start<TLanes>(ref Unsafe.Add(ref out1, lanes), accumulate, ref bias, 1);
        ref double from = ref input;
        for (int c = 0; c < columns; c++)
        {
            TLanes x = TLanes.Load(in from);
            TLanes y = TLanes.Load(in Unsafe.Add(ref from, lanes));
            TLanes m0 = m;
            TLanes m1 = Unsafe.Add(ref m, 1);
            a0 = TLanes.MultiplyAdd(x, m0, a0);
            b0 = TLanes.MultiplyAdd(y, m0, b0);
            a1 = TLanes.MultiplyAdd(x, m1, a1);
            b1 = TLanes.MultiplyAdd(y, m1, b1);
            from = ref Unsafe.Add(ref from, inputStride);
            m = ref Unsafe.Add(ref m, 2);
        }

        a0.Store(ref output);
        a1.Store(ref out1);
        b0.Store(ref Unsafe.Add(ref output, lanes));
        b1.Store(ref Unsafe.Add(ref out1, lanes));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Tile1<TLanes>(
        ref double m, int columns, ref double input, nint inputStride, ref double output, bool accumulate, ref double bias)
        where TLanes : struct, ILanes<TLanes>
    {
        int lanes = TLanes.Count;
        TLanes a = Start<TLanes>(ref output, accumulate, ref bias, 0);
        TLanes b = Start<TLanes>(ref Unsafe.Add(ref output, lanes), accumulate, ref bias, 0);
        ref double from = ref input;
        for (int c = 0; c < columns; c++)
        {
            TLanes m0 = Unsafe.Add(ref m, c);
            a = TLanes.MultiplyAdd(TLanes.Load(in from), m0, a);
            b = TLanes.MultiplyAdd(TLanes.Load(in Unsafe.Add(ref from, lanes)), m0, b);
            from = ref Unsafe.Add(ref from, inputStride);
        }

        a.Store(ref output);
        b.Store(ref Unsafe.Add(ref output, lanes));
    }
}
