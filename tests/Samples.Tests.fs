/// Draws into files and samples out of them; the files in `numpy` are NumPy's own (make.py made them).
module Sgm.Tests.SamplesTests

open System
open System.Collections.Immutable
open System.IO
open System.Text
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Tests.Command

let private numpy name = Path.Combine(Folders.root.Value, "tests", "numpy", name + ".npy")

/// What make.py put into the files, in rows.
let private table = [ [ 1.5; -2.0 ]; [ 0.1; 3e-300 ]; [ -7.0; 1e10 ] ]

/// The rows of an array of shape [columns, rows].
let private rowsOf columns (values: float[]) =
    let n = values.Length / columns
    [ for i in 0 .. n - 1 -> [ for e in 0 .. columns - 1 -> values[e * n + i] ] ]

let private readFrom (stream: Stream) =
    Npy.readHeader stream
    |> Result.bind (fun header ->
        let all = Array.init (int header.Rows) int64
        Npy.readRows stream header all (Array.init all.Length id) |> Result.map (rowsOf header.Columns))

let private read name =
    use stream = File.OpenRead(numpy name)
    readFrom stream

let private bytesOf name = File.ReadAllBytes(numpy name)

/// A file of version 1 with this header.
let private headed (header: string) (data: byte[]) =
    Array.concat
        [
            Encoding.Latin1.GetBytes "\x93NUMPY\x01\x00"
            BitConverter.GetBytes(uint16 header.Length)
            Encoding.Latin1.GetBytes header
            data
        ]

let private fields shape = $"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n"

let private planOf text =
    match Check.text "" "." text with
    | Ok found -> found.Plan
    | Error problems -> failtest (Message.renderAll problems)

let private endOf text =
    let outcome = Laws.run (planOf text) (RunOptions())
    Expect.isTrue outcome.IsCompleted $"{outcome.Status}"
    (Seq.last outcome.Probes).Law

/// Draws by normals of a stream, one law: mean and deviation.
let private normals seed n mean deviation =
    let values = Array.zeroCreate<float> n
    RandomStream(uint64 seed, 77L).FillNormal(values.AsSpan())
    values |> Array.map (fun z -> mean + deviation * z)

let private store columns values = ParticleStore(columns, 0L, [| values |])

let files =
    testList
        "npy"
        [
            testCase "NumPy's files: versions, byte orders, sizes and orders of rows" (fun () ->
                for name in [ "c-f8"; "fortran-f8-v2"; "fortran-big-f8" ] do
                    Expect.equal (read name) (Ok table) name

                // The columns are exchanged, and every number is the nearest one of 4 bytes.
                let single = table |> List.map (List.rev >> List.map (fun x -> float (float32 x)))
                Expect.equal (read "big-f4-v3") (Ok single) "big endian, 4 bytes, version 3"
                Expect.equal (read "line-f4") (Ok [ for i in 0..4 -> [ float i / 4.0 ] ]) "one axis is one column")

            testCase "some rows of a file, in places that were asked for, whatever its order" (fun () ->
                for name in [ "c-f8"; "fortran-f8-v2" ] do
                    use stream = File.OpenRead(numpy name)
                    let header = Expect.wantOk (Npy.readHeader stream) name
                    let found = Npy.readRows stream header [| 0L; 2L |] [| 1; 0 |]
                    Expect.equal (Result.map (rowsOf 2) found) (Ok [ table[2]; table[0] ]) name)

            testCase "what is written is what NumPy writes, byte for byte" (fun () ->
                use stream = new MemoryStream()
                Npy.writeHeader stream 3L 2

                Npy.writeRows
                    stream
                    2
                    [|
                        for e in 0..1 do
                            for row in table -> row[e]
                    |]

                Expect.equal (stream.ToArray()) (bytesOf "c-f8") "the file")

            testCase "hostile files are sentences" (fun () ->
                let whole = bytesOf "c-f8"

                for name, bytes, wanted in
                    [
                        "no file of NumPy", "a,b\n1,2\n"B, "no NumPy file"
                        "empty", [||], "no NumPy file"
                        "cut in the header", whole[..40], "within its header"
                        "cut after the version", whole[..8], "within its header"
                        "cut in the numbers", whole[.. whole.Length - 9], "5 of its 3 × 2"
                        "cut before the numbers", whole[..127], "0 of its 3 × 2"
                        "two arrays", Array.append whole whole, "goes on"
                        "version 9", Array.append [| yield! whole[..5]; 9uy |] whole[7..], "version 9"
                        "a header of 4 GB",
                        Array.append [| yield! whole[..5]; 2uy; 0uy; 255uy; 255uy; 255uy; 255uy |] whole[10..],
                        "4294967295 bytes"
                        "more than a disk", headed (fields "(9223372036854775807, 3)") [||], "no file can hold"
                        "many columns", headed (fields "(1, 100001)") [||], "100001 columns"
                        "no column", headed (fields "(1, 0)") [||], "0 columns"
                        "negative", headed (fields "(-1, 2)") [||], "whole numbers"
                        "beyond 64 bits", headed (fields "(99999999999999999999, 2)") [||], "whole numbers"
                        "a claim of much", headed (fields "(1000000000, 1)") [| 0uy |], "cut off"
                        "no shape", headed "{'descr': '<f8', 'fortran_order': False}\n" [||], "'shape'"
                        "no order", headed "{'descr': '<f8', 'shape': (1, 1)}\n" [||], "'fortran_order'"
                        "no type", headed "{'fortran_order': False, 'shape': (1, 1)}\n" [||], "'descr'"
                        "whole numbers", bytesOf "int", "'<i8'"
                        "objects", bytesOf "objects", "'|O'"
                        "records", bytesOf "records", "named fields"
                        "three axes", bytesOf "cube", "(2, 2, 2)"
                        "no axis", bytesOf "scalar", "shape is ()"
                        "no rows", bytesOf "empty", "0 rows"
                        "not a number", bytesOf "nan", "row 2, column 1 is NaN"
                    ] do
                    Folders.inFolder (fun folder ->
                        let file = Path.Combine(folder, "it.npy")
                        File.WriteAllBytes(file, bytes)
                        let ran = sgm [ "measure"; file; "--target"; "standard 2" ]
                        Expect.equal ran.Code 2 name
                        Expect.stringContains ran.Error wanted name
                        isPlain ran))
        ]

