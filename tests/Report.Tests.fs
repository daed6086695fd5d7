module Sgm.Tests.ReportTests

open System
open System.Text
open System.Text.Json
open System.Xml.Linq
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Report
open Sgm.Tests.HostileReport

let private document = lazy (Document.create DateTimeOffset.UnixEpoch mixed)

let private member' (name: string) (element: JsonElement) = element.GetProperty name

let private checkNamed id (root: JsonElement) =
    (member' "checks" root).EnumerateArray() |> Seq.find (fun check -> (member' "id" check).GetString() = id)

let private json =
    testList
        "json"
        [
            testCase "the summary has the members of the contract"
            <| fun () ->
                use parsed = JsonDocument.Parse(Json.summary mixed)
                let root = parsed.RootElement
                Expect.equal ((member' "violated" root).GetInt32()) 1 "violated"
                Expect.equal ((member' "elapsedSeconds" root).GetDouble()) 1.5 "elapsed"
                let bound = checkNamed "one" root
                Expect.equal ((member' "claim" bound).GetString()) "bound" "claim"
                Expect.equal ((member' "axis" bound).GetString()) "h" "axis"
                Expect.equal ((member' "verdict" bound).GetString()) "holds" "verdict"
                Expect.equal ((member' "cells" bound).GetInt32()) 3 "cells"
                Expect.equal ((member' "tightest" bound).GetDouble()) 0.5 "tightest"
                Expect.equal ((member' "vacuous" bound).GetInt32()) 1 "vacuous"

                for name in [ "claimed"; "measured"; "lower"; "upper" ] do
                    Expect.equal (member' name bound).ValueKind JsonValueKind.Null name

                let rate = checkNamed "five" root
                Expect.equal ((member' "claim" rate).GetString()) "rate" "claim"
                Expect.equal ((member' "cells" rate).GetInt32()) 6 "points"
                Expect.equal (member' "tightest" rate).ValueKind JsonValueKind.Null "no ratio"

                for name, value in [ "claimed", 1.0; "measured", 1.0; "lower", 0.99; "upper", 1.01 ] do
                    Expect.equal ((member' name rate).GetDouble()) value name

            testCase "every verdict has the contract's spelling"
            <| fun () ->
                use parsed = JsonDocument.Parse(Json.summary mixed)

                let found =
                    (member' "checks" parsed.RootElement).EnumerateArray()
                    |> Seq.map (fun check -> (member' "verdict" check).GetString())
                    |> set

                Expect.equal found (set [ "holds"; "violated"; "inconclusive"; "notApplicable" ]) "verdicts"

            testCase "infinities are strings, what is absent is null, and nothing is NaN"
            <| fun () ->
                let text = Json.report document.Value
                use parsed = JsonDocument.Parse text

                let cells id =
                    (checkNamed id parsed.RootElement |> member' "measurements").EnumerateArray() |> List.ofSeq

                let cell id index = List.item index (cells id)

                Expect.equal ((member' "bound" (cell "one" 1)).GetString()) "Infinity" "infinite bound"
                let unknown = member' "measured" (cell "three" 0)
                Expect.equal (member' "value" unknown).ValueKind JsonValueKind.Null "no value"
                Expect.equal (member' "upper" unknown).ValueKind JsonValueKind.Null "no upper end"
                Expect.equal (member' "measured" (cell "four" 0)).ValueKind JsonValueKind.Null "nothing compared"
                Expect.isFalse (text.Contains "NaN") "NaN"

            testCase "∞/∞ has no ratio"
            <| fun () ->
                let check = boundCheck "zero" "h" Holds [ cellAt "h" Holds infinity (exactly infinity) 0.1 ]
                use parsed = JsonDocument.Parse(Json.summary { mixed with Checks = [ check ] })
                let tightest = checkNamed "zero" parsed.RootElement |> member' "tightest"
                Expect.equal tightest.ValueKind JsonValueKind.Null "tightest"

            testCase "every cell of the report can be replayed: its text is the experiment that ran"
            <| fun () ->
                use parsed = JsonDocument.Parse(Json.report document.Value)
                let cell = (checkNamed "one" parsed.RootElement |> member' "measurements").EnumerateArray() |> Seq.head
                Expect.equal ((member' "experiment" cell).GetString()) (Print.experiment (experimentAt 0.1)) "text"

                Expect.equal
                    ((member' "fingerprint" cell).GetString())
                    (Fingerprint.ofExperiment (experimentAt 0.1))
                    "fingerprint"

                Expect.stringStarts ((member' "replay" cell).GetString()) "sgm run cells/one-" "command"
        ]

let private withoutDoctype (page: string) = page.Substring(page.IndexOf '\n')

let private named name (root: XElement) =
    root.Descendants() |> Seq.filter (fun element -> element.Name.LocalName = name) |> List.ofSeq

let private markup =
    testList
        "markup"
        [
            testCase "the page is well-formed whatever the names are, and has our scripts alone"
            <| fun () ->
                let page = Html.page document.Value
                let root = XElement.Parse(withoutDoctype page)
                Expect.equal (named "script" root).Length 2 "scripts"
                Expect.isEmpty (named "b" root |> List.filter (fun b -> b.Value.Contains '|')) "a name became a tag"

                Expect.stringContains
                    root.Value
                    "</script><script>alert('1')</script>&amp;"
                    "names are shown as they are"

            testCase "every identifier in the page is there once, and every link inside it leads somewhere"
            <| fun () ->
                let root = XElement.Parse(withoutDoctype (Html.page document.Value))

                let attributes name =
                    root.DescendantsAndSelf() |> Seq.choose (fun e -> Option.ofObj (e.Attribute(XName.Get name)))

                let ids = attributes "id" |> Seq.map (fun a -> a.Value) |> List.ofSeq
                Expect.equal (List.distinct ids) ids "identifiers"

                for link in attributes "href" do
                    if link.Value.StartsWith '#' then
                        Expect.contains ids (link.Value.Substring 1) "a link in the page"

            testCase "a check of five cells takes no more of the page than its share of 2 MB"
            <| fun () ->
                // A whole verification has 412 checks of 4.9 cells. Names and sentences of the usual lengths.
                let pageOf n =
                    let cells = [ for k in 1..5 -> cellAt "h" Holds 0.2 (exactly (0.01 * float k)) (0.1 / float k) ]
                    let plain = boundCheck "lee-2022-4.2" "h" Holds cells

                    let check =
                        { plain with
                            Theorem = { plain.Theorem with Title = "Langevin Monte Carlo" }
                            Scenario =
                                { plain.Scenario with Name = "towards stationarity"; Description = String('x', 100) }
                            Axis = { plain.Axis with Meaning = "Langevin step" }
                            Cells =
                                [
                                    for cell in plain.Cells ->
                                        { cell with
                                            Decisive =
                                                cell.Decisive
                                                |> Option.map (fun c -> { c with What = "W2 after N steps" })
                                        }
                                ]
                        }

                    Encoding.UTF8.GetByteCount(
                        Html.page (
                            Document.create DateTimeOffset.UnixEpoch { mixed with Checks = List.replicate n check }
                        )
                    )

                Expect.isLessThan ((pageOf 60 - pageOf 10) / 50) (2_000_000 / 412) "bytes a check"

            testCase "nothing in the page is fetched"
            <| fun () ->
                let root = XElement.Parse(withoutDoctype (Html.page document.Value))

                Expect.isEmpty
                    (root.Descendants() |> Seq.filter (fun e -> not (isNull (e.Attribute(XName.Get "src")))))
                    "src"

                Expect.isEmpty (List.concat [ named "link" root; named "img" root; named "iframe" root ]) "resources"

            testCase "every plot that stands alone is well-formed and has no NaN in its numbers"
            <| fun () ->
                let plots = document.Value.Checks |> List.choose Draw.alone
                Expect.isGreaterThan plots.Length 5 "plots"

                for plot in plots do
                    let root = XElement.Parse plot
                    Expect.equal root.Name.NamespaceName "http://www.w3.org/2000/svg" "namespace"

                    for element in root.Descendants() do
                        for attribute in element.Attributes() do
                            Expect.isFalse
                                (attribute.Value.Contains "NaN" || attribute.Value.Contains "Infinity")
                                $"{element.Name.LocalName} {attribute}"

            testCase "exponents are raised and indices lowered"
            <| fun () ->
                let shown =
                    Markup.write (Element("p", [], Maths.render "χ²_{k+1} ≤ e^(−h/(2C))·χ²_k, d^½, ε = 5.7e-05, a_ b^"))

                Expect.equal
                    shown
                    "<p>χ²<sub>k+1</sub> ≤ e<sup>−h/(2C)</sup>·χ²<sub>k</sub>, d<sup>½</sup>, ε = 5.7×10⁻⁵, a_ b^</p>"
                    "formula"

            testCase "Markdown keeps a hostile name on its line and in its cell"
            <| fun () ->
                let lines = (Markdown.text document.Value).Split '\n'
                let rows = lines |> Array.filter (fun line -> line.StartsWith "| ")
                let bars (line: string) = line.Replace("\\|", "").Split('|').Length

                Expect.equal
                    (rows |> Array.map bars |> Array.distinct)
                    [| 11; 12 |]
                    "cells in a row: of theorems, of checks"

                Expect.isFalse (lines |> Array.exists (fun line -> line.Contains "<script>")) "tags"
        ]

let private junit =
    testList
        "junit"
        [
            testCase "a test case a check: violated fails, what is not decided is skipped with its reason"
            <| fun () ->
                let root = XElement.Parse(JUnit.text document.Value)
                let count (name: string) = int (root.Attribute(XName.Get name)).Value
                Expect.equal (count "tests") mixed.Checks.Length "tests"
                Expect.equal (count "failures") 1 "failures"
                Expect.equal (count "skipped") 3 "skipped"
                Expect.equal (named "testcase" root).Length mixed.Checks.Length "test cases"
                let failure = List.exactlyOne (named "failure" root)
                Expect.stringContains (failure.Attribute(XName.Get "message")).Value "because </script>" "the reason"
                Expect.stringContains failure.Value "sgm run cells/" "the replay"
                Expect.equal (named "skipped" root).Length 3 "skipped"
        ]

let private numbers =
    testList
        "numbers"
        [
            testCase "few digits, real signs"
            <| fun () ->
                let shown = [ 0.0; 1.0; 0.1234567; 1234.6; 12346.0; 1e-4; -2.5e-7; 9.99996; infinity; nan; 1e300 ]

                Expect.equal
                    (List.map Numbers.short shown)
                    [ "0"; "1"; "0.1235"; "1235"; "1.235×10⁴"; "10⁻⁴"; "−2.5×10⁻⁷"; "10"; "∞"; "–"; "10³⁰⁰" ]
                    "short"

            testCase "a ratio near 1 shows its distance from 1"
            <| fun () ->
                Expect.equal
                    (List.map Numbers.ratio [ 1.0; 1.0 - 1.27e-5; 0.98765; 1.0 + 3e-10; 1e-9 ])
                    [ "1"; "1 − 1.3×10⁻⁵"; "0.988"; "1 + 3×10⁻¹⁰"; "10⁻⁹" ]
                    "ratio"

            testProperty "an interval is rounded outwards"
            <| fun (FsCheck.NormalFloat value) (FsCheck.NormalFloat width) ->
                let value = value % 10.0
                let width = 1e-4 + abs (width % 1.0)
                let _, shown = Numbers.interval value (value - width) (value + width)
                let ends = shown.Trim('[', ']').Replace('−', '-').Split ", " |> Array.map Double.Parse
                ends[0] <= value - width + 1e-9 && value + width - 1e-9 <= ends[1]
        ]

let tests = testList "report" [ json; markup; junit; numbers; ReportFolderTests.folder; ReportSummaryTests.tests ]
