using MathNet.Numerics.LinearAlgebra;

namespace Sgm.Engine;

/// <summary>
/// A lower confidence bound for W2² of the particles' law to a target by Kantorovich duality: W2² ≥ E_q f + E_p f^c for every f, so
/// potentials chosen on one half of the particles make a lower bound of the other half's mean of f a bound. E_p f^c is in closed form
/// and f never below its floor, so <see cref="MeanBelow"/> makes it a theorem for every law q.
/// </summary>
/// <remarks>
/// A quarter of the particles (i ≡ 0 mod 4) fits the candidates, a quarter (i ≡ 2) chooses, the odd ones test. A candidate is, on an
/// orthonormal basis, the sum of potentials of the axes, each affine, monotone or none. As
/// W2² ≥ Σ_e W2²(q_e, p_e) for the axes e of any orthonormal basis, this includes the largest one-dimensional projection and, averaged
/// over random bases, d times the squared sliced distance. Bases are the coordinates and, for a target that is one mixture in at
/// most 16 dimensions, the axes of Gelbrich's map and random rotations.
/// </remarks>
internal sealed class DualBound
{
    private const int MostRotated = 16;
    private const int MostFitted = 64;
    private const int Rotations = 4;

    private readonly Target target;
    private readonly NoiseLevel level;
    private readonly double[] rows;
    private readonly int d;
    private readonly int n;
    private readonly double failure;

    private DualBound(Target target, NoiseLevel level, double[] rows, double failure)
    {
        this.target = target;
        this.level = level;
        this.rows = rows;
        this.failure = failure;
        d = target.Dimension;
        n = rows.Length / d;
    }

    // A null basis is the coordinates; a null potential contributes nothing.
    private sealed record Candidate(double[][]? Basis, LinePotential?[] Potentials, double OfTarget)
    {
        public double Floor => Potentials.Sum(potential => potential?.Floor ?? 0);

        public double OfState(ReadOnlySpan<double> x)
        {
            double sum = 0;
            for (int e = 0; e < Potentials.Length; e++)
            {
                if (Potentials[e] is { } potential) sum += potential.OfState(Basis is null ? x[e] : Dot(x, Basis[e]));
            }

            return sum;
        }
    }

    /// <summary>At most W2² but for a probability <paramref name="failure"/>; rows are the particles, row-major [n, d].</summary>
    public static double Of(Target target, NoiseLevel level, double[] rows, double failure, ulong seed) =>
        new DualBound(target, level, rows, failure).Best(seed);

    private double Best(ulong seed)
    {
        double most = double.NegativeInfinity;
        double lower = 0;
        foreach (Candidate candidate in Candidates(seed))
        {
            double[] chosen = Values(candidate.OfState, 2, 4);
            double promised = MeanBelow.Of(chosen, chosen, candidate.Floor, failure) + candidate.OfTarget;
            if (promised <= most) continue;
            most = promised;
            lower = MeanBelow.Of(chosen, Values(candidate.OfState, 1, 2), candidate.Floor, failure) + candidate.OfTarget;
        }

        return Math.Max(0, lower);
    }

    private delegate double OfRow(ReadOnlySpan<double> x);

    private double[] Values(OfRow f, int first, int stride)
    {
        double[] values = new double[(n - first + stride - 1) / stride];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = f(Row(first + (i * stride)));
        }

        return values;
    }

    private ReadOnlySpan<double> Row(int i) => rows.AsSpan(i * d, d);

    private IEnumerable<Candidate> Candidates(ulong seed)
    {
        yield return OnBasis(null);
        if (d == 1 || d > MostRotated || !LineMixture.IsOneMixture(target)) yield break;
        yield return OnBasis(Columns(Gelbrich()));
        RandomStream stream = new(seed, long.MinValue);
        double[] normals = new double[d * d];
        for (int r = 0; r < Rotations; r++)
        {
            stream.FillNormal(normals);
            yield return OnBasis(Columns(Matrix<double>.Build.Dense(d, d, normals).QR().Q));
        }
    }

    private Candidate OnBasis(double[][]? basis)
    {
        LinePotential?[] potentials = new LinePotential?[d];
        double ofTarget = 0;
        for (int e = 0; e < d; e++)
        {
            double[]? direction = basis?[e];
            int axis = e;
            LineMixture law = direction is null ? LineMixture.Coordinate(target, level, e) : LineMixture.Along(target, level, direction);
            double Place(ReadOnlySpan<double> x) => direction is null ? x[axis] : Dot(x, direction);
            double[] fit = Values(Place, 0, 4);
            double[] choose = Values(Place, 2, 4);
            double most = 0, chosen = 0;
            foreach (LinePotential potential in Potentials(law, fit, e < MostFitted))
            {
                double constant = potential.OfTarget(law);
                double mean = constant + choose.Average(potential.OfState);
                if (mean <= most) continue;
                most = mean;
                potentials[e] = potential;
                chosen = constant;
            }

            ofTarget += chosen;
        }

        return new Candidate(basis, potentials, ofTarget);
    }

    private static IEnumerable<LinePotential> Potentials(LineMixture law, double[] fit, bool fits)
    {
        double mean = fit.Average();
        yield return LinePotential.Affine(law, mean, Math.Sqrt(fit.Average(x => (x - mean) * (x - mean))));
        if (!fits) yield break;
        Array.Sort(fit);
        int cells = (int)Math.Clamp(2 * Math.Cbrt(fit.Length), 2, Math.Min(128, fit.Length));
        yield return LinePotential.Fit(law, new MarginalLaw(law, 4096), fit, cells);
    }

    private Matrix<double> Gelbrich()
    {
        Mixture law = target.Factors[0].Law;
        Vector<double> mean = Vector<double>.Build.Dense(d);
        Matrix<double> second = Matrix<double>.Build.Dense(d, d);
        for (int k = 0; k < law.Count; k++)
        {
            Vector<double> mu = level.Mean * Vector<double>.Build.DenseOfArray(law.Mean(k).ToArray());
            Covariance covariance = law.Covariance(k);
            mean += law.Weights[k] * mu;
            second += law.Weights[k] * (mu.OuterProduct(mu) + Matrix<double>.Build.Dense(d, d, (i, j) => covariance.Entry(i, j, level.VarianceOf)));
        }

        Vector<double> seen = Vector<double>.Build.Dense(d);
        Matrix<double> seenSecond = Matrix<double>.Build.Dense(d, d);
        int count = 0;
        for (int i = 0; i < n; i += 4, count++)
        {
            Vector<double> x = Vector<double>.Build.DenseOfArray(Row(i).ToArray());
            seen += x;
            seenSecond += x.OuterProduct(x);
        }

        seen /= count;
        return GelbrichMap.Axes(second - mean.OuterProduct(mean), (seenSecond / count) - seen.OuterProduct(seen));
    }

    private static double[][] Columns(Matrix<double> m) => [.. Enumerable.Range(0, m.ColumnCount).Select(j => m.Column(j).ToArray())];

    private static double Dot(ReadOnlySpan<double> a, double[] b)
    {
        double sum = 0;
        for (int i = 0; i < b.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }
}
