module Sgm.Tests.CliVerifyTests

open System.IO
open Expecto
open Sgm.Cli
open Sgm.Tests.Command
open Sgm.Tests.Folders

let verify =
    testList
        "verify"
        [
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
