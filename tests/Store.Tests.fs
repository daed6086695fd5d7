/// Finished cells that are kept, read back, torn, another build's, and those of a run that was killed.
module Sgm.Tests.StoreTests

open System
open System.IO
open System.Text.RegularExpressions
open System.Threading
open Expecto
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Report
open Sgm.Cli
open Sgm.Tests.Command
open Sgm.Tests.Folders

/// Bounds, rates and hypotheses that do not hold, in a second.
let internal theorems = [ "bruno-2023-gaussian"; "lee-2022-hypotheses" ]

/// With decisions from samples.
let internal sampled = theorems @ [ "bruno-2023-sgld" ]

let internal verify words folder = sgm ("verify" :: theorems @ words @ [ "--report"; folder ])

/// A report's JSON without its times.
let internal timeless folder =
    let text = File.ReadAllText(Path.Combine(folder, "report.json"))
    Regex.Replace(text, "\"(seconds|elapsedSeconds|writtenAt)\": .*", "")

let internal cellsOf folder =
    Directory.GetFiles(Path.Combine(folder, "store"), "*.json", SearchOption.AllDirectories)
    |> Array.filter (fun file -> Path.GetFileName file <> "run.json")
    |> Array.sort

let private folder (root: string) name = Path.Combine(root, name)

let private name id = { Id = id; Asked = lazy [ "asked" ] }

let private keep (store: Store) id (x: float) =
    store.Keep(name id, 1.0, (fun json -> CellJson.writeEstimate json (Estimate.Exact(x, x, x, "closed form"))))

let private find (store: Store) id = store.TryFind(Store.Key(name id))

/// Reads back what is written.
let private again write read =
    let text = JsonWriting.document "sgm.test/1" None write
    read (JsonDocuments.parsed text)

let private estimates =
    [
        Estimate.Exact(-0.0, -1e-300, Double.Epsilon, "grid")
        Estimate.ClosedForm(0.1)
        Estimate.Infinite("closed form", "it is")
        Estimate.Sampled(1.0 / 3.0, 0.0, infinity, 0.99, "samples", "no upper end")
        Estimate.Unavailable("run", "it diverged")
        Estimate.Unavailable("run", "nothing \"known\"\n→ at all", nan, infinity, 0.5)
    ]

let private kept =
    testList
        "kept cells"
        [
            testCase "read back to the last bit" (fun () ->
                for estimate in estimates do
                    let back = again (fun json -> CellJson.writeEstimate json estimate) CellJson.readEstimate
                    Expect.equal back estimate "the same"
                    let bits (x: float) = BitConverter.DoubleToInt64Bits x

                    if estimate.Value.HasValue then
                        Expect.equal (bits back.Value.Value) (bits estimate.Value.Value) "with its sign")

            testCase "are found by what was asked alone" (fun () ->
                inFolder (fun root ->
                    let store = Store root
                    keep store "a" 0.5
                    let value = (find store "a").Value.Value
                    Expect.equal (CellJson.readEstimate value).Value (Nullable 0.5) "the value"
                    Expect.isNone (find store "b") "another id"
                    let otherwise = { name "a" with Asked = lazy [ "otherwise" ] }
                    Expect.isNone (store.TryFind(Store.Key otherwise)) "asked otherwise"
                    Expect.isEmpty (Directory.GetFiles(folder root "new")) "nothing is left under way"))

            testCase "do not count where a byte is lost, changed or added, or under another's name" (fun () ->
                inFolder (fun root ->
                    let store = Store root
                    keep store "a" 0.5
                    keep store "b" 0.25

                    let file (id: string) =
                        let key = Store.Key(name id)
                        Path.Combine(root, key.Substring(0, 2), key.Substring 2 + ".json")

                    let whole = File.ReadAllBytes(file "a")

                    let broken =
                        [
                            for i in [ 0; 20; 110; whole.Length / 2; whole.Length - 3; whole.Length - 1 ] do
                                whole[.. i - 1]
                                Array.mapi (fun j b -> if i = j then b ^^^ 1uy else b) whole

                            Array.append whole "x"B
                            File.ReadAllBytes(file "b")
                        ]

                    for bytes in broken do
                        File.WriteAllBytes(file "a", bytes)
                        Expect.isNone (find store "a") "not there"

                    Expect.equal store.Torn.Length 1 "one file"
                    keep store "a" 0.5
                    Expect.isSome (find store "a") "kept anew"))

            testCase "that cannot be written end in a sentence" (fun () ->
                inFolder (fun root ->
                    File.WriteAllText(folder root "new", "no folder")
                    Expect.throwsT<StoreLost> (fun () -> keep (Store root) "a" 0.5) "lost"))
        ]

