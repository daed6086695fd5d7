namespace Sgm.Verification

open Sgm.Engine

/// What a check concluded. A verdict is never better than its evidence: what the interval leaves open is `Inconclusive`, and
/// what an assumption does not cover is `NotApplicable`.
type Verdict =
    | Holds
    | Violated
    | Inconclusive
    | NotApplicable

/// Verdicts of comparisons and of groups of cells.
module Verdict =
    /// The contract's spelling.
    let name verdict =
        match verdict with
        | Holds -> "holds"
        | Violated -> "violated"
        | Inconclusive -> "inconclusive"
        | NotApplicable -> "notApplicable"

    /// An exact measurement whose bracket is narrower than this (relative) resolves equality: a bound inside such a bracket
    /// is attained, and counts as `Holds`. A violation smaller than this cannot be seen, and is not claimed to be.
    let resolution = 3e-8

    /// The verdict of measured ≤ bound from the measurement's interval. A bound that is not a number decides nothing, nor does a
    /// measurement of which nothing is known; an infinite bound holds of any value, and is vacuous.
    let ofBound (measured: Estimate) (bound: float) =
        let sharp = measured.Confidence = 1.0 && measured.Upper - measured.Lower <= resolution * abs bound

        let isUnknown = not measured.Value.HasValue && measured.Upper = infinity

        if System.Double.IsNaN bound || isUnknown then Inconclusive
        elif measured.Upper <= bound then Holds
        elif sharp && measured.Lower <= bound * (1.0 + resolution) then Holds
        elif measured.Lower > bound then Violated
        else Inconclusive

    /// The verdict of several: one violation is a violation; cells that are not applicable do not count unless all are; of none
    /// nothing is known.
    let all verdicts =
        let verdicts = List.ofSeq verdicts

        if List.contains Violated verdicts then Violated
        elif List.contains Inconclusive verdicts then Inconclusive
        elif List.contains Holds verdicts then Holds
        elif verdicts.IsEmpty then Inconclusive
        else NotApplicable
