/// `sgm sweep` and `sgm compare`.
module Sgm.Tests.SweepsTests

open System
open System.IO
open System.Text.RegularExpressions
open Expecto
open Sgm
open Sgm.Tests.Command
open Sgm.Tests.Folders
open Sgm.Verification.Report
open Sgm.Tests.LangevinBias

let tests =
    testList
        "sweeps"
        [
            testCase "values are those of runs, and exponents those of the closed form" (fun () ->
                withFile (langevinText "    measure [ kl; w2 ]") (fun file ->
                    let ran = sgm [ "sweep"; file; "--json" ]
                    Expect.equal ran.Code 0 ran.Error
                    let rows = items (at [ "rows" ] (json ran))
                    Expect.equal rows.Length 16 "rows"

                    for row in rows do
                        let d, h = (at [ "at"; "d" ] row).GetDouble(), (at [ "at"; "h" ] row).GetDouble()
                        let truth = langevinKl d h (ceil (10.0 / h))

                        let lower, upper =
                            (at [ "metrics"; "kl"; "lower" ] row).GetDouble(),
                            (at [ "metrics"; "kl"; "upper" ] row).GetDouble()

                        Expect.isTrue (lower <= truth * (1.0 + 1e-11) && truth * (1.0 - 1e-11) <= upper) $"{d}, {h}"

                    // One for each metric and each of the four values of the other axis.
                    Expect.equal (items (at [ "slopes" ] (json ran))).Length 8 "slopes"

                    for slope in items (at [ "slopes" ] (json ran)) do
                        let low, high = (at [ "lower" ] slope).GetDouble(), (at [ "upper" ] slope).GetDouble()

                        let wanted =
                            if (at [ "inner" ] (json ran)).GetString() = "d" then
                                [ 1.0; 0.5 ]
                            else
                                [ 2.0; 1.0 ]

                        let metric = (at [ "metric" ] slope).GetString()
                        let a = if metric = "kl" then wanted[0] else wanted[1]
                        Expect.isTrue (low <= a && a <= high) $"{metric}: [{low}, {high}]"))

            testCase "the table has the local slope between a row and the one before" (fun () ->
                withFile (langevinText "    measure [ kl ]") (fun file ->
                    let ran = sgm [ "sweep"; file; "--set"; "d=2" ]
                    let kl h = langevinKl 2.0 h (ceil (10.0 / h))
                    let slope = log (kl 0.025 / kl 0.05) / log (0.025 / 0.05)
                    let row = ran.Out.Split '\n' |> Array.find (fun line -> line.TrimStart().StartsWith "0.025")
                    let written = slope.ToString("F2", Globalization.CultureInfo.InvariantCulture)
                    Expect.contains (row.Split(' ', StringSplitOptions.RemoveEmptyEntries)) written row))

            testCase "axes on the command line" (fun () ->
                for word, values in
                    [
                        "h=0.2,0.1", [ Quantity.Real 0.2; Quantity.Real 0.1 ]
                        "n=2^3..2^5", [ Quantity.Whole 8; Quantity.Whole 16; Quantity.Whole 32 ]
                        "h=2^-1..2^-3", [ Quantity.Real 0.5; Quantity.Real 0.25; Quantity.Real 0.125 ]
                        "n=3..1", [ Quantity.Whole 3; Quantity.Whole 2; Quantity.Whole 1 ]
                        "h=1,0.5", [ Quantity.Real 1.0; Quantity.Real 0.5 ]
                    ] do
                    match Sgm.Cli.Sweep.axisOf word with
                    | Ok axis -> Expect.equal axis.Choices values word
                    | Error message -> failtest message

                for word in [ "h"; "h="; "h=a"; "=1"; "h=0.1,0.1"; "h=1..2000000000"; "h=2^1..2^5000"; "h=1e999" ] do
                    Expect.isError (Sgm.Cli.Sweep.axisOf word) word)

            testCase "comma-separated values" (fun () ->
                withFile (langevinText "    measure [ kl ]") (fun file ->
                    let ran = sgm [ "sweep"; file; "--set"; "d=2"; "--csv" ]
                    let lines = ran.Out.Trim().Split '\n'
                    Expect.equal lines[0] "h,evaluations,backend,kl,kl_lower,kl_upper,kl_confidence" "head"
                    Expect.equal lines.Length 5 "rows"
                    let kl = Double.Parse(lines[4].Split(',')[3], Globalization.CultureInfo.InvariantCulture)
                    Expect.isTrue (abs (kl - langevinKl 2.0 0.025 400.0) < 1e-12) $"{kl}"))

            testCase "the page has a plot of every metric, every exponent and every row" (fun () ->
                inFolder (fun folder ->
                    withFile (langevinText "    measure [ kl; w2 ]") (fun file ->
                        let report = Path.Combine(folder, "report")
                        let ran = sgm [ "sweep"; file; "--set"; "d=2"; "--report"; report; "--json" ]
                        Expect.equal ran.Code 0 ran.Error
                        let path = Path.Combine(report, "index.html")
                        Expect.stringContains ran.Error path "where it is"
                        let page = File.ReadAllText path
                        let count (pattern: string) = Regex.Matches(page, pattern).Count
                        Expect.equal (count "<svg class=\"plot\"") 2 "plots"
                        Expect.equal (count "class=\"pt\"") 8 "points of both"
                        Expect.isFalse (page.Contains "the bound") "no bound in the legends"
                        let rows = items (at [ "rows" ] (json ran))

                        for slope in items (at [ "slopes" ] (json ran)) do
                            let exponent = (at [ "exponent" ] slope).GetDouble()
                            Expect.stringContains page $"<b>{Numbers.significant 4 exponent}</b>" "exponent"

                        for row in rows do
                            let h = (at [ "at"; "h" ] row).GetDouble()
                            Expect.stringContains page $"<td class=\"n\">{h}</td>" "row"

                        File.WriteAllText(Path.Combine(folder, "mine"), "")
                        let refused = sgm [ "sweep"; file; "--set"; "d=2"; "--report"; Path.Combine(folder, "mine") ]
                        Expect.equal refused.Code 2 "a file where the folder should be"
                        Expect.equal refused.Out "" "nothing ran")))

            testCase "the page of a comparison has a panel a sampler, and its picture is a file" (fun () ->
                inFolder (fun folder ->
                    let text method =
                        $"experiment {{\n    target (normal [ 1.0 ] 0.5)\n    forward vp\n    sampler (anneal (uniform 2.0 0.1 3) (predictor {method}))\n    measure [ w2 ]\n}}\n"

                    withFile (text "flow") (fun one ->
                        withFile (text "flowHeun") (fun other ->
                            let report = Path.Combine(folder, "report")
                            let ran = sgm [ "compare"; one; other; "--evaluations"; "8,16"; "--report"; report ]
                            Expect.equal ran.Code 0 ran.Error
                            let picture = File.ReadAllText(Path.Combine(report, "w2.svg"))
                            let count (text: string) (pattern: string) = Regex.Matches(text, pattern).Count
                            Expect.equal (count picture "class=\"measured\"") 2 "curves"
                            Expect.equal (count picture "class=\"dot\"") 4 "points"
                            Expect.equal (count picture "class=\"hollow\"") 0 "nothing by particles"
                            Xml.Linq.XDocument.Parse picture |> ignore
                            let page = File.ReadAllText(Path.Combine(report, "index.html"))
                            Expect.equal (count page "class=\"dot\"") 4 "the same on the page"
                            Expect.stringContains page "predictor flowHeun" "the experiments"

                            File.WriteAllText(Path.Combine(folder, "mine"), "")
                            let into = Path.Combine(folder, "mine")
                            let refused = sgm [ "compare"; one; "--evaluations"; "8"; "--report"; into ]
                            Expect.equal (refused.Code, refused.Out) (2, "") "a file where the folder should be"))))

            testCase "samplers at equal work: the numbers are those of runs" (fun () ->
                let text n =
                    $"experiment {{\n    target (normal [ 1.0 ] 0.5)\n    forward vp\n    sampler (anneal (uniform 2.0 0.0 {n}) (predictor flowHeun))\n    measure [ w2 ]\n}}\n"

                withFile (text 3) (fun file ->
                    let ran = sgm [ "compare"; file; "--evaluations"; "7,8,15"; "--json" ]
                    Expect.equal ran.Code 0 ran.Error
                    let rows = items (at [ "rows" ] (json ran))
                    // The last transition, to no noise, takes one evaluation, the others two.
                    Expect.equal
                        (rows |> List.map (fun row -> (at [ "transitions" ] row).GetInt32()))
                        [ 4; 4; 8 ]
                        "transitions"

                    Expect.equal
                        (rows |> List.map (fun row -> (at [ "scoreEvaluations" ] row).GetInt32()))
                        [ 7; 7; 15 ]
                        "evaluations"

                    withFile (text 8) (fun alone ->
                        let run = json (sgm [ "run"; alone; "--json" ])
                        let value (path: string list) element = (at path element).GetDouble()

                        Expect.equal
                            (value [ "metrics"; "w2"; "value" ] rows[2])
                            (value [ "metrics"; "w2"; "value" ] (items (at [ "probes" ] run)).Head)
                            "the same number")

                    let catalogue = sgm [ "compare"; file; "--catalogue"; "--evaluations"; "8" ]
                    Expect.equal catalogue.Code 0 catalogue.Error

                    for entry in Methods.predictors do
                        Expect.stringContains catalogue.Out (entry.Method.ToString()) "every predictor"

                    for words, says in
                        [
                            [ "compare"; file; "--evaluations"; "x" ], "such as --evaluations 8,16,32,64"
                            [ "compare"; file; "--evaluations"; "0" ], "such as --evaluations"
                            [ "compare"; file; file; "--evaluations"; "8" ], "named twice"
                            [ "compare"; file ], "evaluations"
                        ] do
                        let ran = sgm words
                        Expect.equal ran.Code 2 $"{words}"
                        Expect.stringContains ran.Error says $"{words}"))

            testCase "a catalogue leaves out what has no step, and scales spacings" (fun () ->
                let text process' schedule =
                    $"experiment {{\n    target (standard 1)\n    forward {process'}\n    sampler (anneal ({schedule}) (predictor flow))\n    measure [ w2 ]\n}}\n"

                withFile (text "rectified" "uniform 0.9 0.1 4") (fun file ->
                    let ran = sgm [ "compare"; file; "--catalogue"; "--evaluations"; "8" ]
                    Expect.equal ran.Code 0 ran.Error
                    Expect.stringContains ran.Error "exponential, relative, reverseDiffusion" "left out"
                    Expect.stringContains ran.Out "eulerMaruyama" "compared")

                for schedule, allowed, code in
                    [
                        "linear 0.0001 0.02 100 |> trailing 5 |> toZero", "4,8", 0
                        "karras 7.0 2.0 0.1 3 |> inRatio |> toZero", "4,8", 0
                        "linear 0.0001 0.02 100", "4", 2
                    ] do
                    withFile (text "vp" schedule) (fun file ->
                        let ran = sgm [ "compare"; file; "--evaluations"; allowed; "--json" ]
                        Expect.equal ran.Code code $"{schedule}: {ran.Error}"

                        if code = 0 then
                            let rows = items (at [ "rows" ] (json ran))

                            Expect.equal
                                (rows |> List.map (fun row -> (at [ "transitions" ] row).GetInt32()))
                                [ 4; 8 ]
                                schedule
                        else
                            Expect.stringContains ran.Error "leading, trailing or linspace" "remedy"))

            testCase "what cannot be swept is refused" (fun () ->
                withFile
                    "experiment {\n    target (standard 1)\n    forward ve\n    start warm\n    sampler identity\n}\n"
                    (fun file ->
                        let ran = sgm [ "sweep"; file ]
                        Expect.equal ran.Code 2 "nothing varies"
                        Expect.stringContains ran.Error "nothing varies" "sentence"))
        ]
