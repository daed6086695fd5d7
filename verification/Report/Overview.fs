namespace Sgm.Verification.Report

open System
open Sgm.Verification

/// The top of the page: what came out, in one look.
module Overview =
    let private el = Markup.el
    let private text = Markup.text

    /// The verdict as a coloured word with its sign.
    let verdict value =
        el
            "span"
            [ "class", $"verdict v-{Verdict.name value}" ]
            [ text $"{Wording.sign value} {Wording.verdict value}" ]

    /// A table in a box of its own, which scrolls where the page is narrow.
    let table label (headings: (string * string) list) bodies =
        el
            "div"
            [ "class", "scroll"; "tabindex", "0"; "role", "region"; "aria-label", label ]
            [
                el
                    "table"
                    []
                    (el
                        "thead"
                        []
                        [
                            el
                                "tr"
                                []
                                [
                                    for kind, heading in headings ->
                                        el "th" [ "class", kind; "scope", "col" ] (Maths.render heading)
                                ]
                        ]
                     :: bodies)
            ]

    let private lead (document: Document) =
        let total = Wording.count document.Checks.Length "check"
        let theorems = Wording.count (Document.byTheorem document.Checks).Length "theorem"

        match Document.count Violated document, Document.count Holds document with
        | 0, held when held = document.Checks.Length && held > 0 -> $"{total} of {theorems}: all hold."
        | 0, held -> $"{total} of {theorems}: {held} hold, none is violated."
        | violated, _ ->
            let are = if violated = 1 then "is" else "are"
            $"{total} of {theorems}: {violated} {are} violated."

    let private tiles document =
        el
            "ul"
            [ "class", "tiles" ]
            [
                for value in Wording.verdicts do
                    let count = Document.count value document
                    let kind = if count = 0 then "none" else $"v-{Verdict.name value}"

                    el
                        "li"
                        [ "class", kind ]
                        [ el "b" [] [ text (string count) ]; text $"{Wording.sign value} {Wording.verdict value}" ]
            ]

    let private facts (document: Document) =
        let cells = document.Checks |> List.sumBy (fun reported -> reported.Size)

        el
            "dl"
            [ "class", "facts" ]
            [
                for name, value in
                    [
                        "Effort", Wording.effort document.Result.Effort
                        "Experiments measured", string cells
                        "Cells with a vacuous bound", Wording.share document.Result.Vacuous document.Result.BoundCells
                        "Time", Numbers.seconds document.Result.Seconds
                        "SgmDsl", document.Version
                        "Written", document.WrittenAt.ToString "yyyy-MM-dd HH:mm 'UTC'"
                    ] do
                    el "div" [] [ el "dt" [] [ text name ]; el "dd" [] [ text value ] ]
            ]

    let header (document: Document) =
        el
            "header"
            []
            [
                el "div" [ "class", "top" ] [ el "h1" [] [ text "Samplers against their theorems" ] ]
                el
                    "p"
                    [ "class", "lead" ]
                    [
                        text (lead document)
                        text " "
                        el "a" [ "href", "#how-to-read" ] [ text "How to read this report" ]
                    ]
                tiles document
                facts document
            ]

    /// The ratio and how much of the bound it uses up.
    let private tightness (check: CheckResult) =
        match check.Tightest with
        | Some ratio ->
            let share = Math.Clamp(100.0 * ratio, 0.0, 100.0)

            [
                text (Numbers.ratio ratio)
                el
                    "span"
                    [ "class", "tightness"; "aria-hidden", "true" ]
                    [ el "i" [ "style", $"width:{share:F0}%%" ] [] ]
            ]
        | None -> []

    let private row (reported: ReportedCheck) =
        let check = reported.Check

        let measured =
            match check.Rate with
            | Some rate ->
                let value, interval = Numbers.interval rate.Slope rate.Lower rate.Upper
                [ text value; el "span" [ "class", "soft" ] [ text $" {interval}" ] ]
            | None -> []

        let cells =
            [
                "", [ verdict check.Verdict ]
                "id", [ el "a" [ "href", $"#{reported.Anchor}" ] [ text check.Theorem.Id ] ]
                "claim", [ text check.KindName; text " "; el "span" [ "class", "soft" ] [ text check.Scenario.Name ] ]
                "", Maths.render check.Axis.Symbol
                "n", [ text (string reported.Size) ]
                "n", tightness check
                "n", check.Claim |> Option.map (Wording.claimed >> Maths.render) |> Option.defaultValue []
                "n", measured
                "n", [ text (Wording.vacuous check) ]
            ]

        [
            el
                "tr"
                [
                    if check.Verdict = Violated then
                        "class", "alarm"
                ]
                [ for kind, content in cells -> el "td" [ "class", kind ] content ]

            match check.Verdict, check.Reason with
            | Holds, _
            | _, None -> ()
            | _, Some reason ->
                el
                    "tr"
                    [
                        if check.Verdict = Violated then
                            "class", "alarm"
                    ]
                    [ el "td" [ "class", "why"; "colspan", string cells.Length ] [ text (Maths.numbers reason) ] ]
        ]

    /// One line a check, by paper.
    let verdicts (document: Document) =
        let headings =
            [
                "", "verdict"
                "", "theorem"
                "", "claim"
                "", "axis"
                "n", "cells"
                "n", "largest measured/bound"
                "n", "claimed exponent"
                "n", "measured exponent"
                "n", "vacuous"
            ]

        let bodies =
            [
                for (paper, reference), theorems in Document.byPaper document do
                    el
                        "tbody"
                        [ "class", "paper" ]
                        [
                            el
                                "tr"
                                []
                                [
                                    el
                                        "th"
                                        [ "colspan", string headings.Length; "scope", "rowgroup" ]
                                        [ text $"{paper} ({reference})" ]
                                ]
                        ]

                    el "tbody" [] (theorems |> List.collect snd |> List.collect row)
            ]

        el "section" [ "id", "verdicts"; "aria-label", "Verdicts" ] [ table "Verdicts" headings bodies ]
