namespace Sgm

open System
open System.Collections.Generic
open System.Globalization
open System.IO

/// Data sets from CSV files: numbers separated by commas, a row a line, a header row allowed.
module Data =

    /// Faults of one file after which reading stops.
    let private most = 100

    /// The reason of a failed access in words, or none when the exception is no such failure.
    let private reason (error: exn) =
        match error with
        | :? FileNotFoundException
        | :? DirectoryNotFoundException -> Some "there is no such file"
        | :? UnauthorizedAccessException -> Some "it is a directory or access is denied"
        | :? IOException
        | :? ArgumentException
        | :? NotSupportedException
        | :? Security.SecurityException -> Some error.Message
        | _ -> None

    /// The text of a file, or why it cannot be read. At most 64 million characters, so that no device is read for ever.
    let readText (path: string) : Result<string, string> =
        try
            use reader = new StreamReader(path)
            let limit = 64_000_000
            let text = Text.StringBuilder()
            let buffer = Array.zeroCreate<char> 65536
            let mutable count = reader.Read(buffer, 0, buffer.Length)

            while count > 0 && text.Length <= limit do
                text.Append(buffer, 0, count) |> ignore
                count <- reader.Read(buffer, 0, buffer.Length)

            if text.Length > limit then
                Error $"it is longer than {limit} characters"
            else
                Ok(text.ToString())
        with error ->
            match reason error with
            | Some reason -> Error reason
            | None -> reraise ()

    let private tryNumber (cell: ReadOnlySpan<char>) =
        match Double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture) with
        | true, value -> ValueSome value
        | false, _ -> ValueNone

    /// The cells of a line with the index where each starts.
    let private cells (line: string) =
        let found = ResizeArray()
        let mutable start = 0

        for i in 0 .. line.Length do
            if i = line.Length || line[i] = ',' then
                found.Add(struct (start, i - start))
                start <- i + 1

        found

    let private isHeader (line: string) =
        cells line |> Seq.forall (fun (struct (start, length)) -> (tryNumber (line.AsSpan(start, length))).IsNone)

    /// The rows of lines of text, shape [n][d], with what is wrong put into `problems`.
    let private rows place file (lines: string seq) (problems: Problems) =
        let rows = ResizeArray<float[]>()
        let before = problems.Count
        let mutable number = 0
        let mutable blank = 0

        let report (line: string) column fault =
            problems.Add(place, Position.In(file, number, column + 1, line, 0, line.Length), fault)

        let read (line: string) =
            let found = cells line
            let row = Array.zeroCreate found.Count

            for j in 0 .. found.Count - 1 do
                let struct (start, length) = found[j]
                let cell = line.AsSpan(start, length)

                match tryNumber cell with
                | ValueSome value when Double.IsFinite value -> row[j] <- value
                | ValueSome _ -> report line start (Fault.NonFiniteCell(cell.Trim().ToString()))
                | ValueNone ->
                    let text = cell.Trim().ToString()
                    report line start (Fault.BadCell(if text.Length <= 40 then text else text.Substring(0, 40) + "…"))

            if rows.Count > 0 && row.Length <> rows[0].Length then
                report line 0 (Fault.RaggedRow(row.Length, rows[0].Length))
            else
                rows.Add row

        for line in Seq.takeWhile (fun _ -> problems.Count - before < most) lines do
            number <- number + 1

            if String.IsNullOrWhiteSpace line then
                blank <- blank + 1
            elif number = 1 && isHeader line then
                ()
            else
                if blank > 0 && rows.Count > 0 then
                    report line 0 (Fault.RaggedRow(0, rows[0].Length))

                blank <- 0
                read line

        rows.ToArray()

    /// The data sets that one experiment names, each read once; paths are relative to a directory.
    type Library(baseDirectory: string) =
        let loaded = Dictionary<string, float[][] option>()

        /// The rows of a file; none when it cannot be used, which is then put into `problems` (once a file).
        member _.TryLoad(place: Place, file: string, problems: Problems) : float[][] option =
            let file = if isNull file then "" else file

            match loaded.TryGetValue file with
            | true, known -> known
            | false, _ ->
                let before = problems.Count

                let read =
                    try
                        let path = Path.Combine(baseDirectory, file)

                        if FileInfo(path).Length = 0L then
                            problems.Add(place, Fault.EmptyData file)
                            [||]
                        else
                            let found = rows place path (File.ReadLines path) problems

                            if found.Length = 0 && problems.Count = before then
                                problems.Add(place, Fault.EmptyData file)

                            found
                    with error ->
                        match reason error with
                        | Some reason ->
                            problems.Add(place, Fault.UnreadableData(file, reason))
                            [||]
                        | None -> reraise ()

                let usable = if problems.Count = before then Some read else None
                loaded.Add(file, usable)
                usable

        /// The rows of a file that was loaded.
        member _.Rows(file: string) = loaded[file].Value
