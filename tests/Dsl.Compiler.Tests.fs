/// What the F# compiler says of mistakes in an `experiment { … }`.
module Sgm.Tests.DslCompilerTests

open System
open System.Diagnostics
open Expecto

/// Lines of an experiment, and what must be said of it.
let private mistakes =
    [
        [ "target (standard 1)"; "forward ve"; "smapler identity" ], "'smapler' is not defined"
        [ "target (standard 1)"; "froward ve"; "sampler identity" ], "'froward' is not defined"
        [ "target (standard 1)"; "forward ve"; "ignore 1"; "sampler identity" ],
        "This line is no field of an experiment"
        [ "forward ve"; "sampler identity" ], "The field 'target' is missing"
        [ "target (standard 1)"; "sampler identity" ], "The field 'forward' is missing"
        [ "target (standard 1)"; "forward ve" ], "The field 'sampler' is missing"
        [ "target (standard 1)"; "target (standard 2)"; "forward ve"; "sampler identity" ],
        "The field 'target' is given twice"
        [ "target (standard 1)"; "forward ve"; "forward vp"; "sampler identity" ], "The field 'forward' is given twice"
        [ "target (standard 1)"; "forward ve"; "sampler identity"; "sampler identity" ],
        "The field 'sampler' is given twice"
    ]

/// Each experiment is an interaction of its own, so that the compiler goes on after a mistake; a line on standard error before it.
let private script =
    String.Join(
        "\n",
        [
            $"#I @\"{AppContext.BaseDirectory}\""
            "#r \"SgmDsl.Engine.dll\""
            "#r \"SgmDsl.Dsl.dll\""
            "open Sgm;;"
            for i, (fields, _) in List.indexed mistakes do
                $"eprintfn \"# %%d\" {i};;"
                "let e ="
                "    experiment {"

                for field in fields do
                    $"        {field}"

                "    };;"
            "exit 0;;"
            ""
        ]
    )

let tests =
    testList
        "Dsl.Compiler"
        [
            testCase "every mistake has a message in words" (fun () ->
                let start = ProcessStartInfo("dotnet", [ "fsi"; "--quiet"; "--nologo"; "--readline-" ])
                start.RedirectStandardInput <- true
                start.RedirectStandardError <- true
                start.RedirectStandardOutput <- true
                use compiler = Process.Start start
                let output = compiler.StandardOutput.ReadToEndAsync()
                let errors = compiler.StandardError.ReadToEndAsync()
                compiler.StandardInput.Write script
                compiler.StandardInput.Close()
                compiler.WaitForExit()
                let parts = errors.Result.Split "# "
                Expect.equal parts.Length (mistakes.Length + 1) $"one part a mistake: {errors.Result}{output.Result}"

                for i, (fields, says) in List.indexed mistakes do
                    Expect.stringContains parts[i + 1] says $"{fields}"
                    Expect.isFalse (parts[i + 1].Contains "Draft<") $"no types of ours: {parts[i + 1]}")
        ]
