/// Draws into files and samples out of them; the files in `numpy` are NumPy's own (make.py made them).
module Sgm.Tests.SamplesTests

open System
open System.IO
open System.Text
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Tests.Command

let numpy name = Path.Combine(Folders.root.Value, "tests", "numpy", name + ".npy")

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
let normals seed n mean deviation =
    let values = Array.zeroCreate<float> n
    RandomStream(uint64 seed, 77L).FillNormal(values.AsSpan())
    values |> Array.map (fun z -> mean + deviation * z)

let store columns values = ParticleStore(columns, 0L, [| values |])

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

let tests = testList "Samples" [ files; laws ]
