/// Names, arithmetic and families of the language, against F# itself.
module Sgm.Tests.DslFormulasTests

open System
open System.IO
open Expecto
open FsCheck
open FsCheck.FSharp
open Sgm
open Sgm.Tests.Command

let private text lets sampler' rest =
    $"{lets}\n\nexperiment {{\n    target  (standard 2)\n    forward ve\n    start   warm\n    sampler ({sampler'})\n{rest}}}\n"

let private member' settings text = (Check.family "it.sgm" "." text).At(Map.ofList settings)

let private found text =
    match member' [] text with
    | Ok found -> found
    | Error problems -> failtest (Message.renderAll problems)

/// The value that F#'s formula has in the language.
let private valueOf (formula: string) = (found (text $"let it = {formula}" "identity" "")).Names["it"]

let private refused text =
    match member' [] text with
    | Ok _ -> failtest "nothing was refused"
    | Error problems -> Message.renderAll problems

/// Formulas as written here, and what F# makes of them.
let private values =
    [
        "1.0 - 2.0 - 3.0", Quantity.Real(1.0 - 2.0 - 3.0)
        "2.0 ** 3.0 ** 2.0", Quantity.Real(2.0 ** 3.0 ** 2.0)
        "-2.0 ** 2.0", Quantity.Real(-2.0 ** 2.0)
        "- 3.0 + 1.0", Quantity.Real(-3.0 + 1.0)
        "2.0 * -3.0", Quantity.Real(2.0 * -3.0)
        "1.0 / 3.0 * 3.0", Quantity.Real(1.0 / 3.0 * 3.0)
        "7 / 2", Quantity.Whole(7 / 2)
        "-7 / 2", Quantity.Whole(-7 / 2)
        "-7 % 3", Quantity.Whole(-7 % 3)
        "7.5 % 2.0", Quantity.Real(7.5 % 2.0)
        "1 + 2 * 3", Quantity.Whole(1 + 2 * 3)
        "(1 + 2) * 3", Quantity.Whole((1 + 2) * 3)
        "5000000000L + 1L", Quantity.Long(5000000000L + 1L)
        "int 2.9", Quantity.Whole(int 2.9)
        "int -2.9", Quantity.Whole(int -2.9)
        "int (ceil (10.0 / 0.3))", Quantity.Whole(int (ceil (10.0 / 0.3)))
        "float 3 / 2.0", Quantity.Real(float 3 / 2.0)
        "exp 1.0 + log 2.0", Quantity.Real(exp 1.0 + log 2.0)
        "sqrt 2.0 * sin 1.0 - cos 1.0", Quantity.Real(sqrt 2.0 * sin 1.0 - cos 1.0)
        "abs -3 + min 1 2 + max 1 2", Quantity.Whole(abs -3 + min 1 2 + max 1 2)
        "floor -1.5", Quantity.Real(floor -1.5)
        "2.0 * pi", Quantity.Real(2.0 * Math.PI)
        "if 1 < 2 && not (3.0 <= 2.0) then 5.0 else 1.0 / 0.0", Quantity.Real 5.0
        "if 1 = 2 || 2 <> 2 then 1 else 2", Quantity.Whole 2
        "1.0\n    + 2.0\n    + 3.0", Quantity.Real 6.0
        "1.0 -2.0", Quantity.Real -1.0
        "1.0-2.0", Quantity.Real -1.0
    ]

/// A random formula: its text, and F#'s value of it by functions of F#.
type private Written = { Text: string; Value: float }

