/// What tests of certificates share.
module Sgm.Tests.Certified

open System
open System.Threading
open Expecto
open Sgm
open Sgm.Verification.Certificates

let certified plan =
    match Certificate.ofPlan CancellationToken.None plan with
    | Ok found -> found
    | Error reason -> failtest reason

/// One predictor step on a law and a score.
let oneStep law noising a b method scored =
    experiment {
        target law
        forward noising
        score scored
        sampler (anneal (levels [ a; b ]) (predictor method))
    }

let twoModeLaw a v = mixture [ 0.5, normal [ -a ] v; 0.5, normal [ a ] v ]

let orFail found =
    match found with
    | Ok value -> value
    | Error reason -> failtest reason

/// ∫ f by n equal steps.
let trapezoid low high (n: int) (f: float -> float) =
    let h = (high - low) / float n
    h * Seq.sum (Seq.init (n + 1) (fun i -> f (low + h * float i)))

let normalDensity (m: float) v x = exp (-0.5 * (x - m) * (x - m) / v) / sqrt (2.0 * Math.PI * v)

/// The density of `twoModeLaw`, and its score.
let modes (a: float) v x = 0.5 * normalDensity -a v x + 0.5 * normalDensity a v x

let modesScore a v x = (a * tanh (a * x / v) - x) / v
