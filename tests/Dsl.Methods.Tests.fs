module Sgm.Tests.DslMethodsTests

open System
open System.IO
open Expecto
open FsCheck.FSharp
open Sgm
open Sgm.Engine

let private transition forward above below =
    Transition.Alone(forward, Forward.level forward above, Forward.level forward below)

let private transitions =
    [
        transition vp 2.0 1.5
        transition vp 0.7 0.01
        transition vp 0.3 0.0
        transition ve 10.0 3.0
        transition ve 0.5 0.49
        transition ve 0.5 0.0
    ]

/// The state after a step apart from the noise, for a score that is not affine, and the noise's deviation.
let private applied (tableau: Tableau) x =
    let score (x: float) (level: NoiseLevel) = sin (x + level.Sigma) - 0.7 * x
    let readings = ResizeArray<float>()

    for stage in tableau.Stages do
        let state = stage.A * x + Seq.sum (Seq.map2 (*) stage.B readings)
        readings.Add(Naive.read stage state (score state stage.Level))

    tableau.A * x + Seq.sum (Seq.map2 (*) tableau.B readings), tableau.C

let private same message one other t =
    for x in [ -1.3; 0.0; 0.83 ] do
        let (a, c), (b, e) = applied (Naive.tableauOf one t) x, applied (Naive.tableauOf other t) x
        Expect.isLessThan (abs (a - b)) (1e-12 * (1.0 + abs a)) $"{message} at {x} from {t.Upper} to {t.Lower}"
        Expect.isLessThan (abs (c - e)) (1e-12 * (1.0 + c)) $"{message}: noise"

let private slope = "d = denoise rho z"
let private decay h = $"exp ({h} * log (rho' / rho))"

let private descent =
    [ "up = eta * rho' / rho * sqrt (rho ** 2 - rho' ** 2)"; "down = sqrt (rho' ** 2 - up ** 2)"; slope ]

let private midpoint =
    descent
    @ [
        "s = sqrt (rho * down)"
        "guess = z + (s - rho) * (z - d) / rho"
        "z + (if s = 0 then -1 * (z - d) else (down - rho) * (guess - denoise s guess) / (if s = 0 then 1 else s)) + up * noise"
    ]

let private singleStep =
    descent
    @ [
        "h = if down = 0 then 0 else log (rho / down)"
        "half = exp (-h / 2) * z + (1 - exp (-h / 2)) * d"
        "if down = 0 then d else exp (-h) * z + (1 - exp (-h)) * denoise (rho * exp (-h / 2)) half + up * noise"
    ]

