/// `sgm theorems --compare`: the theorems beside each other on one target and sampler.
module Sgm.Cli.Survey

open System
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.JsonWriting
open Sgm.Verification.Report

let private text title : Sgm.Cli.Column = { Title = title; IsNumber = false }
let private figure title : Sgm.Cli.Column = { Title = title; IsNumber = true }

/// A measured number and its interval, or that there is none.
let private measured (result: Result<Estimate, string>) =
    match result with
    | Ok estimate -> Measurements.brief estimate
    | Error _ -> "–", ""

/// A certificate's bound, or that it says nothing.
let private certified (bound: Certificates.Bound) = if bound.Reason.IsSome then "–" else Words.above 4 bound.Value

let private saidColumns = [ text "by"; text "of"; figure "bound"; figure "measured"; text "interval"; text "" ]

/// The rows of the sampler at its own number of evaluations.
let private asItIs (survey: Survey) evaluations =
    survey.Rows |> List.filter (fun row -> row.Theorem.IsNone && row.Evaluations = evaluations)

let private said (survey: Survey) evaluations =
    [
        for theorem, cell in survey.Covering do
            match cell.Decisive with
            | Some found ->
                let value, around = Measurements.brief found.Measured

                [
                    strong theorem.Id
                    plain found.What
                    plain (Words.above 4 found.Bound)
                    plain value
                    faint around
                    if cell.IsVacuous then
                        { Text = "vacuous"; Tone = Unsure }
                    else
                        {
                            Text = Wording.verdict cell.Verdict
                            Tone = (if cell.Verdict = Holds then Good else Unsure)
                        }
                ]
            | None ->
                let reason = cell.Reason |> Option.defaultValue "nothing was compared"
                [ strong theorem.Id; plain "–"; plain "–"; plain "–"; plain ""; plain reason ]

        for row in asItIs survey evaluations do
            let value, around = measured row.Measured

            [
                strong "certificate"
                plain row.Metric.Symbol
                plain (certified row.Certified)
                plain value
                faint around
                plain (row.Certified.Reason |> Option.defaultValue "")
            ]
    ]

let private prescribedColumns =
    [
        text "sampler"
        text "distance"
        figure "asked"
        figure "evaluations"
        figure "promised"
        figure "certified"
        figure "measured"
        text "interval"
        text "at"
    ]

let private prescribed name (survey: Survey) =
    [
        for row in survey.Rows |> List.sortBy (fun row -> row.Metric.Name) do
            let value, around = measured row.Measured

            let sampler = row.Theorem |> Option.map _.Id |> Option.defaultValue name

            [
                (if row.IsBroken then
                     { Text = $"{sampler} (violated)"; Tone = Bad }
                 else
                     strong sampler)
                plain row.Metric.Symbol
                plain (row.Accuracy |> Option.map Words.number |> Option.defaultValue "")
                plain (Words.count row.Evaluations)
                plain (row.Promised |> Option.map (Words.above 4) |> Option.defaultValue "")
                plain (certified row.Certified)
                plain value
                faint around
                faint (
                    if row.Level.Sigma = 0.0 then
                        "the target"
                    else
                        Words.level row.Forward row.Level
                )
            ]
    ]

/// Why numbers are missing, each reason once.
let private missing (survey: Survey) =
    [
        for row in survey.Rows do
            let who = row.Theorem |> Option.map _.Id |> Option.defaultValue "the sampler"

            match row.Certified.Reason with
            | Some reason -> $"{who}, {row.Metric.Symbol}: not certified: {reason}"
            | None -> ()

            match row.Measured with
            | Error reason -> $"{who}: not measured: {reason}"
            | Ok _ -> ()
    ]
    |> List.distinct

let private show (screen: Screen) (loaded: Checked) name (survey: Survey) =
    let evaluations = loaded.Plan.ScoreEvaluations
    screen.Line [ strong "What is said of the sampler as it is" ]
    screen.Table(saidColumns, said survey evaluations)
    screen.Line()
    screen.Line [ strong "The sampler, and what is prescribed in its place" ]
    screen.Table(prescribedColumns, prescribed name survey)
    screen.Line()

    for words in Certified.confidence (survey.Rows |> List.map _.Certified) |> Option.toList do
        screen.Line $"confidence of the certificates: {words}"

    for reason in survey.NotScaled |> Option.toList do
        screen.Line $"the sampler is shown at its own evaluations only: {reason}"

    for theorem, accuracy, reason in survey.Refused do
        screen.Line $"not prescribed: {theorem.Id} at {Words.number accuracy}: {reason}"

    for reason in missing survey do
        screen.Line reason

