/// Bruno, Zhang, Lim, Akyildiz and Sabanis 2023: log-concave data, Wasserstein distance, full estimates.
module Sgm.Verification.Theorems.Bruno

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios

/// f(γ) = (e^γ − 1 − γ)/(e^γ − 1 + γ) ≤ 0.36γ on (0, 1], the bias of the mean per unit of it.
let meanBias gamma =
    let growth = RealFunctions.ExpM1 gamma
    // e^γ − 1 − γ by its series where the difference cancels.
    let excess =
        if gamma > 0.1 then
            growth - gamma
        else
            let rec term k value =
                if value < 1e-20 then
                    0.0
                else
                    value + term (k + 1) (value * gamma / float (k + 1))

            term 2 (gamma * gamma / 2.0)

    excess / (growth + gamma)

/// h(γ) = (1 − γ/2)^(−1/2) − 1 ≤ (√2 − 1)γ on (0, 1], the bias of the standard deviation.
let spreadBias gamma = RealFunctions.ExpM1(-0.5 * RealFunctions.LogOnePlus(-gamma / 2.0))

/// The mean of a target that is N(mean, I).
let private unitMean: Engine.Target -> float[] option =
    Once.per (fun target ->
        let isUnit (factor: Factor) =
            factor.Law.Count = 1 && Array.forall ((=) 1.0) factor.Law.Covariances[0].Eigenvalues

        let means (factor: Factor) = Array.replicate factor.Count factor.Law.Means

        if Seq.forall isUnit target.Factors then
            Some(target.Factors |> Seq.collect means |> Array.concat)
        else
            None)

/// The same, or why it is not that.
let internal unitNormal name target =
    match unitMean target with
    | Some mean -> Ok mean
    | None -> Error $"{name} is not a normal law with covariance I"

let internal norm (v: float[]) = sqrt (Array.sumBy (fun x -> x * x) v)

let internal assume = Assumption.ofResult

/// Euler–Maruyama for the reverse process, stopped at any time.
let internal stoppedRun (subject: Subject) =
    Subject.uniformPredictor subject
    |> Result.bind (fun run ->
        if run.Method <> "eulerMaruyama" then
            Error $"the method is '{run.Method}'"
        else
            Ok run)

/// The same down to time 0.
let internal reverseRun (subject: Subject) =
    stoppedRun subject
    |> Result.bind (fun run ->
        if run.To.Parameter <> 0.0 then
            Error $"the run stops at time {run.To.Parameter:g4}, not 0"
        else
            LevelPath.follows subject.Plan |> Result.map (fun () -> run))

/// The level that the law at the end is measured against.
let internal measuredAt (plan: Plan) =
    match Seq.last plan.Instructions with
    | :? Instruction.Probe as probe -> Ok probe.Level
    | _ -> Error "the plan does not end with a probe"

let internal fromPrior =
    assume "start N(0, I_d)" (fun s ->
        match s.Experiment.Start with
        | Prior -> Ok "the prior"
        | _ -> Error "the start is not the prior")

/// Data N(μ, I_d) and the score of N(θ, I_d): s(x, t) = −x + e^(−t)·θ, from N(0, I_d).
let internal modelAssumptions =
    [
        assume "data N(μ, I_d)" (fun s ->
            unitNormal "the target" s.Plan.Target |> Result.map (fun mu -> $"|μ| = {norm mu:g6}, d = {mu.Length}"))
        assume "score s(x, t) = −x + e^(−t)·θ" (fun s ->
            if not s.Plan.Score.Modifiers.IsEmpty then
                Error "the score has modifiers"
            else
                unitNormal "the law of the score" s.Plan.Score.Of |> Result.map (fun theta -> $"|θ| = {norm theta:g6}"))
        fromPrior
    ]

/// The same with Euler–Maruyama down to time 0.
let internal assumptions =
    modelAssumptions
    @ [
        assume "Euler–Maruyama for the reverse Ornstein–Uhlenbeck process, K steps of γ = T/K from T to 0" (fun s ->
            reverseRun s |> Result.map (fun run -> $"K = {run.K}, γ = {run.Gamma:g6}"))
        assume "γ ≤ 1" (fun s ->
            reverseRun s
            |> Result.bind (fun run ->
                if run.Gamma <= 1.0 then
                    Ok $"γ = {run.Gamma:g6}"
                else
                    Error $"γ = {run.Gamma:g6}"))
    ]

/// |θ − μ| + |μ|·(f(γ) + e^(−2T)) + √d·h(γ).
let private bound (run: PredictorRun) mu theta =
    norm (Array.map2 (-) theta mu)
    + norm mu * (meanBias run.Gamma + exp (-2.0 * run.From.Parameter))
    + sqrt (float (Array.length mu)) * spreadBias run.Gamma

/// W2, measured in some way, against a bound from the run, μ and θ.
let internal evidenceBy runOf measure bound : Evidence =
    fun runner trial ->
        let plan = trial.Subject.Plan

        match
            runOf trial.Subject, unitNormal "target" plan.Target, unitNormal "score" plan.Score.Of, measure runner trial
        with
        | Ok run, Ok mu, Ok theta, Ok measured ->
            Ok [ { What = "W2 at the end"; Measured = measured; Bound = bound run mu theta } ]
        | Error reason, _, _, _
        | _, Error reason, _, _
        | _, _, Error reason, _
        | _, _, _, Error reason -> Error reason