/// The catalogue in lines of formulas, from the papers, in z and ρ: x = m·z, and under vp m² = 1/(1 + ρ²).
let private written: (string * float list * Forward list * string list) list =
    let gamma = "g = 0.5 * log ((1 + rho ** 2) / (1 + rho' ** 2))"
    // s = (D·m − x)/σ², in x/m: s/m = (D − z)/(m²ρ²); with m² = 1/(1 + ρ²) that is (D − z)(1 + ρ²)/ρ².
    let score = "s = (d - z) * (1 + rho ** 2) / rho ** 2"
    let up = "up = exp g" // m′ = m·e^γ, so a state x′ = f·x is z′ = f·z·e^(−γ).
    let noise c = $"{c} * sqrt (1 + rho' ** 2) * noise"

    [
        "eulerMaruyama",
        [],
        [ vp ],
        [ slope; gamma; score; up; $"((1 + g) * z + 2 * g * s) / up + " + noise "sqrt (2 * g)" ]
        "exponential",
        [],
        [ vp ],
        [ slope; gamma; score; up; "(up * z + 2 * (up - 1) * s) / up + " + noise "sqrt (up ** 2 - 1)" ]
        "relative",
        [],
        [ vp ],
        [ slope; gamma; score; up; "(z / up + 2 * (1 - 1 / up) * (s + z)) / up + " + noise "sqrt (1 - exp (-2 * g))" ]
        "reverseDiffusion",
        [],
        [ vp ],
        [
            slope
            gamma
            score
            up
            "b = 1 - exp (-2 * g)"
            "((2 - sqrt (1 - b)) * z + b * s) / up + " + noise "sqrt b"
        ]
        for word in [ "eulerMaruyama"; "exponential"; "relative"; "reverseDiffusion" ] do
            word, [], [ ve ], [ slope; "g = rho ** 2 - rho' ** 2"; "z + g * (d - z) / rho ** 2 + sqrt g * noise" ]
        "ancestral",
        [],
        [ vp; ve ],
        [ slope; "k = rho' / rho"; "k ** 2 * z + (1 - k ** 2) * d + rho' * sqrt (1 - k ** 2) * noise" ]
        "ancestralEta",
        [ 0.4 ],
        [ vp; ve ],
        "eta = 0.4" :: descent @ [ "z + (down - rho) * (z - d) / rho + up * noise" ]
        "ddpmLarge",
        [],
        [ ve ],
        [
            slope
            "k = rho' / rho"
            "k ** 2 * z + (1 - k ** 2) * d + (if rho' = 0 then 0 else sqrt (rho ** 2 - rho' ** 2)) * noise"
        ]
        "ddpmLarge",
        [],
        [ vp ],
        [
            slope
            "k = rho' / rho"
            // σ² − r²σ′² = 1 − r², and r² = (1 + ρ′²)/(1 + ρ²).
            "c = sqrt (1 - (1 + rho' ** 2) / (1 + rho ** 2)) * sqrt (1 + rho' ** 2)"
            "k ** 2 * z + (1 - k ** 2) * d + (if rho' = 0 then 0 else c) * noise"
        ]
        "flow", [], [ vp; ve ], [ slope; "z + (rho' - rho) * (z - d) / rho" ]
        "flowHeun",
        [],
        [ vp; ve ],
        [
            slope
            "k = (z - d) / rho"
            "guess = z + (rho' - rho) * k"
            "if rho' = 0 then guess else z + (rho' - rho) * (k + (guess - denoise rho' guess) / rho') / 2"
        ]
        "dpm2", [], [ vp; ve ], "eta = 0" :: midpoint
        "dpm2Ancestral", [ 0.6 ], [ vp; ve ], "eta = 0.6" :: midpoint
        "dpmpp2s", [], [ vp; ve ], "eta = 0" :: singleStep
        "dpmpp2sAncestral", [ 0.6 ], [ vp; ve ], "eta = 0.6" :: singleStep
    ]

let private spelled word (arguments: float list) =
    let entry = Methods.predictors |> List.find (fun entry -> entry.Word.Name = word)
    entry.Word.Make [| for x in arguments -> box x |] |> unbox<PredictorMethod>

let private catalogue =
    testList
        "catalogue"
        [
            testCase "every predictor is what lines of formulas from the papers say, under vp and ve" (fun () ->
                // Those that are more than a tableau are held against their second reading, in Memory.Tests.
                for entry in Methods.predictors do
                    Expect.notEqual
                        (Naive.isTableau entry.Method)
                        (Sgm.Verification.References.Memory.isRead entry.Method)
                        entry.Word.Name

                for entry in Methods.predictors |> List.filter (fun entry -> Naive.isTableau entry.Method) do
                    for forward in [ vp; ve ] do
                        let isThere =
                            written |> List.exists (fun (w, _, f, _) -> w = entry.Word.Name && List.contains forward f)

                        Expect.isTrue isThere $"'{entry.Word.Name}' has lines under {forward}"

                for word, arguments, forwards, lines in written do
                    let own = custom word [] lines
                    Expect.isEmpty own.Faults $"{word}: {own.Faults}"

                    for t in transitions do
                        if List.contains t.Forward forwards then
                            same word (spelled word arguments) own t)

            testCase "limits: no noise is the flow's method, all of it the posterior" (fun () ->
                for t in transitions do
                    same "η = 0" (ancestralEta 0.0) flow t
                    same "η = 1" (ancestralEta 1.0) ancestral t
                    same "dpm2, η = 0" (dpm2Ancestral 0.0) dpm2 t
                    same "2S, η = 0" (dpmpp2sAncestral 0.0) dpmpp2s t

                    if t.Forward = ve then
                        same "ve" ddpmLarge (if t.Lower.Sigma = 0.0 then flow else exponential) t)

            testCase "other names mean the same" (fun () ->
                for alias, own in [ ddim, flow; euler, flow; ddpm, ancestral; ddimEta 0.3, ancestralEta 0.3 ] do
                    Expect.equal alias own "value"
                    Expect.equal (alias.ToString()) (own.ToString()) "text")

            testCase "relative is exact on N(0, I) under vp" (fun () ->
                let own =
                    experiment {
                        target (standard 3)
                        forward vp
                        start warm
                        sampler (anneal (uniform 8.0 0.0 4) (predictor relative))
                        measure [ kl ]
                    }

                let kl = (ExactLaws.gaussianLaw own).Measure Metric.Kl
                Expect.isLessThan kl.Upper 1e-12 "KL")

            testCase "docs/samplers.md has a row for each" (fun () ->
                let document = File.ReadAllText(Path.Combine(Folders.root.Value, "docs", "samplers.md"))

                for entry in Methods.predictors do
                    let words = String.Join(", ", entry.Words |> List.map (fun word -> $"`{word.Example}`"))
                    let names = String.Join(", ", entry.UsualNames)

                    Expect.stringContains
                        document
                        $"\n| {words} | {entry.Formula} | {names} | {entry.Source} | {entry.Order} | {entry.Evaluations} |\n"
                        entry.Word.Name

                    let evaluations =
                        Kernel.predictor entry.Method transitions[0]
                        |> List.sumBy (function
                            | AnyStep step -> Seq.length step.Levels
                            | _ -> 0)

                    Expect.isLessThanOrEqual evaluations entry.Evaluations "evaluations"

                for entry in Methods.correctors do
                    let words = String.Join(", ", entry.Words |> List.map (fun word -> $"`{word.Example}`"))
                    let names = String.Join(", ", entry.UsualNames)
                    let order = entry.Order |> Option.map string |> Option.defaultValue ""

                    Expect.stringContains
                        document
                        $"\n| {words} | {entry.Formula} | {names} | {entry.Source} | {entry.Invariant} | {order} | {entry.Evaluations} |\n"
                        entry.Word.Name

                    let evaluations goesOn =
                        Kernel.corrector
                            entry.Method
                            { Correction.At(NoiseLevel.VarianceExploding 1.0) with GoesOn = goesOn }
                        |> List.sumBy (function
                            | AnyStep step -> Seq.length step.Levels
                            | _ -> 0)

                    Expect.equal (evaluations true) entry.Evaluations $"{entry.Word.Name}: evaluations")
        ]

