/// The law that underdamped Langevin leaves invariant on two modes: how its error falls with the step.
module Sgm.Verification.Theorems.KineticOrder

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios

/// Two modes that mix within a unit of time: after the time here nothing is left of the start that a slope would show.
let private modes = mixture [ 0.4, normal [ -0.9 ] 0.4; 0.6, normal [ 0.9 ] 0.5 ]

let private friction = 2.0
let private time = 3.0

let private resting (word: float -> float -> CorrectorMethod) (s: Setting) _ =
    let h = value "h" s

    experiment {
        target modes
        forward ve
        start warm
        sampler (repeat (int (ceil (time / h - 1e-9))) (corrector (word friction h)))
        measure [ w2 ]
    }

/// ½·2^(−k/2).
let private steps count = [ for k in 0 .. count - 1 -> 0.5 * 2.0 ** (-0.5 * float k) ]

let private order name word quick =
    {
        Axis = "h"
        Exponent = Exactly 2.0
        IsExponential = false
        Of = $"W2 of {name} at rest on two modes"
        Quantity = atEnd Metric.W2
        Scenario =
            scenario
                $"two modes, {name}"
                $"Two modes on the line; γ = {friction:g2}, time {time:g2} from the target itself."
                (resting word)
                [ setting [] ]
                [
                    axis "h" "step" (function
                        | Quick -> quick
                        | _ -> steps 7)
                ]
    }

let private underdamped =
    {
        Statement = "steps of obabo or baoab and no others; of h → 0, so that of a single run nothing is claimed"
        Evaluate =
            fun subject ->
                match subject.Plan.Steps() |> Seq.map _.Method |> Seq.distinct |> Seq.truncate 2 |> List.ofSeq with
                | [ "obabo" | "baoab" as method ] -> InTheLimit $"steps of {method}"
                | _ -> Broken "it has other steps, or none"
    }

/// Order two of OBABO and BAOAB beyond normal laws.
let invariantLaw =
    {
        Id = "kinetic-order"
        Title = "Underdamped Langevin on two modes: the order of its invariant law"
        Statement =
            "OBABO and BAOAB are palindromes of exact flows, so that what they leave invariant differs from p(x)·N(v; 0, I) by even powers of h: the law of the positions is wrong by h² in W2. "
            + "On normal laws BAOAB has no error at all; on two modes both have."
        Source =
            {
                Paper = "Leimkuhler, Matthews and Stoltz 2016"
                Reference = "IMA J. Numer. Anal. 36"
                Statement = "the invariant measures of palindromic splittings"
                IsCompanion = true
            }
        Stance = SelfCheck
        Assumptions = [ underdamped ]
        Metric = Metric.W2
        Evidence = fun _ _ -> Error "an order is claimed, and nothing of single experiments"
        Scenarios = []
        Rates = [ order "obabo" obabo (steps 4); order "baoab" baoab [] ]
        Reading =
            "The order that the words declare, measured without sampling noise from the joint law of positions and velocities: friction and noise that do not belong together leave an error that does not fall with h, and are seen here."
    }
