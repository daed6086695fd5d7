/// Mass far outside is as light as it likes and still makes W2, KL and moments: held to the near part of the same run without it
/// and to closed forms of a normal law, since far out a mixture's score is that of its widest component.
module Sgm.Tests.GridFarTests

open System
open Expecto
open Sgm
open Sgm.Tests.ExactLaws

let private lawOf e = finalOf (Engine.GridInterpreter().Run(planOf e, Engine.RunOptions()))

let private steps = 3
let private h = 0.1

/// Langevin from N(0, 1), and from the same with weight w of N(far, 1).
let private after (first: Start) =
    lawOf (
        experiment {
            target (mixture [ 0.5, normal [ 0.0 ] 1.0; 0.5, normal [ 0.5 ] 2.0 ])
            forward ve
            start first
            sampler (repeat steps (corrector (langevin h)))
        }
    )

let private withFar weight far = after (from (mixture [ 1.0, normal [ 0.0 ] 1.0; weight, normal [ far ] 1.0 ]))

/// Mean and variance of the far part: x ← x − h(x − ½)/2 + √(2h)·ξ.
let private farPart (far: float) =
    ((far, 1.0), [ 1..steps ])
    ||> List.fold (fun (m, v) _ -> m - h * (m - 0.5) / 2.0, (1.0 - h / 2.0) ** 2.0 * v + 2.0 * h)

let private contains what (estimate: Engine.Estimate) (low, high) =
    Expect.isTrue (estimate.Lower <= high && estimate.Upper >= low) $"{what}: [{low}, {high}] in {estimate}"
    Expect.isLessThan (estimate.Upper - estimate.Lower) (1e-3 * high) $"{what}: narrow"

