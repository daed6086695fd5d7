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

    /// A table of the model that page and terminal share.
    let private table (columns: Column<'row> list) (judge: 'row -> Verdict) rows =
        let cell (column: Column<'row>) entry =
            match column.Look with
            | Judged -> $"{Wording.sign (judge entry)} {Wording.verdict (judge entry)}"
            | Identifier
            | Words
            | Number -> column.Parts entry |> String.concat "; " |> escape

        [
            row [ for column in columns -> column.Title ]
            row [ for column in columns -> if column.Look = Number then "--:" else "---" ]
            for entry in rows do
                row [ for column in columns -> cell column entry ]
            ""
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

    let private theoremLines (line: TheoremLine) =
        let theorem = line.Theorem

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
            yield! List.collect checkLines line.Own
            ""

            match line.Tightness with
            | [] -> ()
            | first :: _ as checks ->
                $"{escape first.Check.Theorem.Statement}"
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
        let lines = Summary.lines document
        let sentence = Summary.sentence (Summary.counts document)

        [
            "# Verification report"
            ""
            $"{sentence}. The theorems: {Summary.verdicts lines}."
            ""
            $"Effort {Wording.effort document.Result.Effort}, {Numbers.seconds document.Result.Seconds}, SgmDsl {Version.text}, {document.WrittenAt:``yyyy-MM-dd HH:mm``} UTC."
            ""
            yield! table Tables.theorems Summary.verdict lines
            "## Checks"
            ""
            yield! table Tables.checks (fun reported -> reported.Check.Verdict) document.Checks

            match document.Matrix with
            | Some matrix -> yield! sabotageLines matrix
            | None -> ()

            for (paper, reference), theorems in Summary.byPaper lines do
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
