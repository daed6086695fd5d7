module Sgm.Tests.GridComponentsTests

open System
open Expecto
open Sgm
open Sgm.Tests.ExactLaws

let private finalLaw e = finalOf (Engine.GridInterpreter().Run(planOf e, Engine.RunOptions()))

/// Sums with their rounding kept aside (Neumaier), so that 10⁴ terms lose no digits.
let private sumOf (terms: seq<float>) =
    let mutable sum, rest = 0.0, 0.0

    for term in terms do
        let next = sum + term

        rest <- rest + (if abs sum >= abs term then (sum - next) + term else (term - next) + sum)

        sum <- next

    sum + rest

/// Weights, means and variances of components, by how they lie.
let private components shape count seed =
    let random = Random(seed: int)
    let between a b = a + (b - a) * random.NextDouble()
    let raw = Array.init count (fun _ -> between 1e-3 1.0)
    let weights = raw |> Array.map (fun w -> w / sumOf raw)

    match shape with
    | "one bandwidth" -> weights, Array.init count (fun _ -> between -3.0 3.0), Array.create count 0.0225
    | "mixed deviations" ->
        weights, Array.init count (fun _ -> between -5.0 5.0), Array.init count (fun _ -> exp (between -6.0 1.4))
    | "far clusters" ->
        let centre k = 40.0 * float (k % 3)
        weights, Array.init count (fun k -> centre k + between -1.0 1.0), Array.init count (fun _ -> between 0.01 0.1)
    | "light outliers" ->
        let weights = weights |> Array.mapi (fun k w -> if k < 2 then 1e-12 * w else w)
        let total = sumOf weights
        let means = Array.init count (fun k -> if k < 2 then 30.0 - 60.0 * float k else between -2.0 2.0)
        weights |> Array.map (fun w -> w / total), means, Array.init count (fun k -> if k < 2 then 1e-4 else 0.04)
    | "six decades, light and far" ->
        let weights = weights |> Array.map (fun w -> if random.Next 4 = 0 then w * 10.0 ** between -14.0 0.0 else w)
        let total = sumOf weights
        let mean () = if random.Next 20 = 0 then between -1e4 1e4 else between -3.0 3.0

        weights |> Array.map (fun w -> w / total),
        Array.init count (fun _ -> mean ()),
        Array.init count (fun _ -> 100.0 ** between -4.0 2.0)
    | _ -> weights, Array.init count (fun _ -> 1000.0 + between 0.0 1e-2), Array.init count (fun _ -> between 1e-8 1e-6)

let private shapes =
    [
        "one bandwidth"
        "mixed deviations"
        "far clusters"
        "light outliers"
        "six decades, light and far"
        "narrow and far from 0"
    ]

let private plainSums =
    testList
        "densities, scores and tails of many components are plain sums"
        [
            for shape in shapes do
                for count in [ 17; 300; 10000 ] do
                    for sigma in [ 0.0; 0.1 ] do
                        testCase $"{shape}, {count} components, level {sigma}"
                        <| fun () ->
                            let weights, means, variances = components shape count count

                            let law =
                                Engine.ScalarMixture.At(
                                    Engine.Mixture(
                                        weights,
                                        means,
                                        variances |> Array.map (fun v -> Engine.Covariance.Isotropic(1, v))
                                    ),
                                    Engine.NoiseLevel(sigma, 1.0, sigma)
                                )

                            let deviations = variances |> Array.map (fun v -> sqrt (v + sigma * sigma))
                            let indices = [| 0 .. count - 1 |]
                            let low = Array.min (Array.map2 (fun m s -> m - 20.0 * s) means deviations)
                            let high = Array.max (Array.map2 (fun m s -> m + 20.0 * s) means deviations)
                            let random = Random 7

                            let places =
                                [
                                    for _ in 1..12 do
                                        low + (high - low) * random.NextDouble()
                                    for _ in 1..12 do
                                        let k = random.Next count
                                        means[k] + deviations[k] * (6.0 * random.NextDouble() - 3.0)
                                    // The last two lie beyond all panels.
                                    for q in [ 0.0; 0.5; 1.0; -9.0; 10.0 ] do
                                        low + q * (high - low)
                                ]

                            for x in places do
                                let z k = (x - means[k]) / deviations[k]

                                let exponent k =
                                    log (weights[k] / deviations[k]) - 0.5 * z k * z k - Engine.NormalTail.LogRootTwoPi

                                let exponents = indices |> Array.map exponent
                                let top = Array.max exponents
                                let share = exponents |> Array.map (fun e -> exp (e - top))
                                let total = sumOf share
                                let mean f = sumOf (Seq.map (fun k -> share[k] / total * f k) indices)
                                let score k = -(z k) / deviations[k]
                                let expected, size = mean score, mean (score >> abs)
                                let spread = mean (fun k -> (score k - expected) ** 2.0)
                                let narrow = mean (fun k -> deviations[k] ** -2.0)
                                // What the rounding of a position, of an exponent and of a sum allow.
                                let digits = 1e-14 * (1.0 + abs top) + 4e-16 * abs x * size
                                let logDensity = top + log total
                                Expect.isLessThanOrEqual (abs (law.LogDensity x - logDensity)) digits $"ln p at {x}"
                                let struct (foundScore, foundSlope) = law.Score x
                                let scoreDigits = digits * sqrt spread + 1e-14 * size + 1e-15 * abs x * narrow

                                Expect.isLessThanOrEqual
                                    (abs (foundScore - expected))
                                    scoreDigits
                                    $"score {foundScore} at {x}, {expected}"

                                Expect.isLessThanOrEqual
                                    (abs (foundSlope - (spread - narrow)))
                                    (1e3 * digits * (spread + narrow))
                                    $"slope {foundSlope} at {x}"

                                let tail side =
                                    sumOf (Seq.map (fun k -> weights[k] * Engine.NormalTail.Above(side * z k)) indices)

                                let close (found: float) expected =
                                    let reach = exp logDensity * Array.max deviations
                                    abs (found - expected) <= 1e-14 * (reach + expected) * (2.0 + abs top)

                                Expect.isTrue (close (law.Above x) (tail 1.0)) $"above {x}: {law.Above x}, {tail 1.0}"
                                Expect.isTrue (close (law.Below x) (tail -1.0)) $"below {x}: {law.Below x}, {tail -1.0}"

                                let width = 0.3 * Array.min deviations

                                let inside =
                                    sumOf (
                                        Seq.map
                                            (fun k ->
                                                weights[k]
                                                * Engine.NormalTail.Between(
                                                    z k,
                                                    (x + width - means[k]) / deviations[k]
                                                ))
                                            indices
                                    )

                                let smaller = min (tail 1.0) (tail -1.0)

                                Expect.isLessThanOrEqual
                                    (abs (law.Between(x, x + width) - inside))
                                    (1e-13
                                     * (smaller + inside + exp logDensity * Array.max deviations)
                                     * (2.0 + abs top))
                                    $"from {x} by {width}"
        ]

