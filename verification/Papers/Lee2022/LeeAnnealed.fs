/// Lee, Lu and Tan 2022: annealed Langevin Monte Carlo, alone and after a predictor step at every level.
module Sgm.Verification.Theorems.LeeAnnealed

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Theorems.LeeDescents

/// A level's run with its constants.
let private legAt (plan: Plan) (run: LevelRun) = LeeLangevin.legOf plan run.Level run.H run.N

/// Most levels that the constants of a law that is not normal are found at: each takes milliseconds.
let private mostLevels = 1000

/// The levels after the first one, where the start is; or why the plan is not such a descent.
let private descent wantsPredictor (subject: Subject) =
    let isNormal = subject.Plan.Target.IsGaussian

    let accepts i (run: LevelRun) =
        if i = 0 then
            require (run.N = 0L) () "the sampler does not go down noise levels"
        elif run.N = 0L then
            Error "a level has no Langevin steps"
        elif run.Predictor.IsSome <> wantsPredictor then
            Error(
                if wantsPredictor then
                    "a level is reached without a predictor"
                else
                    "a level is reached by a predictor; the statement is for Langevin steps alone"
            )
        elif i > mostLevels && not isNormal then
            Error $"not computed: the constants at more than {mostLevels} levels, of a law that is not normal"
        else
            Ok()

    LevelRuns.accepted accepts subject.Plan
    |> Result.bind (fun runs ->
        require (runs.Length > 1) (runs.Head.Level, runs.Tail) "the sampler does not go down noise levels")

/// Every level's run with its constants, from the last level up to the first that has none.
let private legsOf wantsPredictor (subject: Subject) =
    attempt {
        let! _, runs = descent wantsPredictor subject

        let folder found run =
            found |> Result.bind (fun others -> legAt subject.Plan run |> Result.map (fun leg -> (run, leg) :: others))

        return! (Ok [], List.rev runs) ||> List.fold folder
    }

let private legs: bool -> Subject -> Result<(LevelRun * LeeLangevin.Leg) list, string> =
    let alone, predicted = Once.per (legsOf false), Once.per (legsOf true)
    fun wantsPredictor -> if wantsPredictor then predicted else alone

let private assume wantsPredictor statement evaluate =
    Assumption.ofResult statement (fun subject -> legs wantsPredictor subject |> Result.bind (evaluate subject))

let private allLegs (check: LeeLangevin.Leg -> Result<string, string>) _ legs =
    let results = legs |> List.map (fun (_, leg) -> check leg)

    results
    |> List.tryPick (function
        | Error reason -> Some(Error reason)
        | Ok _ -> None)
    |> Option.defaultValue (List.last results)

let private shared wantsPredictor =
    [
        assume
            wantsPredictor
            "the sampler goes down noise levels, N_m Langevin steps of size h_m at each"
            (fun _ legs -> Ok $"{legs.Length} levels")
        assume wantsPredictor "C_m (log-Sobolev) and L_m (Lipschitz score) at every level" (fun _ legs ->
            let _, last = List.last legs
            Ok $"at the last level L = {last.L:g6}, C = {last.C:g6}")
        assume wantsPredictor "‖s − ∇ln p_m‖_{L²(p_m)} < ∞ at every level" (fun subject legs ->
            ScoreError.atLevels subject.Plan (legs |> List.map (fun (_, leg) -> leg.Level))
            |> Result.map (List.map snd >> List.max)
            |> Result.bind (fun l2 -> require (l2 < infinity) $"ε is at most {l2:g6}" "it is infinite at a level"))
        assume wantsPredictor "h_m ≤ 1/(272·d·C_m·L_m²)" (allLegs LeeLangevin.stepFits)
    ]

/// η of σ²_{m+1} = (1 + η)·σ²_m between the level where the state is and the one whose steps begin.
let private growth (run: LevelRun) =
    let eta = run.From.NoiseVariance / run.Level.NoiseVariance - 1.0

    if run.From.Mean <> run.Level.Mean then
        Error "the levels scale the data differently; the statement is for additive noise"
    elif not (eta >= 0.0 && eta < 1.0) then
        Error $"η = {eta:g6} at σ = {run.Level.Sigma:g6}, not in [0, 1)"
    else
        Ok eta

/// The annealing schedule, which the predictor of Theorem 3.2 does without.
let private neighbouring =
    assume false "additive noise with σ²_{m+1} ≤ (1 + η)·σ²_m for some η < 1" (fun _ legs ->
        (Ok 0.0, legs)
        ||> List.fold (fun largest (run, _) ->
            attempt {
                let! before = largest
                let! eta = growth run
                return max before eta
            })
        |> Result.map (fun eta -> $"η is at most {eta:g6}"))

