/// Whole runs on normal laws against closed recursions, and the orders that the methods declare.
module Sgm.Verification.Theorems.ExactRuns

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios

/// Two inequalities that hold together when the exact value lies in the measured bracket.
let internal equal what (measured: Estimate) (exact: float) =
    if not measured.Value.HasValue then
        [ { What = what; Measured = measured; Bound = exact } ]
    else
        [
            {
                What = $"{what}, which is not below its closed form"
                Measured = Estimate.ClosedForm exact
                Bound = measured.Upper
            }
            {
                What = $"{what}, which is not above its closed form"
                Measured = Estimate.Exact(measured.Lower, measured.Lower, measured.Lower, measured.Method)
                Bound = exact
            }
        ]

/// How far an interval reaches on both sides of the value must be small, or it would contain anything.
let internal narrow what (measured: Estimate) =
    {
        What = $"{what}: the width of its bracket"
        Measured = Estimate.ClosedForm(measured.Upper - measured.Lower)
        Bound = 1e-4 * measured.Upper + 1e-12
    }

let private methods = [| for entry in Methods.predictors -> entry.Method |]

let private method s = methods[int (value "method" s) - 1]
let private numberOf own = float (1 + Array.findIndex ((=) own) methods)
let private allMethods = [ for i in 1 .. methods.Length -> float i ]

/// Those that are read a second time on the line, too.
let private onTheLine =
    [
        for method in methods do
            if not (References.Memory.isRead method) then
                numberOf method
    ]

let private methodNames =
    "predictor: " + System.String.Join(", ", methods |> Array.map (fun method -> method.ToString()))

/// On vp from time 3 to 0.05, on ve from σ = 5 to 0.1.
let private scheduleOf s n =
    match value "ve" s, value "schedule" s with
    | 0.0, 1.0 -> uniform 3.0 0.05 n
    | 0.0, 2.0 -> geometric 3.0 0.05 n
    | 0.0, _ -> karras 3.0 3.0 0.05 n
    | _, 1.0 -> uniform 5.0 0.1 n
    | _, 2.0 -> geometric 5.0 0.1 n
    | _ -> karras 3.0 5.0 0.1 n

let private dataOf s =
    let d = int (value "d" s)
    let mean, variance = value "μ" s, value "v" s

    if value "copies" s > 1.0 then
        mixture [ 0.5, normal (fill d mean) variance; 0.5, normal (fill d mean) variance ]
    else
        normal (fill d mean) variance

/// Those that a law in closed form follows.
let private correctors =
    [|
        for entry in Methods.correctors do
            if entry.Order.IsSome then
                entry.Method
    |]

/// 0: langevinScaled of the setting's factor; else one of the catalogue.
let private correctorOf s =
    match int (value "corrector" s) with
    | 0 -> langevinScaled (value "c" s)
    | number -> correctors[number - 1]

let private correctorNames =
    "corrector: " + System.String.Join(", ", correctors |> Array.map (fun method -> method.ToString()))

/// 1: predictor alone; 2: predictor, then corrections; 3: corrections, then predictor; 4: corrections alone.
let private bodyOf s =
    let corrections = repeat (int (value "repeats" s)) (corrector (correctorOf s))

    match value "body" s with
    | 1.0 -> predictor (method s)
    | 2.0 -> predictor (method s) >=> corrections
    | 3.0 -> corrections >=> predictor (method s)
    | _ -> corrections

let private scoreFor s =
    match value "score" s with
    | 1.0 -> exact
    | 2.0 -> exact |> shifted 0.3
    | 3.0 -> exact |> scaled 1.2 |> shifted 0.1
    | _ -> scoreOf (normal (fill (int (value "d" s)) (value "μ" s + 0.2)) (value "v" s))

