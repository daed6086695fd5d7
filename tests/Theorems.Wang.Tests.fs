/// Training by gradient descent and schedules (Wang, He and Tao 2024), by references of their own.
module Sgm.Tests.WangTests

open Expecto
open MathNet.Numerics.Integration
open MathNet.Numerics.RootFinding
open Sgm
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Verification.Theorems
open Sgm.Verification.Theorems.WangFeatures
open Sgm.Tests.PapersTests

/// ∫ of f against the density 0.6·N(1, 0.1) + 0.4·N(−1, 0.3) with noise σ, and its score.
let private against sigma f =
    let part weight mean variance x =
        let v = variance + sigma * sigma
        let p = weight * exp (-((x - mean) ** 2.0) / (2.0 * v)) / sqrt (2.0 * System.Math.PI * v)
        p, -p * (x - mean) / v

    let integrand x =
        let p, slope = part 0.6 1.0 0.1 x
        let q, slope' = part 0.4 -1.0 0.3 x
        (p + q) * f x ((slope + slope') / (p + q))

    let reach = 1.0 + 12.0 * (1.0 + sigma)
    GaussLegendreRule.Integrate(integrand, -reach, reach, 512)

let private features: Feature list =
    [ { Mean = 0.0; Variance = 1.0 }; { Mean = 1.0; Variance = 0.1 }; { Mean = -1.0; Variance = 0.3 } ]

let private feature (one: Feature) sigma x = -(x - one.Mean) / (one.Variance + sigma * sigma)
let private levels' = [ 2.0, 0.7; 0.8, 1.5; 0.3, 0.4 ]

let private weighed =
    [ for sigma, weight in levels' -> { Level = Engine.NoiseLevel.VarianceExploding sigma; Weight = weight } ]

let private summed f = List.sum [ for sigma, weight in levels' -> weight * against sigma (f sigma) ]
let private data: Moments = { Mean = 0.2; Variance = 0.6 * 0.1 + 0.4 * 0.3 + 0.6 * 0.8 ** 2.0 + 0.4 * 1.2 ** 2.0 }
let private loss = lossOf features data weighed

/// E‖s_θ − ∇ln p‖², by quadrature.
let private lossAt theta =
    summed (fun sigma x score ->
        (List.sum (List.map2 (fun one weight -> weight * feature one sigma x) features theta) - score) ** 2.0)

let private geometricLevels (a: float) b n = [ for i in 0..n -> a * (b / a) ** (float i / float n) ]

let private karrasLevels (a: float) (b: float) n =
    let root x = x ** (1.0 / 7.0)
    [ for i in 0..n -> (root a + float i / float n * (root b - root a)) ** 7.0 ]

/// KL of the paths on N(m, v) by the chain rule: of N(m, v) given a step's upper end from what the step draws, with the
/// score slope·x + value at every σ.
let private paths mean v score sigmas =
    List.pairwise sigmas
    |> List.sumBy (fun (upper: float, lower) ->
        let g, below = upper * upper, lower * lower
        let slope, value = score upper
        let ratio = g * (v + below) / (below * (v + g))
        let error = (slope + 1.0 / (v + g)) ** 2.0 * (v + g) + (slope * mean + value) ** 2.0
        0.5 * (ratio - 1.0 - log ratio) + 0.5 * (g - below) * g / below * error)

let private run d v along estimate =
    experiment {
        target (normal (List.replicate d 0.0) v)
        forward ve
        score estimate
        start warm
        sampler (anneal along (predictor ancestral))
        measure [ kl ]
    }

let private training =
    testList
        "gradient descent"
        [
            testCase "the loss after k steps is the sum of its modes" (fun () ->
                let all = modes loss
                let rate = 1.7 / (List.last all).Curvature
                let floor = lossAt [ 0.0; 0.0; 0.0 ] - gained all

                for k in [ 0; 1; 2; 5; 50 ] do
                    let expected = floor + List.sumBy (left rate k) all
                    Expect.floatClose Accuracy.medium (lossAt (descend loss rate k)) expected $"k = {k}"

                Expect.isGreaterThan floor 0.01 "two modes have no affine score"
                Expect.isGreaterThan (left rate 50 all.Head) (10.0 * left rate 50 all[1]) "the slowest is left")

            testCase "the bound is KL of the start and of every step, by the chain rule" (fun () ->
                let own = WangTraining.trained

                let checks =
                    (Study.run runner Quick [ { own with Scenarios = [ own.Scenarios.Head ]; Rates = [] } ]).Checks

                for cell in checks |> List.collect _.Cells do
                    match cell.Experiment with
                    | Some { Score = { Base = Blend [ a, _; b, _ ] } } ->
                        let score sigma = -(a + b) / (0.25 + sigma ** 2.0), (1.5 * b - 0.5 * a) / (0.25 + sigma ** 2.0)
                        let start = 0.5 * (0.0025 - log 1.0025) + 0.64 / 200.0
                        let expected = start + paths 0.8 0.25 score (geometricLevels 10.0 0.05 18)
                        let found = cell.Decisive.Value.Bound
                        Expect.floatClose Accuracy.high found (PathRule.totalVariation expected) $"{cell.Setting}"
                    | other -> failtest $"%A{other}")

            testCase "scores that no training made are refused" (fun () ->
                let part mean = scoreOf (normal [ mean ] 0.25)

                for words, estimate in
                    [
                        "no training", blend [ 0.4, part -0.5; 0.6, part 1.5 ]
                        "no blend", exact
                        "a part that is no feature", blend [ 0.4, exact; 0.6, part 1.5 ]
                    ] do
                    refuses WangTraining.trained words (run 1 0.25 (geometric 10.0 0.05 18) estimate))
        ]

/// N(μ, v) under ancestral steps with s + ε, coordinate by coordinate: the law that comes out, as mean and variance.
let private outcome v error sigmas =
    ((0.0, v + (List.head sigmas: float) ** 2.0), List.pairwise sigmas)
    ||> List.fold (fun (mean, variance) (upper, lower) ->
        let g, below = upper * upper, lower * lower
        let kept = 1.0 - (g - below) / (v + g)
        kept * mean + (g - below) * error, kept * kept * variance + below * (g - below) / g)

let private entropy v error sigmas =
    let mean, variance = outcome v error sigmas
    let p = v + (List.last sigmas: float) ** 2.0
    0.5 * (p / variance - 1.0 - log (p / variance)) + mean * mean / (2.0 * variance)

/// The error at which a quantity of geometric levels, below that of EDM's without one, comes to be above it.
let private crossing quantity a b n =
    let apart (error: float) : float = quantity error (geometricLevels a b n) - quantity error (karrasLevels a b n)

    if apart 0.0 < 0.0 && apart 10.0 > 0.0 then
        Some(Brent.FindRoot(apart, 0.0, 10.0, 1e-12, 200))
    else
        None

let private reverse e =
    match Measure.law runner (Scenarios.planOf e) |> Result.map Measure.reverseKl with
    | Ok(Some found) -> found.Value.Value
    | other -> failtest $"%A{other}"

let private schedules =
    testList
        "schedules"
        [
            testCase "which is ahead changes there, by runs, and the check says so" (fun () ->
                for v, a, b, n in [ 0.25, 80.0, 0.002, 18; 0.25, 10.0, 0.05, 12; 1.0, 80.0, 0.01, 40 ] do
                    let found = (crossing (entropy v) a b n).Value

                    if n = 18 then
                        Expect.isLessThan (abs (found - 0.0339)) 5e-5 $"the statement's: {found}"

                    for x in [ 0.999; 1.001 ] do
                        let at schedule = run 1 v schedule (exact |> shifted (x * found))
                        let g, k = at (geometric a b n), at (karras 7.0 a b n)
                        Expect.equal (reverse g < reverse k) (x < 1.0) $"v = {v}, x = {x}"
                        let cell = Study.onExperiment runner WangSchedules.schedules k
                        Expect.equal cell.Verdict Holds (defaultArg cell.Reason "")
                        let ahead = if x < 1.0 then "geometric against" else "karras 7 against"
                        Expect.stringContains cell.Decisive.Value.What ahead $"v = {v}, x = {x}")

            testCase "laws on which one schedule is ahead whatever the error are refused" (fun () ->
                for words, v, a, b, n in
                    [
                        "EDM's at every error", 4.0, 80.0, 0.002, 18
                        "geometric levels at every error", 0.04, 10.0, 0.05, 18
                    ] do
                    Expect.isNone (crossing (entropy v) a b n) words
                    let cell = Study.onExperiment runner WangSchedules.schedules (run 1 v (geometric a b n) exact)
                    Expect.equal cell.Verdict NotApplicable words
                    let family = words.Substring(0, words.IndexOf " at ")
                    Expect.stringContains (defaultArg cell.Reason "") family words)

            testCase "the error that matters is one of constant size" (fun () ->
                // 1.2 times the score, or that of N(m, ¼): geometric levels stay ahead; 0.8 times it: EDM's are.
                for words, expected, estimate in
                    [
                        "1.2", true, exact |> scaled 1.2
                        "0.8", false, exact |> scaled 0.8
                        for mean in [ 0.01; 0.1; 0.5 ] do
                            $"mean {mean}", true, scoreOf (normal [ mean ] 0.25)
                    ] do
                    let at levels = reverse (run 1 0.25 levels estimate)
                    Expect.equal (at (geometric 80.0 0.002 18) < at (karras 7.0 80.0 0.002 18)) expected words)

            testCase "along paths they cross at an error that tends to a constant" (fun () ->
                let own error = paths 0.0 0.25 (fun sigma -> -1.0 / (0.25 + sigma ** 2.0), error)
                let at n = (crossing own 80.0 0.002 n).Value
                // The first order in 1/n, with u = σ^(1/7).
                let a, b, length = 80.0 ** (1.0 / 7.0), 0.002 ** (1.0 / 7.0), log 40000.0
                let wide phi = (0.25 / (0.25 + exp (2.0 * phi))) ** 2.0
                let over (f: float -> float) = GaussLegendreRule.Integrate(f, log 0.002, log 80.0, 64)
                let path = 7.0 * (a - b) * over (fun phi -> wide phi / exp (phi / 7.0)) - length * over wide
                let error = length * (80.0 ** 2.0 - 0.002 ** 2.0) - 98.0 / 13.0 * (a - b) * (a ** 13.0 - b ** 13.0)
                // What is left falls like 1/n: one extrapolation leaves 1/n².
                Expect.isLessThan (abs (2.0 * at 2000 - at 1000 - sqrt (path / error))) 1e-6 "n → ∞"
                Expect.isLessThan (abs (at 18 - 0.0394)) 5e-5 "18 steps")

            testCase "the error at which laws cross falls like 1/√n" (fun () ->
                let at n = (crossing (entropy 0.25) 80.0 0.002 n).Value
                let order n = log (at (2 * n) / at n) / log 2.0
                Expect.isLessThan (abs (2.0 * order 1600 - order 800 + 0.5)) 1e-3 "n → ∞")

            testCase "a score that is trained for 8 steps favours EDM's levels, for 16 steps geometric ones" (fun () ->
                let outcome schedule k =
                    let untrained = { run 1 0.25 schedule exact with Target = normal [ 0.8 ] 0.25 }
                    let features: Feature list = [ { Mean = -0.5; Variance = 0.25 }; { Mean = 1.5; Variance = 0.25 } ]
                    let levels = (Scenarios.planOf untrained).Tableaus() |> Seq.map weigh |> List.ofSeq
                    let loss = lossOf features { Mean = 0.8; Variance = 0.25 } levels
                    let theta = descend loss (0.3 / (List.last (modes loss)).Curvature) k
                    let part (one: Feature) t = t, scoreOf (normal [ one.Mean ] 0.25)
                    reverse { untrained with Score = blend (List.map2 part features theta) }

                // By another program, to four digits.
                for k, g, edm in [ 8, 0.09704, 0.07872; 16, 0.08926, 0.09525 ] do
                    Expect.isLessThan (abs (outcome (geometric 80.0 0.002 18) k / g - 1.0)) 1e-3 $"geometric, {k}"
                    Expect.isLessThan (abs (outcome (karras 7.0 80.0 0.002 18) k / edm - 1.0)) 1e-3 $"EDM's, {k}")

            testCase "other steps, levels, starts and scores are refused" (fun () ->
                let levels' = geometric 80.0 0.002 18

                for words, e in
                    [
                        "other levels", run 1 0.25 (karras 5.0 80.0 0.002 18) exact
                        "other steps", { run 1 0.25 levels' exact with Sampler = anneal levels' (predictor flow) }
                        "another start", { run 1 0.25 levels' exact with Start = prior }
                        "another process", { run 1 0.25 (geometric 2.0 0.1 8) exact with Forward = vp }
                        "another score", run 1 0.25 levels' (exact |> scaled 1.1)
                        "two variances",
                        { run 2 0.25 levels' exact with Target = normalDiag [ 0.0; 0.0 ] [ 1.0; 2.0 ] }
                        "down to the data", run 1 0.25 (karras 7.0 80.0 0.0 18) exact
                    ] do
                    refuses WangSchedules.schedules words e)
        ]

let tests =
    testList
        "training and schedules"
        [
            testList WangTraining.trained.Id (atQuick WangTraining.trained [ "score-data-level"; "bound-halved" ])
            testList
                WangSchedules.schedules.Id
                (atQuick
                    WangSchedules.schedules
                    [ "noise-doubled"; "error-doubled"; "error-forgotten"; "unit-epsilon"; "bound-halved" ])
            training
            schedules
        ]
