/// The exponential integrator with Lipschitz constants along time (Mooney et al. 2024).
module Sgm.Tests.MooneyTests

open System
open Expecto
open MathNet.Numerics.Integration
open Sgm
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Verification.Theorems
open Sgm.Tests.ExactLaws
open Sgm.Tests.PapersTests

let private run law method schedule =
    experiment {
        target law
        forward vp
        start warm
        sampler (anneal schedule (predictor method))
        measure [ tv ]
    }

/// ∫₀^γ E‖∇ln p_r − ∇ln p_0‖² dr of a step from t, data N(0, w): 1/v_r − 2e^(−r)/v_0 + 1/v_0 by quadrature.
let private exactStep w t gamma =
    let v t = 1.0 - exp (-2.0 * t) * (1.0 - w)
    GaussLegendreRule.Integrate((fun r -> 1.0 / v (t - r) + (1.0 - 2.0 * exp -r) / v t), 0.0, gamma, 32)

let tests =
    testList
        "Lipschitz constants along time"
        [
            yield! atQuick MooneyLocal.local [ "noise-doubled"; "score-data-level" ]

            testCase "a step of a normal law is within its bound, and near it where steps are short" (fun () ->
                for w, t, gamma, least in
                    [
                        0.25, 3.0, 0.1, 0.9
                        0.25, 0.3, 0.03, 0.9
                        4.0, 0.3, 0.03, 0.9
                        4.0, 1.0, 0.1, 0.85
                        0.01, 0.1, 0.05, 0.4
                    ] do
                    let v t = 1.0 - exp (-2.0 * t) * (1.0 - w)
                    let local = max (1.0 / v t) (1.0 / v (t - gamma))
                    let bound = local * gamma * gamma * (gamma / 3.0 + local)
                    let exact = exactStep w t gamma
                    Expect.isLessThanOrEqual exact bound $"w = {w}, t = {t}"
                    Expect.isGreaterThanOrEqual exact (least * bound) $"w = {w}, t = {t}: how near")

            testCase "curvatures of two modes are within what the end of a step says" (fun () ->
                for mu, w in [ 1.0, 0.25; 2.0, 0.5; 0.3, 0.8 ] do
                    for t, gamma in [ 0.05, 0.02; 0.2, 0.05; 0.5, 0.1; 1.0, 0.05 ] do
                        let at t =
                            let m = exp -t
                            let v = m * m * w + 1.0 - m * m
                            1.0 / v - (m * mu / v) ** 2.0, 1.0 / v

                        let local = MooneyLocal.overStep gamma (at t)

                        for i in 0..10 do
                            let a, b = at (t + gamma * float i / 10.0)
                            Expect.isLessThanOrEqual (max -a b) local $"μ = {mu}, t = {t}, {i}")

            testCase "log-concave data stay so, and bounds of others end in time" (fun () ->
                Expect.floatClose Accuracy.high (MooneyLocal.overStep 0.7 (0.0, 3.0)) 3.0 "a = 0: b alone"
                // 1 − e^(−2t) = 1/(1 + K) in units of the law at the end.
                let last = -0.5 * log (1.0 - 1.0 / 3.0)
                Expect.isTrue (Double.IsFinite(MooneyLocal.overStep (last * 0.999) (-2.0, 1.0))) "before"
                Expect.isTrue (Double.IsInfinity(MooneyLocal.overStep (last * 1.001) (-2.0, 1.0))) "after")

            testCase "E‖∇²ln p‖² on a circle of atoms is that of the circle" (fun () ->
                // By quadrature of Bessel functions in the radius: 10.063571743981² at v = 0.1.
                let atom angle = 1.0 / 24.0, normal [ cos angle; sin angle ] 0.05
                let atoms = mixture [ for i in 0..23 -> atom (Math.PI * float i / 12.0) ]
                let plan = planOf (run atoms exponential (uniform 1.0 0.5 2))

                match Information.curvature plan.Target (Engine.NoiseLevel.VarianceExploding(sqrt 0.05)) with
                | Ok found -> Expect.isLessThan (abs (sqrt found.High / 10.063571743981012 - 1.0)) 1e-4 "its root"
                | Error reason -> failtest reason)

            testCase "two points have curvature of order v^(−2), between them" (fun () ->
                let two = mixture [ 0.5, normal [ -1.0 ] 1e-6; 0.5, normal [ 1.0 ] 1e-6 ]
                let plan = planOf (run two exponential (uniform 1.0 0.5 2))
                let level = Engine.NoiseLevel.VarianceExploding 0.1
                let v = 0.01 + 1e-6
                let spread = PedrottiCurvature.largestPosteriorVariance plan.Target.Factors[0].Law level
                Expect.floatClose Accuracy.high (spread / (v * v) - 1.0 / v) (1.0 / (v * v) - 1.0 / v) "at 0")

            testCase "other steps, other processes and scores without an error are refused" (fun () ->
                let law = normal [ 0.0 ] 0.5
                let times = uniform 2.0 0.1 8

                for words, e in
                    [
                        "another method", run law relative times
                        "correctors", { run law exponential times with Sampler = repeat 3 (corrector (langevin 0.1)) }
                        "ve", { run law exponential times with Forward = ve }
                        "a clipped score",
                        { run law exponential times with Score = ofFunction "f" (fun _ rows -> rows) }
                        "a point", { run law exponential times with Start = point [ 0.0 ] }
                    ] do
                    refuses MooneyLocal.local words e)
        ]
