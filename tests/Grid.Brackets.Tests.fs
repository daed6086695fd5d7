/// Brackets of the grid law held against values that share nothing with it: crossings found by scanning, shifts and exchanges of
/// mass between far modes in closed form; and what is said where the work has a limit.
module Sgm.Tests.GridBracketsTests

open System
open System.Threading
open Expecto
open Sgm
open Sgm.Tests.ExactLaws

let private runWith (options: Engine.RunOptions) e = Engine.GridInterpreter().Run(planOf e, options)

let private lawOf e = finalOf (runWith (Engine.RunOptions()) e)

/// Weight, mean, variance.
type private Component = float * float * float

let private law (components: Component list) = mixture (components |> List.map (fun (w, m, v) -> w, normal [ m ] v))

let private still (q: Component list) (p: Component list) =
    lawOf (
        experiment {
            target (law p)
            forward ve
            start (from (law q))
            sampler identity
        }
    )

let private density (components: Component list) (x: float) =
    components
    |> List.sumBy (fun (w, m, v) -> w * exp (-(x - m) * (x - m) / (2.0 * v)) / sqrt (2.0 * Math.PI * v))

let private below (components: Component list) (x: float) =
    components
    |> List.sumBy (fun (w, m, v) -> 0.5 * w * MathNet.Numerics.SpecialFunctions.Erfc((m - x) / sqrt (2.0 * v)))

/// ½ Σ |ΔQ − ΔP| between the sign changes of q − p that a scan of every component of both finds.
let private scannedTv (q: Component list) (p: Component list) =
    let difference x = density q x - density p x

    let points =
        [|
            for _, m, v in q @ p do
                for i in -3000 .. 3000 -> m + sqrt v * float i / 300.0
        |]
        |> Array.distinct
        |> Array.sort

    let crossings =
        points
        |> Array.pairwise
        |> Array.filter (fun (a, b) -> sign (difference a) <> sign (difference b))
        |> Array.map (fun (a, b) ->
            let mutable low, high = a, b

            for _ in 1..60 do
                let middle = 0.5 * (low + high)

                if sign (difference middle) = sign (difference low) then
                    low <- middle
                else
                    high <- middle

            low)

    let excess = crossings |> Array.map (fun x -> below q x - below p x)

    Array.append (Array.insertAt 0 0.0 excess) [| 0.0 |]
    |> Array.pairwise
    |> Array.sumBy (fun (a, b) -> 0.5 * abs (b - a))

let private holds (estimate: Engine.Estimate) truth slack what =
    Expect.isTrue
        (estimate.Lower - slack <= truth && truth <= estimate.Upper + slack)
        $"{what}: {truth:R} outside [{estimate.Lower:R}, {estimate.Upper:R}]"

let private totalVariation =
    testList
        "total variation"
        [
            testCase "a crossing between a panel's last point and its end (the truth by 40 digits: mpmath)"
            <| fun () ->
                let estimate =
                    (still [ 0.5, -1.997467, 0.25; 0.5, 2.0017731, 0.26 ] [ 0.5, -2.0, 0.25; 0.5, 2.0, 0.25 ]).Measure
                        tv

                contains estimate 0.0057934817159262485 "TV"
                Expect.isLessThan (estimate.Upper - estimate.Lower) 1e-13 "width"

            testCase "120 perturbed mixtures against scanned crossings"
            <| fun () ->
                let random = Random 20261126
                let between a b = a + (b - a) * random.NextDouble()

                for i in 1..120 do
                    let p =
                        match i % 3 with
                        | 0 -> [ 0.5, -2.0, 0.25; 0.5, 2.0, 0.25 ]
                        | 1 -> [ 0.3, between -3.0 0.0, 0.5; 0.7 - 1e-6, between 0.0 3.0, 0.5; 1e-6, 5.0, 0.5 ]
                        | _ ->
                            [
                                0.6, between -2.0 2.0, 10.0 ** between -2.0 0.5
                                0.4, between -2.0 2.0, 10.0 ** between -2.0 0.5
                            ]

                    let size = 10.0 ** between -9.0 -0.5

                    let q =
                        p
                        |> List.map (fun (w, m, v) ->
                            w, m + size * between -1.0 1.0, v * (1.0 + size * between -1.0 1.0))

                    let estimate = (still q p).Measure tv
                    // The reference is a sum of differences of two numbers up to 1.
                    holds estimate (scannedTv q p) 4e-15 $"{q} against {p}"
                    Expect.isLessThan (estimate.Upper - estimate.Lower) 1e-13 $"{q} against {p}: width"

            testCase "two runs with the same noise: 2Φ(δ/2s) − 1 with the means' distance contracted"
            <| fun () ->
                for count in [ 1; 7 ] do
                    let run mean =
                        lawOf (
                            experiment {
                                target (normal [ 0.0 ] 1.0)
                                forward ve
                                start (from (normal [ mean ] 0.5))
                                sampler (repeat count (corrector (langevin 0.2)))
                            }
                        )
                        :?> Engine.GridLaw

                    let shrink = 0.8 ** float count
                    let variance = shrink * shrink * 0.5 + 0.4 * (1.0 - shrink * shrink) / (1.0 - 0.64)
                    let expected = MathNet.Numerics.SpecialFunctions.Erf(shrink * 0.3 / sqrt (8.0 * variance))
                    let estimate = (run 2.3).TotalVariationFrom(run 2.0)
                    contains estimate expected $"{count} steps"
                    Expect.isLessThan (estimate.Upper - estimate.Lower) 1e-9 "width"
        ]