let private textOf step =
    "experiment {\n    target (standard 1)\n    forward ve\n    sampler (anneal (levels [ 2.0; 1.0; 0.0 ]) (predictor ("
    + step
    + ")))\n}\n"

let private problemsOf step =
    match Check.text "own.sgm" "." (textOf step) with
    | Ok _ -> ""
    | Error problems -> Message.renderAll problems

let private wrong =
    [
        // what, the step, what the message has
        "an unknown name", "custom \"a\" [] [ \"dd * z\" ]", "found 'dd'"
        "a name on the last line", "custom \"a\" [] [ \"d = z\" ]", "the last line, without a name"
        "no name on another line", "custom \"a\" [] [ \"z\"; \"z\" ]", "a line 'name = formula'"
        "no line", "custom \"a\" [] []", "the last line"
        "an empty name", "custom \" \" [] [ \"z\" ]", "found nothing"
        "a name twice", "custom \"a\" [] [ \"d = z\"; \"d = z\"; \"d\" ]", "'d' again"
        "a name of the language", "custom \"a\" [] [ \"rho = 1\"; \"z\" ]", "'rho' again"
        "a parameter of the language", "custom \"a\" [ \"z\", 1.0 ] [ \"z\" ]", "'z' again"
        "a parameter twice", "custom \"a\" [ \"k\", 1.0; \"k\", 2.0 ] [ \"k * z\" ]", "'k' again"
        "a parameter that is no name", "custom \"a\" [ \"k k\", 1.0 ] [ \"z\" ]", "a letter, then letters"
        "a product beyond all numbers, with a Greek name",
        "custom \"a\" [ \"η\", 1e308 ] [ \"η * η * z\" ]",
        "beyond the range"
        "a number as the state", "custom \"a\" [] [ \"rho\" ]", "the last line is a number"
        "a product of states", "custom \"a\" [] [ \"z * z\" ]", "between a state and"
        "a function of a state", "custom \"a\" [] [ \"exp z\" ]", "'exp' takes numbers"
        "a number and a state", "custom \"a\" [] [ \"z + 1\" ]", "between a state and"
        "0 at the end", "custom \"a\" [] [ \"z / rho'\" ]", "divided by 0"
        "a level below 0", "custom \"a\" [] [ \"denoise (-1) z\" ]", "ρ = -1"
        "a level as a state", "custom \"a\" [] [ \"denoise z rho\" ]", "denoise rho z"
        "denoised noise", "custom \"a\" [] [ \"denoise rho (z + noise)\" ]", "after its last 'denoise'"
        "a wrong arity", "custom \"a\" [] [ \"denoise z\" ]", "denoise"
        "a logarithm of 0", "custom \"a\" [] [ \"log rho' * z\" ]", "line 1, from ρ = 1 to ρ′ = 0"
        "half a line", "custom \"a\" [] [ \"z +\" ]", "expected"
        "η beyond 1", "ancestralEta 1.5", "a share of noise η"
        "η below 0", "dpm2Ancestral (-0.1)", "a share of noise η"
        "no slope", "lms 0", "from 1 to 4"
        "too many slopes", "lms 5", "from 1 to 4"
        "half a slope", "deis 2.5", "a whole number"
        "an order beyond the method", "unipc 4", "from 1 to 3"
        "noise below none", "dpmpp2mSde (-0.5)", "a share of noise η from 0"
        "too much noise", "dpmpp3mSde 11.0", "a share of noise η from 0"
        "more than the posterior's noise", "dpmppSde 1.1", "a share of noise η"
        "less churn than none", "churn (-1.0) flow", "a churn S from 0"
        "churn with a method that has noise", "churn 1.0 ancestral", "flow, flowHeun, dpm2, dpmpp2s"
        "churn with a method that keeps something", "churn 1.0 dpmpp2m", "starts anew at every step"
        "churn twice", "churn 1.0 (churn 1.0 flow)", "starts anew at every step"
        "an empty range", "churnWithin 1.0 2.0 1.0 1.0 flow", "from S_min on"
        "η that is no number", "dpmpp2sAncestral (1.0 / 0.0)", "divides by zero"
    ]

