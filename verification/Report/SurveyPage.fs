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

    /// With the promise of a theorem as its bound, or the certificate of the sampler itself.
    let private dot row (one: Surveyed) =
        let measured = Result.toOption one.Measured

        {
            X = float one.Evaluations
            Value = measured |> Option.bind (fun found -> Option.ofNullable found.Value)
            Lower = measured |> Option.map _.Lower |> Option.defaultValue 0.0
            Upper = measured |> Option.map _.Upper |> Option.defaultValue infinity
            Bound =
                one.Promised |> Option.orElse (if one.Certified.Reason.IsNone then Some one.Certified.Value else None)
            Mark = if one.IsBroken then Breaks else Counted
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
                        $"{metric.Symbol} at the end against evaluations of the score: the sampler of {name} with its certificate, "
                        + $"""and what {String.Join(", ", theorems)} prescribe, each with its promise."""
                }

    let files (document: SurveyDocument) =
        let figures =
            [ Metric.Tv; Metric.W2 ]
            |> List.choose (plot document.Name document.Survey.Rows)
            |> List.map (fun plot -> Page.figure plot.Description (Draw.ofPlot plot))

        let table title (columns, rows) = el "section" [] [ el "h2" [] [ text title ]; Page.table title columns rows ]

        let survey = document.Survey
        let prescriptions = survey.Rows |> List.filter _.Theorem.IsSome

        Page.files
            "Theorems compared"
            ("", "")
            "What the theorems promise, prescribe and cost on one target, beside the certificate and beside the truth."
            ($"""{Wording.count survey.Covering.Length "theorem"} on the sampler as it is, """
             + $"""{Wording.count prescriptions.Length "prescription"}.""")
            [
                if not figures.IsEmpty then
                    el "section" [] [ el "div" [ "class", "figures" ] figures ]

                table "What is said of the sampler as it is" document.Said
                table "The sampler, and what is prescribed in its place" document.Prescribed

                if not survey.Refused.IsEmpty then
                    el
                        "section"
                        []
                        [
                            el "h2" [] [ text "Not prescribed" ]
                            el
                                "ul"
                                []
                                [
                                    for theorem, accuracy, reason in survey.Refused ->
                                        el "li" [] [ text $"{theorem.Id} at {Numbers.short accuracy}: {reason}" ]
                                ]
                        ]

                Page.source document.Name document.Text
            ]
