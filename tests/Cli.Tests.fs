module Sgm.Tests.CliTests

open System
open System.IO
open Expecto
open Sgm
open Sgm.Cli
open Sgm.Verification
open Sgm.Tests.Command

let private help =
    testList
        "help"
        [
            testCase "fits a screen and has a line a verb" (fun () ->
                let ran = sgm [ "--help" ]
                let lines = ran.Out.TrimEnd().Split '\n'
                Expect.equal ran.Code 0 "exit code"
                Expect.isLessThanOrEqual lines.Length 40 "lines"
                Expect.isLessThanOrEqual (lines |> Array.map String.length |> Array.max) 100 "columns"

                for verb in Help.verbs do
                    Expect.exists lines (fun line -> line.StartsWith $"  {verb.Name} ") verb.Name)

            testCase "no words, help and -h are the same" (fun () ->
                for words in [ []; [ "help" ]; [ "-h" ] ] do
                    Expect.equal (sgm words) (sgm [ "--help" ]) (String.Join(" ", words)))

            testCase "every verb has its own, which fits a screen" (fun () ->
                for verb in Help.verbs do
                    let ran = sgm [ verb.Name; "--help" ]
                    Expect.equal ran.Code 0 verb.Name
                    Expect.stringContains ran.Out verb.Example "the example"
                    Expect.isLessThanOrEqual (ran.Out.Split('\n').Length) 40 "lines"
                    Expect.equal (sgm [ "help"; verb.Name ]) ran "help VERB")

            testCase "--version is a version" (fun () ->
                let ran = sgm [ "--version" ]
                Expect.equal ran.Code 0 "exit code"
                Expect.isMatch (ran.Out.TrimEnd()) @"^sgm \d+\.\d+\.\d+$" "the version")
        ]

/// Command lines and what the message must say.
let private refusals =
    let binary = typeof<Experiment>.Assembly.Location

    [
        [ "rnu" ], "did you mean 'run'?"
        [ "frobnicate" ],
        "known are run, check, certify, score, tune, sweep, compare, measure, explain, verify, report, merge, cluster, plan, theorems, completion"
        [ "run" ], "missing parameter '<FILE>'"
        [ "explain" ], "missing parameter '<FILE>'"
        [ "run"; "a.sgm"; "b.sgm" ], "unexpected argument 'b.sgm'"
        [ "run"; "a.sgm"; "--partikles"; "4" ], "did you mean '--particles'?"
        [ "run"; "--bogus" ], "unknown flag '--bogus'"
        [ "run"; "a.sgm"; "--by"; "exat" ], "did you mean 'exact'?"
        [ "run"; "a.sgm"; "--seed"; "many" ], "found 'many', expected a whole number"
        [ "run"; "a.sgm"; "--seed" ], "'--seed'"
        [ "run"; "a.sgm"; "--seed"; "1"; "--seed"; "2" ], "more than once"
        [ "run"; "a.sgm"; "--threads=0" ], "expected a whole number from 1 to 4096"
        [ "run"; "no-such-file.sgm" ], "there is no such file"
        [ "run"; "" ], "cannot read"
        [ "check"; Path.GetTempPath() ], "directory"
        [ "check"; binary ], "'experiment"
        [ "explain"; Path.Combine(binary, "below") ], "cannot read"
        [ "run"; Path.Combine(examples.Value, "ddpm-gaussian.sgm"); "--particles"; "0" ], "found 0"
        [ "run"; Path.Combine(examples.Value, "ddpm-gaussian.sgm"); "--seed=-1" ], "found -1"
        [ "run"; Path.Combine(examples.Value, "digits-network.sgm"); "--by"; "exact" ], "gaussian: the target is not"
        [ "verify"; "bruno-2023-sgdl" ], "did you mean 'bruno-2023-sgld'?"
        [ "verify"; "nothing-like-it" ], "'sgm theorems' lists them"
        [ "verify"; "--report"; examples.Value ], "something other than a report"
        [ "verify"; "--report"; binary ], "is a file"
        [ "verify"; "--effort"; "ful" ], "did you mean 'full'?"
        [ "theorems"; "bruno-2032" ], "bruno-2023-gaussian"
    ]

let private badInput =
    testList
        "bad input"
        [
            for words, says in refusals do
                testCase $"sgm {String.Join(' ', words).Replace(AppContext.BaseDirectory, String.Empty)}" (fun () ->
                    let ran = sgm words
                    isPlain ran
                    Expect.equal ran.Code 2 ran.Error
                    Expect.equal ran.Out "" "standard output"
                    Expect.stringContains ran.Error says "the message"

                    if List.head words <> "explain" then
                        let asJson = sgm (words @ [ "--json" ])
                        Expect.equal asJson.Code 2 "exit code with --json"
                        Expect.isNonEmpty (items (at [ "errors" ] (json asJson))) "errors")

            testCase "all errors of a file, with line and column" (fun () ->
                withFile
                    "experiment {\n    target (normal [ 0.0 ] -1.0)\n    forward vq\n    sampler identity\n}"
                    (fun file ->
                        let ran = sgm [ "check"; file; "--json" ]
                        Expect.equal ran.Code 2 ran.Error
                        Expect.stringContains ran.Error "3:13" "line and column of vq"
                        let errors = items (at [ "errors" ] (json ran))
                        Expect.isGreaterThan errors.Length 1 "all errors"

                        for error in errors do
                            Expect.equal (names error) [ "file"; "line"; "column"; "message" ] "fields"))
        ]

