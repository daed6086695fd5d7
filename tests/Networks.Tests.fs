module Sgm.Tests.NetworksTests

open System
open System.IO
open System.Text.Json
open Expecto
open Sgm
open Sgm.Tests.Command
open Sgm.Tests.OnnxFile

/// E X and the variance of the target N(μ, v·I) of these tests.
let internal mean, variance = [ 1.0; -0.5 ], 0.25

let internal law = "normal [ 1.0; -0.5 ] 0.25"
let private constants = [ "mu", mean; "v", [ variance ] ]

/// ∇ln p under ve, plus a constant in every coordinate.
let internal normalScore element bias =
    network
        element
        2
        "sigma"
        (("bias", [ bias ]) :: constants)
        [ "s2 = Mul sigma sigma"; "w = Add s2 v"; "y = Sub mu x"; "g = Div y w"; "s = Add g bias" ]

/// q = (x − m·μ)/(m²·v + σ²), from σ under ve.
let private quotient = [ "s2 = Mul sigma sigma"; "w = Add s2 v"; "y = Sub x mu"; "q = Div y w" ]

let internal ve = "ve", "geometric 10.0 0.05 20"
let private vp = "vp", "uniform 3.0 0.05 20"

/// Forward, output and network, the formulas of a normal law written down.
let private readings element =
    [
        "gradient", ve, "gradient", normalScore element 0.0
        "noise from logSnr",
        ve,
        "noise",
        network
            element
            2
            "logSnr"
            (("minusHalf", [ -0.5 ]) :: constants)
            ([ "h = Mul logSnr minusHalf"; "sigma = Exp h" ] @ quotient @ [ "s = Mul q sigma" ])
        "denoised from t",
        ve,
        "denoised",
        network
            element
            2
            "t"
            constants
            [ "s2 = Mul t t"; "w = Add s2 v"; "y = Sub x mu"; "q = Div y w"; "r = Mul q v"; "s = Add mu r" ]
        "velocity from t",
        vp,
        "velocity",
        network
            element
            2
            "t"
            (("one", [ 1.0 ]) :: constants)
            [
                "n = Neg t"
                "m = Exp n"
                "m2 = Mul m m"
                "s2 = Sub one m2"
                "sg = Sqrt s2"
                "a = Mul m2 v"
                "w = Add a s2"
                "mm = Mul m mu"
                "y = Sub x mm"
                "q = Div y w"
                "ez = Mul sg q"
                "c = Mul m v"
                "d0 = Mul c q"
                "ex = Add mu d0"
                "l = Mul m ez"
                "r = Mul sg ex"
                "s = Sub l r"
            ]
        for forward in [ ve; vp ] do
            $"edm under {fst forward}",
            forward,
            "(edm 0.6)",
            network
                element
                2
                "cNoise"
                ([ "dev", [ 0.6 ]; "dev2", [ 0.36 ]; "four", [ 4.0 ] ] @ constants)
                [
                    "k = Mul cNoise four"
                    "rho = Exp k"
                    "r2 = Mul rho rho"
                    "wh = Add r2 dev2"
                    "rt = Sqrt wh"
                    "z = Mul x rt"
                    "w = Add r2 v"
                    "y = Sub z mu"
                    "q = Div y w"
                    "p = Mul q v"
                    "D = Add mu p"
                    "cs = Div dev2 wh"
                    "sz = Mul cs z"
                    "num = Sub D sz"
                    "co0 = Mul rho dev"
                    "co = Div co0 rt"
                    "s = Div num co"
                ]
        // The network's levels are σ = 0.01·1.5^k; index and ln σ are straight in each other.
        "gradient from an index",
        ve,
        "gradient",
        { network
              element
              2
              "index"
              ([ "first", [ log 0.01 ]; "ratio", [ log 1.5 ] ] @ constants)
              [
                  "k = Mul index ratio"
                  "l = Add k first"
                  "sigma = Exp l"
                  "s2 = Mul sigma sigma"
                  "w = Add s2 v"
                  "y = Sub mu x"
                  "s = Div y w"
              ] with
            Metadata = [ "sigmas", String.Join(",", [ for k in 0..30 -> (0.01 * 1.5 ** float k).ToString "R" ]) ]
        }
    ]

let internal text target (forward, schedule) score =
    $"experiment {{
    target    ({target})
    forward   {forward}
    score     ({score})
    sampler   (anneal ({schedule}) (predictor ancestral >=> corrector (langevinScaled 0.1)))
    measure   [ tv; w2 ]
    particles 300
}}"

/// A file beside the network, checked.
let internal inFolder work =
    Folders.inFolder (fun folder ->
        let write name (model: Model) = File.WriteAllBytes(Path.Combine(folder, name), bytes model)

        let check text =
            match Check.text "it.sgm" folder text with
            | Ok valid -> valid
            | Error problems -> failtest (Message.renderAll problems)

        work folder write check)

