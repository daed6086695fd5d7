namespace Sgm.Engine;

/// <summary>How wrong the sums of a draw are; null where there is none.</summary>
/// <param name="Along">Over the first coordinate, whose lattice the draw chose.</param>
/// <param name="Across">Over the rows, which an earlier draw chose.</param>
internal readonly record struct JointError(LatticeError? Along, LatticeError? Across)
{
    /// <summary>Of both together.</summary>
    public LatticeError Sum => (Along ?? default).With(Across ?? default);
}
