module Sgm.Tests.GridMixturesTests

open System
open Expecto
open Sgm
open Sgm.Tests.ExactLaws

let private runPlan p = Engine.GridInterpreter().Run(p, Engine.RunOptions())

let private finalLaw e = finalOf (runPlan (planOf e))

/// A random annealed pipeline that ends in noise, on a mixture; every kind of kernel, order, schedule and score error comes up.
let private pipeline seed =
    let random = Random(seed + 1000)
    let between a b = a + (b - a) * random.NextDouble()
    let pick (choices: 'a list) = choices[random.Next choices.Length]
    let count = pick [ 1; 2; 3 ]
    let weights = List.init count (fun _ -> between 0.2 1.0)

    let law =
        mixture (weights |> List.map (fun w -> w / List.sum weights, normal [ between -3.0 3.0 ] (between 0.1 2.0)))

    let isVp = pick [ true; false ]

    let schedule =
        let a, b = if isVp then 2.0, 0.1 else 5.0, 0.3
        let n = pick [ 3; 5 ]
        pick [ uniform a b n; geometric a b n; karras 3.0 a b n ]

    let errors =
        pick
            [
                id
                shifted (between -0.3 0.3)
                scaled (between 0.8 1.2)
                rippled (between 0.05 0.2) (between 0.5 3.0)
                shifted 0.1 >> scaled 0.9
            ]

    let correct = repeat (pick [ 1; 2 ]) (corrector (langevinScaled (between 0.05 0.2)))

    let body =
        let kernel = pick [ ancestral; exponential; eulerMaruyama; flow; flowHeun ]
        let isNoisy = List.contains kernel [ ancestral; exponential; eulerMaruyama ]

        if isNoisy && pick [ true; false ] then
            correct >=> predictor kernel
        else
            predictor kernel >=> correct

    experiment {
        target law
        forward (if isVp then vp else ve)
        score (errors exact)
        sampler (anneal schedule body)
    }

let private againstTheNaiveTwin =
    testList
        "random pipelines against plain trapezoid sums"
        [
            for seed in 1..16 do
                testCase $"pipeline {seed}"
                <| fun () ->
                    let e = pipeline seed
                    let p = planOf e
                    let law = finalOf (runPlan p)
                    let level = (Naive.steps p |> Seq.last).To
                    let target = p.Target.Factors[0].Law
                    let naive = Naive.run 2401 p

                    let near what own truth (relative: float) (absolute: float) =
                        Expect.isLessThanOrEqual
                            (abs (own - truth))
                            (relative * abs truth + absolute)
                            $"{what}: {own:R} against {truth:R} in {Print.experiment e}"

                    near "KL" (value kl law) (Naive.kl naive target level) 1e-9 1e-12
                    near "TV" (value tv law) (Naive.tv naive target level) 0.0 1e-5
                    let own = law.Measure chi2

                    if Double.IsFinite own.Value.Value && own.Value.Value < 100.0 then
                        near "χ²" own.Value.Value (Naive.chi2 naive target level) 1e-9 1e-12

                    let mean, variance = Naive.moments naive
                    let moments = law.Moments()
                    near "mean" moments.Mean[0] mean 0.0 1e-10
                    near "variance" moments.Variance[0] variance 1e-10 0.0

                    // Between divergences of one pair of laws.
                    Expect.isLessThanOrEqual (value tv law) (sqrt (value kl law / 2.0) + 1e-12) "Pinsker"
                    Expect.isLessThanOrEqual (value tv law) (0.5 * sqrt (value chi2 law) + 1e-12) "TV ≤ ½√χ²"
                    Expect.isLessThanOrEqual (value kl law) (log (1.0 + value chi2 law) + 1e-12) "KL ≤ ln(1 + χ²)"

                    for metric in [ kl; tv; w2 ] do
                        let estimate = law.Measure metric
                        let width = estimate.Upper - estimate.Lower

                        Expect.isLessThanOrEqual
                            width
                            (1e-6 * estimate.Value.Value + 1e-9)
                            $"{metric}: a narrow bracket"

                    // The same coordinate as a product of one copy.
                    let product = finalOf (Engine.ProductInterpreter().Run(p, Engine.RunOptions()))

                    for metric in [ kl; tv; w2 ] do
                        near $"{metric} of the product law" (value metric product) (value metric law) 1e-9 1e-12
        ]

/// Two laws under the same steps, after each of which they can only be closer in total variation.
let private dataProcessing =
    testCase "the same steps never take two laws apart; the triangle inequality"
    <| fun () ->
        let laws first =
            let found = ResizeArray<Engine.GridLaw>()

            let e =
                experiment {
                    target (mixture [ 0.4, normal [ -1.5 ] 0.3; 0.6, normal [ 1.0 ] 0.6 ])
                    forward ve
                    score (exact |> rippled 0.3 2.0)
                    start (from first)
                    sampler (repeat 12 (corrector (langevin 0.05)))
                    measure [ tv ]
                }

            let options = Engine.RunOptions(AfterStep = Action<_>(fun step -> found.Add(step.Law :?> Engine.GridLaw)))

            Expect.isTrue (Engine.GridInterpreter().Run(planOf e, options).IsCompleted) "completed"
            List.ofSeq found

        let one = laws (normal [ 2.0 ] 0.5)
        let other = laws (mixture [ 0.5, normal [ -2.0 ] 0.2; 0.5, normal [ 0.0 ] 0.2 ])
        let apart = List.map2 (fun (a: Engine.GridLaw) b -> a.TotalVariationFrom b) one other
        Expect.isGreaterThan apart[0].Value.Value 0.5 "they start apart"

        for before, after in List.pairwise apart do
            Expect.isLessThanOrEqual after.Lower before.Upper "data processing"

        for a, b, between in List.zip3 one other apart do
            let toTarget (law: Engine.GridLaw) = law.Measure tv
            Expect.isLessThanOrEqual ((toTarget a).Lower) ((toTarget b).Upper + between.Upper) "triangle"
            Expect.isLessThanOrEqual ((toTarget b).Lower) ((toTarget a).Upper + between.Upper) "triangle"
            Expect.isLessThanOrEqual between.Lower ((toTarget a).Upper + (toTarget b).Upper) "triangle"

let private extremes =
    testList
        "extremes"
        [
            testCase "quantiles of a mixture of variances 1e-8 and 1e8"
            <| fun () ->
                let law =
                    Engine.ScalarMixture.At(
                        Engine.Mixture(
                            [| 0.5; 0.5 |],
                            [| 0.0; 1.0 |],
                            [| Engine.Covariance.Isotropic(1, 1e-8); Engine.Covariance.Isotropic(1, 1e8) |]
                        ),
                        Engine.NoiseLevel.Data
                    )

                for x in [ -3e5; -86130.2; -40.0; -1e-4; 0.0; 2e-4; 0.013; 7.0; 12345.0; 3e5 ] do
                    let below, above = law.Below x, law.Above x
                    Expect.isTrue (Double.IsFinite below && Double.IsFinite above) $"tails at {x}"

                    if min below above > 1e-300 then
                        let back = law.Quantile(below, above, law.Mean)

                        Expect.isLessThanOrEqual
                            (abs (min (law.Below back) (law.Above back) / min below above - 1.0))
                            1e-11
                            $"the quantile of the tails at {x} is {back}"

            testCase "component variances 1e-8 and 1e8 in one run"
            <| fun () ->
                let law =
                    finalLaw (
                        experiment {
                            target (mixture [ 0.5, normal [ 0.0 ] 1e-8; 0.5, normal [ 1.0 ] 1e8 ])
                            forward ve
                            start warm
                            sampler (anneal (geometric 10.0 0.1 8) (predictor ancestral))
                        }
                    )

                for metric in [ tv; kl; chi2; w2 ] do
                    let estimate = law.Measure metric
                    Expect.isTrue estimate.Value.HasValue $"{metric}: {estimate.Reason}"
                    let width = estimate.Upper - estimate.Lower
                    Expect.isLessThanOrEqual width (2e-5 * estimate.Value.Value) $"{metric}: {estimate}"

                Expect.isLessThanOrEqual (value tv law) (sqrt (value kl law / 2.0)) "Pinsker"
                Expect.isLessThanOrEqual (value kl law) (log (1.0 + value chi2 law)) "KL ≤ ln(1 + χ²)"
                // The standard deviation of the wide half is 10⁴; what moves it is of order 1.
                Expect.isLessThan (value w2 law) 10.0 "W2"

            testCase "modes 60 standard deviations apart, weights 1e-12"
            <| fun () ->
                for w in [ 0.5; 1e-12 ] do
                    let law =
                        finalLaw (
                            experiment {
                                target (mixture [ 1.0 - w, normal [ 0.0 ] 0.01; w, normal [ 6.0 ] 0.01 ])
                                forward ve
                                start warm
                                sampler (repeat 20 (corrector (langevin 0.002)))
                            }
                        )

                    // Each mode is a normal law of its own: variance v/(1 − h/2v) in the limit, h/2v = 0.1.
                    let steady = 0.01 / 0.9
                    let factor = (1.0 - 0.2) ** 40.0
                    let ratio = (steady + (0.01 - steady) * factor) / 0.01
                    let klOfNormals = 0.5 * (ratio - 1.0 - log ratio)
                    let estimate = law.Measure kl

                    Expect.isLessThanOrEqual
                        (abs (estimate.Value.Value / klOfNormals - 1.0))
                        1e-8
                        $"KL with weight {w}: {estimate}"

            testCase "a target with features far below the state's"
            <| fun () ->
                // TV = 1 − ∫min(q, p): inside |x − m| < r, where the narrow normal is above q, q counts, outside the narrow tails do.
                let law =
                    finalLaw (
                        experiment {
                            target (mixture [ 0.5, normal [ 0.3 ] 1e-8; 0.5, normal [ 5.0 ] 1e-8 ])
                            forward ve
                            start (from (normal [ 0.0 ] 1.0))
                            sampler identity
                            measure [ tv; w2 ]
                        }
                    )

                let overlap m =
                    let q = exp (-0.5 * m * m) / sqrt (2.0 * Math.PI)
                    let peak = 0.5 / (1e-4 * sqrt (2.0 * Math.PI))
                    let r = 1e-4 * sqrt (2.0 * log (peak / q))
                    let tail = MathNet.Numerics.Distributions.Normal.CDF(0.0, 1.0, -r / 1e-4)
                    2.0 * r * q + tail

                let estimate: Engine.Estimate = law.Measure tv
                let expected = 1.0 - overlap 0.3 - overlap 5.0

                Expect.isLessThanOrEqual
                    (abs (estimate.Value.Value - expected))
                    (estimate.Upper - estimate.Lower + 1e-9)
                    $"{estimate} against {expected:R}"

            testCase "an unstable corrector diverges, with the step to use instead"
            <| fun () ->
                let outcome =
                    experiment {
                        target (mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ])
                        forward ve
                        start (from (normal [ 0.0 ] 1.0))
                        sampler (repeat 1000 (corrector (langevin 1.2)))
                    }
                    |> planOf
                    |> runPlan

                match outcome.Status with
                | :? Engine.RunStatus.Diverged as diverged ->
                    Expect.stringContains diverged.Advice "below twice its smallest variance" "advice"
                    Expect.isLessThan diverged.Step 100L "soon"
                | other -> failtest $"{other}"

            testCase "a law is given up when the rounding of its positions has grown to a hundredth"
            <| fun () ->
                // Positions of 10¹⁰ are doubles 2⁻¹⁹ apart, against noise of 10⁻³: 2⁻²⁰·10³ a step, so 10 steps and no more.
                let status count =
                    let outcome =
                        experiment {
                            target (normal [ 1e10 ] 1e-4)
                            forward ve
                            start (from (normal [ 1e10 ] 1e-4))
                            sampler (repeat count (corrector (langevin 5e-7)))
                        }
                        |> planOf
                        |> runPlan

                    outcome.Status

                Expect.isTrue ((status 8) :? Engine.RunStatus.Completed) $"{status 8}"

                match status 12 with
                | :? Engine.RunStatus.Unsupported as refused ->
                    Expect.stringContains refused.Reason "finer positions than doubles have" "reason"
                | other -> failtest $"{other}"

            testCase "χ² is narrow where the two resolutions keep different tails"
            <| fun () ->
                let p =
                    planOf (
                        experiment {
                            target (mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ])
                            forward ve
                            score (exact |> shifted 0.05)
                            start prior
                            sampler (anneal (geometric 10.0 1.0 10) (repeat 10 (corrector (langevinScaled 0.1))))
                            measure [ chi2 ]
                        }
                    )

                let estimate: Engine.Estimate = (finalOf (runPlan p)).Measure chi2
                let level = Engine.NoiseLevel.VarianceExploding 1.0
                let naive = Naive.chi2 (Naive.run 701 p) p.Target.Factors[0].Law level
                Expect.isLessThanOrEqual (abs (estimate.Value.Value - naive)) 1e-11 $"{estimate} against {naive:R}"
                // Two runs that agree where both have mass differ by rounding: 100 steps of some ulp.
                Expect.isLessThanOrEqual (estimate.Upper - estimate.Lower) 1e-11 $"{estimate}"
        ]

