/// Bruno et al. 2023, the motivating example with its training: what stochastic gradient Langevin dynamics learns, sampled.
module Sgm.Verification.Theorems.BrunoSgld

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios
open Sgm.Verification.Theorems.Bruno
open Sgm.Verification.Theorems.BrunoTraining
open Sgm.Verification.Theorems.BrunoLearned

let private symbols = [ "d"; "mean"; "offset"; "T"; "λ"; "1/β" ]

/// A scenario gives n, or nλ: then n follows λ.
let private trainingOf (setting: Setting) =
    let value symbol = Map.find symbol setting

    {
        Dimension = int (value "d")
        Mean = value "mean"
        Offset = value "offset"
        Time = value "T"
        Rate = value "λ"
        Temperature = value "1/β"
        Steps =
            match Map.tryFind "n" setting with
            | Some n -> int n
            | None -> int (round (value "nλ" / value "λ"))
    }

/// The training that gave the experiment's score: known to a scenario, not to an experiment of one's own.
let private training (subject: Subject) =
    let given symbol = Map.containsKey symbol subject.Setting

    if not (List.forall given symbols && (given "n" || given "nλ")) then
        Error "the experiment does not say how θ was trained"
    else
        let t = trainingOf subject.Setting

        match reverseRun subject, unitNormal "the law of the score" subject.Plan.Score.Of with
        | Ok run, Ok _ when run.From.Parameter <> t.Time ->
            Error
                $"τ was uniform on [0, {t.Time:g4}] in training; the reverse process starts at {run.From.Parameter:g4}"
        | Ok _, Ok theta when theta <> firstMean t -> Error "θ is not what the first run of the training learns"
        | Ok _, Ok _ -> Ok t
        | Error reason, _
        | _, Error reason -> Error reason

let private trained =
    [
        assume
            "θ = θ_n learned by stochastic gradient Langevin dynamics, one sample (X, τ, Z) a step, τ uniform on [0, T]"
            (fun s ->
                training s
                |> Result.map (fun t ->
                    $"n = {t.Steps}, λ = {t.Rate:g4}, 1/β = {t.Temperature:g4}, the first of the runs"))
        assume "0 < λ ≤ 2" (fun s ->
            training s
            |> Result.bind (fun t ->
                if t.Rate > 0.0 && t.Rate <= 2.0 then
                    Ok $"λ = {t.Rate:g4}"
                else
                    Error $"λ = {t.Rate:g4}"))
    ]

let private outcome runner (trial: Trial) =
    match training trial.Subject, response runner trial.Subject.Plan with
    | Ok t, Ok r -> Ok(t, r)
    | Error reason, _
    | _, Error reason -> Error reason

/// Decides from the runs of the training; a stage's particles are d times its runs.
let private decide runner (trial: Trial) t what measure =
    Sampling.decide runner.Budget what (Some assumes) trial.Subject.Experiment.Seed coordinates None (fun stage ->
        Ok(measure (learn t stage.Seed (int stage.Particles)) stage))

let private samplingError (t: Training) (run: PredictorRun) =
    let mu = abs t.Mean * sqrt (float t.Dimension)
    mu * (meanBias run.Gamma + exp (-2.0 * run.From.Parameter)) + sqrt (float t.Dimension) * spreadBias run.Gamma

/// e^(−nλa₁)·|θ_0 − μ| + √(2λd) + √(d/(βa₁)) + |μ|·(f(γ) + e^(−2T)) + √d·h(γ).
let private bound (t: Training) run =
    let d = float t.Dimension
    let a1 = (curvatureMoments t.Time).First

    exp (-(float t.Steps) * t.Rate * a1) * abs t.Offset * sqrt d
    + sqrt (2.0 * t.Rate * d)
    + sqrt (d * t.Temperature / a1)
    + samplingError t run

let private evidence: Evidence =
    fun runner trial ->
        match reverseRun trial.Subject, outcome runner trial with
        | Ok run, Ok(t, r) ->
            let fromMoments = sqrt (secondMoment t) + samplingError t run
            let stated = bound t run

            decide runner trial t "means over runs of the training" (fun learned stage ->
                let confidence = stage.Confidence 4

                [
                    {
                        What = "the output's mean is affine in θ"
                        Measured = affineError r
                        Bound = 1e-9 * (1.0 + norm r.OwnMean)
                    }
                    {
                        What = "E|θ_n − μ|² over runs against its formula, relative"
                        Measured = identityError t learned confidence
                        Bound = identityPrecision
                    }
                    {
                        What = "√(E W2²), W2 of the law given θ_n, by the formula for E|θ_n − μ|²"
                        Measured = rootMeanSquare t r learned confidence
                        Bound = fromMoments
                    }
                    {
                        What = "W2 of the marginal law, from above by conditioning on the times τ"
                        Measured = marginal t r learned confidence
                        Bound = stated
                    }
                    {
                        What = "E W2 over runs, W2 of the law given θ_n"
                        Measured = meanDistance t r learned confidence
                        Bound = stated
                    }
                ])
        | Error reason, _
        | _, Error reason -> Error reason

/// The reverse process with what the first run has learned.
let private experimentOf (setting: Setting) refinement =
    let t = trainingOf setting
    let steps = int (round (t.Time / Map.find "γ" setting)) <<< refinement

    experiment {
        target (normal (fill t.Dimension t.Mean) 1.0)
        forward vp
        score (scoreOf (normal (List.ofArray (firstMean t)) 1.0))
        sampler (anneal (uniform t.Time 0.0 steps) (predictor eulerMaruyama))
        measure [ w2 ]
    }


