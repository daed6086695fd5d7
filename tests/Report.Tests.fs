module Sgm.Tests.ReportTests

open System
open System.IO
open System.Text.Json
open System.Threading
open System.Xml.Linq
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Report

let private hostile = "</script><script>alert('1')</script>&amp; \"q\" <b>|*_`]]>\u0000\u001B"

let private experimentAt h =
    experiment {
        target (normal [ 0.0 ] 1.0)
        forward ve
        start (from (normal [ 0.0 ] 1.2))
        sampler (repeat 10 (corrector (langevin h)))
        measure [ w2 ]
    }

let private axis symbol = { Symbol = symbol; Meaning = $"step {hostile}"; Values = fun _ -> [ 0.1; 0.01 ] }

let private scenario symbol =
    {
        Name = $"scenario {hostile}"
        Description = hostile
        Bases = []
        Axes = [ axis symbol; axis "ε" ]
        Experiment = fun _ _ -> experimentAt 0.1
    }

let private assumption = { Statement = $"h^(1/2) ≤ ε_1 {hostile}"; Evaluate = fun _ -> Satisfied "" }

let private theorem id =
    {
        Id = id
        Title = hostile
        Statement = $"χ²_{{k+1}} ≤ e^(−h/C)·χ²_k {hostile}"
        Source =
            {
                Paper = $"paper {hostile}"
                Reference = "arXiv 2206.06227"
                Statement = "Theorem 1"
                IsCompanion = true
            }
        Stance = Guarantee
        Assumptions = [ assumption ]
        Metric = Metric.W2
        Evidence = fun _ _ -> Error "not run"
        Scenarios = []
        Rates = []
        Reading = hostile
    }

let private cellAt symbol verdict bound (measured: Estimate) h =
    {
        Setting = Map.ofList [ symbol, h; "ε", 0.0 ]
        Experiment = experimentAt h
        Assumptions = [ assumption, (if verdict = NotApplicable then Broken hostile else Satisfied "h = 1e-05") ]
        Decisive =
            if verdict = NotApplicable then
                None
            else
                Some { What = $"W2 {hostile}"; Measured = measured; Bound = bound }
        Comparisons = 1L
        Verdict = verdict
        Reason = if verdict = Holds then None else Some $"because {hostile}"
        IsVacuous = Double.IsInfinity bound
    }

let private boundCheck id symbol verdict cells =
    {
        Theorem = theorem id
        Kind = BoundCheck
        Scenario = scenario symbol
        Axis = axis symbol
        Verdict = verdict
        Reason = if verdict = Holds then None else Some $"because {hostile}"
        Cells = cells
        Claim = None
        Points = []
        Rate = None
        Sampled = []
        Seconds = 0.25
    }

let private rateCheck id exponent isExponential points =
    let claim =
        {
            Axis = "h"
            Exponent = exponent
            IsExponential = isExponential
            Of = $"W2 {hostile}"
            Quantity = fun _ _ -> Error "not run"
            Scenario = scenario "h"
        }

    {
        Theorem = theorem id
        Kind = RateCheck
        Scenario = claim.Scenario
        Axis = axis "h"
        Verdict = Holds
        Reason = None
        Cells = []
        Claim = Some claim
        Points = points
        Rate = Some { Points = points; Slope = 1.0; Lower = 0.99; Upper = 1.01 }
        Sampled = []
        Seconds = 0.5
    }

let private exactly value = Estimate.ClosedForm value

let private points =
    [
        for k in 0..5 do
            let x = 10.0 ** float -k

            {
                X = x
                Value = exactly (2.0 * x)
                Excluded = if k = 0 then Some hostile else None
                Experiment = experimentAt x
            }
    ]

