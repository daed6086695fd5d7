/// `sgm sweep`.
module Sgm.Cli.Sweep

open System
open System.Text.RegularExpressions
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.JsonWriting
open Sgm.Verification.Report

/// `h=0.2,0.1`, `n=2^3..2^10` or `n=1..8`: an axis with its values, or what is wrong.
let axisOf (word: string) : Result<FamilyAxis, string> =
    let wrong = Error $"--over {word}, expected values such as h=0.2,0.1,0.05 or n=2^3..2^10 or n=1..8"
    let whole (text: string) = Int32.TryParse text |> (fun (isWhole, n) -> if isWhole then Some n else None)

    let quantity (text: string) =
        match whole text, Regex.Match(text, @"^([0-9.]+)\^(-?[0-9]+)$") with
        | Some n, _ -> Some(Quantity.Whole n)
        | None, power when power.Success ->
            let exponent = int power.Groups[2].Value

            match whole power.Groups[1].Value, Numeral.tryFloat power.Groups[1].Value with
            | Some b, _ when exponent >= 0 && float b ** float exponent <= float Int32.MaxValue ->
                Some(Quantity.Whole(int (float b ** float exponent)))
            | _, Some b -> Some(Quantity.Real(b ** float exponent))
            | _, None -> None
        | None, _ -> Numeral.tryFloat text |> Option.map Quantity.Real

    let range (text: string) =
        let powers = Regex.Match(text, @"^([0-9.]+)\^(-?[0-9]+)\.\.\1\^(-?[0-9]+)$")
        let wholes = Regex.Match(text, @"^(-?[0-9]+)\.\.(-?[0-9]+)$")
        let steps (a: int64) (b: int64) = if a <= b then [ a..b ] else [ a .. -1L .. b ]
        let ends (m: Match) (i: int) = int64 m.Groups[i].Value, int64 m.Groups[i + 1].Value

        if powers.Success then
            let a, b = ends powers 2

            if abs (a - b) > 1100L then
                None
            else
                Some [ for k in steps a b -> quantity $"{powers.Groups[1].Value}^{k}" ]
        elif wholes.Success then
            let a, b = ends wholes 1

            if abs (a - b) > int64 Sweep.mostCells then
                None
            else
                Some [ for k in steps a b -> quantity (string k) ]
        else
            None

    let values (text: string) =
        match range text with
        | Some several -> several
        | None -> [ for item in text.Split ',' -> quantity (item.Trim()) ]

    match word.Split('=', 2) with
    | [| name; text |] when name.Length > 0 && text.Length < 100_000 ->
        let found = values text

        if found |> List.forall Option.isSome then
            let choices = List.map Option.get found

            let isReal =
                choices
                |> List.exists (function
                    | Quantity.Real _ -> true
                    | _ -> false)

            let same =
                if isReal then
                    choices |> List.map (fun value -> Quantity.Real value.Number)
                else
                    choices

            if List.distinct same = same then
                Ok { Name = name.Trim(); Choices = same }
            else
                Error $"--over {word} has a value twice"
        else
            wrong
    | _ -> wrong

let private previous (sweep: Sweep) =
    (None, sweep.Rows)
    ||> List.mapFold (fun before (row: SweepRow) ->
        let place (row: SweepRow) = sweep.Inner.Choices |> List.findIndex ((=) row.At[sweep.Inner.Name])

        let isNext =
            before
            |> Option.filter (fun (earlier: SweepRow) ->
                Map.remove sweep.Inner.Name earlier.At = Map.remove sweep.Inner.Name row.At
                && (sweep.Missing = 0 || place row = place earlier + 1))

        (row, isNext), Some row)
    |> fst

let private spelled (value: Quantity) =
    match value with
    | Quantity.Whole n -> string n
    | Quantity.Long n -> string n
    | other -> Words.number other.Number

let private columns (sweep: Sweep) =
    [
        for axis in sweep.Axes do
            { Title = axis.Name; IsNumber = true }
        { Title = "evaluations"; IsNumber = true }
        for metric in sweep.Metrics do
            { Title = metric.Name; IsNumber = true }
            { Title = "interval"; IsNumber = false }
            { Title = "slope"; IsNumber = true }
        { Title = "by"; IsNumber = false }
    ]