let private own =
    testList
        "custom"
        [
            testCase "every mistake is a sentence where it was made" (fun () ->
                for what, step, expected in wrong do
                    let message = problemsOf step
                    Expect.stringContains message expected what
                    Expect.stringContains message "own.sgm:4:" what)

            testCase "what is too much is refused at once" (fun () ->
                let quoted (lines: string list) =
                    "custom \"a\" [] [ " + String.Join("; ", lines |> List.map (fun line -> $"\"{line}\"")) + " ]"

                let chain n = [ for i in 1..n -> $"d{i} = denoise rho " + (if i = 1 then "z" else $"d{i - 1}") ]
                Expect.stringContains (problemsOf (quoted (chain 65 @ [ "d65" ]))) "more than 64 times" "evaluations"
                Expect.equal (problemsOf (quoted (chain 64 @ [ "d64" ]))) "" "64 evaluations"
                let lines = [ for i in 1..1001 -> $"d{i} = z" ] @ [ "z" ]
                Expect.stringContains (problemsOf (quoted lines)) "at most 1000 lines" "lines")

            testCase "it runs, is printed as it reads, and is the same value" (fun () ->
                let step = custom "a \"b\"" [ "k", 0.5 ] [ "d = denoise rho z"; "z + k * (d - z)" ]

                let own =
                    experiment {
                        target (standard 1)
                        forward ve
                        sampler (anneal (levels [ 2.0; 1.0 ]) (predictor step))
                    }

                let text = Print.experiment own

                match Parse.experiment "own.sgm" text with
                | Ok read ->
                    Expect.equal read own "value"
                    Expect.equal (Print.experiment read) text "text"
                | Error problems -> failtestf "%s" (Message.renderAll problems))

            testCase "the denoiser without noise is the state, and one draw of noise adds up" (fun () ->
                let step = custom "a" [] [ "denoise 0 z + 2 * noise - 5 * noise" ]
                let tableau = Naive.tableauOf step (transition ve 2.0 1.0)
                Expect.equal (tableau.A, tableau.Stages.Length, tableau.C) (1.0, 0, 3.0) "numbers")

            testCase "a million transitions are tried" (fun () ->
                let step = custom "a" [] [ "if rho > 1.5 && rho < 1.50001 then z / 0 else z" ]

                let own =
                    experiment {
                        target (standard 1)
                        forward ve
                        sampler (anneal (uniform 2.0 1.0 1_000_000) (predictor step))
                    }

                match Check.experiment "." own with
                | Ok _ -> failtest "a division by 0 in the middle"
                | Error problems -> Expect.stringContains (Message.renderAll problems) "divided by 0" "reason")
        ]

let tests = testList "Dsl.Methods" [ catalogue; own ]
