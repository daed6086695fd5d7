namespace Sgm.Verification.Report

open System.Text
open Sgm.Engine
open Sgm.Verification

/// What things are called in every form of the report.
module Wording =
    let metric (metric: Metric) = metric.Symbol.Replace("W2", "W₂")

    let effort effort =
        match effort with
        | Quick -> "quick"
        | Standard -> "standard"
        | Full -> "full"

    let verdict verdict =
        match verdict with
        | NotApplicable -> "not applicable"
        | other -> Verdict.name other

    /// A sign beside the word, so that colour is never the only carrier.
    let sign verdict =
        match verdict with
        | Holds -> "✓"
        | Violated -> "✕"
        | Inconclusive -> "?"
        | NotApplicable -> "–"

    let verdicts = [ Holds; Violated; Inconclusive; NotApplicable ]

    let definition verdict =
        match verdict with
        | Holds ->
            "In every cell the whole interval of the measured value lies at or below the bound, or the interval of the measured exponent supports the claim."
        | Violated ->
            "In at least one cell the whole interval of the measured value lies above the bound, or the interval of the measured exponent excludes the claim. The cell's replay command shows it again."
        | Inconclusive ->
            "The interval leaves the question open, or no number could be had; the reason says what is missing. This is never counted as support."
        | NotApplicable ->
            "An assumption of the theorem is broken, or not known to hold, on every cell: the theorem says nothing here, so nothing was compared."

    /// "d^0.5", "e^(−2·T)".
    let law (claim: RateClaim) (power: string) =
        if claim.IsExponential then $"e^({power}·{claim.Axis})"
        elif power = "1" then claim.Axis
        else $"{claim.Axis}^{power}"

    /// "0.5" for an exact exponent; "O(h)" for an upper bound, whose sense depends on where the asymptotic end is.
    let claimed (claim: RateClaim) =
        match claim.Exponent with
        | Exactly a -> Numbers.chosen a
        | AtMost a -> $"O({law claim (Numbers.chosen a)})"

    /// "0.5" for an exact exponent; "≤ 1" for an upper bound at infinity, "≥ 0.5" for one at zero, where the value must vanish as fast.
    let claimedExponent (axis: Axis) (claim: RateClaim) =
        match claim.Exponent with
        | Exactly a -> Numbers.chosen a
        | AtMost a ->
            let values = axis.Values Quick
            let sign = if List.last values > List.head values then "≤" else "≥"
            $"{sign} {Numbers.chosen a}"

    /// "d = 4, γ = 0.1".
    let setting (setting: (string * float) list) =
        setting |> List.map (fun (symbol, value) -> $"{symbol} = {Numbers.chosen value}") |> String.concat ", "

    /// With a capital letter.
    let sentence (words: string) =
        if words = "" then
            words
        else
            string (System.Char.ToUpperInvariant words[0]) + words.Substring 1

    /// "1 cell", "2 cells".
    let count n noun = if n = 1 then $"1 {noun}" else $"{n} {noun}s"

    /// "3 of 12 (25 %)".
    let share part whole =
        if whole = 0 then
            "none"
        else
            $"{part} of {whole} ({100.0 * float part / float whole:F0} %%)"

    /// "3 of 12", empty when no cell is vacuous.
    let vacuous (check: CheckResult) = if check.Vacuous = 0 then "" else $"{check.Vacuous} of {check.Cells.Length}"

    let private spelled =
        Map.ofList
            [
                'α', "alpha"
                'β', "beta"
                'γ', "gamma"
                'δ', "delta"
                'Δ', "delta"
                'ε', "epsilon"
                'η', "eta"
                'θ', "theta"
                'κ', "kappa"
                'λ', "lambda"
                'Λ', "lambda"
                'μ', "mu"
                'ρ', "rho"
                'σ', "sigma"
                'τ', "tau"
                'χ', "chi"
                'ω', "omega"
                '²', "2"
                '₁', "1"
                '₂', "2"
                '∞', "inf"
            ]

    /// A name made safe for file names, links and identifiers: lower-case letters, digits and single hyphens.
    let slug (name: string) =
        let output = StringBuilder()

        for c in name do
            match Map.tryFind c spelled with
            | Some word -> output.Append word |> ignore
            | None when System.Char.IsAsciiLetterOrDigit c -> output.Append(System.Char.ToLowerInvariant c) |> ignore
            | None when output.Length > 0 && output[output.Length - 1] <> '-' -> output.Append '-' |> ignore
            | None -> ()

        match output.ToString().Trim('-') with
        | "" -> "unnamed"
        | long when long.Length > 60 -> long.Substring(0, 60).Trim('-')
        | short -> short