/// A deterministic flow onto narrow modes: the log-likelihood ratio varies over 80 units in a gap that few points fall into.
let private totalVariationAfterFlow =
    testCase "total variation of copies after a flow with a steep gap, against sorted double sums"
    <| fun () ->
        let flowing copies =
            experiment {
                target (product [ copies, mixture [ 0.5, normal [ -2.0 ] 0.04; 0.5, normal [ 2.0 ] 0.04 ] ])
                forward vp
                sampler (anneal (uniform 4.0 0.0 100) (predictor flow))
                measure [ tv ]
            }

        // ρ(u)du is carried along S; S and S′ by their recursions. S′ is 2·10⁴ at 0: points u = 9·sinh(16w)/sinh(16) crowd there.
        let p = planOf (flowing 1)
        let target = p.Target.Factors[0].Law
        let steps = p.Tableaus() |> Seq.map (fun step -> step.InScores()) |> Array.ofSeq
        let count = 200_000

        let points =
            Array.init count (fun i ->
                let w = 2.0 * (float i + 0.5) / float count - 1.0
                let u = 9.0 * sinh (16.0 * w) / sinh 16.0
                let width = 9.0 * 16.0 * cosh (16.0 * w) / sinh 16.0 * 2.0 / float count
                let mutable x = u
                let mutable slope = 1.0

                for step in steps do
                    let level = step.From
                    let variance = level.VarianceOf 0.04
                    let centre = level.Mean * 2.0
                    let bend = tanh (centre * x / variance)
                    let score = (centre * bend - x) / variance
                    let curvature = (centre * centre / variance * (1.0 - bend * bend) - 1.0) / variance
                    slope <- slope * (step.A + step.B[0] * curvature)
                    x <- step.A * x + step.B[0] * score

                let density = exp (-0.5 * u * u) / sqrt (2.0 * Math.PI)
                let ratio = log density - log slope - Naive.logDensity target Engine.NoiseLevel.Data x
                struct (ratio, density * width))

        let sorted = points |> Array.sortBy (fun struct (ratio, _) -> ratio)
        let masses = sorted |> Array.map (fun struct (_, m) -> m)
        let tilted = sorted |> Array.map (fun struct (ratio, m) -> m * exp -ratio)
        let suffix (xs: float[]) = Array.scanBack (+) xs 0.0
        let massAbove, tiltedAbove = suffix masses, suffix tilted
        // E(1 − e^(−a−b))₊ over independent a and b.
        let mutable from = count
        let mutable expected = 0.0

        for i in 0 .. count - 1 do
            let struct (ratio, mass) = sorted[i]

            while from > 0 && (let struct (other, _) = sorted[from - 1] in other + ratio > 0.0) do
                from <- from - 1

            expected <- expected + mass * massAbove[from] - tilted[i] * tiltedAbove[from]

        // One copy, by the grid law alone.
        let single = Array.map2 (fun m t -> max 0.0 (m - t)) masses tilted |> Array.sum
        let one: Engine.Estimate = (finalLaw (flowing 1)).Measure tv

        Expect.isLessThanOrEqual
            (abs (one.Value.Value - single))
            (one.Upper - one.Lower + 1e-8)
            $"{one} against {single:R}"

        let law = finalOf (Engine.ProductInterpreter().Run(planOf (flowing 2), Engine.RunOptions()))
        let two: Engine.Estimate = law.Measure tv

        Expect.isLessThanOrEqual (two.Upper - two.Lower) 1e-6 "narrow"

        Expect.isLessThanOrEqual
            (abs (two.Value.Value - expected))
            (two.Upper - two.Lower + 1e-7)
            $"{two} against {expected:R}"

let tests =
    testList "grid law on mixtures" [ againstTheNaiveTwin; dataProcessing; extremes; totalVariationAfterFlow ]
