module Sgm.Tests.CliProcessTests

open System
open System.Diagnostics
open System.Threading
open Expecto
open Sgm.Tests.Command

/// A process started in the background of a script inherits that SIGINT is ignored, and so do those that it starts.
let private ignoresInterrupts () =
    let status = "/proc/self/status"

    IO.File.Exists status
    && IO.File.ReadLines status
       |> Seq.tryFind (fun line -> line.StartsWith "SigIgn:")
       |> Option.exists (fun line -> Convert.ToUInt64(line.Substring(7).Trim(), 16) &&& 2UL <> 0UL)

let private signalled (signal: string) =
    testCase $"SIG{signal} ends a long run with 130 within a second" (fun () ->
        if OperatingSystem.IsWindows() then
            skiptest "no POSIX signals"

        if signal = "INT" && ignoresInterrupts () then
            skiptest "SIGINT is ignored by what started the tests"

        withFile (mixtureText 100000000 100000) (fun file ->
            use running = start [ "run"; file; "--by"; "particles" ]

            use _ =
                { new IDisposable with
                    member _.Dispose() = running.Kill()
                }

            // Long enough for the run to be under way.
            Thread.Sleep 2500
            Expect.isFalse running.HasExited "it runs"
            use kill = Process.Start("kill", [ $"-{signal}"; string running.Id ])
            kill.WaitForExit()
            // The run itself would take days; how soon it ends is the machine's, which runs other tests at the same time.
            Expect.isTrue (running.WaitForExit 300_000) "it ends"
            Expect.equal running.ExitCode 130 "exit code"
            Expect.stringContains (running.StandardError.ReadToEnd()) "cancelled" "the message"))

let processes =
    testSequenced (
        testList
            "process"
            [
                signalled "INT"
                signalled "TERM"

                testCase "a reader that closes early sees no trace" (fun () ->
                    use running = start [ "theorems"; "--json" ]
                    running.StandardOutput.Close()
                    let error = running.StandardError.ReadToEnd()
                    running.WaitForExit()
                    Expect.equal error "" "standard error")

                testCase "a limit on open files is said in a sentence" (fun () ->
                    if not (OperatingSystem.IsLinux()) then
                        skiptest "no ulimit"

                    withFile (mixtureText 10 100) (fun file ->
                        // Below, the runtime itself cannot start; at some numbers between it ends by itself.
                        let said =
                            [
                                for limit in [ 26; 28; 30; 32; 34; 36; 60 ] do
                                    use running = startWithin limit [ "check"; file ]
                                    finish running
                            ]

                        for ran in said do
                            Expect.isFalse (ran.Error.Contains "   at Sgm.") ran.Error

                        Expect.exists
                            said
                            (fun ran -> ran.Code = 2 && ran.Error.StartsWith "sgm: the limit on open files")
                            "said"))

                testCase "help goes to standard output, messages to standard error, without colour" (fun () ->
                    use running = start [ "verify"; "nothing-like-it" ]
                    let ran = finish running
                    isPlain ran
                    Expect.equal ran.Code 2 "exit code"
                    Expect.equal ran.Out "" "standard output")
            ]
    )
