/// Samples against laws and against each other.
module Sgm.Tests.MeasureTests

open System
open System.IO
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Tests.Command
open Sgm.Tests.SamplesTests

let private violations n (lower: int -> float) truth =
    [ 1..n ] |> List.filter (fun seed -> lower seed > truth) |> List.length

let twoSamples =
    testList
        "two samples"
        [
            testCase "lower ends stay below the truth, and near it for many rows" (fun () ->
                // N(0, 1) against N(0.3, 1): W2 = 0.3, TV = 2Φ(0.15) − 1.
                let w2, tv = 0.3, 0.119235

                let both n seed =
                    TwoSamples(store 1 (normals seed n 0.0 1.0), store 1 (normals (seed + 10_000) (n + 7) 0.3 1.0))

                let runs = 150
                // At 99 % about 1.5 of 150; 8 or more has probability below 10⁻⁴.
                Expect.isLessThan (violations runs (fun seed -> (both 400 seed).W2().Lower) w2) 8 "W2"
                Expect.isLessThan (violations runs (fun seed -> (both 400 seed).TotalVariation().Lower) tv) 8 "TV"
                let many = both 100_000 1
                Expect.isGreaterThan (many.W2().Lower) (0.85 * w2) "W2 of many"
                Expect.isGreaterThan (many.TotalVariation().Lower) (0.85 * tv) "TV of many"
                Expect.floatClose { absolute = 0.02; relative = 0.0 } (many.W2().Value.Value) w2 "the value")

            testCase "two of one law: nothing is claimed" (fun () ->
                let both d seed =
                    let own = normals seed (300 * d) 0.0 1.0
                    TwoSamples(store d own, store d (normals (seed + 10_000) (300 * d) 0.0 1.0))

                for d in [ 1; 3 ] do
                    Expect.isLessThan (violations 150 (fun seed -> (both d seed).W2().Lower) 0.0) 8 $"W2, d = {d}"

                    Expect.isLessThan
                        (violations 150 (fun seed -> (both d seed).TotalVariation().Lower) 0.0)
                        8
                        $"TV, d = {d}")

            testCase
                "mass that is rare and far makes no lower end false, and rows of both kinds of cells count"
                (fun () ->
                    // r has mass 10⁻³ at 1000: W2² ≥ that; q is N(0, 1).
                    let far seed =
                        normals seed 2000 0.0 1.0 |> Array.mapi (fun i x -> if i % 1000 = 17 then 1000.0 else x)

                    let both seed = TwoSamples(store 1 (normals seed 2000 0.0 1.0), store 1 (far (seed + 500)))
                    Expect.equal (violations 100 (fun seed -> (both seed).W2().Lower) (sqrt 1000.0)) 0 "W2"
                    Expect.isLessThan (violations 100 (fun seed -> (both seed).TotalVariation().Lower) 1e-3) 6 "TV")

            testCase "too few rows, other dimensions" (fun () ->
                let few = TwoSamples(store 1 (normals 1 63 0.0 1.0), store 1 (normals 2 1000 9.0 1.0))
                Expect.equal (few.W2().Lower, few.TotalVariation().Lower) (0.0, 0.0) "no ends"
                Expect.stringContains (few.W2().Reason) "at least 64" "why"

                Expect.throwsT<ArgumentException>
                    (fun () -> TwoSamples(store 1 [| 1.0 |], store 2 [| 1.0; 2.0 |]) |> ignore)
                    "d")

            testCase "two constants, one apart" (fun () ->
                let both = TwoSamples(store 1 (Array.create 4000 0.0), store 1 (Array.create 4000 1.0))
                Expect.isGreaterThan (both.TotalVariation().Lower) 0.98 "TV is 1"
                Expect.isGreaterThan (both.W2().Lower) 0.97 "W2 is 1"
                Expect.isLessThanOrEqual (both.W2().Lower) 1.0 "and no more")
        ]

