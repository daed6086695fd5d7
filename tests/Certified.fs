/// What tests of certificates share.
module Sgm.Tests.Certified

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
