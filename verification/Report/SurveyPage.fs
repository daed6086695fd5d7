namespace Sgm.Verification.Report

open System
open Sgm.Engine
open Sgm.Verification

/// A survey with everything that its page shows.
type SurveyDocument =
    {
        Survey: Survey
        /// The file's name.
        Name: string
        /// The experiment's canonical text.
        Text: string
        /// What is said of the sampler as it is, and what is prescribed: titles with whether numbers stand there, and rows.
        Said: (string * bool) list * string list list
        Prescribed: (string * bool) list * string list list
    }

/// The page of `sgm theorems --compare --report`: one file, nothing fetched.
module SurveyPage =
    let private el = Markup.el
    let private text = Markup.text

    let private number (result: Result<Estimate, string>) =
        match result with
        | Ok estimate -> Option.ofNullable estimate.Value
        | Error _ -> None

    /// What is below the bound: the promise of a theorem, or the certificate of the sampler itself.
    let private dot row (one: Surveyed) =
        let bound =
            match one.Promised, one.Certified with
            | Some promised, _ -> Some promised
            | None, Ok certified -> Some certified
            | None, Error _ -> None

        {
            X = float one.Evaluations
            Value = number one.Measured
            Lower = one.Measured |> Result.map _.Lower |> Result.defaultValue 0.0
            Upper = one.Measured |> Result.map _.Upper |> Result.defaultValue infinity
            Bound = bound
            Mark = Counted
            Row = row
            Hint = ""
        }

    /// A metric against evaluations: a curve for the sampler itself and for every theorem.
    let plot name (rows: Surveyed list) (metric: Metric) =
        let curves =
            rows
            |> List.indexed
            |> List.filter (fun (_, row) -> row.Metric = metric)
            |> List.groupBy (fun (_, row) -> row.Theorem |> Option.map _.Id)
            |> List.map (fun (theorem, several) ->
                {
                    Name = theorem |> Option.defaultValue name
                    Dots = several |> List.map (fun (i, row) -> dot i row) |> List.sortBy _.X
                })

        let isSeen =
            curves
            |> List.exists (fun curve ->
                curve.Dots |> List.exists (fun dot -> dot.Value |> Option.exists (fun v -> v > 0.0 && Shapes.finite v)))

        let theorems = curves |> List.filter (fun curve -> curve.Name <> name) |> List.map _.Name

        if not isSeen || theorems.IsEmpty then
            None
        else
            Some
                {
                    Id = metric.Name
                    Theorem = metric.Symbol
                    Subject = "against evaluations"
                    Verdict = None
                    Quantity = $"{metric.Symbol} at the end; dashed: what is promised or certified"
                    Axis = { Symbol = "n"; Meaning = "evaluations of the score"; Values = fun _ -> [] }
                    Shared = ""
                    Curves = curves
                    Claimed = None
                    Description =
                        $"""{metric.Symbol} at the end against evaluations of the score: the sampler of {name} with its certificate, and what {String.Join(", ", theorems)} prescribe, each with its promise."""
                }

    let files (document: SurveyDocument) =
        let figures =
            [ Metric.Tv; Metric.W2 ]
            |> List.choose (plot document.Name document.Survey.Rows)
            |> List.map (fun plot -> Page.figure plot.Description (Draw.ofPlot plot))

        let table title (columns, rows) = el "section" [] [ el "h2" [] [ text title ]; Page.table title columns rows ]

        let refused = document.Survey.Refused

        Page.files
            "Theorems compared"
            ("", "")
            "What the theorems promise, prescribe and cost on one target, beside the certificate and beside the truth."
            $"""{Wording.count document.Survey.Covering.Length "theorem"} on the sampler as it is, {Wording.count (document.Survey.Rows |> List.filter _.Theorem.IsSome |> List.length) "prescription"}."""
            [
                if not figures.IsEmpty then
                    el "section" [] [ el "div" [ "class", "figures" ] figures ]

                table "What is said of the sampler as it is" document.Said
                table "The sampler, and what is prescribed in its place" document.Prescribed

                if not refused.IsEmpty then
                    el
                        "section"
                        []
                        [
                            el "h2" [] [ text "Not prescribed" ]
                            el
                                "ul"
                                []
                                [
                                    for theorem, accuracy, reason in refused ->
                                        el "li" [] [ text $"{theorem.Id} at {Numbers.short accuracy}: {reason}" ]
                                ]
                        ]

                Page.source document.Name document.Text
            ]