/// A geometric grid that standard and full effort follow further.
let private doubling first ratio quick =
    fun effort ->
        let count =
            match effort with
            | Quick -> quick
            | Standard -> quick + 1
            | Full -> quick + 2

        List.init count (fun k -> first * ratio ** float k)

let private trainingAxis = axis "n" "training steps" (doubling 50.0 2.0 5)
let private rateAxis = axis "λ" "learning rate" (doubling 0.1 0.5 4)
let private temperatureAxis = axis "1/β" "temperature of the training" (doubling 0.04 0.25 4)
let private dimensionAxis = axis "d" "dimension" (doubling 1.0 4.0 4)
let private stepAxis = axis "γ" "step of the reverse process" (doubling 0.25 0.5 4)

let private timeAxis = axis "T" "time of the forward process" (fun _ -> [ 1.0; 2.0; 3.0; 4.0 ])

let private scenario name description = scenario name description experimentOf

let private scenarios =
    [
        scenario
            "learned from scratch"
            "Data N((1, …, 1), I_d); the training starts at θ_0 = 0 and runs 2¹⁶/d times, the sampler for each."
            [
                setting
                    [
                        "d", 4.0
                        "mean", 1.0
                        "offset", -1.0
                        "T", 2.0
                        "λ", 0.05
                        "1/β", 0.001
                        "n", 400.0
                        "γ", 1.0 / 32.0
                    ]
            ]
            [
                quickly [ 50.0; 200.0 ] trainingAxis
                later rateAxis
                later temperatureAxis
                quickly [ 64.0 ] dimensionAxis
                later stepAxis
                later timeAxis
            ]
    ]

/// A measured value for an exponent; nothing is decided here, so one stage is all.
let private quantity measure =
    fun runner trial ->
        outcome runner trial
        |> Result.bind (fun (t, r) ->
            Sampling.value
                runner.Budget
                "a mean over runs of the training"
                (Some Regression.assumes)
                trial.Subject.Experiment.Seed
                coordinates
                (fun stage -> Ok(measure t r (learn t stage.Seed (int stage.Particles)) (stage.Confidence 1))))

let private a1AtTwo = (curvatureMoments 2.0).First

let private rates: RateClaim list =
    [
        {
            Axis = "n"
            Exponent = AtMost(-0.05 * a1AtTwo)
            IsExponential = true
            Of = "√(E W2²) while the training is far from its end"
            Quantity = quantity rootMeanSquare
            Scenario =
                scenario
                    "training time"
                    "θ_0 − μ = (30, …, 30), λ = 0.05."
                    [
                        setting
                            [ "d", 4.0; "mean", 1.0; "offset", 30.0; "T", 2.0; "λ", 0.05; "1/β", 0.0; "γ", 1.0 / 128.0 ]
                    ]
                    [ axis "n" "training steps" (fun _ -> [ 25.0; 50.0; 75.0; 100.0; 150.0 ]) ]
        }
        {
            Axis = "d"
            Exponent = Exactly 0.5
            IsExponential = false
            Of = "√(E W2²), W2 of the law given θ_n"
            Quantity = quantity rootMeanSquare
            Scenario =
                scenario
                    "dimension"
                    "θ_0 = μ, λ = 0.1."
                    [
                        setting
                            [ "mean", 1.0; "offset", 0.0; "T", 2.0; "λ", 0.1; "1/β", 0.0; "n", 100.0; "γ", 1.0 / 128.0 ]
                    ]
                    [ axis "d" "dimension" (doubling 1.0 4.0 4) ]
        }
        {
            Axis = "λ"
            Exponent = AtMost 0.5
            IsExponential = false
            Of = "√(E W2²), W2 of the law given θ_n: of the order of θ_n's deviation"
            Quantity = quantity rootMeanSquare
            Scenario =
                scenario
                    "learning rate"
                    "θ_0 = μ, nλ = 4 (the same state of forgetting at every λ), γ = 1/1024."
                    [
                        setting
                            [ "d", 4.0; "mean", 0.0; "offset", 0.0; "T", 2.0; "1/β", 0.0; "nλ", 4.0; "γ", 1.0 / 1024.0 ]
                    ]
                    [ axis "λ" "learning rate" (fun _ -> [ 0.08; 0.04; 0.02; 0.01 ]) ]
        }
    ]

/// BZ-sgld.
let trainedMean =
    {
        Id = "bruno-2023-sgld"
        Title = "Gaussian data with unknown mean, learned by stochastic gradient Langevin dynamics"
        Statement =
            "θ_{n+1} = θ_n − λ·H(θ_n) + √(2λ/β)·ξ with one sample a step, H = 2σ_τ²e^(−2τ)·(θ − X) + 2σ_τe^(−3τ)·Z the gradient of the "
            + "denoising loss, 0 < λ ≤ 2, a₁ = (1 − e^(−2T))²/(4T). Then E|θ_n − μ|² = ρⁿ·|θ_0 − μ|² + d·(4λ²a₃ + 2λ/β)·(1 − ρⁿ)/(1 − ρ), and "
            + "for γ ≤ 1 E W2(output given θ_n, data) ≤ e^(−nλa₁)·|θ_0 − μ| + √(2λd) + √(d/(βa₁)) + |μ|·(f(γ) + e^(−2T)) + √d·h(γ)."
        Source = Papers.bruno "the motivating example with its optimisation"
        Stance = Guarantee
        Assumptions = assumptions @ trained
        Metric = Metric.W2
        Evidence = evidence
        Scenarios = scenarios
        Rates = rates
        Reading =
            "Of the right order in λ, β, d and γ, with constants loose by about 2; forgetting is twice as fast as stated. W2 is of the law given θ_n, of the order of θ_n's deviation s; the marginal law is closer, of order s²."
    }