let private json (loaded: Checked) (survey: Survey) (json: Writer) =
    let optionalText name value =
        match value with
        | Some(found: string) -> JsonWriting.text json name found
        | None -> json.WriteNull(name: string)

    JsonWriting.text json "fingerprint" loaded.Fingerprint

    objects json "covering" survey.Covering (fun (theorem, cell) ->
        JsonWriting.text json "theorem" theorem.Id
        JsonWriting.text json "metric" (Words.metric theorem.Metric)
        JsonWriting.text json "verdict" (Verdict.name cell.Verdict)
        json.WriteBoolean("vacuous", cell.IsVacuous)
        optionalText "what" (cell.Decisive |> Option.map _.What)
        optional json "bound" (cell.Decisive |> Option.map _.Bound)

        match cell.Decisive with
        | Some found -> estimate json "measured" found.Measured
        | None -> json.WriteNull "measured"

        Option.iter (JsonWriting.text json "reason") cell.Reason)

    objects json "samplers" survey.Rows (fun row ->
        optionalText "theorem" (row.Theorem |> Option.map _.Id)
        JsonWriting.text json "metric" (Words.metric row.Metric)
        optional json "accuracy" row.Accuracy
        Measurements.level json "level" row.Level
        json.WriteNumber("steps", row.Steps)
        json.WriteNumber("scoreEvaluations", row.Evaluations)
        optional json "promised" row.Promised
        json.WriteBoolean("violated", row.IsBroken)

        Certified.bound json "certified" row.Certified

        match row.Measured with
        | Ok found -> estimate json "measured" found
        | Error reason ->
            json.WriteNull "measured"
            JsonWriting.text json "notMeasured" reason)

    objects json "refused" survey.Refused (fun (theorem, accuracy, reason) ->
        JsonWriting.text json "theorem" theorem.Id
        number json "accuracy" accuracy
        JsonWriting.text json "reason" reason)

let private accuracies (text: string) =
    let found = text.Split ',' |> Array.map Numeral.tryFloat |> List.ofArray

    if found.Length <= 20 && found |> List.forall (Option.exists (fun a -> Double.IsFinite a && a > 0.0)) then
        Ok(List.choose id found |> List.distinct)
    else
        Error $"--accuracy {text}, expected positive numbers with a point, such as --accuracy 0.5,0.2"

let private report (terminal: Terminal) (loaded: Checked) name (survey: Survey) directory =
    let columns (several: Sgm.Cli.Column list) = [ for column in several -> column.Title, column.IsNumber ]
    let cells (rows: Span list list) = [ for row in rows -> [ for span in row -> span.Text ] ]

    {
        Survey = survey
        Name = name
        Text = loaded.Text
        Said = columns saidColumns, cells (said survey loaded.Plan.ScoreEvaluations)
        Prescribed = columns prescribedColumns, cells (prescribed name survey)
    }
    |> SurveyPage.files
    |> Folder.writeFiles terminal.Cancellation directory

/// The survey of a file by some of the theorems, with an engine of one's own; the tests put a broken one here.
let commandBy run (terminal: Terminal) (request: TheoremsRequest) theorems file =
    let refuse message = Refusal.sentence terminal request.Json $"sgm theorems: {message}"

    match
        Pages.misplaced Page.paths request.Report
        |> Option.map Error
        |> Option.defaultWith (fun () -> accuracies (request.Accuracy |> Option.defaultValue "0.5,0.2")),
        Loading.file terminal [] file
    with
    | Error message, _ -> refuse message
    | _, Error problems -> Refusal.problems terminal request.Json problems
    | _, Ok loaded when loaded.Experiment.Discrete.IsSome ->
        refuse "discrete experiments are not compared: no theorem prescribes one; 'sgm certify' bounds them"
    | Ok asked, Ok loaded ->
        let name = Visible.line (if file = "-" then "standard input" else IO.Path.GetFileName file)

        let survey =
            Progress.during terminal "comparing" (fun told ->
                let runner = { Runner.engine terminal.Cancellation with Run = run; Progress = told }
                Survey.make runner theorems (Loading.directoryOf file) loaded asked)

        let page = request.Report |> Option.map (report terminal loaded name survey)

        if request.Json then
            Terminal.json terminal "sgm.survey/1" (Some loaded.Text) (json loaded survey)
        else
            show (Screen.out terminal) loaded name survey

        Pages.told terminal "theorems" request.Json page (if survey.IsBroken then Exit.Violated else Exit.Fine)

let command terminal request theorems file = commandBy Laws.run terminal request theorems file