let private transport =
    testList
        "Wasserstein-2"
        [
            testCase "one of two far modes shifted: 3√¾, however far the other"
            <| fun () ->
                for distance in [ 20.0; 1e3; 1e5; 1e8 ] do
                    let p = [ 0.75, 0.0, 1.0; 0.25, distance, 1.0 ]
                    let estimate = (still [ 0.75, 3.0, 1.0; 0.25, distance, 1.0 ] p).Measure w2
                    contains estimate (sqrt 6.75) $"{distance}"
                    // Positions at 1e8 are rounded to 1e-8.
                    Expect.isLessThan (estimate.Upper - estimate.Lower) (1e-11 + 2e-15 * distance) $"{distance}: width"

            testCase "far modes that exchange a little mass: the mass once over the distance"
            <| fun () ->
                for distance in [ 1e4; 1e6; 1e8 ] do
                    for mass in [ 2.0 ** -40; 2.0 ** -20; 2.0 ** -10 ] do
                        let p = [ 0.75, 0.0, 1.0; 0.25, distance, 1.0 ]
                        let q = [ 0.75 + mass, 0.0, 1.0; 0.25 - mass, distance, 1.0 ]
                        let estimate = (still q p).Measure w2
                        // What crosses starts and ends within 9 of its mode; within the modes at most e·(ln e)² moves.
                        let least, most = sqrt mass * (distance - 18.0), sqrt mass * (distance + 18.0)
                        Expect.isLessThanOrEqual estimate.Lower most $"{mass} over {distance}: {estimate}"
                        Expect.isGreaterThanOrEqual estimate.Upper least $"{mass} over {distance}: {estimate}"

                        Expect.isLessThan
                            (estimate.Upper - estimate.Lower)
                            (1e-3 * most)
                            $"{mass} over {distance}: {estimate}"

            testCase
                "narrow components inside a wide one (the truth by long doubles at four resolutions, both ways round)"
            <| fun () ->
                let p =
                    [
                        0.36450694972835807, 1.9029772471071542, 9.871439924889797
                        0.21925652748797117, -0.3101129667488785, 5.3945643060475305e-05
                        0.3181268188954127, -2.5627045036852163, 0.03138836538997212
                        0.09810970388825811, 0.6303621998534904, 3.080837349423173e-07
                    ]

                let q =
                    [
                        0.36450694972835807, 2.5813516096277844, 10.190681574303289
                        0.21925652748797117, -0.3116291938380781, 5.622626313811648e-05
                        0.3181268188954127, -2.507751015937489, 0.028108353264096202
                        0.09810970388825811, 0.63040652743017, 3.614160903360371e-07
                    ]

                for estimate in [ (still q p).Measure w2; (still p q).Measure w2 ] do
                    contains estimate 0.397716292869720385 $"{estimate}"
                    Expect.isLessThan (estimate.Upper - estimate.Lower) 1e-10 "width"

            testCase "a metric is symmetric: the brackets of both orders overlap"
            <| fun () ->
                let random = Random 20261128
                let between a b = a + (b - a) * random.NextDouble()

                for i in 1..60 do
                    let p = [ for w in [ 0.35; 0.2; 0.3; 0.15 ] -> w, between -4.0 4.0, 10.0 ** between -6.0 1.0 ]

                    let q =
                        p |> List.map (fun (w, m, v) -> w, m + between -0.2 0.2 * sqrt v, v * exp (between -0.2 0.2))

                    let there, back = (still q p).Measure w2, (still p q).Measure w2

                    Expect.isTrue
                        (there.Lower <= back.Upper && back.Lower <= there.Upper)
                        $"{there} against {back}: {p}, {q}"

            testCase "a law that is shifted: the shift, to six digits"
            <| fun () ->
                let random = Random 20261127
                let between a b = a + (b - a) * random.NextDouble()

                for i in 1..80 do
                    let p =
                        [
                            0.75, between 0.0 4.0, 10.0 ** between -1.5 0.5
                            0.25, between -4.0 1.0, 10.0 ** between -1.5 0.5
                        ]

                    let size = 2.0 ** float (random.Next(-33, 2))
                    // The means are on a grid of 2⁻⁴⁰, so that the shift is exact.
                    let p = p |> List.map (fun (w, m, v) -> w, round (m * 2.0 ** 40) / 2.0 ** 40, v)
                    let q = p |> List.map (fun (w, m, v) -> w, m + size, v)
                    let estimate = (still q p).Measure w2
                    contains estimate size $"{p} + {size}"

                    Expect.isLessThan
                        (estimate.Upper - estimate.Lower)
                        (1e-6 * size + 1e-14)
                        $"{p} + {size}: {estimate}"
        ]

