module Sgm.Tests.DslWordsTests

open System
open System.IO
open System.Text.RegularExpressions
open Expecto
open Sgm

let private document = lazy File.ReadAllText(Path.Combine(Folders.root.Value, "docs", "language.md"))

/// An experiment with this text at a position of this kind.
let rec private around kind text =
    let field name value =
        let given = dict [ "target", "(standard 1)"; "forward", "ve"; "sampler", "identity"; name, value ]
        String.Join("\n", [ "experiment {"; yield! given |> Seq.map (fun pair -> $"    {pair.Key} {pair.Value}"); "}" ])

    let symbols name value =
        let given =
            dict
                [
                    "target", "(isingChain 2 0.5 0.0)"
                    "times", "(uniform 1.0 0.1 2)"
                    "sampler", "tauLeaping"
                    name, value
                ]

        String.Join("\n", [ "discrete {"; yield! given |> Seq.map (fun pair -> $"    {pair.Key} {pair.Value}"); "}" ])

    match kind with
    | Kind.Symbols -> symbols "target" $"({text})"
    | Kind.Rates -> symbols "rates" $"({text})"
    | Kind.Jumps -> symbols "sampler" $"({text})"
    | Kind.Law -> field "target" $"({text})"
    | Kind.Forward -> field "forward" $"({text})"
    | Kind.Score -> field "score" $"({text})"
    | Kind.NetworkOutput -> around Kind.Score $"onnx \"net.onnx\" ({text})"
    | Kind.Start -> field "start" $"({text})"
    | Kind.Pipeline -> field "sampler" $"({text})"
    | Kind.Schedule -> around Kind.Pipeline $"anneal ({text}) identity"
    | Kind.Corrector -> around Kind.Pipeline $"corrector ({text})"
    | Kind.Predictor -> around Kind.Pipeline $"anneal (levels [ 1.0; 0.5 ]) (predictor ({text}))"
    | Kind.Metric -> field "measure" $"[ {text} ]"
    | Kind.Many(_, Kind.Number) -> around Kind.Law $"normal ({text}) 1.0"
    | _ -> failtestf "no position for %A" kind

let private parses text =
    match Parse.experiment "example.sgm" text with
    | Ok experiment -> experiment
    | Error problems -> failtestf "%s" (Message.renderAll problems)

let private table =
    testList
        "table"
        [
            testCase "the example of every word is valid where its kind is asked for" (fun () ->
                for word in Words.all do
                    around word.Result word.Example |> parses |> ignore)

            testCase "the example and the default of every field are valid" (fun () ->
                for field in Words.fields do
                    let others =
                        [ "target (standard 1)"; "forward ve"; "sampler identity" ]
                        |> List.filter (fun other -> not (other.StartsWith(field.Name + " ")))

                    for line in
                        field.Example :: (field.Default |> Option.map (fun d -> $"{field.Name} {d}") |> Option.toList) do
                        parses ("experiment { " + String.Join("; ", line :: others) + " }") |> ignore)

            testCase "the same of discrete diffusion" (fun () ->
                for field in Words.discreteFields do
                    let others =
                        [ "target (isingChain 2 0.5 0.0)"; "times (uniform 1.0 0.1 2)"; "sampler tauLeaping" ]
                        |> List.filter (fun other -> not (other.StartsWith(field.Name + " ")))

                    for line in
                        field.Example :: (field.Default |> Option.map (fun d -> $"{field.Name} {d}") |> Option.toList) do
                        parses ("discrete { " + String.Join("; ", line :: others) + " }") |> ignore)

            testCase "words have names of their own" (fun () ->
                let names = Words.all |> List.map (fun word -> word.Name)
                Expect.equal (List.distinct names) names "names")

            testCase "every case of the unions has a word" (fun () ->
                let cases (kind: Type) =
                    Reflection.FSharpType.GetUnionCases kind
                    |> Array.map (fun case -> string (Char.ToLower case.Name[0]) + case.Name.Substring 1)

                let expected =
                    [ typeof<Target>; typeof<Forward>; typeof<Start>; typeof<Schedule>; typeof<Pipeline> ]
                    @ [ typeof<ScoreBase>; typeof<ScoreModifier>; typeof<NetworkOutput> ]
                    |> Seq.collect cases
                    |> Set.ofSeq

                let words = Words.all |> List.map (fun word -> word.Name) |> Set.ofList
                // A sequence is written `>=>`, and the empty one `identity`; a function has no text.
                Expect.equal (Set.toList (expected - words)) [ "ofFunction"; "sequence" ] "cases without a word")
        ]

