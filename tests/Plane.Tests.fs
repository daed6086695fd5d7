module Sgm.Tests.PlaneTests

open System
open Expecto
open Sgm
open Sgm.Tests.ExactLaws
open Sgm.Tests.PlaneCases

/// Both brackets hold the truth, so they meet.
let private meet (own: Engine.Estimate) (other: Engine.Estimate) what =
    Expect.isTrue
        (own.Lower <= other.Upper && other.Lower <= own.Upper)
        $"{what}: [{own.Lower:R}, {own.Upper:R}] and [{other.Lower:R}, {other.Upper:R}] do not meet"

let private number name otherwise =
    match Environment.GetEnvironmentVariable(name: string) with
    | null -> otherwise
    | text -> int text

let private againstProducts =
    testList
        "products of two lines, turned"
        [
            for seed in 1 .. number "SGM_SEEDS" 2 do
                testCase $"random case {seed}"
                <| fun () ->
                    let own, other = experiments (random seed)
                    let law, truth = planeLaw own, productLaw other

                    for metric in metrics do
                        let estimate = law.Measure metric
                        meet estimate (truth.Measure metric) $"{metric}"

                        // A bracket that holds everything would hold the truth too.
                        if metric <> w2 && estimate.Value.HasValue then
                            let width = 1e-3 * (1.0 + estimate.Value.Value)
                            Expect.isLessThan (estimate.Upper - estimate.Lower) width $"{metric}: width"
        ]

let private agreement =
    testList
        "agreement with other exact laws"
        [
            testCase "a turned product to 1e-10 in KL and χ² and 1e-8 in TV"
            <| fun () ->
                let own, other = experiments (two 0.6)
                let law, truth = planeLaw own, productLaw other

                for metric in [ kl; chi2 ] do
                    let exact = (truth.Measure metric).Value.Value
                    Expect.isLessThan (abs (value metric law - exact)) (1e-10 * exact) $"{metric}"
                    let bracket = law.Measure metric
                    Expect.isLessThan (bracket.Upper - bracket.Lower) (1e-7 * exact) $"{metric}: width"

                meet (law.Measure tv) (truth.Measure tv) "tv"
                meet (law.Measure w2) (truth.Measure w2) "w2"
                Expect.isLessThan (abs (value tv law - value tv truth)) 1e-6 "tv"

            testCase "a rotated normal law that is written as a mixture, against its closed form"
            <| fun () ->
                let e (law: Target) =
                    experiment {
                        target law
                        forward vp
                        score (exact |> shifted 0.1 |> scaled 0.95)
                        sampler (anneal (uniform 2.0 0.1 10) (predictor ancestral >=> corrector (langevinScaled 0.1)))
                        measure [ tv; kl; chi2; w2 ]
                    }

                let mean, rows = [ 1.0; -1.0 ], [ [ 2.0; 0.8 ]; [ 0.8; 0.5 ] ]
                let own = planeLaw (e (mixture [ 0.5, normalCov mean rows; 0.5, normalCov mean rows ]))
                let truth = gaussianLaw (e (normalCov mean rows))

                for metric in metrics do
                    contains (own.Measure metric) (value metric truth) $"{metric}"

                for metric in [ kl; chi2 ] do
                    let exact = value metric truth
                    Expect.isLessThan (abs (value metric own - exact)) (1e-10 * exact) $"{metric}"

                Expect.isLessThan (abs (value tv own - value tv truth)) 1e-8 "tv"
                let w = own.Measure w2
                Expect.isLessThan (w.Upper - w.Lower) (1e-3 * w.Upper) "W2 of normal laws closes along Gelbrich's axes"
                let a, b = own.Moments(), truth.Moments()

                for i in 0..1 do
                    Expect.isLessThan (abs (a.Mean[i] - b.Mean[i])) (1e-12 + a.MeanError[i]) $"mean {i}"
                    Expect.isLessThan (abs (a.Variance[i] - b.Variance[i])) (1e-12 + a.VarianceError[i]) $"variance {i}"

            testCase "methods of two stages, with and without noise of their own, before noise"
            <| fun () ->
                for steps in [ predictor flowHeun; predictor dpm2; predictor (dpm2Ancestral 1.0) ] do
                    let sampler = anneal (geometric 4.0 0.5 6) steps >=> corrector (langevinScaled 0.2)
                    let own, other = experiments { two 0.4 with Sampler = sampler }
                    let law, truth = planeLaw own, productLaw other

                    for metric in metrics do
                        meet (law.Measure metric) (truth.Measure metric) $"{metric}"

            testCase "a point for a start is normal after one step"
            <| fun () ->
                let e law =
                    experiment {
                        target law
                        forward ve
                        start (point [ 0.3; -0.2 ])
                        sampler (anneal (geometric 2.0 0.5 4) (predictor ancestral))
                        measure [ tv; kl; chi2; w2 ]
                    }

                let rows = [ [ 1.0; 0.5 ]; [ 0.5; 2.0 ] ]

                let own =
                    planeLaw (e (mixture [ 0.25, normalCov [ 0.0; 1.0 ] rows; 0.75, normalCov [ 0.0; 1.0 ] rows ]))

                let truth = gaussianLaw (e (normalCov [ 0.0; 1.0 ] rows))

                for metric in metrics do
                    contains (own.Measure metric) (value metric truth) $"{metric}"
        ]

