/// Engine values in words, for people.
module Sgm.Cli.Words

open System
open System.Globalization
open Sgm
open Sgm.Engine

let private invariant = CultureInfo.InvariantCulture

/// A number to some significant digits.
let digits count (x: float) =
    if Double.IsPositiveInfinity x then "∞"
    elif Double.IsNegativeInfinity x then "-∞"
    else x.ToString($"G{count}", invariant).Replace("E+", "e").Replace("E-", "e-")

/// A number to six significant digits.
let number x = digits 6 x

/// A bound to so many significant digits, rounded up.
let above count x = digits count (Sgm.Verification.Report.Numbers.upward count x)

/// Below it a number whose bracket contains 0 is rounding.
let private rounding = 1e-6

/// A number that is known to lie between two ends: its digits, and the distance to the farther end. Digits below the
/// width say nothing: where 0 is between the ends and the number within half their distance of it, it is 0 if that is
/// rounding, and otherwise one digit of it, as a 0 would read as measured.
let bracketed count (value: float) lower upper =
    let half = (upper - lower) / 2.0
    let isNothing = Double.IsFinite half && lower <= 0.0 && upper >= 0.0 && abs value < half
    let count = if isNothing then 1 else count

    let shown =
        if not isNothing then value
        elif half < rounding then 0.0
        else Double.Parse(value.ToString("G1", invariant), invariant)

    let distance = max (shown - lower) (upper - shown)
    digits count shown, (if Double.IsFinite distance then $"± {above 1 distance}" else "")

/// A count with thin groups: 100 000.
let count (n: int64) = n.ToString("#,0", invariant).Replace(",", " ")

/// "1 step", "2 steps".
let plural (noun: string) (n: int64) = if n = 1L then $"1 {noun}" else $"{count n} {noun}s"

/// "200 steps".
let steps (plan: Plan) = plural "step" plan.StepCount

/// "200 score evaluations".
let evaluations (plan: Plan) = plural "score evaluation" plan.ScoreEvaluations

/// "3 dimensions".
let dimensions (d: int) = plural "dimension" (int64 d)

/// A size with its unit.
let bytes (n: float) =
    let units = [ "bytes"; "KiB"; "MiB"; "GiB"; "TiB"; "PiB" ]

    let power = if n < 1024.0 then 0 else min 5 (int (Math.Log(n, 1024.0)))
    $"{digits 3 (n / 1024.0 ** float power)} {units[power]}"

/// A duration with its unit.
let seconds (s: float) = if s < 1.0 then $"{digits 3 (s * 1000.0)} ms" else $"{digits 3 s} s"

/// A duration that is not known well: two digits, in the unit that a person would use.
let roughly (s: float) =
    let unit, name =
        if s < 0.0995 then 0.001, "ms"
        elif s < 99.5 then 1.0, "s"
        elif s < 5970.0 then 60.0, "minutes"
        elif s < 172800.0 then 3600.0, "hours"
        else 86400.0, "days"

    let amount = s / unit

    if amount < 99.5 then
        $"{digits 2 amount} {name}"
    else
        $"{count (int64 amount)} {name}"

/// A level by the user's parameter: "t = 0.5", or "σ = 0.5" (ve), or "level 2" of a list.
let level forward (at: NoiseLevel) =
    match forward with
    | Vp
    | SubVp
    | Rectified -> $"t = {number at.Parameter}"
    | Ve -> $"σ = {number at.Parameter}"
    | LevelsOf _ -> $"level {number at.Parameter}"

/// A level with its mean factor and noise.
let fullLevel forward (at: NoiseLevel) =
    match forward with
    | Vp
    | SubVp
    | Rectified
    | LevelsOf _ -> $"{level forward at} (m = {number at.Mean}, σ = {number at.Sigma})"
    | Ve -> level forward at

/// The contract's name of a metric.
let metric (m: Metric) = m.Name

/// How a run ended, in a sentence that says step, level and block.
let status forward (status: RunStatus) =
    match status with
    | :? RunStatus.Diverged as d ->
        let block = if d.Block < 0L then "" else $", block {d.Block}"
        $"diverged at step {d.Step} ({d.Method}), level {level forward d.Level}{block}: {d.Advice}"
    | :? RunStatus.Unsupported as u -> u.Reason
    | :? RunStatus.Cancelled -> "cancelled"
    | _ -> "completed"
