/// A component far narrower than the law of the state changes the score and changes it back between two points of a
/// grid: one step of Langevin held to sums over points that are dense about every component.
module Sgm.Tests.GridNarrowTests

open System
open Expecto
open Sgm
open Sgm.Tests.ExactLaws

/// Weight, mean, standard deviation.
type private Component = float * float * float

let private slopeOf (components: Component list) =
    let parts = [| for w, m, s in components -> struct (log (w / s), m, 1.0 / s) |]

    fun x ->
        let log (struct (l, m, p)) = l - 0.5 * ((x - m) * p) ** 2.0
        let mutable largest, total, sum = -infinity, 0.0, 0.0

        for part in parts do
            largest <- max largest (log part)

        for struct (_, m, p) as part in parts do
            let share = exp (log part - largest)
            total <- total + share
            sum <- sum + share * (m - x) * p * p

        sum / total

/// Mean and variance of x + h·s(x) + √(2h)·ξ, x ~ N(0, 1), by Simpson's rule on cells that grow away from N(0, 1) and
/// every component of <paramref name="around"/>.
let private moments around (components: Component list) h =
    let ends =
        [|
            for _, m, s in (1.0, 0.0, 1.0) :: around do
                for i in -2400 .. 2400 -> m + 8.0 * s * sinh (float i / 120.0) / sinh 2.0
        |]
        |> Array.filter (fun x -> abs x < 11.0)
        |> Array.distinct
        |> Array.sort

    let slope = slopeOf components
    let step x = x + h * slope x
    let density x = exp (-0.5 * x * x) / sqrt (2.0 * Math.PI)

    let integral f =
        ends
        |> Array.pairwise
        |> Array.sumBy (fun (a, b) ->
            let c = 0.5 * (a + b)
            (b - a) / 6.0 * (density a * f a + 4.0 * density c * f c + density b * f b))

    let mean = integral step
    mean, integral (fun x -> (step x - mean) ** 2.0) + 2.0 * h