let private formulas: Gen<Written> =
    let literal =
        Gen.elements [ 0.5; 1.0; 2.0; 3.25; 0.1; 1e-3; 7.0 ]
        |> Gen.map (fun x -> { Text = Numeral.ofFloat x; Value = x })

    let binary (one: Written) (other: Written) =
        Gen.elements
            [
                { Text = $"({one.Text} + {other.Text})"; Value = one.Value + other.Value }
                { Text = $"({one.Text} - {other.Text})"; Value = one.Value - other.Value }
                { Text = $"({one.Text} * {other.Text})"; Value = one.Value * other.Value }
                { Text = $"({one.Text} / {other.Text})"; Value = one.Value / other.Value }
                { Text = $"max ({one.Text}) ({other.Text})"; Value = max one.Value other.Value }
                {
                    Text = $"(if {one.Text} < {other.Text} then {one.Text} else 2.0)"
                    Value = if one.Value < other.Value then one.Value else 2.0
                }
            ]

    let unary (one: Written) =
        Gen.elements
            [
                { Text = $"(-({one.Text}))"; Value = -one.Value }
                { Text = $"abs ({one.Text})"; Value = abs one.Value }
                { Text = $"exp ({one.Text})"; Value = exp one.Value }
                { Text = $"sin ({one.Text})"; Value = sin one.Value }
                { Text = $"({one.Text}) ** 2.0"; Value = one.Value ** 2.0 }
            ]

    let rec sized n =
        if n <= 0 then
            literal
        else
            Gen.oneof
                [
                    literal
                    sized (n - 1) |> Gen.bind unary
                    Gen.map2 (fun a b -> a, b) (sized (n / 2)) (sized (n / 2)) |> Gen.bind (fun (a, b) -> binary a b)
                ]

    // What is parenthesised where F# would not need it is as well read without.
    sized 6

