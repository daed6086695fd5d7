/// Step sizes of correctors that are Langevin steps: of a signal-to-noise ratio, of annealed Langevin.
module Sgm.Tests.CorrectorSizesTests

open System
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification.References

let internal near tolerance (actual: float) expected what =
    Expect.isLessThanOrEqual
        (abs (actual - expected))
        (tolerance * (1.0 + abs expected))
        $"{what}: {actual:R} {expected:R}"

let internal planOf = ExactLaws.planOf

let internal at law noising body =
    experiment {
        target law
        forward noising
        start warm
        sampler body
        measure [ w2 ]
    }

/// The step size of the only Langevin step of a sampler.
let private sizeOf law noising own body =
    let plan = planOf { at law noising body with Score = own }

    match
        [
            for step in plan.Tableaus() do
                if step.StaysAtLevel then
                    step
        ]
        |> List.distinct
    with
    | [ step ] ->
        near 1e-15 (step.C * step.C) (2.0 * step.B[0]) "√(2h)"
        step.B[0]
    | other -> failtest $"{other}"

let private uniformLevels = uniform 1.0 0.25 3
let internal after body = predictor flow >=> body

let tests =
    testList
        "sizes"
        [
            testCase "E‖ξ‖ is √2·Γ((d + 1)/2)/Γ(d/2)" (fun () ->
                for d, expected in
                    [
                        1, sqrt (2.0 / Math.PI)
                        2, sqrt (Math.PI / 2.0)
                        3, 2.0 * sqrt (2.0 / Math.PI)
                        4, 3.0 / 4.0 * sqrt (2.0 * Math.PI)
                        5, 8.0 / 3.0 * sqrt (2.0 / Math.PI)
                    ] do
                    near 1e-13 (ScoreNorm.OfNoise d) expected $"d = {d}"

                // √d·(1 − 1/(4d) + 1/(32d²) + …).
                let d = 1e6
                near 1e-12 (ScoreNorm.OfNoise(int d)) (sqrt d * (1.0 - 0.25 / d + 1.0 / (32.0 * d * d))) "large d")

            testCase "E‖s‖ of unequal variances is an integral over the angle" (fun () ->
                let plan = planOf (at (normalDiag [ 1.0; 2.0 ] [ 4.0; 0.25 ]) ve identity)
                let struct (mean, error) = ScoreNorm.Of(plan.Target, plan.Score).At(NoiseLevel.VarianceExploding 1.0)
                // ‖s‖ = R·√(cos²θ/5 + sin²θ/1.25), E R = √(π/2).
                let n = 1000

                let angles =
                    Seq.init n (fun i -> Math.PI * (float i + 0.5) / float n)
                    |> Seq.averageBy (fun a -> sqrt (cos a ** 2.0 / 5.0 + sin a ** 2.0 / 1.25))

                near 1e-12 mean (sqrt (Math.PI / 2.0) * angles) "mean"
                Expect.equal error 0.0 "no estimate")

            testCase "E|s| of two modes is the variation of the density, up to its standard error" (fun () ->
                let plan = planOf (at (mixture [ 0.3, normal [ -2.0 ] 0.25; 0.7, normal [ 2.0 ] 0.5 ]) ve identity)
                let struct (mean, error) = ScoreNorm.Of(plan.Target, plan.Score).At(NoiseLevel.VarianceExploding 0.5)
                let density x = exp (Naive.logDensity plan.Target.Factors[0].Law (NoiseLevel.VarianceExploding 0.5) x)
                let values = Array.init 40_001 (fun i -> density (-10.0 + float i * 5e-4))
                let variation = values |> Array.pairwise |> Array.sumBy (fun (a, b) -> abs (b - a))
                Expect.isLessThan (abs (mean - variation)) (4.0 * error) "mean"
                Expect.isLessThan error (0.02 * mean) "a small error"
                let again = planOf (at (mixture [ 0.3, normal [ -2.0 ] 0.25; 0.7, normal [ 2.0 ] 0.5 ]) ve identity)
                let struct (same, _) = ScoreNorm.Of(again.Target, again.Score).At(NoiseLevel.VarianceExploding 0.5)
                Expect.equal same mean "the same draws")

            testCase "langevinSnr is 2α(r/factor)²·variance on an isotropic normal law, ald 2α(rσ)²" (fun () ->
                let law = normal [ 0.5; -1.0; 2.0 ] 0.4
                let half = exact |> scaled 0.5

                near
                    1e-13
                    (sizeOf law ve exact (corrector (langevinSnr 0.2)))
                    (2.0 * 0.04 * 0.4)
                    "outside of an anneal"

                near
                    1e-13
                    (sizeOf law ve half (corrector (langevinSnr 0.2)))
                    (2.0 * 0.04 * 0.4 / 0.25)
                    "half the score"

                let m, m' = exp -1.0, exp -0.75
                let alpha = (m / m') ** 2.0
                let first body = anneal (uniform 1.0 0.75 1) body
                let upper = m * m * 0.4 + 1.0 - m * m
                let lower = m' * m' * 0.4 + 1.0 - m' * m'
                let before step = first (corrector step >=> predictor flow)
                near 1e-13 (sizeOf law vp exact (before (langevinSnr 0.2))) (2.0 * alpha * 0.04 * upper) "before"

                near
                    1e-13
                    (sizeOf law vp exact (first (after (corrector (langevinSnr 0.2)))))
                    (2.0 * alpha * 0.04 * lower)
                    "after"

                near 1e-13 (sizeOf law vp exact (before (ald 0.2))) (2.0 * alpha * 0.04 * (1.0 - m * m)) "ald, before"

                near
                    1e-13
                    (sizeOf law vp exact (first (after (corrector (ald 0.2)))))
                    (2.0 * alpha * 0.04 * (1.0 - m' * m'))
                    "ald, after"

                near 1e-13 (sizeOf law ve exact (first (after (corrector (ald 0.2))))) (2.0 * 0.04 * 0.75 * 0.75) "ve")

            testCase "sgm check's estimate is said with its error, a quadrature without" (fun () ->
                let found law =
                    match Check.experiment "." (at law ve (anneal uniformLevels (corrector (langevinSnr 0.16)))) with
                    | Ok valid -> valid.StepSizes
                    | Error problems -> failtest (Message.renderAll problems)

                match found (normal [ 0.0 ] 0.5) with
                | [ first; last ] ->
                    near 1e-13 first.H (2.0 * 0.16 ** 2.0 * (0.5 + 0.75 ** 2.0)) "h at the first level"
                    near 1e-13 last.H (2.0 * 0.16 ** 2.0 * (0.5 + 0.25 ** 2.0)) "h at the last level"
                    Expect.equal (first.RelativeError, last.RelativeError) (0.0, 0.0) "exact"
                | other -> failtest $"{other}"

                let drawn = found (mixture [ 0.5, normal [ 0.0 ] 0.5; 0.5, normal [ 0.0 ] 0.5 ])
                // The same law, by draws.
                for drawn, exact in List.zip drawn (found (normal [ 0.0 ] 0.5)) do
                    Expect.isGreaterThan drawn.RelativeError 0.0 "an estimate"
                    Expect.isLessThan (abs (drawn.H / exact.H - 1.0)) (4.0 * drawn.RelativeError) "h"

                Expect.isEmpty
                    (match Check.experiment "." (at (standard 1) ve (corrector (langevin 0.1))) with
                     | Ok valid -> valid.StepSizes
                     | Error problems -> failtest (Message.renderAll problems))
                    "what asks for no score")
        ]

/// A law and a score that is not its own, so that nothing is at rest.
