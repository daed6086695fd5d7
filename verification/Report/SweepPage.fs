namespace Sgm.Verification.Report

open System
open Sgm
open Sgm.Engine
open Sgm.Verification

/// A sweep with everything that its page shows.
type SweepDocument =
    {
        /// The family's canonical text.
        Text: string
        Fingerprint: string
        Sweep: Sweep
        /// The titles of the table's columns, and whether numbers stand there.
        Columns: (string * bool) list
        /// One row an experiment.
        Rows: string list list
    }

/// The page of `sgm sweep --report`: one file, nothing fetched.
module SweepPage =
    let private el = Markup.el
    let private text = Markup.text

    let private setting (at: Map<string, Quantity>) =
        at |> Map.toList |> List.map (fun (name, value) -> name, value.Number) |> Wording.setting

    let private dot (inner: string) metric row (one: SweepRow) =
        let estimate = one.End.Find metric

        {
            X = one.At[inner].Number
            Value = estimate |> Option.bind (fun found -> Option.ofNullable found.Value)
            Lower = estimate |> Option.map (fun found -> found.Lower) |> Option.defaultValue 0.0
            Upper = estimate |> Option.map (fun found -> found.Upper) |> Option.defaultValue infinity
            Bound = None
            Mark = Counted
            Row = row
            Hint = ""
        }

    /// A metric along the inner axis, a curve for every value of the others.
    let private plot (sweep: Sweep) (metric: Metric) =
        let curves =
            sweep.Rows
            |> List.indexed
            |> List.groupBy (fun (_, row) -> Map.remove sweep.Inner.Name row.At)
            |> List.map (fun (at, rows) ->
                {
                    Name = setting at
                    Dots = rows |> List.map (fun (i, row) -> dot sweep.Inner.Name metric i row)
                })

        let values = curves |> List.collect (fun curve -> curve.Dots) |> List.choose (fun dot -> dot.Value)

        if values |> List.exists (fun value -> value > 0.0 && Double.IsFinite value) then
            Some
                {
                    Id = metric.Name
                    Theorem = metric.Symbol
                    Subject = $"along {sweep.Inner.Name}"
                    Verdict = None
                    Quantity = "at the end of the run"
                    Axis =
                        {
                            Symbol = sweep.Inner.Name
                            Meaning = ""
                            Values = fun _ -> [ for value in sweep.Inner.Choices -> value.Number ]
                        }
                    Shared = ""
                    Curves = curves
                    Claimed = None
                    Description =
                        $"{metric.Symbol} along {sweep.Inner.Name}: from {Numbers.short (List.min values)} to {Numbers.short (List.max values)}."
                }
        else
            None

    let private slopes (sweep: Sweep) =
        let row (slope: SweepSlope) =
            el
                "tr"
                []
                [
                    el "td" [] [ text slope.Metric.Symbol ]
                    el "td" [] [ text (setting slope.At) ]
                    match slope.Exponent with
                    | Ok found ->
                        el "td" [ "class", "n" ] [ el "b" [] [ text (Numbers.significant 4 found.Slope) ] ]

                        el
                            "td"
                            [ "class", "soft" ]
                            [ text $"in [{Numbers.significant 4 found.Lower}, {Numbers.significant 4 found.Upper}]" ]
                    | Error reason ->
                        el "td" [ "class", "n" ] [ text "–" ]
                        el "td" [ "class", "soft" ] [ text reason ]
                ]

        el
            "section"
            []
            [
                el "h2" [] [ text "Fitted exponents" ]
                el
                    "p"
                    [ "class", "soft" ]
                    (Maths.render $"a of metric ~ {sweep.Inner.Name}^a, as {sweep.Inner.Name} goes to its last value.")
                Overview.table
                    "Fitted exponents"
                    [ "", "distance"; "", "at"; "n", "exponent"; "", "" ]
                    [ el "tbody" [] (List.map row sweep.Slopes) ]
            ]

    let files (document: SweepDocument) =
        let sweep = document.Sweep

        let figures =
            sweep.Metrics
            |> List.choose (plot sweep)
            |> List.map (fun plot -> Page.figure plot.Description (Draw.ofPlot plot))

        Page.files
            "Sweep"
            ("", "")
            "The law at the end of every experiment of a family, against its target."
            ($"""{Wording.count sweep.Rows.Length "experiment"}, fingerprint {document.Fingerprint.Substring(0, 12)}"""
             + (if sweep.Missing = 0 then "." else $"; {sweep.Missing} more are missing."))
            [
                if not figures.IsEmpty then
                    el "section" [] [ el "div" [ "class", "figures" ] figures ]
                slopes sweep
                el
                    "section"
                    []
                    [ el "h2" [] [ text "Experiments" ]; Page.table "Experiments" document.Columns document.Rows ]
                Page.source "The family" document.Text
            ]
