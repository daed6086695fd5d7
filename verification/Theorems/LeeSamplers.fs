/// Lee, Lu and Tan 2022: the samplers that the headline comparison chooses from.
module Sgm.Verification.Theorems.LeeSamplers

open Sgm
open Sgm.Verification

/// A family of samplers down the same noise levels, from the same start.
type Family =
    | PredictorOnly
    | CorrectorOnly
    | PredictorCorrector

/// One sampler of a family.
type Sampler = { Words: string; Pipeline: Pipeline; Evaluations: int }

/// From σ = From to σ = To, and the settings that all families may choose from.
type Range =
    {
        From: float
        To: float
        Predictors: (string * PredictorMethod) list
        /// c in h = c·σ².
        Scales: float list
    }

let private schedules range k =
    [ "geometric", Geometric(range.From, range.To, k); "karras", Karras(7.0, range.From, range.To, k) ]

/// Every sampler of the family that costs more than `above` score evaluations and at most `budget`: the same schedules,
/// numbers of levels, predictors, steps c (h = c·σ²) and numbers of Langevin steps for all families.
let samplers range family above budget =
    let counts = List.unfold (fun k -> if k > budget then None else Some(k, 2 * k)) 1

    [
        for k in counts do
            for scheduleName, schedule in schedules range k do
                match family with
                | PredictorOnly ->
                    for name, method in range.Predictors do
                        {
                            Words = $"{name}, {k} {scheduleName} levels"
                            Pipeline = anneal schedule (predictor method)
                            Evaluations = k
                        }
                | CorrectorOnly ->
                    for n in counts do
                        for c in range.Scales do
                            {
                                Words = $"{k} {scheduleName} levels, {n} Langevin steps of {c}·σ² at each"
                                Pipeline = anneal schedule (repeat n (corrector (langevinScaled c)))
                                Evaluations = k * n
                            }
                | PredictorCorrector ->
                    for n in counts do
                        for c in range.Scales do
                            for name, method in range.Predictors do
                                {
                                    Words = $"{name} and {n} Langevin steps of {c}·σ², {k} {scheduleName} levels"
                                    Pipeline =
                                        anneal schedule (predictor method >=> repeat n (corrector (langevinScaled c)))
                                    Evaluations = k * (1 + n)
                                }
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
                "ancestral", ancestral

                if not isCoarse then
                    "eulerMaruyama", eulerMaruyama
            ]
        Scales = if isCoarse then [ 1.0; 0.5; 0.25 ] else [ for k in -1 .. 5 -> 0.5 ** float k ]
    }
