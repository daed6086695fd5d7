module Sgm.Tests.NormalDivergencesTests

open System
open Expecto
open MathNet.Numerics
open Sgm
open Sgm.Tests.ExactLaws

let close relative (expected: float) (actual: float) what =
    Expect.isLessThanOrEqual
        (abs (actual - expected))
        (relative * abs expected)
        $"{what}: {actual:R} against {expected:R}"

/// Plain trapezoid rule on a wide range: an independent twin for one-dimensional divergences.
let integrate (f: float -> float) =
    let n = 200_000
    let a, b = -60.0, 60.0
    let width = (b - a) / float n
    Seq.sum (Seq.init (n + 1) (fun i -> f (a + float i * width))) * width

let logDensity mean variance x = -(x - mean) * (x - mean) / (2.0 * variance) - 0.5 * log (2.0 * Math.PI * variance)

let divergences =
    let pair offset variance target : Engine.DirectionPair[] =
        [| Engine.DirectionPair(1L, offset, target, variance - target) |]

    testList
        "divergences"
        [
            testCase "KL, χ², TV of one-dimensional normals against quadrature"
            <| fun () ->
                for mean, q, p in
                    [ 0.0, 1.5, 1.0; 1.0, 1.0, 1.0; 0.3, 0.5, 1.0; -2.0, 3.0, 2.0; 1e-3, 1.001, 1.0; 0.0, 0.1, 4.0 ] do
                    let logQ, logP = logDensity mean q, logDensity 0.0 p
                    let pairs = pair mean q p
                    let kl = (Engine.NormalDivergences.Kl pairs).Value.Value

                    let expected = integrate (fun x -> exp (logQ x) * (logQ x - logP x))

                    Expect.isLessThan (abs (kl - expected)) (1e-9 * expected + 1e-12) $"KL {mean} {q} {p}"
                    let tv = Engine.NormalDivergences.Tv pairs
                    let expectedTv = 0.5 * integrate (fun x -> abs (exp (logQ x) - exp (logP x)))
                    Expect.isLessThan (abs (tv.Value.Value - expectedTv)) 1e-7 $"TV {mean} {q} {p}"

                    if q < 2.0 * p then
                        close
                            1e-8
                            (integrate (fun x -> exp (2.0 * logQ x - logP x)) - 1.0)
                            (Engine.NormalDivergences.Chi2 pairs).Value.Value
                            "χ²"

            testCase "χ² is infinite exactly when the state's variance reaches twice the target's"
            <| fun () ->
                let chi2 q = Engine.NormalDivergences.Chi2(pair 0.0 q 1.0)
                Expect.isTrue (Double.IsFinite (chi2 1.999).Value.Value) "below"
                Expect.equal (chi2 2.0).Value (Nullable infinity) "at"
                Expect.isNotNull (chi2 2.0).Reason "with a reason"

            testCase "a point has no density: KL = χ² = ∞, TV = 1, W2 finite"
            <| fun () ->
                let law =
                    gaussianLaw (
                        experiment {
                            target (normal [ 1.0 ] 4.0)
                            forward ve
                            start (point [ 1.0 ])
                            sampler identity
                        }
                    )

                Expect.equal (value kl law) infinity "KL"
                Expect.equal (value chi2 law) infinity "χ²"
                Expect.equal (value tv law) 1.0 "TV"
                close 1e-15 2.0 (value w2 law) "W2"

            testCase "a χ² beyond the range of a double is not called infinite"
            <| fun () ->
                let estimate =
                    Engine.NormalDivergences.Chi2(ReadOnlySpan [| Engine.DirectionPair(1_000_000L, 0.1, 1.0, 0.1) |])

                Expect.isFalse estimate.Value.HasValue "no value"
                Expect.stringContains estimate.Reason "ln(1 + χ²)" "but its logarithm"

            testCase "TV with equal covariances is 2Φ(δ/(2σ)) − 1"
            <| fun () ->
                for variance in [ 1.0; 0.25; 9.0 ] do
                    for d in [ 1L; 10L; 1000L ] do
                        let offset = 0.1 * sqrt variance
                        let pairs = [| Engine.DirectionPair(d, offset, variance, 0.0) |]
                        let tv = Engine.NormalDivergences.Tv(ReadOnlySpan pairs)
                        let delta = 0.1 * sqrt (float d)
                        let normal = Distributions.Normal()
                        close 1e-12 (2.0 * normal.CumulativeDistribution(delta / 2.0) - 1.0) tv.Value.Value $"d = {d}"

            testCase "TV on the line is the difference of masses between the crossings, wherever these are"
            <| fun () ->
                let random = Random 3
                let magnitude decades = 10.0 ** (decades * (2.0 * random.NextDouble() - 1.0))

                for _ in 1..3000 do
                    let p, q = magnitude 2.0, magnitude 2.0
                    let mean = 4.0 * (2.0 * random.NextDouble() - 1.0) * sqrt (max p q)

                    // Nearly equal variances lose the digits of the schoolbook formula below.
                    if abs (q - p) > 0.05 * p then
                        // ln q − ln p = −½·(a·x² − 2b·x + c).
                        let a = 1.0 / q - 1.0 / p
                        let b = mean / q
                        let c = mean * mean / q + log (q / p)
                        let root = sqrt (b * b - a * c)
                        let ends = [ (b - root) / a; (b + root) / a ]

                        let mass mean variance =
                            let at x = Distributions.Normal.CDF(mean, sqrt variance, x)
                            at (List.max ends) - at (List.min ends)

                        let expected = abs (mass mean q - mass 0.0 p)
                        let tv = Engine.NormalDivergences.Tv(pair mean q p)
                        let what = $"N({mean:R}, {q:R}) against N(0, {p:R})"
                        Expect.isLessThan (abs (tv.Value.Value - expected)) 1e-13 what
                        Expect.isLessThanOrEqual tv.Lower tv.Value.Value what
                        Expect.isGreaterThanOrEqual tv.Upper tv.Value.Value what
                        Expect.isLessThan (tv.Upper - tv.Lower) 1e-14 what

            testCase "TV in the plane against quadrature"
            <| fun () ->
                let x, y = Engine.DirectionPair(1L, 0.4, 1.0, 0.5), Engine.DirectionPair(1L, -0.3, 2.0, -1.2)

                let density (pair: Engine.DirectionPair) t =
                    exp (logDensity pair.Offset pair.StateVariance t), exp (logDensity 0.0 pair.Variance t)

                let width = 0.02
                let along pair = Array.init 1001 (fun i -> density pair (width * float (i - 500)))
                let alongY = along y

                let expected =
                    along x
                    |> Array.sumBy (fun (qx, px) -> alongY |> Array.sumBy (fun (qy, py) -> abs (qx * qy - px * py)))
                    |> fun sum -> 0.5 * sum * width * width

                let tv = Engine.NormalDivergences.Tv(ReadOnlySpan [| x; y |])
                // The rule's error is of order width² where |q − p| has its corner.
                Expect.isLessThan (abs (tv.Value.Value - expected)) 1e-4 $"{tv.Value} against {expected}"

            testCase "Pinsker, TV ≤ ½√χ² and KL ≤ ln(1 + χ²)"
            <| fun () ->
                for mean in [ 0.0; 0.5; 2.0 ] do
                    for q in [ 0.2; 0.9; 1.3; 1.9 ] do
                        let pairs = pair mean q 1.0
                        let kl = (Engine.NormalDivergences.Kl pairs).Value.Value
                        let chi2 = (Engine.NormalDivergences.Chi2 pairs).Value.Value
                        let tv = (Engine.NormalDivergences.Tv pairs).Value.Value
                        Expect.isLessThanOrEqual tv (sqrt (kl / 2.0)) "Pinsker"
                        Expect.isLessThanOrEqual tv (sqrt chi2 / 2.0) "TV ≤ ½√χ²"
                        Expect.isLessThanOrEqual kl (log (1.0 + chi2)) "KL ≤ ln(1 + χ²)"
        ]
