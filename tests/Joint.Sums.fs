/// State and register, or position and velocity, on the line while noise is drawn: plain two-dimensional sums from the
/// words of the methods.
module Sgm.Tests.JointSums

open System
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification

let grid e = GridInterpreter().Run(ExactLaws.planOf e, RunOptions())

let modes = [ 0.4, -1.0, 0.3; 0.6, 1.0, 0.4 ]

let target' = mixture [ for weight, mean, variance in modes -> weight, normal [ mean ] variance ]

let from' start' body law =
    experiment {
        target law
        forward ve
        start start'
        sampler body
        measure [ tv; kl; chi2; w2 ]
    }

let on law body = from' warm body law

/// The score and the density of the modes at a level σ of ve.
let private parts sigma x =
    let own =
        [
            for weight, mean, variance in modes do
                let v = variance + sigma * sigma
                weight * exp (-0.5 * (x - mean) ** 2.0 / v) / sqrt (2.0 * Math.PI * v), (mean - x) / v
        ]

    let density = own |> List.sumBy fst
    density, (own |> List.sumBy (fun (p, s) -> p * s)) / density

let private gauss deviation x = exp (-0.5 * (x / deviation) ** 2.0) / (deviation * sqrt (2.0 * Math.PI))

/// KL, TV and mean of nodes at an even spacing.
let private measured sigma (x: float[]) (q: float[]) =
    let h = x[1] - x[0]
    let p = x |> Array.map (parts sigma >> fst)

    h * (Array.map2 (fun q p -> if q > 1e-300 then q * log (q / p) else 0.0) q p |> Array.sum),
    h * (Array.map2 (fun x q -> x * q) x q |> Array.sum)

let private even low high step = [| for i in 0 .. int ((high - low) / step) -> low + step * float i |]

/// Σ over x of f(a, b)·K(b', b, a) on plain lattices: (new, kept) from (kept, old).
let private summed (from: float[]) (kept: float[]) (next: float[]) (law: float[][]) mean deviation =
    let h = from[1] - from[0]

    [|
        for i in 0 .. kept.Length - 1 ->
            let terms =
                [|
                    for j in 0 .. from.Length - 1 do
                        if law[i][j] > 1e-30 then
                            mean kept[i] from[j], h * law[i][j]
                |]

            next |> Array.map (fun y -> terms |> Array.sumBy (fun (mu, mass) -> mass * gauss deviation (y - mu)))
    |]
    // Rows by the new place.
    |> Array.transpose

let private marginal (kept: float[]) (law: float[][]) =
    law |> Array.map (fun row -> (kept[1] - kept[0]) * Array.sum row)

