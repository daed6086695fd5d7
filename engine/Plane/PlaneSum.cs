using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sgm.Engine;

/// <summary>
/// Σ_n mass_n·N(·; x_n, C²·I): the law after a noisy step x ← T(x) + C·ξ, where x_n are the images of the nodes before it. Every term
/// factors into its coordinates, so that it costs one product a place.
/// </summary>
internal sealed class PlaneSum : PlaneDensity
{
    // Squares of so many C, as long as there are not too many.
    private const double BinSide = 4;
    private const int MostBins = 1 << 20;
    private readonly PlaneBox box;
    private readonly Lazy<Sorted> sorted;

    /// <param name="x">First coordinates of the centres.</param>
    /// <param name="y">Second coordinates.</param>
    /// <param name="mass">Their masses.</param>
    /// <param name="deviation">C &gt; 0.</param>
    /// <param name="smoothness">What is known of the whole, at least C.</param>
    public PlaneSum(double[] x, double[] y, double[] mass, double deviation, double smoothness)
    {
        (X, Y, Masses, Mass) = (x, y, mass, mass.Sum());
        Deviation = deviation;
        Smoothness = smoothness;
        box = new(x.Min(), x.Max(), y.Min(), y.Max());
        sorted = new(() => Sorted.Of(this));
    }

    /// <summary>C.</summary>
    public double Deviation { get; }

    /// <summary>First coordinates of the centres.</summary>
    public double[] X { get; }

    /// <summary>Second coordinates.</summary>
    public double[] Y { get; }

    /// <summary>Their masses.</summary>
    public double[] Masses { get; }

    /// <inheritdoc/>
    public override double Mass { get; }

    // Square by square; only where values at places are asked for.
    private Sorted Terms => sorted.Value;

    /// <inheritdoc/>
    public override double Smoothness { get; }

    /// <summary>How far a kernel reaches.</summary>
    private double Reach(double logRange) => Deviation * Math.Sqrt(2 * logRange);

    /// <inheritdoc/>
    public override PlaneBox Extent(double logRange) => box.Grown(Reach(logRange));

    /// <inheritdoc/>
    public override bool Reaches(PlaneBox box, double logRange)
    {
        PlaneBins bins = Terms.Bins;
        double reach = Reach(logRange);
        (int firstRow, int lastRow) = (bins.Row(box.Bottom - reach), bins.Row(box.Top + reach));
        for (int column = bins.Column(box.Left - reach); column <= bins.Column(box.Right + reach); column++)
        {
            for (int row = firstRow; row <= lastRow; row++)
            {
                // ln of the mass of a square, less what its nearest kernel leaves of it in the box.
                double log = Terms.LogMass[(column * bins.Rows) + row];
                (double x, double y) = ((bins.Left + column) * bins.Side, (bins.Bottom + row) * bins.Side);
                double square = box.SquaredDistance(new(x, x + bins.Side, y, y + bins.Side));
                if (log - (0.5 * square / (Deviation * Deviation)) >= -logRange) return true;
            }
        }

        return false;
    }

    /// <inheritdoc/>
    public override void Values(ReadOnlySpan<double> x, ReadOnlySpan<double> y, Span<double> values, double logRange)
    {
        PlaneBins bins = Terms.Bins;
        values.Clear();
        double reach = Reach(logRange);
        (int firstRow, int lastRow) = (bins.Row(y[0] - reach), bins.Row(y[^1] + reach));
        for (int column = bins.Column(x[0] - reach); column <= bins.Column(x[^1] + reach); column++)
        {
            (int from, int to) = bins.Range(column, firstRow, lastRow);
            AddTerms add = new() { Terms = Terms, Deviation = Deviation, From = from, To = to, Reach = reach, X = x, Y = y, Values = values };
            LaneWidth.Run(ref add);
        }

        double unit = 1 / (2 * Math.PI * Deviation * Deviation);
        foreach (ref double value in values)
        {
            value *= unit;
        }
    }

    /// <inheritdoc/>
    public override double Cost(PlaneBox box, double logRange)
    {
        PlaneBins bins = Terms.Bins;
        double reach = Reach(logRange);
        double terms = 0;
        for (int column = bins.Column(box.Left - reach); column <= bins.Column(box.Right + reach); column++)
        {
            (int from, int to) = bins.Range(column, bins.Row(box.Bottom - reach), bins.Row(box.Top + reach));
            terms += to - from;
        }

        return 100 * terms;
    }

    /// <inheritdoc/>
    public override void Draw(RandomStream stream, Span<double> x, int count)
    {
        double[] upTo = new double[Masses.Length];
        double sum = 0;
        for (int n = 0; n < upTo.Length; n++)
        {
            upTo[n] = sum += Masses[n];
        }

        double[] uniforms = new double[count];
        stream.FillUniform(uniforms);
        stream.FillNormal(x);
        for (int i = 0; i < count; i++)
        {
            int n = Array.BinarySearch(upTo, uniforms[i] * sum);
            n = Math.Min(n < 0 ? ~n : n, upTo.Length - 1);
            x[i] = X[n] + (Deviation * x[i]);
            x[count + i] = Y[n] + (Deviation * x[count + i]);
        }
    }

