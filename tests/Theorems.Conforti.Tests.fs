/// The contractive integrator under a finite relative Fisher information (Conforti, Durmus and Silveri 2024).
module Sgm.Tests.ConfortiTests

open Expecto
open MathNet.Numerics.Integration
open Sgm
open Sgm.Verification
open Sgm.Verification.Theorems
open Sgm.Tests.PapersTests

let private run law method schedule =
    experiment {
        target law
        forward vp
        start warm
        sampler (anneal schedule (predictor method))
        measure [ tv ]
    }

/// E‖∇ln p_t + x‖² of N(μ, w) at time t.
let private information mu w t =
    let m = exp -t
    let v = 1.0 - m * m * (1.0 - w)
    v * (1.0 - 1.0 / v) ** 2.0 + (m * mu) ** 2.0

/// What the steps cost along paths, against h·I.
let private ofSteps e =
    comparisons ConfortiRelative.contractive e |> List.find (fun one -> one.What.StartsWith "the steps' part")

let tests =
    testList
        "the contractive integrator"
        [
            yield!
                atQuick
                    ConfortiRelative.contractive
                    [ "noise-doubled"; "score-data-level"; "no-linear-drift"; "probe-early" ]

            testCase "the relative score grows like a martingale's along the reverse of time" (fun () ->
                for mu, w in [ 0.0, 0.25; 1.0, 0.25; 0.5, 4.0; 2.0, 1.0 ] do
                    for t, r in [ 2.0, 0.5; 1.0, 1.0; 0.5, 0.4 ] do
                        Expect.isGreaterThanOrEqual
                            (information mu w (t - r) * (1.0 + 1e-12))
                            (exp (2.0 * r) * information mu w t)
                            $"μ = {mu}, w = {w}, t = {t}")

            testCase "what the steps of a normal law cost along paths is within h·I, to a half" (fun () ->
                for mu, w, k in [ 0.0, 0.25, 64; 0.0, 4.0, 32; 1.0, 0.1, 128 ] do
                    let gamma = 4.0 / float k

                    let cost i =
                        let t = 4.0 - gamma * float i
                        let grown r = information mu w (t - r) - (2.0 * exp r - 1.0) * information mu w t
                        GaussLegendreRule.Integrate(grown, 0.0, gamma, 32)

                    let path = List.sum [ for i in 0 .. k - 1 -> cost i ]
                    let bound = gamma * information mu w 0.0
                    Expect.isLessThan path (0.51 * bound) $"μ = {mu}, w = {w}: at most half"
                    let law = run (normal [ mu ] w) relative (uniform 4.0 0.0 k)
                    let one = ofSteps law
                    Expect.floatClose Accuracy.medium one.Bound bound "h·I"
                    Expect.isLessThan one.Measured.Lower (path * (1.0 + 1e-9)) "the path from below"
                    Expect.isGreaterThan one.Measured.Upper (path * (1.0 - 1e-9)) "the path from above"
                    Expect.isLessThan (one.Measured.Upper - one.Measured.Lower) (1e-6 * path) "narrow")

            testCase "data with noise left are measured where the time stops" (fun () ->
                // N(0, 1/4) at δ = 0.5: I = v(1 − 1/v)² with v = 1 − ¾e^(−1).
                let law = run (normal [ 0.0 ] 0.25) relative (uniform 4.0 0.5 64)
                let one = ofSteps law
                Expect.floatClose Accuracy.high one.Bound (3.5 / 64.0 * information 0.0 0.25 0.5) "h·I")

            testCase "the whole bound has the start and the errors of the score" (fun () ->
                let gamma, t = 0.125, 2.0
                let law = run (normal [ 1.0 ] 0.25) relative (uniform t 0.0 16)
                let e = { law with Start = prior; Score = exact |> shifted 0.1 }
                let m, v = exp -t, 1.0 - 0.75 * exp (-2.0 * t)
                let start = 0.5 * (v - 1.0 - log v + m * m)
                let errors = t * 0.01
                let expected = start + (sqrt (gamma * information 1.0 0.25 0.0) + sqrt errors) ** 2.0
                let whole = comparisons ConfortiRelative.contractive e |> List.find (fun one -> one.What = "KL(p‖q)")
                Expect.floatClose Accuracy.high whole.Bound expected "R")

            testCase "other integrators, other processes and repeated steps are refused" (fun () ->
                let law, times = normal [ 0.0 ] 0.5, uniform 2.0 0.0 8

                for words, e in
                    [
                        "the expanding form", run law exponential times
                        "ve", { run law relative times with Forward = ve }
                        "correctors", { run law relative times with Sampler = repeat 3 (corrector (langevin 0.1)) }
                        "a point", { run law relative times with Start = point [ 0.0 ] }
                    ] do
                    refuses ConfortiRelative.contractive words e)
        ]