let private plain =
    testList
        "plain sums"
        [
            // v ← c²v between two kicks of full noise, x′ = x + h(v + hs/2) in between: of the last two positions v is a function.
            testCase "obabo on two modes" (fun () ->
                let gamma, h, count = 1.0, 0.3, 4
                let damping = exp (-gamma * h)
                let deviation = h * sqrt (1.0 - damping * damping)
                let x = even -6.5 6.5 0.05
                let score = parts 0.0 >> snd

                let first =
                    [|
                        for y in x ->
                            x |> Array.map (fun a -> fst (parts 0.0 a) * gauss h (y - a - h * h / 2.0 * score a))
                    |]

                let step law _ =
                    summed
                        x
                        x
                        x
                        law
                        (fun now old ->
                            let v = (now - old) / h + h / 2.0 * score now
                            now + h * (damping * v + h / 2.0 * score now))
                        deviation

                let expected = List.fold step first [ 2..count ] |> marginal x |> measured 0.0 x
                let law = ExactLaws.finalOf (grid (on target' (repeat count (corrector (obabo gamma h)))))
                Expect.isLessThan (abs (ExactLaws.value kl law - fst expected)) 1e-10 "KL"
                Expect.isLessThan (abs ((law.Moments()).Mean[0] - snd expected)) 1e-10 "mean")

            // (x, v, ξ₁) of the first step by a sum in three dimensions, letter by letter; the second one's noise is the kernel.
            testCase "baoab on two modes" (fun () ->
                let gamma, h = 1.0, 0.3
                let c = exp (-gamma * h)
                let q = sqrt (1.0 - c * c)
                let score = parts 0.0 >> snd
                let x, z = even -6.0 6.0 0.12, even -8.4 8.4 0.3
                let mutable mean, square = 0.0, 0.0

                for a in x do
                    let density, slope = parts 0.0 a

                    for v in z do
                        let kicked = v + h / 2.0 * slope

                        for draw in z do
                            let mass = 0.12 * 0.3 * 0.3 * density * gauss 1.0 v * gauss 1.0 draw

                            if mass > 1e-20 then
                                let moved = c * kicked + q * draw
                                let at = a + h / 2.0 * kicked + h / 2.0 * moved
                                let again = moved + h * score at
                                let last = at + h / 2.0 * again + h / 2.0 * c * again
                                mean <- mean + mass * last
                                square <- square + mass * last * last

                let law = (ExactLaws.finalOf (grid (on target' (repeat 2 (corrector (baoab gamma h)))))).Moments()
                Expect.isLessThan (abs (law.Mean[0] - mean)) 1e-10 "mean"
                let variance = square - mean * mean + (h / 2.0 * q) ** 2.0
                Expect.isLessThan (abs (law.Variance[0] - variance)) 1e-10 "variance")

            testCase "dpmpp2mSde on two modes" (fun () ->
                let levels' = [| 3.0; 1.8; 1.1; 0.7; 0.45 |]
                let denoised k x = x + levels'[k] ** 2.0 * snd (parts levels'[k] x)
                let gap k = log (levels'[k] / levels'[k + 1])
                let deviation k = levels'[k + 1] * sqrt (1.0 - exp (-2.0 * gap k))

                let mean k now old =
                    let d = denoised k now
                    let pull = 1.0 - exp (-2.0 * gap k)

                    let ahead =
                        if k = 0 then
                            d
                        else
                            d + (d - denoised (k - 1) old) * gap k / (2.0 * gap (k - 1))

                    levels'[k + 1] / levels'[k] * exp (-(gap k)) * now + pull * ahead

                let places =
                    [|
                        for k in 0..4 ->
                            let reach = 9.5 * sqrt (0.4 + levels'[k] ** 2.0)
                            even (-1.0 - reach) (1.0 + reach) (0.25 * deviation (min k 3))
                    |]

                let first =
                    [|
                        for y in places[1] ->
                            places[0]
                            |> Array.map (fun a -> gauss levels'[0] a * gauss (deviation 0) (y - mean 0 a 0.0))
                    |]

                let law =
                    (first, [ 1..3 ])
                    ||> List.fold (fun law k ->
                        summed places[k - 1] places[k] places[k + 1] law (mean k) (deviation k))

                let expected = marginal places[3] law |> measured levels'[4] places[4]

                let found =
                    target'
                    |> from' prior (anneal (levels (List.ofArray levels')) (predictor (dpmpp2mSde 1.0)))
                    |> grid
                    |> ExactLaws.finalOf

                Expect.isLessThan (abs (ExactLaws.value kl found - fst expected)) 1e-10 "KL"
                Expect.isLessThan (abs ((found.Moments()).Mean[0] - snd expected)) 1e-10 "mean")
        ]

/// ½·N(−2, ¼) + ½·N(2, ¼): density and score.
let private apart x =
    let own = [| for mean in [ -2.0; 2.0 ] -> gauss 0.5 (x - mean), 4.0 * (mean - x) |]
    let density = 0.5 * (fst own[0] + fst own[1])
    density, 0.5 * (fst own[0] * snd own[0] + fst own[1] * snd own[1]) / density

/// Two steps of obabo from N(mean, 0.04) letter by letter: nodes x₀ and x₁ at these steps; KL, TV, variance.
let private twoSteps mean h (step0, step1) =
    let damping = exp -h
    let deviation = h * sqrt (1.0 - damping * damping)
    let nodes = even (mean - 12.0) (mean + 8.0) step1 |> Array.map (fun x -> x, snd (apart x))

    let terms =
        [|
            for a in even (mean - 1.8) (mean + 1.8) step0 do
                let centre = a + h * h / 2.0 * snd (apart a)
                let own = step0 * step1 * gauss 0.2 (a - mean)

                for x, score in nodes do
                    let mass = own * gauss h (x - centre)

                    if mass > 1e-22 then
                        let v = (x - a) / h + h / 2.0 * score
                        struct (x + h * (damping * v + h / 2.0 * score), mass)
        |]

    let sum f = terms |> Array.sumBy (fun (struct (mu, mass)) -> mass * f mu)

    let average = sum id
    // ln p has poles at a distance π/16 from the line.
    let y = even -12.0 12.0 (deviation / 18.0)

    let q =
        y
        |> Array.map (fun y ->
            terms
            |> Array.sumBy (fun (struct (mu, mass)) ->
                let z = (y - mu) / deviation
                if abs z < 9.0 then mass * exp (-0.5 * z * z) else 0.0)
            |> fun all -> all / (deviation * sqrt (2.0 * Math.PI)))

    let of' f = (y[1] - y[0]) * Array.sum (Array.map2 (fun y q -> f q (fst (apart y))) y q)

    of' (fun q p -> if q > 1e-300 then q * log (q / p) else 0.0),
    of' (fun q p -> 0.5 * abs (q - p)),
    sum (fun mu -> (mu - average) ** 2.0) + deviation * deviation

/// Two steps of baoab from N(mean, 0.04): nodes x₀, x₁ and the velocity between the halves of the first step; variance.
let private twoMiddles mean h (step0, step1, stepV) =
    let c = exp -h
    let q = sqrt (1.0 - c * c)
    let nodes = even (mean - 12.0) (mean + 8.0) step1 |> Array.map (fun x -> x, snd (apart x))
    let mutable first, second = 0.0, 0.0

    for a in even (mean - 1.8) (mean + 1.8) step0 do
        let kick = h / 2.0 * snd (apart a)
        let own = step0 * step1 * stepV * gauss 0.2 (a - mean) * 2.0 / h

        for x, score in nodes do
            for moved in even -9.0 9.0 stepV do
                let kicked = (x - a) * 2.0 / h - moved
                let mass = own * gauss 1.0 (kicked - kick) * gauss q (moved - c * kicked)

                if mass > 1e-22 then
                    let again = moved + h * score
                    let last = x + h / 2.0 * (1.0 + c) * again
                    first <- first + mass * last
                    second <- second + mass * last * last

    second - first * first + (h / 2.0 * q) ** 2.0

let private ridges =
    testList
        "ridges that no centre of a kernel sees"
        [
            let far = mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ]

            let found mean method =
                far |> from' (from (normal [ mean ] 0.04)) (repeat 2 (corrector method)) |> grid |> ExactLaws.finalOf

            for mean, h in [ 4.0, 0.8; 2.0, 0.5 ] do
                testCase $"obabo, h = {h}, from {mean}" (fun () ->
                    let law = found mean (obabo 1.0 h)
                    let refined = [ 0.05, 0.01; 0.04, 0.008 ] |> List.map (twoSteps mean h)

                    match refined with
                    | [ roughKl, _, roughVariance; divergence, variation, variance ] ->
                        Expect.isLessThan (abs (roughKl - divergence)) 1e-11 "the plain sums' own error"
                        Expect.isLessThan (abs (roughVariance - variance)) 1e-11 "of the variance"

                        let inside metric truth =
                            let estimate = law.Measure metric
                            Expect.isLessThan (estimate.Upper - estimate.Lower) 1e-9 $"{metric}: width"
                            Expect.isLessThan (abs (estimate.Value.Value - truth)) 1e-9 $"{metric}"

                        inside Metric.Kl divergence

                        // Where the densities cross a plain sum is no better than its step squared.
                        Expect.isLessThan (abs ((law.Measure Metric.Tv).Value.Value - variation)) 1e-3 "TV"
                        Expect.isLessThan (abs ((law.Moments()).Variance[0] - variance)) 1e-9 "variance"
                    | _ -> failtest "two sums")

            testCase "baoab, h = 0.8, from 4" (fun () ->
                let rough, variance = twoMiddles 4.0 0.8 (0.1, 0.02, 0.3), twoMiddles 4.0 0.8 (0.08, 0.015, 0.25)
                Expect.isLessThan (abs (rough - variance)) 1e-8 "the plain sums' own error"
                let moments = (found 4.0 (baoab 1.0 0.8)).Moments()
                Expect.isLessThan (abs (moments.Variance[0] - variance)) 1e-8 "variance")
        ]

let tests = [ plain; ridges ]
