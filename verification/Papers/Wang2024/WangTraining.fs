/// Wang, He and Tao 2024: what gradient descent on denoising score matching has not learned yet, in KL of the sampler.
module Sgm.Verification.Theorems.WangTraining

open System.Collections.Immutable
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Verification.Scenarios
open Sgm.Verification.Theorems.WangFeatures

let private line (target: Target) =
    match List.ofSeq target.Factors with
    | [ one ] when one.Law.Dimension = 1 && one.Count = 1 -> Ok one.Law
    | _ -> Error "the target is not a law on the line"

let private momentsOf (law: Mixture) =
    let average f = Seq.init law.Count f |> Seq.mapi (fun k x -> law.Weights[k] * x) |> Seq.sum
    let mean = average (fun k -> law.Means[k])
    let variance = average (fun k -> law.Covariance(k).Variance 0 + (law.Means[k] - mean) ** 2.0)
    { Mean = mean; Variance = variance }

let private isAncestral (step: Tableau) = step.Method = "ancestral"

/// The features and parameters of a score Σ θ_j·∇ln N(m_j, v_j).
let private linear (score: Sgm.Score) =
    let one (weight, part: Sgm.Score) =
        match part with
        | { Base = ScoreOf(Sgm.Target.Normal([ mean ], variance)); Modifiers = [] } ->
            Ok({ Feature.Mean = mean; Variance = variance }, weight)
        | _ -> Error "a part of the score is not that of a normal law on the line"

    match score with
    | { Base = Blend parts; Modifiers = [] } -> parts |> List.map one |> every |> Result.map List.unzip
    | _ -> Error "the score is not a blend"

/// The relative error of what is summed over the modes of a symmetric matrix: that of its eigenvalues is the largest one's.
let private ofModes (all: Mode list) = 1e-12 * (List.last all).Curvature / all.Head.Curvature

/// A training and what it makes of the sampler's bound.
type private Training =
    {
        Rate: float
        Steps: int
        /// The slowest first.
        Modes: Mode list
        /// Σ w_i·E‖s_θ − ∇ln p‖² of the score as it is.
        Excess: Bracket
        /// Of the best parameters.
        Floor: Bracket
        /// KL(p_T‖q_T) + Σ ½∫(mmse_i − mmse) dΛ.
        Sampling: float
    }

/// Steps of gradient descent, and their η·λ with the largest λ; known to a scenario, not to an experiment of one's own.
let private training: Subject -> Result<Training, string> =
    Once.per (fun subject ->
        attempt {
            let! features, theta = linear subject.Experiment.Score
            let plan = subject.Plan

            let! k, speed =
                match Map.tryFind "k" subject.Setting, Map.tryFind "ηλ" subject.Setting with
                | Some k, Some speed -> Ok(int k, speed)
                | _ -> Error "the experiment does not say how its score was trained"

            let! law = line plan.Target
            let! steps = Subject.stepsOf "'ancestral'" isAncestral plan
            do! Limits.within 2000 steps.Length "steps"
            let levels = List.map weigh steps
            let loss = lossOf features (momentsOf law) levels
            let modes = modes loss
            let slowest, fastest = modes.Head.Curvature, (List.last modes).Curvature
            do! require (slowest > 1e-6 * fastest) () "the features depend on each other"
            let rate = speed / fastest

            do! require (descend loss rate k = theta) () "its weights are not what gradient descent comes to"

            let! fishers = every (levels |> List.map (fun one -> Information.fisher plan.Target one.Level))

            // J of z = x/m is m² times that of x.
            let weighed = List.map2 (fun one j -> one, j * (1.0 / one.Level.Mean ** 2.0)) levels fishers
            let all = weighed |> List.map (fun (one, j) -> j * one.Weight) |> List.fold (+) (Bracket.Exactly 0.0)

            let informed = plan |> Plan.withScore (Engine.Score(plan.Target, ImmutableArray.Empty))
            let! sampling = PathRule.ofSteps informed steps

            return
                {
                    Rate = rate
                    Steps = k
                    Modes = modes
                    Excess = (excess features (momentsOf law) weighed theta).NotNegative
                    Floor = (all - Bracket.Near(gained modes, ofModes modes)).NotNegative
                    Sampling = sampling
                }
        })

/// E_∞ + Σ_j λ_j·a_j²·(1 − ηλ_j)^(2k).
let private byModes own = own.Floor + Bracket.Near(own.Modes |> List.sumBy (left own.Rate own.Steps), ofModes own.Modes)

let private enclosed (found: Bracket) = Estimate.Exact(found.Middle, found.Low, found.High, "moments at the levels")

let private evidence: Evidence =
    fun runner trial ->
        attempt {
            let plan = trial.Subject.Plan
            let! own = training trial.Subject
            let! law = Measure.law runner plan
            let excess = byModes own
            let r = own.Sampling + excess.High

            return
                [
                    {
                        What = "excess loss of the score that runs, against its modes after k steps"
                        Measured = enclosed own.Excess
                        Bound = excess.High
                    }
                    {
                        What = "its modes after k steps, against the excess loss of the score that runs"
                        Measured = Estimate.ClosedForm excess.Low
                        Bound = own.Excess.High
                    }
                    yield! PathRule.against law r
                ]
        }

