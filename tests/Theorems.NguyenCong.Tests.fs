/// Wrong labels and a discriminator's correction (Nguyen Cong et al. 2025).
module Sgm.Tests.NguyenCongTests

open System
open System.Threading
open Expecto
open MathNet.Numerics.Integration
open Sgm
open Sgm.Verification
open Sgm.Verification.Theorems
open Sgm.Tests.PapersTests

let private noisy eta = mixture [ 1.0 - eta, normal [ 1.5 ] 0.3; eta, normal [ -1.5 ] 0.3 ]

let private run count estimate =
    experiment {
        target (normal [ 1.5 ] 0.3)
        forward vp
        score estimate
        start warm
        sampler (anneal (geometric 4.0 0.05 count) (predictor ancestral))
        measure [ tv ]
    }

/// ∫ of f along the line, by panels.
let private along (f: float -> float) =
    List.sum [ for i in -80 .. 79 -> GaussLegendreRule.Integrate(f, float i, float (i + 1), 24) ]

/// p and p̃ in z = x/m at g: densities and ∇ln(p/p̃).
let private at eta g =
    let v = 0.3 + g
    let density mean x = exp (-((x - mean) ** 2.0) / (2.0 * v)) / sqrt (2.0 * Math.PI * v)
    let mixed x = (1.0 - eta) * density 1.5 x + eta * density -1.5 x
    let apart x = 3.0 / v * eta * density -1.5 x / mixed x
    density 1.5, mixed, apart

let private entropy eta g =
    let p, q, _ = at eta g
    along (fun x -> if p x < 1e-300 then 0.0 else p x * log (p x / q x))

let private price eta g =
    let p, _, apart = at eta g
    along (fun x -> if p x < 1e-300 then 0.0 else p x * apart x ** 2.0)

let private noise t = exp (2.0 * t) - 1.0

let tests =
    testList
        "noisy labels"
        [
            yield! atQuick NguyenLabels.noisyLabels [ "noise-doubled"; "unit-epsilon" ]

            testCase "their price along time is the relative entropy that they leave" (fun () ->
                for eta in [ 0.1; 0.3 ] do
                    let low, high = log (noise 0.05), log (noise 2.0)
                    let half u = 0.5 * price eta (exp u) * exp u
                    let width = (high - low) / 8.0

                    let integral =
                        List.sum
                            [
                                for i in 0..7 ->
                                    let from = low + width * float i
                                    GaussLegendreRule.Integrate(half, from, from + width, 8)
                            ]

                    let fallen = entropy eta (noise 0.05) - entropy eta (noise 2.0)
                    Expect.isLessThan (abs (integral / fallen - 1.0)) 1e-6 $"η = {eta}")

            testCase "the certificate's share of the score tends to it, times (1 − λ)²" (fun () ->
                let whole = entropy 0.3 (noise 0.05) - entropy 0.3 (noise 4.0)

                let share count strength =
                    match
                        Certificates.Certificate.ofPlan
                            CancellationToken.None
                            (ExactLaws.planOf (run count (guided strength exact (scoreOf (noisy 0.3)))))
                    with
                    | Ok found -> (List.last found).Score / ((1.0 - strength) ** 2.0 * whole)
                    | Error reason -> failtest reason

                // 1.096 and 1.047 by quadrature of the sum at the levels; errors are enclosed to 0.4 %.
                Expect.isLessThan (abs (share 32 0.0 / 1.09606 - 1.0)) 5e-3 "32 steps"
                Expect.isLessThan (abs (share 32 0.5 / 1.09606 - 1.0)) 5e-3 "32 steps, half corrected"
                Expect.isLessThan (abs (share 64 0.5 / 1.04682 - 1.0)) 5e-3 "64 steps")

            testCase "a component that is written twice is one" (fun () ->
                let half = [ 0.5, normal [ 1.5 ] 0.3; 0.5, normal [ 1.5 ] 0.3 ]

                let twice = { run 8 (guided 0.5 exact (scoreOf (noisy 0.5))) with Target = mixture half }

                let statement = List.head NguyenLabels.noisyLabels.Assumptions
                let subject = { Experiment = twice; Plan = Scenarios.planOf twice; Setting = Map.empty }

                match statement.Evaluate subject with
                | Satisfied detail -> Expect.stringContains detail "η = 0.5" "half of the labels"
                | other -> failtest $"{other}"

                let cell = Study.onExperiment runner NguyenLabels.noisyLabels twice
                Expect.equal cell.Verdict Holds (defaultArg cell.Reason ""))

            testCase "other scores and other steps are refused" (fun () ->
                let corrected = guided 0.5 exact (scoreOf (noisy 0.3))

                for words, e in
                    [
                        "no labels", run 8 exact
                        "weights that do not sum to 1", run 8 (blend [ 0.5, exact; 0.4, scoreOf (noisy 0.3) ])
                        "a law without p", run 8 (guided 0.5 exact (scoreOf (normal [ 1.0 ] 0.3)))
                        "other steps",
                        { run 8 corrected with Sampler = anneal (geometric 4.0 0.05 8) (predictor flow) }
                        "down to the data",
                        { run 8 corrected with Sampler = anneal (uniform 4.0 0.0 8) (predictor ancestral) }
                    ] do
                    refuses NguyenLabels.noisyLabels words e)
        ]
