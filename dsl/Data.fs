namespace Sgm

open System
open System.Collections.Generic
open System.Globalization
open System.IO

/// What a file holds: rows of numbers, shape [n][d], and the names of its columns if its first line has them.
type DataSet =
    {
        File: string
        Names: string list option
        Rows: float[][]
    }

    /// Whether the first column numbers the rows, from 0 or 1, under no name: what `to_csv` of pandas writes unasked.
    member this.HasIndex =
        match this.Names with
        | Some(first :: _ :: _) when first = "" || first.StartsWith "Unnamed" ->
            let start = this.Rows[0][0]

            (start = 0.0 || start = 1.0)
            && this.Rows |> Seq.indexed |> Seq.forall (fun (i, row) -> row[0] = start + float i)
        | _ -> false

    /// What was read, in a sentence: a file whose first line was taken for data, or for names, by mistake shows here.
    override this.ToString() =
        let rows, width = this.Rows.Length, this.Rows[0].Length
        let listed (items: string seq) = String.Join(", ", Seq.truncate 8 items) + (if width > 8 then ", …" else "")

        let named =
            match this.Names with
            | Some names -> names |> Seq.map (fun name -> if name = "" then "(unnamed)" else name) |> listed
            | None ->
                let first = this.Rows[0] |> Seq.map (fun v -> v.ToString("R", CultureInfo.InvariantCulture)) |> listed
                $"no header, the first row is {first} (a line that begins with # is skipped)"

        let columns = if width = 1 then "1 column" else $"{width} columns"
        let rows = if rows = 1 then "1 row" else $"{rows} rows"
        Visible.line $"{this.File}: {rows} × {columns}: {named}"