/// Every component in many equal parts is the same law, which is then summed on panels instead of one by one.
let private parts =
    testList
        "a component in a thousand parts changes no divergence"
        [
            for kernel in [ ancestral; flow ] do
                testCase $"{kernel}"
                <| fun () ->
                    let run parts =
                        let pieces = [ 0.3, -1.0, 0.2; 0.5, 0.5, 0.1; 0.2, 2.0, 0.4 ]

                        let law =
                            mixture
                                [
                                    for w, m, v in pieces do
                                        for _ in 1..parts -> w / float parts, normal [ m ] v
                                ]

                        finalLaw (
                            experiment {
                                target law
                                forward ve
                                start prior
                                sampler (anneal (geometric 10.0 0.1 6) (predictor kernel))
                            }
                        )

                    let one, many = run 1, run 1000

                    for metric in [ tv; kl; chi2; w2 ] do
                        let a, b = one.Measure metric, many.Measure metric
                        Expect.isTrue (a.Value.HasValue && b.Value.HasValue) $"{metric}: {a.Reason} {b.Reason}"
                        // Weights that are given to 16 digits sum to 1 to 13, and move the law by that.
                        let slack = 1e-12 * (1.0 + a.Value.Value)

                        Expect.isTrue
                            (a.Lower - slack <= b.Upper && b.Lower - slack <= a.Upper)
                            $"{metric}: {a} and {b}"

                        Expect.isLessThanOrEqual
                            (b.Upper - b.Lower)
                            (4.0 * (a.Upper - a.Lower) + slack)
                            $"{metric}: {b}, {a}"
        ]

/// W2 after one step that folds the line, where the masses beside a turn decide. The reference: ∫ (S(u) − T(u))²·ρ(u)
/// du in 30 digits by tanh-sinh quadrature between the turns of S(u) = 0.3u + 0.7·(u + s(u) + 3√2·sin u) and its zeros,
/// s the score of ½N(±2, 1.25), ρ the density of N(0, ½), T by the roots of S on every branch and the quantiles of
/// ½N(±2, 0.34).
let private folded =
    testCase "W2 of a law that a rippled flow has folded"
    <| fun () ->
        let law =
            finalLaw (
                experiment {
                    target (mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ])
                    forward ve
                    score (exact |> rippled 3.0 1.0)
                    start (from (normal [ 0.0 ] 0.5))
                    sampler (anneal (levels [ 1.0; 0.3 ]) (predictor flow))
                    measure [ w2 ]
                }
            )

        let estimate = law.Measure w2
        let expected = 0.882756284343993005
        Expect.isLessThanOrEqual estimate.Lower expected $"{estimate}"
        Expect.isGreaterThanOrEqual estimate.Upper expected $"{estimate}"
        Expect.isLessThan (abs (estimate.Value.Value - expected)) 2e-11 $"{estimate}"
        Expect.isLessThan (estimate.Upper - estimate.Lower) 1e-9 $"{estimate}"

let tests = testList "many components" [ plainSums; parts; folded ]
