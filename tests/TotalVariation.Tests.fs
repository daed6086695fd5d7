module Sgm.Tests.TotalVariationTests

open System
open Expecto
open Sgm.Engine

let private ofDirections (directions: (float * float * float * int64) list) =
    TotalVariation.OfIndependentNormals(ReadOnlySpan [| for m, q, p, n in directions -> struct (m, q, p, n) |])

let private within tolerance expected (estimate: Estimate) what =
    let value = estimate.Value.Value

    Expect.isLessThanOrEqual
        (abs (value - expected))
        (tolerance * max 1e-3 expected)
        $"{what}: {value:R} against {expected:R}"

    Expect.isTrue (estimate.Lower <= value && value <= estimate.Upper) "ordered"

/// ½∫|q − p| by the trapezoid rule on tanh-graded pieces between the crossings, which are found by scanning: a naive twin.
let private oneDimension difference q p =
    let logDensity mean v x = -(x - mean) * (x - mean) / (2.0 * v) - 0.5 * log (2.0 * Math.PI * v)

    let ratio x = logDensity difference q x - logDensity 0.0 p x
    let reach = 12.0 * sqrt (max q p) + abs difference
    let n = 400_000
    let at i = -reach + 2.0 * reach * float i / float n

    let crossings =
        [
            for i in 0 .. n - 1 do
                if sign (ratio (at i)) <> sign (ratio (at (i + 1))) then
                    let mutable a, b = at i, at (i + 1)

                    for _ in 1..60 do
                        let m = 0.5 * (a + b)
                        if sign (ratio m) = sign (ratio a) then a <- m else b <- m

                    a
        ]

    let cdf mean v x = 0.5 * MathNet.Numerics.SpecialFunctions.Erfc(-(x - mean) / sqrt (2.0 * v))

    crossings @ [ infinity ]
    |> List.pairwise
    |> List.append [ -infinity, List.head (crossings @ [ infinity ]) ]
    |> List.sumBy (fun (a, b) ->
        let mass mean v = (if b = infinity then 1.0 else cdf mean v b) - (if a = -infinity then 0.0 else cdf mean v a)
        0.5 * abs (mass difference q - mass 0.0 p))

let tests =
    testList
        "total variation of independent normals"
        [
            testCase "one dimension, against the crossings"
            <| fun () ->
                let random = Random 7

                for _ in 1..40 do
                    let p = exp (4.0 * random.NextDouble() - 2.0)
                    let q = p * exp (3.0 * random.NextDouble() - 1.5)
                    let m = 3.0 * random.NextDouble()
                    within 1e-12 (oneDimension m q p) (ofDirections [ m, q, p, 1L ]) $"m = {m:R}, q = {q:R}, p = {p:R}"

            testCase "equal variances: 2Φ(‖δ‖/2) − 1 in d = 1, 10, 10³, 10⁶"
            <| fun () ->
                for d in [ 1L; 10L; 1000L; 1_000_000L ] do
                    for size in [ 1e-6; 1e-2; 0.3; 1.0; 3.0; 8.0 ] do
                        let delta = size * sqrt (2.5 / float d)
                        let expected = MathNet.Numerics.SpecialFunctions.Erf(size / sqrt 8.0)
                        within 1e-13 expected (ofDirections [ delta, 2.5, 2.5, d ]) $"d = {d}, {size}"

            testCase "two equal directions: polar coordinates give (1 − ρ)·ρ^(ρ/(1 − ρ)) with ρ the ratio of variances"
            <| fun () ->
                for ratio in [ 1e-6; 0.01; 0.5; 0.9; 0.999 ] do
                    // R² is exponential: with q = N(0, ρI), crossing at r² = −2·ln ρ·ρ/(1 − ρ).
                    let expected = (1.0 - ratio) * ratio ** (ratio / (1.0 - ratio))
                    within 1e-12 expected (ofDirections [ 0.0, ratio, 1.0, 2L ]) $"{ratio}"
                    within 1e-12 expected (ofDirections [ 0.0, 1.0, ratio, 2L ]) $"{ratio}, the other way round"

            testCase "symmetric, invariant under splitting counts, monotone in the number of directions"
            <| fun () ->
                let random = Random 11

                for _ in 1..30 do
                    let kinds =
                        [
                            for _ in 1 .. 1 + random.Next 4 ->
                                0.3 * random.NextDouble(),
                                exp (random.NextDouble() - 0.5),
                                exp (random.NextDouble() - 0.5),
                                int64 (1 + random.Next 20)
                        ]

                    let value = (ofDirections kinds).Value.Value
                    within 1e-12 value (ofDirections (kinds |> List.map (fun (m, q, p, n) -> -m, p, q, n))) "symmetric"

                    let split =
                        kinds
                        |> List.collect (fun (m, q, p, n) ->
                            [ (m, q, p, 1L); (m, q, p, n - 1L) ] |> List.filter (fun (_, _, _, n) -> n > 0L))

                    within 1e-12 value (ofDirections split) "split"

                    Expect.isGreaterThanOrEqual
                        ((ofDirections ((0.1, 1.0, 1.1, 1L) :: kinds)).Value.Value)
                        (value - 1e-13)
                        "monotone"

            testCase "small differences keep their relative precision"
            <| fun () ->
                // First order: TV of N(0, 1 + r) from N(0, 1) is |r|·φ(1) = |r|/√(2πe).
                for r in [ 1e-6; 1e-9; 1e-12 ] do
                    let pair = [| DirectionPair(1L, 0.0, 1.0, r) |]
                    let estimate = TotalVariation.OfIndependentNormals(ReadOnlySpan pair)
                    let expected = r / sqrt (2.0 * Math.PI * Math.E)
                    Expect.isLessThanOrEqual (abs (estimate.Value.Value / expected - 1.0)) (2.0 * r + 1e-13) $"r = {r}"

            testCase "extremes: identical laws, vanishing variance, far apart"
            <| fun () ->
                Expect.equal (ofDirections [ 0.0, 2.0, 2.0, 5L ]).Value.Value 0.0 "identical"
                Expect.equal (ofDirections [ 0.0, 0.0, 2.0, 5L ]).Value.Value 1.0 "a point"
                Expect.isGreaterThan (ofDirections [ 0.0, 1e-12, 1.0, 4L ]).Value.Value 0.99999 "narrow"
                Expect.isGreaterThan (ofDirections [ 100.0, 1.0, 1.0, 1L ]).Value.Value (1.0 - 1e-13) "far"

            testCase "between the Hellinger bounds, in many random cases"
            <| fun () ->
                let random = Random 3

                for _ in 1..200 do
                    let kinds =
                        [
                            for _ in 1 .. 1 + random.Next 6 ->
                                10.0 ** (2.0 * random.NextDouble() - 2.0),
                                10.0 ** (random.NextDouble() - 0.5),
                                10.0 ** (random.NextDouble() - 0.5),
                                int64 (1 + random.Next 5)
                        ]

                    // ∫√(qp) = Π (2√(QP)/(Q + P))^½·e^(−δ²/(4(Q + P))).
                    let affinity =
                        kinds
                        |> List.sumBy (fun (m, q, p, n) ->
                            float n * (0.5 * log (2.0 * sqrt (q * p) / (q + p)) - m * m / (4.0 * (q + p))))
                        |> exp

                    let estimate = ofDirections kinds
                    Expect.isGreaterThanOrEqual estimate.Upper (1.0 - affinity) "1 − ∫√(qp) ≤ TV"
                    Expect.isLessThanOrEqual estimate.Lower (sqrt (1.0 - affinity * affinity)) "TV ≤ √(1 − (∫√(qp))²)"
        ]
