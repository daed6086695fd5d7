namespace Sgm.Engine;

/// <summary>What every step says of itself, whatever its form: <see cref="Tableau"/>, <see cref="GeneralTableau"/> or <see cref="AdjustedStep"/>.</summary>
public interface IStep
{
    /// <summary>The method's name, for reports.</summary>
    string Method { get; }

    /// <summary>The current level before the step.</summary>
    NoiseLevel From { get; }

    /// <summary>The current level after it.</summary>
    NoiseLevel To { get; }

    /// <summary>The levels at which the model is evaluated, one a stage.</summary>
    IEnumerable<NoiseLevel> Levels { get; }

    /// <summary>Whether it draws noise.</summary>
    bool IsNoisy { get; }

    /// <summary>Whether this is a corrector's step, one that stays at its level.</summary>
    bool StaysAtLevel { get; }
}