let private rows (sweep: Sweep) =
    [
        for row, before in previous sweep ->
            [
                for axis in sweep.Axes do
                    plain (spelled row.At[axis.Name])
                plain (Words.count row.End.Evaluations)
                for metric in sweep.Metrics do
                    match row.End.Find metric with
                    | None ->
                        plain "–"
                        plain ""
                        plain ""
                    | Some estimate ->
                        let value, around = Measurements.brief estimate
                        strong value
                        faint around

                        match before |> Option.bind (fun before -> Sweep.local sweep.Inner.Name metric before row) with
                        | Some slope -> plain (slope.ToString("F2", Globalization.CultureInfo.InvariantCulture))
                        | None -> plain ""
                match row.End.Measured with
                | Ok _ -> plain row.End.Backend
                | Error reason -> plain reason
            ]
    ]

let private table (screen: Screen) (sweep: Sweep) =
    screen.Table(columns sweep, rows sweep)

    screen.Line()

    for reason in Measurements.missing [ for row in sweep.Rows -> row.End ] do
        screen.Line reason

    if sweep.Missing > 0 then
        screen.Line $"""missing: {Wording.count sweep.Missing "experiment"}"""

    for slope in sweep.Slopes do
        let at =
            match Map.toList slope.At with
            | [] -> ""
            | others -> " at " + String.Join(", ", [ for name, value in others -> $"{name} = {spelled value}" ])

        match slope.Exponent with
        | Ok found ->
            screen.Line
                $"{slope.Metric.Name} ~ {sweep.Inner.Name}^a{at}: a = {found.Slope:F3} in [{found.Lower:F3}, {found.Upper:F3}]"
        | Error reason -> screen.Line $"{slope.Metric.Name} along {sweep.Inner.Name}{at}: {reason}"

let private csv (terminal: Terminal) (sweep: Sweep) =
    let number (x: float) = x.ToString("R", Globalization.CultureInfo.InvariantCulture)

    let head =
        [
            yield! [ for axis in sweep.Axes -> axis.Name ]
            yield! [ "evaluations"; "backend" ]

            for metric in sweep.Metrics do
                yield! [ for part in [ ""; "_lower"; "_upper"; "_confidence" ] -> metric.Name + part ]
        ]

    terminal.Out.WriteLine(String.Join(",", head))

    for row in sweep.Rows do
        let cells =
            [
                yield! [ for axis in sweep.Axes -> number row.At[axis.Name].Number ]
                yield! [ string row.End.Evaluations; row.End.Backend ]

                for metric in sweep.Metrics do
                    match row.End.Find metric with
                    | Some found ->
                        yield (if found.Value.HasValue then number found.Value.Value else "")
                        yield! [ for end' in [ found.Lower; found.Upper; found.Confidence ] -> number end' ]
                    | None -> yield! [ ""; ""; ""; "" ]
            ]

        terminal.Out.WriteLine(String.Join(",", cells))

let private json (family: Family) (sweep: Sweep) (json: Writer) =
    let setting (at: Map<string, Quantity>) =
        object json "at" (fun () ->
            for KeyValue(name, value) in at do
                number json name value.Number)

    text json "family" family.Text
    text json "familyFingerprint" family.Fingerprint

    objects json "axes" sweep.Axes (fun axis ->
        text json "name" axis.Name
        numbers json "values" [ for value in axis.Choices -> value.Number ])

    text json "inner" sweep.Inner.Name
    json.WriteNumber("missing", sweep.Missing)

    objects json "rows" sweep.Rows (fun row ->
        setting row.At
        Measurements.jsonEnd json row.End)

    objects json "slopes" sweep.Slopes (fun slope ->
        text json "metric" slope.Metric.Name
        setting slope.At

        match slope.Exponent with
        | Ok found ->
            number json "exponent" found.Slope
            number json "lower" found.Lower
            number json "upper" found.Upper
        | Error reason -> text json "reason" reason)