/// TV(start, first level) + Σ over the levels of Theorem 2.1's bound, where χ₀² of a level is that of the exact law of the
/// level before, as `arrive` knows it.
let private boundBy wantsPredictor arrive runner (subject: Subject) =
    let plan = subject.Plan

    let folder total run =
        match total, legAt plan run, arrive runner plan run with
        | Ok sum, Ok leg, Ok chi0Square ->
            LeeLangevin.bound plan LeeLangevin.Computed leg chi0Square |> Result.map (fun b -> sum + b)
        | Error reason, _, _
        | _, Error reason, _
        | _, _, Error reason -> Error reason

    let start = Measure.atInitial Metric.Tv runner plan |> Result.bind Measure.atMost

    match descent wantsPredictor subject, start with
    | Ok(_, runs), Ok tv -> (Ok tv, runs) ||> List.fold folder
    | Error reason, _
    | _, Error reason -> Error reason

let private evidence boundOf : Evidence =
    fun runner trial ->
        match boundOf runner trial.Subject, Measure.atEnd Metric.Tv runner trial.Subject.Plan with
        | Ok bound, Ok measured -> Ok [ { What = "TV at the last level"; Measured = measured; Bound = bound } ]
        | Error reason, _
        | _, Error reason -> Error reason

/// χ₀² ≤ (1 − η²)^(−d/2) − 1 from the ratio of the noise variances.
let private byGrowth _ (plan: Plan) (run: LevelRun) =
    growth run |> Result.map (LeeWarmStart.neighbourBound (float plan.Dimension))

/// χ² of the exact law of the level above, moved by the predictor. A quantity of the hypotheses: by the engine itself, whatever runs
/// the sampler, so that a predictor which does not do what the plan says is held against one that does.
let byExactLaw (runner: Runner) plan run =
    LevelRuns.arrival plan run
    |> Measure.atEnd Metric.Chi2 (Runner.engine runner.Cancellation)
    |> Result.bind Measure.resolved

/// Theorem 2.2's bound for a plan.
let annealedBound runner subject = boundBy false byGrowth runner subject

/// Theorem 3.2's bound for a plan.
let predictorCorrectorBound runner subject = boundBy true byExactLaw runner subject

/// LLT-2.2c.
let annealedLangevin =
    {
        Id = "lee-2022-2.2"
        Title = "Annealed Langevin Monte Carlo"
        Statement =
            "Noise levels σ_M > … > σ_1 with σ²_{m+1} ≤ (1 + η)·σ²_m, and at every level N_m Langevin steps of h_m as in Theorem 2.1 for "
            + "χ₀² = (1 − η²)^(−d/2) − 1 (at most 1 for η = min(d^(−1/2), 2^(−1/2))). Then TV(q_1, p_1) ≤ TV(q_M, p_M) + the sum of Theorem "
            + "2.1's bounds: errors add over the M = O(√d·ln(σ_M²/σ_1²)) levels."
        Source = Papers.lee "Theorem 2.2"
        Stance = Guarantee
        Assumptions = shared false @ [ neighbouring ]
        Metric = Metric.Tv
        Evidence = evidence annealedBound
        Scenarios = scenarios 1.0 identity
        Rates =
            [
                {
                    Axis = "d"
                    Exponent = AtMost 2.5
                    IsExponential = false
                    Of = "score evaluations of the prescription over ln(2/ε_χ²)"
                    Quantity = prescribedCost
                    Scenario = costScenario identity
                }
            ]
        Reading =
            "Loose: the bound adds the errors of all levels, but every level forgets most of the error of the one before; what is measured is the last level's own bias."
    }

/// LLT-3.2c.
let predictorCorrector =
    {
        Id = "lee-2022-3.2"
        Title = "Predictor–corrector"
        Statement =
            "As annealed Langevin, with a predictor step to every level before its Langevin steps. With χ₀,m² the χ² of the exact law of the "
            + "level above after the predictor, TV(q_1, p_1) ≤ TV(q_M, p_M) + Σ_m [Theorem 2.1's bound at level m from χ₀,m]."
        Source = Papers.lee "Theorem 3.2"
        Stance = Guarantee
        Assumptions = shared true
        Metric = Metric.Tv
        Evidence = evidence predictorCorrectorBound
        Scenarios = scenarios 0.3 (predictor ancestral) @ [ predicted [ predictedAxis; predictedDimension ] ]
        Rates = []
        Reading =
            "Loose like annealed Langevin. Where the corrections are long the predictor's gain is in χ₀ alone, which enters through a logarithm: time per level, not accuracy. Where they are short the bound is Σ χ₀,m/√2, of order 1/levels with ancestral steps and of order 1 without a predictor."
    }
