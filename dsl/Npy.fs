namespace Sgm

open System
open System.Buffers.Binary
open System.Globalization
open System.IO
open System.Text
open System.Text.RegularExpressions

/// What the header of a `.npy` file says: an array of 4- or 8-byte floating-point numbers of shape (Rows, Columns); one of shape (n,)
/// counts as (n, 1).
type NpyHeader =
    {
        Rows: int64
        Columns: int
        /// Bytes of a number: 4 or 8.
        Size: int
        IsBigEndian: bool
        /// Whether columns follow each other, not rows.
        IsFortran: bool
    }

/// NumPy's file of one array, https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1 to 3.
module Npy =
    let private magic = "\x93NUMPY"
    let private magicBytes = Encoding.Latin1.GetBytes magic
    let private mostHeader = 1 <<< 20
    let private mostColumns = 100_000
    let private remedy = "in NumPy: numpy.save(file, x.astype('float64'))"

    /// Writes the header of an array of doubles in rows: little endian, C order.
    let writeHeader (stream: Stream) (rows: int64) (columns: int) =
        let fields = $"{{'descr': '<f8', 'fortran_order': False, 'shape': ({rows}, {columns}), }}"
        // Magic, version and length are ten bytes, a new line is the last one, and the whole a multiple of 64.
        let length = (10 + fields.Length + 1 + 63) / 64 * 64 - 10
        stream.Write(ReadOnlySpan magicBytes)
        stream.Write(ReadOnlySpan [| 1uy; 0uy; byte (length &&& 255); byte (length >>> 8) |])
        stream.Write(ReadOnlySpan(Encoding.Latin1.GetBytes(fields.PadRight(length - 1) + "\n")))

    /// Writes so many rows of a block of shape [columns, rows of it].
    let writeRows (stream: Stream) (columns: int) (block: float[]) =
        let rows = block.Length / columns
        let bytes = Array.zeroCreate<byte>(8 * block.Length)

        for i in 0 .. rows - 1 do
            for e in 0 .. columns - 1 do
                BinaryPrimitives.WriteDoubleLittleEndian(bytes.AsSpan(8 * (i * columns + e)), block[e * rows + i])

        stream.Write(ReadOnlySpan bytes)

    /// Reads exactly so many bytes, or none when the stream ends before.
    let private exactly (stream: Stream) count =
        let bytes = Array.zeroCreate<byte> count

        if stream.ReadAtLeast(bytes.AsSpan(), count, false) = count then
            Some bytes
        else
            None

    let private field (text: string) name pattern =
        let found = Regex.Match(text, $"""['"]{name}['"]\s*:\s*{pattern}""", RegexOptions.CultureInvariant)
        if found.Success then Some found.Groups[1].Value else None

    let private shape (words: string) =
        let axes = words.Split(',', StringSplitOptions.RemoveEmptyEntries ||| StringSplitOptions.TrimEntries)

        let lengths =
            [
                for axis in axes do
                    match Int64.TryParse(axis.TrimEnd 'L', NumberStyles.None, CultureInfo.InvariantCulture) with
                    | true, n -> n
                    | _ -> -1L
            ]

        match lengths with
        | _ when List.contains -1L lengths -> Error $"its shape is ({words}), expected whole numbers"
        | [ rows ] -> Ok(rows, 1L)
        | [ rows; columns ] -> Ok(rows, columns)
        | _ -> Error $"its shape is ({words}), expected (rows, columns) or (rows,); in NumPy: x.reshape(len(x), -1)"

    let private dtype (text: string) =
        match field text "descr" "['\"]([^'\"]*)['\"]" with
        | Some "<f8" -> Ok(8, false)
        | Some ">f8" -> Ok(8, true)
        | Some "<f4" -> Ok(4, false)
        | Some ">f4" -> Ok(4, true)
        | Some other -> Error $"its numbers are of type '{other}', expected '<f8', '>f8', '<f4' or '>f4'; {remedy}"
        | None when text.Contains "descr" ->
            Error $"its rows are records of named fields, expected '<f8', '>f8', '<f4' or '>f4'; {remedy}"
        | None -> Error "its header has no 'descr'"

    let private parsed text =
        match
            dtype text,
            field text "fortran_order" "(True|False)",
            field text "shape" @"\(([0-9L,\s-]*)\)" |> Option.map shape
        with
        | Error reason, _, _ -> Error reason
        | _, None, _ -> Error "its header has no 'fortran_order'"
        | _, _, None -> Error "its header has no 'shape'"
        | _, _, Some(Error reason) -> Error reason
        | _, _, Some(Ok(0L, _)) -> Error "it has 0 rows; at least 1 is needed"
        | _, _, Some(Ok(_, columns)) when columns < 1L || columns > int64 mostColumns ->
            Error $"it has {columns} columns, expected 1 to {mostColumns}"
        | _, _, Some(Ok(rows, columns)) when rows > Int64.MaxValue / 8L / columns ->
            Error $"it claims {rows} × {columns} numbers, which no file can hold"
        | Ok(size, isBig), Some order, Some(Ok(rows, columns)) ->
            Ok
                {
                    Rows = rows
                    Columns = int columns
                    Size = size
                    IsBigEndian = isBig
                    IsFortran = (order = "True")
                }

    /// Reads the header, and leaves the stream at the first number; an error is what is wrong, to follow "FILE: ".
    let readHeader (stream: Stream) : Result<NpyHeader, string> =
        let text (encoding: Encoding) bytes =
            match exactly stream bytes with
            | Some header -> parsed (encoding.GetString header)
            | None -> Error "it ends within its header: it was cut off"

        match exactly stream 8 with
        | Some start when ReadOnlySpan(start, 0, 6).SequenceEqual(ReadOnlySpan magicBytes) ->
            let version, width = start[6], (if start[6] = 1uy then 2 else 4)

            if version < 1uy || version > 3uy then
                Error $"it is of version {version} of the format, expected 1, 2 or 3"
            else
                match exactly stream width with
                | None -> Error "it ends within its header: it was cut off"
                | Some length ->
                    let length =
                        if width = 2 then
                            uint32 (BinaryPrimitives.ReadUInt16LittleEndian length)
                        else
                            BinaryPrimitives.ReadUInt32LittleEndian length

                    if length > uint32 mostHeader then
                        Error $"its header claims {length} bytes, expected at most {mostHeader}"
                    else
                        text (if version = 3uy then Encoding.UTF8 else Encoding.Latin1) (int length)
        | _ -> Error "it is no NumPy file: it does not begin with \\x93NUMPY; 'numpy.save' writes one"

    let private value header (bytes: byte[]) at =
        let one = ReadOnlySpan(bytes, at, header.Size)

        match header.Size, header.IsBigEndian with
        | 8, false -> BinaryPrimitives.ReadDoubleLittleEndian one
        | 8, _ -> BinaryPrimitives.ReadDoubleBigEndian one
        | _, false -> float (BinaryPrimitives.ReadSingleLittleEndian one)
        | _ -> float (BinaryPrimitives.ReadSingleBigEndian one)

    /// Reads all numbers in the order of the file, and keeps those of some rows: row wanted[k], ascending, becomes column place[k] of the
    /// result, which has shape [columns, wanted]. An error is what is wrong, a number that is not finite also in a row that is not kept.
    let readRows (stream: Stream) (header: NpyHeader) (wanted: int64[]) (place: int[]) : Result<float[], string> =
        let n, d, kept = header.Rows, int64 header.Columns, wanted.Length
        let result = Array.zeroCreate<float>(header.Columns * kept)
        let buffer = Array.zeroCreate<byte>(1 <<< 16)
        let total = n * d
        let mutable at = 0L
        let mutable row = 0L
        let mutable column = 0L
        let mutable next = 0
        let mutable wrong = None

        while wrong.IsNone && at < total do
            let count = int (min (int64 (buffer.Length / header.Size)) (total - at))

            let read =
                stream.ReadAtLeast(Span(buffer, 0, count * header.Size), count * header.Size, false) / header.Size

            for i in 0 .. read - 1 do
                let x = value header buffer (i * header.Size)

                if not (Double.IsFinite x) && wrong.IsNone then
                    wrong <- Some $"row {row + 1L}, column {column + 1L} is {x}, expected a finite number"

                if next < kept && wanted[next] = row then
                    result[int column * kept + place[next]] <- x

                    if header.IsFortran || column = d - 1L then
                        next <- next + 1

                if header.IsFortran then
                    row <- row + 1L

                    if row = n then
                        row <- 0L
                        column <- column + 1L
                        next <- 0
                else
                    column <- column + 1L

                    if column = d then
                        column <- 0L
                        row <- row + 1L

            at <- at + int64 read

            if read < count && wrong.IsNone then
                wrong <- Some $"it holds {at} of its {n} × {d} numbers: it was cut off"

        match wrong with
        | Some reason -> Error reason
        | None when stream.ReadByte() >= 0 -> Error "it goes on after its array; a file holds one array"
        | None -> Ok result
