module Sgm.Tests.DslErrorsTests

open System
open System.IO
open System.Text.RegularExpressions
open Expecto
open Sgm

/// Copied beside the tests' assembly by the project.
let private folder = Path.Combine(AppContext.BaseDirectory, "golden")

/// The machine's own figure and folder are not part of a golden text.
let private withoutMachine (text: string) =
    Regex.Replace(text, "this machine has [^;]+;", "this machine has …;").Replace(folder + "/", "")

let private check (name: string) =
    let contents =
        match Data.readText (Path.Combine(folder, name + ".sgm")) with
        | Ok contents -> contents
        | Error reason -> failtest reason

    match Check.text (name + ".sgm") folder contents with
    | Ok valid -> valid.Warnings
    | Error problems -> problems

let private caseOf (fault: Fault) = (fst (Reflection.FSharpValue.GetUnionFields(fault, typeof<Fault>))).Name

let private files =
    Directory.GetFiles(folder, "*.sgm")
    |> Array.map Path.GetFileNameWithoutExtension
    |> Array.sortWith (fun a b -> String.CompareOrdinal(a, b))

/// `Case-variant.sgm` is a golden file of the case.
let private caseOfFile (name: string) = (name.Split '-')[0]

let private golden (name: string) =
    testCase name (fun () ->
        let problems = check name
        let expected = File.ReadAllText(Path.Combine(folder, name + ".txt"))
        Expect.equal (withoutMachine (Message.renderAll problems) + "\n") expected "rendered problems"

        if name <> "several" then
            Expect.contains (problems |> List.map (fun problem -> caseOf problem.Fault)) (caseOfFile name) "case"

        for problem in problems do
            let text = (Message.render problem).Replace(folder + "/", "")
            let lines = text.Split '\n'
            let severity = if problem.Severity = Severity.Error then "error" else "warning"
            Expect.isTrue (Regex.IsMatch(lines[0], $"^[^:]+(:[0-9]+:[0-9]+)?: {severity}: .")) lines[0]

            if lines.Length = 3 then
                Expect.isTrue (lines[2].IndexOf '^' <= lines[1].Length) "the caret is under the line")

/// Cases that no file, or only a large one, can show; the limits of data are in Dsl.Data.Tests.fs.
let private withoutFile =
    set
        [
            "Unreadable"
            "DataTooLarge"
            "TooManyColumns"
            "TooManyValues"
            "LineTooLong"
            "UnknownSetting"
            "TooManyCells"
            "WrongFunction"
        ]