let private arithmetic =
    testList
        "arithmetic"
        [
            for formula, expected in values do
                testCase formula (fun () -> Expect.equal (valueOf formula) expected "F#'s value")

            testCase "random formulas have F#'s values to the last bit" (fun () ->
                let holds (written: Written) =
                    if Double.IsFinite written.Value then
                        match member' [] (text $"let it = {written.Text}" "identity" "") with
                        | Ok found -> found.Names["it"] = Quantity.Real written.Value
                        // Somewhere inside it is not finite, or divides by zero, which F# lets pass.
                        | Error problems ->
                            let said = Message.renderAll problems
                            said.Contains "divides by zero" || said.Contains "beyond the range"
                    else
                        Result.isError (member' [] (text $"let it = {written.Text}" "identity" ""))

                Check.One(Config.QuickThrowOnFailure.WithMaxTest 500, Prop.forAll (Arb.fromGen formulas) holds))

            testCase "a minus before an argument is an argument, between values a difference" (fun () ->
                let target written =
                    (found (text "let a = 3.0" "identity" "" |> fun t -> t.Replace("standard 2", written)))
                        .Checked.Experiment.Target

                Expect.equal (target "normal [ -a; a - 1.0; a-1.0 ] 1.0") (normal [ -3.0; 2.0; 2.0 ] 1.0) "entries"
                Expect.equal (target "normal [ max a -1.0 ] 1.0") (normal [ 3.0 ] 1.0) "an argument")

            testCase "names of any kind, and lists by for" (fun () ->
                let e =
                    found (
                        "let v = 0.5\nlet law = mixture [ for i in 1 .. 3 -> 1.0 / 3.0, normal [ float i ] v ]\nlet down = geometric 10.0 0.1 4\n\n"
                        + "experiment {\n    target law\n    forward ve\n    sampler (anneal down (predictor ancestral))\n}\n"
                    )

                let law = mixture [ for i in 1..3 -> 1.0 / 3.0, normal [ float i ] 0.5 ]
                Expect.equal e.Checked.Experiment.Target law "target"

                Expect.equal
                    e.Checked.Experiment.Sampler
                    (anneal (geometric 10.0 0.1 4) (predictor ancestral))
                    "schedule")

            testCase "ranges step and may be empty" (fun () ->
                let listOf range =
                    match
                        (found (
                            text $"let it = [ for i in {range} -> float i ]" "identity" ""
                            |> fun t -> t.Replace("standard 2", "normal it 1.0")
                        ))
                            .Checked.Experiment.Target
                    with
                    | Normal(mean, _) -> mean
                    | other -> failtest $"{other}"

                Expect.equal (listOf "1 .. 2 .. 7") [ 1.0; 3.0; 5.0; 7.0 ] "up"
                Expect.equal (listOf "3 .. -1 .. 1") [ 3.0; 2.0; 1.0 ] "down"
                Expect.equal (listOf "1..3") [ 1.0; 2.0; 3.0 ] "without blanks")

            testCase "a fault in a list by for is told once" (fun () ->
                let list = "let it = [ for i in 1 .. 1000000 -> nothing ]"
                let said = refused (text list "identity" "" |> fun t -> t.Replace("standard 2", "normal it 1.0"))
                Expect.equal (said.Split("nothing").Length) 3 "once in the message, once in the line")

            testCase "what is too much is refused and not worked on" (fun () ->
                let huge = "let it = [ for i in 1 .. 2000000000 -> 1.0 ]"

                Expect.stringContains
                    (refused (text huge "identity" "" |> fun t -> t.Replace("standard 2", "normal it 1.0")))
                    "at most 10000000 turns"
                    "turns"

                let deep = String.replicate 300 "(" + "1.0" + String.replicate 300 ")"
                Expect.stringContains (refused (text $"let it = {deep}" "identity" "")) "200 levels" "depth"
                let long = String.Join(" + ", Seq.replicate 100_000 "1.0")
                Expect.stringContains (refused (text $"let it = {long}" "identity" "")) "1000 operators" "operators"
                let minus = String.replicate 100_000 "-" + "a"

                Expect.stringContains
                    (refused (text $"let a = 1.0\nlet it = {minus}" "identity" ""))
                    "1000 operators"
                    "signs")
        ]

/// What a text claims, and how a paper would write it.
let private printed =
    [
        "0.075 * x", "0.075·x"
        "x * 10.05 + 1.0", "x·10.05 + 1"
        "1e-3 / x ** 2.0", "0.001/x²"
        "exp (-2.0 * x / 3.0)", "e^(−2·x/3)"
        "1.0 - (x - 2.0)", "1 − (x − 2)"
        "1.0 / (x * 2.0)", "1/(x·2)"
        "(1.0 + x) * 2.0", "(1 + x)·2"
        "(x ** 2.0) ** 3.0", "(x²)³"
        "x ** 0.5", "x^0.5"
        "-x", "−x"
        "2.0 * -x", "2·(−x)"
        "sqrt (x + 1.0)", "√(x + 1)"
        "sqrt dimension", "√dimension"
        "if x > 1.0 then x else 2.0", "if x > 1 then x else 2"
        "max x (abs (x - 3.0))", "max(x, |x − 3|)"
        // What was truncated shows.
        "float (7 / 2)", "float(7/2)"
        "float (int (ceil x))", "float(int(⌈x⌉))"
    ]

let private printing =
    testList
        "printing"
        [
            for formula, text' in printed do
                testCase formula (fun () ->
                    let own = found (text "let x = 2.0" "identity" $"    claim kl ({formula})\n")
                    Expect.equal (Expression.text own.Claims.Head.Bound) text' "as a paper writes it")
        ]

let private family =
    "let d = oneOf [ 1; 2; 4; 8 ]
let h = oneOf [ 0.2; 0.1; 0.05; 0.025 ]
let n = int (ceil (10.0 / h))

experiment {
    target  (standard d)
    forward vp
    start   (point (fill d 1.0))
    sampler (repeat n (corrector (langevin h)))
    claim   kl (exp (-2.0 * h * float n) * 0.5 * float d + 0.25 * float d * h * h)
    claimWhen (h < 0.1 && dimension > 1.0) w2 (lipschitz * h)
    rate    w2 h 1.0
    rateAtMost kl d 1.0
}
"

let private families =
    testList
        "families"
        [
            testCase "the first values are those that are run, and its text is that of version 1" (fun () ->
                let own = found family

                let same =
                    experiment {
                        target (standard 1)
                        forward vp
                        start (point [ 1.0 ])
                        sampler (repeat 50 (corrector (langevin 0.2)))
                    }

                Expect.equal own.Checked.Experiment same "experiment"
                Expect.equal own.Checked.Text (Print.experiment same) "canonical text"
                Expect.equal own.Checked.Fingerprint (Fingerprint.ofExperiment same) "fingerprint")

            testCase "numbers that are set" (fun () ->
                match member' [ "h", Quantity.Real 0.05; "d", Quantity.Whole 3 ] family with
                | Ok own ->
                    Expect.equal own.Names["n"] (Quantity.Whole 200) "what depends on it"
                    Expect.equal own.Checked.Experiment.Target (standard 3) "target"
                | Error problems -> failtest (Message.renderAll problems)

                match member' [ "n", Quantity.Whole 7 ] family with
                | Ok own -> Expect.equal own.Checked.Plan.StepCount 7L "a let that is no axis"
                | Error problems -> failtest (Message.renderAll problems)

                for name, value, says in
                    [
                        "q", Quantity.Whole 1, "'q' cannot be set, expected a 'let' of a number: d, h or n"
                        "d", Quantity.Real 1.5, "found d = 1.5, expected a whole number"
                        "d", Quantity.Whole 0, "expected"
                    ] do
                    match member' [ name, value ] family with
                    | Ok _ -> failtest $"{name} was set"
                    | Error problems -> Expect.stringContains (Message.renderAll problems) says name)

            testCase "what is claimed" (fun () ->
                let own = found family

                Expect.equal
                    (own.Axes |> List.map (fun axis -> axis.Name, axis.Choices.Length))
                    [ "d", 4; "h", 4 ]
                    "axes"

                Expect.equal (own.Claims |> List.map (fun claim -> claim.Metric)) [ kl; w2 ] "metrics"

                Expect.equal
                    (Expression.text own.Claims[0].Bound)
                    "e^(−2·h·n)·0.5·d + 0.25·d·h·h"
                    "the bound as a paper writes it"

                Expect.equal
                    (own.Claims[1].When |> Option.map Expression.text)
                    (Some "h < 0.1 and dimension > 1")
                    "condition"

                Expect.equal
                    (own.Rates |> List.map (fun rate -> rate.Metric, rate.Axis, rate.Exponent, rate.IsAtMost))
                    [ w2, "h", 1.0, false; kl, "d", 1.0, true ]
                    "rates")

            testCase "the same text is F#, with the first values" (fun () ->
                let lets, body =
                    family.Substring(0, family.IndexOf "experiment"), family.Substring(family.IndexOf "experiment")

                let script =
                    String.Join(
                        "\n",
                        [
                            $"#I @\"{AppContext.BaseDirectory}\""
                            "#r \"SgmDsl.Engine.dll\""
                            "#r \"SgmDsl.Dsl.dll\""
                            "open Sgm"
                            "open Sgm.Quantities"
                            lets
                            "let mine ="
                            String.Join("\n", body.Split '\n' |> Array.map (fun line -> "    " + line))
                            "printfn \"%s\" (Fingerprint.ofExperiment mine)"
                        ]
                    )

                Folders.inFolder (fun folder ->
                    let file = Path.Combine(folder, "it.fsx")
                    File.WriteAllText(file, script)
                    let start = Diagnostics.ProcessStartInfo("dotnet", [ "fsi"; "--quiet"; "--nologo"; file ])
                    start.RedirectStandardError <- true
                    start.RedirectStandardOutput <- true
                    use compiler = Diagnostics.Process.Start start
                    let errors = compiler.StandardError.ReadToEndAsync()
                    let said = compiler.StandardOutput.ReadToEnd()
                    compiler.WaitForExit()
                    Expect.equal (said.Trim()) (found family).Checked.Fingerprint errors.Result))

            testCase "the command takes the numbers that are set" (fun () ->
                withFile family (fun file ->
                    let ran = sgm [ "run"; file; "--set"; "h=0.05"; "--set"; "d=3"; "--json" ]
                    Expect.equal ran.Code 0 ran.Error
                    Expect.equal ((at [ "dimension" ] (json ran)).GetInt32()) 3 "dimension"

                    for words, says in
                        [
                            [ "--set"; "h" ], "a name and a number"
                            [ "--set"; "h=x" ], "a number, as in --set h=0.05"
                            [ "--set"; "h=0.1"; "--set"; "h=0.2" ], "each name once"
                            [ "--set"; "q=1" ], "'q' cannot be set"
                        ] do
                        let ran = sgm ([ "run"; file ] @ words)
                        Expect.equal ran.Code 2 $"{words}"
                        Expect.stringContains ran.Error says $"{words}"))
        ]

let tests = testList "Dsl.Formulas" [ arithmetic; printing; families ]
