/// Lee, Lu and Tan 2022: how far apart neighbouring noise levels may be, and how good the first guess is.
module Sgm.Verification.Theorems.LeeWarmStart

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios

/// The relative growth of the variance that keeps the next level warm: η = min(d^(−1/2), 2^(−1/2)).
let warmGrowth d = min (1.0 / sqrt d) (sqrt 0.5)

/// χ²(p∗N(0, a(1+η))‖p∗N(0, a)) ≤ (1 − η²)^(−d/2) − 1.
let neighbourBound d eta = RealFunctions.ExpM1(-d / 2.0 * RealFunctions.LogOnePlus(-eta * eta))

/// Two levels of additive noise with nothing run between them: d and η = σ²/σ′² − 1.
let private neighbours (subject: Subject) =
    let plan = subject.Plan

    match plan.Start, Seq.tryLast plan.Instructions with
    | (:? Engine.Start.Law as law), Some(:? Instruction.Probe as last) when plan.StepCount = 0L ->
        if not (obj.ReferenceEquals(law.Of, plan.Target)) then
            Error "the start is not the target at a noise level"
        elif law.Level.Mean <> last.Level.Mean then
            Error "the levels scale the data differently; the statement is for additive noise"
        elif last.Level.Sigma = 0.0 then
            Error "the lower level has no noise"
        elif law.Level.Sigma < last.Level.Sigma then
            Error "the level that it is held against is the noisier one"
        else
            Ok(float plan.Dimension, law.Level.NoiseVariance / last.Level.NoiseVariance - 1.0)
    | _ -> Error "the state is not the target at one noise level, untouched"

let private assume statement evaluate =
    Assumption.ofResult statement (fun subject -> neighbours subject |> Result.bind evaluate)

let private assumptions =
    [
        assume "the state is p∗N(0, a(1+η)·I), held against p∗N(0, a·I)" (fun (d, eta) -> Ok $"d = {d}, η = {eta:g6}")
        assume "η < 1" (fun (_, eta) -> if eta < 1.0 then Ok $"η = {eta:g6}" else Error $"η = {eta:g6} is not below 1")
    ]

let private evidence: Evidence =
    fun runner trial ->
        match neighbours trial.Subject, Measure.atEnd Metric.Chi2 runner trial.Subject.Plan with
        | Ok(d, eta), Ok measured ->
            let general = { What = "χ² from the next level"; Measured = measured; Bound = neighbourBound d eta }

            if eta <= warmGrowth d * (1.0 + 1e-12) then
                Ok [ { general with What = "χ² at a warm start"; Bound = 1.0 }; general ]
            else
                Ok [ general ]
        | Error reason, _
        | _, Error reason -> Error reason

/// The state p∗N(0, upper²·I) held against p∗N(0, lower²·I).
let levels data upper lower =
    experiment {
        target data
        forward ve
        start warm
        sampler (anneal (Levels [ upper; lower ]) identity)
        measure [ chi2 ]
    }

let private experimentOf data (setting: Setting) (_refinement: int) =
    let value symbol = Map.find symbol setting
    let growth = value "c" * warmGrowth (value "d")
    levels (data (int (value "d"))) (value "σ" * sqrt (1.0 + growth)) (value "σ")

let private axis symbol meaning values = { Symbol = symbol; Meaning = meaning; Values = fun _ -> values }
let private dimensionAxis = axis "d" "dimension" [ for k in 0..10 -> 2.0 ** float k ]
let private growthAxis = axis "c" "η in units of min(d^(−1/2), 2^(−1/2))" [ 1.4; 1.0; 0.5; 0.25; 0.125; 0.0625 ]
let private noiseAxis = axis "σ" "noise of the lower level" [ 0.25; 0.5; 1.0; 2.0; 4.0; 8.0; 16.0 ]

let private scenario name description data axes =
    {
        Name = name
        Description = description
        Bases = [ Map.ofList [ "d", 8.0; "c", 1.0; "σ", 2.0 ] ]
        Axes = axes
        Experiment = experimentOf data
    }

let private isotropic variance d = normal (fill d 0.0) variance
let private bimodal = mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ]

