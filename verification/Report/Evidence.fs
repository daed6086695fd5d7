namespace Sgm.Verification.Report

open System
open System.Collections.Generic
open System.Text.RegularExpressions
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Report.EvidenceTables

/// A theorem's section: statement, assumptions, plots, and every cell with its replay.
module Evidence =
    let private el = Markup.el
    let private text = Markup.text

    /// The cell that decided, or the last point: the experiment to look at first.
    let private exhibit (reported: ReportedCheck) =
        let decisive =
            reported.Cells |> List.filter (fun (cell, _) -> cell.Verdict = reported.Check.Verdict && cell.Ratio.IsSome)

        match decisive, reported.Points with
        | [], [] -> reported.Cells |> List.tryHead |> Option.map (fun (_, replay) -> "The first experiment", replay)
        | [], points -> Some("The experiment at the asymptotic end", snd (List.last points))
        | cells, _ ->
            let cell, replay = cells |> List.maxBy (fun (cell, _) -> cell.Ratio.Value)

            Some($"The tightest cell, {Wording.setting (Map.toList cell.Setting)}", replay)

    let private listed (values: string list) = String.Join("; ", values)

    /// What came out of a check, why, and on which experiments; those are described where `describes` says so.
    let private words (reported: ReportedCheck) describes =
        let check = reported.Check
        let scenario = check.Scenario

        [
            el "p" [] (Maths.render (Document.sentence reported))

            match check.Verdict, check.Reason with
            | Holds, _
            | _, None -> ()
            | value, Some reason -> el "p" [ "class", $"v-{Verdict.name value}" ] [ text (Maths.numbers reason) ]

            el
                "p"
                [ "class", "soft" ]
                [
                    yield!
                        Maths.render (
                            if describes then
                                $"{scenario.Name}: {scenario.Description}"
                            else
                                $"{scenario.Name}, as above."
                        )

                    match Document.methods reported with
                    | [] -> ()
                    | methods -> text $" Measured by: {listed methods}."

                    if Plot.ofCheck reported |> Option.isSome then
                        text " "
                        el "a" [ "href", $"plots/{reported.Anchor}.svg" ] [ text "Picture for a slide" ]
                ]
        ]

    /// The checks with whether each is the first of its scenario.
    let private described (checks: ReportedCheck list) =
        checks
        |> List.mapi (fun i reported ->
            let earlier = List.truncate i checks
            let isSame (other: ReportedCheck) = other.Check.Scenario.Name = reported.Check.Scenario.Name
            reported, not (List.exists isSame earlier))

    let private figure (reported: ReportedCheck, describes) =
        let check = reported.Check

        el
            "figure"
            [ "id", reported.Anchor ]
            [
                match Draw.inPage reported with
                | Some svg -> svg
                | None ->
                    el "p" [] [ Overview.verdict check.Verdict; text $" {check.KindName} along {check.Axis.Symbol}" ]
                    el "p" [ "class", "soft" ] [ text "There is no positive number to draw." ]

                el "figcaption" [] (words reported describes)
            ]

    /// The words of a figure without its picture.
    let private entry (reported: ReportedCheck, describes) =
        let check = reported.Check

        el
            "li"
            [ "id", reported.Anchor ]
            [
                el
                    "p"
                    []
                    [
                        Overview.verdict check.Verdict
                        text $" {check.KindName} along "
                        yield! Maths.render check.Axis.Symbol
                    ]
                yield! words reported describes
            ]

    let private data isNew (reported: ReportedCheck) =
        let check = reported.Check
        let what = if reported.Points.IsEmpty then "Cells" else "Points"

        el
            "details"
            [ "data-of", reported.Anchor ]
            [
                el
                    "summary"
                    []
                    [
                        text
                            $"{what} of the {check.KindName} along {check.Axis.Symbol}, {check.Scenario.Name} ({reported.Size})"
                    ]

                if not reported.Cells.IsEmpty then
                    yield! cellTable reported

                if not reported.Points.IsEmpty then
                    pointTable reported

                match exhibit reported with
                | Some(name, replay) when replay.File <> "" ->
                    el "p" [] [ text $"{name} (fingerprint {replay.Fingerprint.Substring(0, 12)}):" ]

                    // A mixture of hundreds of components is read in its file, and so is what stands above already.
                    if replay.Text.Length <= 700 && isNew replay.File then
                        el "pre" [] [ el "code" [] [ text replay.Text ] ]
                    else
                        el "p" [] [ el "a" [ "href", replay.File ] [ text replay.File ] ]
                | Some _
                | None -> ()
            ]

    /// What evaluating an assumption on all cells came to.
    let private assumptionRow (cells: Cell list) index (assumption: Assumption) =
        let results = cells |> List.choose (fun cell -> List.tryItem index cell.Assumptions) |> List.map snd

        let details =
            results
            |> List.choose (function
                | Satisfied detail
                | InTheLimit detail -> Some detail
                | Broken _ -> None)

        let broken =
            results
            |> List.choose (function
                | Broken reason -> Some reason
                | Satisfied _
                | InTheLimit _ -> None)

        let outcome =
            match results.Length, broken.Length with
            | 0, _ -> "not evaluated"
            | n, 0 -> $"satisfied in all {n}"
            | n, k -> $"satisfied in {n - k} of {n}"

        let examples values =
            match List.distinct values with
            | [] -> ""
            | [ single ] -> single
            | [ first; second ] -> $"{first}; {second}"
            | several -> $"{several.Head}; …; {List.last several}"

        el
            "tr"
            []
            [
                cell "" (Maths.render assumption.Statement)
                cell (if broken.IsEmpty then "all v-holds" else "all v-notApplicable") [ text outcome ]
                cell
                    "soft"
                    [
                        yield! Maths.render (examples details)

                        if not broken.IsEmpty then
                            text $" Broken: {Maths.numbers (examples broken)}"
                    ]
            ]

    let private assumptions (theorem: Theorem) (checks: ReportedCheck list) =
        let cells = checks |> List.collect (fun reported -> List.map fst reported.Cells)

        if theorem.Assumptions.IsEmpty || cells.IsEmpty then
            []
        else
            [
                el "h4" [] [ text "Assumptions, evaluated on every experiment" ]
                Overview.table
                    "Assumptions"
                    [ "", "assumption"; "", "in cells"; "", "with" ]
                    [ el "tbody" [] (theorem.Assumptions |> List.mapi (assumptionRow cells)) ]
            ]

    let private pictures (checks: (ReportedCheck * bool) list) =
        if checks.IsEmpty then
            []
        else
            [ el "h4" [] [ text "Measured against claimed" ]; el "div" [ "class", "figures" ] (List.map figure checks) ]

    let private proof (theorem: Theorem) =
        match Proof.ofStatement theorem.Id with
        | [] -> []
        | paragraphs ->
            [ el "details" [ "class", "proof" ] (el "summary" [] [ text "Statement and proof" ] :: paragraphs) ]

    /// What is claimed of a bound from the other side, and its checks: without pictures where the theorem's own show the same.
    let private tightness (line: TheoremLine) (checks: (ReportedCheck * bool) list) =
        [
            if not checks.IsEmpty then
                el "h4" [] [ text "How tight the bound is" ]

                if line.Own.IsEmpty then
                    el "div" [ "class", "figures" ] (List.map figure checks)
                else
                    el "p" [ "class", "statement" ] (Maths.render (fst checks.Head).Check.Theorem.Statement)
                    el "ul" [ "class", "entries" ] (List.map entry checks)
        ]

    let private theorem (line: TheoremLine) =
        let theorem, checks = line.Theorem, line.Checks

        let isOwn (reported: ReportedCheck, _) =
            List.contains reported.Anchor (line.Own |> List.map (fun own -> own.Anchor))

        let own, tight = described (line.Own @ line.Tightness) |> List.partition isOwn
        let shown = HashSet<string>()

        el
            "article"
            [ "id", line.Anchor ]
            [
                el
                    "h3"
                    []
                    [
                        text theorem.Title
                        text " "
                        el "code" [ "class", "soft" ] [ text theorem.Id ]
                        text " "
                        Overview.verdict (Summary.verdict line)
                    ]
                el
                    "p"
                    [ "class", "soft" ]
                    [
                        text $"{Wording.sentence theorem.Source.Citation}."

                        if theorem.Source.IsCompanion then
                            text
                                " A companion has the shape of the paper's statement, with every constant explicit and proved."
                    ]

                if theorem.Stance = Necessity then
                    el
                        "p"
                        [ "class", "soft" ]
                        [ text "A negative check: it shows what goes wrong when a hypothesis is left out." ]

                el "p" [ "class", "statement" ] (Maths.render theorem.Statement)
                el
                    "p"
                    [ "class", "reading" ]
                    [ el "b" [] [ text "What it shows. " ]; yield! Maths.render theorem.Reading ]
                yield! proof theorem
                yield! assumptions theorem (if line.Own.IsEmpty then checks else line.Own)
                yield! Targets.section checks
                yield! pictures own
                yield! tightness line tight
                el "h4" [] [ text "Numbers and replays" ]

                // The experiments of a bound's tightness are the bound's own.
                let tells reported file = (line.Own.IsEmpty || isOwn (reported, true)) && shown.Add file
                yield! checks |> List.map (fun reported -> data (tells reported) reported)
            ]

    let private reference (value: string) =
        let matched = Regex.Match(value, @"^arXiv (\d{4}\.\d{4,5})$")

        if matched.Success then
            el "a" [ "href", $"https://arxiv.org/abs/{matched.Groups[1].Value}" ] [ text value ]
        else
            text value

    /// The section of a paper.
    let paper ((name: string, where: string), lines) =
        el
            "section"
            []
            [ el "h2" [] [ text name ]; el "p" [ "class", "soft" ] [ reference where ]; yield! List.map theorem lines ]
