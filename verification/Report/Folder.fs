namespace Sgm.Verification.Report

open System
open System.IO
open System.Text
open System.Text.Json
open System.Threading
open Sgm.Verification

/// The report's folder. It appears whole or not at all: it is written beside and renamed. Nothing that is not ours is overwritten.
module Folder =
    /// Runs an action on files; what the file system refuses becomes a sentence.
    let private attempt (doing: string) action =
        try
            action ()
        with
        | :? UnauthorizedAccessException as error -> Error $"cannot {doing}: no permission ({error.Message})"
        | :? IOException as error -> Error $"cannot {doing}: {error.Message}"
        | :? ArgumentException
        | :? NotSupportedException -> Error $"cannot {doing}: this is not a path that the file system knows"

    /// Behind any symbolic links, without a separator at the end.
    let private resolve (directory: string) =
        let whole = Path.TrimEndingDirectorySeparator(Path.GetFullPath directory)

        let target =
            if Directory.Exists whole then
                Directory.ResolveLinkTarget(whole, true)
            else
                null

        if isNull target then whole else target.FullName

    /// Whether a folder holds a report of ours: its report.json begins with our schema.
    let isReport (directory: string) =
        let file = Path.Combine(directory, "report.json")

        try
            if File.Exists file then
                use stream = File.OpenRead file
                let start = Array.zeroCreate 200
                let read = stream.ReadAtLeast(Span start, start.Length, false)
                let mutable json = Utf8JsonReader(ReadOnlySpan(start, 0, read), false, JsonReaderState())

                json.Read()
                && json.TokenType = JsonTokenType.StartObject
                && json.Read()
                && json.ValueTextEquals "schema"
                && json.Read()
                && (json.GetString()).StartsWith("sgm.report/", StringComparison.Ordinal)
            else
                false
        with :? JsonException ->
            false

    let private checkResolved (given: string) (directory: string) =
        if File.Exists directory then
            Error $"the report cannot be written: '{given}' is a file"
        elif
            Directory.Exists directory
            && not (isReport directory)
            && Seq.isEmpty (Directory.EnumerateFileSystemEntries directory) |> not
        then
            Error
                $"the report cannot be written: '{given}' is a folder with something other than a report in it, which is left as it is; name a new folder, or an earlier report"
        else
            Ok()

    /// Whether a report may be written here, to be asked before hours of computing. Says why not.
    let check (directory: string) =
        attempt $"write a report to '{directory}'" (fun () -> checkResolved directory (resolve directory))

    /// The files of a report: path relative to its folder, and text.
    let files (document: Document) =
        let plots =
            document.Checks
            |> List.choose (fun reported ->
                Draw.alone reported |> Option.map (fun svg -> $"plots/{reported.Anchor}.svg", svg))

        let cells = Document.replaysOf document |> List.map (fun replay -> replay.File, replay.Text)

        ("index.html", Html.page document)
        :: ("report.md", Markdown.text document)
        :: ("report.json", Json.report document)
        :: plots
        @ cells

    /// Whether a file of an earlier report is one that we write; anything else in the folder is the user's.
    let private isOurs (relative: string) =
        match relative.Replace('\\', '/').Split '/' with
        | [| name |] -> List.contains name [ "index.html"; "report.md"; "report.json" ]
        | [| "cells"; name |] -> name.EndsWith(".sgm", StringComparison.Ordinal)
        | [| "plots"; name |] -> name.EndsWith(".svg", StringComparison.Ordinal)
        | _ -> false

    /// What the user put beside an earlier report moves into the new one.
    let private keep (earlier: string) (current: string) =
        for file in Directory.GetFiles(earlier, "*", SearchOption.AllDirectories) do
            let relative = Path.GetRelativePath(earlier, file)

            if not (isOurs relative) then
                let place = Path.Combine(current, relative)
                Directory.CreateDirectory(Path.GetDirectoryName place) |> ignore
                File.Move(file, place)

    let private writeAll (cancellation: CancellationToken) (folder: string) files =
        for relative: string, text: string in files do
            cancellation.ThrowIfCancellationRequested()
            let place = Path.Combine(folder, relative)
            Directory.CreateDirectory(Path.GetDirectoryName place) |> ignore
            File.WriteAllText(place, text, UTF8Encoding false)

    let private removeIfThere (folder: string) =
        try
            if Directory.Exists folder then
                Directory.Delete(folder, true)
        with
        | :? IOException
        | :? UnauthorizedAccessException -> ()

    /// The earlier report steps aside, the new one takes its place; if that fails the earlier one comes back.
    let private swap (fresh: string) (directory: string) (aside: string) =
        let replaces = Directory.Exists directory

        if replaces then
            Directory.Move(directory, aside)

        try
            Directory.Move(fresh, directory)
        with _ ->
            if replaces then
                Directory.Move(aside, directory)

            reraise ()

        if replaces then
            keep aside directory
            removeIfThere aside

    /// What a writer that was killed left behind: an earlier report that had stepped aside comes back, folders that nobody has touched
    /// for an hour go.
    let private recover (parent: string) (directory: string) =
        let left word = Directory.GetDirectories(parent, $".{Path.GetFileName directory}.{word}-*")
        let isStale (folder: string) = DateTime.UtcNow - Directory.GetLastWriteTimeUtc folder > TimeSpan.FromHours 1.0

        for aside in left "earlier" do
            if not (Directory.Exists directory) then
                Directory.Move(aside, directory)
            elif isStale aside then
                keep aside directory
                removeIfThere aside

        left "partial" |> Array.filter isStale |> Array.iter removeIfThere

    /// Writes files as the folder's new contents. Cancelling leaves the folder as it was and throws OperationCanceledException.
    let internal writeFiles (cancellation: CancellationToken) (given: string) files =
        attempt $"write the report to '{given}'" (fun () ->
            let directory = resolve given

            checkResolved given directory
            |> Result.map (fun () ->
                let parent =
                    match Path.GetDirectoryName directory with
                    | null -> raise (IOException "a report cannot replace the root of the file system")
                    | parent -> parent

                Directory.CreateDirectory parent |> ignore
                recover parent directory
                let beside word = Path.Combine(parent, $".{Path.GetFileName directory}.{word}-{Guid.NewGuid():N}")
                let fresh = beside "partial"

                try
                    writeAll cancellation fresh files
                    swap fresh directory (beside "earlier")
                finally
                    removeIfThere fresh

                Path.Combine(directory, "index.html")))

    /// Writes the report of a document; Ok is the path of its first page.
    let writeDocument cancellation (directory: string) document = files document |> writeFiles cancellation directory

    /// Writes the report of a result; Ok is the path of its first page.
    let write cancellation directory (result: VerificationResult) =
        Document.create DateTimeOffset.UtcNow result |> writeDocument cancellation directory

    /// Writes one file whole or not at all.
    let internal writeFile (path: string) (text: string) =
        attempt $"write '{path}'" (fun () ->
            let whole = Path.GetFullPath path

            if Directory.Exists whole then
                Error $"cannot write '{path}': it is a folder"
            else
                Directory.CreateDirectory(Path.GetDirectoryName whole) |> ignore
                let beside = $"{whole}.partial-{Guid.NewGuid():N}"

                try
                    File.WriteAllText(beside, text, UTF8Encoding false)
                    File.Move(beside, whole, true)
                    Ok()
                finally
                    File.Delete beside)

    /// Writes the JUnit XML of a document.
    let writeJUnit (path: string) (document: Document) = JUnit.text document |> writeFile path

    /// Writes docs/trust.md of a document whose seeded bugs were tried.
    let writeTrust (path: string) (document: Document) =
        match document.Matrix with
        | Some matrix -> Trust.text document matrix |> writeFile path
        | None -> Error $"cannot write '{path}': no bugs were planted"