/// The number of levels from σ_M = 16 down to σ_1 = 1, each as far from the next as χ² ≤ 1 allows on the exact law; the last
/// descent counts as the fraction of a level that is left.
let private levelsNeeded runner (trial: Trial) =
    let data = trial.Subject.Experiment.Target
    let first, last = 16.0, 1.0

    let chi2Between upper lower =
        levels data upper lower
        |> planOf
        |> Measure.atEnd Metric.Chi2 runner
        |> Result.map (fun e -> if e.Value.HasValue then e.Value.Value else infinity)

    let rec growth upper (low: float) (high: float) k =
        if k = 0 then
            Ok low
        else
            let middle = (low + high) / 2.0

            chi2Between upper (upper * exp -middle)
            |> Result.bind (fun chi2 ->
                if chi2 <= 1.0 then
                    growth upper middle high (k - 1)
                else
                    growth upper low middle (k - 1))

    let rec descend upper count =
        growth upper 0.0 2.0 26
        |> Result.bind (fun step ->
            let left = log (upper / last)

            if left <= step then
                Ok(count + left / step)
            else
                descend (upper * exp -step) (count + 1.0))

    descend first 0.0
    |> Result.map (fun count ->
        Estimate.Exact(count, count * (1.0 - 1e-6), count * (1.0 + 1e-6), "bisection on the exact law"))

let private rates =
    [
        {
            Axis = "d"
            Exponent = AtMost 0.5
            IsExponential = false
            Of = "the number of levels needed from σ = 16 to σ = 1 with χ² ≤ 1 between neighbours"
            Quantity = levelsNeeded
            Scenario =
                scenario
                    "number of levels"
                    "A normal law of variance 1/4."
                    (isotropic 0.25)
                    [ { dimensionAxis with Values = fun _ -> [ for k in 0..8 -> 2.0 ** float k ] } ]
        }
        {
            Axis = "c"
            Exponent = AtMost 2.0
            IsExponential = false
            Of = "χ² between neighbouring levels"
            Quantity = fun runner trial -> Measure.atEnd Metric.Chi2 runner trial.Subject.Plan
            Scenario = scenario "χ² in η" "A normal law of variance 1/4." (isotropic 0.25) [ growthAxis ]
        }
    ]

/// LLT-warm: neighbouring levels.
let neighbouringLevels =
    {
        Id = "lee-2022-warm"
        Title = "Neighbouring noise levels are warm starts for each other"
        Statement =
            "For every law p on ℝᵈ and 0 ≤ η < 1, χ²(p∗N(0, a(1+η)·I)‖p∗N(0, a·I)) ≤ (1 − η²)^(−d/2) − 1, at most 1 for "
            + "η = min(d^(−1/2), 2^(−1/2)). So M = O(√d·ln(σ_M²/σ_1²)) levels are enough for warm starts all the way."
        Source = Papers.lee "Theorem 2.2, the annealing schedule"
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.Chi2
        Evidence = evidence
        Scenarios =
            [
                scenario
                    "normal"
                    "N(0, I/4): the noise dominates the data, where the bound is nearly attained."
                    (isotropic 0.25)
                    [ dimensionAxis; growthAxis; noiseAxis ]
                scenario
                    "products of two modes"
                    "d copies of ½·N(−2, ¼) + ½·N(2, ¼)."
                    (fun d -> product [ d, bimodal ])
                    [ dimensionAxis; growthAxis; noiseAxis ]
            ]
        Rates = rates
        Reading =
            "Sharp as the noise outgrows the data (the bound is that of a point mass); where data of variance v remains visible η is in effect ησ²/(v+σ²), and fewer levels would do."
    }

/// E_p e^(‖x‖²/σ²) − 1 of independent normal coordinates N(μ_i, v_i), finite for 2v_i < σ²; mixtures on the line are averaged.
let private exponentialMoment (plan: Plan) (variance: float) =
    let ofMixture (law: Mixture) =
        let mutable total = 0.0

        for k in 0 .. law.Count - 1 do
            let covariance = law.Covariance k
            let mutable exponent = 0.0

            for i in 0 .. law.Dimension - 1 do
                let v, mean = covariance.Eigenvalue i, law.Means[k * law.Dimension + i]

                exponent <-
                    exponent
                    + if 2.0 * v < variance then
                          -0.5 * log (1.0 - 2.0 * v / variance) + mean * mean / (variance - 2.0 * v)
                      else
                          infinity

            total <- total + law.Weights[k] * exp exponent

        log total

    plan.Target.Factors
    |> Seq.sumBy (fun factor -> float factor.Count * ofMixture factor.Law)
    |> RealFunctions.ExpM1