let private tails =
    testList
        "far tails"
        [
            testCase "χ² is in the gap between far modes: ∫q²/p of two normal laws in closed form, mode by mode"
            <| fun () ->
                // ∫ N(m, v)²/N(0, 1) = e^(m²/(2 − v)) / √(v(2 − v)), largest where q is e^(−78) of its peak.
                for shift, variance in [ 2.7, 1.717; -2.0, 1.5; 0.3, 0.9 ] do
                    for distance in [ 1e3; 8556874.5 ] do
                        let p = [ 0.75, 0.0, 1.0; 0.25, distance, 3.0 ]
                        let q = [ 0.75, shift, variance; 0.25, distance, 3.0 ]
                        let own = exp (shift * shift / (2.0 - variance)) / sqrt (variance * (2.0 - variance))
                        let truth = 0.75 * (own - 1.0)
                        let estimate = (still q p).Measure chi2
                        holds estimate truth (1e-13 * truth) $"{shift}, {variance} over {distance}"
                        Expect.isLessThan (estimate.Upper - estimate.Lower) (1e-8 * truth) $"{estimate}"

            testCase "χ² of 5.4e109 is not beyond the range of a double (the truth by quadrature in long doubles)"
            <| fun () ->
                let p =
                    [
                        0.6083663205236419, 0.42974849629537015, 0.8347068828443319
                        0.3916336794763581, -2.55446802346683, 0.712563047672873
                    ]

                let q =
                    [
                        0.47470288484076134, 2.311725373914804, 0.32502906335444914
                        0.5252971151592386, -1.2329606752778288, 1.6584273409305628
                    ]

                let estimate = (still q p).Measure chi2
                holds estimate 5.406183689507523e109 1e97 "χ²"

            testCase "a component of weight 1e-22 where the target has nothing carries all of KL and W2"
            <| fun () ->
                let away = 1e8
                let p = [ 1.0, 0.0, 1.0 ]
                let q = [ 1.0, 0.0, 1.0; 1e-22, away, 1.0 ]
                // KL = 1e-22·(½·away² + ½ + ln 1e-22 − ½) up to 1e-22 of it; W2² = 1e-22·away² less what the quantile beyond moves.
                contains ((still q p).Measure kl) (1e-22 * (0.5 * away * away + log 1e-22)) "KL"
                let w = (still q p).Measure w2
                holds w (1e-11 * away) (1e-11 * 20.0) "W2"
                Expect.isLessThan (w.Upper - w.Lower) (1e-6 * 1e-11 * away) $"{w}"
        ]

let private limits =
    testList
        "the limit of work"
        [
            testCase "a chain that folds the line thousands of times is bracketed, not run for minutes"
            <| fun () ->
                let folding =
                    experiment {
                        target (mixture [ 0.5, normal [ -1.0 ] 1.0; 0.5, normal [ 1.0 ] 0.5 ])
                        forward ve
                        score (exact |> rippled -0.003 0.7)
                        start prior
                        sampler (anneal (levels [ 94.0; 28.0; 0.0 ]) (predictor flow))
                    }

                let estimate = (lawOf folding).Measure tv

                Expect.isTrue
                    (0.0 <= estimate.Lower && estimate.Lower < estimate.Upper && estimate.Upper <= 1.0)
                    $"{estimate}"

                Expect.isTrue (Double.IsPositiveInfinity ((lawOf folding).Measure chi2).Value.Value) "χ² at a fold"

            testCase "more steps than the limit holds are refused, with the step and what to do"
            <| fun () ->
                let outcome =
                    experiment {
                        target (mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ])
                        forward ve
                        start (from (normal [ 0.0 ] 1.0))
                        sampler (repeat 1_000_000_000 (corrector (langevin 0.01)))
                    }
                    |> runWith (Engine.RunOptions())

                match outcome.Status with
                | :? Engine.RunStatus.Unsupported as refused ->
                    Expect.stringContains refused.Reason "of 1000000000" "where"
                    Expect.stringContains refused.Reason "use fewer steps" "what to do"
                | other -> failtest $"{other}"

            testCase "a metric is cancelled with its run"
            <| fun () ->
                use source = new CancellationTokenSource()

                let law =
                    experiment {
                        target (mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ])
                        forward ve
                        start (from (normal [ 0.0 ] 0.3))
                        sampler (corrector (langevin 0.01))
                    }
                    |> runWith (Engine.RunOptions(Cancellation = source.Token))
                    |> finalOf

                source.Cancel()

                for metric in metrics do
                    Expect.throwsT<OperationCanceledException> (fun () -> law.Measure metric |> ignore) $"{metric}"
        ]

let tests = testList "brackets of the grid law" [ totalVariation; transport; tails; limits ]
