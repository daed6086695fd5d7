using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Sgm.Engine;

/// <summary>
/// A row of double-doubles as two arrays, for the two loops that dense algebra spends its time in. Four lanes on
/// every machine, so that the order of summation and with it every digit is the same everywhere; each operation is
/// that of <see cref="DoubleDouble"/>.
/// </summary>
internal sealed class DoubleDoubleRow
{
    private const int Lanes = 4;
    private readonly double[] high;
    private readonly double[] low;
    private readonly int length;

    /// <summary>A copy, padded with zeros to a multiple of four.</summary>
    public DoubleDoubleRow(DoubleDouble[] values)
    {
        length = values.Length;
        int padded = (length + Lanes - 1) / Lanes * Lanes;
        high = new double[padded];
        low = new double[padded];
        for (int i = 0; i < length; i++)
        {
            (high[i], low[i]) = (values[i].High, values[i].Low);
        }
    }

    /// <summary>Σ a_i·b_i, by four interleaved sums.</summary>
    public static DoubleDouble Dot(DoubleDoubleRow a, DoubleDoubleRow b)
    {
        var sum = default(Four);
        ReadOnlySpan<Vector256<double>> ah = Vectors(a.high), al = Vectors(a.low), bh = Vectors(b.high), bl = Vectors(b.low);
        for (int i = 0; i < ah.Length; i++)
        {
            sum = Four.Add(sum, Four.Multiply(new(ah[i], al[i]), new(bh[i], bl[i])));
        }

        DoubleDouble total = 0;
        for (int lane = 0; lane < Lanes; lane++)
        {
            total += new DoubleDouble(sum.High[lane], sum.Low[lane]);
        }

        return total;
    }

    /// <summary>(p, q) ← (c·p − s·q, s·p + c·q).</summary>
    public static void Rotate(DoubleDoubleRow p, DoubleDoubleRow q, DoubleDouble cosine, DoubleDouble sine)
    {
        Four c = Four.Of(cosine), s = Four.Of(sine), minus = Four.Of(-sine);
        Span<Vector256<double>> ph = Vectors(p.high), pl = Vectors(p.low), qh = Vectors(q.high), ql = Vectors(q.low);
        for (int i = 0; i < ph.Length; i++)
        {
            Four x = new(ph[i], pl[i]), y = new(qh[i], ql[i]);
            (ph[i], pl[i]) = Four.Add(Four.Multiply(c, x), Four.Multiply(minus, y));
            (qh[i], ql[i]) = Four.Add(Four.Multiply(s, x), Four.Multiply(c, y));
        }
    }

    /// <summary>The values.</summary>
    public DoubleDouble[] ToArray() => [.. Enumerable.Range(0, length).Select(i => new DoubleDouble(high[i], low[i]))];

    private static Span<Vector256<double>> Vectors(double[] values) => MemoryMarshal.Cast<double, Vector256<double>>(values.AsSpan());

    private readonly record struct Four(Vector256<double> High, Vector256<double> Low)
    {
        public static Four Of(DoubleDouble value) => new(Vector256.Create(value.High), Vector256.Create(value.Low));

        public static Four Add(in Four a, in Four b)
        {
            (Vector256<double> sum, Vector256<double> error) = TwoSum(a.High, b.High);
            (Vector256<double> low, Vector256<double> lowError) = TwoSum(a.Low, b.Low);
            (sum, error) = QuickTwoSum(sum, error + low);
            (sum, error) = QuickTwoSum(sum, error + lowError);
            return new(sum, error);
        }

        public static Four Multiply(in Four a, in Four b)
        {
            Vector256<double> product = a.High * b.High;
            Vector256<double> error = Vector256.FusedMultiplyAdd(a.High, b.High, -product) + ((a.High * b.Low) + (a.Low * b.High));
            (product, error) = QuickTwoSum(product, error);
            return new(product, error);
        }

        private static (Vector256<double> Sum, Vector256<double> Error) TwoSum(Vector256<double> a, Vector256<double> b)
        {
            Vector256<double> sum = a + b;
            Vector256<double> t = sum - a;
            return (sum, (a - (sum - t)) + (b - t));
        }

        private static (Vector256<double> Sum, Vector256<double> Error) QuickTwoSum(Vector256<double> a, Vector256<double> b)
        {
            Vector256<double> sum = a + b;
            return (sum, b - (sum - a));
        }
    }
}