/// The start N(0, σ²·I) at the first noise level, and σ².
let private priorLevel (subject: Subject) =
    let plan = subject.Plan
    let level = plan.InitialLevel

    if subject.Experiment.Start <> Prior || subject.Experiment.Forward <> Ve then
        Error "the start is not N(0, σ²·I) at the first level of additive noise"
    elif not plan.Target.HasIndependentCoordinates then
        Error "E e^(‖x‖²/σ²) is known here for independent coordinates only"
    else
        Ok level

/// E_p e^(‖x‖²/σ²) − 1 at the first level.
let private startMoment: Plan -> float =
    Once.per (fun plan -> exponentialMoment plan plan.InitialLevel.NoiseVariance)

let private firstAssumptions =
    [
        {
            Statement = "the start is N(0, σ²·I), held against p∗N(0, σ²·I)"
            Evaluate =
                fun subject ->
                    match priorLevel subject with
                    | Ok level -> Satisfied $"σ = {level.Sigma:g6}"
                    | Error reason -> Broken reason
        }
        {
            Statement = "E_p e^(‖x‖²/σ²) < ∞"
            Evaluate =
                fun subject ->
                    match priorLevel subject with
                    | Ok _ when startMoment subject.Plan < infinity -> Satisfied $"{startMoment subject.Plan + 1.0:g6}"
                    | Ok level ->
                        Broken $"it is infinite for σ = {level.Sigma:g6}: the noise is below √2 times the data's"
                    | Error reason -> Broken reason
        }
    ]

let private firstEvidence: Evidence =
    fun runner trial ->
        match priorLevel trial.Subject, Measure.atInitial Metric.Chi2 runner trial.Subject.Plan with
        | Ok level, Ok measured ->
            Ok
                [
                    {
                        What = "χ² of the start"
                        Measured = measured
                        Bound = exponentialMoment trial.Subject.Plan level.NoiseVariance
                    }
                ]
        | Error reason, _
        | _, Error reason -> Error reason

/// N(0, σ²·I) held against p∗N(0, σ²·I).
let fromPrior data sigma =
    experiment {
        target data
        forward ve
        start prior
        sampler (anneal (Levels [ sigma; sigma / 2.0 ]) identity)
        measure [ chi2 ]
    }

let private firstExperiment data (setting: Setting) (_refinement: int) =
    let value symbol = Map.find symbol setting
    fromPrior (data (int (value "d"))) (value "σ" * sqrt (value "d"))

let private relativeNoise = axis "σ" "noise of the first level over √d" [ 1.5; 2.0; 3.0; 4.0; 6.0; 8.0; 16.0 ]

let private firstScenario name description data =
    {
        Name = name
        Description = description
        Bases = [ Map.ofList [ "d", 8.0; "σ", 3.0 ] ]
        Axes = [ dimensionAxis; relativeNoise ]
        Experiment = firstExperiment data
    }

/// LLT-warm: the first level.
let firstLevel =
    {
        Id = "lee-2022-prior"
        Title = "The prior is a warm start for the noisiest level"
        Statement = "For every law p on ℝᵈ, χ²(N(0, σ²·I)‖p∗N(0, σ²·I)) ≤ E_p e^(‖x‖²/σ²) − 1."
        Source = Papers.lee "Theorem 2.2, the first level"
        Stance = Guarantee
        Assumptions = firstAssumptions
        Metric = Metric.Chi2
        Evidence = firstEvidence
        Scenarios =
            [
                firstScenario "normal" "N(0, I/4), σ = 3√d: a bounded χ² in every dimension." (isotropic 0.25)
                firstScenario "products of two modes" "d copies of ½·N(−2, ¼) + ½·N(2, ¼)." (fun d ->
                    product [ d, bimodal ])
                firstScenario "away from the origin" "N((1, …, 1), I/4): the mean is what the prior misses." (fun d ->
                    normal (fill d 1.0) 0.25)
            ]
        Rates = []
        Reading =
            "Loose by the square for centred data: the bound is of first order in E‖x‖²/σ², the χ² of a change of variance is of second order; sharp for data that is one point away from the origin."
    }