let private runs =
    testList
        "a run"
        [
            testCase "makes the same report from its store, and runs nothing again" (fun () ->
                inFolder (fun root ->
                    let place = folder root "report"
                    let run () = sgm ("verify" :: sampled @ [ "--report"; place ])
                    let first = run ()
                    let report = timeless place
                    Expect.stringContains report "\"sampled\"" "some of it from samples"
                    let cells = (cellsOf place).Length
                    Expect.isGreaterThan cells 30 "cells"
                    let second = run ()
                    Expect.equal second.Code first.Code "exit code"
                    Expect.stringContains second.Error $"{cells} of {cells} cells were in" "all of them"
                    Expect.equal (timeless place) report "the report"
                    let other = sgm [ "report"; place ]
                    Expect.equal other.Code first.Code other.Error
                    Expect.equal (timeless place) report "from the store alone"))

            testCase "runs again what is torn, and says so" (fun () ->
                inFolder (fun root ->
                    let place = folder root "report"
                    verify [] place |> ignore
                    let report, cells = timeless place, cellsOf place
                    let torn = cells[3]
                    File.WriteAllText(torn, (File.ReadAllText torn).Substring(0, 100))
                    File.Delete cells[7]
                    let partial = sgm [ "report"; place ]
                    Expect.equal partial.Code 75 partial.Error
                    Expect.stringContains partial.Error "2 cells are missing" "the number"
                    Expect.stringContains partial.Out "2 cells missing" "in the table"
                    Expect.stringContains (File.ReadAllText(folder place "index.html")) "Missing" "in the page"
                    Expect.stringContains (timeless place) "\"missing\": 2" "in the JSON"
                    let ran = verify [] place

                    Expect.stringContains
                        ran.Error
                        $"{cells.Length - 2} of {cells.Length} cells were in"
                        "what is kept"

                    Expect.stringContains ran.Error "1 file of" "what is torn"
                    Expect.stringContains ran.Error $"torn, not used" "the sentence"
                    Expect.equal (timeless place) report "the report"))

            testCase "does not use what another build kept" (fun () ->
                inFolder (fun root ->
                    let place = folder root "report"
                    verify [] place |> ignore
                    let run = folder place "store/run.json"
                    let other = Regex.Replace(File.ReadAllText run, "\"program\": \"....", "\"program\": \"beef")
                    File.WriteAllText(run, other)
                    let read = sgm [ "report"; place ]
                    Expect.equal read.Code 2 read.Error
                    Expect.stringContains read.Error "another build of the program" "refused"
                    Expect.stringContains (verify [] place).Error "is of another build of the program" "said"))

            testCase "goes on with --resume, which refuses a folder without a store" (fun () ->
                inFolder (fun root ->
                    let place = folder root "report"
                    let refused = sgm [ "verify"; "bruno-2023-gaussian"; "--resume"; place ]
                    Expect.equal refused.Code 2 refused.Error
                    Expect.stringContains refused.Error "there is no store in it" "the sentence"
                    Expect.isFalse (Directory.Exists place) "nothing is written"
                    sgm [ "verify"; "bruno-2023-gaussian"; "--report"; place ] |> ignore
                    let ran = sgm [ "verify"; "bruno-2023-gaussian"; "--resume"; place ]
                    Expect.equal ran.Code 0 ran.Error
                    Expect.stringContains ran.Error "did not run again" "goes on"
                    Expect.stringContains ran.Out (folder place "index.html") "into the same folder"))

            testCase "that is cancelled says what it kept" (fun () ->
                inFolder (fun root ->
                    let place = folder root "report"
                    use source = new CancellationTokenSource()
                    let out, error = new StringWriter(), new StringWriter()

                    let terminal =
                        {
                            Out = out
                            Error = error
                            In = fun () -> new StringReader ""
                            OutIsTerminal = false
                            ErrorIsTerminal = false
                            Cancellation = source.Token
                        }

                    use watcher =
                        new Timer(
                            (fun _ ->
                                if Directory.Exists(folder place "store") && (cellsOf place).Length > 5 then
                                    source.Cancel()),
                            null,
                            0,
                            5
                        )

                    let code = Program.run terminal ("verify" :: theorems @ [ "--report"; place ])
                    watcher.Dispose()
                    Expect.equal code 130 (string error)

                    Expect.isMatch
                        (string error)
                        @"stopped; \d+ cells are kept in .*store, and the same command goes on"
                        ""

                    let ran = verify [] place
                    Expect.stringContains ran.Error "did not run again" "goes on"))

            testCase "that loses its store says try again" (fun () ->
                inFolder (fun root ->
                    let place = folder root "report"
                    sgm [ "verify"; "bruno-2023-gaussian"; "--report"; place ] |> ignore
                    Directory.Delete(folder place "store/new", true)
                    File.WriteAllText(folder place "store/new", "no folder")
                    let ran = verify [] place
                    Expect.equal ran.Code 75 ran.Error
                    Expect.stringContains ran.Error "what was kept stays" "the sentence"))

            testCase "leaves a folder 'store' that is not a report's" (fun () ->
                inFolder (fun root ->
                    let place = folder root "report"
                    Expect.isOk (Folder.writeFiles CancellationToken.None place [ "index.html", "page" ]) "a report"
                    Directory.CreateDirectory(folder place "store") |> ignore
                    File.WriteAllText(folder place "store/mine", "mine")
                    let ran = verify [] place
                    Expect.equal ran.Code 2 ran.Error
                    Expect.stringContains ran.Error "left as it is" "refused"
                    Expect.equal (Directory.GetFiles(folder place "store")).Length 1 "untouched"))
        ]

let private processes =
    testCase "killed at any moment loses at most what is under way" (fun () ->
        inFolder (fun root ->
            let place, whole = folder root "report", folder root "whole"
            verify [] whole |> ignore
            let random = Random 11
            let mutable before = 0

            for _ in 1..4 do
                use running = start ("verify" :: theorems @ [ "--report"; place ])
                running.WaitForExit(random.Next(600, 2500)) |> ignore
                running.Kill()
                running.WaitForExit()

                if Directory.Exists(folder place "store") then
                    let now = (cellsOf place).Length
                    Expect.isGreaterThanOrEqual now before "nothing is lost"
                    before <- now

            let ran = verify [] place
            Expect.isFalse (ran.Error.Contains "torn") "nothing is torn"
            Expect.equal (timeless place) (timeless whole) "the report of the whole"
            Expect.equal (cellsOf place).Length (cellsOf whole).Length "no cell twice"))

let tests = testList "stores" [ kept; runs; testSequenced (testList "killed" [ processes ]) ]