let private bimodal =
    "experiment {
    target  (mixture [ 0.3, normal [ -2.0 ] 0.25; 0.7, normal [ 1.0 ] 0.5 ])
    forward vp
    start   prior
    sampler (SAMPLER)
    measure [ tv ]
}"

/// Of noise, of none, of a step back and forth: laws in closed form, on panels, and on panels behind a map.
let private lines =
    [
        "the start", "identity"
        "a noisy step", "anneal (uniform 2.0 0.5 8) (predictor ancestral)"
        "a deterministic end", "anneal (uniform 2.0 0.0 8) (predictor ancestral)"
        "probability flow", "anneal (uniform 2.0 0.01 8) (predictor flow)"
    ]
    |> List.map (fun (name, sampler) ->
        let text = bimodal.Replace("SAMPLER", sampler)

        name,
        (if sampler = "identity" then
             text.Replace("prior", "(from (normal [ 0.5 ] 2.0))")
         else
             text))

let laws =
    testList
        "laws"
        [
            testCase "densities, distribution functions and quantiles of one law belong together" (fun () ->
                for name, text in lines do
                    let law = endOf text
                    let marginal = law.Marginal 0
                    let shares = [ 0.001; 0.01; 0.2; 0.3; 0.5; 0.9; 0.999 ]

                    for u in shares do
                        let x = marginal.Quantile u

                        Expect.floatClose
                            { absolute = 1e-10; relative = 0.0 }
                            (marginal.Distribution x)
                            u
                            $"{name}: F(Q({u}))"

                        let h = 1e-4
                        let slope = (marginal.Distribution(x + h) - marginal.Distribution(x - h)) / (2.0 * h)
                        // F‴ of these laws is below 10; the difference quotient is off by h²/6 of it.
                        Expect.floatClose
                            { absolute = 1e-6; relative = 1e-6 }
                            (marginal.Density x)
                            slope
                            $"{name}: F′ at {x}"

                        Expect.equal
                            (law.LogDensity([| x |].AsSpan()))
                            (Nullable(log (marginal.Density x)))
                            $"{name}: ln q"

                    // E x = ∫ Q(u) du by the rule of midpoints: its error is that of the tails, a few 10⁻⁴ of a deviation.
                    let n = 4000
                    let mean = Seq.init n (fun i -> marginal.Quantile((float i + 0.5) / float n)) |> Seq.average

                    Expect.floatClose
                        { absolute = 2e-3; relative = 0.0 }
                        mean
                        (law.Moments().Mean[0])
                        $"{name}: the mean")

            testCase "the start's law is the formula" (fun () ->
                let marginal = (endOf (snd lines.Head)).Marginal 0

                for x in [ -4.0; 0.5; 1.0; 7.0 ] do
                    let wanted = exp (-((x - 0.5) ** 2.0) / 4.0) / sqrt (4.0 * Math.PI)
                    Expect.floatClose Accuracy.high (marginal.Density x) wanted $"q({x})")

            testCase "a point has no density; a coordinate that there is not is refused" (fun () ->
                let law =
                    endOf
                        "experiment {\n target (standard 1)\n forward vp\n start (point [ 2.0 ])\n sampler identity\n measure [ w2 ]\n}"

                Expect.isFalse (law.LogDensity([| 2.0 |].AsSpan()).HasValue) "no density"
                Expect.equal ((law.Marginal 0).Quantile 0.3) 2.0 "its place"
                Expect.throwsT<ArgumentOutOfRangeException> (fun () -> law.Marginal 1 |> ignore) "coordinate 1"
                Expect.throwsT<ArgumentOutOfRangeException> (fun () -> (law.Marginal 0).Quantile 1.0 |> ignore) "u = 1")

            testCase "draws on the line have the law's distribution function" (fun () ->
                let n = 20_000

                for name, text in lines do
                    let law = endOf text
                    let x = Array.zeroCreate<float> n
                    law.Draw(RandomStream(3UL, 0L), x.AsSpan(), n)
                    Array.sortInPlace x
                    let below = x |> Array.map (law.Marginal 0).Distribution

                    let gap =
                        below
                        |> Array.mapi (fun i f -> max (f - float i / float n) (float (i + 1) / float n - f))
                        |> Array.max
                    // Massart: more than this has probability 10⁻⁶.
                    Expect.isLessThan gap (sqrt (log (2.0 / 1e-6) / (2.0 * float n))) name
                    Expect.equal (Array.distinct x).Length n $"{name}: no number twice")

            testCase "draws and density of coupled normal coordinates" (fun () ->
                let law =
                    endOf
                        "experiment {
    target  (standard 3)
    forward vp
    start   (from (product [ 1, normalCov [ 1.0; -2.0 ] [ [ 2.0; 1.2 ]; [ 1.2; 1.0 ] ]; 1, normal [ 5.0 ] 4.0 ]))
    sampler identity
    measure [ kl ]
}"

                let n = 50_000
                let x = Array.zeroCreate<float>(3 * n)
                law.Draw(RandomStream(5UL, 0L), x.AsSpan(), n)
                let mean = [ 1.0; -2.0; 5.0 ]
                let wanted = [ [ 2.0; 1.2; 0.0 ]; [ 1.2; 1.0; 0.0 ]; [ 0.0; 0.0; 4.0 ] ]

                for e in 0..2 do
                    for f in 0..2 do
                        let products = Seq.init n (fun i -> (x[e * n + i] - mean[e]) * (x[f * n + i] - mean[f]))
                        // Var of a product of normals: C_ee·C_ff + C_ef²; six deviations.
                        let deviation = sqrt ((wanted[e][e] * wanted[f][f] + wanted[e][f] ** 2.0) / float n)

                        Expect.isLessThan
                            (abs (Seq.average products - wanted[e][f]))
                            (6.0 * deviation)
                            $"covariance {e}, {f}"

                // Σ⁻¹ = (1/0.56)·[[1, −1.2], [−1.2, 2]].
                let u, v, w = 0.4, -1.1, 6.0
                let a, b = u - 1.0, v + 2.0
                let square = (a * a - 2.4 * a * b + 2.0 * b * b) / 0.56 + (w - 5.0) ** 2.0 / 4.0
                let log' = -0.5 * square - 0.5 * log (0.56 * 4.0) - 1.5 * log (2.0 * Math.PI)
                Expect.floatClose Accuracy.high (law.LogDensity([| u; v; w |].AsSpan()).Value) log' "ln q")
        ]

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

let tests = testList "Samples" [ files; laws; twoSamples; measuring ]
