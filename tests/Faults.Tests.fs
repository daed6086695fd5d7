module Sgm.Tests.FaultTests

open System
open System.Diagnostics
open System.IO
open System.Text.Json
open System.Threading
open Expecto
open Sgm.Tests.Command
open Sgm.Tests.Folders

let private theorem = "bruno-2023-gaussian"

/// There is no report, which its first page shows, or its parts are all there and whole.
let private isWholeOrAbsent report =
    if File.Exists(Path.Combine(report, "index.html")) then
        use json = JsonDocument.Parse(File.ReadAllText(Path.Combine(report, "report.json")))
        Expect.isGreaterThan (json.RootElement.GetProperty("checks").GetArrayLength()) 0 "checks"
        Expect.stringEnds ((File.ReadAllText(Path.Combine(report, "index.html"))).TrimEnd()) "</html>" "the page's end"
        Expect.isTrue (File.Exists(Path.Combine(report, "report.md"))) "the text"
        Expect.isNonEmpty (Directory.GetFiles(Path.Combine(report, "cells"))) "the experiments"
        Expect.isNonEmpty (Directory.GetFiles(Path.Combine(report, "plots"))) "the plots"

let private isASentence (error: string) =
    Expect.isNonEmpty error "a message"
    Expect.isFalse (error.Contains "   at " || error.Contains "Exception") $"no stack trace: {error}"

let private killed =
    testCase "kill -9 at random moments leaves no report or a whole one, and loses nothing" (fun () ->
        if OperatingSystem.IsWindows() then
            skiptest "no POSIX signals"

        inFolder (fun folder ->
            let report = Path.Combine(folder, "report")
            let words = [ "verify"; theorem; "--report"; report ]
            let clock = Stopwatch.StartNew()
            use first = start words
            let ran = finish first
            Expect.equal ran.Code 0 ran.Error
            let whole = clock.ElapsedMilliseconds
            File.WriteAllText(Path.Combine(report, "mine.txt"), "a note beside the report")
            let random = Random 1

            for _ in 1..12 do
                // What is kept would make the report at once.
                let store = Path.Combine(report, "store")

                if Directory.Exists store then
                    Directory.Delete(store, true)

                use running = start words
                // Half of them near the end, where the files are written.
                let share =
                    if random.Next 2 = 0 then
                        random.NextDouble()
                    else
                        0.85 + 0.2 * random.NextDouble()

                Thread.Sleep(int (float whole * share))
                running.Kill()
                finish running |> ignore
                isWholeOrAbsent report

            use last = start words
            let ran = finish last
            Expect.equal ran.Code 0 ran.Error
            Expect.isTrue (Directory.Exists report) "a report again"
            isWholeOrAbsent report
            Expect.isTrue (File.Exists(Path.Combine(report, "mine.txt"))) "the note is still there"))

/// A file system of this size, if this user may mount one.
let private mounted options test =
    inFolder (fun folder ->
        let mount words =
            try
                use running =
                    Process.Start(ProcessStartInfo("mount", (words: string list), RedirectStandardError = true))

                running.WaitForExit()
                running.ExitCode = 0
            with :? ComponentModel.Win32Exception ->
                false

        if not (mount [ "-t"; "tmpfs"; "-o"; options; "tmpfs"; folder ]) then
            skiptest "this user may not mount a file system"

        try
            test folder
        finally
            use unmount = Process.Start("umount", [ folder ])
            unmount.WaitForExit())

let private refused (options: string) (reason: string) (outputs: string list) =
    testCase $"{options}: a sentence, exit code 2, nothing half-written" (fun () ->
        mounted options (fun folder ->
            for output in outputs do
                let words = [ output; Path.Combine(folder, "deep", "er") ]
                let elsewhere = Path.Combine(Path.GetTempPath(), $"sgm-faults-{Guid.NewGuid():N}")
                let report = if List.contains "--report" words then [] else [ "--report"; elsewhere ]

                try
                    use running = start ([ "verify"; theorem ] @ words @ report)
                    let ran = finish running
                    Expect.equal ran.Code 2 ran.Error
                    isASentence ran.Error
                    Expect.stringContains ran.Error reason "why"

                    Expect.isEmpty
                        (Directory.GetFiles(folder, "*", SearchOption.AllDirectories))
                        "nothing half-written"
                finally
                    if Directory.Exists elsewhere then
                        Directory.Delete(elsewhere, true)))

let private fullDisk =
    testCase
        "a full disk: a sentence, exit code 75, whole cells alone; with more room the same command goes on"
        (fun () ->
            mounted "size=200k" (fun folder ->
                let report = Path.Combine(folder, "deep", "er")
                let store = Path.Combine(report, "store")

                let verify () =
                    use running = start [ "verify"; theorem; "--report"; report ]
                    finish running

                let ran = verify ()
                Expect.equal ran.Code 75 ran.Error
                isASentence ran.Error
                Expect.stringContains ran.Error "No space left" "why"
                let kept = Directory.GetFiles(folder, "*", SearchOption.AllDirectories)
                Expect.isNonEmpty kept "what was finished stays"

                let isWhole (file: string) =
                    Path.GetFileName file = "report.manifest.json"
                    || file.StartsWith store && not (file.StartsWith(Path.Combine(store, "new")))

                Expect.all kept isWhole "whole cells, and whose they are"

                use larger = Process.Start("mount", [ "-o"; "remount,size=50m"; folder ])
                larger.WaitForExit()
                let ran = verify ()
                Expect.equal ran.Code 0 ran.Error
                isWholeOrAbsent report))

let private fullOutput =
    testCase "standard output that is full: a sentence, exit code 2" (fun () ->
        if not (File.Exists "/dev/full") then
            skiptest "no /dev/full"

        inFolder (fun folder ->
            let sgm = Path.Combine(AppContext.BaseDirectory, "sgm.dll")

            for words in [ "theorems"; "theorems --json"; $"verify {theorem} --json --report {folder}/report" ] do
                let info = ProcessStartInfo("sh", [ "-c"; $"exec dotnet '{sgm}' {words} > /dev/full" ])
                info.RedirectStandardError <- true
                use running = Process.Start info
                let error = running.StandardError.ReadToEnd()
                running.WaitForExit()
                Expect.equal running.ExitCode 2 words
                isASentence error
                Expect.stringContains error "No space left" words))

let private closedPipe =
    testCase "a pipe that closes early ends every command quietly" (fun () ->
        inFolder (fun folder ->
            for words in
                [
                    [ "theorems" ]
                    [ "theorems"; "--json" ]
                    [ "verify"; theorem; "--report"; Path.Combine(folder, "a") ]
                    [ "verify"; theorem; "--json"; "--report"; Path.Combine(folder, "b") ]
                ] do
                use running = start words
                running.StandardOutput.Close()
                let error = running.StandardError.ReadToEnd()
                running.WaitForExit()
                Expect.isFalse (error.Contains "   at ") $"no stack trace: {error}"
                Expect.equal running.ExitCode 0 (String.Join(" ", words))

            isWholeOrAbsent (Path.Combine(folder, "a"))
            Expect.isTrue (Directory.Exists(Path.Combine(folder, "b"))) "the report is written all the same"))

let tests =
    testSequenced (
        testList
            "faults"
            [ killed; fullDisk; refused "ro" "ead-only file system" [ "--report"; "--junit" ]; fullOutput; closedPipe ]
    )
