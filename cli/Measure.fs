/// `sgm measure`: samples that any program made, against a target or against each other.
module Sgm.Cli.Measure

open System
open Sgm
open Sgm.Engine
open Sgm.Verification.JsonWriting

/// Of random choices: which rows of very many, their order, and the signs of the test of fit.
let private seed = 1UL

/// What the samples are held against.
type private Against =
    | Law of text: string * target: Target * level: NoiseLevel * forward: Forward
    | Other of Sample

type private Judged =
    {
        Sample: Sample
        Against: Against
        Metrics: (Metric * Estimate) list
        Fit: SteinResult option
    }

let private judge (sample: Sample) against =
    match against with
    | Law(_, target, level, _) ->
        let law = ParticleLaw(sample.Particles, target, level, seed)

        {
            Sample = sample
            Against = against
            Metrics = [ for metric in [ Metric.Tv; Metric.W2 ] -> metric, law.Measure metric ]
            Fit =
                if sample.Particles.Count >= int64 Measurements.fewestForFit then
                    Some(SteinTest.Of(sample.Particles, target, level, seed))
                else
                    None
        }
    | Other other ->
        let both = TwoSamples(sample.Particles, other.Particles)

        {
            Sample = sample
            Against = against
            Metrics = [ Metric.Tv, both.TotalVariation(); Metric.W2, both.W2() ]
            Fit = None
        }

/// Mean and variance of a coordinate of what the sample is held against, with standard errors where that is a sample.
let private momentsOf against =
    match against with
    | Law(_, target, level, _) ->
        let laws = Array.init target.Dimension (fun e -> LineMixture.Coordinate(target, level, e))
        let none = Array.zeroCreate target.Dimension
        Moments(laws |> Array.map _.Mean, laws |> Array.map _.Variance, none, none, 1.0)
    | Other other -> other.Particles.Moments()

let private widthOf against =
    match against with
    | Law(_, target, _, _) -> target.Dimension
    | Other other -> other.Columns

let private numeric title = { Title = title; IsNumber = true }
let private words title = { Title = title; IsNumber = false }

let private described (sample: Sample) =
    let kept = sample.Particles.Count

    let part =
        if kept < sample.Rows then
            $"; {Words.count kept} rows drawn at random are measured"
        else
            ""

    $"{sample.File}: {Words.count sample.Rows} × {Words.count (int64 sample.Columns)}{part}"

let private showMoments (screen: Screen) judged =
    let own, others = judged.Sample.Particles.Moments(), momentsOf judged.Against
    let apart a b = sqrt (a * a + b * b)
    let error (x: float) = if Double.IsNaN x then "too few" else Words.digits 2 x
    let name e = judged.Sample.Names |> Option.bind (List.tryItem e) |> Option.defaultValue $"{e + 1}"

    let against =
        match judged.Against with
        | Law _ -> "target"
        | Other _ -> "second"

    screen.Line()

    screen.Table(
        [
            words "coordinate"
            numeric "mean"
            numeric against
            numeric "difference"
            numeric "std. error"
            numeric "variance"
            numeric against
            numeric "difference"
            numeric "std. error"
        ],
        [
            for e in 0 .. judged.Sample.Columns - 1 do
                let cells (a: float) (b: float) ea eb =
                    [
                        plain $"≈ {Words.number a}"
                        plain (Words.number b)
                        plain (Words.digits 4 (a - b))
                        faint (error (apart ea eb))
                    ]

                [
                    plain (name e)
                    yield! cells own.Mean[e] others.Mean[e] own.MeanError[e] others.MeanError[e]
                    yield! cells own.Variance[e] others.Variance[e] own.VarianceError[e] others.VarianceError[e]
                ]
        ]
    )

    screen.Line [ faint Measurements.assumption ]

let private show (screen: Screen) judged =
    let line (label: string) (value: string) = screen.Line [ faint (label.PadRight 13); plain value ]
    line "samples" (described judged.Sample)

    match judged.Against with
    | Law(law, _, level, forward) -> line "target" $"{law} at {Words.level forward level}"
    | Other other -> line "against" (described other)

    line "rests on" "rows that are independent draws of one law; their order does not matter"
    screen.Line()

    screen.Table(Measurements.metricColumns, judged.Metrics |> List.map Measurements.metricCells)

    match judged.Fit with
    | Some fit ->
        screen.Line()
        screen.Table(Measurements.fitColumns, [ Measurements.fitCells fit ])
    | None -> ()

    if judged.Sample.Columns <= Measurements.shownDimension then
        showMoments screen judged

