/// Langevin Monte Carlo in relative entropy and in W2 (Vempala and Wibisono 2019, Dalalyan and Karagulyan 2019).
module Sgm.Tests.LangevinTests

open System
open Expecto
open Sgm
open Sgm.Verification
open Sgm.Verification.Theorems
open Sgm.Tests.PapersTests

let private run law sampler' estimate =
    experiment {
        target law
        forward ve
        score estimate
        start (from (normal [ 1.0 ] 2.0))
        sampler sampler'
        measure [ kl; w2 ]
    }

let private steps h = repeat 5 (corrector (langevin h))

/// Random N(0, v_i) from N(b_i, w_i), a constant error e_i and a step; mean and variance of every coordinate after N steps.
let private cases =
    let random = Random 20260101
    let between low high = low + (high - low) * random.NextDouble()

    [
        for _ in 1..300 do
            let d = random.Next(1, 6)
            let v = [ for _ in 1..d -> exp (between -2.0 2.0) ]
            let laws = [ for _ in 1..d -> between -3.0 3.0, exp (between -2.0 2.0) ]
            let errors = [ for _ in 1..d -> if random.Next 2 = 0 then 0.0 else between -2.0 2.0 ]
            v, laws, errors, between 0.01 1.0, random.Next(1, 60)
    ]

let private after h n v (mean, variance) error =
    let kept = 1.0 - h / v
    ((mean, variance), [ 1..n ]) ||> List.fold (fun (m, s) _ -> kept * m + h * error, kept * kept * s + 2.0 * h)

let private entropy v (m, s) = 0.5 * (s / v - 1.0 - log (s / v) + m * m / v)
let private distance v (m, s) = m * m + (sqrt s - sqrt v) ** 2.0
let private root (errors: float list) = errors |> List.sumBy (fun e -> e * e) |> sqrt

let private inEntropy =
    testList
        "in relative entropy"
        [
            testCase "normal laws by their recursion are within it" (fun () ->
                for v, laws, errors, share, n in cases do
                    let l, c, d = 1.0 / List.min v, List.max v, float v.Length
                    let h = share / (4.0 * c * l * l)
                    let total laws = List.map2 entropy v laws |> List.sum
                    let found = total (List.map3 (after h n) v laws errors)
                    let e = root errors

                    let bound = exp (-1.25 * float n * h / c) * total laws + 4.9 * e * e * c + 1.45 * d * l * l * h * c

                    Expect.isLessThanOrEqual found bound $"v = {v}, h = {h}, N = {n}")

            testCase "the bounds that are evaluated are the statement's" (fun () ->
                // N(0, 2) from N(1, 2): KL₀ = ¼; C = 2, L = ½, h = 0.5, ε₁ = 0.3.
                let h, e, start = 0.5, 0.09, 0.25

                let found =
                    comparisons
                        VempalaLangevin.relativeEntropy
                        (run (normal [ 0.0 ] 2.0) (steps h) (exact |> shifted 0.3))

                let first = exp (-1.25 * h / 2.0) * start + 5.14 * e * h + 1.52 * 0.25 * h * h
                let last = exp (-1.25 * 5.0 * h / 2.0) * start + 4.9 * e * 2.0 + 1.45 * 0.25 * h * 2.0
                Expect.equal found.Length 6 "every step, and all"
                Expect.floatClose Accuracy.high found[0].Bound first "one step"
                Expect.floatClose Accuracy.high found[5].Bound last "all of them")

            testCase "the proof's integrals are below its constants" (fun () ->
                // At the largest h, where every term is largest against what it is held to; CL = 1 and more.
                for cl in [ 1.0; 1.5; 4.0; 100.0 ] do
                    for share in [ 1.0; 0.5; 0.1; 1e-3 ] do
                        let c, l = 1.0, cl
                        let h = share / (4.0 * c * l * l)
                        let kept = exp (-1.5 * h / c) + 25.0 / 12.0 * l ** 4.0 * c * h ** 3.0
                        Expect.isLessThan kept (exp (-1.25 * h / c)) "what is kept"
                        let dimension = 1.25 * (1.0 + 5.0 / 6.0 * l * h)
                        let error = 5.0 * (1.0 + 5.0 / 12.0 * (l * h) ** 2.0)
                        let rest = h / c / (1.0 - exp (-1.25 * h / c))
                        Expect.isLessThan dimension 1.52 "d"
                        Expect.isLessThan error 5.14 "ε²"
                        Expect.isLessThan (1.52 * rest) 1.45 "d at rest"
                        Expect.isLessThan (5.14 * rest) 4.9 "ε² at rest")

            testCase "steps that are too long, other steps and scores of unknown error are refused" (fun () ->
                for words, e in
                    [
                        "a longer step", run (normal [ 0.0 ] 1.0) (steps 0.2501) exact
                        "two sizes", run (normal [ 0.0 ] 1.0) (steps 0.1 >=> steps 0.2) exact
                        "a steeper score", run (normal [ 0.0 ] 1.0) (steps 0.1) (exact |> scaled 1.1)
                        "modes too far apart",
                        run (mixture [ 0.5, normal [ -60.0 ] 1.0; 0.5, normal [ 60.0 ] 1.0 ]) (steps 1e-5) exact
                    ] do
                    refuses VempalaLangevin.relativeEntropy words e

                let cell =
                    Study.onExperiment
                        runner
                        VempalaLangevin.relativeEntropy
                        (run (normal [ 0.0 ] 1.0) (steps 0.25) exact)

                Expect.equal cell.Verdict Holds "the largest step")
        ]