let private particles threads count (plan: Engine.Plan) =
    let outcome = Engine.Ensemble().Run(plan, Engine.RunOptions(Particles = count, Seed = 7UL, Threads = threads))
    Expect.isTrue outcome.IsCompleted $"{outcome.Status}"
    let law = (Seq.last outcome.Probes).Law :?> Engine.ParticleLaw
    Array.init law.Dimension law.Particles.Coordinate

let private furthest (a: float[][]) (b: float[][]) =
    Array.map2 (fun x y -> Array.map2 (fun p q -> abs (p - q)) x y |> Array.max) a b |> Array.max

let private readingTests =
    testList
        "a network that is the score of a normal law"
        [
            for element, tolerance in [ Element.Single, 2e-4; Element.Double, 1e-12 ] do
                for name, forward, output, model in readings element do
                    testCase $"{name}, {element}: the particles are those of the exact score" (fun () ->
                        inFolder (fun _ write check ->
                            write "net.onnx" model
                            let own = check (text law forward $"onnx \"net.onnx\" {output}")
                            let exact = check (text law forward "exact")
                            let gap = furthest (particles 1 300L own.Plan) (particles 1 300L exact.Plan)
                            // Denoisers of states of about 40 are right to some roundings of 40.
                            Expect.isLessThan gap tolerance "furthest particle"
                            Expect.stringContains own.Networks.Head.Description "net.onnx" "said"

                            Expect.stringContains
                                own.Networks.Head.Description
                                (if element = Element.Single then "single" else "double")
                                "precision is said"))

            for element, width in [ Element.Single, 1e-3; Element.Double, 1e-6 ] do
                testCase $"by quadrature on the line, {element}: brackets that hold the exact law's" (fun () ->
                    inFolder (fun _ write check ->
                        write
                            "net.onnx"
                            (network
                                element
                                1
                                "sigma"
                                [ "mu", [ 1.0 ]; "v", [ 0.25 ] ]
                                [ "s2 = Mul sigma sigma"; "w = Add s2 v"; "y = Sub mu x"; "s = Div y w" ])

                        let measured score =
                            let plan = (check (text "normal [ 1.0 ] 0.25" ve score)).Plan
                            let outcome = Laws.run plan (Engine.RunOptions())
                            Expect.isTrue outcome.IsCompleted $"{outcome.Status}"
                            let law = (Seq.last outcome.Probes).Law
                            Expect.isFalse (law :? Engine.ParticleLaw) "exact"
                            [ for metric in [ tv; w2 ] -> law.Measure metric ]

                        for own, exact in List.zip (measured "onnx \"net.onnx\" gradient") (measured "exact") do
                            Expect.isTrue (own.Value.HasValue && own.Upper - own.Lower < width) $"{own}"

                            Expect.isTrue
                                (own.Lower <= exact.Upper && exact.Lower <= own.Upper)
                                $"{own} and {exact} are of one number"))
        ]

let private repeatable =
    testList
        "results depend neither on threads nor on blocks"
        [
            testCase "threads, fewer particles, and points one by one" (fun () ->
                inFolder (fun _ write check ->
                    // Two layers with a bend, so that rows go through matrix products.
                    let weights n m seed = [ for i in 0 .. n * m - 1 -> sin (float (i * seed) + 0.3) ]

                    let model =
                        { network
                              Element.Single
                              2
                              ""
                              []
                              [ "a = MatMul x w1"; "h = Tanh a"; "b = MatMul h w2"; "s = Neg b" ] with
                            Constants =
                                [
                                    { Of = "w1"; Values = Array.ofList (weights 2 37 3); Dims = [ 2; 37 ] }
                                    { Of = "w2"; Values = Array.ofList (weights 37 2 5); Dims = [ 37; 2 ] }
                                ]
                        }

                    write "net.onnx" model
                    let plan = (check (text law ve "onnx \"net.onnx\" gradient")).Plan
                    let whole = particles 1 3000L plan

                    for threads in [ 2; 5 ] do
                        Expect.equal (particles threads 3000L plan) whole $"{threads} threads"

                    // The first block of a smaller run, which is whole.
                    let first = Array.map (Array.take (Engine.BlockFormat.Size 2))
                    Expect.equal (first (particles 2 700L plan)) (first whole) "a smaller run"
                    let field = Engine.ScoreField plan.Score
                    let points = whole |> Array.map (Array.take 100) |> Array.concat
                    let all = Array.zeroCreate 200
                    field.Evaluate(plan.InitialLevel, ReadOnlySpan points, Span all, 100)

                    for i in 0..99 do
                        let one = Array.zeroCreate 2
                        field.Evaluate(plan.InitialLevel, ReadOnlySpan [| points[i]; points[100 + i] |], Span one, 1)
                        Expect.equal one [| all[i]; all[100 + i] |] $"point {i}"))

            testCase "the fingerprint counts what the file holds" (fun () ->
                inFolder (fun _ write check ->
                    let score = text law ve "onnx \"net.onnx\" gradient"
                    write "net.onnx" (normalScore Element.Single 0.0)
                    let before = check score
                    Expect.equal (check score).Fingerprint before.Fingerprint "the same"
                    write "net.onnx" (normalScore Element.Single 0.1)
                    Expect.notEqual (check score).Fingerprint before.Fingerprint "another network"
                    let exact = check (text law ve "exact")
                    Expect.equal exact.Fingerprint (Fingerprint.ofText exact.Text) "no network, no more than the text"))
        ]

