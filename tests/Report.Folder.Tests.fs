module Sgm.Tests.ReportFolderTests

open System
open System.IO
open System.Threading
open Expecto
open Sgm
open Sgm.Verification.Report
open Sgm.Tests.HostileReport

let private within test () = Folders.inFolder test
let private write directory = Folder.write CancellationToken.None directory mixed

let private names folder =
    Directory.GetFileSystemEntries folder |> Array.map Path.GetFileName |> Array.sort |> List.ofArray

let folder =
    testList
        "folder"
        [
            testCase "a report is written where nothing was, parents included, and then replaced"
            <| within (fun root ->
                let place = Path.Combine(root, "a", "report")
                let page = Expect.wantOk (write place) "first"
                Expect.equal page (Path.Combine(place, "index.html")) "the page's path"
                Expect.equal (names place) [ "cells"; "index.html"; "plots"; "report.json"; "report.md" ] "contents"
                File.WriteAllText(Path.Combine(place, "cells", "stale.sgm"), "")
                Expect.isOk (write (place + "/")) "again"
                Expect.isFalse (File.Exists(Path.Combine(place, "cells", "stale.sgm"))) "an old cell is gone"
                Expect.equal (names (Path.Combine(root, "a"))) [ "report" ] "nothing is left beside it")

            testCase "the cells' files parse back to the experiments that ran"
            <| within (fun root ->
                Expect.isOk (write (Path.Combine(root, "r"))) "written"
                let cells = Directory.GetFiles(Path.Combine(root, "r", "cells"))
                Expect.isGreaterThan cells.Length 5 "cells"
                let texts = cells |> Array.map File.ReadAllText
                Expect.contains texts (Print.experiment (experimentAt 0.1)) "the text of a cell")

            testCase "what the user put beside an earlier report stays"
            <| within (fun root ->
                let place = Path.Combine(root, "r")
                Expect.isOk (write place) "first"
                File.WriteAllText(Path.Combine(place, "notes.txt"), "mine")
                File.WriteAllText(Path.Combine(place, "cells", "own.csv"), "1,2")
                Expect.isOk (write place) "again"
                Expect.equal (File.ReadAllText(Path.Combine(place, "notes.txt"))) "mine" "notes"
                Expect.equal (File.ReadAllText(Path.Combine(place, "cells", "own.csv"))) "1,2" "data")

            testCase "an empty folder is used, a folder of something else is refused and left alone"
            <| within (fun root ->
                let empty = Path.Combine(root, "empty")
                Directory.CreateDirectory empty |> ignore
                Expect.isOk (write empty) "an empty folder"
                let foreign = Path.Combine(root, "foreign")
                Directory.CreateDirectory foreign |> ignore
                File.WriteAllText(Path.Combine(foreign, "thesis.tex"), "years")

                Expect.stringContains
                    (Expect.wantError (write foreign) "refused")
                    "something other than a report"
                    "why"

                Expect.isError (Folder.check foreign) "refused before the work too"
                Expect.equal (names foreign) [ "thesis.tex" ] "untouched"
                File.WriteAllText(Path.Combine(foreign, "report.json"), """{"schema": "someone.else/1"}""")
                Expect.isError (write foreign) "another's report.json"
                Expect.equal (names foreign) [ "report.json"; "thesis.tex" ] "untouched"
                Expect.equal (names root) [ "empty"; "foreign" ] "nothing is left beside")

            testCase "a file in the way, a path through a file, and a name that no file can have are sentences"
            <| within (fun root ->
                let file = Path.Combine(root, "file")
                File.WriteAllText(file, "mine")
                Expect.stringContains (Expect.wantError (write file) "a file") "is a file" "why"
                Expect.isError (write (Path.Combine(file, "report"))) "through a file"
                Expect.isError (write "bad\u0000name") "no name"

                Expect.isError
                    (Folder.writeJUnit root (Document.create DateTimeOffset.UtcNow mixed))
                    "JUnit onto a folder"

                Expect.isOk
                    (Folder.writeJUnit
                        (Path.Combine(root, "x", "junit.xml"))
                        (Document.create DateTimeOffset.UtcNow mixed))
                    "JUnit"

                Expect.equal (File.ReadAllText file) "mine" "untouched")

            testCase "an interrupted report leaves nothing, or what was there"
            <| within (fun root ->
                use cancelled = new CancellationTokenSource()
                cancelled.Cancel()
                let place = Path.Combine(root, "r")
                let interrupted () = Folder.write cancelled.Token place mixed |> ignore
                Expect.throwsT<OperationCanceledException> interrupted "cancelled"
                Expect.isEmpty (names root) "nothing"
                Expect.isOk (write place) "written"
                let before = File.ReadAllText(Path.Combine(place, "report.json"))
                Expect.throwsT<OperationCanceledException> interrupted "cancelled again"
                Expect.equal (File.ReadAllText(Path.Combine(place, "report.json"))) before "the earlier report"
                Expect.equal (names root) [ "r" ] "nothing beside it")
        ]
