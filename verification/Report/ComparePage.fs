namespace Sgm.Verification.Report

open Sgm.Engine
open Sgm.Verification

/// A comparison with everything that its page shows.
type CompareDocument =
    {
        Rows: WorkRow list
        /// Experiments that a partial store lacks.
        Missing: int
        /// The titles of the table's columns, and whether numbers stand there.
        Columns: (string * bool) list
        Table: string list list
        /// The experiments' canonical texts, under their names.
        Texts: (string * string) list
    }

/// The page of `sgm compare --report`: one file, nothing fetched; and its pictures as files of their own.
module ComparePage =
    let private el = Markup.el
    let private text = Markup.text
    let private picture (metric: Metric) = $"{metric.Name}.svg"

    /// What is written into the report's folder.
    let paths = Page.paths @ [ for metric in Metric.All -> picture metric ]

    /// A picture as a file: with its own colours, light and dark.
    let private alone svg =
        match svg with
        | Element(name, attributes, children) ->
            let style = el "style" [] [ Verbatim(Style.colours + WorkPlot.style) ]
            let own = ("xmlns", "http://www.w3.org/2000/svg") :: ("font-family", "system-ui, sans-serif") :: attributes
            Element(name, own, style :: children) |> Markup.write
        | other -> Markup.write other

    let files (document: CompareDocument) =
        let sheets =
            [
                for metric in Metric.All do
                    match WorkPlot.sheet metric document.Rows with
                    | Some found -> metric, found
                    | None -> ()
            ]

        let samplers = document.Rows |> List.distinctBy _.Name |> List.length

        Page.files
            "Comparison"
            (WorkPlot.style, "")
            "Samplers for one target at equal evaluations of the score: the law at the end against the target."
            ($"""{Wording.count samplers "sampler"}, {Wording.count document.Rows.Length "experiment"}"""
             + (if document.Missing = 0 then "." else $", {document.Missing} more are missing."))
            [
                for _, (svg, description) in sheets do
                    el "section" [] [ Page.figure description svg ]

                el
                    "section"
                    []
                    [ el "h2" [] [ text "Experiments" ]; Page.table "Experiments" document.Columns document.Table ]

                for name, source in document.Texts do
                    Page.source name source
            ]
        @ [ for metric, (svg, _) in sheets -> picture metric, alone svg ]
