using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>One score evaluation of a step: y = A·x + Σ_{j &lt; i} B[j]·s_j, then s_i = score(Level, y).</summary>
/// <param name="Level">The level that the score is evaluated at.</param>
/// <param name="A">Coefficient of the state x.</param>
/// <param name="B">Coefficients of the scores of the earlier stages; as many as there are earlier stages.</param>
public sealed record Stage(NoiseLevel Level, double A, ImmutableArray<double> B);

/// <summary>
/// One step of a sampler as data: x ← A·x + Σ_i B[i]·s_i + C·ξ with ξ ~ N(0, I), the s_i from <see cref="Stages"/>.
/// The interpreters know nothing about method names: a method is these numbers.
/// </summary>
public sealed record Tableau
{
    /// <summary>The method's name, for reports ("langevin", "ancestral", …).</summary>
    public required string Method { get; init; }

    /// <summary>The current level before the step.</summary>
    public required NoiseLevel From { get; init; }

    /// <summary>The current level after the step; equal to <see cref="From"/> for a corrector.</summary>
    public required NoiseLevel To { get; init; }

    /// <summary>The score evaluations, in order.</summary>
    public required ImmutableArray<Stage> Stages { get; init; }

    /// <summary>Coefficient of the state.</summary>
    public required double A { get; init; }

    /// <summary>Coefficients of the scores; one a stage.</summary>
    public required ImmutableArray<double> B { get; init; }

    /// <summary>Standard deviation of the fresh noise, ≥ 0; 0 is a deterministic step.</summary>
    public required double C { get; init; }

    /// <summary>x ← a·x + b·s(x, at) + c·ξ: the form of every one-stage method.</summary>
    public static Tableau OneStage(string method, NoiseLevel from, NoiseLevel to, NoiseLevel at, double a, double b, double c) =>
        new()
        {
            Method = method,
            From = from,
            To = to,
            Stages = [new Stage(at, 1, [])],
            A = a,
            B = [b],
            C = c,
        };

    /// <summary>Whether this is a corrector's step, one that stays at its level.</summary>
    public bool StaysAtLevel => From == To;

    /// <summary>The same numbers, stage by stage (the default record equality compares the arrays by reference).</summary>
    public bool Equals(Tableau? other) =>
        other is not null
        && Method == other.Method
        && From == other.From
        && To == other.To
        && A.Equals(other.A)
        && C.Equals(other.C)
        && B.AsSpan().SequenceEqual(other.B.AsSpan())
        && Stages.Length == other.Stages.Length
        && Stages.Zip(other.Stages).All(p => p.First.Level == p.Second.Level
            && p.First.A.Equals(p.Second.A)
            && p.First.B.AsSpan().SequenceEqual(p.Second.B.AsSpan()));

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Method, From, To, A, C, Stages.Length);
}