/// Euler–Maruyama from time T to `stop`, measured against the data.
let internal reverseTo time stop steps =
    let reverse = anneal (uniform time stop steps) (predictor eulerMaruyama)

    // The second anneal moves no state: it only has the end measured against the data.
    if stop = 0.0 then
        reverse
    else
        reverse >=> anneal (levels [ stop; 0.0 ]) identity

/// N(μ, I_d) with every coordinate of μ equal to `mean`, the score of N(μ + error, I_d), K·2^k steps.
let private experimentOf (setting: Setting) refinement =
    let value symbol = Map.find symbol setting
    let d = int (value "d")
    let time = value "T"
    let steps = int (round (time / value "γ")) <<< refinement
    let mean = value "mean"
    let theta = mean + value "error"

    experiment {
        target (normal (fill d mean) 1.0)
        forward vp
        score (if theta = mean then exact else scoreOf (normal (fill d theta) 1.0))
        sampler (anneal (uniform time 0.0 steps) (predictor eulerMaruyama))
        measure [ w2 ]
    }

let private powers b exponents = exponents |> List.map (fun k -> b ** float k)

let private stepAxis =
    {
        Symbol = "γ"
        Meaning = "step of time"
        Values =
            function
            | Quick -> powers 2.0 [ -1..-1..-9 ]
            | Standard -> powers 2.0 [ -1..-1..-12 ]
            | Full -> powers 2.0 [ 0..-1..-14 ]
    }

let private dimensionAxis =
    {
        Symbol = "d"
        Meaning = "dimension"
        Values =
            function
            | Quick -> powers 4.0 [ 0..6 ]
            | Standard -> powers 4.0 [ 0..8 ]
            | Full -> powers 4.0 [ 0..10 ]
    }

let private timeAxis =
    {
        Symbol = "T"
        Meaning = "time of the forward process"
        Values =
            function
            | Quick -> [ 1.0..1.0..6.0 ]
            | Standard -> [ 1.0..1.0..8.0 ]
            | Full -> [ 1.0..0.5..8.0 ]
    }

let private errorAxis =
    {
        Symbol = "error"
        Meaning = "error of each coordinate of the learned mean θ"
        Values = fun _ -> powers 10.0 [ 0..-1..-5 ]
    }


let private scenario name description = scenario name description experimentOf

let private scenarios =
    [
        scenario
            "unknown mean"
            "Data N(μ, I_d) with μ = (1, …, 1), and with μ = 0; the score has learned θ instead of μ."
            [
                setting [ "d", 4.0; "γ", 1.0 / 64.0; "T", 4.0; "mean", 1.0; "error", 0.01 ]
                setting [ "d", 4.0; "γ", 1.0 / 64.0; "T", 4.0; "mean", 0.0; "error", 0.0 ]
            ]
            [ stepAxis; dimensionAxis; timeAxis; errorAxis ]
    ]

let private rates =
    [
        {
            Axis = "γ"
            Exponent = Exactly 1.0
            IsExponential = false
            Of = "W2 at the end, exact score, T = 20 (no initialisation error)"
            Quantity = atEnd Metric.W2
            Scenario =
                scenario
                    "discretisation"
                    "Exact score, T = 20."
                    [ setting [ "d", 4.0; "γ", 0.5; "T", 20.0; "mean", 1.0; "error", 0.0 ] ]
                    [ stepAxis ]
        }
        {
            Axis = "d"
            Exponent = Exactly 0.5
            IsExponential = false
            Of = "W2 at the end, exact score, T = 20, μ = (1, …, 1)"
            Quantity = atEnd Metric.W2
            Scenario =
                scenario
                    "dimension"
                    "Exact score, T = 20."
                    [ setting [ "d", 1.0; "γ", 0.125; "T", 20.0; "mean", 1.0; "error", 0.0 ] ]
                    [ dimensionAxis ]
        }
        {
            Axis = "T"
            Exponent = Exactly -2.0
            IsExponential = true
            Of = "W2 at the end in the limit of small steps, exact score: the initialisation error e^(−2T)·|μ|"
            Quantity = (fun runner trial -> Measure.limit Metric.W2 runner trial.Refined)
            Scenario =
                scenario
                    "initialisation"
                    "Exact score, γ → 0."
                    [ setting [ "d", 4.0; "γ", 0.125; "T", 1.0; "mean", 1.0; "error", 0.0 ] ]
                    [ timeAxis ]
        }
    ]

/// BZ-gauss.
let gaussianMean =
    {
        Id = "bruno-2023-gaussian"
        Title = "Gaussian data with unknown mean"
        Statement =
            "Data N(μ, I_d); Euler–Maruyama with K steps of γ = T/K ≤ 1 for the reverse Ornstein–Uhlenbeck process from N(0, I_d), "
            + "with the score −x + e^(−t)·θ. Then W2(output, data) ≤ |θ − μ| + |μ|·(f(γ) + e^(−2T)) + √d·h(γ), "
            + "f(γ) = (e^γ − 1 − γ)/(e^γ − 1 + γ) ≤ 0.36·γ and h(γ) = (1 − γ/2)^(−1/2) − 1 ≤ (√2 − 1)·γ."
        Source = Papers.bruno "the motivating example"
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.W2
        Evidence = evidenceBy reverseRun (atEnd Metric.W2) bound
        Scenarios = scenarios
        Rates = rates
        Reading =
            "Sharp in every variable: the true error is |aθ − μ|² + d·(√v − 1)², of order exactly 1 in γ, ½ in d and e^(−2T) in T; the bound adds the parts where the truth adds their squares."
    }
