/// The references that read the words, held to numbers that are known without any program.
module Sgm.Tests.ReferencesByHandTests

open System
open Expecto
open FsCheck.FSharp
open Sgm
open Sgm.Verification
open Sgm.Verification.References
open Sgm.Verification.Theorems

let private noFiles file = invalidOp file

let private readings e =
    match Reference.readings noFiles e with
    | Ok found -> found
    | Error reason -> failtest reason

let private still target' law =
    experiment {
        target target'
        forward ve
        start (from law)
        sampler identity
    }

let private near what expected (number: Number) =
    Expect.isLessThanOrEqual
        (abs (number.Value - expected))
        number.Error
        $"{what}: {number.Value:R} against {expected:R}"

    Expect.isLessThan number.Error (1e-3 * (1.0 + abs expected)) $"{what}: the reference's own error"

let private metric name (reading: Reading) = reading.Metrics |> List.find (fst >> (=) name) |> snd

let tests =
    testList
        "the references, by hand"
        [
            for name, wrap in
                [
                    "in matrices", id
                    // 1e-9 of the weight on another law takes the case to the plain sums.
                    "by plain sums", (fun law -> mixture [ 1.0 - 1e-9, law; 1e-9, normal [ 1.0 ] 0.5 ])
                ] do
                testCase $"N(0.6, 0.5) against N(0, 1), {name}"
                <| fun () ->
                    let found = (readings (still (standard 1) (wrap (normal [ 0.6 ] 0.5)))).Head
                    near "KL" (0.5 * (0.5 - 1.0 + log 2.0 + 0.36)) (metric kl found)
                    near "χ²" (exp (0.36 / 1.5) / sqrt 0.75 - 1.0) (metric chi2 found)
                    near "W2" (sqrt (0.36 + (1.0 - sqrt 0.5) ** 2.0)) (metric w2 found)
                    near "mean" 0.6 found.Means[0]
                    near "variance" 0.5 found.Variances[0]

            testCase "N(1, 1) against N(0, 1): TV = 2Φ(½) − 1, of one coordinate and of sixteen"
            <| fun () ->
                let expected = 0.3829249225480262
                near "one" expected (metric tv (readings (still (standard 1) (normal [ 1.0 ] 1.0))).Head)
                let sixteen = product [ 16, mixture [ 0.5, normal [ 0.25 ] 1.0; 0.5, normal [ 0.25 ] 1.0 ] ]
                let e = { still (standard 16) sixteen with Score = exact |> rippled 1.0 1.0 }
                near "sixteen" expected (metric tv (readings e).Head)

            testCase "a point against N(0, 1) is √(x² + 1) away"
            <| fun () ->
                let e =
                    { still (standard 1) (standard 1) with
                        Start = point [ 2.0 ]
                        Score = exact |> rippled 1.0 1.0
                    }

                near "W2" (sqrt 5.0) (metric w2 (readings e).Head)

            testCase "Langevin on N(0, λ) comes to rest at λ/(1 − h/(2λ))"
            <| fun () ->
                let rest =
                    { still (normal [ 0.0 ] 0.8) (standard 1) with
                        Sampler = repeat 2000 (corrector (langevin 0.2))
                    }

                near "variance" (0.8 / (1.0 - 0.2 / 1.6)) (readings rest).Head.Variances[0]

            testCase "correlations: KL of N(0, Σ) from N(0, I) is −½·ln(1 − ρ²)"
            <| fun () ->
                let found = (readings (still (standard 2) (normalCov [ 0.0; 0.0 ] [ [ 1.0; 0.6 ]; [ 0.6; 1.0 ] ]))).Head
                near "KL" (-0.5 * log 0.64) (metric kl found)
                near "W2" (sqrt (4.0 - 2.0 * (sqrt 1.6 + sqrt 0.4))) (metric w2 found)

            testCase "levels, probes and repetitions are those of docs/language.md"
            <| fun () ->
                let body = probe "a" >=> predictor ancestral >=> probe "b"

                let sampler' =
                    probe "0"
                    >=> repeat 2 (anneal (levels [ 3.0; 2.0; 1.0 ]) body)
                    >=> anneal (levels [ 5.0; 4.0 ]) (probe "c")

                let e = { still (standard 1) (standard 1) with Sampler = sampler' }

                Expect.equal
                    [ for reading in readings e -> reading.Name, reading.At.Sigma ]
                    [
                        "0", 3.0
                        "a", 3.0
                        "b", 2.0
                        "a", 2.0
                        "b", 1.0
                        "a", 3.0
                        "b", 2.0
                        "a", 2.0
                        "b", 1.0
                        "c", 4.0
                        "end", 4.0
                    ]
                    "names and levels"

            testCase "what they do not cover is refused at once"
            <| fun () ->
                let e = still (standard 1) (standard 1)
                let refused what e = Expect.isError (Reference.covers e) what
                refused "many steps" { e with Sampler = repeat 1_000_000_000 (corrector (langevin 0.1)) }
                refused "many coordinates" { e with Target = standard 1_000_000; Start = prior }

                refused
                    "a mixture in the plane"
                    { e with
                        Target = mixture [ 0.5, standard 2; 0.5, normal [ 1.0; 2.0 ] 1.0 ]
                        Start = prior
                    }

                refused "draws" { e with Score = kernelDensity 10 0.1 1 }
                refused "files" { e with Target = samples "rows.csv" 0.1 }
        ]