let private checkAround around (components: Component list) h =
    let law =
        finalOf (
            Engine
                .GridInterpreter()
                .Run(
                    planOf (
                        experiment {
                            target (mixture [ for w, m, s in components -> w, normal [ m ] (s * s) ])
                            forward ve
                            start (from (normal [ 0.0 ] 1.0))
                            sampler (corrector (langevin h))
                        }
                    ),
                    Engine.RunOptions()
                )
        )

    let mean, variance = moments around components h
    let found = law.Moments()
    let what = $"{components}, h = {h}"

    Expect.isLessThanOrEqual (abs (found.Mean.[0] - mean)) (found.MeanError.[0] + 1e-8 * sqrt variance) $"mean, {what}"

    Expect.isLessThanOrEqual
        (abs (found.Variance.[0] - variance))
        (found.VarianceError.[0] + 1e-7 * variance)
        $"variance, {what}"

    // W2 of laws on the line is at least the difference of their standard deviations.
    let weights, mean', second =
        ((0.0, 0.0, 0.0), components)
        ||> List.fold (fun (w', m', v') (w, m, s) -> w' + w, m' + w * m, v' + w * (m * m + s * s))

    let deviation = sqrt (second / weights - (mean' / weights) ** 2.0)

    Expect.isGreaterThanOrEqual
        ((law.Measure Engine.Metric.W2).Upper + 1e-7 * sqrt variance)
        (abs (sqrt variance - deviation))
        $"W2, {what}"

let private check (components: Component list) h = checkAround components components h

/// So many wide components and a narrow one, inside or outside of the state.
let private amongMany count mean h =
    let random = Random(count: int)
    let between a b = a + (b - a) * random.NextDouble()
    let narrow = 1e-3, mean, 1e-4

    let wide = [ for _ in 1..count -> 0.999 / float count, between -2.0 2.0, between 0.55 1.0 ]

    checkAround [ narrow ] (wide @ [ narrow ]) h

/// A posterior that switches from one mode to another beside an end of a panel, where no point lies. The truths are by quadrature
/// with a break at the switch and by a sinh trapezoid at 30 digits, half a unit of the last digit beside each.
let private switches =
    let two mean variance = mixture [ 0.5, normal [ -mean ] variance; 0.5, normal [ mean ] variance ]
    let narrow = two 2.0 1e-4
    let ancestralStep = anneal (levels [ 0.1; 0.02 ]) (predictor ancestral)

    [
        "two modes, one step of ancestral from N(0, 1)",
        (narrow, exact, 0.0, ancestralStep),
        [ "kl", 10.4791946, 5e-8; "variance", 3.7522109881, 5e-11 ]
        "two modes, one step of ancestral from N(−¾, 1)",
        (narrow, exact, -0.75, ancestralStep),
        [ "kl", 8.201, 5e-4; "mean", -1.07648, 5e-6; "variance", 2.63872, 5e-6 ]
        // T(x) = 2·tanh(2·10⁴x): variance 4 − 4·E sech² + 2·10⁻⁴.
        "two modes, one step of Langevin",
        (narrow, exact, 0.0, corrector (langevin 1e-4)),
        [ "variance", 4.000040423, 5e-10 ]
        "the score of other modes, 6000 apart",
        (standard 1, scoreOf (two 3000.0 1.0), 0.0, corrector (langevin 1e-4)),
        [ "kl", 0.271514798594, 5e-13; "chi2", 0.344963359, 5e-10; "variance", 1.56865891500007, 1e-13 ]
    ]

let private measured (law: Engine.Law) quantity =
    let moments = law.Moments()

    match quantity with
    | "mean" -> moments.Mean.[0], moments.MeanError.[0]
    | "variance" -> moments.Variance.[0], moments.VarianceError.[0]
    | metric ->
        let estimate = law.Measure(if metric = "kl" then Engine.Metric.Kl else Engine.Metric.Chi2)
        estimate.Value.Value, max (estimate.Upper - estimate.Value.Value) (estimate.Value.Value - estimate.Lower)

let tests =
    testList
        "narrow components of the grid law"
        [
            for components, h in
                [
                    [ 0.9, 0.0, 1.0; 0.1, 0.3, 1e-4 ], 0.01
                    [ 0.9, 0.0, 1.0; 0.1, 0.3, 1e-3 ], 1e-4
                    [ 0.9999, 0.0, 1.0; 1e-4, 0.3, 1e-4 ], 0.01
                    [ 0.5, 0.0, 1.0; 0.5, 5.5, 1e-3 ], 0.01
                ] do
                testCase $"{components}, h = {h}" <| fun () -> check components h

            for count in [ 16; 17; 200 ] do
                for mean in [ 0.3; 3.0; 9.0 ] do
                    testCase $"{count} wide components and one at {mean}" <| fun () -> amongMany count mean 0.01

            testCase
                "a ripple of 5e-8 noise deviations, 1000 waves a unit: to first order its mean over waves, which is nothing"
            <| fun () ->
                let law scored =
                    finalOf (
                        Engine
                            .GridInterpreter()
                            .Run(
                                planOf (
                                    experiment {
                                        target (mixture [ 0.5, normal [ 0.0 ] 1.0; 0.5, normal [ 1.5 ] 1.0 ])
                                        forward ve
                                        score scored
                                        start (from (normal [ 0.3 ] 1.1))
                                        sampler (repeat 3 (corrector (langevin 0.01)))
                                    }
                                ),
                                Engine.RunOptions()
                            )
                    )

                let plain, rippled = law exact, law (exact |> rippled 5e-7 1000.0)

                // To second order the law changes by the square, 2.5e-15 of it.
                for metric in metrics do
                    let expected, found = plain.Measure metric, rippled.Measure metric
                    let apart = abs (found.Value.Value - expected.Value.Value)
                    let widths = found.Upper - found.Lower + expected.Upper - expected.Lower
                    Expect.isLessThanOrEqual apart (0.5 * widths + 1e-14) $"{metric}"
                    Expect.isLessThan widths 1e-11 $"{metric}: narrow"

            for name, (data, scored, mean, steps), truths in switches do
                testCase name
                <| fun () ->
                    let law =
                        finalOf (
                            Engine
                                .GridInterpreter()
                                .Run(
                                    planOf (
                                        experiment {
                                            target data
                                            forward ve
                                            score scored
                                            start (from (normal [ mean ] 1.0))
                                            sampler steps
                                        }
                                    ),
                                    Engine.RunOptions()
                                )
                        )

                    for quantity, truth, known in truths do
                        let value, error = measured law quantity
                        Expect.isLessThanOrEqual (abs (value - truth)) (error + known) $"{quantity}: {value}"
                        Expect.isLessThanOrEqual error (1e-8 * abs truth) $"{quantity}: narrow"

            testCase "30 random ones"
            <| fun () ->
                let random = Random 7

                for _ in 1..30 do
                    let narrow =
                        [
                            for _ in 0 .. random.Next 3 ->
                                random.NextDouble(),
                                4.0 * random.NextDouble() - 2.0,
                                10.0 ** (-4.0 * random.NextDouble())
                        ]

                    let wide = 1.0, random.NextDouble(), 1.0 + random.NextDouble()
                    let total = (wide :: narrow) |> List.sumBy (fun (w, _, _) -> w)
                    let smallest = narrow |> List.map (fun (_, _, s) -> s) |> List.min

                    check
                        (wide :: narrow |> List.map (fun (w, m, s) -> w / total, m, s))
                        (smallest * smallest * 10.0 ** (3.0 * random.NextDouble()))
        ]
