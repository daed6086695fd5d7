/// Lee, Lu and Tan 2022: the stochastic predictor (DDPM), in total variation.
module Sgm.Verification.Theorems.LeePredictor

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios
open Sgm.Verification.Theorems.LeePredictions

/// 1/ρ² of a level, ρ = σ/m.
let private precision (level: NoiseLevel) = (level.Mean / level.Sigma) ** 2.0

/// Ancestral steps over levels whose λ = m²/σ² is an arithmetic progression.
type Descent =
    {
        /// The level before every step.
        Levels: NoiseLevel list
        First: float
        Last: float
        K: float
        /// Δλ, the largest: uniform is meant to six digits of every step, and the bound takes what ran.
        Step: float
    }

let private read (plan: Plan) =
    let isAncestral (step: Tableau) = step.Method = "ancestral"

    match Seq.tryHead (plan.Tableaus()) with
    | None -> Error "the sampler takes no step"
    | Some first ->
        // On demand: what does not begin so is not read to its end.
        let k, last =
            ((0L, first), Seq.takeWhile isAncestral (plan.Tableaus())) ||> Seq.fold (fun (k, _) step -> k + 1L, step)

        if k <> plan.StepCount then
            Error "the sampler is not a sequence of ancestral steps"
        elif last.To.Sigma = 0.0 then
            Error "the schedule ends without noise: τ = 0"
        else
            let from, until = precision first.From, precision last.To
            let width = (until - from) / float k
            let steps = plan.Tableaus() |> Seq.map (fun step -> precision step.To - precision step.From)

            // λ itself is known to some rounding of its own.
            if steps |> Seq.forall (fun step -> abs (step - width) <= 1e-6 * width + 1e-14 * until) then
                LevelPath.follows plan
                |> Result.map (fun () ->
                    {
                        Levels = [ for step in plan.Tableaus() -> step.From ]
                        First = from
                        Last = until
                        K = float k
                        Step = Seq.max steps
                    })
            else
                Error "the levels are not uniform in λ = m²/σ²"

let private descentOf: Plan -> Result<Descent, string> = Once.per read

/// The plan of a subject as such a descent, or why it is not one.
let descent (subject: Subject) = descentOf subject.Plan

/// Σ δ_i² with δ_i = (σ_i²/m_i)·‖s − ∇ln p_i‖_{L²(p_i)}, the L² error of the denoiser.
let private denoiserErrors (plan: Plan) levels =
    ScoreError.atLevels plan levels
    |> Result.map (List.sumBy (fun (level: NoiseLevel, l2) -> (level.NoiseVariance / level.Mean * l2) ** 2.0))

let private assume statement evaluate =
    Assumption.ofResult statement (fun subject -> descent subject |> Result.bind (evaluate subject))

let internal ancestralSteps =
    assume "K ancestral steps, λ = m²/σ² uniform from 1/ρ_0² to 1/τ², τ > 0" (fun _ run ->
        Ok $"K = {run.K}, λ from {run.First:g6} to {run.Last:g6}")

let private assumptions =
    [
        ancestralSteps
        assume "the denoiser's errors δ_i in L²(p_i) are finite" (fun subject run ->
            denoiserErrors subject.Plan run.Levels
            |> Result.map (fun sum -> $"√(Δλ·Σδ_i²) = {sqrt (run.Step * sum):g6}"))
        assume "tr Cov of the data is finite" (fun subject _ ->
            Ok $"{Constants.covarianceTrace subject.Plan.Target NoiseLevel.Data:g6}")
    ]

/// TV(start, first level) + ½·√(Δλ·Σδ_i² + (1/τ² − 1/ρ_0²)·tr Cov/K).
let bound (plan: Plan) (run: Descent) errors start =
    let trace = Constants.covarianceTrace plan.Target NoiseLevel.Data
    start + 0.5 * sqrt (run.Step * (errors + trace))