let tests =
    testList
        "far mass of the grid law"
        [
            for weight, far in [ 1e-10, 1e5; 1e-12, 1e6; 1e-16, 1e6; 1e-18, 1e7; 1e-22, 1e9; 1e-24, 1e11 ] do
                testCase $"weight {weight} at {far} is carried by noisy steps"
                <| fun () ->
                    let near = after (from (normal [ 0.0 ] 1.0))
                    let law = withFar weight far
                    let weight = weight / (1.0 + weight)
                    let m, v = farPart far
                    let w2 = near.Measure(Engine.Metric.W2).Value.Value

                    // The far mass goes to the target's last quantile, within ±20 of 0.
                    let transported quantile = sqrt (w2 * w2 + weight * ((m - quantile) ** 2.0 + v))

                    contains "W2" (law.Measure Engine.Metric.W2) (transported 20.0 * (1.0 - 1e-9), transported -20.0)

                    // E ln q/p on the far part: −½·ln(2πe·v) + ln w against −ln ½·N(x; ½, 2).
                    let entropy = log weight - 0.5 * log (2.0 * Math.PI * Math.E * v)
                    let cross = log 2.0 + 0.5 * log (4.0 * Math.PI) + (v + (m - 0.5) ** 2.0) / 4.0
                    let kl = near.Measure(Engine.Metric.Kl).Value.Value + weight * (entropy + cross)
                    contains "KL" (law.Measure Engine.Metric.Kl) (kl * (1.0 - 1e-9), kl * (1.0 + 1e-9))

                    let bulk, moments = near.Moments(), law.Moments()

                    let variance =
                        (1.0 - weight) * bulk.Variance.[0] + weight * ((1.0 - weight) * (m - bulk.Mean.[0]) ** 2.0 + v)

                    Expect.isLessThanOrEqual
                        (abs (moments.Variance.[0] - variance))
                        (moments.VarianceError.[0] + 1e-12 * variance)
                        "variance"

            for weight, far, count, data in
                [
                    1e-40, 20.0, 1, normal [ 0.0 ] 1.0
                    1e-30, 15.0, 1, mixture [ 1.0, normal [ 0.0 ] 1.0; 1e-300, normal [ 3.0 ] 0.5 ]
                    1e-40, 20.0, 3, mixture [ 1.0, normal [ 0.0 ] 1.0; 1e-300, normal [ 3.0 ] 0.5 ]
                ] do
                testCase $"χ² is in mass that a step left out: weight {weight} at {far}, {count} steps"
                <| fun () ->
                    // The state is two normals, and ∫(w·N(m, v))²/N(0, 1) = w²/√(v(2 − v))·e^(m²/(2 − v)).
                    let m, v =
                        ((far, 1.0), [ 1..count ])
                        ||> List.fold (fun (m, v) _ -> (1.0 - h) * m, (1.0 - h) ** 2.0 * v + 2.0 * h)

                    let truth = weight * weight / sqrt (v * (2.0 - v)) * exp (m * m / (2.0 - v))

                    let law =
                        lawOf (
                            experiment {
                                target data
                                forward ve
                                start (from (mixture [ 1.0, normal [ 0.0 ] 1.0; weight, normal [ far ] 1.0 ]))
                                sampler (repeat count (corrector (langevin h)))
                            }
                        )

                    Expect.isGreaterThan (law.Measure Engine.Metric.Chi2).Upper truth "not below the truth"

            testCase "χ² is in a tail that a narrow component of the score throws out"
            <| fun () ->
                let law =
                    lawOf (
                        experiment {
                            target (normal [ 0.0 ] 1.0)
                            forward ve
                            score (scoreOf (mixture [ 0.5, normal [ 0.0 ] 1.0; 0.5, normal [ 12.0 ] 1e-4 ]))
                            start (from (normal [ 0.0 ] 1.0))
                            sampler (corrector (langevin 0.01))
                        }
                    )

                // By data processing on [23, 23.5]: Q²/P − 1 with Q = 5.17e-34 and P = 2.33e-117 (40 digits).
                Expect.isGreaterThan (law.Measure Engine.Metric.Chi2).Upper 1.14e50 "above what one interval shows"

            for h, count in [ 0.9, 252; 0.98, 251 ] do
                testCase $"χ² of a tail nearly twice as wide, h = {h}, after more steps than lattices take" (fun () ->
                    let law =
                        lawOf (
                            experiment {
                                target (normal [ 0.0 ] 1.0)
                                forward ve
                                start (from (normal [ 2.0 ] 1.0))
                                sampler (repeat count (corrector (langevin h)))
                                measure [ chi2 ]
                            }
                        )

                    // x ← (1 − h)x + √(2h)·ξ leaves N(0, V) as it is, V = 1/(1 − h/2), and ∫q²/p is 1/√(V(2 − V)).
                    let variance = 1.0 / (1.0 - h / 2.0)
                    let truth = 1.0 / sqrt (variance * (2.0 - variance)) - 1.0
                    ExactLaws.contains (law.Measure Engine.Metric.Chi2) truth "χ²")

            testCase "χ² beyond the root of the largest double has both ends" (fun () ->
                let law =
                    lawOf (
                        experiment {
                            target (normal [ 0.0 ] 1.0)
                            forward ve
                            start (from (normal [ 24.0 ] 1.0))
                            sampler (corrector (langevin 0.01))
                            measure [ chi2 ]
                        }
                    )

                // ln(1 + χ²) of N(μ, V) from N(0, 1).
                let mean, variance = 24.0 * 0.99, 0.99 ** 2.0 + 0.02
                let truth = exp (mean * mean / (2.0 - variance)) / sqrt (variance * (2.0 - variance)) - 1.0
                let found = law.Measure Engine.Metric.Chi2
                Expect.isGreaterThan truth 1e200 "where its square is no double"
                Expect.isLessThan found.Lower (truth * (1.0 + 1e-9)) "from below"
                Expect.isGreaterThan found.Upper (truth * (1.0 - 1e-9)) "from above"
                Expect.isLessThan (found.Upper - found.Lower) (1e-6 * truth) "narrow")

            testCase "W2 is the same beside χ², which looks at masses below the doubles" (fun () ->
                let w2Under wanted =
                    let law =
                        lawOf (
                            experiment {
                                target (mixture [ 0.4, normal [ -2.0 ] 0.25; 0.6, normal [ 3.258 ] 0.4129 ])
                                forward ve
                                sampler (anneal (geometric 3.218 0.374 4) (predictor exponential))
                                measure wanted
                            }
                        )

                    law.Measure Engine.Metric.W2

                let alone, beside = w2Under [ w2 ], w2Under [ chi2; w2 ]
                Expect.isTrue beside.Value.HasValue beside.Reason
                ExactLaws.contains beside alone.Value.Value "as if nobody had asked for χ²"
                Expect.isLessThan (beside.Upper - beside.Lower) 1e-9 "narrow")

            testCase "a component between two numbers is refused, however light"
            <| fun () ->
                let plan =
                    planOf (
                        experiment {
                            target (mixture [ 0.5, normal [ 0.0 ] 1.0; 0.5, normal [ 0.5 ] 2.0 ])
                            forward ve
                            start (from (mixture [ 1.0, normal [ 0.0 ] 1.0; 1e-40, normal [ 1e18 ] 1.0 ]))
                            sampler (corrector (langevin h))
                        }
                    )

                match Engine.GridInterpreter().Run(plan, Engine.RunOptions()).Status with
                | :? Engine.RunStatus.Unsupported as refused ->
                    Expect.stringContains refused.Reason "finer positions than doubles have" "the reason"
                | status -> failtest $"{status}"
        ]
