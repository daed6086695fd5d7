namespace Sgm.Verification.Report

open System
open Sgm.Engine
open Sgm.Verification.Certificates

/// A certificate with everything that its page shows.
type CertificateDocument =
    {
        /// The experiment's canonical text.
        Text: string
        Fingerprint: string
        Dimension: int
        ScoreEvaluations: int64
        /// Why no exact law measured it.
        NotMeasured: string option
        Probes: CertifiedProbe list
        /// The same and places between them, where an exact law measured those too.
        Along: CertifiedProbe list
    }

/// The page of `sgm certify --report`: one file, nothing fetched.
module CertificatePage =
    let private el = Markup.el
    let private text = Markup.text
    let private cell kind content = el "td" (if kind = "" then [] else [ "class", kind ]) content

    /// Rounded up: what stands on the page is a bound too.
    let private above x = Numbers.significant 3 (Numbers.upward 3 x)

    let private percent part whole =
        if whole > 0.0 then
            $"{Numbers.significant 2 (100.0 * part / whole)} %%"
        else
            "0 %"

    let private bounds (probe: CertifiedProbe) =
        let c = probe.Certificate

        let row (name, bound: Bound, metric) =
            let measured =
                metric
                |> Option.bind (fun m ->
                    probe.Measured |> List.tryPick (fun (other, e) -> if other = m then Some e else None))

            let value = measured |> Option.bind (fun e -> Option.ofNullable e.Value)

            el
                "tr"
                []
                [
                    cell "" (Maths.render name)
                    cell
                        "n"
                        [
                            match bound.Reason with
                            | None -> el "b" [] [ text $"≤ {above bound.Value}" ]
                            | Some _ ->
                                el "span" [ "class", "soft" ] [ text (if bound.Value = 1.0 then "≤ 1" else "–") ]
                        ]
                    cell "n" [ text (value |> Option.map Numbers.short |> Option.defaultValue "") ]
                    cell
                        "soft"
                        [
                            match bound.Reason, value with
                            | Some reason, _ -> text (Maths.numbers reason)
                            | None, Some v when v > 0.0 && Double.IsFinite bound.Value ->
                                text $"{Numbers.ratio (bound.Value / v)} times the measured"
                            | _ -> ()

                            if bound.Reason.IsNone && bound.Confidence < 1.0 then
                                text $" with confidence 1 − {Numbers.significant 2 (1.0 - bound.Confidence)}"
                        ]
                ]

        Overview.table
            $"Bounds at {c.Name}"
            [ "", "distance"; "n", "certified"; "n", "measured"; "", "" ]
            [
                el
                    "tbody"
                    []
                    ([
                        "TV", c.Tv, Some Metric.Tv
                        "KL(p‖q)", c.KlReverse, None
                        "KL(q‖p)", c.Kl, Some Metric.Kl
                        "W2", c.W2, Some Metric.W2
                     ]
                     |> List.map row)
            ]

    let private contributions (c: Certificate) =
        let whole = c.KlReverse.Value

        let largest = c.Contributions |> List.sortByDescending (fun one -> one.Steps + one.Score) |> List.truncate 12

        let row (one: Contribution) =
            let place =
                if one.From = one.To then
                    $"at {Shared.spelled one.From}"
                else
                    $"{Shared.spelled one.From} → {Numbers.short one.To.Parameter}"

            el
                "tr"
                []
                [
                    cell "n" [ text (string one.Index) ]
                    cell "" [ text (if one.Rounds = 1L then one.Method else $"{one.Rounds} × {one.Method}") ]
                    cell "" [ text place ]
                    cell "n" [ text (Numbers.short one.Steps) ]
                    cell "n" [ text (Numbers.short one.Score) ]
                    cell "n" [ text (percent (one.Steps + one.Score) whole) ]
                ]

        [
            el "h3" [] [ text "Largest contributions" ]
            Overview.table
                "Largest contributions"
                [ "n", "step"; "", "method"; "", "levels"; "n", "steps, nats"; "n", "score, nats"; "n", "share" ]
                [ el "tbody" [] (List.map row largest) ]
        ]

    let rec private tree (d: Derivation) =
        let inputs =
            match d.Inputs with
            | [] -> ""
            | several ->
                let listed = several |> List.map (fun (name, value) -> $"{name} = {Numbers.short value}")
                $""" from {String.Join(", ", listed)}"""

        el
            "li"
            []
            [
                el
                    "p"
                    []
                    [
                        el "code" [] [ text d.Rule.Id ]
                        text " "
                        yield! Maths.render $"{d.Of}: ≤ {above d.Value}{inputs}"
                    ]
                if not d.Parts.IsEmpty then
                    el "ul" [] (List.map tree d.Parts)
            ]

    let rec private rulesOf (d: Derivation) = d.Rule :: List.collect rulesOf d.Parts

    let private derivation (c: Certificate) =
        if c.Derivation.IsEmpty then
            []
        else
            let rules = c.Derivation |> List.collect rulesOf |> List.distinctBy (fun rule -> rule.Id)

            [
                el "h3" [] [ text "Derivation" ]
                el "ul" [ "class", "entries" ] (List.map tree c.Derivation)
                el
                    "details"
                    []
                    [
                        el "summary" [] [ text $"The rules ({rules.Length})" ]
                        el
                            "dl"
                            [ "class", "guide" ]
                            [
                                for rule in rules do
                                    el "dt" [] [ el "code" [] [ text rule.Id ] ]

                                    el
                                        "dd"
                                        []
                                        [
                                            yield! Maths.render rule.Statement
                                            text " "
                                            el "span" [ "class", "soft" ] [ text $"({rule.Source})" ]
                                        ]
                            ]
                    ]
            ]

    let private probe (one: CertifiedProbe) =
        let c = one.Certificate

        el
            "section"
            []
            [
                el "h2" [] [ text $"{c.Name}, {Shared.spelled c.Level}" ]
                bounds one

                match c.Start with
                | Some start when Double.IsFinite c.KlReverse.Value ->
                    let whole = c.KlReverse.Value
                    let share part = $"{Numbers.short part} ({percent part whole})"

                    el
                        "p"
                        []
                        [
                            text
                                $"Shares of KL(p‖q), in nats: start {share start}, steps {share c.Steps}, score {share c.Score}."
                        ]

                    match CertificatePlot.shares c with
                    | Some svg ->
                        el
                            "div"
                            [ "class", "figures" ]
                            [ Page.figure "What KL(p‖q) is made of along the run: each step adds its own share." svg ]
                    | None -> ()

                    yield! contributions c
                | _ -> ()

                yield! derivation c
            ]

    let private alongTheRun (document: CertificateDocument) =
        let pictures =
            [ Metric.Tv, (fun (c: Certificate) -> c.Tv); Metric.W2, (fun c -> c.W2) ]
            |> List.choose (fun (metric, bound) ->
                CertificatePlot.along metric bound document.Along
                |> Option.map (
                    Page.figure $"{metric.Symbol} to the target at the level of each place, bounded and measured."
                ))

        if pictures.IsEmpty then
            []
        else
            [ el "section" [] [ el "h2" [] [ text "Along the run" ]; el "div" [ "class", "figures" ] pictures ] ]

    let files (document: CertificateDocument) =
        let unmeasured =
            match document.NotMeasured with
            | Some reason -> $" Nothing is measured: {reason}."
            | None -> ""

        Page.files
            "Certificate"
            ("", "")
            ("Upper bounds for the distance between the sampler's output q and its target p, proved for this experiment: "
             + "every rule is a theorem, and rounding is outward.")
            ($"""{Wording.count document.Dimension "dimension"}, {document.ScoreEvaluations} score evaluations, """
             + $"fingerprint {document.Fingerprint.Substring(0, 12)}.{unmeasured}")
            [
                yield! alongTheRun document
                // The end first: it is what was asked for.
                yield! document.Probes |> List.rev |> List.map probe
                Page.source "The experiment" document.Text
            ]