    /// <inheritdoc/>
    public override PlaneDensity Turned(double angle)
    {
        (double sine, double cosine) = Math.SinCos(angle);
        return new PlaneSum(
            [.. X.Select((x, n) => (cosine * x) + (sine * Y[n]))], [.. Y.Select((y, n) => (cosine * y) - (sine * X[n]))], Masses, Deviation, Smoothness);
    }

    /// <inheritdoc/>
    public override PlaneMoments Moments() => PlaneMoments.Of(X, Y, Masses).With(Deviation * Deviation);

    /// <inheritdoc/>
    public override PlaneNodes Lattice(double spacing, double logRange, PlaneWork work) =>
        LatticeScatter.Fits(Reach(logRange) / spacing)
            ? LatticeScatter.Nodes(this, Extent(logRange), spacing, logRange, work)
            : base.Lattice(spacing, logRange, work);

    private sealed record Sorted(PlaneBins Bins, double[] X, double[] Y, double[] Mass, double[] LogMass)
    {
        public static Sorted Of(PlaneSum sum)
        {
            double side = BinSide * sum.Deviation;
            while (((sum.box.Width / side) + 2) * ((sum.box.Height / side) + 2) > MostBins)
            {
                side *= 2;
            }

            (double left, double bottom) = (Math.Floor(sum.box.Left / side), Math.Floor(sum.box.Bottom / side));
            (int columns, int rows) = ((int)(Math.Floor(sum.box.Right / side) - left) + 1, (int)(Math.Floor(sum.box.Top / side) - bottom) + 1);
            PlaneBins bins = new(sum.X, sum.Y, side, (long)left, (long)bottom, columns, rows);
            double[] In(double[] values) => Array.ConvertAll(bins.Order, n => values[n]);
            double[] mass = In(sum.Masses);
            double[] logMass = new double[columns * rows];
            for (int b = 0; b < logMass.Length; b++)
            {
                (int from, int to) = bins.Range(b / rows, b % rows, b % rows);
                double own = 0;
                for (int n = from; n < to; n++)
                {
                    own += mass[n];
                }

                logMass[b] = Math.Log(own);
            }

            return new(bins, In(sum.X), In(sum.Y), mass, logMass);
        }
    }

    private ref struct AddTerms : ILanesAction
    {
        public required Sorted Terms;
        public required double Deviation;
        public required int From;
        public required int To;
        public required double Reach;
        public required ReadOnlySpan<double> X;
        public required ReadOnlySpan<double> Y;
        public required Span<double> Values;

        [SkipLocalsInit]
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke<TLanes>()
            where TLanes : struct, ILanes<TLanes>
        {
            Span<double> across = stackalloc double[LatticeTiles.Side];
            Span<double> along = stackalloc double[LatticeTiles.Side];
            ref double x = ref MemoryMarshal.GetReference(X);
            ref double y = ref MemoryMarshal.GetReference(Y);
            ref double values = ref MemoryMarshal.GetReference(Values);
            ref double g = ref MemoryMarshal.GetReference(across);
            ref double h = ref MemoryMarshal.GetReference(along);
            double scale = -0.5 / (Deviation * Deviation);
            for (int n = From; n < To; n++)
            {
                double atX = Terms.X[n], atY = Terms.Y[n];
                if (X[0] - atX > Reach || atX - X[^1] > Reach || Y[0] - atY > Reach || atY - Y[^1] > Reach) continue;
                for (int i = 0; i < X.Length; i += TLanes.Count)
                {
                    TLanes d = TLanes.Load(in Unsafe.Add(ref x, i)) - atX;
                    (VectorMath.Exp(d * d * scale) * Terms.Mass[n]).Store(ref Unsafe.Add(ref g, i));
                }

                for (int j = 0; j < Y.Length; j += TLanes.Count)
                {
                    TLanes d = TLanes.Load(in Unsafe.Add(ref y, j)) - atY;
                    VectorMath.Exp(d * d * scale).Store(ref Unsafe.Add(ref h, j));
                }

                for (int i = 0; i < X.Length; i++)
                {
                    if (across[i] == 0) continue;
                    TLanes factor = across[i];
                    ref double row = ref Unsafe.Add(ref values, i * Y.Length);
                    for (int j = 0; j < Y.Length; j += TLanes.Count)
                    {
                        TLanes sum = TLanes.MultiplyAdd(factor, TLanes.Load(in Unsafe.Add(ref h, j)), TLanes.Load(in Unsafe.Add(ref row, j)));
                        sum.Store(ref Unsafe.Add(ref row, j));
                    }
                }
            }
        }
    }
}
