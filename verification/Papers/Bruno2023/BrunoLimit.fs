/// Bruno et al. 2023, the motivating example in continuous time, stopped early: every coefficient is sharp.
module Sgm.Verification.Theorems.BrunoLimit

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios
open Sgm.Verification.Theorems.Bruno

let private stoppingAssumptions =
    [
        Assumption.inTheLimit
            "the limit γ → 0 of Euler–Maruyama for the reverse Ornstein–Uhlenbeck process from T to ε, measured against the data"
            (fun s ->
                match stoppedRun s, measuredAt s.Plan with
                | Ok run, Ok level when level.Parameter = 0.0 ->
                    Ok $"T = {run.From.Parameter:g6}, ε = {run.To.Parameter:g6}"
                | Ok _, Ok level -> Error $"the end is measured against time {level.Parameter:g4}, not the data"
                | Error reason, _
                | _, Error reason -> Error reason)
    ]

/// q = e^(−ε)·(1 − e^(−2(T − ε))), the part of θ that the output's mean has.
let private learnedShare (run: PredictorRun) =
    let stop = run.To.Parameter
    -exp -stop * RealFunctions.ExpM1(-2.0 * (run.From.Parameter - stop))

/// 1 − q, without cancellation.
let private missingShare (run: PredictorRun) =
    let stop = run.To.Parameter
    -(RealFunctions.ExpM1 -stop) + exp (stop - 2.0 * run.From.Parameter)

let private limit runner (trial: Trial) = Measure.limit Metric.W2 runner trial.Refined

/// q·|θ − μ| + (1 − q)·|μ|.
let private bound run mu theta = learnedShare run * norm (Array.map2 (-) theta mu) + missingShare run * norm mu

/// N(μ, I_d) with every coordinate of μ equal to `mean`, the score of N(μ − error, I_d), from T to `stop`.
let private experimentOf (setting: Setting) refinement =
    let value symbol = Map.find symbol setting
    let d = int (value "d")
    let time, stop, mean = value "T", value "ε", value "mean"
    let steps = int (ceil (8.0 * (time - stop))) <<< refinement
    let theta = mean - value "error"

    experiment {
        target (normal (fill d mean) 1.0)
        forward vp
        score (if theta = mean then exact else scoreOf (normal (fill d theta) 1.0))
        sampler (reverseTo time stop steps)
        measure [ w2 ]
    }


let private timeAxis =
    axis "T" "time of the forward process" (function
        | Quick -> [ 1.0; 2.0; 3.0; 4.0; 5.0 ]
        | Standard
        | Full -> [ 1.0; 1.5; 2.0; 2.5; 3.0; 3.5; 4.0; 4.5; 5.0; 5.5; 6.0 ])

let private errorAxis =
    axis "error" "error of each coordinate of the learned mean θ" (fun _ -> [ 1.0; 0.1; 0.01; 0.001; 0.0001 ])

let private stopAxis =
    axis "ε" "time at which the reverse process is stopped" (fun _ -> [ 0.5; 0.2; 0.1; 0.05; 0.02; 0.01 ])

let private dimensionAxis = axis "d" "dimension" (fun _ -> [ 1.0; 4.0; 16.0; 64.0; 256.0 ])

let private scenario name description = scenario name description experimentOf

let private scenarios =
    [
        scenario
            "error away from the mean"
            "Data N(μ, I_d) with μ = (1, …, 1), θ short of μ in every coordinate: nothing cancels, the bound is an equality."
            [ setting [ "d", 4.0; "T", 2.0; "ε", 0.0; "mean", 1.0; "error", 0.1 ] ]
            [ timeAxis; errorAxis; dimensionAxis ]
        scenario
            "stopped early"
            "The same with T = 4, stopped at ε > 0."
            [ setting [ "d", 4.0; "T", 4.0; "ε", 0.1; "mean", 1.0; "error", 0.01 ] ]
            [ stopAxis; errorAxis ]
    ]

let private rates =
    [
        {
            Axis = "error"
            Exponent = Exactly 1.0
            IsExponential = false
            Of = "W2 in the limit γ → 0 for μ = 0: the score error alone"
            Quantity = limit
            Scenario =
                scenario
                    "score error"
                    "Data N(0, I_d), so that neither the start nor the step has an error in the mean."
                    [ setting [ "d", 4.0; "T", 1.0; "ε", 0.0; "mean", 0.0; "error", 1.0 ] ]
                    [ errorAxis ]
        }
    ]

/// BZ-gauss in the limit of small steps.
let gaussianLimit =
    {
        Id = "bruno-2023-gaussian-limit"
        Title = "Gaussian data with unknown mean: the exact coefficients of score error, start and early stopping"
        Statement =
            "Data N(μ, I_d), the score −x + e^(−t)·θ, the reverse Ornstein–Uhlenbeck process in continuous time from N(0, I_d) at T to ε. "
            + "Then W2(output, data) ≤ q·|θ − μ| + (1 − q)·|μ| with q = e^(−ε)·(1 − e^(−2(T − ε))); at ε = 0 the coefficient of the score error "
            + "is 1 − e^(−2T) and that of the start e^(−2T). Equality when θ − μ points against μ."
        Source = Papers.bruno "the motivating example, γ → 0"
        Stance = Guarantee
        Assumptions = modelAssumptions @ stoppingAssumptions
        Metric = Metric.W2
        Evidence = evidenceBy stoppedRun limit bound
        Scenarios = scenarios
        Rates = rates
        Reading =
            "An equality: measured and bound agree to the resolution of the measurement for every T, error and stopping time, because θ falls short of μ and all three errors point the same way."
    }
