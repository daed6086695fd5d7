namespace Sgm.Engine;

/// <summary>
/// A score estimate that is a function of its own, not the score of a law: s(x, level), for instance fitted to data, a network or a
/// function that a user wrote. Immutable as seen from outside, safe to share between threads.
/// </summary>
public abstract class ScoreFunction
{
    // Beyond so many deviations of the noise a score is taken to be linear plus bounded.
    private const double FarOut = 1e6;

    /// <summary>d.</summary>
    public abstract int Dimension { get; }

    /// <summary>What it is, in words, for reports: "the network net.onnx".</summary>
    public abstract string Description { get; }

    /// <summary>Whether it has no value where σ = 0.</summary>
    public virtual bool NeedsNoise => true;

    /// <summary>Multiply-adds a point, roughly; an exponential counts 20.</summary>
    public virtual double Cost => Dimension;

    /// <summary>The relative rounding of its values: 2⁻⁵³, or 2⁻²⁴ where it computes in single precision.</summary>
    public virtual double Rounding => 1.0 / (1L << 53);

    /// <summary>
    /// scores[e·stride + i] ← coordinate e of s(x_i, level), where coordinate e of x_i is points[e·stride + i], i &lt; count ≤ stride.
    /// A point's score does not depend on the other points.
    /// </summary>
    public abstract void Evaluate(NoiseLevel level, ReadOnlySpan<double> points, Span<double> scores, int stride, int count);

    /// <summary>score ← s(x, level); both of shape [d].</summary>
    public void Evaluate(NoiseLevel level, ReadOnlySpan<double> x, Span<double> score) => Evaluate(level, x, score, 1, 1);

    /// <summary>s(x, level) and ∂s/∂x in one dimension; the slope by a central difference, unless it is known better.</summary>
    public virtual (double Value, double Slope) OnLine(NoiseLevel level, double x)
    {
        double h = Math.Cbrt(Rounding) * (Math.Abs(x) + Scale(level));
        Span<double> values = stackalloc double[3];
        Evaluate(level, [x, x - h, x + h], values, 3, 3);
        return (values[0], (values[2] - values[1]) / (x + h - (x - h)));
    }

    /// <summary>
    /// ∂s/∂x towards ±∞ in one dimension, where s is linear plus bounded; unless it is known better, the largest of the two sides between
    /// 10⁶ and 2·10⁶ deviations of the noise.
    /// </summary>
    public virtual double FarSlope(NoiseLevel level)
    {
        double far = FarOut * Scale(level);
        Span<double> values = stackalloc double[4];
        Evaluate(level, [-2 * far, -far, far, 2 * far], values, 4, 4);
        return Math.Max((values[1] - values[0]) / far, (values[3] - values[2]) / far);
    }

    /// <summary>Whether <see cref="Bounds"/> says anything.</summary>
    public virtual bool HasBounds => false;

    /// <summary>Bounds of |∂s/∂x| and of |∂²s/∂x²| over the whole line, in one dimension; ∞ where none are known.</summary>
    public virtual (double Slope, double Bend) Bounds(NoiseLevel level) => (double.PositiveInfinity, double.PositiveInfinity);

    private static double Scale(NoiseLevel level) => level.Sigma > 0 ? level.Sigma : 1;
}

/// <summary>
/// A score that a user wrote: scores[e·count + i] ← coordinate e of the score at point i, whose coordinates are points[e·count + i].
/// </summary>
/// <param name="level">The level that the score is asked for at.</param>
/// <param name="points">Shape [d, count], coordinate-major.</param>
/// <param name="scores">Same shape; every element must be written.</param>
/// <param name="count">Number of points.</param>
/// <remarks>
/// Called from many threads at once, and once a stage and a block: it must be a pure function of its arguments, and a point's
/// score must not depend on the other points, or results depend on how particles are cut into blocks. A value that is not
/// finite ends the run as diverged.
/// </remarks>
public delegate void BlockScore(NoiseLevel level, ReadOnlySpan<double> points, Span<double> scores, int count);

/// <summary>A <see cref="BlockScore"/> in d dimensions, under a name.</summary>
public sealed class OwnScore(string name, int dimension, BlockScore score) : ScoreFunction
{
    /// <inheritdoc/>
    public override int Dimension => dimension;

    /// <inheritdoc/>
    public override string Description => $"the function '{name}'";

    /// <inheritdoc/>
    public override bool NeedsNoise => false;

    /// <inheritdoc/>
    public override void Evaluate(NoiseLevel level, ReadOnlySpan<double> points, Span<double> scores, int stride, int count)
    {
        if (stride == count || dimension == 1)
        {
            score(level, points[..(dimension * count)], scores[..(dimension * count)], count);
            return;
        }

        double[] own = new double[2 * dimension * count];
        Span<double> x = own.AsSpan(0, dimension * count);
        Span<double> s = own.AsSpan(dimension * count);
        for (int e = 0; e < dimension; e++)
        {
            points.Slice(e * stride, count).CopyTo(x[(e * count)..]);
        }

        score(level, x, s, count);
        for (int e = 0; e < dimension; e++)
        {
            s.Slice(e * count, count).CopyTo(scores[(e * stride)..]);
        }
    }
}