let private others =
    testList
        "check, explain, theorems"
        [
            testCase "check answers for every law and theorem" (fun () ->
                let ran = sgm [ "check"; Path.Combine(examples.Value, "old-faithful.sgm"); "--json" ]
                Expect.equal ran.Code 0 ran.Error
                let root = json ran
                Expect.equal (items (at [ "laws" ] root)).Length (List.length Laws.exact) "laws"
                Expect.equal (items (at [ "theorems" ] root)).Length (List.length Catalogue.theorems) "theorems"

                for theorem in items (at [ "theorems" ] root) do
                    Expect.isNonEmpty (items (at [ "assumptions" ] theorem)) "assumptions")

            testCase "check says how long particles take on this machine" (fun () ->
                withFile (mixtureText 10 500) (fun file ->
                    Expect.stringContains (sgm [ "check"; file ]).Out "on this machine" "in words"
                    let root = json (sgm [ "check"; file; "--json" ])
                    Expect.isGreaterThan ((at [ "particleSeconds" ] root).GetDouble()) 0.0 "seconds"))

            testCase "check says how long the exact law takes, or that none can run" (fun () ->
                withFile (mixtureText 10 500) (fun file ->
                    let lines = (sgm [ "check"; file ]).Out.Split '\n'
                    let said = lines |> Array.filter _.StartsWith("exactly")
                    Expect.equal said.Length 1 "one line"
                    Expect.stringContains said[0] "by plane its" "the law"
                    let root = json (sgm [ "check"; file; "--json" ])
                    Expect.isGreaterThan ((at [ "exactSeconds" ] root).GetDouble()) 0.0 "seconds")

                let text =
                    "experiment {\n    target (mixture [ 0.5, normal [ 0.0; 0.0; 0.0 ] 1.0; 0.5, normal [ 2.0; 1.0; 0.0 ] 0.5 ])\n    forward ve\n    sampler (anneal (geometric 3.0 0.3 4) (predictor ancestral))\n}"

                withFile text (fun file ->
                    Expect.isFalse ((sgm [ "check"; file ]).Out.Contains "exactly") "no exact law"
                    let root = json (sgm [ "check"; file; "--json" ])
                    Expect.equal (at [ "exactSeconds" ] root).ValueKind System.Text.Json.JsonValueKind.Null "null"
                    Expect.isFalse (List.contains "exactSecondsIsLowerBound" (names root)) "absent"))

            testCase "check warns of an unstable step" (fun () ->
                withFile (langevinText 3.0) (fun file ->
                    let ran = sgm [ "check"; file ]
                    Expect.equal ran.Code 0 ran.Error
                    Expect.stringContains ran.Out "beyond stability" "the warning"))

            testCase "explain shows the first and the last transition" (fun () ->
                let ran = sgm [ "explain"; Path.Combine(examples.Value, "ddpm-gaussian.sgm") ]
                Expect.equal ran.Code 0 ran.Error

                for text in [ "transition 1 of 100"; "transition 100 of 100"; "ancestral"; "x ←"; "ξ"; "t = 0" ] do
                    Expect.stringContains ran.Out text text)

            testCase "a file without a verb runs; '-' is standard input" (fun () ->
                let text = langevinText 0.5

                withFile text (fun file ->
                    let ran = sgm [ "run"; file; "--json" ]
                    Expect.equal ran.Code 0 ran.Error
                    let fingerprint = (at [ "fingerprint" ] (json ran)).GetString()

                    for words in [ [ file; "--json" ]; [ "run"; "-"; "--json" ]; [ "-"; "--json"; "--seed"; "1" ] ] do
                        let other = sgmReading text words
                        Expect.equal other.Code 0 other.Error

                        Expect.equal
                            ((at [ "fingerprint" ] (json other)).GetString())
                            fingerprint
                            "the same experiment")

                let wrong = sgmReading "experiment {" [ "check"; "-" ]
                Expect.equal wrong.Code 2 wrong.Error
                Expect.stringContains wrong.Error "standard input:1:" "where")

            testCase "theorems by a part of a name, where none begins with it" (fun () ->
                let found = items (at [ "theorems" ] (json (sgm [ "theorems"; "4.2"; "--json" ])))
                let ids = found |> List.map (fun theorem -> (at [ "id" ] theorem).GetString())
                Expect.contains ids "lee-2022-4.2" "among them"

                for id in ids do
                    Expect.stringContains id "4.2" "each")

            testCase "theorems by the beginning of a name" (fun () ->
                let all = items (at [ "theorems" ] (json (sgm [ "theorems"; "--json" ])))
                Expect.equal all.Length (List.length Catalogue.theorems) "all of them"

                let one =
                    List.exactlyOne (items (at [ "theorems" ] (json (sgm [ "theorems"; "BRUNO-2023-SG"; "--json" ]))))

                Expect.equal ((at [ "id" ] one).GetString()) "bruno-2023-sgld" "one")
        ]

let private every =
    testList
        "examples"
        [
            for file in Directory.GetFiles(examples.Value, "*.sgm") do
                testCase (Path.GetFileName file) (fun () ->
                    for verb in [ "check"; "run" ] do
                        let ran = sgm [ verb; file; "--json" ]
                        Expect.equal ran.Code 0 ran.Error

                        for line in ran.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries) do
                            Expect.stringStarts line "read " "what was read of a data file, and no warning"

                        json ran |> ignore)
        ]

let tests =
    testList
        "command"
        [ help; badInput; CliRunTests.runs; others; CliVerifyTests.verify; CliProcessTests.processes; every ]
