namespace Sgm.Engine;

/// <summary>
/// One direction of two independent normal laws: q = N(δ, Q) against p = N(0, P), P &gt; 0, Count times; enclosures
/// of δ, Q, P and Q − P, the last so that a small bias keeps its digits. The properties that are doubles are the
/// midpoints.
/// </summary>
public readonly record struct DirectionPair
{
    private DirectionPair(long count, Ball offset, Ball state, Ball variance, Ball excess)
    {
        Count = count;
        OffsetBall = offset;
        StateBall = state;
        VarianceBall = variance;
        ExcessBall = excess;
    }

    /// <summary>Multiplicity, δ, P and Q − P ≥ −P, all of them exact.</summary>
    public DirectionPair(long count, double offset, double variance, double excess)
        : this(count, offset, (Ball)variance + excess, variance, excess)
    {
    }

    /// <summary>Multiplicity.</summary>
    public long Count { get; init; }

    /// <summary>Encloses δ, the difference of the means.</summary>
    public Ball OffsetBall { get; }

    /// <summary>Encloses Q, the variance under q; exactly 0 only where q is concentrated on a point.</summary>
    public Ball StateBall { get; }

    /// <summary>Encloses P.</summary>
    public Ball VarianceBall { get; }

    /// <summary>Encloses Q − P.</summary>
    public Ball ExcessBall { get; }

    /// <summary>δ.</summary>
    public double Offset => (double)OffsetBall;

    /// <summary>Q.</summary>
    public double StateVariance => (double)StateBall;

    /// <summary>P.</summary>
    public double Variance => (double)VarianceBall;

    /// <summary>Q − P.</summary>
    public double Excess => (double)ExcessBall;

    /// <summary>r = (Q − P)/P.</summary>
    public double Ratio => (double)RatioBall;

    /// <summary>ln(Q/P), from r near 0 and from the quotient elsewhere.</summary>
    public double LogQuotient => Math.Abs(Ratio) < 0.3 ? RealFunctions.LogOnePlus(Ratio) : Math.Log((double)QuotientBall);

    /// <summary>Encloses r.</summary>
    public Ball RatioBall => ExcessBall / VarianceBall;

    /// <summary>Encloses Q/P = 1 + r, precise where r is near −1.</summary>
    public Ball QuotientBall => StateBall / VarianceBall;

    /// <summary>Encloses 2 − Q/P = 1 − r, precise where r is near 1.</summary>
    public Ball ReserveBall => (VarianceBall - ExcessBall) / VarianceBall;

    /// <summary>Encloses δ²/P.</summary>
    public Ball SquareBall => OffsetBall * OffsetBall / VarianceBall;

    /// <summary>Multiplicity, δ, Q and P.</summary>
    public static DirectionPair Of(long count, Ball offset, Ball state, Ball variance) =>
        new(count, offset, state, variance, state - variance);
}
