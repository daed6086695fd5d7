/// What a run measured, as JSON and as tables.
module Sgm.Cli.Measurements

open System
open Sgm
open Sgm.Engine

/// One probe, measured.
type Measured =
    {
        Name: string
        Level: NoiseLevel
        /// Means and variances, where they are shown.
        Moments: Moments option
        Metrics: (Metric * Estimate) list
    }

/// Above this dimension moments are shown only when asked for.
let shownDimension = 16

/// Measures every probe that a run reached.
let ofOutcome (plan: Plan) isFull (outcome: Outcome) =
    [
        for probe in outcome.Probes do
            {
                Name = probe.Name
                Level = probe.Level
                Moments =
                    if isFull || plan.Dimension <= shownDimension then
                        Some(probe.Law.Moments())
                    else
                        None
                Metrics = [ for metric in plan.Metrics -> metric, probe.Law.Measure metric ]
            }
    ]

let private jsonEstimate json (metric, estimate: Estimate) =
    Json.object json (Words.metric metric) (fun () ->
        Json.optional json "value" (Option.ofNullable estimate.Value)
        Json.number json "lower" estimate.Lower
        Json.number json "upper" estimate.Upper
        Json.number json "confidence" estimate.Confidence
        Json.text json "method" estimate.Method

        if not (isNull estimate.Reason) then
            Json.text json "reason" estimate.Reason)

let private jsonMoments json (moments: Moments) =
    Json.numbers json "mean" moments.Mean
    Json.numbers json "variance" moments.Variance

    if moments.Confidence < 1.0 then
        let ends name (centre: float[]) (halfWidth: float[]) =
            Json.numbers json $"{name}Lower" (Array.map2 (-) centre halfWidth)
            Json.numbers json $"{name}Upper" (Array.map2 (+) centre halfWidth)

        ends "mean" moments.Mean moments.MeanError
        ends "variance" moments.Variance moments.VarianceError
        Json.number json "confidence" moments.Confidence

/// The array "probes".
let json json measured =
    Json.objects json "probes" measured (fun probe ->
        Json.text json "name" probe.Name
        Json.level json "level" probe.Level
        Option.iter (jsonMoments json) probe.Moments
        Json.object json "metrics" (fun () -> List.iter (jsonEstimate json) probe.Metrics))

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

/// The tables of divergences and of moments.
let show (screen: Screen) forward measured =
    let metrics = measured |> List.collect (fun probe -> List.map (metricRow forward probe) probe.Metrics)

    if not (List.isEmpty metrics) then
        screen.Table(
            [ text "probe"; text "level"; text "metric"; number "value"; text "interval"; number "conf."; text "how" ],
            metrics
        )

    let moments = measured |> List.collect (momentRows forward)

    if not (List.isEmpty moments) then
        screen.Line()

        screen.Table(
            [ text "probe"; text "level"; number "coordinate"; number "mean"; text ""; number "variance"; text "" ],
            moments
        )