/// Theorem 3.1's bound for a plan.
let predictionBound runner (subject: Subject) =
    match descent subject, Measure.atStart Metric.Tv runner subject.Plan |> Result.bind Measure.resolved with
    | Ok run, Ok start ->
        denoiserErrors subject.Plan run.Levels |> Result.map (fun errors -> bound subject.Plan run errors start)
    | Error reason, _
    | _, Error reason -> Error reason

let private evidence: Evidence =
    fun runner trial ->
        match predictionBound runner trial.Subject, Measure.atEnd Metric.Tv runner trial.Subject.Plan with
        | Ok bound, Ok measured -> Ok [ { What = "TV at the last level"; Measured = measured; Bound = bound } ]
        | Error reason, _
        | _, Error reason -> Error reason

/// The smallest K for which √(KL/2) ≤ δ, over the K₀ = λ·tr Cov/(4δ²) of the statement, by bisection over whole K.
let private stepsOverPrescription runner (trial: Trial) =
    let setting = trial.Setting
    let delta, rho0, tau = value "δ" setting, value "ρ_0" setting, value "τ" setting

    let reaches k =
        stepErrorScenario []
        |> fun scenario -> scenario.Experiment (Map.add "K" (float k) setting) 0
        |> planOf
        |> Measure.atEnd Metric.Kl runner
        |> Result.bind Measure.resolved
        |> Result.map (fun kl -> sqrt (kl / 2.0) <= delta)

    let rec halve low high =
        if high - low <= 1 then
            Ok high
        else
            let middle = (low + high) / 2
            reaches middle |> Result.bind (fun held -> if held then halve low middle else halve middle high)

    halve 1 (1 <<< 13)
    |> Result.map (fun k ->
        let prescribed = (1.0 / (tau * tau) - 1.0 / (rho0 * rho0)) * value "d" setting / (4.0 * delta * delta)
        let ratio = float k / prescribed
        Estimate.Exact(ratio, ratio * (1.0 - 1e-9), ratio * (1.0 + 1e-9), "bisection on the exact law"))

let private claim symbol exponent words quantity scenario =
    {
        Axis = symbol
        Exponent = AtMost exponent
        IsExponential = false
        Of = words
        Quantity = quantity
        Scenario = scenario
    }

let private rates =
    [
        claim "K" -0.5 "TV at the last level, exact score and start" (atEnd Metric.Tv) (stepErrorScenario [ stepsAxis ])
        claim
            "d"
            0.0
            "K needed for √(KL/2) ≤ δ over (1/τ² − 1/ρ_0²)·tr Cov/(4δ²)"
            stepsOverPrescription
            (scalingScenario [ axis "d" "dimension" (fun _ -> [ for k in 4..10 -> 2.0 ** float k ]) ])
        claim
            "δ"
            0.0
            "K needed for √(KL/2) ≤ δ over (1/τ² − 1/ρ_0²)·tr Cov/(4δ²)"
            stepsOverPrescription
            (scalingScenario [ axis "δ" "accuracy" (fun _ -> [ for k in 3..8 -> 0.5 ** float k ]) ])
    ]

/// LLT-3.1c.
let stochasticPredictor =
    {
        Id = "lee-2022-3.1"
        Title = "The stochastic predictor"
        Statement =
            "Additive noise on data Z₀ down to a last level τ > 0, λ = 1/ρ² (ρ = σ/m) uniform from 1/ρ_0² to 1/τ² in K ancestral steps, with a denoiser whose "
            + "error is δ_i in L²(p_i). Then TV(output, p_τ) ≤ TV(start, p_{ρ_0}) + ½·√(Δλ·Σδ_i² + (1/τ² − 1/ρ_0²)·tr Cov(Z₀)/K). "
            + "No Lipschitz constant and no log-Sobolev constant; the dimension only through tr Cov(Z₀)."
        Source = Papers.lee "Theorem 3.1"
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.Tv
        Evidence = evidence
        Scenarios = scenarios
        Rates = rates
        Reading =
            "Loose in K by half a power on smooth data: the true error in TV is of order 1/K; the bound's K^(−1/2) is the price of asking nothing of the data."
    }
