/// Lee, Lu and Tan 2022: what fails without a hypothesis. Each check shows the measured failure beside the bound that is vacuous, or
/// the theorem that does not apply.
module Sgm.Verification.Theorems.LeeNecessity

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios

/// 1 − TV as an estimate; a TV next to 1 is known to the rounding of 1 at best.
let internal agreement (tv: Estimate) =
    if tv.Value.HasValue then
        let rounding = 2.0 ** -52

        Estimate.Exact(1.0 - tv.Value.Value, max 0.0 (1.0 - tv.Upper - rounding), 1.0 - tv.Lower + rounding, tv.Method)
    else
        tv

/// What a failed sampler has in common with its target, at most.
let private failure = 0.01

let internal failed what tv = { What = $"1 − TV {what}"; Measured = agreement tv; Bound = failure }

let internal legOf (subject: Subject) =
    Subject.langevin subject |> Result.bind (fun run -> LeeLangevin.legOf subject.Plan run.Level run.H run.N)

let internal assume statement evaluate =
    Assumption.ofResult statement (fun subject -> legOf subject |> Result.bind (evaluate subject))

let private reciprocalBound bound =
    {
        What = "1 over the bound of Theorem 2.1"
        Measured = Estimate.ClosedForm(1.0 / bound)
        Bound = 1.0
    }

/// The same kernel with the same score, from the target itself and from the plan's own start.
let private coldEvidence: Evidence =
    fun runner trial ->
        let plan = trial.Subject.Plan

        let fromTarget (leg: LeeLangevin.Leg) = Plan.withStart (Engine.Start.Law(plan.Target, leg.Level)) plan

        match
            legOf trial.Subject,
            Measure.atStart Metric.Chi2 runner plan |> Result.bind Measure.resolved,
            Measure.atEnd Metric.Tv runner plan,
            legOf trial.Subject |> Result.bind (fromTarget >> Measure.atEnd Metric.Tv runner)
        with
        | Ok leg, Ok start, Ok cold, Ok warm ->
            match
                LeeLangevin.bound plan LeeLangevin.Computed leg start,
                LeeLangevin.bound plan LeeLangevin.Computed leg 0.0
            with
            | Ok coldBound, Ok warmBound ->
                Ok
                    [
                        {
                            What = "TV from the target itself, with the same score and the same steps"
                            Measured = warm
                            Bound = warmBound
                        }
                        reciprocalBound coldBound
                        failed "from the cold start" cold
                    ]
            | Error reason, _
            | _, Error reason -> Error reason
        | Error reason, _, _, _
        | _, Error reason, _, _
        | _, _, Error reason, _
        | _, _, _, Error reason -> Error reason

let internal withFalseMode weight at' mode = mixture [ 1.0 - weight, at'; weight, mode ]

let private coldExperiment (setting: Setting) (_refinement: int) =
    let distance = value "distance" setting
    let h, n = LeeLangevin.prescribed 1.0 1.0 1.0 0.5 1.0

    experiment {
        target (normal [ 0.0 ] 1.0)
        forward ve
        score (scoreOf (withFalseMode (exp -12.0) (normal [ 0.0 ] 1.0) (normal [ distance ] 1.0)))
        start (from (normal [ distance ] 1.0))
        sampler (repeat n (corrector (langevin h)))
        measure [ tv ]
    }

/// Necessity (a).
let coldStart =
    {
        Id = "lee-2022-cold-start"
        Title = "An L²-accurate score needs a warm start"
        Statement =
            "Langevin with a score whose L² error is far below what Theorem 2.1 asks, with the step and the number of steps that it prescribes. From the target itself "
            + "the output is close to the target, and the bound says so; from a start in the score's false mode TV ≥ 0.99, and the bound is vacuous."
        Source = Papers.lee "the need of a warm start"
        Stance = Necessity
        Assumptions =
            [
                assume "Langevin with a step that Theorem 2.1 admits" (fun _ leg -> LeeLangevin.stepFits leg)
                assume "‖s − ∇ln p‖_{L²(p)} ≤ 10^(−3)" (fun subject leg ->
                    match ScoreError.l2 subject.Plan leg.Level with
                    | Ok l2 when l2 <= 1e-3 -> Ok $"ε = {l2:g6}"
                    | Ok l2 -> Error $"ε = {l2:g6}"
                    | Error reason -> Error reason)
            ]
        Metric = Metric.Tv
        Evidence = coldEvidence
        Scenarios =
            [
                {
                    Name = "a false mode"
                    Description =
                        "N(0, 1) with the score of a mixture that has e^(−12) of its mass at a distance, started there."
                    Bases = [ Map.empty ]
                    Axes =
                        [
                            axis "distance" "where the false mode and the start are" (function
                                | Quick -> [ 14.0 ]
                                | _ -> [ 12.0; 13.0; 14.0; 16.0; 20.0 ])
                        ]
                    Experiment = coldExperiment
                }
            ]
        Rates = []
        Reading =
            "The hypothesis χ₀² < ∞ enters the bound through its size: an error that no L² norm under p can see is fatal where the start puts its mass."
    }