/// Every verdict, every kind of number, hostile names.
let mixed =
    let unknown = Estimate.Unavailable("run", hostile)
    let infinite = Estimate.Infinite("closed form", "too wide")

    {
        Checks =
            [
                boundCheck
                    "one"
                    "h"
                    Holds
                    [
                        cellAt "h" Holds 0.2 (exactly 0.1) 0.1
                        cellAt "h" Holds infinity (exactly 0.2) 0.01
                        cellAt "h" Holds 0.2 (exactly 0.0) 0.001
                    ]
                boundCheck hostile "h" Violated [ cellAt "h" Violated 0.2 (exactly 0.3) 0.1 ]
                boundCheck
                    "three"
                    hostile
                    Inconclusive
                    [
                        cellAt hostile Inconclusive 0.2 unknown 0.1
                        cellAt hostile Inconclusive 0.2 infinite 0.01
                        cellAt hostile Inconclusive 0.2 (Estimate.Sampled(0.2, 0.1, 0.3, 0.99, "samples")) 0.0
                    ]
                boundCheck "four" "h" NotApplicable [ cellAt "h" NotApplicable 0.2 unknown 0.1 ]
                boundCheck "nothing" "h" NotApplicable []
                rateCheck "five" (Exactly 1.0) false points
                rateCheck "six" (AtMost 1.0) false points
                rateCheck "seven" (Exactly -2.0) true points
            ]
        Effort = Quick
        FalseAlarm = 1e-6
        Seconds = 1.5
    }

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
                Expect.equal ((member' "upper" unknown).GetString()) "Infinity" "no upper end"
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
                Expect.equal (rows |> Array.map bars |> Array.distinct) [| 11 |] "cells in a row"
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

let private inFolder test () =
    let folder = Path.Combine(Path.GetTempPath(), $"sgm-report-{Guid.NewGuid():N}")
    Directory.CreateDirectory folder |> ignore

    try
        test folder
    finally
        Directory.Delete(folder, true)

let private write directory = Folder.write CancellationToken.None directory mixed

let private names folder =
    Directory.GetFileSystemEntries folder |> Array.map Path.GetFileName |> Array.sort |> List.ofArray

let private folder =
    testList
        "folder"
        [
            testCase "a report is written where nothing was, parents included, and then replaced"
            <| inFolder (fun root ->
                let place = Path.Combine(root, "a", "report")
                let page = Expect.wantOk (write place) "first"
                Expect.equal page (Path.Combine(place, "index.html")) "the page's path"
                Expect.equal (names place) [ "cells"; "index.html"; "plots"; "report.json"; "report.md" ] "contents"
                File.WriteAllText(Path.Combine(place, "cells", "stale.sgm"), "")
                Expect.isOk (write (place + "/")) "again"
                Expect.isFalse (File.Exists(Path.Combine(place, "cells", "stale.sgm"))) "an old cell is gone"
                Expect.equal (names (Path.Combine(root, "a"))) [ "report" ] "nothing is left beside it")

            testCase "the cells' files parse back to the experiments that ran"
            <| inFolder (fun root ->
                Expect.isOk (write (Path.Combine(root, "r"))) "written"
                let cells = Directory.GetFiles(Path.Combine(root, "r", "cells"))
                Expect.isGreaterThan cells.Length 5 "cells"
                let texts = cells |> Array.map File.ReadAllText
                Expect.contains texts (Print.experiment (experimentAt 0.1)) "the text of a cell")

            testCase "what the user put beside an earlier report stays"
            <| inFolder (fun root ->
                let place = Path.Combine(root, "r")
                Expect.isOk (write place) "first"
                File.WriteAllText(Path.Combine(place, "notes.txt"), "mine")
                File.WriteAllText(Path.Combine(place, "cells", "own.csv"), "1,2")
                Expect.isOk (write place) "again"
                Expect.equal (File.ReadAllText(Path.Combine(place, "notes.txt"))) "mine" "notes"
                Expect.equal (File.ReadAllText(Path.Combine(place, "cells", "own.csv"))) "1,2" "data")

            testCase "an empty folder is used, a folder of something else is refused and left alone"
            <| inFolder (fun root ->
                let empty = Path.Combine(root, "empty")
                Directory.CreateDirectory empty |> ignore
                Expect.isOk (write empty) "an empty folder"
                let foreign = Path.Combine(root, "foreign")
                Directory.CreateDirectory foreign |> ignore
                File.WriteAllText(Path.Combine(foreign, "thesis.tex"), "years")

                Expect.stringContains
                    (Expect.wantError (write foreign) "refused")
                    "something other than a report"
                    "why"

                Expect.isError (Folder.check foreign) "refused before the work too"
                Expect.equal (names foreign) [ "thesis.tex" ] "untouched"
                File.WriteAllText(Path.Combine(foreign, "report.json"), """{"schema": "someone.else/1"}""")
                Expect.isError (write foreign) "another's report.json"
                Expect.equal (names foreign) [ "report.json"; "thesis.tex" ] "untouched"
                Expect.equal (names root) [ "empty"; "foreign" ] "nothing is left beside")

            testCase "a file in the way, a path through a file, and a name that no file can have are sentences"
            <| inFolder (fun root ->
                let file = Path.Combine(root, "file")
                File.WriteAllText(file, "mine")
                Expect.stringContains (Expect.wantError (write file) "a file") "is a file" "why"
                Expect.isError (write (Path.Combine(file, "report"))) "through a file"
                Expect.isError (write "bad\u0000name") "no name"

                Expect.isError
                    (Folder.writeJUnit root (Document.create DateTimeOffset.UtcNow mixed))
                    "JUnit onto a folder"

                Expect.isOk
                    (Folder.writeJUnit
                        (Path.Combine(root, "x", "junit.xml"))
                        (Document.create DateTimeOffset.UtcNow mixed))
                    "JUnit"

                Expect.equal (File.ReadAllText file) "mine" "untouched")

            testCase "an interrupted report leaves nothing, or what was there"
            <| inFolder (fun root ->
                use cancelled = new CancellationTokenSource()
                cancelled.Cancel()
                let place = Path.Combine(root, "r")
                let interrupted () = Folder.write cancelled.Token place mixed |> ignore
                Expect.throwsT<OperationCanceledException> interrupted "cancelled"
                Expect.isEmpty (names root) "nothing"
                Expect.isOk (write place) "written"
                let before = File.ReadAllText(Path.Combine(place, "report.json"))
                Expect.throwsT<OperationCanceledException> interrupted "cancelled again"
                Expect.equal (File.ReadAllText(Path.Combine(place, "report.json"))) before "the earlier report"
                Expect.equal (names root) [ "r" ] "nothing beside it")
        ]

let tests = testList "report" [ json; markup; junit; numbers; folder ]
