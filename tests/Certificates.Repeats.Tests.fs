/// Certificates of steps that repeat: closed forms, which no probe divides.
module Sgm.Tests.CertificatesRepeatsTests

open Expecto
open Sgm
open Sgm.Verification.Certificates
open Sgm.Tests.Certified
open Sgm.Tests.ExactLaws

let tests =
    testList
        "repeats"
        [
            testCase "a probe among rounds that are alike changes no bound at the end" (fun () ->
                let e sampler' =
                    experiment {
                        target (standard 3)
                        forward vp
                        score (exact |> shifted 0.1)
                        sampler (anneal (geometric 4.0 0.01 10) (predictor flow) >=> sampler')
                    }

                let step = corrector (langevin 0.002)
                let bounds (c: Certificate) = [ c.Tv.Value; c.KlReverse.Value; c.Kl.Value; c.W2.Value ]

                for whole, parted in
                    [
                        repeat 20 step, repeat 10 step >=> probe "r" >=> repeat 10 step
                        repeat 3 step, step >=> probe "r" >=> step >=> step
                        repeat 6 (step >=> corrector (langevin 0.001)),
                        repeat 2 (step >=> corrector (langevin 0.001))
                        >=> probe "r"
                        >=> repeat 4 (step >=> corrector (langevin 0.001))
                    ] do
                    let a, b = List.last (certified (planOf (e whole))), List.last (certified (planOf (e parted)))
                    Expect.equal (bounds b) (bounds a) "the same bounds"
                    Expect.isLessThan a.KlReverse.Value infinity "and there are some")

            testCase "a million steps at a level are no loop, and their R is a million times that of one" (fun () ->
                let after (n: int) =
                    let e =
                        experiment {
                            target (twoModeLaw 1.0 0.3)
                            forward ve
                            start warm
                            sampler (anneal (levels [ 1.1; 1.0 ]) (repeat n (corrector (langevin 1e-7))))
                        }

                    List.exactlyOne (certified (planOf e))

                Expect.floatClose Accuracy.high (after 1_000_000).Steps (1e6 * (after 1).Steps) "steps")
        ]
