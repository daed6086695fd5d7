namespace Sgm.Verification.Report

open System
open System.IO
open System.Text

/// Puts files into a folder of which they own only what the folder's manifest names. Files are replaced one by one; no link is
/// followed inside the folder, nothing else in it or beside it is touched, and a writer that is killed loses nothing of the user's.
module Placing =

    /// ENOSPC as a raw number, and ERROR_DISK_FULL: the two ways in which the runtime says that there is no room.
    let isFull (error: IOException) = error.HResult = 28 || error.HResult = 0x80070070

    /// Runs an action on files; what the file system refuses becomes a sentence.
    let attempt (doing: string) action =
        try
            action ()
        with
        | :? UnauthorizedAccessException as error -> Error $"cannot {doing}: no permission ({error.Message})"
        | :? IOException as error when isFull error -> Error $"cannot {doing}: the disk is full"
        | :? IOException as error -> Error $"cannot {doing}: {error.Message}"
        | :? ArgumentException
        | :? NotSupportedException -> Error $"cannot {doing}: this is not a path that the file system knows"

    /// The folders between the report's and a file's, relative to the report's.
    let private foldersOf (path: string) =
        let parts = path.Split '/'
        [ for i in 1 .. parts.Length - 1 -> String.Join('/', Array.take i parts) ]

    /// Why a file may not be put at a path in the folder, if it may not.
    let private obstacle manifest (folder: string) path =
        let inTheWay =
            foldersOf path
            |> List.tryFind (fun inner ->
                match Kind.at (Path.Combine(folder, inner)) with
                | Kind.Nothing
                | Kind.Directory -> false
                | Kind.File
                | Kind.Link -> true)

        match inTheWay, Kind.at (Path.Combine(folder, path)) with
        | Some inner, _ -> Some $"'{inner}' in it is no folder of a report"
        | None, Kind.Nothing -> None
        | None, _ when Manifest.owns manifest folder path -> None
        | None, _ -> Some $"'{path}' in it is not as a report wrote it"

    /// The manifest of a folder that files may be put into, or why they may not. `paths` are those that are known beforehand.
    let check (given: string) (folder: string) (paths: string seq) =
        let left = "which is left as it is; name a new folder, or an earlier report"

        match Kind.at folder with
        | Kind.Nothing -> Ok Manifest.empty
        | Kind.File -> Error $"the report cannot be written: '{given}' is a file"
        | Kind.Link -> Error $"the report cannot be written: '{given}' is a link, {left}"
        | Kind.Directory ->
            match Manifest.tryRead folder with
            | None when Manifest.isUnused folder -> Ok Manifest.empty
            | None ->
                Error
                    $"the report cannot be written: '{given}' is a folder with something other than a report in it, {left}"
            | Some manifest ->
                let known = manifest.Entries |> Seq.map (fun entry -> entry.Path)

                match Seq.append paths known |> Seq.distinct |> Seq.tryPick (obstacle manifest folder) with
                | Some reason ->
                    Error
                        $"the report cannot be written to '{given}': {reason}; it is left as it is. Move it, or name a new folder"
                | None -> Ok manifest

    let private discard (file: string) =
        if Kind.at file = Kind.File then
            File.Delete file

    /// Files that a writer which was killed had under way.
    let private discardPartial manifest (folder: string) =
        if manifest.Partial <> "" then
            for inner in
                manifest.Entries
                |> List.collect (fun entry -> foldersOf entry.Path)
                |> List.distinct
                |> List.append [ "" ] do
                let place = Path.Combine(folder, inner)

                if Kind.at place = Kind.Directory then
                    for file in Directory.GetFiles place do
                        if (Path.GetFileName file).StartsWith(manifest.Partial, StringComparison.Ordinal) then
                            discard file

    /// Replaces a file of ours; a mode that the user gave it stays.
    let private replace (fresh: string) (file: string) =
        if not (OperatingSystem.IsWindows()) && Kind.at file = Kind.File then
            File.SetUnixFileMode(fresh, File.GetUnixFileMode file)

        File.Move(fresh, file, true)

    /// Puts the files into a folder whose manifest `check` gave, the last one last, and takes away what an earlier report wrote and
    /// this one did not. What is under way has names of its own, so that every file is the earlier one or the new one, whole.
    let put manifest (folder: string) (files: (string * string) list) =
        discardPartial manifest folder
        let contents = files |> List.map (fun (path, text) -> path, UTF8Encoding(false).GetBytes text)
        let entries = contents |> List.map (fun (path, bytes) -> Manifest.entry path bytes)
        let partial = $".{Guid.NewGuid():N}-"
        let isNew = manifest = Manifest.empty

        let places =
            contents
            |> List.mapi (fun i (path, bytes) ->
                let file = Path.Combine(folder, path)
                path, file, Path.Combine(Path.GetDirectoryName file, $"{partial}{i}"), bytes)

        Manifest.write folder { manifest with Partial = partial; Entries = List.distinct (manifest.Entries @ entries) }

        try
            for _, file, fresh, bytes in places do
                Directory.CreateDirectory(Path.GetDirectoryName file) |> ignore
                use stream = new FileStream(fresh, FileMode.CreateNew)
                stream.Write(ReadOnlySpan bytes)
        with _ ->
            for _, _, fresh, _ in places do
                discard fresh

            if isNew then Manifest.remove folder else Manifest.write folder manifest
            reraise ()

        for _, file, fresh, _ in places do
            replace fresh file

        let current = entries |> List.map (fun entry -> entry.Path) |> Set.ofList

        for stale in manifest.Entries |> List.map (fun entry -> entry.Path) |> List.distinct do
            if not (current.Contains stale) && Manifest.owns manifest folder stale then
                File.Delete(Path.Combine(folder, stale))

        Manifest.write folder { manifest with Partial = ""; Entries = entries }
