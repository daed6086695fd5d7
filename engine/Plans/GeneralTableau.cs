using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>What a term of a general step multiplies.</summary>
public enum Input
{
    /// <summary>A register as it was before the step; number 0 is the state x.</summary>
    Register,

    /// <summary>A prediction of the model in this step, by the number of its stage from 0.</summary>
    Prediction,

    /// <summary>A draw ξ of N(0, I) of this step, independent of all others, by its number from 0.</summary>
    Noise,
}

/// <summary>What a random fraction u of a step makes of a coefficient; u ~ U(0, 1) is drawn once a step, for every particle its own.</summary>
public enum Share
{
    /// <summary>1.</summary>
    Whole,

    /// <summary>u.</summary>
    Fraction,

    /// <summary>√u.</summary>
    RootOfFraction,

    /// <summary>√(1 − u).</summary>
    RootOfRest,
}

/// <summary>A coefficient times a share of a random fraction times an input. Terms of one input add up.</summary>
public readonly record struct Term(Input Of, int Number, double Coefficient, Share Share = Share.Whole);

/// <summary>One evaluation of the model, at a sum of registers, predictions of earlier stages and noises.</summary>
public sealed record GeneralStage(NoiseLevel Level, ImmutableArray<Term> At, Prediction Of = Prediction.Denoiser);

/// <summary>
/// A step of a general linear method (Butcher 2006) with noise: besides the state x = r₀ there are registers r₁ … r_q, what the method
/// keeps of its earlier evaluations, and any number of independent draws ξ.
///   y_i = Σ a·r + Σ_{j &lt; i} b·f_j + Σ c·ξ,  f_i the prediction at (Level_i, y_i);  r_k ← Σ A·r + Σ B·f + Σ C·ξ, all at once.
/// Registers that a step does not write hold 0 after it, so that a step without any drops what was kept. <see cref="Tableau"/> is the
/// form of the methods that keep nothing and draw once, at the end.
/// </summary>
public sealed record GeneralTableau : IStep
{
    /// <inheritdoc/>
    public required string Method { get; init; }

    /// <inheritdoc/>
    public required NoiseLevel From { get; init; }

    /// <inheritdoc/>
    public required NoiseLevel To { get; init; }

    /// <summary>The evaluations of the model, in order.</summary>
    public required ImmutableArray<GeneralStage> Stages { get; init; }

    /// <summary>What the state becomes, and then what every register becomes that is kept.</summary>
    public required ImmutableArray<ImmutableArray<Term>> Updates { get; init; }

    /// <summary>
    /// A bound on the relative rounding of every coefficient, against what exact arithmetic gives for the method's formula at the levels'
    /// doubles (m, σ): brackets contain it.
    /// </summary>
    public required double Rounding { get; init; }

    /// <summary>Registers besides the state that hold something after the step.</summary>
    public int Kept => Updates.Length - 1;

    /// <summary>The largest number of a register that it reads or writes.</summary>
    public int Registers => Math.Max(Kept, Largest(Input.Register));

    /// <summary>How many draws of N(0, I) it makes.</summary>
    public int Noises => Largest(Input.Noise) + 1;

    /// <summary>Whether it takes a random fraction of itself.</summary>
    public bool IsRandomized => Terms.Any(term => term.Share != Share.Whole);

    /// <summary>The standard deviation of what the new state draws, √Σc².</summary>
    public double Deviation
    {
        get
        {
            double[] noise = new double[Noises];
            foreach (Term term in Updates[0].Where(term => term.Of == Input.Noise))
            {
                noise[term.Number] += term.Coefficient;
            }

            return Math.Sqrt(noise.Sum(c => c * c));
        }
    }

    /// <summary>Every term of its stages and updates.</summary>
    public IEnumerable<Term> Terms => Stages.SelectMany(stage => stage.At).Concat(Updates.SelectMany(row => row));

    /// <inheritdoc/>
    public IEnumerable<NoiseLevel> Levels => Stages.Select(stage => stage.Level);

    /// <inheritdoc/>
    public bool IsNoisy => Noises > 0 || IsRandomized;

    /// <inheritdoc/>
    public bool StaysAtLevel => From == To;

    private int Largest(Input of) => Terms.Where(term => term.Of == of).Select(term => term.Number).DefaultIfEmpty(-1).Max();

    /// <summary>The same numbers, term by term.</summary>
    public bool Equals(GeneralTableau? other) =>
        other is not null
        && Method == other.Method
        && From == other.From
        && To == other.To
        && Rounding.Equals(other.Rounding)
        && Stages.Length == other.Stages.Length
        && Stages.Zip(other.Stages).All(p => p.First.Level == p.Second.Level && p.First.Of == p.Second.Of && p.First.At.SequenceEqual(p.Second.At))
        && Updates.Length == other.Updates.Length
        && Updates.Zip(other.Updates).All(p => p.First.SequenceEqual(p.Second));

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Method, From, To, Stages.Length, Updates.Length);
}
