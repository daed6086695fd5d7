using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Sgm.Engine;

/// <summary>
/// One noisy step from panels to panels as a matrix of dense 16×16 blocks, for a step that repeats: entry (j, m) is
/// ∫ ℓ_m(u)·φ_C(y_j − S(u)) du with ℓ_m the cardinal polynomials of the source's panel. Applying it costs two vector
/// multiply-adds per point of the source and block: a few microseconds a step.
/// </summary>
internal sealed class KernelBlocks
{
    private const int Order = Legendre.Order;
    private const int BlockLength = Order * Order;

    private readonly int[] start;
    private readonly int[] source;
    private readonly double[] entries;

    private KernelBlocks(int[] start, int[] source, double[] entries)
    {
        this.start = start;
        this.source = source;
        this.entries = entries;
    }

    /// <summary>Blocks of 2 KiB.</summary>
    public int Count => source.Length;

    /// <summary>The blocks from the tree's panels to <paramref name="target"/>; null for more than <paramref name="limit"/>.</summary>
    public static KernelBlocks? Build(SourceTree tree, PanelSet target, int limit)
    {
        var blocks = new List<(int Target, int Source, double[] Entries)>();
        double[] row = new double[Order];
        double norm = Math.Exp(-NormalTail.LogRootTwoPi) / tree.Noise;
        double scale = Math.Sqrt(0.5) / tree.Noise;
        foreach (SourcePiece root in tree.Roots)
        {
            var own = new Dictionary<int, double[]>();
            tree.Visit(root, target.Nodes, 0, (leaf, from, to) =>
            {
                double half = 0.5 * (leaf.To - leaf.From);
                double[]? interpolation = leaf.FromPanel;
                for (int j = from; j < to; j++)
                {
                    ref double[]? block = ref CollectionsMarshal.GetValueRefOrAddDefault(own, j / Order, out _);
                    block ??= new double[BlockLength];
                    for (int i = 0; i < Order; i++)
                    {
                        double t = (target.Nodes[j] - leaf.Image[i]) * scale;
                        row[i] = Math.Exp(-(t * t)) * Legendre.Weights[i] * half * norm;
                    }

                    AddRow(row, interpolation, block, j % Order);
                }
            });
            tree.Forget(root);
            blocks.AddRange(own.Select(b => (b.Key, root.Panel, b.Value)));
            if (blocks.Count > limit || tree.IsTooLarge)
            {
                return null;
            }
        }

        return Of(blocks, target.Count);
    }

    /// <summary>
    /// The blocks of f′(y_j) = <paramref name="kept"/>[j]·f(y_j) + Σ weight·f(x) over the points of <paramref name="rows"/>[j], from panels to
    /// themselves; null for more than <paramref name="limit"/>.
    /// </summary>
    public static KernelBlocks? Of(List<(double X, double Weight)>[] rows, double[] kept, PanelSet panels, int limit)
    {
        var blocks = new List<(int Target, int Source, double[] Entries)>();
        Span<double> cardinals = stackalloc double[Order];
        for (int t = 0; t < panels.Count; t++)
        {
            var own = new Dictionary<int, double[]> { [t] = new double[BlockLength] };
            for (int i = 0; i < Order; i++)
            {
                int j = (t * Order) + i;
                own[t][(i * Order) + i] += kept[j];
                foreach ((double x, double weight) in rows[j])
                {
                    if (panels.Find(x) is >= 0 and var p)
                    {
                        ref double[]? block = ref CollectionsMarshal.GetValueRefOrAddDefault(own, p, out _);
                        block ??= new double[BlockLength];
                        Legendre.Cardinals((2 * (x - panels.From[p]) / panels.Width(p)) - 1, cardinals);
                        for (int m = 0; m < Order; m++)
                        {
                            block[(m * Order) + i] += weight * cardinals[m];
                        }
                    }
                }
            }

            blocks.AddRange(own.Select(b => (t, b.Key, b.Value)));
            if (blocks.Count > limit)
            {
                return null;
            }
        }

        return Of(blocks, panels.Count);
    }

    private static KernelBlocks Of(List<(int Target, int Source, double[] Entries)> blocks, int targets)
    {
        blocks.Sort((a, b) => a.Target != b.Target ? a.Target.CompareTo(b.Target) : a.Source.CompareTo(b.Source));
        int[] first = new int[targets + 1];
        foreach ((int t, _, _) in blocks)
        {
            first[t + 1]++;
        }

        for (int t = 0; t < targets; t++)
        {
            first[t + 1] += first[t];
        }

        return new(first, [.. blocks.Select(b => b.Source)], [.. blocks.SelectMany(b => b.Entries)]);
    }

    /// <summary>The density after the step, from the density before it; shapes [P′, 16] and [P, 16].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Apply(ReadOnlySpan<double> before, Span<double> after)
    {
        ref double matrix = ref MemoryMarshal.GetArrayDataReference(entries);
        ref double result = ref MemoryMarshal.GetReference(after);
        for (int t = 0; t + 1 < start.Length; t++)
        {
            Vector512<double> even0 = default;
            Vector512<double> even1 = default;
            Vector512<double> odd0 = default;
            Vector512<double> odd1 = default;
            for (int b = start[t]; b < start[t + 1]; b++)
            {
                ref double values = ref MemoryMarshal.GetReference(before.Slice(source[b] * Order, Order));
                ref double block = ref Unsafe.Add(ref matrix, (nint)b * BlockLength);
                for (int m = 0; m < Order; m += 2)
                {
                    Vector512<double> value = Vector512.Create(Unsafe.Add(ref values, m));
                    Vector512<double> next = Vector512.Create(Unsafe.Add(ref values, m + 1));
                    even0 = Vector512.FusedMultiplyAdd(Vector512.LoadUnsafe(ref block, (nuint)(m * Order)), value, even0);
                    even1 = Vector512.FusedMultiplyAdd(Vector512.LoadUnsafe(ref block, (nuint)((m * Order) + 8)), value, even1);
                    odd0 = Vector512.FusedMultiplyAdd(Vector512.LoadUnsafe(ref block, (nuint)((m + 1) * Order)), next, odd0);
                    odd1 = Vector512.FusedMultiplyAdd(Vector512.LoadUnsafe(ref block, (nuint)(((m + 1) * Order) + 8)), next, odd1);
                }
            }

            (even0 + odd0).StoreUnsafe(ref result, (nuint)(t * Order));
            (even1 + odd1).StoreUnsafe(ref result, (nuint)((t * Order) + 8));
        }
    }

    /// <summary>Adds one row, given at a piece's points, to column-major block entries at the panel's points.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddRow(double[] row, double[]? interpolation, double[] block, int j)
    {
        for (int i = 0; i < Order; i++)
        {
            if (interpolation is null)
            {
                block[(i * Order) + j] += row[i];
                continue;
            }

            double factor = row[i];
            for (int m = 0; m < Order; m++)
            {
                block[(m * Order) + j] += factor * interpolation[(i * Order) + m];
            }
        }
    }
}
