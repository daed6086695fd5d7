namespace Sgm.Verification.References

open Sgm.Engine
open Sgm.Verification.References.Course

/// A number and how far the truth may be from it.
type Number =
    {
        Value: float
        Error: float
    }

    member this.Lower = this.Value - this.Error
    member this.Upper = this.Value + this.Error

/// The state at a probe: [d] means and variances, and the metrics that the reference can say.
type Reading =
    {
        Name: string
        At: Level
        Means: Number[]
        Variances: Number[]
        Metrics: (Metric * Number) list
    }

/// Numbers with their errors.
module Number =
    let exactly value error = { Value = value; Error = error }

    /// What several resolutions gave, the finest last. The sums converge at least with the square of the spacing, so that
    /// the last is closer to the truth than to the others; three times their spread leaves room where they cross by chance.
    let converged floor (values: float list) =
        let last = List.last values
        let spread = List.max values - List.min values
        { Value = last; Error = 3.0 * spread + floor * (1.0 + abs last) }
