module Sgm.Tests.ProductTests

open System
open Expecto
open Sgm
open Sgm.Tests.ExactLaws

let private run e = Engine.ProductInterpreter().Run(planOf e, Engine.RunOptions())

let private finalLaw e = finalOf (run e)

let private bimodal = mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ]

/// N(mean, v) written as a mixture of two equal halves, so that the grid runs what the closed form can check.
let private disguised mean v = mixture [ 0.5, normal [ mean ] v; 0.5, normal [ mean ] v ]

let private langevinFrom law h steps targetLaw d bias =
    experiment {
        target (product [ d, targetLaw ])
        forward ve
        score (exact |> shifted bias)
        start (from (product [ d, law ]))
        sampler (repeat steps (corrector (langevin h)))
    }

let tests =
    testList
        "product law"
        [
            for d in [ 1; 10; 1000; 100_000 ] do
                testCase $"disguised normals on the grid against the closed form, d = {d}"
                <| fun () ->
                    let h = 0.4 / sqrt (float d)
                    let first = normal [ 0.5 / sqrt (float d) ] 1.0
                    let own = finalLaw (langevinFrom first h 10 (disguised 0.0 1.0) d 0.1)
                    let exact = finalLaw (langevinFrom first h 10 (normal [ 0.0 ] 1.0) d 0.1)

                    for metric in metrics do
                        let truth = (exact.Measure metric).Value.Value
                        let estimate = own.Measure metric
                        contains estimate truth $"{metric}"
                        let width = if metric = tv then 1e-6 else 1e-7 * truth
                        Expect.isLessThanOrEqual (estimate.Upper - estimate.Lower) width $"{metric}: width"

            for d in [ 1; 10; 1000; 1_000_000 ] do
                testCase $"normals against the Gaussian law, d = {d}"
                <| fun () ->
                    let e = langevinFrom (normal [ 0.1 ] 1.0) (0.4 / sqrt (float d)) 10 (normal [ 0.0 ] 1.0) d 0.1
                    let own, exact = finalLaw e, gaussianLaw e

                    for metric in metrics do
                        let truth = exact.Measure metric

                        if truth.Value.HasValue then
                            contains (own.Measure metric) truth.Value.Value $"{metric}"
                        else
                            Expect.isNotNull truth.Reason $"{metric}: a reason"

            testCase "mixed coordinates: normals of two kinds, a mixture and a biased score"
            <| fun () ->
                let blocks first =
                    experiment {
                        target (product [ 3, normal [ 0.5 ] 2.0; 40, first; 2, normalDiag [ 0.0; 1.0 ] [ 1.0; 3.0 ] ])
                        forward vp
                        score (exact |> scaled 0.95 |> shifted 0.2)
                        sampler (anneal (uniform 3.0 0.05 30) (predictor ancestral >=> corrector (langevinScaled 0.05)))
                    }

                let own, exact = finalLaw (blocks (disguised 0.3 1.5)), finalLaw (blocks (normal [ 0.3 ] 1.5))

                for metric in metrics do
                    contains (own.Measure metric) (exact.Measure metric).Value.Value $"{metric}"

                let a, b = own.Moments(), exact.Moments()
                Expect.equal a.Mean.Length 47 "47 coordinates"

                for i in 0..46 do
                    Expect.floatClose Accuracy.veryHigh a.Mean[i] b.Mean[i] $"mean {i}"
                    Expect.floatClose Accuracy.veryHigh a.Variance[i] b.Variance[i] $"variance {i}"

            testCase "KL and W2² add, 1 + χ² multiplies"
            <| fun () ->
                let one = finalLaw (langevinFrom (normal [ 0.0 ] 4.0) 0.01 50 bimodal 1 0.0)
                let many = finalLaw (langevinFrom (normal [ 0.0 ] 4.0) 0.01 50 bimodal 7 0.0)
                let value (law: Engine.Law) metric = (law.Measure metric).Value.Value
                Expect.floatClose Accuracy.veryHigh (value many kl) (7.0 * value one kl) "KL"
                Expect.floatClose Accuracy.veryHigh (value many w2) (sqrt 7.0 * value one w2) "W2"
                Expect.floatClose Accuracy.veryHigh (value many chi2) ((1.0 + value one chi2) ** 7.0 - 1.0) "χ²"

            testCase "total variation in two and three dimensions against brute force"
            <| fun () ->
                // q and p after one step from a normal are known: q = ∫ N(x; T(u), 2h) N(u; 0, 4) du by a plain trapezoid sum.
                let h = 0.05
                let density v m x = exp (-(x - m) * (x - m) / (2.0 * v)) / sqrt (2.0 * Math.PI * v)
                let p x = 0.5 * density 0.25 -2.0 x + 0.5 * density 0.25 2.0 x

                let scoreAt x =
                    let a, b = density 0.25 -2.0 x, density 0.25 2.0 x
                    (a * (-2.0 - x) + b * (2.0 - x)) / (0.25 * (a + b))

                let sources = [| for i in -900 .. 900 -> 0.02 * float i |]
                let weights = sources |> Array.map (fun u -> 0.02 * density 4.0 0.0 u)
                let images = sources |> Array.map (fun u -> if abs u > 17.0 then u else u + h * scoreAt u)

                let q x =
                    let mutable sum = 0.0

                    for i in 0 .. sources.Length - 1 do
                        sum <- sum + weights[i] * density (2.0 * h) images[i] x

                    sum

                let law d = finalLaw (langevinFrom (normal [ 0.0 ] 4.0) h 1 bimodal d 0.0)

                let brute spacing d =
                    let n = int (9.0 / spacing)
                    let xs = [| for i in -n .. n -> spacing * (float i + 0.37) |]
                    let qs, ps = Array.map q xs, Array.map p xs

                    let rec total k a b =
                        if k = 0 then
                            abs (a - b)
                        else
                            let mutable sum = 0.0

                            for i in 0 .. xs.Length - 1 do
                                sum <- sum + total (k - 1) (a * qs[i]) (b * ps[i])

                            sum * spacing

                    0.5 * total d 1.0 1.0

                let two = (law 2).Measure tv
                let expected = brute 0.005 2
                Expect.isLessThanOrEqual (two.Upper - two.Lower) 1e-6 "narrow"

                Expect.isLessThanOrEqual
                    (abs (two.Value.Value - expected))
                    2e-6
                    $"{two.Value.Value:R} against {expected:R}"

                let three = (law 3).Measure tv
                let rough = brute 0.05 3

                Expect.isLessThanOrEqual
                    (abs (three.Value.Value - rough))
                    2e-4
                    $"{three.Value.Value:R} against {rough:R}"

            testCase "rippled scores on normal coordinates run on the grid; no ripple is the closed form"
            <| fun () ->
                let rippledBy amplitude =
                    experiment {
                        target (product [ 50, normal [ 0.0 ] 1.0 ])
                        forward ve
                        score (exact |> rippled amplitude 3.0)
                        start (from (product [ 50, normal [ 0.0 ] 1.0 ]))
                        sampler (repeat 20 (corrector (langevin 0.05)))
                    }

                let still = finalLaw (rippledBy 0.0)
                let exact = finalLaw (langevinFrom (normal [ 0.0 ] 1.0) 0.05 20 (normal [ 0.0 ] 1.0) 50 0.0)

                for metric in metrics do
                    contains (still.Measure metric) (exact.Measure metric).Value.Value $"{metric}"

                let moved = finalLaw (rippledBy 0.5)
                Expect.isGreaterThan (moved.Measure kl).Lower (exact.Measure kl).Upper "a ripple costs KL"

            testCase "points, infinite divergences and refusals say why"
            <| fun () ->
                let still =
                    experiment {
                        target (product [ 3, bimodal ])
                        forward ve
                        start (point [ 0.0; 1.0; 2.0 ])
                        sampler identity
                    }

                let law = finalLaw still
                Expect.equal (law.Measure tv).Value.Value 1.0 "TV of a point"
                Expect.equal (law.Measure kl).Value.Value infinity "KL of a point"
                Expect.isNotNull (law.Measure kl).Reason "reason"
                // E|X − x|² = 4.25 + x² in each coordinate.
                Expect.floatClose Accuracy.veryHigh (law.Measure w2).Value.Value (sqrt (3.0 * 4.25 + 5.0)) "W2"

                let clip =
                    experiment {
                        target (product [ 3, bimodal ])
                        forward ve
                        score (exact |> clipped 1.0)
                        sampler (anneal (geometric 5.0 0.5 5) (predictor ancestral))
                    }

                Expect.stringContains (Engine.ProductInterpreter().WhyNot(planOf clip)) "couples" "clipped"

                let joint =
                    experiment {
                        target (mixture [ 0.5, normal [ 0.0; 0.0 ] 1.0; 0.5, normal [ 3.0; 3.0 ] 1.0 ])
                        forward ve
                        sampler (anneal (geometric 5.0 0.5 5) (predictor ancestral))
                    }

                Expect.stringContains
                    (Engine.ProductInterpreter().WhyNot(planOf joint))
                    "independent"
                    "a mixture in the plane"

            testCase "an observer sees the same law as a probe"
            <| fun () ->
                let e = langevinFrom (normal [ 0.0 ] 1.0) 0.05 5 bimodal 4 0.0
                let seen = ResizeArray<int64 * float>()

                let options =
                    Engine.RunOptions(AfterStep = fun step -> seen.Add(step.Index, (step.Law.Measure kl).Value.Value))

                let outcome = Engine.ProductInterpreter().Run(planOf e, options)
                Expect.sequenceEqual (seen |> Seq.map fst) [ -1L .. 4L ] "every step once"
                let last = ((finalOf outcome).Measure kl)
                // The observed run may keep wider tails; within the bracket it is the same number.
                contains last (snd seen[5]) "KL"

            testCase "coordinates one after the other are the coordinates in step"
            <| fun () ->
                let other = mixture [ 0.3, normal [ -1.0 ] 0.5; 0.7, normal [ 2.0 ] 0.2 ]

                let e =
                    experiment {
                        target (product [ 2, bimodal; 1, normal [ 0.5 ] 2.0; 3, other; 1, normal [ 0.0 ] 1.0 ])
                        forward ve
                        sampler (repeat 3 (corrector (langevin 0.05) >=> probe "inside") >=> corrector (langevin 0.01))
                        start (from (standard 7))
                    }

                let alone = run e
                let options = Engine.RunOptions(AfterStep = ignore)
                let together = Engine.ProductInterpreter().Run(planOf e, options)
                Expect.equal alone.Probes.Length 4 "every probe"

                for a, b in Seq.zip alone.Probes together.Probes do
                    Expect.equal (a.Name, a.Level) (b.Name, b.Level) "the probe"

                    for metric in metrics do
                        Expect.equal (a.Law.Measure metric) (b.Law.Measure metric) $"{a.Name}: {metric}"

            testCase "of coordinates that diverge the earliest is named, with the probes before it"
            <| fun () ->
                // Steps of factor 1 − h/v: −9 and −99 a step, beyond 1e150 (grid) after 158 and 76 steps at the latest.
                let unstable v = mixture [ 0.5, normal [ 0.0 ] v; 0.5, normal [ 1e-3 ] v ]

                let steps parts =
                    let e =
                        experiment {
                            target (product parts)
                            forward ve
                            sampler (repeat 300 (corrector (langevin 1.0) >=> probe "inside"))
                            start (from (standard 2))
                        }

                    let outcome = run e

                    match outcome.Status with
                    | :? Engine.RunStatus.Diverged as diverged ->
                        Expect.equal (int64 outcome.Probes.Length) diverged.Step "the probes before"
                        diverged.Step
                    | other -> failtest $"the run ended with {other}"

                let slow, fast = unstable 0.1, unstable 0.01
                let both = steps [ 1, slow; 1, fast ]
                Expect.equal both (steps [ 2, fast ]) "the earlier"
                Expect.equal (steps [ 1, fast; 1, slow ]) both "in either order"
                Expect.isGreaterThan (steps [ 2, slow ]) both "the later"
        ]
