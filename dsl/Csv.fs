namespace Sgm

open System
open System.IO
open System.Text

/// Lines of comma-separated cells. A cell may stand in double quotes, in which `""` is one quote (RFC 4180, a record a line).
module Csv =

    /// Characters of a line after which reading stops, so that no file fills the memory.
    let longestLine = 4_000_000

    /// A cell without its quotes and without blanks around it, and the column where it starts, from 0.
    [<Struct>]
    type Cell = { Text: string; At: int }

    /// What stands where a value is missing, in the files that people have.
    let isMissing (text: string) =
        match text.ToUpperInvariant() with
        | ""
        | "NA"
        | "N/A"
        | "#N/A"
        | "NAN"
        | "NULL"
        | "NONE"
        | "?"
        | "." -> true
        | _ -> false

    /// The lines of a text, one at a time; a line that is longer than `longestLine` is the last, and cut there.
    let lines (reader: TextReader) =
        seq {
            let line = StringBuilder()
            let mutable next = reader.Read()

            while next >= 0 do
                line.Clear() |> ignore

                while next >= 0 && next <> int '\n' && line.Length <= longestLine do
                    line.Append(char next) |> ignore
                    next <- reader.Read()

                if line.Length > longestLine then
                    next <- -1
                elif next >= 0 then
                    next <- reader.Read()

                line.ToString().TrimEnd '\r'
        }

    /// From the quote at `start`: the text up to the closing one, and where that stands; none when there is none.
    let private quoted (line: string) start =
        let text = StringBuilder()
        let mutable i = start + 1
        let mutable closing = -1

        while closing < 0 && i < line.Length do
            if line[i] <> '"' then
                text.Append line[i] |> ignore
                i <- i + 1
            elif i + 1 < line.Length && line[i + 1] = '"' then
                text.Append '"' |> ignore
                i <- i + 2
            else
                closing <- i

        if closing < 0 then ValueNone else ValueSome(struct (text.ToString(), closing))

    /// The cells of a line; an error is the column, from 0, of a quote that is not closed or is followed by more text.
    let cells (line: string) : Result<Cell[], int> =
        let found = ResizeArray()
        let mutable wrong = -1
        let mutable start = 0

        while wrong < 0 && start <= line.Length do
            let rest = line.AsSpan start
            let first = start + (rest.Length - rest.TrimStart().Length)

            let comma (from: int) =
                match line.IndexOf(',', from) with
                | -1 -> line.Length
                | i -> i

            if first < line.Length && line[first] = '"' then
                match quoted line first with
                | ValueNone -> wrong <- first
                | ValueSome(text, closing) ->
                    let finish = comma closing

                    if line.AsSpan(closing + 1, finish - closing - 1).IsWhiteSpace() then
                        found.Add { Text = text.Trim(); At = first }
                        start <- finish + 1
                    else
                        wrong <- first
            else
                let finish = comma start
                found.Add { Text = line.Substring(start, finish - start).Trim(); At = start }
                start <- finish + 1

        if wrong < 0 then Ok(found.ToArray()) else Error wrong
