/// Finished cells as JSON and back, to the last bit: what is read back makes the report that running it would.
module internal Sgm.Verification.CellJson

open System
open System.Globalization
open System.Text.Json
open Sgm.Engine
open Sgm.Verification.JsonWriting

/// A number, also one that is none.
let private real (json: Writer) (name: string) (x: float) =
    if Double.IsFinite x then
        json.WriteNumber(name, x)
    else
        json.WriteString(name, x.ToString("R", CultureInfo.InvariantCulture))

let private realOf (value: JsonElement) =
    if value.ValueKind = JsonValueKind.String then
        Double.Parse(value.GetString(), CultureInfo.InvariantCulture)
    else
        value.GetDouble()

let private field (name: string) (value: JsonElement) = value.GetProperty name
let private textOf name value = (field name value).GetString()

let private optionOf name (read: JsonElement -> 'value) (value: JsonElement) =
    match value.TryGetProperty(name: string) with
    | true, found when found.ValueKind <> JsonValueKind.Null -> Some(read found)
    | _ -> None

let private listOf name (read: JsonElement -> 'value) value =
    [ for item in (field name value).EnumerateArray() -> read item ]

let private some (json: Writer) (name: string) write value =
    value |> Option.iter (fun value -> object json name (fun () -> write value))

let writeEstimate (json: Writer) (found: Estimate) =
    if found.Value.HasValue then
        real json "value" found.Value.Value

    real json "lower" found.Lower
    real json "upper" found.Upper
    real json "confidence" found.Confidence
    text json "method" found.Method
    text json "reason" found.Reason

let readEstimate value =
    let lower, upper = realOf (field "lower" value), realOf (field "upper" value)
    let confidence = realOf (field "confidence" value)
    let how, why = textOf "method" value, textOf "reason" value

    match optionOf "value" realOf value with
    | None -> Estimate.Unavailable(how, why, lower, upper, confidence)
    | Some x when Double.IsPositiveInfinity x -> Estimate.Infinite(how, why)
    | Some x -> Estimate.Sampled(x, lower, upper, confidence, how, why)

let private writeSpending (json: Writer) (spent: Spending) =
    text json "what" spent.What
    json.WriteNumber("stages", spent.Stages)
    json.WriteNumber("particles", spent.Particles)
    json.WriteNumber("seed", spent.Seed)
    real json "falseAlarm" spent.FalseAlarm
    text json "assumes" (Option.toObj spent.Assumes)
    text json "power" (Option.toObj spent.Power)

let private readSpending value =
    {
        What = textOf "what" value
        Stages = (field "stages" value).GetInt32()
        Particles = (field "particles" value).GetInt64()
        Seed = (field "seed" value).GetUInt64()
        FalseAlarm = realOf (field "falseAlarm" value)
        Assumes = Option.ofObj (textOf "assumes" value)
        Power = Option.ofObj (textOf "power" value)
    }

let private writeSpent (json: Writer) (spent: Spending list) = objects json "spent" spent (writeSpending json)
let private readSpent value = listOf "spent" readSpending value

let private writeAssumption (json: Writer) (assumption: Assumption, result) =
    text json "statement" assumption.Statement

    let how, words =
        match result with
        | Satisfied words -> "satisfied", words
        | InTheLimit words -> "inTheLimit", words
        | Broken words -> "broken", words

    text json how words

let private readAssumption value =
    textOf "statement" value,
    [ "satisfied", Satisfied; "inTheLimit", InTheLimit; "broken", Broken ]
    |> List.pick (fun (name, result) -> optionOf name (fun found -> result (found.GetString())) value)

/// A file of this program that does not read is no cell: it is run again.
let private attempt read =
    try
        read ()
    with
    | :? InvalidOperationException
    | :? FormatException
    | :? Collections.Generic.KeyNotFoundException -> None

let private verdictOf (name: string) =
    [ Holds; Violated; Inconclusive; NotApplicable ] |> List.find (fun verdict -> Verdict.name verdict = name)

/// A cell of a bound with what it spent. Its setting and its experiment are those of the study, with the particles
/// and the seed that decided.
let writeCell (json: Writer) (cell: Cell, spent) =
    objects json "assumptions" cell.Assumptions (writeAssumption json)

    some
        json
        "decisive"
        (fun (found: Comparison) ->
            text json "what" found.What
            object json "measured" (fun () -> writeEstimate json found.Measured)
            real json "bound" found.Bound)
        cell.Decisive

    json.WriteNumber("comparisons", cell.Comparisons)
    text json "verdict" (Verdict.name cell.Verdict)
    text json "reason" (Option.toObj cell.Reason)
    json.WriteBoolean("vacuous", cell.IsVacuous)

    some
        json
        "replay"
        (fun (own: Sgm.Experiment) ->
            json.WriteNumber("particles", own.Particles)
            json.WriteNumber("seed", own.Seed))
        cell.Experiment

    writeSpent json spent

let readCell (theorem: Theorem) setting (experiment: Sgm.Experiment option) value =
    attempt (fun () ->
        let results = listOf "assumptions" readAssumption value

        let decisive =
            value
            |> optionOf "decisive" (fun found ->
                {
                    What = textOf "what" found
                    Measured = readEstimate (field "measured" found)
                    Bound = realOf (field "bound" found)
                })

        let replay =
            value
            |> optionOf "replay" (fun found -> (field "particles" found).GetInt32(), (field "seed" found).GetInt64())

        let statements = theorem.Assumptions |> List.map (fun assumption -> assumption.Statement)

        if not results.IsEmpty && List.map fst results <> statements then
            None
        else
            let cell =
                {
                    Setting = setting
                    Experiment =
                        Option.map2
                            (fun (own: Sgm.Experiment) (particles, seed) ->
                                { own with Particles = particles; Seed = seed })
                            experiment
                            replay
                    Assumptions =
                        if results.IsEmpty then
                            []
                        else
                            List.zip theorem.Assumptions (List.map snd results)
                    Decisive = decisive
                    Comparisons = (field "comparisons" value).GetInt64()
                    Verdict = verdictOf (textOf "verdict" value)
                    Reason = Option.ofObj (textOf "reason" value)
                    IsVacuous = (field "vacuous" value).GetBoolean()
                }

            Some(cell, readSpent value))

/// A point of a rate, before any is left out of the fit, and why it is outside the theorem's hypotheses if it is.
let writePoint (json: Writer) ((point: RatePoint, outside), spent) =
    object json "measured" (fun () -> writeEstimate json point.Value)
    text json "outside" (outside |> Option.map snd |> Option.toObj)
    writeSpent json spent

let readPoint x (setting: Setting) experiment value =
    attempt (fun () ->
        let point =
            {
                X = x
                Value = readEstimate (field "measured" value)
                Excluded = None
                Experiment = experiment
            }

        Some((point, optionOf "outside" (fun why -> setting, why.GetString()) value), readSpent value))

/// The end of an experiment of a sweep or a comparison: its metrics, or why there are none.
let writeEnd (json: Writer) (backend: string) (measured: Result<(Metric * Estimate) list, string>) =
    text json "backend" backend

    match measured with
    | Ok values ->
        objects json "metrics" values (fun (metric, found) ->
            text json "metric" metric.Name
            object json "measured" (fun () -> writeEstimate json found))
    | Error reason -> text json "failed" reason

let readEnd value =
    attempt (fun () ->
        let measured =
            match optionOf "failed" (fun why -> why.GetString()) value with
            | Some reason -> Error reason
            | None ->
                value
                |> listOf "metrics" (fun found ->
                    let name = textOf "metric" found
                    Metric.All |> Seq.find (fun metric -> metric.Name = name), readEstimate (field "measured" found))
                |> Ok

        Some(textOf "backend" value, measured))
