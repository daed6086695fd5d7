namespace Sgm.Verification.Report

open System
open System.Text
open Sgm.Verification
open Sgm.Verification.Sabotage

/// report.md: the verdicts and the theorems, to be read in a terminal or pasted into an issue.
module Markdown =
    /// Text that Markdown shows as it is, on one line.
    let escape (value: string) =
        let output = StringBuilder()

        for c in Markup.printable value do
            match c with
            | '\n'
            | '\r'
            | '\t' -> output.Append ' ' |> ignore
            | '&' -> output.Append "&amp;" |> ignore
            | '<' -> output.Append "&lt;" |> ignore
            | c when "\\`*_[]|>#~".Contains c -> output.Append('\\').Append c |> ignore
            | c -> output.Append c |> ignore

        output.ToString()

    let private row cells = cells |> String.concat " | " |> sprintf "| %s |"

    let private checkRow (reported: ReportedCheck) =
        let check = reported.Check

        let tightest =
            match check.Tightest with
            | Some ratio -> Numbers.ratio ratio
            | None -> ""

        let claimed = check.Claim |> Option.map (Wording.claimed >> escape) |> Option.defaultValue ""

        let measured =
            match check.Rate with
            | Some rate ->
                let value, interval = Numbers.interval rate.Slope rate.Lower rate.Upper
                $"{value} {escape interval}"
            | None -> ""

        row
            [
                $"{Wording.sign check.Verdict} {Wording.verdict check.Verdict}"
                escape check.Theorem.Id
                check.KindName
                escape check.Axis.Symbol
                string reported.Size
                tightest
                claimed
                measured
                Wording.vacuous check
            ]

    let private spendingRow (reported: ReportedCheck) =
        let all = reported.Check.Sampled

        row
            [
                escape reported.Check.Key
                string all.Length
                string (all |> List.map (fun spent -> spent.Stages) |> List.max)
                string (all |> List.map (fun spent -> spent.Particles) |> List.max)
                $"{Document.spentBy reported:g2}"
                all |> List.tryPick (fun spent -> spent.Assumes) |> Option.map escape |> Option.defaultValue "nothing"
                all |> List.tryPick (fun spent -> spent.Power) |> Option.map escape |> Option.defaultValue ""
            ]

    let private checkLines (reported: ReportedCheck) =
        let check = reported.Check

        [
            $"- **{check.KindName} along {escape check.Axis.Symbol}** ({escape check.Scenario.Name}): {Wording.verdict check.Verdict}. {escape (Document.sentence reported)}"

            match check.Reason with
            | Some reason -> $"  Reason: {escape reason}."
            | None -> ()

            let decisive =
                reported.Cells
                |> List.filter (fun (cell, _) -> cell.Verdict = check.Verdict && cell.Ratio.IsSome)
                |> function
                    | [] -> None
                    | cells -> Some(List.maxBy (fun (cell: Cell, _) -> cell.Ratio.Value) cells)

            match decisive with
            | Some(cell, replay) ->
                $"  Tightest at {escape (Wording.setting (Map.toList cell.Setting))}: `{replay.Command}`"
            | None -> ()
        ]

    let private theoremLines (theorem: Theorem, checks: ReportedCheck list) =
        [
            $"### {escape theorem.Id}: {escape theorem.Title}"
            ""
            $"{escape (Wording.sentence theorem.Source.Citation)}."
            ""
            $"> {escape theorem.Statement}"
            ""

            if not theorem.Assumptions.IsEmpty then
                "Assumptions, evaluated on every experiment:"
                ""
                yield! theorem.Assumptions |> List.map (fun assumption -> $"- {escape assumption.Statement}")
                ""

            "Checks:"
            ""
            yield! List.collect checkLines checks
            ""
            $"{escape theorem.Reading}"
            ""
        ]

    let private sabotageLines (matrix: KillMatrix) =
        [
            "## Can the checker fail?"
            ""
            Trial.lead matrix
            ""
            Trial.method matrix
            ""
            row [ "bug"; "in"; "checks"; "caught by" ]
            row [ "---"; "---"; "--:"; "---" ]
            for part, rows in Trial.byPart matrix do
                for entry in rows do
                    row
                        [
                            escape entry.Bug.Title
                            Part.name part
                            string entry.CaughtBy.Length
                            escape (Trial.catchers 4 entry)
                        ]
            ""
        ]

    let text (document: Document) =
        let counted =
            Wording.verdicts
            |> List.map (fun verdict -> $"{Document.count verdict document} {Wording.verdict verdict}")
            |> String.concat ", "

        let total = Wording.count document.Checks.Length "check"

        [
            "# Verification report"
            ""
            $"{total}: {counted}."
            ""
            $"Effort {Wording.effort document.Result.Effort}, {Numbers.seconds document.Result.Seconds}, SgmDsl {document.Version}, {document.WrittenAt:``yyyy-MM-dd HH:mm``} UTC."
            ""
            row
                [
                    "verdict"
                    "theorem"
                    "claim"
                    "axis"
                    "cells"
                    "largest measured/bound"
                    "claimed exponent"
                    "measured exponent"
                    "vacuous"
                ]
            row [ "---"; "---"; "---"; "---"; "--:"; "--:"; "--:"; "--:"; "--:" ]
            yield! List.map checkRow document.Checks
            ""

            match document.Matrix with
            | Some matrix -> yield! sabotageLines matrix
            | None -> ()

            for (paper, reference), theorems in Document.byPaper document do
                $"## {escape paper} ({escape reference})"
                ""
                yield! List.collect theoremLines theorems

            "## Error budget"
            ""
            escape (Document.budget document)
            ""

            if not (List.isEmpty (Document.sampled document)) then
                row
                    [
                        "check"
                        "decisions"
                        "stages"
                        "particles"
                        "spent"
                        "assumes, besides independent draws"
                        $"found with probability {Budget.power}"
                    ]

                row [ "---"; "--:"; "--:"; "--:"; "--:"; "---"; "---" ]
                yield! Document.sampled document |> List.map spendingRow
                ""

            "## Verdicts"
            ""

            for verdict in Wording.verdicts do
                $"- **{Wording.verdict verdict}**: {Wording.definition verdict}"
        ]
        |> String.concat "\n"
        |> fun text -> text + "\n"
