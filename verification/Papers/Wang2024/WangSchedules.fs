/// Wang, He and Tao 2024: geometric levels or EDM's, as the score's error varies.
module Sgm.Verification.Theorems.WangSchedules

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Verification.Scenarios

/// The two schedules between the same levels with the same number of steps.
type private Family =
    | Exponential
    | Polynomial

module private Family =
    let name family =
        match family with
        | Exponential -> "geometric"
        | Polynomial -> "karras 7"

    let schedule family (a, b, n) =
        match family with
        | Exponential -> geometric a b n
        | Polynomial -> karras 7.0 a b n

    /// σ_0 > … > σ_n, by the definitions.
    let levels family (a, b, n) =
        let between (x: float) y i = x + float i / float n * (y - x)

        match family with
        | Exponential -> List.init (n + 1) (fun i -> exp (between (log a) (log b) i))
        | Polynomial -> List.init (n + 1) (fun i -> between (a ** (1.0 / 7.0)) (b ** (1.0 / 7.0)) i ** 7.0)

/// A quantity of a run with the constant score error ε: Zero + Slope·ε².
type private InError = { Zero: float; Slope: float }

let private at error one = one.Zero + one.Slope * error * error

/// N(μ, v·I) in d dimensions.
type private Data = { Dimension: int; Variance: float }

/// KL(p‖q) of the law that comes out: q = N(μ + ε·M·e/√d, V·I), with p's variance v + δ², and V narrower by
/// v·(v + δ²)²·Σ Δ²/(σ²(v + σ²)(v + σ′²)²), M = (v + δ²)·Σ Δ/(v + σ′²).
let private ofLaw data sigmas =
    let v, last = data.Variance, List.last sigmas
    let p = v + last * last

    let narrow, moved =
        ((0.0, 0.0), List.pairwise sigmas)
        ||> List.fold (fun (narrow, moved) (upper, lower) ->
            let delta, below = (upper - lower) * (upper + lower), v + lower * lower
            let share = delta / (upper * below)
            narrow + share * share / (v + upper * upper), moved + delta / below)

    let missing = v * p * narrow

    {
        Zero = 0.5 * float data.Dimension * RealFunctions.LogExcess(missing / (1.0 - missing))
        Slope = 0.5 * p * moved * moved / (1.0 - missing)
    }

/// KL along the path: (d/2)·Σ(u − ln(1 + u)) with u = v·Δ/(σ′²(v + σ²)), and ½·Σ Δ·σ²/σ′².
let private ofPath data sigmas =
    let v = data.Variance

    ({ Zero = 0.0; Slope = 0.0 }, List.pairwise sigmas)
    ||> List.fold (fun sum (upper, lower) ->
        let share = (upper - lower) * (upper + lower) / (lower * lower)
        let u = v * share / (v + upper * upper)

        {
            Zero = sum.Zero + 0.5 * float data.Dimension * RealFunctions.LogExcess u
            Slope = sum.Slope + 0.5 * share * upper * upper
        })

/// The error below which geometric levels are ahead, and above which EDM's are; or which are ahead whatever it is.
let private crossover quantity data range =
    let find family = Family.levels family range |> quantity data
    let a, b = find Exponential, find Polynomial

    if a.Zero < b.Zero && a.Slope > b.Slope then
        Ok(sqrt ((b.Zero - a.Zero) / (a.Slope - b.Slope)))
    elif a.Zero < b.Zero then
        Error "geometric levels are ahead at every error"
    elif a.Slope > b.Slope then
        Error "EDM's levels are ahead at every error"
    else
        Error "EDM's levels are ahead where the score is exact"

/// What an experiment asks: either schedule, between which levels, on which data and with which error.
type private Question = { Data: Data; Range: float * float * int; Error: float; OfLaw: float; OfPath: float }

let private dataOf (target: Target) =
    match List.ofSeq target.Factors with
    | [ one ] when one.Law.Count = 1 && one.Count = 1 && one.Law.Covariances[0].Shape = CovarianceShape.Isotropic ->
        Ok { Dimension = one.Law.Dimension; Variance = one.Law.Covariances[0].Largest }
    | _ -> Error "the target is not a normal law of one variance"

let private rangeOf (experiment: Experiment) =
    match experiment.Sampler with
    | Anneal((Geometric(a, b, n) | Karras(7.0, a, b, n)), Predictor step) when
        experiment.Forward = Ve && step.Word = "ancestral"
        ->
        require (b > 0.0) (a, b, n) "the levels lead to the data"
    | _ -> Error "the sampler is not ancestral steps of ve along geometric levels, or karras 7"