let measuring =
    testList
        "measure"
        [
            testCase "a file of NumPy's: its moments, and the verdicts of the right law and a wrong one" (fun () ->
                let judged target = json (sgm [ "measure"; numpy "normal"; "--target"; target; "--json" ])

                let right = judged "normalDiag [ 1.0; -1.0 ] [ 1.0; 4.0 ]"
                let file = right |> at [ "files" ] |> items |> List.head
                // As NumPy says: x.mean(0), x.var(0, ddof=1).
                let numbers name = [ for x in items (at [ name ] file) -> x.GetDouble() ]

                for found, wanted in
                    List.zip (numbers "mean" @ numbers "variance") [ 0.99591065; -1.06594658; 0.97053665; 3.91483742 ] do
                    Expect.floatClose { absolute = 5e-9; relative = 0.0 } found wanted "a moment"

                Expect.equal ((at [ "rows" ] file).GetInt64(), (at [ "columns" ] file).GetInt32()) (4000L, 2) "shape"
                let number (path: string list) document = (at path document).GetDouble()
                Expect.equal (number [ "metrics"; "w2"; "lower" ] right) 0.0 "W2 from the right law"
                Expect.equal (number [ "metrics"; "tv"; "lower" ] right) 0.0 "TV from it"
                Expect.isGreaterThan (number [ "stein"; "pValue" ] right) 0.01 "it fits"

                // The deviation of x2 is 2, not 1: W2 = 1, TV = TV(N(0, 4), N(0, 1)) = 0.322669.
                let wrong = judged "normalDiag [ 1.0; -1.0 ] [ 1.0; 1.0 ]"
                let w2, tv = number [ "metrics"; "w2"; "lower" ] wrong, number [ "metrics"; "tv"; "lower" ] wrong
                Expect.isTrue (w2 > 0.8 && w2 <= 1.0) $"W2 ≥ {w2}"
                Expect.isTrue (tv > 0.25 && tv <= 0.322669) $"TV ≥ {tv}"
                Expect.isLessThanOrEqual (number [ "stein"; "pValue" ] wrong) 0.01 "it does not fit")

            testCase "the order of the rows does not matter: a sorted file of the right law is not refuted" (fun () ->
                Folders.inFolder (fun folder ->
                    for seed in 1..20 do
                        let file = Path.Combine(folder, $"{seed}.csv")
                        let sorted = normals seed 3000 0.0 1.0 |> Array.sort

                        File.WriteAllLines(
                            file,
                            sorted |> Array.map (fun x -> x.ToString("R", Globalization.CultureInfo.InvariantCulture))
                        )

                        let found = json (sgm [ "measure"; file; "--target"; "standard 1"; "--json" ])
                        Expect.equal ((at [ "metrics"; "tv"; "lower" ] found).GetDouble()) 0.0 $"TV, {seed}"
                        Expect.equal ((at [ "metrics"; "w2"; "lower" ] found).GetDouble()) 0.0 $"W2, {seed}"))

            testCase "levels: draws of the noised law at σ and at t" (fun () ->
                Folders.inFolder (fun folder ->
                    for forward, level, deviation in [ [], "2.0", sqrt 5.0; [ "--forward"; "vp" ], "0.3", 1.0 ] do
                        let file = Path.Combine(folder, "it.npy")
                        let values = normals 4 4000 0.0 deviation

                        using (File.Create file) (fun stream ->
                            Npy.writeHeader stream 4000L 1
                            Npy.writeRows stream 1 values)

                        let found =
                            json (
                                sgm (
                                    [ "measure"; file; "--target"; "standard 1"; "--level"; level; "--json" ]
                                    @ forward
                                )
                            )

                        let variance = (found |> at [ "target"; "variance" ] |> items |> List.head).GetDouble()
                        Expect.floatClose Accuracy.high variance (deviation ** 2.0) level
                        Expect.equal ((at [ "metrics"; "w2"; "lower" ] found).GetDouble()) 0.0 level))

            testCase "a wrong command line is a sentence" (fun () ->
                let file = numpy "c-f8"

                for words, wanted in
                    [
                        [ file ], "--target"
                        [ file; file; "--target"; "standard 2" ], "two files"
                        [ file; file; file ], "3 files"
                        [ file; file; "--level"; "1" ], "--level"
                        [ file; "--target"; "standard 3" ], "2 columns"
                        [ file; "--target"; "normal" ], "normal"
                        [ file; "--target"; "standard 2"; "--level"; "-1" ], "--level -1"
                        [ file; "--target"; "standard 2"; "--level"; "x" ], "--level x"
                        [ file; numpy "line-f4" ], "1 dimension"
                        [ "no.npy"; "--target"; "standard 2" ], "no such file"
                        [ "no.xlsx"; "--target"; "standard 2" ], "'.xlsx'"
                    ] do
                    let ran = sgm ("measure" :: words)
                    Expect.equal ran.Code 2 $"{words}"
                    Expect.stringContains ran.Error wanted $"{words}"
                    isPlain ran)
        ]

let tests = testList "Measure" [ twoSamples; measuring ]
