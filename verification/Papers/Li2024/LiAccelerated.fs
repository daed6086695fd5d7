/// Li, Huang, Efimov, Wei, Chi and Chen 2024: samplers of a higher order without training.
module Sgm.Verification.Theorems.LiAccelerated

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios

/// The sampler of a statement, and the plain one that it is held against.
type private Pair = { Fast: PredictorMethod; Plain: PredictorMethod }

let private stochastic = { Fast = acceleratedSde; Plain = ancestral }
let private deterministic = { Fast = acceleratedOde; Plain = flow }

/// K equal steps of time on vp from the exact law at T to ε.
let private steps method (s: Setting) =
    anneal (uniform (value "T" s) (value "ε" s) (int (value "K" s))) (predictor method)

let private experimentOf data method (s: Setting) (_refinement: int) =
    experiment {
        target (data s)
        forward vp
        start warm
        sampler (steps method s)
        measure [ tv; kl ]
    }

/// The same run by the plain sampler.
let private replaced pair sampler =
    match sampler with
    | Pipeline.Anneal(schedule, Pipeline.Predictor found) when found = pair.Fast || found = pair.Plain ->
        Ok(anneal schedule (predictor pair.Plain))
    | _ -> Error $"the sampler is not one anneal of {pair.Fast} or {pair.Plain} steps"

let private assumptions pair =
    [
        Assumption.ofResult
            $"the sampler is one anneal of {pair.Fast} or {pair.Plain} steps on vp, from the exact law at its start"
            (fun subject ->
                match subject.Experiment.Forward, subject.Experiment.Start with
                | Vp, Warm ->
                    replaced pair subject.Experiment.Sampler
                    |> Result.map (fun _ -> $"{subject.Plan.StepCount} steps of the engine")
                | Vp, _ -> Error "the start is not the noised target itself (warm)"
                | _ -> Error $"the forward process is {Forward.name subject.Experiment.Forward}")
        Assumption.ofResult "the score is exact" (fun subject ->
            if subject.Experiment.Score = exact then Ok "it is" else Error "it is not")
    ]

let private evidence pair : Evidence =
    fun runner trial ->
        attempt {
            let subject = trial.Subject
            let! sampler = replaced pair subject.Experiment.Sampler
            let! plain = checkedPlan { subject.Experiment with Sampler = sampler }
            let! slow = Measure.atEnd Metric.Tv runner plain
            let! fast = atEnd Metric.Tv runner trial

            return
                [
                    {
                        What = $"TV of {pair.Fast}, against TV of {pair.Plain} with the same number of evaluations"
                        Measured = fast
                        Bound = slow.Lower
                    }
                ]
        }

let private narrow _ = normal [ 0.0 ] 0.25
let private modes _ = mixture [ 0.3, normal [ -1.0 ] 0.1; 0.7, normal [ 1.0 ] 0.2 ]

let private scales s =
    normalDiag (fill (int (value "d" s)) 0.5) (List.init (int (value "d" s)) (fun i -> 0.1 + 0.4 * float (i % 2)))

let private base' = setting [ "T", 3.0; "ε", 0.05; "K", 64.0 ]

let private stepsAxis =
    axis "K" "number of steps" (fun _ -> [ 16.0; 32.0; 64.0; 128.0; 256.0 ]) |> quickly [ 32.0; 128.0 ]

