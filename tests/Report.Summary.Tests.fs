/// One line a theorem, and what a run is made of.
module Sgm.Tests.ReportSummaryTests

open System
open System.IO
open System.Text.Json
open System.Xml.Linq
open Expecto
open Sgm.Cli
open Sgm.Verification
open Sgm.Verification.Report
open Sgm.Tests.HostileReport

let private only id = mixed.Checks |> List.find (fun check -> check.Theorem.Id = id)

let private with' id stance kind (check: CheckResult) =
    { check with
        Kind = kind
        CheckResult.Theorem = { check.Theorem with Id = id; Stance = stance }
    }

/// A bound on two axes (the second repeats the first's experiments), a rate, its tightness, a necessity and a self-check.
let private result =
    let bound = only "one"

    { mixed with
        Checks =
            [
                with' "a" Guarantee BoundCheck bound
                with' "a" Guarantee BoundCheck { bound with Axis = { bound.Axis with Symbol = "ε" } }
                with' "a" Guarantee RateCheck (only "six")
                with' "n" Necessity NegativeCheck { bound with Verdict = Inconclusive; Reason = Some "too wide" }
                with' "s" SelfCheck BoundCheck bound
                with' "a-bound" (TightnessOf "a") BoundCheck bound
            ]
    }

let private document = lazy (Document.create DateTimeOffset.UnixEpoch result)

let private shown wide document =
    use out = new StringWriter()
    Verify.table (Screen(out, false)) wide document
    out.ToString().ReplaceLineEndings("\n").Split '\n' |> Array.map (fun line -> line.TrimEnd()) |> List.ofArray

let private plainResult =
    // Names that a terminal shows as they are.
    { result with
        Checks =
            result.Checks |> List.map (fun check -> { check with Scenario = { check.Scenario with Name = "normal" } })
    }

let tests =
    testList
        "summary"
        [
            testCase "claims count once, experiments by their text, tightness with its theorem, self-checks apart"
            <| fun () ->
                let counts = Summary.counts document.Value
                Expect.equal counts.Theorems 2 "a and n"
                Expect.equal counts.SelfChecks 1 "s"
                Expect.equal (counts.ClaimsOf ClaimKind.Bound) 1 "one bound, on two axes"
                Expect.equal (counts.ClaimsOf ClaimKind.Rate) 1 "rate"
                Expect.equal (counts.ClaimsOf ClaimKind.Tightness) 1 "tightness"
                Expect.equal (counts.ClaimsOf ClaimKind.Negative) 1 "negative"
                Expect.equal counts.Checks 6 "checks"
                Expect.equal counts.Cells 21 "5 bounds of 3 cells and 6 points"
                // h = 0.1, 0.01, 0.001 of the cells are among the points' 1, 0.1, …, 1e-5.
                Expect.equal counts.Experiments 6 "distinct texts"

            testCase "a theorem is as good as its worst check, and its ratios are those of its own bound"
            <| fun () ->
                let lines = Summary.lines document.Value
                Expect.equal (lines |> List.map (fun line -> line.Theorem.Id)) [ "a"; "n"; "s" ] "lines"
                Expect.equal (List.map Summary.verdict lines) [ Holds; Inconclusive; Holds ] "verdicts"
                Expect.equal (lines.Head.Own.Length, lines.Head.Tightness.Length) (3, 1) "checks"
                Expect.equal (Summary.ratios lines.Head) (Some(0.0, 0.5)) "0.1/0.2, 0.2/∞ and 0/0.2"

            testCase "report.json says the counts"
            <| fun () ->
                use parsed = JsonDocument.Parse(Json.report document.Value)
                let counts = parsed.RootElement.GetProperty "counts"
                let number (name: string) = (counts.GetProperty name).GetInt32()
                let names = [ "theorems"; "selfChecks"; "experiments"; "checks"; "cells" ]
                Expect.equal (List.map number names) [ 2; 1; 6; 6; 21 ] "counts"

                for name in [ "bound"; "rate"; "tightness"; "negative" ] do
                    Expect.equal ((counts.GetProperty "claims").GetProperty(name).GetInt32()) 1 name

            testCase "the terminal says a line a theorem, one-sided claims, and why something does not hold"
            <| fun () ->
                let lines = shown false (Document.create DateTimeOffset.UnixEpoch plainResult)

                Expect.equal
                    (List.take 4 lines)
                    [
                        "theorem  verdict       bounds  checks  tightest  loosest  vacuous  tightness  slopes measured (claimed)"
                        "a        holds         W₂           3       0.5        0   2 of 6  1 hold     h: 1.00 (≥ 1)"
                        "n        inconclusive  W₂           1       0.5        0   1 of 3"
                        "s        holds         W₂           1       0.5        0   1 of 3"
                    ]
                    "table"

                Expect.contains lines "inconclusive n/negative/normal/h: too wide" "the reason"

                Expect.contains
                    lines
                    "2 theorems and 1 self-check: 4 claims (1 bound, 1 rate, 1 of tightness, 1 negative), 6 checks on 6 independent experiments (21 cells)"
                    "counts"

            testCase "--wide says a line a check"
            <| fun () ->
                let lines = shown true document.Value
                let rows = lines |> List.skip 1 |> List.takeWhile (fun line -> not (line.StartsWith "inconclusive"))
                Expect.equal rows.Length 6 "rows"

            testCase "the page has one row a theorem, which leads to the theorem's own section"
            <| fun () ->
                let page = Html.page document.Value
                let root = XElement.Parse(page.Substring(page.IndexOf '\n'))
                let attribute name (element: XElement) = Option.ofObj (element.Attribute(XName.Get name))

                let rows = root.Descendants() |> Seq.filter (attribute "data-verdict" >> Option.isSome) |> List.ofSeq

                Expect.equal
                    (rows |> List.map (fun row -> (row.Attribute(XName.Get "data-verdict")).Value))
                    [ "holds"; "inconclusive"; "holds" ]
                    "verdicts"

                for row in rows do
                    let link = row.Descendants() |> Seq.pick (attribute "href")

                    let place =
                        root.Descendants()
                        |> Seq.find (fun element ->
                            attribute "id" element |> Option.exists (fun id -> "#" + id.Value = link.Value))

                    Expect.equal place.Name.LocalName "article" "a theorem's section"

            testCase "every statement of the catalogue has its proof in the page"
            <| fun () ->
                for theorem in Catalogue.statements do
                    Expect.isNonEmpty (Proof.ofStatement theorem.Id) theorem.Id

            testCase "an exponent with a decimal point is raised whole, a point that ends a sentence is not"
            <| fun () ->
                let render text = Markup.write (Element("p", [], Maths.render text))
                Expect.equal (render "O(d^2.5).") "<p>O(d<sup>2.5</sup>).</p>" "inside"
                let limits = "<p>∫<sub>ρ<sub>i+1</sub></sub><sup>ρ<sub>i</sub></sup> G</p>"
                Expect.equal (render "∫_{ρ_{i+1}}^{ρ_i} G") limits "limits of an integral"
                Expect.equal (render "as h^2. Then") "<p>as h<sup>2</sup>. Then</p>" "at the end"
        ]
