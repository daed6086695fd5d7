/// Lee, Lu and Tan 2022: what fails without a hypothesis. Each check shows the measured failure beside the bound that is vacuous, or
/// the theorem that does not apply.
module Sgm.Verification.Theorems.LeeNecessity

open Sgm
open Sgm.Engine
open Sgm.Verification

let internal source paper reference statement =
    { Paper = paper; Reference = reference; Statement = statement; IsCompanion = true }

let internal lee = source "Lee, Lu and Tan 2022" "arXiv 2206.06227"

/// 1 − TV as an estimate.
let private agreement (tv: Estimate) =
    if tv.Value.HasValue then
        Estimate.Exact(1.0 - tv.Value.Value, 1.0 - tv.Upper, 1.0 - tv.Lower, tv.Method)
    else
        tv

/// What a failed sampler has in common with its target, at most.
let private failure = 0.01

let internal failed what tv = { What = $"1 − TV {what}"; Measured = agreement tv; Bound = failure }

let private legOf (subject: Subject) =
    Subject.langevin subject |> Result.bind (fun run -> LeeLangevin.legOf subject.Plan run.Level run.H run.N)

let internal assume statement evaluate =
    {
        Statement = statement
        Evaluate =
            fun subject ->
                match legOf subject |> Result.bind (evaluate subject) with
                | Ok detail -> Satisfied detail
                | Error reason -> Broken reason
    }

/// The plan from another start.
let private from' start (plan: Plan) =
    Plan(
        Target = plan.Target,
        Score = plan.Score,
        Start = start,
        InitialLevel = plan.InitialLevel,
        Instructions = plan.Instructions,
        Metrics = plan.Metrics
    )

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

        match
            legOf trial.Subject,
            Measure.atStart Metric.Chi2 runner plan,
            Measure.atEnd Metric.Tv runner plan,
            Measure.atEnd Metric.Tv runner (from' (Engine.Start.Law(plan.Target, NoiseLevel.Data)) plan)
        with
        | Ok leg, Ok start, Ok cold, Ok warm ->
            match
                LeeLangevin.bound plan LeeLangevin.Computed leg start.Lower,
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

let internal value symbol (setting: Setting) = Map.find symbol setting
let internal axis symbol meaning values = { Symbol = symbol; Meaning = meaning; Values = values }
let private withFalseMode weight at' mode = mixture [ 1.0 - weight, at'; weight, mode ]

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
        Source = lee "the need of a warm start"
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

/// N(μ, I), ‖μ‖ = 7√d, with the score of a law that has e^(−d) of its mass at 0, from the stationary law there.
let private highDimensional (setting: Setting) (_refinement: int) =
    let d = int (value "d" setting)
    let far = 7.0 * sqrt (float d)
    let h = value "h" setting
    let along mode = if d = 1 then mode else product [ 1, mode; d - 1, normal [ 0.0 ] 1.0 ]

    experiment {
        target (along (normal [ far ] 1.0))
        forward ve
        score (scoreOf (along (withFalseMode (exp -(float d)) (normal [ far ] 1.0) (normal [ 0.0 ] 1.0))))
        start (from (normal (fill d 0.0) (1.0 / (1.0 - h / 2.0))))
        sampler (repeat (int (value "N" setting)) (corrector (langevin h)))
        measure [ tv ]
    }

let private highDimensionalEvidence: Evidence =
    fun runner trial ->
        let plan = trial.Subject.Plan
        let d = float plan.Dimension

        match legOf trial.Subject, ScoreError.l2 plan NoiseLevel.Data, Measure.atEnd Metric.Tv runner plan with
        | Ok _, Ok l2, Ok tv ->
            Ok
                [
                    {
                        What = "‖s − ∇ln p‖_{L²(p)}"
                        Measured = Estimate.ClosedForm(l2, 1e-6)
                        Bound = 7.0 * sqrt (d / (exp d - 1.0))
                    }
                    failed "after N steps" tv
                ]
        | Error reason, _, _
        | _, Error reason, _
        | _, _, Error reason -> Error reason

/// Necessity (b), after Cao et al.
let falseModeInHighDimension =
    {
        Id = "lee-2022-false-mode"
        Title = "An exponentially small L² error that ruins Langevin Monte Carlo"
        Statement =
            "π = N(μ, I_d), ‖μ‖ = 7√d; s is the score of (1 − e^(−d))·N(μ, I_d) + e^(−d)·N(0, I_d), so that ‖s − ∇ln π‖_{L²(π)} ≤ 7√d·(e^d − 1)^(−½). Langevin Monte Carlo "
            + "from N(0, (1 − h/2)^(−1)·I_d) keeps TV ≥ 0.99 for N steps."
        Source =
            source
                "Cao et al. 2026"
                "a smooth variant of their example"
                "Langevin Monte Carlo with a small L² score error"
        Stance = Necessity
        Assumptions =
            [
                assume "Langevin with a stable step h < 2" (fun _ leg ->
                    if leg.H < 2.0 then Ok $"h = {leg.H:g6}" else Error $"h = {leg.H:g6}")
                assume "the score is that of another law" (fun subject _ ->
                    if obj.ReferenceEquals(subject.Plan.Score.Of, subject.Plan.Target) then
                        Error "the score is exact"
                    else
                        Ok "a mixture with a false mode")
            ]
        Metric = Metric.Tv
        Evidence = highDimensionalEvidence
        Scenarios =
            [
                {
                    Name = "false mode at 0"
                    Description =
                        "Coordinates along μ and across it are independent, so that the laws are exact in every dimension."
                    Bases = [ Map.ofList [ "d", 4.0; "h", 0.1; "N", 50.0 ] ]
                    Axes =
                        [
                            axis "d" "dimension" (function
                                | Quick -> [ 4.0 ]
                                | _ -> [ 1.0; 2.0; 4.0; 8.0; 16.0; 32.0; 64.0 ])
                            axis "N" "number of steps" (function
                                | Quick -> [ 20.0 ]
                                | _ -> [ 30.0; 100.0; 300.0; 1000.0 ])
                        ]
                    Experiment = highDimensional
                }
            ]
        Rates = []
        Reading =
            "The L² error falls like e^(−d/2) while the sampler never leaves the false mode: no L² bound alone can help without a warm start."
    }
