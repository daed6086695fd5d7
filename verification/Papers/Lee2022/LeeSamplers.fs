/// Lee, Lu and Tan 2022: the samplers that the headline comparison chooses from.
module Sgm.Verification.Theorems.LeeSamplers

open Sgm
open Sgm.Verification

/// A family of samplers down the same noise levels, from the same start. Predictors are stochastic (ancestral steps,
/// Euler–Maruyama) or deterministic (the probability flow by Euler's and by Heun's method).
type Family =
    | PredictorOnly
    | CorrectorOnly
    | PredictorCorrector
    | FlowOnly
    | FlowCorrector

/// One sampler of a family.
type Sampler = { Words: string; Pipeline: Pipeline; Evaluations: int }

/// A predictor with its score evaluations a step.
type Predictor = { Name: string; Method: PredictorMethod; Cost: int }

/// From σ = From to σ = To, and the settings that all families may choose from.
type Range =
    {
        From: float
        To: float
        Predictors: Predictor list
        Flows: Predictor list
        /// c in h = c·σ².
        Scales: float list
    }

let private schedules range k =
    [ "geometric", Geometric(range.From, range.To, k); "karras", Karras(7.0, range.From, range.To, k) ]

/// Every sampler of the family that costs more than `above` score evaluations and at most `budget`: the same schedules,
/// numbers of levels, predictors, steps c (h = c·σ²) and numbers of Langevin steps for all families.
let samplers range family above budget =
    let counts = List.unfold (fun k -> if k > budget then None else Some(k, 2 * k)) 1

    let predictions (predictors: Predictor list) scheduleName schedule k =
        [
            for step in predictors do
                {
                    Words = $"{step.Name}, {k} {scheduleName} levels"
                    Pipeline = anneal schedule (predictor step.Method)
                    Evaluations = k * step.Cost
                }
        ]

    let corrections scheduleName schedule k =
        [
            for n in counts do
                for c in range.Scales do
                    {
                        Words = $"{k} {scheduleName} levels, {n} Langevin steps of {c}·σ² at each"
                        Pipeline = anneal schedule (repeat n (corrector (langevinScaled c)))
                        Evaluations = k * n
                    }
        ]

    let both (predictors: Predictor list) scheduleName schedule k =
        [
            for step in predictors do
                for n in counts do
                    for c in range.Scales do
                        {
                            Words = $"{step.Name} and {n} Langevin steps of {c}·σ², {k} {scheduleName} levels"
                            Pipeline =
                                anneal schedule (predictor step.Method >=> repeat n (corrector (langevinScaled c)))
                            Evaluations = k * (step.Cost + n)
                        }
        ]

    [
        for k in counts do
            for scheduleName, schedule in schedules range k do
                yield!
                    (match family with
                     | PredictorOnly -> predictions range.Predictors
                     | CorrectorOnly -> corrections
                     | PredictorCorrector -> both range.Predictors
                     | FlowOnly -> predictions range.Flows
                     | FlowCorrector -> both range.Flows)
                        scheduleName
                        schedule
                        k
    ]
    |> List.filter (fun sampler -> sampler.Evaluations <= budget && sampler.Evaluations > above)

/// What a setting leaves to choose from; "coarse" for targets that take longer.
let rangeOf (setting: Setting) =
    let value symbol = Map.find symbol setting
    let isCoarse = Map.containsKey "coarse" setting

    {
        From = value "σ_M"
        To = value "σ_1"
        Predictors =
            [
                { Name = "ancestral"; Method = ancestral; Cost = 1 }

                if not isCoarse then
                    { Name = "eulerMaruyama"; Method = eulerMaruyama; Cost = 1 }
            ]
        Flows = [ { Name = "flow"; Method = flow; Cost = 1 }; { Name = "flowHeun"; Method = flowHeun; Cost = 2 } ]
        Scales = if isCoarse then [ 1.0; 0.5; 0.25 ] else [ for k in -1 .. 5 -> 0.5 ** float k ]
    }