let tests =
    testList
        "Dsl.Errors"
        [
            testList "golden" (files |> Array.map golden |> List.ofArray)

            testCase "every fault has a golden file" (fun () ->
                let cases =
                    Reflection.FSharpType.GetUnionCases typeof<Fault>
                    |> Array.map (fun case -> case.Name)
                    |> Set.ofArray

                let shown = files |> Array.map caseOfFile |> Set.ofArray
                Expect.equal (Set.toList (cases - shown - withoutFile)) [] "cases without a golden file"
                Expect.equal (Set.toList (shown - cases - set [ "several" ])) [] "golden files of no case")

            testCase "a file that is not there, and a directory" (fun () ->
                let text path =
                    match Check.file path with
                    | Ok _ -> failtest "read"
                    | Error problems -> Message.renderAll problems

                Expect.equal (text "no-such.sgm") "error: cannot read 'no-such.sgm': there is no such file" "missing"
                Expect.stringStarts (text folder) "error: cannot read '" "directory"
                Expect.stringStarts (text "") "error: cannot read ''" "no name"
                Expect.stringStarts (text "a\000b") "error: cannot read '" "impossible name"

                Expect.stringStarts
                    (text "a\027[2Jb\nc\u202Ed.sgm")
                    @"error: cannot read 'a\u001B[2Jb\u000Ac\u202Ed.sgm'"
                    "what a terminal would obey is shown")

            testCase "of many problems the first twenty are shown, and how many there are beyond them" (fun () ->
                let modes = String.Join("\n", [ for i in 1..50 -> $"        0.02, normal [ {i}.0 ] -1.0" ])

                let text =
                    $"experiment {{\n    target (mixture [\n{modes} ])\n    forward ve\n    start warm\n    sampler identity\n}}\n"

                match Check.text "many.sgm" "." text with
                | Ok _ -> failtest "valid"
                | Error problems ->
                    Expect.hasLength problems 50 "problems"
                    let shown = Message.renderAll problems
                    Expect.hasLength (Regex.Matches(shown, "error:") |> List.ofSeq) 20 "shown"
                    Expect.stringContains shown "found -1.0" "the first"
                    Expect.stringEnds shown "and 30 more, of which the first may be the cause" "the rest")

            testCase "a file checks as its text does" (fun () ->
                let path = Path.Combine(folder, "DimensionMismatch-start.sgm")

                match Check.file path with
                | Ok _ -> failtest "valid"
                | Error [ problem ] ->
                    Expect.equal problem.Position.Value.File path "file"
                    Expect.equal problem.Place [ Segment.Part "start" ] "place"
                | Error several -> failtest (Message.renderAll several))

            testCase "values report places, without positions" (fun () ->
                let wrong =
                    experiment {
                        target (mixture [ 0.5, normal [ 0.0 ] 1.0; 0.5, normal [ 0.0; 1.0 ] -1.0 ])
                        forward ve
                        sampler (predictor flow)
                        particles 0
                    }

                match Check.experiment "." wrong with
                | Ok _ -> failtest "valid"
                | Error problems ->
                    Expect.equal
                        (problems |> List.map Message.render)
                        [
                            "error: target / component 2 / variance: found -1.0, expected a variance > 0 (between 1e-100 and 1e100)"
                            "error: target / component 2: found dimension 2, expected 1, the dimension of the first component"
                            "error: sampler: a predictor moves along a schedule, but no anneal is around it; write anneal (…) (predictor …)"
                            "error: particles: found 0, expected a number of particles ≥ 1"
                        ]
                        "messages")

            testCase "values nested too deeply are refused, not followed" (fun () ->
                let valid =
                    experiment {
                        target (standard 1)
                        forward ve
                        start warm
                        sampler identity
                    }

                let deep = Seq.fold (fun body _ -> repeat 1 body) identity (Seq.init 1_000_000 id)
                let law = Seq.fold (fun law _ -> product [ 1, law ]) (standard 1) (Seq.init 1_000_000 id)
                let score = Seq.fold (fun score _ -> Sgm.ScoreSyntax.scaled 1.0 score) exact (Seq.init 2_000 id)

                for wrong in
                    [
                        { valid with Sampler = deep }
                        { valid with Target = law }
                        { valid with Start = from law }
                        { valid with Score = scoreOf law }
                        { valid with Score = score }
                    ] do
                    match Check.experiment "." wrong with
                    | Ok _ -> failtest "valid"
                    | Error problems ->
                        Expect.equal
                            (problems |> List.map (fun problem -> problem.Fault))
                            [ Fault.TooDeep 150 ]
                            "fault"

                    Expect.throwsT<ArgumentException> (fun () -> Print.experiment wrong |> ignore) "print")

            testCase "memory of a run by particles" (fun () ->
                let plan =
                    Lower.plan
                        (fun file -> invalidOp file)
                        (experiment {
                            target (standard 10)
                            forward ve
                            start warm
                            sampler (repeat 4 (corrector (langevin 0.1) >=> probe "x"))
                        })

                // Particles are kept at four probes and at the end; TV copies a coordinate and a projection; what a thread works
                // with is small.
                let kept = 1e6 * 8.0 * (10.0 * 5.0 + 2.0)
                let needed = Memory.particles plan 1_000_000L
                Expect.isGreaterThanOrEqual needed kept "the particles at the probes and a metric's copies"
                Expect.isLessThan needed (1.001 * kept) "and little else")
        ]
