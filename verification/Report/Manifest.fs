namespace Sgm.Verification.Report

open System
open System.IO
open System.Security.Cryptography
open System.Text
open System.Text.Json
open Sgm.Verification

/// What is at a path, links not followed.
[<RequireQualifiedAccess>]
type Kind =
    | Nothing
    | File
    | Directory
    /// A link, whole or broken, to whatever.
    | Link

module Kind =
    let at (path: string) =
        let attributes = FileInfo(path).Attributes

        if int attributes = -1 then Kind.Nothing
        elif attributes.HasFlag FileAttributes.ReparsePoint then Kind.Link
        elif attributes.HasFlag FileAttributes.Directory then Kind.Directory
        else Kind.File

/// A file as it was written: path relative to the report's folder, with '/', size in bytes and SHA-256.
type Entry = { Path: string; Size: int64; Hash: string }

/// The files of a folder that reports wrote. A file is ours while it is what one of its entries says; what has another name or
/// other contents is the user's. `Partial` begins the names of files that a writer has under way, or left behind when it was killed.
/// `HasStore`: the folder of finished cells is ours, whose files are too many to be listed and carry their own hash.
type Manifest = { Partial: string; Entries: Entry list; HasStore: bool }

module Manifest =
    let fileName = "report.manifest.json"

    /// The manifest's own file under way.
    let private underWay = "report.manifest.new"

    let private schema = "sgm.files/1"

    let empty = { Partial = ""; Entries = []; HasStore = false }

    let entry (path: string) (contents: byte[]) =
        {
            Path = path
            Size = contents.LongLength
            Hash = Convert.ToHexString(SHA256.HashData contents)
        }

    let private text manifest =
        JsonWriting.document schema None (fun json ->
            JsonWriting.text json "partial" manifest.Partial
            json.WriteBoolean("store", manifest.HasStore)

            JsonWriting.objects json "files" manifest.Entries (fun entry ->
                JsonWriting.text json "path" entry.Path
                json.WriteNumber("size", entry.Size)
                JsonWriting.text json "sha256" entry.Hash))

    let private parse (contents: string) =
        try
            use document = JsonDocument.Parse contents
            let root = document.RootElement

            if root.GetProperty("schema").GetString() <> schema then
                None
            else
                let entries =
                    [
                        for file in root.GetProperty("files").EnumerateArray() do
                            {
                                Path = file.GetProperty("path").GetString()
                                Size = file.GetProperty("size").GetInt64()
                                Hash = file.GetProperty("sha256").GetString()
                            }
                    ]

                Some
                    {
                        Partial = root.GetProperty("partial").GetString()
                        Entries = entries
                        // Reports of before there were stores do not say.
                        HasStore =
                            match root.TryGetProperty "store" with
                            | true, has -> has.GetBoolean()
                            | false, _ -> false
                    }
        with
        | :? JsonException
        | :? InvalidOperationException
        | :? FormatException
        | :? Collections.Generic.KeyNotFoundException -> None

    /// The manifest of a folder; none where there is none of ours.
    let tryRead (folder: string) =
        let file = Path.Combine(folder, fileName)

        if Kind.at file = Kind.File && FileInfo(file).Length > 0L then
            parse (File.ReadAllText file)
        else
            None

    let private discard (file: string) =
        if Kind.at file = Kind.File then
            File.Delete file

    /// Whole or not at all.
    let write (folder: string) manifest =
        let fresh = Path.Combine(folder, underWay)
        discard fresh

        try
            using (new FileStream(fresh, FileMode.CreateNew)) (fun file ->
                file.Write(ReadOnlySpan(Encoding.UTF8.GetBytes(text manifest))))

            File.Move(fresh, Path.Combine(folder, fileName), true)
        with _ ->
            discard fresh
            reraise ()

    let remove (folder: string) = discard (Path.Combine(folder, fileName))

    /// Whether nothing is in a folder but what a writer that was killed at its first step left there.
    let isUnused (folder: string) =
        Directory.EnumerateFileSystemEntries folder
        |> Seq.forall (fun path -> Path.GetFileName path = underWay && Kind.at path = Kind.File)

    /// Whether a file is one of the entries, unchanged. No device or pipe is opened: those have no size.
    let owns manifest (folder: string) (path: string) =
        let file = Path.Combine(folder, path)

        if Kind.at file <> Kind.File then
            false
        else
            let size = FileInfo(file).Length
            let candidates = manifest.Entries |> List.filter (fun entry -> entry.Path = path && entry.Size = size)

            size > 0L
            && not candidates.IsEmpty
            && (use stream = File.OpenRead file
                let hash = Convert.ToHexString(SHA256.HashData stream)
                candidates |> List.exists (fun entry -> entry.Hash = hash))
