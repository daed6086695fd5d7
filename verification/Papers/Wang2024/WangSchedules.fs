/// Wang, He and Tao 2024: geometric levels or EDM's, as the score's error varies.
module Sgm.Verification.Theorems.WangSchedules

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Verification.Scenarios

/// The two schedules between the same levels with the same number of steps.
let private families = [ "geometric", geometric; "karras 7", karras 7.0 ]

/// Either, for an experiment with levels from a down to b in n steps.
let private runs (a, b, n) (experiment: Experiment) =
    families
    |> List.map (fun (_, levels) ->
        checkedPlan { experiment with Sampler = anneal (levels a b n) (predictor ancestral) })
    |> every

/// σ > σ′ of every step.
let private steps (plan: Plan) = [ for step in plan.Tableaus() -> step.From.Sigma, step.To.Sigma ]

/// A quantity of a run with the constant score error ε: Zero + Slope·ε².
type private InError = { Zero: float; Slope: float }

let private at error one = one.Zero + one.Slope * error * error

/// N(μ, v·I) in d dimensions.
type private Data = { Dimension: int; Variance: float }

/// KL(p‖q) of the law that comes out: q = N(μ + ε·M·e/√d, V·I), with p's variance v + δ², and V narrower by
/// v·(v + δ²)²·Σ Δ²/(σ²(v + σ²)(v + σ′²)²), M = (v + δ²)·Σ Δ/(v + σ′²).
let private ofLaw data plan =
    let v, sigmas = data.Variance, steps plan
    let p = v + snd (List.last sigmas) ** 2.0

    let narrow, moved =
        ((0.0, 0.0), sigmas)
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
let private ofPath data plan =
    ({ Zero = 0.0; Slope = 0.0 }, steps plan)
    ||> List.fold (fun sum (upper, lower) ->
        let share = (upper - lower) * (upper + lower) / (lower * lower)
        let u = data.Variance * share / (data.Variance + upper * upper)

        {
            Zero = sum.Zero + 0.5 * float data.Dimension * RealFunctions.LogExcess u
            Slope = sum.Slope + 0.5 * share * upper * upper
        })

/// The error below which geometric levels are ahead, and above which EDM's are; or which are ahead whatever it is.
let private crossover quantity data plans =
    let found = plans |> List.map (quantity data)
    let a, b = found[0], found[1]

    if a.Zero < b.Zero && a.Slope > b.Slope then
        Ok(sqrt ((b.Zero - a.Zero) / (a.Slope - b.Slope)))
    elif a.Zero < b.Zero then
        Error "geometric levels are ahead at every error"
    elif a.Slope > b.Slope then
        Error "EDM's levels are ahead at every error"
    else
        Error "EDM's levels are ahead where the score is exact"

/// What an experiment asks: on which data, with which error; both schedules, and where they cross.
type private Question = { Data: Data; Error: float; Plans: Plan list; OfLaw: float; OfPath: float }

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
        attempt {
            do! Limits.within 2000 n "steps"
            return! require (b > 0.0) (a, b, n) "the levels lead to the data"
        }
    | _ -> Error "the sampler is not ancestral steps of ve along geometric levels, or karras 7"

let private question: Subject -> Result<Question, string> =
    Once.per (fun subject ->
        attempt {
            let! range = rangeOf subject.Experiment
            let! data = dataOf subject.Plan.Target
            do! require (subject.Experiment.Start = Warm) () "it does not start at the law of the first level"
            let! error = Subject.constantScoreError subject.Plan
            let! plans = runs range subject.Experiment
            let! ofLaw = crossover ofLaw data plans
            let! ofPath = crossover ofPath data plans
            return { Data = data; Error = error; Plans = plans; OfLaw = ofLaw; OfPath = ofPath }
        })

/// KL(p‖q) of a run.
let private reverse runner plan =
    Measure.law runner plan
    |> Result.bind (fun law ->
        match Measure.reverseKl law with
        | Some found -> Ok found
        | None -> Error "KL(p‖q) of this law is not known")

/// Σκ of the path rule, which is an equality of normal laws.
let private along (plan: Plan) =
    PathRule.ofSteps plan (List.ofSeq (plan.Tableaus()))
    |> Result.map (fun r -> Estimate.Exact(r, r * (1.0 - 1e-8), r, "path rule"))

let private evidence: Evidence =
    fun runner trial ->
        attempt {
            let! own = question trial.Subject
            let! paths = every (List.map along own.Plans)
            let! laws = every (List.map (reverse runner) own.Plans)

            /// Each against its formula from both sides, and the one that is ahead against the other's formula.
            let compared what quantity crossing (found: Estimate list) =
                let formulas = own.Plans |> List.map (quantity own.Data >> at own.Error)
                let name i = fst families[i]
                let ahead = if own.Error < crossing then 0 else 1

                let row words measured bound = { What = $"{what}, {words}"; Measured = measured; Bound = bound }

                [
                    for i in 0..1 do
                        row $"{name i}, against its formula" found[i] formulas[i]

                        row
                            $"its formula, {name i}, against what was found"
                            (Estimate.ClosedForm formulas[i])
                            found[i].Upper
                    row $"{name ahead} against {name (1 - ahead)}" found[ahead] formulas[1 - ahead]
                ]

            return compared "KL along the path" ofPath own.OfPath paths @ compared "KL(p‖q)" ofLaw own.OfLaw laws
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

let private experimentOf error (s: Setting) (_refinement: int) =
    let off = error s

    experiment {
        target (normal (fill (whole "d" s) 0.0) (value "v" s))
        forward ve
        score (if off = 0.0 then exact else exact |> shifted off)
        start warm
        sampler (anneal (range s |||> geometric) (predictor ancestral))
        measure [ tv; kl ]
    }

let private crossing s =
    let data = { Dimension = whole "d" s; Variance = value "v" s }

    match experimentOf (fun _ -> 0.0) s 0 |> runs (range s) |> Result.bind (crossover ofLaw data) with
    | Ok found -> found
    | Error reason -> invalidOp reason

/// EDM's levels on data of its deviation.
let private base' = setting [ "T", 80.0; "δ", 0.002; "K", 18.0; "v", 0.25; "d", 1.0 ]

let private scenarios =
    [
        scenario
            "EDM's levels"
            "N(0, ¼), σ from 80 to 0.002 in 18 steps: ε° = 0.0339."
            (experimentOf (value "ε"))
            [ base' ]
            [
                axis "ε" "error of the score" (fun _ -> [ 0.0; 0.01; 0.0335; 0.0342; 0.1; 0.3 ])
                |> quickly [ 0.0335; 0.0342 ]
            ]
        scenario
            "at the crossover"
            "The same on either side, ε = x·ε°."
            (experimentOf (fun s -> value "x" s * crossing s))
            [ changed base' [ "x", 0.98 ]; changed base' [ "x", 1.02 ] ]
            [
                axis "K" "number of steps" (fun _ -> [ 10.0; 40.0; 100.0 ]) |> later
                axis "d" "dimension" (fun _ -> [ 2.0; 8.0 ]) |> quickly [ 8.0 ]
                axis "v" "variance of the data" (fun _ -> [ 0.04; 1.0 ]) |> later
            ]
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
        Rates = []
        Reading =
            "The abstract's finding, for errors of one size at all levels. It depends on that: README.md has laws and "
            + "errors on which one schedule is ahead throughout."
    }
