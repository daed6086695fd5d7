/// `sgm compare`: work against precision.
module Sgm.Cli.Compare

open System
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.JsonWriting
open Sgm.Verification.Report

let private metricsOf (rows: WorkRow list) =
    rows
    |> List.collect (fun row ->
        match row.End.Measured with
        | Ok values -> List.map fst values
        | Error _ -> [])
    |> List.distinct

/// Whether a row's bracket lies below those of all others at the same number of evaluations: no other can be better.
let private isBest metric (rows: WorkRow list) (row: WorkRow) =
    match row.End.Find metric with
    | Some own when own.Value.HasValue && own.Confidence = 1.0 ->
        rows
        |> List.filter (fun other -> other.Allowed = row.Allowed && other.Name <> row.Name)
        |> List.forall (fun other ->
            match other.End.Find metric with
            | Some found -> found.Confidence = 1.0 && own.Upper <= found.Lower
            | None -> true)
    | _ -> false

let private columns metrics =
    [
        { Title = "evaluations"; IsNumber = true }
        { Title = "sampler"; IsNumber = false }
        { Title = "transitions"; IsNumber = true }
        for metric: Metric in metrics do
            { Title = metric.Name; IsNumber = true }
            { Title = "interval"; IsNumber = false }
        { Title = "by"; IsNumber = false }
    ]

let private cells metrics (rows: WorkRow list) =
    [
        for row in rows ->
            [
                plain (Words.count row.End.Evaluations)
                strong row.Name
                plain (string row.Transitions)
                for metric in metrics do
                    match row.End.Find metric with
                    | None ->
                        plain "–"
                        plain ""
                    | Some estimate ->
                        let value, around = Measurements.brief estimate
                        { Text = value; Tone = (if isBest metric rows row then Good else Plain) }
                        faint around
                match row.End.Measured with
                | Ok _ -> plain row.End.Backend
                | Error reason -> plain reason
            ]
    ]

let private table (screen: Screen) missing (rows: WorkRow list) =
    let metrics = metricsOf rows
    screen.Table(columns metrics, cells metrics rows)
    screen.Line()

    if missing > 0 then
        screen.Line $"""missing: {Wording.count missing "experiment"}"""

    for reason in Measurements.missing [ for row in rows -> row.End ] do
        screen.Line reason

    for metric in metrics do
        for _, several in rows |> List.groupBy (fun row -> row.Allowed) do
            match several |> List.tryFind (isBest metric rows) with
            | Some best when several.Length > 1 && missing = 0 ->
                screen.Line $"least {metric.Name} within {Words.count best.Allowed} evaluations: {best.Name}"
            | _ -> ()

let private json missing (rows: WorkRow list) (json: Writer) =
    json.WriteNumber("missing", (missing: int))

    objects json "rows" rows (fun row ->
        text json "name" row.Name
        json.WriteNumber("allowed", row.Allowed)
        json.WriteNumber("transitions", row.Transitions)
        Measurements.jsonEnd json row.End)

let private report (terminal: Terminal) (files: (string * Checked) list) missing (rows: WorkRow list) directory =
    let metrics = metricsOf rows

    let document =
        {
            Rows = rows
            Missing = missing
            Columns = [ for column in columns metrics -> column.Title, column.IsNumber ]
            Table = [ for row in cells metrics rows -> [ for span in row -> span.Text ] ]
            Texts = [ for name, one in files -> Visible.line name, one.Text ]
        }

    ComparePage.files document |> Folder.writeFiles terminal.Cancellation directory

let private budgets (text: string) =
    let found =
        text.Split ','
        |> Array.map (fun item ->
            Int64.TryParse(item.Trim(), Globalization.NumberStyles.None, Globalization.CultureInfo.InvariantCulture))
        |> List.ofArray

    if found |> List.forall (fun (isWhole, n) -> isWhole && n >= 1L && n <= 1_000_000_000L) && found.Length <= 100 then
        Ok(found |> List.map snd |> List.distinct)
    else
        Error $"--evaluations {text}, expected whole numbers from 1, such as --evaluations 8,16,32,64"

/// The words of a request that its numbers depend on.
let private words (request: CompareRequest) =
    [
        yield! request.Files
        yield! [ "--evaluations"; request.Evaluations ]
        for setting in request.Settings do
            yield! [ "--set"; setting ]
        yield! [ "--by"; $"{request.By}".ToLowerInvariant() ]
        if request.Catalogue then
            "--catalogue"
    ]

/// On stores, or without any.
let commandFrom source (terminal: Terminal) (request: CompareRequest) =
    let terminal = Loading.remembering terminal
    let refuse message = Refusal.sentence terminal request.Json $"sgm compare: {message}"
    let loaded = request.Files |> List.map (fun file -> file, Loading.file terminal request.Settings file)

    let problems =
        loaded
        |> List.collect (function
            | _, Error problems -> problems
            | _, Ok _ -> [])

    match
        Pages.misplaced ComparePage.paths request.Report
        |> Option.map Error
        |> Option.defaultWith (fun () -> budgets request.Evaluations)
    with
    | Error message -> refuse message
    | Ok _ when not problems.IsEmpty -> Refusal.problems terminal request.Json problems
    | Ok allowed ->
        let files =
            [
                for file, found in loaded do
                    match found with
                    | Ok one -> file, one
                    | Error _ -> ()
            ]

        let target = (snd files.Head).Experiment.Target

        let samplers =
            [
                for file, one in files do
                    let directory = Loading.directoryOf file

                    if request.Catalogue then
                        let found, without = Comparing.predictors one.Experiment

                        if not without.IsEmpty then
                            let names = String.Join(", ", without)
                            Terminal.tell terminal $"left out, with no step under this forward process: {names}"

                        for name, own in found do
                            (if files.Length = 1 then name else $"{file}, {name}"), directory, own
                    else
                        file, directory, one.Experiment
            ]

        match files |> List.tryFind (fun (_, one) -> one.Experiment.Target <> target) with
        | _ when files |> List.exists (fun (_, one) -> one.Experiment.Discrete.IsSome) ->
            refuse
                "discrete experiments are not compared: their steps are another cost; sgm sweep shows one over its steps"
        | Some(other, _) -> refuse $"{other} has another target than {fst files.Head}; samplers are compared on one"
        | None when (samplers |> List.distinctBy (fun (name, _, _) -> name)).Length < samplers.Length ->
            refuse "a file is named twice"
        | None ->
            let asked = Keeping.asked terminal "compare" (words request) request.Files

            let work shelf =
                Progress.during terminal "comparing" (fun told ->
                    Comparing.runKept shelf request.By terminal.Cancellation told samplers allowed)
                |> Result.mapError refuse

            match Keeping.during terminal asked [] request.Json source work with
            | Error code -> code
            | Ok kept ->
                let rows, missing = kept.Result, samplers.Length * allowed.Length - kept.Result.Length
                let page = request.Report |> Option.map (report terminal files missing rows)

                if request.Json then
                    Terminal.json terminal "sgm.compare/1" None (json missing rows)
                else
                    table (Screen.out terminal) missing rows

                let isFailed = rows |> List.exists (fun row -> Result.isError row.End.Measured)

                Pages.told terminal "compare" request.Json page (if isFailed then Exit.Failed else Exit.Fine)
                |> Keeping.told terminal "compare" asked source kept.Missing

let command terminal (request: CompareRequest) =
    match Keeping.source request.Report request.Resume request.Shard with
    | Error message -> Refusal.sentence terminal request.Json $"sgm compare: {message}"
    | Ok source -> commandFrom source terminal { request with Report = Option.orElse request.Report request.Resume }
