namespace Sgm.Verification.Report

open System
open System.IO
open System.Text
open System.Text.Json
open System.Threading
open Sgm.Verification

/// What the cells of a store are for: a verb and its words, without where its output goes and which part of it runs.
type Asked =
    {
        Verb: string
        Words: string list
        /// The experiments that the words name, with the SHA-256 of their texts.
        Files: (string * string) list
        /// In how many shards it ran; 1 for the whole.
        Shards: int
        /// What was compiled, and its version in words.
        Program: string
        Version: string
        /// Where the command ran, which the names of its files are relative to.
        Folder: string
    }

    /// A command of `sgm` in a shell.
    static member Spelled(words: string list) =
        let isPlain (c: char) = Char.IsAsciiLetterOrDigit c || "-_./=,:+@%^".Contains c

        let quoted (word: string) =
            if word <> "" && Seq.forall isPlain word then
                word
            else
                "'" + word.Replace("'", "'\\''") + "'"

        "sgm" :: List.map quoted words |> String.concat " "

    /// The command with these words behind it.
    member this.Command(more: string list) = Asked.Spelled(this.Verb :: this.Words @ more)

/// The folder of finished cells in a report's folder.
module Stores =
    /// Relative to the report's folder.
    let name = "store"

    let private asked = "run.json"
    let private whole (directory: string) = Path.TrimEndingDirectorySeparator(Path.GetFullPath directory)

    /// What a report's folder has a store of, if it has one.
    let tryAsked (directory: string) =
        let file = Path.Combine(whole directory, name, asked)

        try
            if Kind.at file <> Kind.File then
                None
            else
                use document = JsonDocument.Parse(File.ReadAllText file)
                let root = document.RootElement
                let text (name: string) = root.GetProperty(name).GetString()

                Some
                    {
                        Verb = text "verb"
                        Words = [ for word in root.GetProperty("words").EnumerateArray() -> word.GetString() ]
                        Files =
                            [
                                for file in root.GetProperty("files").EnumerateArray() ->
                                    file.GetProperty("file").GetString(), file.GetProperty("sha256").GetString()
                            ]
                        Shards = root.GetProperty("shards").GetInt32()
                        Program = text "program"
                        Version = text "version"
                        Folder = text "folder"
                    }
        with
        | :? JsonException
        | :? IOException
        | :? UnauthorizedAccessException
        | :? InvalidOperationException
        | :? FormatException
        | :? Collections.Generic.KeyNotFoundException -> None

    /// Says what a store's cells are for; what it says of another run is replaced, whose cells stay.
    let say (directory: string) (run: Asked) =
        let folder = Path.Combine(whole directory, name)

        let text =
            JsonWriting.document "sgm.store/1" None (fun json ->
                JsonWriting.text json "verb" run.Verb
                JsonWriting.strings json "words" run.Words

                JsonWriting.objects json "files" run.Files (fun (file, hash) ->
                    JsonWriting.text json "file" file
                    JsonWriting.text json "sha256" hash)

                json.WriteNumber("shards", run.Shards)
                JsonWriting.text json "program" run.Program
                JsonWriting.text json "folder" run.Folder)

        let file = Path.Combine(folder, asked)

        try
            if not (File.Exists file && File.ReadAllText file = text) then
                let fresh = Path.Combine(folder, $".{Guid.NewGuid():N}")

                try
                    File.WriteAllText(fresh, text, UTF8Encoding false)
                    File.Move(fresh, file, true)
                with _ ->
                    File.Delete fresh
                    reraise ()
        with
        | :? UnauthorizedAccessException
        | :? IOException as error -> raise (StoreLost $"cannot write '{file}': {error.Message}")

    /// The store of a report's folder, made where there is none: the folder's manifest has it, so that what a killed
    /// run leaves behind is known as ours. Several processes may do so at once.
    let open' (given: string) =
        let folder = whole given
        let place = Path.Combine(folder, name)

        let rec claim tries =
            match Placing.check given folder [] with
            | Error message -> Error message
            | Ok manifest when not manifest.HasStore && Kind.at place <> Kind.Nothing ->
                Error $"cells cannot be kept in '{given}': '{name}' in it is not a report's; it is left as it is"
            | Ok manifest when manifest.HasStore && Kind.at place = Kind.Directory -> Ok()
            | Ok manifest when Kind.at place <> Kind.Nothing && Kind.at place <> Kind.Directory ->
                ignore manifest
                Error $"cells cannot be kept in '{given}': '{name}' in it is no folder; it is left as it is"
            | Ok manifest ->
                try
                    Directory.CreateDirectory folder |> ignore

                    if not manifest.HasStore then
                        Manifest.write folder { manifest with HasStore = true }

                    Directory.CreateDirectory place |> ignore
                    Ok()
                with :? IOException as error when tries > 0 && not (Placing.isFull error) ->
                    // Another process writes the same manifest.
                    Thread.Sleep 50
                    claim (tries - 1)

        Placing.attempt $"keep cells in '{given}'" (fun () ->
            try
                claim 40
            with :? IOException as error when Placing.isFull error ->
                raise (StoreLost $"cannot keep cells in '{given}': the disk is full"))
        |> Result.map (fun () -> Store place)

    /// The store of a report's folder that is only read.
    let reading (directory: string) = Store(Path.Combine(whole directory, name))