let private question: Subject -> Result<Question, string> =
    Once.per (fun subject ->
        attempt {
            let! a, b, n = rangeOf subject.Experiment
            do! Limits.within 10_000 n "steps"
            let! data = dataOf subject.Plan.Target
            do! require (subject.Experiment.Start = Warm) () "it does not start at the law of the first level"
            let! error = Subject.constantScoreError subject.Plan
            let! ofLaw = crossover ofLaw data (a, b, n)
            let! ofPath = crossover ofPath data (a, b, n)

            return { Data = data; Range = a, b, n; Error = error; OfLaw = ofLaw; OfPath = ofPath }
        })

let private ahead error crossing = if error < crossing then Exponential, Polynomial else Polynomial, Exponential

let private along family range (experiment: Experiment) =
    { experiment with Sampler = anneal (Family.schedule family range) (predictor ancestral) }

/// KL(p‖q) of a run.
let private reverse runner plan =
    Measure.law runner plan
    |> Result.bind (fun law ->
        match Measure.reverseKl law with
        | Some found -> Ok found
        | None -> Error "KL(p‖q) of this law is not known")

let private evidence: Evidence =
    fun runner trial ->
        attempt {
            let! own = question trial.Subject
            let planFor family = checkedPlan (along family own.Range trial.Subject.Experiment)
            let formula quantity family = Family.levels family own.Range |> quantity own.Data |> at own.Error

            let both family =
                attempt {
                    let! plan = planFor family
                    let! found = reverse runner plan
                    let! certificates = Certificate.ofPlan runner.Cancellation plan
                    let certified = (List.last certificates).KlReverse.Value
                    let path = formula ofPath family
                    let law = formula ofLaw family
                    let name = Family.name family

                    return
                        [
                            {
                                What = $"KL along the path by the certificate, {name}, against its formula"
                                Measured = Estimate.Exact(certified, certified * (1.0 - 1e-9), certified, "certificate")
                                Bound = path * (1.0 + 1e-9)
                            }
                            {
                                What = $"the formula of KL(p‖q), {name}, against the run"
                                Measured = Estimate.ClosedForm law
                                Bound = found.Upper * (1.0 + 1e-9)
                            }
                            { What = $"KL(p‖q), {name}, against its formula"; Measured = found; Bound = law }
                        ]
                }

            let! first = both Exponential
            let! second = both Polynomial
            let better, worse = ahead own.Error own.OfPath
            let! shorter = planFor better |> Result.bind (Certificate.ofPlan runner.Cancellation)
            let certified = (List.last shorter).KlReverse.Value
            let winner, loser = ahead own.Error own.OfLaw
            let! found = planFor winner |> Result.bind (reverse runner)

            return
                first
                @ second
                @ [
                    {
                        What = $"KL along the path by the certificate, {Family.name better} against {Family.name worse}"
                        Measured = Estimate.Exact(certified, certified * (1.0 - 1e-9), certified, "certificate")
                        Bound = formula ofPath worse
                    }
                    {
                        What = $"KL(p‖q), {Family.name winner} against {Family.name loser}"
                        Measured = found
                        Bound = formula ofLaw loser
                    }
                ]
        }

let private assumptions =
    [
        Assumption.ofResult
            "N(μ, v·I) under ve, its law at the first level, a constant score error, and ε° > 0"
            (fun subject ->
                question subject
                |> Result.map (fun own ->
                    $"ε = {own.Error:g4}; ε° = {own.OfLaw:g4} of the law, {own.OfPath:g4} along the path"))
    ]

let private whole symbol s = int (value symbol s)
let private range s = value "T" s, value "δ" s, whole "K" s

let private experimentFor family error (s: Setting) (_refinement: int) =
    let off = error s

    experiment {
        target (normal (fill (whole "d" s) 0.0) (value "v" s))
        forward ve
        score (if off = 0.0 then exact else exact |> shifted off)
        start warm
        sampler (anneal (Family.schedule family (range s)) (predictor ancestral))
        measure [ tv; kl ]
    }

let private crossing s =
    match crossover ofLaw { Dimension = whole "d" s; Variance = value "v" s } (range s) with
    | Ok found -> found
    | Error reason -> invalidOp reason

/// EDM's levels on data of its deviation.
let private base' = setting [ "T", 80.0; "δ", 0.002; "K", 18.0; "v", 0.25; "d", 1.0 ]

/// A bias of 1 before the training, of 0.9^k after k steps.
let private trained (s: Setting) = 0.9 ** value "k" s

