namespace Sgm.Verification.Report

open System
open System.Text.RegularExpressions

/// Formulas in plain text, "e^(−2T)·‖μ‖_{L²(p)}", with their exponents raised and their indices lowered.
module Maths =
    /// The place of the bracket that closes the one at `from`.
    let private closing (text: string) from =
        let opens, closes = text[from], (if text[from] = '(' then ')' else '}')

        let rec search i depth =
            if i >= text.Length then
                None
            else
                let depth =
                    if text[i] = opens then depth + 1
                    elif text[i] = closes then depth - 1
                    else depth

                if depth = 0 then Some i else search (i + 1) depth

        search from 0

    let private isToken c = Char.IsLetterOrDigit c || c = '½' || c = '∞'

    /// The raised or lowered part after '^' or '_' at `from`, and where the text goes on. A power may start with a minus.
    let private attached (text: string) from =
        let first = from + 1

        if first >= text.Length then
            None
        elif text[first] = '{' || (text[first] = '(' && text[from] = '^') then
            closing text first |> Option.map (fun last -> text.Substring(first + 1, last - first - 1), last + 1)
        else
            let start =
                if text[from] = '^' && (text[first] = '−' || text[first] = '-') then
                    first + 1
                else
                    first

            // A point counts between digits only: d^2.5, but not the one that ends a sentence.
            let isInside i =
                isToken text[i]
                || (text[i] = '.'
                    && i > start
                    && i + 1 < text.Length
                    && Char.IsDigit text[i - 1]
                    && Char.IsDigit text[i + 1])

            let length = seq { start .. text.Length - 1 } |> Seq.takeWhile isInside |> Seq.length

            if length = 0 then
                None
            else
                Some(text.Substring(first, start + length - first), start + length)

    /// Whether the character may carry an exponent or index.
    let private carries c = Char.IsLetterOrDigit c || ")]}‖|²³′*∫ΣΠ∏".Contains(c: char)

    /// 5.7e-05 as 5.7×10⁻⁵, wherever it stands in a text.
    let numbers (text: string) =
        Regex.Replace(
            text,
            @"(?<![\w.])(\d+(?:\.\d+)?)[eE]([+-]?\d{1,3})(?!\w)",
            fun found -> $"{found.Groups[1].Value}×10{Numbers.superscript (int found.Groups[2].Value)}"
        )

    let rec private formula (text: string) : Markup list =
        let rec walk start i =
            let before = if i > start then [ Text(text.Substring(start, i - start)) ] else []

            if i >= text.Length then
                before
            elif (text[i] = '^' || text[i] = '_') && i > 0 && carries text[i - 1] then
                match attached text i with
                | Some(inner, next) ->
                    let tag = if text[i] = '^' then "sup" else "sub"
                    before @ Markup.el tag [] (formula inner) :: walk next next
                | None -> walk start (i + 1)
            else
                walk start (i + 1)

        walk 0 0

    /// A text with formulas and numbers in it.
    let render text = formula (numbers text)