/// x ← T(x) + C·ξ for a mixture of normal laws by plain sums on a square lattice of so many points a side, from the words alone.
module private Plain =
    let density (parts: (float * float list * float list list) list) v (x: float) y =
        parts
        |> List.sumBy (fun (weight, mean, rows) ->
            let a, b, d = rows[0][0] + v, rows[0][1], rows[1][1] + v
            let det = a * d - b * b
            let u, w = x - mean[0], y - mean[1]
            weight * exp (-0.5 * (d * u * u - 2.0 * b * u * w + a * w * w) / det) / (2.0 * Math.PI * sqrt det))

    let score parts v x y =
        let p = density parts v x y

        let sums =
            parts
            |> List.map (fun (weight, mean, rows: float list list) ->
                let own = density [ weight, mean, rows ] v x y
                let a, b, d = rows[0][0] + v, rows[0][1], rows[1][1] + v
                let det = a * d - b * b
                let u: float = x - List.item 0 mean
                let w: float = y - List.item 1 mean
                -own * (d * u - b * w) / det, -own * (a * w - b * u) / det)

        List.sumBy fst sums / p, List.sumBy snd sums / p

    /// KL and TV after ancestral steps between these σ, from N(0, first²·I).
    let run parts (levels: float list) points =
        let grid reach = Array.init points (fun i -> reach * (2.0 * float i / float (points - 1) - 1.0))
        let reach = 8.0 * levels.Head + 6.0
        let mutable x = grid reach
        let first = levels.Head * levels.Head

        let mutable q =
            Array2D.init points points (fun i j ->
                exp (-0.5 * (x[i] * x[i] + x[j] * x[j]) / first) / (2.0 * Math.PI * first))

        for s, t in List.pairwise levels do
            let c = t * sqrt (s * s - t * t) / s
            let next = grid (8.0 * t + 8.0)
            let area = (x[1] - x[0]) ** 2.0

            let images =
                [|
                    for i in 0 .. points - 1 do
                        for j in 0 .. points - 1 do
                            if q[i, j] * area > 1e-18 then
                                let a, b = score parts (s * s) x[i] x[j]
                                let move = s * s - t * t
                                struct (x[i] + move * a, x[j] + move * b, q[i, j] * area)
                |]

            let kernel (at: float) =
                next |> Array.map (fun y -> exp (-0.5 * ((y - at) / c) ** 2.0) / (c * sqrt (2.0 * Math.PI)))

            let rows = Array.init points (fun _ -> Array.zeroCreate<float> points)

            for struct (a, b, mass) in images do
                let across, along = kernel a, kernel b

                for i in 0 .. points - 1 do
                    let factor = mass * across[i]

                    if factor > 1e-30 then
                        let row = rows[i]

                        for j in 0 .. points - 1 do
                            row[j] <- row[j] + factor * along[j]

            q <- Array2D.init points points (fun i j -> rows[i][j])
            x <- next

        let last = List.last levels ** 2.0
        let area = (x[1] - x[0]) ** 2.0

        let sums =
            [|
                for i in 0 .. points - 1 do
                    for j in 0 .. points - 1 do
                        let p, own = density parts last x[i] x[j], q[i, j]
                        let log = if own > 1e-200 then log (own / p) else 0.0
                        struct (own * log, abs (own - p), own * own / p)
            |]

        let sum f = area * Array.sumBy f sums

        sum (fun (struct (k, _, _)) -> k),
        0.5 * sum (fun (struct (_, v, _)) -> v),
        sum (fun (struct (_, _, c)) -> c) - 1.0

let private againstSums =
    testCase "mixtures that are no products, against plain sums on a square lattice"
    <| fun () ->
        let source = Random 7
        let between low high = low + (high - low) * source.NextDouble()

        for case in 1 .. number "SGM_SEEDS" 3 do
            let parts =
                [
                    for weight in [ 0.5; 0.25; 0.25 ] ->
                        let v, w = between 0.3 1.5, between 0.3 1.5
                        let off = between -0.8 0.8 * sqrt (v * w)
                        weight, [ between -2.5 2.5; between -2.5 2.5 ], [ [ v; off ]; [ off; w ] ]
                ]

            let levels' = [ 3.0; between 1.5 2.0; between 0.7 1.0 ]

            let e =
                experiment {
                    target (mixture [ for weight, mean, rows in parts -> weight, normalCov mean rows ])
                    forward ve
                    start (from (normal [ 0.0; 0.0 ] 9.0))
                    sampler (anneal (levels levels') (predictor ancestral))
                    measure [ tv; kl; chi2 ]
                }

            let law = planeLaw e
            let klTruth, tvTruth, chi2Truth = Plain.run parts levels' 120
            Expect.isLessThan (abs (value kl law / klTruth - 1.0)) 1e-7 $"case {case}: kl"
            Expect.isLessThan (abs (value chi2 law / chi2Truth - 1.0)) 1e-7 $"case {case}: chi2"
            Expect.isLessThan (abs (value tv law / tvTruth - 1.0)) 2e-3 $"case {case}: tv, which has a kink"

let tests = testList "plane" [ againstProducts; agreement; againstSums ]