let private documentation =
    testList
        "docs/language.md"
        [
            testCase "has every word and field as the table says" (fun () ->
                for word in Words.all do
                    Expect.stringContains
                        document.Value
                        $"\n- `{Words.signature word}` — {word.Meaning}; for example `{word.Example}`\n"
                        word.Name

                for field in Words.fields @ Words.discreteFields do
                    let standard =
                        match field.Default with
                        | Some text -> $"default `{text}`"
                        | None -> "required"

                    Expect.stringContains
                        document.Value
                        $"\n- `{field.Name}` — {Kind.describe field.Kind}, {standard}: {field.Meaning}; for example `{field.Example}`\n"
                        field.Name)

            testCase "its experiments are valid and canonical" (fun () ->
                let blocks =
                    Regex.Matches(document.Value, "```fsharp\n(?://[^\n]*\n)?(.*?)```", RegexOptions.Singleline)

                Expect.isGreaterThanOrEqual blocks.Count 1 "blocks"

                for block in blocks do
                    let text = block.Groups[1].Value
                    let own = parses text

                    // A text with names has the canonical text of what they stand for.
                    if not (text.Contains "let ") then
                        Expect.equal (Print.experiment own) text "canonical")
        ]

let private nearest =
    testCase "distances between words" (fun () ->
        for a, b, expected in
            [ "", "", 0; "abc", "", 3; "langevin", "langevn", 1; "flow", "folw", 1; "kitten", "sitting", 3 ] do
            Expect.equal (Nearest.distance a b) expected $"{a}, {b}"
            Expect.equal (Nearest.distance b a) expected $"{b}, {a}"

        Expect.equal (Nearest.word [ "kl"; "tv" ] "KL") (Some "kl") "case"
        Expect.equal (Nearest.word [ "kl"; "tv" ] "hellinger") None "far"
        Expect.equal (Nearest.word [] "x") None "nothing known")

/// The printed text of random experiments, compiled as F# by another process; slow, as it starts a compiler.
let private compiled =
    testCase "printed experiments compile as F# to what they print" (fun () ->
        if Environment.GetEnvironmentVariable "SGM_SLOW" <> "1" then
            skiptest "set SGM_SLOW=1"

        let texts =
            FsCheck.FSharp.Gen.sampleWithSeed (FsCheck.Rnd 5UL) 50 100 Generators.experiment
            |> Array.map Print.experiment

        let folder = Directory.CreateTempSubdirectory "sgm-fsi"

        try
            let assembly (name: string) = Path.Combine(AppContext.BaseDirectory, name + ".dll").Replace("\\", "/")
            let indented (text: string) = text.TrimEnd().Replace("\n", "\n    ")

            let lines =
                [
                    for name in [ "SgmDsl.Engine"; "SgmDsl.Dsl" ] do
                        $"#r \"{assembly name}\""
                    "open Sgm"
                    for text in texts do
                        let expected = Convert.ToBase64String(Text.Encoding.UTF8.GetBytes text)
                        $"let e{Guid.NewGuid():N} ="
                        "    " + indented text
                        $"    |> fun e -> if Convert.ToBase64String(Text.Encoding.UTF8.GetBytes(Print.experiment e)) <> \"{expected}\" then failwith \"differs\""
                ]

            let script = Path.Combine(folder.FullName, "printed.fsx")
            File.WriteAllText(script, String.Join("\n", lines).Replace("open Sgm", "open System\nopen Sgm"))
            let start = Diagnostics.ProcessStartInfo("dotnet", [ "fsi"; script ])
            start.RedirectStandardError <- true
            use compiler = Diagnostics.Process.Start start
            let errors = compiler.StandardError.ReadToEnd()
            compiler.WaitForExit()
            Expect.equal compiler.ExitCode 0 errors
        finally
            folder.Delete true)

let tests = testList "Dsl.Words" [ table; documentation; nearest; compiled ]
