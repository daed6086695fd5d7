namespace Sgm.Verification.Report

open System
open System.IO
open System.Text
open System.Threading
open Sgm.Verification

/// The report's folder and the files that may be asked for beside it. Nothing that is not ours is overwritten.
module Folder =

    let private whole (directory: string) = Path.TrimEndingDirectorySeparator(Path.GetFullPath directory)

    /// The first page is put last: where it is there, all of the report is.
    let private pages = [ "report.md"; "report.json"; "index.html" ]

    /// Whether these files of a report may be written here, to be asked before hours of computing. Says why not.
    let checkFor (paths: string list) (directory: string) =
        Placing.attempt $"write a report to '{directory}'" (fun () ->
            Placing.check directory (whole directory) paths |> Result.map ignore)

    /// The same of the report of a verification.
    let check directory = checkFor pages directory

    /// The files of a report: path relative to its folder, and text.
    let files (document: Document) =
        let plots =
            document.Checks
            |> List.choose (fun reported ->
                Draw.alone reported |> Option.map (fun svg -> $"plots/{reported.Anchor}.svg", svg))

        let cells = Document.replaysOf document |> List.map (fun replay -> replay.File, replay.Text)

        plots
        @ cells
        @ [ "report.md", Markdown.text document; "report.json", Json.report document; "index.html", Html.page document ]

    /// Writes files as the folder's report. Cancelling leaves the folder as it was and throws OperationCanceledException.
    let writeFiles (cancellation: CancellationToken) (given: string) files =
        Placing.attempt $"write the report to '{given}'" (fun () ->
            let folder = whole given

            Placing.check given folder (List.map fst files)
            |> Result.map (fun manifest ->
                cancellation.ThrowIfCancellationRequested()
                Directory.CreateDirectory folder |> ignore
                Placing.put manifest folder files
                Path.Combine(folder, "index.html")))

    /// Writes the report of a document; Ok is the path of its first page.
    let writeDocument cancellation (directory: string) document = files document |> writeFiles cancellation directory

    /// Writes the report of a result; Ok is the path of its first page.
    let write cancellation directory (result: VerificationResult) =
        Document.create DateTimeOffset.UtcNow result |> writeDocument cancellation directory

    /// The nearest folder above a path that exists.
    let rec private existing (folder: string) =
        if isNull folder || Directory.Exists folder then
            folder
        else
            existing (Path.GetDirectoryName folder)

    /// Whether one file may be written here, to be asked before hours of computing. Says why not.
    let checkFile (path: string) =
        Placing.attempt $"write '{path}'" (fun () ->
            let file = Path.GetFullPath path

            if Directory.Exists file then
                Error $"cannot write '{path}': it is a folder"
            elif Kind.at file = Kind.File && FileInfo(file).Length > 0L then
                using (new FileStream(file, FileMode.Open, FileAccess.Write)) ignore
                Ok()
            elif Kind.at file = Kind.Nothing then
                let probe = Path.Combine(existing (Path.GetDirectoryName file), $".sgm-{Guid.NewGuid():N}")

                using
                    (new FileStream(
                        probe,
                        FileMode.CreateNew,
                        FileAccess.Write,
                        FileShare.None,
                        1,
                        FileOptions.DeleteOnClose
                    ))
                    ignore

                Ok()
            else
                Ok())

    /// Writes one file: a new one whole or not at all; what is there, a device, a pipe or the file behind a link too, in place.
    let writeStream (path: string) (write: Stream -> unit) =
        Placing.attempt $"write '{path}'" (fun () ->
            let file = Path.GetFullPath path
            let folder = Path.GetDirectoryName file

            if Directory.Exists file then
                Error $"cannot write '{path}': it is a folder"
            elif Kind.at file = Kind.Nothing then
                Directory.CreateDirectory folder |> ignore
                let fresh = Path.Combine(folder, $".sgm-{Guid.NewGuid():N}")

                try
                    using (new FileStream(fresh, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 <<< 16)) write
                    File.Move(fresh, file, false)
                finally
                    File.Delete fresh

                Ok()
            else
                use stream = new FileStream(file, FileMode.Open, FileAccess.Write)

                if stream.CanSeek && stream.Length > 0L then
                    stream.SetLength 0L

                write stream
                Ok())

    /// The same of a text.
    let writeFile path (text: string) =
        let bytes = UTF8Encoding(false).GetBytes text
        writeStream path (fun stream -> stream.Write(ReadOnlySpan bytes))

    /// Writes the JUnit XML of a document.
    let writeJUnit (path: string) (document: Document) = JUnit.text document |> writeFile path

    /// Writes docs/trust.md of a document whose seeded bugs were tried.
    let writeTrust (path: string) (document: Document) =
        match document.Matrix with
        | Some matrix -> Trust.text matrix |> writeFile path
        | None -> Error $"cannot write '{path}': no bugs were planted"
