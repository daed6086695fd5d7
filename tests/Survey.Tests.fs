/// `sgm theorems --compare`: what the theorems promise and prescribe on one target, beside the certificate and the truth.
module Sgm.Tests.SurveyTests

open System
open System.Collections.Immutable
open System.IO
open System.Threading
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Theorems
open Sgm.Tests.Command

let private textFrom start sampler =
    $"experiment {{\n    target (normal [ 1.0; 0.5 ] 0.25)\n    forward ve\n    start {start}\n    sampler ({sampler})\n    measure [ tv; w2 ]\n}}"

let private text = textFrom "prior"
let private geometric = "anneal (geometric 4.0 0.25 16) (predictor ancestral)"

let private checked' text =
    match Check.text "it.sgm" "." text with
    | Ok found -> found
    | Error problems -> failtest (Message.renderAll problems)

let private loaded = text >> checked'

let private runner = Runner.engine CancellationToken.None

let private make theorems one accuracies = Survey.make runner theorems "." one accuracies

let private survey = lazy make Catalogue.theorems (loaded geometric) [ 0.6; 0.3 ]

let private value (row: Surveyed) =
    match row.Measured with
    | Ok found -> found.Value.Value
    | Error reason -> failtest reason

let tests =
    testList
        "survey"
        [
            testCase "the sampler itself at a quarter to four times its evaluations, in TV and W2" (fun () ->
                let own = survey.Value.Rows |> List.filter _.Theorem.IsNone
                Expect.equal survey.Value.NotScaled None "scaled"

                for metric in [ Metric.Tv; Metric.W2 ] do
                    let rows = own |> List.filter (fun row -> row.Metric = metric)
                    Expect.equal (rows |> List.map _.Evaluations) [ 4L; 8L; 16L; 32L; 64L ] "evaluations"
                    let plan = (loaded geometric).Plan
                    let run = Laws.run plan (RunOptions())
                    let direct = (Seq.last run.Probes).Law.Measure(metric).Value.Value
                    Expect.equal (value rows[2]) direct "measured as by a run"

                    let certificate =
                        Certificates.Certificate.ofPlan CancellationToken.None plan
                        |> Result.map List.last
                        |> Result.defaultWith failtest

                    let bound = if metric = Metric.W2 then certificate.W2 else certificate.Tv
                    Expect.equal rows[2].Certified bound "certified as by sgm certify")

            testCase "a bound that says nothing is no support" (fun () ->
                let text =
                    "experiment {\n    target (normal (fill 3 2.0) 0.01)\n    forward vp\n    start warm\n"
                    + "    sampler (anneal (uniform 4.0 0.1 2) (predictor exponential))\n    measure [ tv ]\n}"

                withFile text (fun file ->
                    let ran = sgm [ "theorems"; "mooney"; "--compare"; file ]
                    Expect.equal ran.Code 0 ran.Error
                    let row = ran.Out.Split '\n' |> Array.find _.Contains("mooney-2024-local")
                    Expect.stringContains row "vacuous" row
                    Expect.isFalse (row.Contains "holds") row))

            testCase "what is prescribed promises at most what was asked, and keeps it" (fun () ->
                let prescribed = survey.Value.Rows |> List.filter _.Theorem.IsSome
                let ids = prescribed |> List.map (fun row -> row.Theorem.Value.Id) |> List.distinct
                Expect.containsAll ids [ "lee-2022-4.2"; "lee-2022-3.1"; "pedrotti-2024-tv" ] "theorems of TV"
                Expect.contains ids "bruno-2023-log-concave" "one of W2"

                for row in prescribed do
                    let what = $"{row.Theorem.Value.Id} at {row.Accuracy.Value}"
                    Expect.isLessThanOrEqual row.Promised.Value row.Accuracy.Value what
                    Expect.isLessThanOrEqual (value row) row.Promised.Value what
                    Expect.isFalse row.IsBroken what

                Expect.isFalse survey.Value.IsBroken "nothing is violated")

            testCase "an accuracy in TV is asked of χ² as 4a², and its bound told as half the root" (fun () ->
                let own = loaded geometric
                let theorem = LeeLuTan.langevinSupNorm
                let asked = Prescription.make runner theorem own.Experiment.Target own.Plan.Target (4.0 * 0.3 * 0.3)
                let found = asked |> Result.defaultWith failtest

                let row =
                    survey.Value.Rows
                    |> List.find (fun row ->
                        row.Theorem |> Option.exists (fun one -> one.Id = theorem.Id) && row.Accuracy = Some 0.3)

                Expect.equal row.Metric Metric.Tv "told in TV"
                Expect.equal row.Promised (Some(0.5 * sqrt found.Bound)) "half the root of χ²"
                Expect.isLessThan (2.0 * value row) (sqrt found.Bound) "TV is below it")

            testCase "theorems that cover the sampler have their bounds, by name only those asked for" (fun () ->
                let sampler =
                    textFrom "(from (normal [ 1.0; 0.5 ] 0.3))" "repeat 20 (corrector (langevin 0.0004))" |> checked'

                let all = make Catalogue.theorems sampler [ 0.5 ]
                let ids = all.Covering |> List.map (fun (theorem, _) -> theorem.Id)
                Expect.contains ids "lee-2022-4.2" "it is Langevin with a small step"
                Expect.isFalse (ids |> List.exists (fun id -> id.StartsWith "certificate")) "certificates have rows"
                Expect.isSome all.NotScaled "no levels to scale"
                let some = make [ LeeLuTan.langevinSupNorm ] sampler [ 0.5 ]
                Expect.equal (some.Covering |> List.map (fun (theorem, _) -> theorem.Id)) [ "lee-2022-4.2" ] "covering"

                Expect.equal
                    (some.Rows |> List.choose _.Theorem |> List.map _.Id |> List.distinct)
                    [ "lee-2022-4.2" ]
                    "prescribing"

                let _, cell = some.Covering.Head
                Expect.equal cell.Verdict Holds "verdict")

            testCase "what is not prescribed is said" (fun () ->
                let refused = survey.Value.Refused |> List.map (fun (theorem, _, reason) -> theorem.Id, reason)
                let reason = refused |> List.find (fst >> (=) "bruno-2023-gaussian") |> snd
                Expect.stringContains reason "covariance" "why")

            testCase "an engine that does not keep the promise: violated, and exit code 1" (fun () ->
                let broken (plan: Plan) (options: RunOptions) =
                    // The score is off by half of it.
                    let half = ImmutableArray.Create<ScoreModifier>(ScoreModifier.Scaled 0.5)
                    Laws.run (Plan.withScore (Score(plan.Target, half)) plan) options

                withFile (text geometric) (fun file ->
                    let request =
                        Cli.TheoremsRequest.Of
                            [ Cli.TheoremsArguments.Compare file; Cli.TheoremsArguments.Accuracy "0.3" ]

                    let under run =
                        ranOn false (fun terminal ->
                            Cli.Survey.commandBy run terminal request [ LeePredictor.stochasticPredictor ] file)

                    Expect.equal (under Laws.run).Code 0 "the engine itself"
                    let found = under broken
                    Expect.equal found.Code 1 found.Out
                    Expect.stringContains found.Out "lee-2022-3.1 (violated)" "which"))

            testCase "the command: a table, a document, a page" (fun () ->
                withFile (text geometric) (fun file ->
                    Folders.inFolder (fun folder ->
                        let page = Path.Combine(folder, "page")

                        let run =
                            sgm
                                [
                                    "theorems"
                                    "lee-2022-3.1"
                                    "--compare"
                                    file
                                    "--accuracy"
                                    "0.4"
                                    "--report"
                                    page
                                ]

                        Expect.equal run.Code 0 run.Error
                        Expect.stringContains run.Out "lee-2022-3.1" "the theorem"
                        Expect.stringContains run.Out "certificate" "the certificate"
                        let html = File.ReadAllText(Path.Combine(page, "index.html"))
                        Expect.stringContains html "<svg" "a picture"
                        Expect.stringContains html "evaluations of the score" "its axis"

                        let document =
                            json (
                                sgm [ "theorems"; "lee-2022-3.1"; "--compare"; file; "--accuracy"; "0.4"; "--json" ]
                            )

                        let samplers = document.GetProperty("samplers").EnumerateArray() |> List.ofSeq
                        Expect.equal samplers.Length 11 "ten of its own, one prescribed"

                        let last = List.last samplers
                        let promised = last.GetProperty("promised").GetDouble()
                        let measured = last.GetProperty("measured").GetProperty("value").GetDouble()
                        Expect.isLessThan measured promised "kept")))

            testCase "what is asked wrongly is refused with what is right" (fun () ->
                withFile (text geometric) (fun file ->
                    for arguments, words in
                        [
                            [ "theorems"; "--accuracy"; "0.1" ], "--compare FILE"
                            [ "theorems"; "--report"; "x" ], "--compare FILE"
                            [ "theorems"; "--compare"; file; "--accuracy"; "0,1,-2" ], "positive numbers"
                            [ "theorems"; "--compare"; file; "--accuracy"; "often" ], "positive numbers"
                            [ "theorems"; "nothing"; "--compare"; file ], "no theorem is named"
                            [ "theorems"; "--compare"; "no such file" ], "no such file"
                        ] do
                        let run = sgm arguments
                        Expect.equal run.Code 2 (String.Join(" ", arguments))
                        Expect.stringContains run.Error words (String.Join(" ", arguments))))
        ]