let private scenarios pair =
    [
        scenario
            "a normal law"
            "N(0, ¼) on vp from t = 3 to t = ε, the exact score."
            (experimentOf narrow pair.Fast)
            [ base' ]
            [ stepsAxis; axis "ε" "where the time stops" (fun _ -> [ 0.3; 0.1; 0.05 ]) |> later ]
        scenario
            "two modes"
            "0.3·N(−1, 0.1) + 0.7·N(1, 0.2), the same."
            (experimentOf modes pair.Fast)
            [ changed base' [ "K", 32.0 ] ]
            [ axis "K" "number of steps" (fun _ -> [ 16.0; 32.0; 64.0 ]) |> quickly [ 32.0 ] ]
        scenario
            "two scales"
            "Variances 0.1 and 0.5 in turn, in many dimensions."
            (experimentOf scales pair.Fast)
            [ Map.add "d" 4.0 base' ]
            [ axis "d" "dimension" (fun _ -> [ 2.0; 4.0; 16.0; 64.0 ]) |> quickly [ 4.0 ] ]
    ]

let private order words method exponent epsilon data counts =
    {
        Axis = "K"
        Exponent = Exactly exponent
        IsExponential = false
        Of = words
        Quantity = atEnd Metric.Kl
        Scenario =
            scenario
                words
                $"From t = 3 to t = {epsilon:g2}, the exact score."
                (experimentOf data method)
                [ setting [ "T", 3.0; "ε", epsilon ] ]
                [ axis "K" "number of steps" (fun _ -> counts) ]
    }

let private doublings first last = [ for k in first..last -> 2.0 ** float k ]

let private source claim =
    { Papers.companion "Li, Huang, Efimov, Wei, Chi and Chen 2024" "arXiv 2403.03852" claim with
        IsCompanion = false
    }

let private measured pair id title claim statement reading rates =
    {
        Id = id
        Title = title
        Statement = statement
        Source = source claim
        Stance = Guarantee
        Assumptions = assumptions pair
        Metric = Metric.Tv
        Evidence = evidence pair
        Scenarios = scenarios pair
        Rates = rates
        Reading = reading
    }

/// Stochastic.
let ofSde =
    measured
        stochastic
        "li-2024-stochastic"
        "An accelerated stochastic sampler"
        "the accelerated stochastic sampler: TV of O(1/K) for O(1/√K)"
        ("Measured, not proved: x′ = (y + (1 − α)·s(y) + √((1 − α)/2)·ξ₂)/√α at y = x + √((1 − α)/2)·ξ₁. "
         + "With the exact score and K equal steps of time from the exact law, TV is at most that of ancestral steps "
         + "with the same K, √KL is of order K^(−2) on normal laws, where that of ancestral steps is of order K^(−1), "
         + "and of order K^(−1) on two modes.")
        ("The abstract's orders are upper bounds for all data, TV of O(1/K) for O(1/√K). On two modes both samplers "
         + "are of order 1/K, and the accelerated one has about half the error; a whole order is gained only where "
         + "the score is affine.")
        [
            order "KL of acceleratedSde, a normal law" acceleratedSde -4.0 0.05 narrow (doublings 6 11)
            order "KL of ancestral, a normal law" ancestral -2.0 0.05 narrow (doublings 6 11)
            order "KL of acceleratedSde to the data, a normal law" acceleratedSde -4.0 0.0 narrow (doublings 6 11)
            order "KL of acceleratedSde, two modes" acceleratedSde -2.0 0.1 modes (doublings 6 9)
        ]

/// Deterministic.
let ofOde =
    measured
        deterministic
        "li-2024-deterministic"
        "An accelerated deterministic sampler"
        "the accelerated deterministic sampler: TV of O(1/K²) for O(1/K)"
        ("Measured, not proved: the flow with the slope δ linear in a = m²/(m² + σ²) from the last two evaluations. "
         + "With the exact score and K equal steps of time from the exact law, TV is at most that of the flow with the "
         + "same K, and on a normal law √KL is of order K^(−2), where that of the flow is of order K^(−1). Without "
         + "early stopping, equal steps of time down to the data, the order is 1.")
        ("Near the data ρ = σ/m is √(2t), in which equal steps of time are not equal: the second order needs the early "
         + "stopping that the paper assumes.")
        [
            order "KL of acceleratedOde, a normal law" acceleratedOde -4.0 0.05 narrow (doublings 8 13)
            order "KL of flow, a normal law" flow -2.0 0.05 narrow (doublings 6 11)
            order "KL of acceleratedOde to the data, a normal law" acceleratedOde -2.0 0.0 narrow (doublings 7 12)
        ]
