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

let tests =
    testList
        "the contractive integrator"
        [
            yield!
                atQuick ConfortiRelative.contractive [ "noise-doubled"; "score-data-level"; "no-linear-drift"; "probe-early" ]

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

                    match Certificates.Certificate.ofPlan System.Threading.CancellationToken.None (Scenarios.planOf law) with
                    | Ok found ->
                        Expect.floatClose Accuracy.medium (List.last found).KlReverse.Value path "the certificate's"
                    | Error reason -> failtest reason

                    let cell = Study.onExperiment runner ConfortiRelative.contractive law
                    Expect.equal cell.Verdict Holds (defaultArg cell.Reason "")
                    let share = path / bound
                    let tv = cell.Decisive.Value
                    let expected = Certificates.PathRule.totalVariation bound
                    Expect.isTrue (share > 0.05 && share < 0.51) $"{share} of it"
                    Expect.floatClose Accuracy.medium tv.Bound (if tv.What.StartsWith "TV" then expected else bound) tv.What)

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