let private assumptions =
    [
        Assumption.ofResult
            "a score Σ θ_j·∇ln N(m_j, v_j), θ after k steps of gradient descent from 0 on the levels of ancestral steps"
            (fun subject ->
                training subject
                |> Result.map (fun own ->
                    let curvatures = own.Modes |> List.map (fun mode -> $"{mode.Curvature:g4}") |> String.concat ", "
                    $"k = {own.Steps}, η = {own.Rate:g4}, λ = {curvatures}, E_k = {own.Excess.Middle:g4}"))
        Assumption.ofResult "0 < ηλ < 2 for every λ" (fun subject ->
            training subject
            |> Result.bind (fun own ->
                let most = own.Rate * (List.last own.Modes).Curvature
                require (0.0 < most && most < 2.0) $"{most:g4} at most" $"{most:g4} at most"))
    ]

let private whole symbol s = int (value symbol s)

/// The data and the features.
type private Lesson = { Data: Sgm.Target; Features: Feature list }

let private untrained (lesson: Lesson) (s: Setting) =
    experiment {
        target lesson.Data
        forward ve
        sampler (anneal (geometric (value "T" s) (value "δ" s) (whole "K" s)) (predictor ancestral))
        measure [ tv; kl ]
    }

let private lossOn lesson s =
    let plan = planOf (untrained lesson s)

    match line plan.Target with
    | Ok law -> lossOf lesson.Features (momentsOf law) (plan.Tableaus() |> Seq.map weigh |> List.ofSeq)
    | Error reason -> invalidOp reason

let private experimentOf (lesson: Lesson) (s: Setting) (_refinement: int) =
    let loss = lossOn lesson s
    let theta = descend loss (value "ηλ" s / (List.last (modes loss)).Curvature) (whole "k" s)

    let parts =
        List.map2 (fun (one: Feature) weight -> weight, scoreOf (normal [ one.Mean ] one.Variance)) lesson.Features

    { untrained lesson s with Score = blend (parts theta) }

let private feature mean variance : Feature = { Mean = mean; Variance = variance }

/// Both sides of the mean: the score is a sum of theirs.
let private between = { Data = normal [ 0.8 ] 0.25; Features = [ feature -0.5 0.25; feature 1.5 0.25 ] }

let private modesOfData =
    {
        Data = mixture [ 0.6, normal [ 1.0 ] 0.1; 0.4, normal [ -1.0 ] 0.3 ]
        Features = [ feature 0.0 1.0; feature 1.0 0.1; feature -1.0 0.3 ]
    }

let private base' = setting [ "T", 10.0; "δ", 0.05; "K", 18.0; "k", 12.0; "ηλ", 0.3 ]

let private scenarios =
    [
        scenario
            "a normal law"
            "N(0.8, ¼), features of N(−½, ¼) and N(3/2, ¼), from N(0, T²)."
            (experimentOf between)
            [ base' ]
            [
                axis "k" "steps of gradient descent" (fun _ -> [ 2.0; 4.0; 8.0; 16.0; 32.0 ]) |> quickly [ 4.0; 12.0 ]
                axis "ηλ" "η times the largest λ" (fun _ -> [ 1.0; 1.9 ]) |> quickly [ 1.9 ]
                axis "K" "sampling steps" (fun _ -> [ 9.0; 36.0; 72.0 ]) |> later
            ]
        scenario
            "two modes"
            "0.6·N(1, 0.1) + 0.4·N(−1, 0.3), features of each mode and of N(0, 1): their best sum has an error."
            (experimentOf modesOfData)
            [ base' ]
            [ axis "k" "steps of gradient descent" (fun _ -> [ 8.0; 32.0; 512.0 ]) |> quickly [ 64.0 ] ]
    ]

let private rates =
    let exponent =
        let all = modes (lossOn between base')
        2.0 * log (1.0 - value "ηλ" base' * all.Head.Curvature / (List.last all).Curvature)

    [
        {
            Axis = "k"
            Exponent = Exactly exponent
            IsExponential = true
            Of = "the excess loss of the score that runs, in k: 2·ln(1 − ηλ) of the slowest mode"
            Quantity =
                fun _ trial ->
                    training trial.Subject |> Result.map (fun own -> enclosed (own.Excess - own.Floor).NotNegative)
            Scenario =
                scenario
                    "a normal law, excess loss in k"
                    "N(0.8, ¼), features of N(−½, ¼) and N(3/2, ¼)."
                    (experimentOf between)
                    [ base' ]
                    [ axis "k" "steps of gradient descent" (fun _ -> [ 4.0; 8.0; 12.0; 16.0; 20.0; 24.0 ]) ]
        }
    ]

/// The companion.
let trained =
    {
        Id = "wang-2024-training"
        Title = "Gradient descent on denoising score matching, in the sampler"
        Statement =
            "s_θ = Σ θ_j·φ_j with linear features, trained on L(θ) = Σ_i w_i·E‖s_θ(X_i) + Z/σ_i‖² at the levels of "
            + "ancestral steps, w_i = ½(Λ_(i+1) − Λ_i)·σ_i⁴/m_i², Λ = m²/σ², by θ ← θ − (η/2)∇L. Then, G = Σ w_i·E φφᵀ "
            + "with eigenvalues λ_j, a_j what θ_0 − θ* is along the j-th direction, L(θ_k) less what the true score has is "
            + "E_k = E_∞ + Σ_j λ_j·a_j²·(1 − ηλ_j)^(2k), and KL(p_δ‖q_k) ≤ KL(p_T‖q_T) + Σ ½∫(mmse_i − mmse) dΛ + E_k."
        Source =
            Papers.companion
                "Wang, He and Tao 2024"
                "arXiv 2406.12839"
                "gradient descent on denoising score matching, exponential to a floor"
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.Tv
        Evidence = evidence
        Scenarios = scenarios
        Rates = rates
        Reading =
            "The training loss, weighed by the sampler's own steps, is what its score adds to KL along paths: nothing "
            + "stands between them. E_∞ is 0 where the features span the score."
    }
