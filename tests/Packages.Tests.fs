module Sgm.Tests.PackagesTests

open System
open System.Diagnostics
open System.IO
open System.Text.RegularExpressions
open System.Xml.Linq
open Expecto

/// Paths relative to the root, of the files that git tracks or would.
let private tracked =
    lazy
        let start = ProcessStartInfo("git", "ls-files -z --cached --others --exclude-standard")
        start.WorkingDirectory <- Folders.root.Value
        start.RedirectStandardOutput <- true
        use git = Process.Start start
        let output = git.StandardOutput.ReadToEnd()
        git.WaitForExit()

        if git.ExitCode <> 0 then
            skiptest "not a git work tree"

        output.Split('\000', StringSplitOptions.RemoveEmptyEntries)
        |> Array.filter (fun path -> File.Exists(Path.Combine(Folders.root.Value, path)))

let private read path = File.ReadAllText(Path.Combine(Folders.root.Value, path))

let private firstGroups pattern text =
    Regex.Matches(text, pattern, RegexOptions.Multiline)
    |> Seq.map (fun found -> found.Groups[1].Value)
    |> Set.ofSeq

let private stated () = firstGroups @"^nuget\s+(\S+)" (read "paket.dependencies")

let tests =
    testList
        "Packages"
        [
            testCase "projects reference only what paket.dependencies states" (fun () ->
                let stated = stated ()

                let unstated =
                    [
                        for path in tracked.Value do
                            if path.EndsWith "proj" || path.EndsWith ".props" || path.EndsWith ".targets" then
                                for reference in XDocument.Parse(read path).Descendants "PackageReference" do
                                    let name = string (reference.Attribute "Include").Value

                                    if not (stated.Contains name) then
                                        path, name
                    ]

                Expect.isEmpty unstated "state the package in paket.dependencies and run `dotnet paket install`")

            testCase "paket.lock pins every stated package" (fun () ->
                let pinned = firstGroups @"^    ([^\s(]+) \(" (read "paket.lock")
                Expect.isEmpty (stated () - pinned) "run `dotnet paket install` and commit paket.lock")

            testCase "every edit of bench/edits.tsv still has its place in the source, once" (fun () ->
                let edits =
                    (read "bench/edits.tsv").Split '\n' |> Array.filter (fun line -> line <> "" && line[0] <> '#')

                Expect.isGreaterThan edits.Length 40 "edits"

                for edit in edits do
                    match edit.Split '\t' with
                    | [| what; file; context; expression; _ |] ->
                        let context = context.Replace("\\n", "\n")
                        Expect.hasLength ((read file).Split context) 2 $"{what}: {file}"
                        Expect.stringContains context expression what
                    | _ -> failtest edit)

            testCase "no file names a package feed" (fun () ->
                let feed = Regex(@"https?://[^\s/""'<>]*(nuget|/v3/index\.json)", RegexOptions.IgnoreCase)

                let naming =
                    tracked.Value
                    |> Array.filter (fun path -> FileInfo(Path.Combine(Folders.root.Value, path)).Length < 4_000_000L)
                    |> Array.filter (fun path -> feed.IsMatch(read path))

                Expect.isEmpty naming "the machine's own configuration says where packages come from")
        ]
