/// Divergences of normal laws in closed form.
module Sgm.Verification.Theorems.ExactDivergences

open MathNet.Numerics
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios
open Sgm.Verification.Theorems.ExactRuns

/// State N(δ/√d·(1, …, 1), Q·I) against N(0, P·I), read from the experiment.
type private Pair = { D: float; Offset: float; State: float; Target: float }

let private pair (experiment: Experiment) =
    let rec law target =
        match target with
        | Normal(mean, variance) -> Some(mean, variance)
        | Mixture((_, first) :: _) -> law first
        | _ -> None

    match experiment.Start, experiment.Sampler, law experiment.Target with
    | From start, Sequence [], Some(mean, variance) ->
        law start
        |> Option.map (fun (startMean, startVariance) ->
            {
                D = float mean.Length
                Offset = sqrt (float mean.Length) * abs (startMean.Head - mean.Head)
                State = startVariance
                Target = variance
            })
    | _ -> None

let private entropy p = 0.5 * (p.D * (p.State / p.Target - 1.0 - log (p.State / p.Target)) + p.Offset ** 2.0 / p.Target)

/// ∫q²/p − 1 = (P/√(Q(2P − Q)))^d·e^(δ²/(2P − Q)) − 1.
let private square p =
    let room = 2.0 * p.Target - p.State
    (p.Target / sqrt (p.State * room)) ** p.D * exp (p.Offset ** 2.0 / room) - 1.0

let private wasserstein p = sqrt (p.Offset ** 2.0 + p.D * (sqrt p.State - sqrt p.Target) ** 2.0)

/// For equal variances 2Φ(δ/(2√P)) − 1; for equal means the ball where one density is the larger: a difference of χ² tails.
let private totalVariation p =
    if p.State = p.Target then
        SpecialFunctions.Erf(p.Offset / (2.0 * sqrt (2.0 * p.Target)))
    else
        // q > p where ‖x‖² < r² (Q < P) or > r² (Q > P).
        let radius2 = p.D * log (p.Target / p.State) / (1.0 / p.State - 1.0 / p.Target)
        let within variance = SpecialFunctions.GammaLowerRegularized(p.D / 2.0, radius2 / (2.0 * variance))
        abs (within p.State - within p.Target)

let private evidence: Evidence =
    fun runner trial ->
        match pair trial.Subject.Experiment with
        | None -> Error "the closed forms are for isotropic normal laws"
        | Some p ->
            Measure.law runner trial.Subject.Plan
            |> Result.map (fun law ->
                let held what metric exact =
                    let measured = law.Measure metric
                    narrow what measured :: equal what measured exact

                [
                    if p.Offset = 0.0 || p.State = p.Target then
                        yield! held "TV" Metric.Tv (totalVariation p)
                    yield! held "W2" Metric.W2 (wasserstein p)
                    yield! held "χ²" Metric.Chi2 (square p)
                    yield! held "KL" Metric.Kl (entropy p)
                ])

let private assumptions =
    [
        {
            Statement = "two isotropic normal laws, and no step"
            Evaluate =
                fun subject ->
                    match pair subject.Experiment with
                    | Some p -> Satisfied $"d = {p.D:g6}, variances {p.State:g4} and {p.Target:g4}"
                    | None -> Broken "the laws are not isotropic and normal, or there are steps"
        }
    ]

let private experimentOf (s: Setting) (_: int) =
    let d = int (value "d" s)
    let p = value "P" s
    let law mean variance = normal (fill d mean) variance
    let target' = law 0.0 p

    experiment {
        target (
            if value "copies" s > 1.0 then
                mixture [ 0.5, target'; 0.5, target' ]
            else
                target'
        )

        forward ve
        start (from (law (value "δ" s / sqrt (float d)) (p * value "Q/P" s)))
        sampler identity
        measure [ tv; kl; chi2; w2 ]
    }

let private basis copies d = setting [ "d", d; "P", 0.6; "Q/P", 1.0; "δ", 0.4; "copies", copies ]

/// At the first, where planted bugs are tried, the divergences in the other direction are finite too.
let private ratioAxis =
    axis "Q/P" "variance of the state over the target's" (fun _ -> [ 0.6; 0.7; 1.0; 1.2; 1.7 ])

let private offsetAxis = axis "δ" "distance of the means" (fun _ -> [ 0.03; 0.4; 2.0 ])

/// Normal laws against normal laws.
let normalPairs =
    {
        Id = "exact-divergences"
        Title = "Divergences of normal laws, in closed form"
        Statement =
            "q = N(δ, Q·I), p = N(0, P·I): KL(q‖p) = ½·[d·(Q/P − 1 − ln(Q/P)) + |δ|²/P], χ²(q‖p) = (P/√(Q(2P − Q)))^d·e^(|δ|²/(2P − Q)) − 1, "
            + "W2² = |δ|² + d·(√Q − √P)², TV = 2Φ(|δ|/(2√P)) − 1 for Q = P and a difference of χ² tails for δ = 0."
        Source = Papers.closedForms "divergences of normal laws"
        Stance = SelfCheck
        Assumptions = assumptions
        Metric = Metric.Kl
        Evidence = evidence
        Scenarios =
            [
                scenario
                    "in closed form"
                    "Normal laws in d dimensions; total variation by convolution of likelihood ratios."
                    experimentOf
                    [ basis 1.0 3.0; basis 1.0 3.0 |> Map.add "δ" 0.0 |> Map.add "Q/P" 0.8 ]
                    [ ratioAxis; offsetAxis; axis "d" "dimension" (fun _ -> [ 1.0; 2.0; 10.0 ]) ]
                scenario
                    "on the grid"
                    "One dimension, the target written as a mixture of two copies of itself: by quadrature."
                    experimentOf
                    [ basis 2.0 1.0; basis 2.0 1.0 |> Map.add "δ" 0.0 |> Map.add "Q/P" 0.8 ]
                    [ ratioAxis; offsetAxis ]
            ]
        Rates = []
        Reading =
            "Not a theorem about samplers but a check of this program, from both sides: KL and χ² are not symmetric, and each closed form is met in the stated direction."
    }
