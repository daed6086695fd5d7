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

let private put directory files = Folder.writeFiles CancellationToken.None directory files

/// Every file and link below a folder with its contents or target, and its mode.
let private everything (folder: string) =
    [
        for path in Directory.GetFileSystemEntries(folder, "*", SearchOption.AllDirectories) |> Array.sort do
            let info = FileInfo path

            let contents =
                if not (isNull info.LinkTarget) then "-> " + info.LinkTarget
                elif Directory.Exists path then "folder"
                else File.ReadAllText path

            path, contents, (if isNull info.LinkTarget then File.GetUnixFileMode path else UnixFileMode.None)
    ]

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
                let contents = [ "cells"; "index.html"; "plots"; "report.json"; "report.manifest.json"; "report.md" ]
                Expect.equal (names place) contents "contents"
                Expect.isOk (put (place + "/") [ "cells/old.sgm", "old"; "index.html", "page" ]) "another"
                Expect.equal (names (Path.Combine(place, "cells"))) [ "old.sgm" ] "the first one's cells are gone"
                Expect.isOk (write (place + "/")) "again"
                Expect.isFalse (File.Exists(Path.Combine(place, "cells", "old.sgm"))) "an old cell is gone"
                Expect.equal (names place) contents "contents again"
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

            testCase "names, modes and links of the user's are left as they are, and what is in the way is said"
            <| within (fun root ->
                if OperatingSystem.IsWindows() then
                    skiptest "no POSIX links and modes"

                let place = Path.Combine(root, "r")
                Expect.isOk (write place) "first"
                let source = Path.Combine(root, "source")
                Directory.CreateDirectory source |> ignore
                File.WriteAllText(Path.Combine(source, "thesis.tex"), "years")
                File.WriteAllText(Path.Combine(source, "index.html"), "mine")
                Directory.CreateSymbolicLink(Path.Combine(place, "link"), source) |> ignore
                File.CreateSymbolicLink(Path.Combine(place, "broken"), "/no/such/file") |> ignore
                File.WriteAllText(Path.Combine(place, "cells", String('x', 230) + ".sgm"), "long")
                File.WriteAllText(Path.Combine(place, "cells", "*"), "star")

                File.SetUnixFileMode(
                    place,
                    UnixFileMode.UserRead ||| UnixFileMode.UserWrite ||| UnixFileMode.UserExecute
                )

                let page = Path.Combine(place, "index.html")
                File.SetUnixFileMode(page, UnixFileMode.UserRead ||| UnixFileMode.UserWrite)
                let contents (path: string, text, mode) = path, (if path.Contains "report." then "" else text), mode
                let before = everything root |> List.map contents
                Expect.isOk (write place) "again"
                Expect.equal (everything root |> List.map contents) before "all as it was"

                let isRefused what path =
                    let before = everything root
                    Expect.isError (Folder.check path) $"{what}: before the work"
                    Expect.isError (write path) what
                    Expect.equal (everything root) before what

                let linked = Path.Combine(root, "linked")
                Directory.CreateSymbolicLink(linked, place) |> ignore
                isRefused "a link to a report" linked
                isRefused "a folder of the user's, through a link" (Path.Combine(place, "link"))

                File.AppendAllText(page, "a note of mine")
                isRefused "a page that the user changed" place
                File.Delete page
                File.CreateSymbolicLink(page, Path.Combine(source, "index.html")) |> ignore
                isRefused "a link for a page" place
                File.Delete page
                Directory.Move(Path.Combine(place, "cells"), Path.Combine(root, "moved"))
                Directory.CreateSymbolicLink(Path.Combine(place, "cells"), source) |> ignore
                isRefused "a link for the cells" place)

            testCase "a writer that was killed loses nothing, and its leftovers go"
            <| within (fun root ->
                let place = Path.Combine(root, "r")
                Expect.isOk (put place [ "cells/a.sgm", "a"; "index.html", "one" ]) "first"
                File.WriteAllText(Path.Combine(place, ".0123456789-1"), "mine")

                // Killed while the second report's files were put in place: the manifest names both, some files are under way.
                let read = (Manifest.tryRead place).Value
                let second = Manifest.entry "index.html" "two"B
                Manifest.write place { read with Partial = ".0123-"; Entries = read.Entries @ [ second ] }
                File.WriteAllText(Path.Combine(place, "index.html"), "two")
                File.WriteAllText(Path.Combine(place, "cells", ".0123-0"), "half")
                File.WriteAllText(Path.Combine(place, "report.manifest.new"), "half")
                Expect.isOk (put place [ "index.html", "three" ]) "the next"

                Expect.equal
                    (names place)
                    [ ".0123456789-1"; "cells"; "index.html"; "report.manifest.json" ]
                    "contents"

                Expect.isEmpty
                    (names (Path.Combine(place, "cells")))
                    "the first report's cell and what was under way are gone"

                Expect.equal (File.ReadAllText(Path.Combine(place, "index.html"))) "three" "the page"

                // Killed before the first manifest was there.
                let other = Path.Combine(root, "other")
                Directory.CreateDirectory other |> ignore
                File.WriteAllText(Path.Combine(other, "report.manifest.new"), "half")
                Expect.isOk (put other [ "index.html", "page" ]) "used"
                Expect.equal (names other) [ "index.html"; "report.manifest.json" ] "contents")

            testCase "one file: devices, links and modes stay, long names work"
            <| within (fun root ->
                if OperatingSystem.IsWindows() then
                    skiptest "no POSIX links and modes"

                let file name = Path.Combine(root, name)
                File.WriteAllText(file "old.xml", String('x', 1000))
                File.SetUnixFileMode(file "old.xml", UnixFileMode.UserRead ||| UnixFileMode.UserWrite)
                File.CreateSymbolicLink(file "link.xml", file "old.xml") |> ignore
                Expect.isOk (Folder.writeFile (file "link.xml") "new") "through a link"
                Expect.equal (FileInfo(file "link.xml")).LinkTarget (file "old.xml") "still a link"
                Expect.equal (File.ReadAllText(file "old.xml")) "new" "its file is written"

                Expect.equal
                    (File.GetUnixFileMode(file "old.xml"))
                    (UnixFileMode.UserRead ||| UnixFileMode.UserWrite)
                    "with its mode"

                let long = file (String('n', 250) + ".xml")
                Expect.isOk (Folder.checkFile long) "may be written"
                Expect.isOk (Folder.writeFile long "new") "a long name"
                Expect.isOk (Folder.writeFile "/dev/null" "new") "a device"
                Expect.isOk (Folder.checkFile "/dev/null") "may be written"
                Expect.equal (names root) [ "link.xml"; Path.GetFileName long; "old.xml" ] "nothing beside")

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