/// `sgm score --json` of a score beside a network.
let private scored (folder: string) target forward score =
    let file = Path.Combine(folder, "it.sgm")
    File.WriteAllText(file, text target forward score)
    let ran = sgm [ "score"; file; "--json" ]
    Expect.equal ran.Code 0 ran.Error
    json ran

let private errorsOf (document: JsonElement) =
    [
        for level in items (document.GetProperty "levels") ->
            (level.GetProperty "kind").GetString(),
            (at [ "error"; "value" ] level).GetDouble(),
            (at [ "error"; "lower" ] level).GetDouble(),
            (at [ "error"; "upper" ] level).GetDouble()
    ]

let private errors =
    testList
        "the error of a network"
        [
            testCase "an exact one is at rounding, a bias of 0.1 is 0.1, with and without a clip" (fun () ->
                inFolder (fun folder write _ ->
                    for clip, isProved in [ "", false; " |> clipped 20.0", true ] do
                        // A bias of 0.1 moves the denoiser at σ = 10 by 10: the ball has room for it.
                        write "net.onnx" (normalScore Element.Single 0.0)
                        let exact = scored folder law ve ("onnx \"net.onnx\" gradient" + clip)
                        let found = errorsOf exact

                        for level in items (exact.GetProperty "levels") do
                            Expect.equal (not (isNullValue (level.GetProperty "certified"))) isProved "proved"

                        Expect.isGreaterThan found.Length 19 "levels"

                        for name, value, lower, upper in found do
                            Expect.equal name "draws" "how"
                            // Two roundings of 2⁻²⁴ of a score of at most 30.
                            Expect.isLessThan value 1e-5 "exact"
                            Expect.isTrue (lower <= value && value <= upper) "in order"

                        write "net.onnx" (normalScore Element.Single (0.1 / sqrt 2.0))

                        let biased = scored folder law ve ("onnx \"net.onnx\" gradient" + clip)

                        for level in items (biased.GetProperty "levels") do
                            if isProved then
                                Expect.isGreaterThan
                                    ((level.GetProperty "certified").GetDouble())
                                    0.1
                                    "above the truth"

                        for _, value, lower, upper in errorsOf biased do
                            Expect.isTrue (lower <= 0.1 && 0.1 <= upper) $"0.1 in [{lower}, {upper}]"
                            Expect.isLessThan (abs (value - 0.1)) 0.01 "about 0.1"))

            testCase "scores of the language have their own bounds, exactly" (fun () ->
                Folders.inFolder (fun folder ->
                    for name, value, _, upper in scored folder law ve "exact |> shifted 0.1" |> errorsOf do
                        Expect.equal name "bound" "how"
                        Expect.floatClose Accuracy.veryHigh value 0.1 "ε"
                        Expect.floatClose Accuracy.veryHigh upper 0.1 "ε"

                    let exact = scored folder law ve "exact"
                    Expect.equal ((at [ "nats"; "score" ] exact).GetDouble()) 0.0 "nothing"
                    Expect.isTrue ((at [ "nats"; "steps" ] exact).GetDouble() > 0.0) "steps"))

            testCase "what it costs is Σ of the steps' own formulas" (fun () ->
                Folders.inFolder (fun folder ->
                    // Ancestral: z′ = z + Δ·U·… the error counts Δ·e·m in z against c² = Δ·g′/g; by hand from Tweedie.
                    let document = scored folder law ve "exact |> shifted 0.1"
                    let levels = items (document.GetProperty "levels")
                    let sigma (level: JsonElement) = (at [ "level"; "sigma" ] level).GetDouble()
                    let schedule = [ for i in 0..20 -> 10.0 * (0.05 / 10.0) ** (float i / 20.0) ]

                    for i, level in List.indexed levels do
                        let g = sigma level ** 2.0
                        Expect.floatClose Accuracy.high (sigma level) schedule[i] "in order"

                        // A step down begins at every level but the last, a Langevin step of h = 0.1·σ² at every one but the first.
                        let down =
                            if i = 20 then
                                0.0
                            else
                                let next = schedule[i + 1] ** 2.0
                                let delta = g - next
                                (delta * 0.1) ** 2.0 / (2.0 * delta * next / g)

                        let stay = if i = 0 then 0.0 else 0.25 * (0.1 * g) * 0.01

                        Expect.floatClose
                            Accuracy.high
                            ((level.GetProperty "nats").GetDouble())
                            (down + stay)
                            $"level {i}"))
        ]

let tests = testList "Networks" [ readingTests; repeatable; errors ]