let private scenarios =
    [
        scenario
            "EDM's levels"
            "N(0, ¼), σ from 80 to 0.002 in 18 steps: ε° = 0.0339."
            (experimentFor Exponential (value "ε"))
            [ base' ]
            [
                axis "ε" "error of the score" (fun _ -> [ 0.0; 0.01; 0.0335; 0.0342; 0.1; 0.3 ])
                |> quickly [ 0.01; 0.0335; 0.0342; 0.1 ]
            ]
        scenario
            "at the crossover"
            "The same on either side, ε = x·ε°."
            (experimentFor Exponential (fun s -> value "x" s * crossing s))
            [ changed base' [ "x", 0.98 ]; changed base' [ "x", 1.02 ] ]
            [
                axis "K" "number of steps" (fun _ -> [ 10.0; 40.0; 100.0 ]) |> quickly [ 40.0 ]
                axis "d" "dimension" (fun _ -> [ 4.0; 64.0 ]) |> quickly [ 64.0 ]
                axis "v" "variance of the data" (fun _ -> [ 0.04; 1.0 ]) |> later
            ]
        scenario
            "a bias in training"
            "A constant error that gradient descent on the loss has taken from 1 to 0.9^k: geometric levels from 33 on."
            (experimentFor Polynomial trained)
            [ base' ]
            [
                axis "k" "steps of gradient descent" (fun _ -> [ 10.0; 20.0; 32.0; 33.0; 60.0 ])
                |> quickly [ 32.0; 33.0 ]
            ]
    ]

/// ε° from four runs: both schedules with the exact score, and with an error.
let private measuredCrossing runner (trial: Trial) =
    attempt {
        let! a, b, n = rangeOf trial.Subject.Experiment
        let error = 0.05

        let run family estimate =
            { along family (a, b, n) trial.Subject.Experiment with Score = estimate }
            |> checkedPlan
            |> Result.bind (reverse runner)

        let! g = run Exponential exact
        let! k = run Polynomial exact
        let! gOff = run Exponential (exact |> shifted error)
        let! kOff = run Polynomial (exact |> shifted error)
        let found f = error * sqrt (f k g / (f gOff g - f kOff k))
        let middle (x: Estimate) = x.Value.Value
        let width (x: Estimate) = x.Upper - x.Lower
        let value = found (fun x y -> middle x - middle y)
        let apart = middle k - middle g, middle gOff - middle g - middle kOff + middle k
        let relative = (width k + width g) / fst apart + (width k + width g + width kOff + width gOff) / snd apart
        return Estimate.Exact(value, value * (1.0 - relative), value * (1.0 + relative), "four runs")
    }

let private rates =
    let counts = [ 100.0; 200.0; 400.0; 800.0; 1600.0 ]

    let inSteps family =
        {
            Axis = "K"
            Exponent = Exactly -2.0
            IsExponential = false
            Of = $"KL(p‖q) with the exact score in K, {Family.name family}"
            Quantity = fun runner trial -> reverse runner trial.Subject.Plan
            Scenario =
                scenario
                    $"{Family.name family}, exact score"
                    "N(0, ¼), σ from 80 to 0.002."
                    (experimentFor family (fun _ -> 0.0))
                    [ base' ]
                    [ axis "K" "number of steps" (fun _ -> counts) ]
        }

    [
        inSteps Exponential
        inSteps Polynomial
        {
            Axis = "K"
            Exponent = Exactly -0.5
            IsExponential = false
            Of = "ε° as four runs have it, in K"
            Quantity = measuredCrossing
            Scenario =
                scenario
                    "where they cross"
                    "N(0, ¼), σ from 80 to 0.002."
                    (experimentFor Exponential (fun _ -> 0.0))
                    [ base' ]
                    [ axis "K" "number of steps" (fun _ -> counts) ]
        }
    ]

/// The companion.
let schedules =
    {
        Id = "wang-2024-schedules"
        Title = "Geometric levels for a good score, EDM's for a bad one"
        Statement =
            "N(μ, v·I), ve, K ancestral steps from p_T to σ = δ with a score error of constant ‖e‖ = ε: KL(p‖q) = "
            + "(d/2)·(n − ln(1 + n)) + ½ε²·M²/V, n = (v + δ²)/V − 1, V = (v + δ²)·(1 − v(v + δ²)·Σ Δ²/(σ²(v + σ²)(v + "
            + "σ′²)²)), M = (v + δ²)·Σ Δ/(v + σ′²), Δ = σ² − σ′²; along paths (d/2)·Σ(u − ln(1 + u)) + ½ε²·Σ Δσ²/σ′², u "
            + "= vΔ/(σ′²(v + σ²)). So where geometric levels are ahead at ε = 0 and karras 7 has the smaller factor of "
            + "ε², geometric levels are ahead up to one ε° and karras 7 beyond it: 0.0339 for T = 80, δ = 0.002, K = 18, "
            + "v = ¼."
        Source =
            Papers.companion
                "Wang, He and Tao 2024"
                "arXiv 2406.12839"
                "the exponential schedule for a score trained well, the polynomial one for a score trained badly"
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.Kl
        Evidence = evidence
        Scenarios = scenarios
        Rates = rates
        Reading =
            "The abstract's finding, for errors of one size at all levels. It depends on that: README.md has laws and "
            + "errors on which one schedule is ahead throughout."
    }
