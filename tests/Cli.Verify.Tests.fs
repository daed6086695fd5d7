module Sgm.Tests.CliVerifyTests

open System.IO
open Expecto
open Sgm.Cli
open Sgm.Tests.Command
open Sgm.Tests.Folders

/// 40 steps of Langevin that Pedrotti et al.'s discrete corrector covers in W2 and KL, and Lee et al.'s 4.2 does not (h > 1/272).
let private corrected =
    "experiment {
    target    (normal [ 0.0 ] 1.0)
    forward   vp
    start     (from (normal [ 0.5 ] 1.0))
    sampler   (repeat 40 (corrector (langevin 0.05)))
}"

let private own =
    testList
        "an experiment of one's own"
        [
            testCase "is held against the theorems that cover it" (fun () ->
                withFile corrected (fun file ->
                    let report = Path.Combine(Path.GetDirectoryName file, "report")
                    let ran = sgm [ "verify"; file; "pedrotti-2024-d"; "--json"; "--report"; report ]
                    Expect.equal ran.Code 0 ran.Error
                    let checks = items (at [ "checks" ] (json ran))
                    let field (name: string) check = (at [ name ] check).GetString()

                    Expect.equal
                        (checks |> List.map (field "id"))
                        [ "pedrotti-2024-d5a"; "pedrotti-2024-d5b" ]
                        "of the run itself, not of its limit of small steps"

                    for check in checks do
                        Expect.equal (field "verdict" check) "holds" "verdict"
                        Expect.equal ((at [ "cells" ] check).GetInt32()) 1 "the run alone"

                    Expect.isTrue (File.Exists(Path.Combine(report, "index.html"))) "a report"))

            testCase "is violated by an engine that adds twenty times the noise" (fun () ->
                withFile corrected (fun file ->
                    let request =
                        { VerifyRequest.Of [ VerifyArguments.Ids [ file; "pedrotti-2024-d5a" ] ] with
                            Report = Path.Combine(Path.GetDirectoryName file, "report")
                        }

                    let broken = (Planted.engineWith (Planted.scaled 1.0 1.0 20.0)).Run
                    let ran = ranOn false (fun terminal -> Verify.commandBy broken terminal request)
                    Expect.equal ran.Code 1 ran.Out
                    Expect.stringContains ran.Out "violated" "the verdict"))

            testCase "that nothing covers is exit code 1, with what to do" (fun () ->
                withFile corrected (fun file ->
                    let report = Path.Combine(Path.GetDirectoryName file, "report")
                    let ran = sgm [ "verify"; file; "lee-2022-4.2"; "--report"; report ]
                    Expect.equal ran.Code 1 ran.Out
                    Expect.stringContains ran.Error "no theorem covers this" "the sentence"))

            testCase "that is wrong is exit code 2, with every error" (fun () ->
                withFile "experiment {\n    forward vq\n}" (fun file ->
                    let report = Path.Combine(Path.GetDirectoryName file, "report")
                    let ran = sgm [ "verify"; file; "--json"; "--report"; report ]
                    Expect.equal ran.Code 2 ran.Error
                    Expect.isGreaterThan (items (at [ "errors" ] (json ran))).Length 1 "errors"
                    Expect.isFalse (Directory.Exists report) "no report"))

            testCase "finds its data beside itself, from any folder" (fun () ->
                inFolder (fun folder ->
                    let report = Path.Combine(folder, "report")
                    let file = Path.Combine(examples.Value, "old-faithful.sgm")
                    let ran = sgm [ "verify"; file; "lee-2022-4.1"; "--report"; report ]
                    Expect.isFalse (ran.Out.Contains "cannot read") ran.Out
                    Expect.stringContains ran.Out "lee-2022-4.1" "covered"))
        ]

let verify =
    testList
        "verify"
        [
            own

            testCase "the last line is the path of the report" (fun () ->
                inFolder (fun folder ->
                    let directory = Path.Combine(folder, "report")
                    let junit = Path.Combine(folder, "junit.xml")
                    let ran = sgm [ "verify"; "bruno"; "--report"; directory; "--junit"; junit ]
                    isPlain ran
                    Expect.equal ran.Code 0 ran.Error
                    let last = Array.last (ran.Out.TrimEnd().Split '\n')
                    Expect.isTrue (File.Exists(last.Replace("report: ", ""))) last
                    Expect.isTrue (File.Exists junit) "the JUnit file"))

            testCase "with --json standard output is the contract's document" (fun () ->
                inFolder (fun folder ->
                    let ran = sgm [ "verify"; "bruno"; "--json"; "--report"; Path.Combine(folder, "report") ]
                    Expect.equal ran.Code 0 ran.Error
                    let root = json ran
                    Expect.containsAll (names root) [ "checks"; "violated"; "elapsedSeconds" ] "fields"

                    for check in items (at [ "checks" ] root) do
                        Expect.containsAll
                            (names check)
                            [
                                "id"
                                "claim"
                                "axis"
                                "verdict"
                                "cells"
                                "tightest"
                                "claimed"
                                "measured"
                                "lower"
                                "upper"
                                "vacuous"
                            ]
                            "fields of a check"))

            testCase "a violated check is exit code 1" (fun () ->
                inFolder (fun folder ->
                    let request =
                        { VerifyRequest.Of [ VerifyArguments.Ids [ "bruno-2023-gaussian" ] ] with
                            Report = Path.Combine(folder, "report")
                        }

                    let ran =
                        ranOn false (fun terminal ->
                            Verify.commandBy
                                (Planted.engineWith (Planted.scaled 1.0 1.0 (sqrt 0.5))).Run
                                terminal
                                request)

                    Expect.equal ran.Code 1 ran.Out
                    Expect.stringContains ran.Out "violated" "the verdict"))
        ]
