/// What a run measured, as JSON and as tables.
module Sgm.Cli.Measurements

open System
open Sgm
open Sgm.Engine
open Sgm.Verification.JsonWriting

/// One probe, measured.
type Measured =
    {
        Name: string
        Level: NoiseLevel
        /// Means and variances, where they are shown.
        Moments: Moments option
        Metrics: (Metric * Estimate) list
        /// Whether the particles are draws of the target at the level, where that was asked.
        Fit: SteinResult option
    }

/// What is measured at a probe besides the plan's metrics.
type Wanted =
    {
        /// Moments of every coordinate, however many.
        AllMoments: bool
        /// Tests of fit, with random signs from this seed.
        FitSeed: uint64 option
    }

let level json (name: string) (at: NoiseLevel) =
    object json name (fun () ->
        number json "parameter" at.Parameter
        number json "mean" at.Mean
        number json "sigma" at.Sigma)

/// Above this dimension moments are shown only when asked for.
let shownDimension = 16

/// Measures every probe that a run reached.
let ofOutcome (plan: Plan) wanted (outcome: Outcome) =
    [
        for probe in outcome.Probes do
            {
                Name = probe.Name
                Level = probe.Level
                Moments =
                    if wanted.AllMoments || plan.Dimension <= shownDimension then
                        Some(probe.Law.Moments())
                    else
                        None
                Metrics = [ for metric in plan.Metrics -> metric, probe.Law.Measure metric ]
                Fit =
                    match wanted.FitSeed, probe.Law with
                    | Some seed, (:? ParticleLaw as law) ->
                        Some(SteinTest.Of(law.Particles, plan.Target, probe.Level, seed))
                    | _ -> None
            }
    ]

let private jsonEstimate json (metric, estimate: Estimate) =
    object json (Words.metric metric) (fun () ->
        optional json "value" (Option.ofNullable estimate.Value)
        number json "lower" estimate.Lower
        number json "upper" estimate.Upper
        number json "confidence" estimate.Confidence
        text json "method" estimate.Method

        if not (isNull estimate.Reason) then
            text json "reason" estimate.Reason)

let private jsonMoments json (moments: Moments) =
    numbers json "mean" moments.Mean
    numbers json "variance" moments.Variance

    if moments.Confidence < 1.0 then
        let ends name (centre: float[]) (halfWidth: float[]) =
            numbers json $"{name}Lower" (Array.map2 (-) centre halfWidth)
            numbers json $"{name}Upper" (Array.map2 (+) centre halfWidth)

        ends "mean" moments.Mean moments.MeanError
        ends "variance" moments.Variance moments.VarianceError
        number json "confidence" moments.Confidence

let private jsonFit json (fit: SteinResult) =
    object json "stein" (fun () ->
        number json "discrepancy" fit.Discrepancy
        number json "pValue" fit.PValue
        json.WriteNumber("particles", fit.Particles))

/// The array "probes".
let json json measured =
    objects json "probes" measured (fun probe ->
        text json "name" probe.Name
        level json "level" probe.Level
        Option.iter (jsonMoments json) probe.Moments
        object json "metrics" (fun () -> List.iter (jsonEstimate json) probe.Metrics)
        Option.iter (jsonFit json) probe.Fit)

let private number title = { Title = title; IsNumber = true }
let private text title = { Title = title; IsNumber = false }

/// An interval narrower than this, relatively, is shown by its half-width.
let private narrow = 1e-6

let private metricRow forward probe (metric, estimate: Estimate) =
    let isNarrow =
        Double.IsFinite estimate.Upper
        && estimate.Upper - estimate.Lower <= narrow * max (abs estimate.Lower) (abs estimate.Upper)

    let digits = if isNarrow then 10 else 6

    let interval =
        if Double.IsPositiveInfinity estimate.Lower then
            ""
        elif isNarrow && estimate.Value.HasValue then
            $"± {Words.digits 1 ((estimate.Upper - estimate.Lower) / 2.0)}"
        else
            $"[{Words.number estimate.Lower}, {Words.number estimate.Upper}]"

    let value, remark =
        match Option.ofNullable estimate.Value with
        | Some value when isNull estimate.Reason -> strong (Words.digits digits value), estimate.Method
        | Some value -> strong (Words.digits digits value), estimate.Reason
        | None -> { Text = "–"; Tone = Unsure }, estimate.Reason

    let confidence =
        if estimate.Confidence = 1.0 then
            ""
        else
            $"{Words.number (100.0 * estimate.Confidence)} %%"

    [
        plain probe.Name
        plain (Words.level forward probe.Level)
        plain (Words.metric metric)
        value
        plain interval
        plain confidence
        faint remark
    ]

let private momentRows forward probe =
    match probe.Moments with
    | None -> []
    | Some moments ->
        let halfWidth (x: float) = if moments.Confidence = 1.0 then plain "" else faint $"± {Words.digits 2 x}"

        [
            for i in 0 .. moments.Mean.Length - 1 ->
                [
                    plain probe.Name
                    plain (Words.level forward probe.Level)
                    plain $"{i + 1}"
                    plain (Words.number moments.Mean[i])
                    halfWidth moments.MeanError[i]
                    plain (Words.number moments.Variance[i])
                    halfWidth moments.VarianceError[i]
                ]
        ]

/// A fit that 1 in 100 runs of the right law would be told.
let private doubtful = 0.01

let private fitRow forward probe =
    probe.Fit
    |> Option.map (fun fit ->
        let doubted = fit.PValue <= doubtful

        [
            plain probe.Name
            plain (Words.level forward probe.Level)
            plain (Words.number fit.Discrepancy)
            { Text = Words.number fit.PValue; Tone = (if doubted then Bad else Good) }
            plain (
                if doubted then
                    "not draws of the target at this level"
                else
                    "no difference from draws of the target found"
            )
            faint $"kernel Stein discrepancy², {Words.count (int64 fit.Particles)} particles"
        ])

/// The tables of divergences, of fits and of moments.
let show (screen: Screen) forward measured =
    let metrics = measured |> List.collect (fun probe -> List.map (metricRow forward probe) probe.Metrics)

    if not (List.isEmpty metrics) then
        screen.Table(
            [ text "probe"; text "level"; text "metric"; number "value"; text "interval"; number "conf."; text "how" ],
            metrics
        )

    let fits = measured |> List.choose (fitRow forward)

    if not (List.isEmpty fits) then
        screen.Line()

        screen.Table(
            [ text "probe"; text "level"; number "discrepancy"; number "p"; text "fit, at the 1 % level"; text "how" ],
            fits
        )

    let moments = measured |> List.collect (momentRows forward)

    if not (List.isEmpty moments) then
        screen.Line()

        screen.Table(
            [ text "probe"; text "level"; number "coordinate"; number "mean"; text ""; number "variance"; text "" ],
            moments
        )
