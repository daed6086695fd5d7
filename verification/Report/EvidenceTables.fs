namespace Sgm.Verification.Report

open Sgm.Engine
open Sgm.Verification

/// The tables below a check: a row a cell or a point, with its replay.
module EvidenceTables =
    let private el = Markup.el
    let private text = Markup.text

    let cell kind content = el "td" (if kind = "" then [] else [ "class", kind ]) content

    /// A verdict that fills a cell of its own.
    let judged value more =
        cell $"v-{Verdict.name value}" (text $"{Wording.sign value} {Wording.verdict value}" :: more)

    let value (x: float) = text (Numbers.short x)

    let private estimate (measured: Estimate) =
        if not measured.Value.HasValue then
            [ el "span" [ "class", "soft" ] [ text measured.Reason ] ]
        elif measured.Upper - measured.Lower > 1e-4 * abs measured.Value.Value then
            [
                value measured.Value.Value
                el
                    "span"
                    [ "class", "soft" ]
                    [ text $" [{Numbers.short measured.Lower}, {Numbers.short measured.Upper}]" ]
            ]
        else
            [ value measured.Value.Value ]

    let command (replay: Replay) =
        [
            if replay.File = "" then
                text replay.Command
            else
                // The page's style and script write the words, which differ by the file alone.
                el "a" [ "href", replay.File ] []
        ]

    /// Which inequality decided, and among how many.
    let private inequality (measured: Cell) =
        match measured.Decisive with
        | Some c when measured.Comparisons > 1L -> $"{c.What}, one of {measured.Comparisons}"
        | Some c -> c.What
        | None -> ""

    let private cellRows columns (symbols: string list) saysWhat (measured: Cell, replay: Replay) =
        let alarm =
            [
                if measured.Verdict = Violated then
                    "class", "alarm"
            ]

        let ratio =
            match measured.Ratio with
            | Some ratio -> Numbers.ratio ratio
            | None -> ""

        [
            el
                "tr"
                alarm
                [
                    for symbol in symbols do
                        let shown =
                            Map.tryFind symbol measured.Setting |> Option.map Numbers.chosen |> Option.defaultValue ""

                        cell "" [ text shown ]

                    cell "" (measured.Decisive |> Option.map (fun c -> estimate c.Measured) |> Option.defaultValue [])
                    cell "" (measured.Decisive |> Option.map (fun c -> [ value c.Bound ]) |> Option.defaultValue [])
                    cell "" [ text ratio ]
                    judged
                        measured.Verdict
                        [
                            if measured.IsVacuous then
                                text " "
                                el "span" [ "class", "tag" ] [ text "vacuous" ]
                        ]
                    if saysWhat then
                        cell "what" [ text (inequality measured) ]
                    cell "all" (command replay)
                ]

            match measured.Verdict, measured.Reason with
            | Holds, _
            | _, None -> ()
            | _, Some reason ->
                el "tr" alarm [ el "td" [ "class", "why"; "colspan", string columns ] [ text (Maths.numbers reason) ] ]
        ]

    let private answers saysWhat =
        [
            "n", "measured"
            "n", "bound"
            "n", "measured/bound"
            "", "verdict"

            if saysWhat then
                "", "deciding inequality"

            "", "replay"
        ]

    /// Of the cells of a bound or a negative check.
    let cellTable (reported: ReportedCheck) =
        let varied, constant =
            Document.symbols reported
            |> List.partition (fun symbol ->
                symbol = reported.Check.Axis.Symbol
                || (reported.Cells |> List.distinctBy (fun (cell, _) -> Map.tryFind symbol cell.Setting)).Length > 1)

        let first = fst reported.Cells.Head
        // Said once where it is the same in all cells.
        let inequalities = reported.Cells |> List.map (fst >> inequality) |> List.distinct
        let saysWhat = inequalities.Length > 1
        let headings = (varied |> List.map (fun symbol -> "n", symbol)) @ answers saysWhat

        [
            if not constant.IsEmpty then
                let shared =
                    constant |> List.choose (fun s -> Map.tryFind s first.Setting |> Option.map (fun v -> s, v))

                el "p" [ "class", "soft" ] [ text $"At {Wording.setting shared}." ]

            if not saysWhat && inequalities.Head <> "" then
                el "p" [ "class", "soft" ] [ text $"The deciding inequality is about: {inequalities.Head}." ]

            Overview.table
                ""
                headings
                [ el "tbody" [] (reported.Cells |> List.collect (cellRows headings.Length varied saysWhat)) ]
        ]

    /// Of the points of a rate.
    let pointTable (reported: ReportedCheck) =
        let headings = [ "n", reported.Check.Axis.Symbol; "n", "measured"; "", "in the fit"; "", "replay" ]

        let row (point: RatePoint, replay: Replay) =
            el
                "tr"
                []
                [
                    cell "" [ text (Numbers.chosen point.X) ]
                    cell "" (estimate point.Value)
                    cell
                        "words"
                        [ text (point.Excluded |> Option.map (fun why -> "no: " + why) |> Option.defaultValue "yes") ]
                    cell "all" (command replay)
                ]

        Overview.table "" headings [ el "tbody" [] (List.map row reported.Points) ]