let private jsonMoments json (moments: Moments) =
    numbers json "mean" moments.Mean
    numbers json "variance" moments.Variance

    if moments.AreEstimates then
        numbers json "meanStandardError" moments.MeanError
        numbers json "varianceStandardError" moments.VarianceError

let private json judged (json: Writer) =
    let files =
        match judged.Against with
        | Law _ -> [ judged.Sample ]
        | Other other -> [ judged.Sample; other ]

    objects json "files" files (fun sample ->
        text json "file" sample.File
        json.WriteNumber("rows", sample.Rows)
        json.WriteNumber("columns", sample.Columns)
        json.WriteNumber("measured", sample.Particles.Count)
        Option.iter (strings json "names") sample.Names
        jsonMoments json (sample.Particles.Moments()))

    match judged.Against with
    | Law(law, _, level, _) ->
        object json "target" (fun () ->
            text json "law" law
            Measurements.level json "level" level
            jsonMoments json (momentsOf judged.Against))
    | Other _ -> ()

    text json "momentsReason" Measurements.assumption

    object json "metrics" (fun () ->
        for metric, found in judged.Metrics do
            estimate json metric.Name found)

    Option.iter (Measurements.jsonFit json) judged.Fit

/// What is wrong with the command line, or what it asks for.
let private against (request: MeasureRequest) : Result<Choice<Against, string>, Problem list> =
    let wrong found allowed = Error [ { Place = []; Fault = Fault.WrongKind(found, allowed, None); Position = None } ]

    match request.Files, request.Target with
    | [ _ ], None -> wrong "one file and no --target" "--target \"LAW\", or a second file"
    | [ _; _ ], Some _ -> wrong "two files and --target" "one file with a target, or two files without"
    | [ _; second ], None when request.Level.IsNone && request.Forward.IsNone -> Ok(Choice2Of2 second)
    | [ _; _ ], None -> wrong "two files with --level or --forward" "these are a target's, with one file"
    | [ _ ], Some law ->
        let forward = defaultArg request.Forward Ve

        match request.Level |> Option.map Numeral.tryFloat with
        | Some None ->
            wrong $"--level {request.Level.Value}" "a number such as 0.1: the noise σ (ve) or the time t (the others)"
        | Some(Some x) when not (x >= 0.0 && x <= 1e100) ->
            wrong $"--level {request.Level.Value}" "a number from 0 to 1e100"
        | Some(Some x) when forward = Rectified && x >= 1.0 ->
            wrong $"--level {request.Level.Value}" "a time from 0, the data, to below 1, where nothing is left of them"
        | level ->
            Loading.target law
            |> Result.map (fun found ->
                let level = level |> Option.flatten |> Option.defaultValue 0.0
                Choice1Of2(Law(law, found.Plan.Target, Forward.level forward level, forward)))
    | files, _ -> wrong $"{files.Length} files" "one file with --target, or two"

let command terminal (request: MeasureRequest) =
    let refuse message = Refusal.sentence terminal request.Json $"sgm measure: {message}"

    let asked =
        against request
        |> Result.bind (fun against ->
            Sample.read seed request.Files.Head
            |> Result.bind (fun sample ->
                match against with
                | Choice1Of2 law -> Ok(sample, law)
                | Choice2Of2 file -> Sample.read seed file |> Result.map (fun other -> sample, Other other)))

    match asked with
    | Error problems -> Refusal.problems terminal request.Json problems
    | Ok(sample, against) when widthOf against <> sample.Columns ->
        let found = Words.plural "column" (int64 sample.Columns)
        let wanted = Words.dimensions (widthOf against)
        refuse $"{sample.File} has {found}; what it is held against has {wanted}."
    | Ok(sample, against) ->
        let judged = Progress.during terminal "measuring" (fun _ -> judge sample against)

        if request.Json then
            Terminal.json terminal "sgm.measure/1" None (json judged)
        else
            show (Screen.out terminal) judged

        Exit.Fine
