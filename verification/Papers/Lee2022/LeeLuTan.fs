/// Lee, Lu and Tan 2022: polynomial convergence with L²-accurate scores.
module Sgm.Verification.Theorems.LeeLuTan

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Verification.Scenarios
open Sgm.Verification.Theorems.LeeSupNorm

/// What Theorem 4.2's companion needs to know of a run.
type private Constants42 = { D: float; L: float; C: float; ScoreError: float; Run: LangevinRun }

let private constants (subject: Subject) =
    match Subject.langevin subject with
    | Error reason -> Error reason
    | Ok run ->
        match
            Constants.smoothness subject.Plan.Target run.Level,
            Constants.logSobolev subject.Plan.Target run.Level,
            ScoreError.sup subject.Plan
        with
        | Ok l, Ok c, Ok scoreError ->
            Ok
                {
                    D = float subject.Plan.Dimension
                    L = l.Value
                    C = c.Value
                    ScoreError = scoreError
                    Run = run
                }
        | Error reason, _, _
        | _, Error reason, _
        | _, _, Error reason -> Error reason

let private assume statement evaluate =
    Assumption.ofResult statement (fun subject -> constants subject |> Result.bind evaluate)

let private assumptions =
    [
        assume "the sampler is N equal steps of Langevin at one level" (fun k -> Ok $"h = {k.Run.H:g6}, N = {k.Run.N}")
        assume "∇ln p is L-Lipschitz and p satisfies a log-Sobolev inequality with constant C" (fun k ->
            Ok $"L = {k.L:g6}, C = {k.C:g6}")
        assume "sup‖s − ∇ln p‖ ≤ ε₁ with ε₁² ≤ 1/(49·C)" (fun k ->
            if k.ScoreError * k.ScoreError <= 1.0 / (49.0 * k.C) then
                Ok $"ε₁ = {k.ScoreError:g6}"
            else
                Error $"ε₁² = {k.ScoreError * k.ScoreError:g6} is above 1/(49·C) = {1.0 / (49.0 * k.C):g6}")
        assume "h ≤ 1/(272·d·C·L²)" (fun k ->
            let largest = largestStep k.D k.L k.C

            if k.Run.H <= largest * (1.0 + 1e-12) then
                Ok $"h = {k.Run.H:g6} ≤ {largest:g6}"
            else
                Error $"h = {k.Run.H:g6} is above 1/(272·d·C·L²) = {largest:g6}")
    ]

let private c, d, e, h, l, n = Name "C", Name "d", Name "ε₁", Name "h", Name "L", Name "N"

/// What a step keeps of χ²_k, and what score and step add.
let private kept, fromScore, fromStep = exp (-h / c), 4.01 * e ** 2.0 * h, 11.3 * d * l ** 2.0 * h ** 2.0

/// The bound of χ²_{k+1}.
let internal oneStep = kept * Name "χ²_k" + fromScore + fromStep

/// The bound of χ²_N: what is left of the start, the error of the score, the step.
let internal manySteps = exp (-n * h / c) * Name "χ²₀" + 4.03 * e ** 2.0 * c + 11.4 * d * l ** 2.0 * h * c

let private numbers k = [ "C", k.C; "d", k.D; "ε₁", k.ScoreError; "h", k.Run.H; "L", k.L; "N", float k.Run.N ]

let private evidence: Evidence =
    fun runner trial ->
        match
            constants trial.Subject,
            Measure.atStart Metric.Chi2 runner trial.Subject.Plan |> Result.bind Measure.resolved,
            Measure.everyStep Metric.Chi2 runner trial.Subject.Plan
            |> Result.bind (function
                | [] -> Error "no step was taken"
                | steps -> Ok steps)
        with
        | Ok k, Ok start, Ok steps ->
            (steps |> List.map Measure.resolved, Ok [])
            ||> List.foldBack (fun next found ->
                Result.bind (fun others -> Result.map (fun one -> one :: others) next) found)
            |> Result.map (fun known ->
                // What does not change from step to step is enclosed once.
                let share, added = Formula.bracket (numbers k) kept, Formula.bracket (numbers k) (fromScore + fromStep)

                let recursion =
                    List.zip (List.truncate steps.Length (start :: known)) steps
                    |> List.mapi (fun i (before, after) ->
                        {
                            What =
                                System.String.Concat(
                                    "χ² after step ",
                                    string (i + 1),
                                    " from χ² after the one before"
                                )
                            Measured = after
                            Bound = (share * Bracket.Exactly before + added).High
                        })

                recursion
                @ [
                    {
                        What = $"χ² after N = {k.Run.N} steps"
                        Measured = List.last steps
                        Bound = Formula.value (("χ²₀", start) :: numbers k) manySteps
                    }
                ])
        | Error reason, _, _
        | _, Error reason, _
        | _, _, Error reason -> Error reason

let private stationary name bases axis =
    {
        Name = name
        Description = "At stationarity (Nh = 60): what is left is the bias."
        Bases = bases
        Axes = [ axis ]
        Experiment = experimentOf 60.0
    }

let private atStationarity runner (trial: Trial) = Measure.atEnd Metric.Chi2 runner trial.Subject.Plan

let private rates =
    [
        {
            Axis = "d"
            Exponent = AtMost 1.0
            IsExponential = false
            Of = "χ² at stationarity, exact score"
            Quantity = atStationarity
            Scenario =
                stationary
                    "bias in d"
                    [ setting [ "d", 4.0; "h", largestStep 256.0 1.0 1.0; "ε", 0.0; "κ", 1.0 ] ]
                    dimensionAxis
        }
        {
            Axis = "h"
            Exponent = AtMost 1.0
            IsExponential = false
            Of = "χ² at stationarity, exact score"
            Quantity = atStationarity
            Scenario = stationary "bias in h" [ setting [ "d", 4.0; "h", 1e-3; "ε", 0.0; "κ", 1.0 ] ] stepAxis
        }
        {
            Axis = "ε"
            Exponent = AtMost 2.0
            IsExponential = false
            Of = "χ² at stationarity, constant score error"
            Quantity = atStationarity
            Scenario = stationary "bias in ε" [ setting [ "d", 4.0; "h", 1e-6; "ε", 0.1; "κ", 1.0 ] ] errorAxis
        }
    ]

/// LLT-4.2c.
let langevinSupNorm =
    {
        Id = "lee-2022-4.2"
        Title = "Langevin Monte Carlo with a score accurate in the sup norm"
        Statement =
            "∇ln p is L-Lipschitz, p satisfies a log-Sobolev inequality with constant C, sup‖s − ∇ln p‖ ≤ ε₁, h ≤ 1/(272·d·C·L²), "
            + $"ε₁² ≤ 1/(49·C), χ²₀ < ∞. Then one step gives χ²_{{k+1}} ≤ {Expression.text oneStep}, hence "
            + $"χ²_N ≤ {Expression.text manySteps}."
        Source = Papers.lee "Theorem 4.2"
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.Chi2
        Evidence = evidence
        Scenarios = scenarios
        Rates = rates
        Reading =
            "Loose in h by one power on normal targets, whose true bias is χ² ≈ d·L²·h²/8: the discretisation error is a change of variance of order h, which χ² squares; the proof pays for the general case, where it cannot."
    }