let private experimentOf (s: Setting) refinement =
    let last = if value "ve" s = 0.0 then 0.02 else 0.05

    experiment {
        target (dataOf s)
        forward (if value "ve" s = 0.0 then vp else ve)
        score (scoreFor s)

        start (
            match value "start" s with
            | 1.0 -> prior
            | 2.0 -> warm
            | _ -> from (normal (fill (int (value "d" s)) 0.7) 1.3)
        )

        sampler (
            anneal (scheduleOf s (int (value "n" s) <<< refinement)) (bodyOf s)
            >=> anneal (levels [ (if value "ve" s = 0.0 then 0.05 else 0.1); last ]) (predictor (method s))
            >=> corrector (langevin 0.001)
        )

        measure [ w2 ]
    }

let private basis ve =
    setting
        [
            "ve", ve
            "method", numberOf ancestral
            "schedule", 1.0
            "n", 6.0
            "body", 2.0
            "repeats", 2.0
            "corrector", 0.0
            "c", 0.1
            "score", 1.0
            "start", 1.0
            "μ", 0.8
            "v", 0.5
            "d", 3.0
            "copies", 1.0
        ]

let private scenarios =
    [
        scenario
            "normal law, step by step"
            "Data N(μ, v·I) in three dimensions; every method, schedule, order of prediction and correction, score and start, on vp and ve."
            experimentOf
            [ basis 0.0; basis 1.0 ]
            [
                axis "method" methodNames (fun _ -> allMethods)
                axis "schedule" "uniform, geometric, Karras" (fun _ -> [ 1.0 .. 3.0 ])
                axis "n" "levels" (fun _ -> [ 1.0; 2.0; 5.0; 20.0 ])
                axis "body" "prediction; prediction, correction; correction, prediction; correction" (fun _ ->
                    [ 1.0 .. 4.0 ])
                axis "repeats" "corrections a level" (fun _ -> [ 0.0; 1.0; 4.0 ])
                axis "corrector" correctorNames (fun _ -> [ for i in 1 .. correctors.Length -> float i ])
                axis "score" "exact; shifted; scaled and shifted; of another law" (fun _ -> [ 1.0 .. 4.0 ])
                axis "start" "prior; the target; another law" (fun _ -> [ 1.0 .. 3.0 ])
                axis "d" "dimension" (fun _ -> [ 1.0; 2.0; 100.0 ])
            ]
        scenario
            "the same on the grid"
            "One dimension, the normal law written as a mixture of two copies of itself: carried by quadrature, not in closed form."
            experimentOf
            [ basis 0.0 |> Map.add "copies" 2.0 |> Map.add "d" 1.0 |> Map.add "n" 3.0 ]
            [
                axis "method" methodNames (function
                    | Quick -> [ numberOf ancestral; numberOf flowHeun ]
                    | _ -> onTheLine)
                axis "body" "prediction; prediction, correction; correction, prediction; correction" (function
                    | Quick -> [ 3.0 ]
                    | _ -> [ 1.0 .. 4.0 ])
            ]
    ]

/// Where an order is measured. Methods with memory show theirs late where much noise hides their first step.
let private span (method: PredictorMethod) =
    match method.Word with
    | "unipc" -> 3.0, 0.5
    | _ when References.Memory.isRead method -> 1.0, 0.3
    | _ -> 3.0, 0.1

/// The order of a predictor: the bias in W2 at the end, from the exact law at the first time, against the number of steps.
let private orderExperiment method (s: Setting) refinement =
    let first, last = span method

    experiment {
        target (normal [ 0.8 ] 0.5)
        forward vp
        start warm
        sampler (anneal (uniform first last (int (value "n" s) <<< refinement)) (predictor method))
        measure [ w2 ]
    }