let private inDistance =
    testList
        "in W2"
        [
            testCase "normal laws by their recursion are within both" (fun () ->
                for v, laws, errors, share, n in cases do
                    let m, l, d = 1.0 / List.max v, 1.0 / List.min v, float v.Length
                    let h = share * 2.0 / (m + l)
                    let total laws = List.map2 distance v laws |> List.sum |> sqrt
                    let found = total (List.map3 (after h n) v laws errors)
                    let left = exp (-m * float n * h) * total laws + root errors / m

                    for name, bias in
                        [
                            "(a)", 1.65 * l / m * sqrt (h * d)
                            "(b)",
                            h * l * sqrt (l * d) / (2.0 * m) + h * l * sqrt (2.0 * d / (3.0 * m * (2.0 - m * h)))
                        ] do
                        Expect.isLessThanOrEqual found (left + bias) $"{name}, v = {v}, h = {h}, N = {n}")

            testCase "the bounds that are evaluated are the statement's" (fun () ->
                // N(0, 1) from N(1, 2): W₀² = 1 + (√2 − 1)².
                let h = 0.5
                let start = sqrt (1.0 + (sqrt 2.0 - 1.0) ** 2.0)
                let left = exp (-5.0 * h) * start + 0.3

                let cell =
                    Study.onExperiment
                        runner
                        DalalyanLangevin.wasserstein
                        (run (normal [ 0.0 ] 1.0) (steps h) (exact |> shifted 0.3))

                let bounds = [ left + 1.65 * sqrt h; left + h / 2.0 + h * sqrt (2.0 / (3.0 * (2.0 - h))) ]

                Expect.equal cell.Verdict Holds "holds"
                Expect.floatClose Accuracy.high cell.Decisive.Value.Bound (List.min bounds) "the smaller one")

            testCase "steps that are too long and laws that are not log-concave are refused" (fun () ->
                for words, e in
                    [
                        "a longer step", run (normal [ 0.0 ] 1.0) (steps 1.0001) exact
                        "two modes",
                        run (mixture [ 0.5, normal [ -2.0 ] 1.0; 0.5, normal [ 2.0 ] 1.0 ]) (steps 0.1) exact
                        "another step", run (normal [ 0.0 ] 1.0) (repeat 3 (corrector (mala 0.1))) exact
                    ] do
                    refuses DalalyanLangevin.wasserstein words e)
        ]

let tests =
    testList
        "Langevin Monte Carlo"
        [
            testList
                "Vempala and Wibisono"
                (atQuick VempalaLangevin.relativeEntropy [ "noise-doubled"; "langevin-no-noise" ])
            testList
                "Dalalyan and Karagulyan"
                (atQuick DalalyanLangevin.wasserstein [ "langevin-half-drift"; "error-doubled"; "repeat-once" ])
            inEntropy
            inDistance
        ]
