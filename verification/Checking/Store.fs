namespace Sgm.Verification

open System
open System.Collections.Concurrent
open System.IO
open System.Security.Cryptography
open System.Text
open System.Text.Encodings.Web
open System.Text.Json
open System.Threading

/// The store cannot be written any more: the disk is full, or the folder is gone. What was kept before is kept.
exception StoreLost of sentence: string

/// A cell as it lies in a store.
type StoredCell = { Key: string; Id: string; Machine: string; Seconds: float; Value: JsonElement }

/// Finished cells in a folder, one file a cell, by the SHA-256 of what was asked and of the program. A file is
/// written beside and renamed, and carries the hash of its own contents: it is there whole, or it counts as not
/// there. Any number of processes may use one folder at once.
type Store(folder: string) =
    let head = "{\"schema\":\"sgm.cell/1\",\"sha256\":\""
    let middle = "\",\"cell\":"
    let tail = "}\n"
    let torn = ConcurrentDictionary<string, unit>()

    /// Files under way are here, so that no listing meets them.
    let underWay = Path.Combine(folder, "new")

    let pathOf (key: string) = Path.Combine(folder, key.Substring(0, 2), key.Substring 2 + ".json")
    let hashOf (bytes: ReadOnlyMemory<byte>) = Convert.ToHexStringLower(SHA256.HashData bytes.Span)
    let length = head.Length + 64 + middle.Length

    /// The cell's own bytes, if the file is as it was written.
    let intact (bytes: byte[]) =
        let ends (at: int) (text: string) =
            ReadOnlySpan(bytes, at, text.Length).SequenceEqual(ReadOnlySpan(Encoding.ASCII.GetBytes text))

        if
            bytes.Length > length + tail.Length
            && ends 0 head
            && ends (head.Length + 64) middle
            && ends (bytes.Length - tail.Length) tail
        then
            let cell = ReadOnlyMemory(bytes, length, bytes.Length - length - tail.Length)

            if hashOf cell = Encoding.ASCII.GetString(bytes, head.Length, 64) then
                Some cell
            else
                None
        else
            None

    let parsed (cell: ReadOnlyMemory<byte>) =
        use document = JsonDocument.Parse cell
        let root = document.RootElement

        {
            Key = root.GetProperty("key").GetString()
            Id = root.GetProperty("id").GetString()
            Machine = root.GetProperty("machine").GetString()
            Seconds = root.GetProperty("seconds").GetDouble()
            Value = root.GetProperty("value").Clone()
        }

    let put (key: string) (bytes: byte[]) =
        let file = pathOf key

        try
            Directory.CreateDirectory underWay |> ignore
            Directory.CreateDirectory(Path.GetDirectoryName file) |> ignore
            let fresh = Path.Combine(underWay, $"{Guid.NewGuid():N}")

            try
                using (new FileStream(fresh, FileMode.CreateNew)) (fun stream -> stream.Write(ReadOnlySpan bytes))
                File.Move(fresh, file, true)
            with _ ->
                File.Delete fresh
                reraise ()
        with
        | :? UnauthorizedAccessException
        | :? IOException as error -> raise (StoreLost $"cannot keep a cell in '{folder}': {error.Message}")

    member _.Folder = folder

    /// Files that had the name of a cell and were not as they were written, relative to the folder.
    member _.Torn = torn.Keys |> Seq.map (fun file -> Path.GetRelativePath(folder, file)) |> Seq.sort |> List.ofSeq

    /// What a cell's file is named by.
    static member Key(name: CellName) =
        String.Join("\n", "sgm.cell/1" :: Version.program.Value :: name.Id :: name.Asked.Value)
        |> Encoding.UTF8.GetBytes
        |> SHA256.HashData
        |> Convert.ToHexStringLower

    /// The bytes of a cell's file, where it is there and whole.
    member _.TryBytes(key: string) =
        let file = pathOf key

        let bytes =
            try
                if File.Exists file then Some(File.ReadAllBytes file) else None
            with
            | :? IOException
            | :? UnauthorizedAccessException -> None

        // One that lies under another's name is no more its cell than one that is torn.
        match bytes |> Option.bind intact |> Option.map parsed with
        | Some cell when cell.Key = key -> Some(bytes.Value, cell)
        | _ ->
            if bytes.IsSome then
                torn[file] <- ()

            None

    member this.TryFind(key: string) = this.TryBytes key |> Option.map snd

    /// A cell, written whole or not at all.
    member _.Keep(name: CellName, seconds: float, write: JsonWriting.Writer -> unit) =
        use buffer = new MemoryStream()
        let key = Store.Key name

        let cell =
            use json =
                new Utf8JsonWriter(buffer, JsonWriterOptions(Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping))

            json.WriteStartObject()
            JsonWriting.text json "version" Version.text
            JsonWriting.text json "key" key
            JsonWriting.text json "machine" Version.machine
            JsonWriting.text json "id" name.Id
            JsonWriting.strings json "asked" name.Asked.Value
            JsonWriting.number json "seconds" seconds
            JsonWriting.object json "value" (fun () -> write json)
            json.WriteEndObject()
            json.Flush()
            buffer.ToArray()

        let before = Encoding.ASCII.GetBytes(head + hashOf (ReadOnlyMemory cell) + middle)
        put key (Array.concat [ before; cell; Encoding.ASCII.GetBytes tail ])

    /// The file of a cell from another store, as it is.
    member _.Copy(key: string, bytes: byte[]) =
        if not (File.Exists(pathOf key)) then
            put key bytes

    /// Takes away what writers that were killed left under way: a write takes milliseconds, and an hour is past any.
    member _.Tidy() =
        if Directory.Exists underWay then
            for file in Directory.EnumerateFiles underWay do
                try
                    if DateTime.UtcNow - File.GetLastWriteTimeUtc file > TimeSpan.FromHours 1.0 then
                        File.Delete file
                with
                | :? IOException
                | :? UnauthorizedAccessException -> ()
