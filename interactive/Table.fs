namespace Sgm.Interactive

open System
open Sgm.Verification.Report

/// What every shown value becomes: a title, a table, and pictures (SVG documents) below it.
type Table = { Title: string; Columns: string list; Rows: string list list; Pictures: string list }

/// A table as text and as HTML.
module Table =
    /// Columns by blanks, for a console. Pictures are left out.
    let text (table: Table) =
        let lines = table.Columns :: table.Rows
        let widths = List.init table.Columns.Length (fun i -> lines |> List.map (fun row -> row[i].Length) |> List.max)

        let line row =
            (List.map2 (fun width (cell: string) -> cell.PadRight width) widths row |> String.concat "  ").TrimEnd()

        String.Join("\n", table.Title :: List.map line lines)

    /// A fragment of HTML. Pictures are images, so that their style sheets stay their own.
    let html (table: Table) =
        let el, words = Markup.el, Markup.text
        let cells name row = el "tr" [] [ for cell in row -> el name [] [ words cell ] ]

        let image (svg: string) =
            let data = Convert.ToBase64String(Text.Encoding.UTF8.GetBytes svg)
            el "img" [ "alt", table.Title; "src", $"data:image/svg+xml;base64,{data}" ] []

        el
            "figure"
            []
            [
                el "figcaption" [] [ words table.Title ]
                el
                    "table"
                    []
                    [ el "thead" [] [ cells "th" table.Columns ]; el "tbody" [] (List.map (cells "td") table.Rows) ]
                yield! List.map image table.Pictures
            ]
        |> Markup.write
