namespace Sgm.Verification.Report

open Sgm.Verification

/// What stands in a column, so that each form of the report can show it in its way.
type Look =
    | Identifier
    | Judged
    | Words
    | Number

/// A column of a table of theorems or checks; what it says of a row, in one or more parts.
type Column<'row> = { Title: string; Look: Look; Parts: 'row -> string list }

/// The tables that page, Markdown and terminal share.
module Tables =
    let private column title look (parts: 'row -> string list) = { Title = title; Look = look; Parts = parts }
    let private one title look (cell: 'row -> string) = column title look (fun row -> [ cell row ])
    let private ratio = Option.map Numbers.ratio >> Option.toList

    let private measured (check: CheckResult) =
        check.Rate
        |> Option.map (fun rate ->
            let value, interval = Numbers.interval rate.Slope rate.Lower rate.Upper
            $"{value} {interval}")

    /// "h^a: a = 1.9998, claimed ≥ 1": of every rate, so that one-sided claims are told from exact ones.
    let private slopes (line: TheoremLine) =
        [
            for reported in line.Own do
                match reported.Check.Claim with
                | Some claim ->
                    let value =
                        match reported.Check.Rate with
                        | Some rate -> fst (Numbers.interval rate.Slope rate.Lower rate.Upper)
                        | None -> "none"

                    let axis = if claim.IsExponential then $"e^{claim.Axis}" else claim.Axis
                    $"{axis}: {value} ({Wording.claimedExponent reported.Check.Axis claim})"
                | None -> ()
        ]
        |> List.distinct

    let private tightness (line: TheoremLine) =
        match line.Tightness with
        | [] -> ""
        | checks ->
            let holding = checks |> List.filter (fun reported -> reported.Check.Verdict = Holds)

            if holding.Length = checks.Length then
                $"{checks.Length} hold"
            else
                $"{holding.Length} of {checks.Length} hold"

    let private vacuous (line: TheoremLine) =
        let cells = line.Own |> List.sumBy (fun reported -> reported.Check.Cells.Length)
        let vacuous = line.Own |> List.sumBy (fun reported -> reported.Check.Vacuous)
        if vacuous = 0 then "" else $"{vacuous} of {cells}"

    /// One row a theorem.
    let theorems: Column<TheoremLine> list =
        [
            one "theorem" Identifier (fun line -> line.Theorem.Id)
            one "verdict" Judged (fun line -> Wording.verdict (Summary.verdict line))
            one "bounds" Words (fun line -> Wording.metric line.Theorem.Metric)
            one "checks" Number (fun line -> string line.Own.Length)
            column "tightest" Number (Summary.ratios >> Option.map snd >> ratio)
            column "loosest" Number (Summary.ratios >> Option.map fst >> ratio)
            one "vacuous" Number vacuous
            one "tightness" Words tightness
            column "slopes measured (claimed)" Words slopes
        ]

    /// One row a check.
    let checks: Column<ReportedCheck> list =
        [
            one "theorem" Identifier (fun reported -> reported.Check.Theorem.Id)
            one "verdict" Judged (fun reported -> Wording.verdict reported.Check.Verdict)
            one "claim" Words (fun reported -> reported.Check.KindName)
            one "scenario" Words (fun reported -> reported.Check.Scenario.Name)
            one "axis" Words (fun reported -> reported.Check.Axis.Symbol)
            one "cells" Number (fun reported -> string reported.Size)
            column "tightest" Number (fun reported -> ratio reported.Check.Tightest)
            one "vacuous" Number (fun reported -> Wording.vacuous reported.Check)
            column "claimed" Number (fun reported ->
                reported.Check.Claim |> Option.map (Wording.claimedExponent reported.Check.Axis) |> Option.toList)
            column "measured exponent" Words (fun reported -> Option.toList (measured reported.Check))
        ]
