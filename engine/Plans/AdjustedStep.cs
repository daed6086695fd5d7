namespace Sgm.Engine;

/// <summary>
/// A proposal by leapfrog and its acceptance (Duane, Kennedy, Pendleton and Roweth 1987). From the state x and a velocity v ~ N(0, I),
///   L times: v ← v + (ε/2)·s(x), x ← x + ε·v, v ← v + (ε/2)·s(x),
/// and (x′, v′) is accepted with probability min(1, exp(E(x, x′) + (|v|² − |v′|²)/2)), where E is ln p(x′) − ln p(x) of the target p at the
/// level, or its estimate by the score. Otherwise the state stays x. One leap with ε = √(2h) is the proposal x + h·s(x) + √(2h)·ξ of
/// MALA, and |v|² − |v′|² is what its two transition densities make: (|v|² − |v′|²)/2 = ln q(x′, x) − ln q(x, x′).
/// The leapfrog map is reversible and keeps volume for every s, so that with the target's density p stays invariant however wrong the score.
/// </summary>
public sealed record AdjustedStep : IStep
{
    /// <inheritdoc/>
    public required string Method { get; init; }

    /// <summary>The level of score and target.</summary>
    public required NoiseLevel Level { get; init; }

    /// <summary>ε &gt; 0.</summary>
    public required double Leap { get; init; }

    /// <summary>L ≥ 1.</summary>
    public required int Leaps { get; init; }

    /// <summary>
    /// Null: E is from the target's density. k ≥ 2: E ≈ ∫₀¹ s(x + t(x′ − x))·(x′ − x) dt by the trapezoid rule at k points, both ends among
    /// them (Sjöberg et al. 2023); then p stays invariant up to the errors of the rule and of the score.
    /// </summary>
    public int? LinePoints { get; init; }

    /// <summary>Evaluations of the score.</summary>
    public int Evaluations => Leaps + Math.Max(2, LinePoints ?? 0) - 1;

    /// <inheritdoc/>
    public NoiseLevel From => Level;

    /// <inheritdoc/>
    public NoiseLevel To => Level;

    /// <inheritdoc/>
    public IEnumerable<NoiseLevel> Levels => Enumerable.Repeat(Level, Evaluations);

    /// <inheritdoc/>
    public bool IsNoisy => true;

    /// <inheritdoc/>
    public bool StaysAtLevel => true;
}