/// How the order of a corrector is measured: its method of step size h on a normal law of variance v at a level σ of ve, and the time
/// that it runs for.
let private measuredAt (entry: Correcting) =
    let sigma, v = 1.0, 1.5

    match entry.Word.Name with
    | "langevin" -> 0.0, langevin, 20.0
    | "langevinScaled" -> sigma, (fun h -> langevinScaled (h / (sigma * sigma))), 60.0
    | "langevinSnr" -> sigma, (fun h -> langevinSnr (sqrt (h / (2.0 * v)))), 60.0
    | "ald" -> sigma, (fun h -> ald (sqrt (h / 2.0) / sigma)), 60.0
    | "obabo" -> 0.0, obabo 2.0, 40.0
    // At rest its positions have the law of a normal target; on the way there they have not.
    | "baoab" -> 0.0, baoab 2.0, 1.0
    | word -> invalidOp $"it is not said how the order of '{word}' is measured"

let private biasExperiment (sigma, method, time) (s: Setting) _ =
    let h = value "h" s
    let steps = repeat (int (ceil (time / h))) (corrector (method h))

    experiment {
        target (normal [ 0.8 ] 0.5)
        forward ve
        start warm
        sampler (if sigma = 0.0 then steps else anneal (levels [ 2.0 * sigma; sigma ]) steps)
        measure [ w2 ]
    }

let private correctorOrder (entry: Correcting) order =
    let name = entry.Word.Name
    let _, _, time as how = measuredAt entry

    let where =
        if time > 1.0 then
            "at stationarity"
        else
            $"after time {time:g2}, from the exact law"

    {
        Axis = "h"
        Exponent = Exactly(float order)
        IsExponential = false
        Of = $"W2 of {name} {where}"
        Quantity = atEnd Metric.W2
        Scenario =
            scenario
                $"order of {name}"
                $"Normal data: the bias {where}."
                (biasExperiment how)
                [ setting [] ]
                [
                    axis "h" "step" (fun effort ->
                        [ for k in 3 .. (if effort = Quick then 7 else 9) -> 0.5 ** float k ])
                ]
    }

/// Half of the noise before the score is evaluated is worth an order on normal laws, and on no others
/// (`li-2024-stochastic`).
let private orderOnNormals (entry: Predicting) = if entry.Method = acceleratedSde then 2 else entry.Order

let private order (entry: Predicting) =
    let method, name = entry.Method, entry.Method.ToString()

    {
        Axis = "n"
        Exponent = Exactly(-(float (orderOnNormals entry)))
        IsExponential = false
        Of = $"W2 at the end by {name}, from the exact law at time {fst (span method):g2}"
        Quantity = atEnd Metric.W2
        Scenario =
            scenario
                $"order of {name}"
                "Normal data on vp: the law after n equal steps of time against the target."
                (orderExperiment method)
                [ setting [] ]
                [
                    axis "n" "steps" (fun effort ->
                        [ for k in 5 .. (if effort = Quick then 11 else 13) -> 2.0 ** float k ])
                ]
    }

let private rates =
    [
        for entry in Methods.predictors do
            order entry
        for entry in Methods.correctors do
            yield! entry.Order |> Option.map (correctorOrder entry) |> Option.toList
    ]

/// Normal laws go through every sampler in closed form.
let normalRuns =
    {
        Id = "exact-runs"
        Title = "Samplers on normal laws, in closed form"
        Statement =
            "Data N(μ, v·I) and an affine score: every kernel maps a normal law to a normal law. The law at the end of a run has the mean, the variance and the W2 of the recursion that "
            + "the papers' formulas give (posterior, denoiser, Euler and Heun steps), and a predictor's bias in W2 is of the order in 1/n, a corrector's of the order in h, that it declares."
        Source = Papers.closedForms "runs on normal laws"
        Stance = SelfCheck
        Assumptions = [ ExactWords.hasReference ]
        Metric = Metric.W2
        Evidence = ExactWords.evidence
        Scenarios = scenarios
        Rates = rates
        Reading =
            "Not a theorem about samplers but a check of this program, from both sides: measured and closed form agree to the resolution of the measurement, so that a bound is never compared with another sampler than the one that was written."
    }
