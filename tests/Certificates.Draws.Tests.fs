/// The bound from draws, on bounded numbers whose mean is known.
module Sgm.Tests.CertificatesDrawsTests

open Expecto
open MathNet.Numerics.Random
open Sgm.Verification.Certificates

/// Y is uniform on [0, 1), of mean ½; its draws begin `skipped` numbers later, which makes trials of one seed independent.
let private uniform skipped =
    {
        Sampler =
            fun () ->
                let mutable isFresh = true

                fun (generator: Xoshiro256StarStar) ->
                    if isFresh then
                        isFresh <- false

                        for _ in 1..skipped do
                            generator.NextDouble() |> ignore

                    struct (generator.NextDouble(), 0.0, 0.0)
        Low = 0.0
        High = 1.0
        Cost = 1.0
    }

let tests =
    testList
        "draws of known mean"
        [
            testCase "the bound is below the mean no oftener than its risk says, and above what was drawn" (fun () ->
                let risk, trials = 0.2, 60

                let bounds = [ for i in 1..trials -> PosteriorDraws.above 1e6 1e9 risk [| uniform (i * 40_000) |] ]

                let missed = bounds |> List.filter (fun bound -> bound.Upper < 0.5) |> List.length
                let below = bounds |> List.filter (fun bound -> bound.Mean < 0.5) |> List.length
                // Without the width about half of the bounds would be below.
                Expect.isGreaterThan below (trials / 4) "means scatter around ½"
                Expect.isLessThanOrEqual (float missed) (risk * float trials) "misses"

                for bound in bounds do
                    // 20 000 draws of variance 1/12: √(2V ln(2/δ)/n) alone.
                    Expect.isGreaterThan
                        (bound.Upper - bound.Mean)
                        (sqrt (2.0 / 12.0 * log 10.0 / 21_000.0))
                        "the width"

                    Expect.isLessThan
                        (bound.Upper - bound.Mean)
                        (sqrt (2.0 / 12.0 * log 10.0 / 19_000.0) + 3.0 * log 10.0 / 19_000.0)
                        "and no more than Bernstein's")

            testCase "a smaller risk is a wider bound" (fun () ->
                let width risk =
                    let bound = PosteriorDraws.above 1e6 1e9 risk [| uniform 0 |]
                    bound.Upper - bound.Mean

                Expect.isGreaterThan (width 1e-6) (1.5 * width 0.2) "√(ln 2·10⁶/ln 10) is 2.5")
        ]
