/// Dalalyan and Karagulyan 2019: Langevin Monte Carlo on strongly log-concave laws, in W2.
module Sgm.Verification.Theorems.DalalyanLangevin

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios
open Sgm.Verification.Theorems.LangevinNormals

type private Constants =
    {
        D: float
        Concave: float
        L: float
        /// Where it is known how far ∇²ln p is Lipschitz.
        M: float option
        ScoreError: float
        Run: LangevinRun
    }

let private constants: Subject -> Result<Constants, string> =
    Once.per (fun subject ->
        attempt {
            let! run = Subject.langevin subject
            let target = subject.Plan.Target
            let! m = Constants.strongConcavity target run.Level
            let! l = Constants.smoothness target run.Level
            let! error = ScoreError.sup subject.Plan

            return
                {
                    D = float subject.Plan.Dimension
                    Concave = m.Value
                    L = l.Value
                    M = Constants.hessianSmoothness target run.Level |> Result.toOption |> Option.map _.Value
                    ScoreError = error
                    Run = run
                }
        })

let private assume statement evaluate =
    Assumption.ofResult statement (fun subject -> constants subject |> Result.bind evaluate)

let private assumptions =
    [
        assume "the sampler is N equal steps of Langevin at one level" (fun k -> Ok $"h = {k.Run.H:g6}, N = {k.Run.N}")
        assume "m·I ⪯ −∇²ln p ⪯ L·I, m > 0" (fun k -> Ok $"m = {k.Concave:g6}, L = {k.L:g6}")
        assume "sup‖s − ∇ln p‖ ≤ ε₁" (fun k -> Ok $"ε₁ = {k.ScoreError:g6}")
        assume "h ≤ 2/(m + L)" (fun k ->
            let largest = 2.0 / (k.Concave + k.L)
            let words = $"h = {k.Run.H:g6}, 2/(m + L) = {largest:g6}"
            require (k.Run.H <= largest * (1.0 + 1e-12)) words $"{words}: the step is too long")
    ]

let private d, e, h, l, m, m', n = Name "d", Name "ε₁", Name "h", Name "L", Name "m", Name "M", Name "N"

/// What is left of W₀ = W2(q_0, p), and what the score adds.
let private left = exp (-m * n * h) * Name "W₀" + e / m

/// W2(q_N, p) with the first derivatives of the score.
let internal first = left + 1.65 * l / m * sqrt (h * d)

/// W2(q_N, p) with the second derivatives of the score.
let internal second =
    let two = Constant(Quantity.Real 2.0)
    left + h * (l * sqrt (l * d) + m' * d) / (2.0 * m) + h * l * sqrt (2.0 * d / (3.0 * m * (two - m * h)))

let private numbers k start =
    [ "d", k.D; "ε₁", k.ScoreError; "h", k.Run.H; "L", k.L; "m", k.Concave; "N", float k.Run.N; "W₀", start ]

let private evidence: Evidence =
    fun runner trial ->
        attempt {
            let! k = constants trial.Subject
            let! start = Measure.atStart Metric.W2 runner trial.Subject.Plan |> Result.bind Measure.atMost
            let! measured = Measure.atEnd Metric.W2 runner trial.Subject.Plan
            let known = numbers k start

            return
                [
                    {
                        What = "W2 after N steps, first derivatives of the score"
                        Measured = measured
                        Bound = Formula.value known first
                    }
                    match k.M with
                    | Some smooth ->
                        {
                            What = "W2 after N steps, second derivatives of the score"
                            Measured = measured
                            Bound = Formula.value (("M", smooth) :: known) second
                        }
                    | None -> ()
                ]
        }

let private onNormals (s: Setting) (_refinement: int) = normals w2 (value "h" s) s

/// ½·N(−½, 1) + ½·N(½, 1), in d independent copies.
let private bumps (s: Setting) (_refinement: int) =
    let modes = mixture [ 0.5, normal [ -0.5 ] 1.0; 0.5, normal [ 0.5 ] 1.0 ]

    experiment {
        target (product [ whole "d" s, modes ])
        forward ve
        score (rippledBy (value "ε" s))
        start (from (product [ whole "d" s, normal [ 0.5 ] 1.0 ]))
        sampler (repeat (whole "N" s) (corrector (langevin (value "h" s))))
        measure [ w2 ]
    }

let private base' = setting [ "d", 4.0; "κ", 1.0; "h", 0.1; "ε", 0.0; "w", 1.2; "b", 1.0; "N", 20.0 ]

let private scenarios =
    [
        scenario
            "normal laws"
            "Variances 1 and κ in turn, from laws wider by w, their means off by b in every coordinate."
            onNormals
            [ base' ]
            [
                axis "h" "step" (fun _ -> [ 1.0; 0.01; 0.001 ]) |> quickly [ 1.0; 0.001 ]
                axis "N" "number of steps" (fun _ -> [ 1.0; 5.0; 320.0 ]) |> quickly [ 320.0 ]
                axis "d" "dimension" (fun _ -> [ 1.0; 16.0; 256.0 ]) |> later
                axis "κ" "condition number" (fun _ -> [ 4.0; 64.0 ]) |> quickly [ 64.0 ]
                axis "ε" "error of the score" (fun _ -> [ 0.1; 1.0 ]) |> quickly [ 1.0 ]
            ]
        scenario
            "two bumps"
            "½·N(−½, 1) + ½·N(½, 1), in independent copies, from N(½, 1)."
            bumps
            [ setting [ "d", 1.0; "h", 0.1; "ε", 0.0; "N", 30.0 ] ]
            [
                axis "h" "step" (fun _ -> [ 1.0; 0.01 ]) |> later
                axis "d" "dimension" (fun _ -> [ 64.0 ]) |> quickly [ 64.0 ]
                axis "ε" "sup norm of the ripple" (fun _ -> [ 0.3 ]) |> later
            ]
    ]

let private rates =
    let rate = atRest Metric.W2 onNormals (fun s -> 40.0 / value "h" s) base'

    [
        rate "exact score" "h" (Exactly 1.0) [] [ 0.08; 0.04; 0.02; 0.01 ]
        rate "exact score" "d" (Exactly 0.5) [] [ 1.0; 4.0; 16.0; 64.0 ]
        rate "constant score error" "ε" (AtMost 1.0) [ "h", 1e-3 ] [ 4.0; 2.0; 1.0; 0.5 ]
    ]

/// The companion.
let wasserstein =
    {
        Id = "dalalyan-2019-w2"
        Title = "Langevin Monte Carlo on strongly log-concave laws"
        Statement =
            "m·I ⪯ −∇²ln p ⪯ L·I, m > 0, sup‖s − ∇ln p‖ ≤ ε₁, h ≤ 2/(m + L). Then W2(q_N, p) ≤ "
            + $"{Expression.text first}; and where ∇²ln p is M-Lipschitz, W2(q_N, p) ≤ {Expression.text second}."
        Source =
            Papers.companion
                "Dalalyan and Karagulyan 2019"
                "arXiv 1710.00095"
                "user-friendly guarantees for the Langevin Monte Carlo with inaccurate gradient"
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.W2
        Evidence = evidence
        Scenarios = scenarios
        Rates = rates
        Reading =
            "Order ½ in h from first derivatives, order 1, which runs have, from second ones. Far from rest the first "
            + "bound is nearly attained as h falls."
    }