/// Data sets from CSV files: numbers separated by commas, a row a line. Blank lines before the data and lines that begin with
/// `#` are skipped; a first line without a number is a header.
module Data =

    /// Faults of one file after which reading stops.
    let private most = 100

    /// Columns of a file.
    let private mostColumns = 100_000

    /// The reason of a failed access in words, or none when the exception is no such failure.
    let reason (error: exn) =
        match error with
        | :? FileNotFoundException
        | :? DirectoryNotFoundException -> Some "there is no such file"
        | :? UnauthorizedAccessException -> Some "it is a directory or access is denied"
        | :? IOException
        | :? ArgumentException
        | :? NotSupportedException
        | :? Security.SecurityException -> Some error.Message
        | _ -> None

    /// The text that is opened, or why it cannot be read. At most 64 million characters, so that no device is read for ever.
    let readFrom (openReader: unit -> TextReader) : Result<string, string> =
        try
            use reader = openReader ()
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

    /// The text of a file, or why it cannot be read.
    let readText (path: string) = readFrom (fun () -> new StreamReader(path))

    /// Values of one file after which reading stops.
    let private mostValues = 20_000_000

    /// Bytes of a file that is read at all.
    let private mostBytes = 256L <<< 20

    let private tryNumber (text: string) =
        match Double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture) with
        | true, value -> ValueSome value
        | false, _ -> ValueNone

    /// How other programs write infinity; .NET's own words are numbers to `tryNumber`.
    let private infinities = HashSet([ "inf"; "+inf"; "-inf" ], StringComparer.OrdinalIgnoreCase)

    /// Names, as opposed to numbers: no cell is one, and not all are missing values.
    let private isHeader (cells: Csv.Cell[]) =
        cells |> Array.forall (fun cell -> Csv.isMissing cell.Text || (tryNumber cell.Text).IsNone)
        && cells |> Array.exists (fun cell -> not (Csv.isMissing cell.Text))

    let private brief (text: string) = if text.Length <= 40 then text else text.Substring(0, 40) + "…"

    /// The data set of lines of text, with what is wrong put into `problems`.
    let private parse place file (lines: string seq) (problems: Problems) =
        let rows = ResizeArray<float[]>()
        let before = problems.Count
        let mutable names = None
        let mutable number = 0
        let mutable blank = 0

        let report (line: string) column fault =
            problems.Add(place, Position.In(file, number, column + 1, line, 0, line.Length), fault)

        let value line (cell: Csv.Cell) =
            match tryNumber cell.Text with
            | ValueSome value when Double.IsFinite value -> value
            | _ when Csv.isMissing cell.Text ->
                report line cell.At (Fault.MissingValue cell.Text)
                nan
            | ValueSome _ ->
                report line cell.At (Fault.NonFiniteCell(brief cell.Text))
                nan
            | ValueNone when infinities.Contains cell.Text ->
                report line cell.At (Fault.NonFiniteCell cell.Text)
                nan
            | ValueNone ->
                report line cell.At (Fault.BadCell(brief cell.Text))
                nan

        let row line (cells: Csv.Cell[]) =
            match names with
            | Some(header: string list) when rows.Count = 0 && header.Length <> cells.Length ->
                report line 0 (Fault.HeaderWidth(List.map brief header, cells.Length))
            | _ when rows.Count > 0 && cells.Length <> rows[0].Length ->
                report line 0 (Fault.RaggedRow(cells.Length, rows[0].Length))
            | _ -> rows.Add(Array.map (value line) cells)

        let line (text: string) =
            if String.IsNullOrWhiteSpace text then
                blank <- blank + 1
            elif text.Length > Csv.longestLine then
                report "" 0 (Fault.LineTooLong Csv.longestLine)
            elif not (text.StartsWith '#') then
                if blank > 0 && rows.Count > 0 then
                    report text 0 (Fault.RaggedRow(0, rows[0].Length))

                blank <- 0

                match Csv.cells text with
                | Error column -> report text column Fault.BadQuote
                | Ok cells when cells.Length > mostColumns ->
                    report text 0 (Fault.TooManyColumns(cells.Length, mostColumns))
                | Ok cells when names.IsNone && rows.Count = 0 && isHeader cells ->
                    names <- Some(cells |> Array.map (fun cell -> cell.Text) |> List.ofArray)
                | Ok cells -> row text cells

        let isWithin () =
            problems.Count - before < most && (rows.Count = 0 || rows.Count * rows[0].Length <= mostValues)

        for text in Seq.takeWhile (fun _ -> isWithin ()) lines do
            number <- number + 1
            line text

        if rows.Count > 0 && rows.Count * rows[0].Length > mostValues then
            report "" 0 (Fault.TooManyValues mostValues)

        { File = file; Names = names; Rows = rows.ToArray() }

    /// The files that one experiment names, each read once; paths are relative to a directory.
    type Library(baseDirectory: string) =
        let loaded = Dictionary<string, DataSet option>()
        let networks = Dictionary<struct (string * NetworkOutput), Engine.ScoreFunction>()
        let contents = List<struct (string * byte[])>()

        /// The data of a file; none when it cannot be used, which is then put into `problems` (once a file).
        member _.TryLoad(place: Place, file: string, problems: Problems) : DataSet option =
            let file = if isNull file then "" else file

            let read path before =
                let size = FileInfo(path).Length

                if size > mostBytes then
                    problems.Add(place, Fault.DataTooLarge(file, size, mostBytes))
                    None
                else
                    use reader = new StreamReader(path)
                    let data = { parse place path (Csv.lines reader) problems with File = file }

                    if data.Rows.Length = 0 && problems.Count = before then
                        problems.Add(place, Fault.EmptyData file)

                    Some data

            match loaded.TryGetValue file with
            | true, known -> known
            | false, _ ->
                let before = problems.Count

                let found =
                    try
                        read (Path.Combine(baseDirectory, file)) before
                    with error ->
                        match reason error with
                        | Some reason ->
                            problems.Add(place, Fault.UnreadableData(file, reason))
                            None
                        | None -> reraise ()

                let usable = if problems.Count = before then found else None
                loaded.Add(file, usable)
                usable

        /// The network of a file as a score, tried at some levels; none when it cannot be used, which is then put into `problems`.
        member _.TryNetwork(place: Place, file: string, output, dimension, trials, problems: Problems) =
            let file = if isNull file then "" else file

            let found =
                try
                    let path = Path.Combine(baseDirectory, file)
                    let size = FileInfo(path).Length

                    if size > Networks.mostBytes then
                        Error
                            $"it has {Numeral.bytes (float size)}, expected at most {Numeral.bytes (float Networks.mostBytes)}"
                    else
                        let bytes = File.ReadAllBytes path
                        contents.Add(struct (file, Security.Cryptography.SHA256.HashData bytes))
                        Networks.read (Engine.NetworkFile(file, ReadOnlyMemory bytes)) output dimension trials
                with error ->
                    match reason error with
                    | Some reason -> Error reason
                    | None -> reraise ()

            match found with
            | Ok network ->
                networks[struct (file, output)] <- network
                Some network
            | Error reason ->
                problems.Add(place, Fault.UnreadableNetwork(file, reason))
                None

        /// A network that was read.
        member _.Network file output = networks[struct (file, output)]

        /// Every network that was read.
        member _.Networks = List.ofSeq networks.Values

        /// SHA-256 of what every network's file holds.
        member _.Hashes = List.ofSeq contents

        /// The rows of a file that was loaded.
        member _.Rows(file: string) = loaded[file].Value.Rows

        /// Every file that was loaded and can be used.
        member _.All = loaded.Values |> Seq.choose id |> List.ofSeq