let private report (terminal: Terminal) (family: Family) sweep directory =
    let document =
        {
            Text = family.Text
            Fingerprint = family.Fingerprint
            Sweep = sweep
            Columns = [ for column in columns sweep -> column.Title, column.IsNumber ]
            Rows = [ for row in rows sweep -> [ for span in row -> span.Text ] ]
        }

    SweepPage.files document |> Folder.writeFiles terminal.Cancellation directory

let private isFailed (sweep: Sweep) = sweep.Rows |> List.exists (fun row -> Result.isError row.End.Measured)

/// The words of a request that its numbers depend on.
let private words (request: SweepRequest) =
    [
        request.File
        for axis in request.Over do
            yield! [ "--over"; axis ]
        for setting in request.Settings do
            yield! [ "--set"; setting ]
        yield! [ "--by"; $"{request.By}".ToLowerInvariant() ]
    ]

let private finish (terminal: Terminal) (request: SweepRequest) family sweep =
    let page = request.Report |> Option.map (report terminal family sweep)

    if request.Json then
        Terminal.json terminal "sgm.sweep/1" None (json family sweep)
    elif request.Csv then
        csv terminal sweep
    else
        table (Screen.out terminal) sweep

    let code = if isFailed sweep then Exit.Failed else Exit.Fine
    Pages.told terminal "sweep" (request.Json || request.Csv) page code

/// On stores, or without any.
let commandFrom source (terminal: Terminal) (request: SweepRequest) =
    let terminal = Loading.remembering terminal
    let refuse message = Refusal.sentence terminal request.Json $"sgm sweep: {message}"
    let over = request.Over |> List.map axisOf

    match
        over
        |> List.tryPick (function
            | Error message -> Some message
            | Ok _ -> None)
        |> Option.orElse (Pages.misplaced Page.paths request.Report)
    with
    | Some message -> refuse message
    | None when request.Csv && request.Json -> refuse "--csv or --json, expected one of them"
    | None ->
        let over = over |> List.choose Result.toOption

        let swept =
            Loading.settings request.Settings
            |> Result.bind (fun settings ->
                Loading.family terminal request.File
                |> Result.bind (fun family ->
                    // The axes themselves, checked at their first values.
                    let first =
                        (settings, over) ||> List.fold (fun all axis -> Map.add axis.Name axis.Choices.Head all)

                    family.At first
                    |> Result.bind (fun found ->
                        TextClaims.axesOf first found |> Result.map (fun own -> settings, family, own))))

        match swept with
        | Error problems -> Refusal.problems terminal request.Json problems
        | Ok(settings, family, own) ->
            let axes = over @ (if over.IsEmpty then own else [])

            match axes with
            | [] ->
                refuse
                    "nothing varies: write let h = oneOf [ 0.2; 0.1; 0.05 ] in the file, or say --over h=0.2,0.1,0.05"
            | _ when (axes |> List.distinctBy (fun axis -> axis.Name)).Length < axes.Length -> refuse "an axis twice"
            | _ when TextClaims.cells axes > float Sweep.mostCells ->
                refuse $"{TextClaims.cells axes:g6} experiments, at most {Sweep.mostCells}"
            | _ ->
                let asked = Keeping.asked terminal "sweep" (words request) [ request.File ]

                let work shelf =
                    Progress.during terminal "sweeping" (fun told ->
                        Sweep.runKept shelf request.By terminal.Cancellation told axes settings family)
                    |> Result.mapError (Refusal.problems terminal request.Json)

                match Keeping.during terminal asked [] request.Json source work with
                | Error code -> code
                | Ok kept ->
                    finish terminal request family kept.Result
                    |> Keeping.told terminal "sweep" asked source kept.Missing

let command terminal (request: SweepRequest) =
    match Keeping.source request.Report request.Resume request.Shard with
    | Error message -> Refusal.sentence terminal request.Json $"sgm sweep: {message}"
    | Ok source -> commandFrom source terminal { request with Report = Option.orElse request.Report request.Resume }
