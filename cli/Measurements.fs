/// What a run measured, as JSON and as tables.
module Sgm.Cli.Measurements

open System
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.JsonWriting

/// One probe, measured.
type Measured =
    {
        Name: string
        Level: NoiseLevel
        /// Means and variances, where they are shown.
        Moments: Moments option
        Metrics: (Metric * Estimate) list
        /// The mean probability of acceptance since the probe before, where steps could be rejected.
        Acceptance: Estimate option
        /// Through the last kernel, of particles, where that was asked.
        Kernel: KernelEstimate option
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
        /// Estimates through the last kernel, from particles of this run.
        Kernels: (Ensemble * RunOptions) option
    }

/// The test's p-value is one for large numbers.
let fewestForFit = 100

let level json (name: string) (at: NoiseLevel) =
    object json name (fun () ->
        number json "parameter" at.Parameter
        number json "mean" at.Mean
        number json "sigma" at.Sigma)

/// Above this dimension moments are shown only when asked for.
let shownDimension = 16

/// The first probe that gets an estimate through its kernel: the last one always, those before it while the runs for them
/// take no more steps than a quarter of the run itself.
let private firstEstimated (plan: Plan) wanted probes =
    match wanted.Kernels with
    | Some(_, options) when plan.Metrics |> Seq.exists (fun metric -> metric <> Metric.W2) ->
        let share = float (KernelEstimate.Centres(plan, options)) / float options.Particles
        let cost i = share * float (plan.StepsBefore(int64 i))

        let rec back i spent =
            if i = 0 || spent + cost (i - 1) > 0.25 * float plan.StepCount then
                i
            else
                back (i - 1) (spent + cost (i - 1))

        back (probes - 1) (cost (probes - 1))
    | _ -> probes

/// Measures every probe that a run reached.
let ofOutcome (plan: Plan) wanted (outcome: Outcome) =
    let first = firstEstimated plan wanted outcome.Probes.Length

    [
        for i, probe in Seq.indexed outcome.Probes do
            {
                Name = probe.Name
                Level = probe.Level
                Moments =
                    if wanted.AllMoments || plan.Dimension <= shownDimension then
                        Some(probe.Law.Moments())
                    else
                        None
                Metrics = [ for metric in plan.Metrics -> metric, probe.Law.Measure metric ]
                Acceptance = Option.ofObj probe.Acceptance
                Kernel =
                    wanted.Kernels
                    |> Option.filter (fun _ -> i >= first)
                    |> Option.map (fun (ensemble, options) ->
                        KernelEstimate.At(ensemble, plan, options, int64 i, probe))
                Fit =
                    match wanted.FitSeed, probe.Law with
                    | Some seed, (:? ParticleLaw as law) ->
                        Some(SteinTest.Of(law.Particles, plan.Target, probe.Level, seed))
                    | _ -> None
            }
    ]

/// The index of the first probe with a moment that is not a number, and which it is. The half-width of a single
/// particle's moments is ∞.
let notANumber (plan: Plan) measured =
    let broken probe =
        match probe.Moments with
        | None -> None
        | Some moments ->
            [ "mean", moments.Mean; "variance", moments.Variance ]
            |> List.tryFind (fun (_, values) -> not (Array.forall Double.IsFinite values))
            |> Option.orElse (
                [ "mean's interval", moments.MeanError; "variance's interval", moments.VarianceError ]
                |> List.filter (fun _ -> not moments.AreEstimates)
                |> List.tryFind (fun (_, values) -> Array.exists Double.IsNaN values)
            )
            |> Option.map fst

    measured
    |> List.indexed
    |> List.tryPick (fun (i, probe) ->
        broken probe
        |> Option.map (fun what ->
            let step = plan.StepsBefore(int64 i) - 1L

            let method = plan.Steps() |> Seq.tryLast |> Option.map (fun t -> t.Method) |> Option.defaultValue "start"

            RunStatus.Diverged(
                step,
                method,
                probe.Level,
                -1L,
                $"the {what} at “{probe.Name}” is beyond the range of a double; use smaller steps or more levels"
            )))

/// What is said of moments from samples.
let assumption =
    "mean and variance from particles are estimates with standard errors: no interval, as mass that no particle hit is in none"

let private jsonMoments json (moments: Moments) =
    numbers json "mean" moments.Mean
    numbers json "variance" moments.Variance

    if moments.AreEstimates then
        numbers json "meanStandardError" moments.MeanError
        numbers json "varianceStandardError" moments.VarianceError
        text json "momentsReason" assumption
    else
        numbers json "meanWithin" moments.MeanError
        numbers json "varianceWithin" moments.VarianceError

let private kernelMethod = "density through the last kernel; estimate, no interval"

let private estimated (probe: Measured) =
    match probe.Kernel with
    | Some kernel ->
        [
            for metric, _ in probe.Metrics do
                if kernel.Of(metric).HasValue then
                    metric, kernel.Of(metric).Value
        ]
    | None -> []

let private jsonKernel json (probe: Measured) (kernel: KernelEstimate) =
    object json "estimates" (fun () ->
        for metric, value in estimated probe do
            number json metric.Name value

        text json "method" kernelMethod
        Option.iter (text json "reason") (Option.ofObj kernel.Reason))

let jsonFit json (fit: SteinResult) =
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

        object json "metrics" (fun () ->
            List.iter (fun (metric, measured) -> estimate json (Words.metric metric) measured) probe.Metrics)

        Option.iter (estimate json "acceptance") probe.Acceptance
        Option.iter (jsonKernel json probe) probe.Kernel

        Option.iter (jsonFit json) probe.Fit)

/// The end of an experiment of a sweep or a comparison.
let jsonEnd json (end': Sgm.Verification.EndOfRun) =
    text json "fingerprint" end'.Fingerprint
    json.WriteNumber("scoreEvaluations", end'.Evaluations)
    text json "backend" end'.Backend

    match end'.Measured with
    | Ok values ->
        object json "metrics" (fun () ->
            for metric, found in values do
                estimate json metric.Name found)
    | Error reason -> text json "reason" reason

let private number title = { Title = title; IsNumber = true }
let private text title = { Title = title; IsNumber = false }

/// An interval narrower than this, relatively, is shown by its half-width.
let private narrow = 1e-6

/// A number's name with its value, interval, confidence and how it was found.
let private cellsOf (name: string) (estimate: Estimate) =
    let isNarrow =
        Double.IsFinite estimate.Upper
        && estimate.Upper - estimate.Lower <= narrow * max (abs estimate.Lower) (abs estimate.Upper)

    let digits = if isNarrow then 10 else 6

    // Only of a proved bracket can it be said that the number is 0; the value of an estimate is the likeliest there is.
    let isProved = estimate.Confidence = 1.0

    let bracket =
        Option.ofNullable estimate.Value
        |> Option.map (fun value -> value, Words.bracketed digits value estimate.Lower estimate.Upper)

    let interval =
        match bracket with
        | _ when Double.IsPositiveInfinity estimate.Lower -> ""
        | _ when Double.IsPositiveInfinity estimate.Upper -> $"at least {Words.number estimate.Lower}"
        | Some(_, (shown, within)) when isNarrow || (isProved && shown = "0") -> within
        | _ -> $"[{Words.number estimate.Lower}, {Words.number estimate.Upper}]"

    let value, remark =
        match bracket with
        | Some(value, _) when not isProved ->
            plain $"≈ {Words.digits digits value}",
            String.Join("; ", [ estimate.Method; estimate.Reason ] |> List.filter (isNull >> not))
        | Some(_, (shown, _)) -> strong shown, (if isNull estimate.Reason then estimate.Method else estimate.Reason)
        | None -> { Text = "–"; Tone = Unsure }, estimate.Reason

    let confidence =
        if estimate.Confidence = 1.0 then
            ""
        else
            $"{Words.number (100.0 * estimate.Confidence)} %%"

    [ plain name; value; plain interval; plain confidence; faint remark ]

/// A metric with its value, interval, confidence and how it was found.
let metricCells (metric, estimate: Estimate) = cellsOf (Words.metric metric) estimate

/// The columns that the cells of a metric are of.
let metricColumns = [ text "metric"; number "value"; text "interval"; number "conf."; text "how" ]

/// The cells of a row of a probe.
let private ofProbe forward probe cells = plain probe.Name :: plain (Words.level forward probe.Level) :: cells

/// A value and its interval in two short texts; why there is no value is said below the table (`missing`).
let brief (estimate: Estimate) =
    if not estimate.Value.HasValue then
        "–", $"[{Words.digits 4 estimate.Lower}, {Words.digits 4 estimate.Upper}]"
    else
        let value, lower, upper = estimate.Value.Value, estimate.Lower, estimate.Upper

        if Double.IsInfinity value then
            Words.digits 4 value, ""
        elif Double.IsFinite upper && upper - lower <= 1e-3 * abs value + 1e-300 then
            Words.digits 8 value, $"± {Words.above 1 ((upper - lower) / 2.0)}"
        else
            Words.digits 4 value, $"[{Words.digits 4 lower}, {Words.digits 4 upper}]"

/// Why metrics have no value, each reason once.
let missing (ends: EndOfRun list) =
    [
        for found in ends do
            match found.Measured with
            | Ok values ->
                for metric, estimate in values do
                    if not estimate.Value.HasValue then
                        $"{metric.Name} –: {estimate.Reason}"
            | Error _ -> ()
    ]
    |> List.distinct

let private momentRows forward probe =
    match probe.Moments with
    | None -> []
    | Some moments ->
        // A number and its standard error; of an exact law the half-width of its bracket, where the digits shown are
        // more than it supports.
        let cells (value: float) (error: float) =
            if moments.AreEstimates then
                [
                    plain $"≈ {Words.number value}"
                    faint (if Double.IsNaN error then "too few" else Words.digits 2 error)
                ]
            else
                let shown, within = Words.bracketed 6 value (value - error) (value + error)
                let isSharp = error <= 1e-6 * abs value || error = 0.0
                [ plain shown; faint (if isSharp then "" else within) ]

        [
            for i in 0 .. moments.Mean.Length - 1 do
                [
                    plain probe.Name
                    plain (Words.level forward probe.Level)
                    plain $"{i + 1}"
                    yield! cells moments.Mean[i] moments.MeanError[i]
                    yield! cells moments.Variance[i] moments.VarianceError[i]
                ]
        ]

/// A fit that 1 in 100 runs of the right law would be told.
let private doubtful = 0.01

/// A fit in words, and the columns that its cells are of.
let fitCells (fit: SteinResult) =
    let doubted = fit.PValue <= doubtful

    [
        plain (Words.number fit.Discrepancy)
        { Text = Words.number fit.PValue; Tone = (if doubted then Bad else Good) }
        plain (
            if doubted then
                "not draws of the target at this level"
            else
                "no difference from draws of the target found"
        )
        faint $"kernel Stein discrepancy², {Words.count (int64 fit.Particles)} particles"
    ]

let fitColumns = [ number "discrepancy"; number "p"; text "fit, at the 1 % level"; text "how" ]

/// The tables of divergences, of fits and of moments.
let show (screen: Screen) forward measured =
    let metrics =
        measured
        |> List.collect (fun probe ->
            [
                yield! List.map metricCells probe.Metrics
                yield! Option.toList (Option.map (cellsOf "acceptance") probe.Acceptance)
            ]
            |> List.map (ofProbe forward probe))

    if not (List.isEmpty metrics) then
        screen.Table(text "probe" :: text "level" :: metricColumns, metrics)

    let estimates =
        measured
        |> List.collect (fun probe ->
            [
                for metric, value in estimated probe do
                    ofProbe
                        forward
                        probe
                        [ plain (Words.metric metric); plain $"≈ {Words.digits 4 value}"; faint kernelMethod ]

                match probe.Kernel with
                | Some kernel when not (isNull kernel.Reason) ->
                    ofProbe
                        forward
                        probe
                        [ plain "tv, kl, chi2"; { Text = "–"; Tone = Unsure }; faint $"no estimate: {kernel.Reason}" ]
                | _ -> ()
            ])

    if not (List.isEmpty estimates) then
        screen.Line()
        screen.Table([ text "probe"; text "level"; text "metric"; number "estimate"; text "how" ], estimates)

    let fits = measured |> List.choose (fun probe -> probe.Fit |> Option.map (fitCells >> ofProbe forward probe))

    if not (List.isEmpty fits) then
        screen.Line()

        screen.Table(text "probe" :: text "level" :: fitColumns, fits)

    let moments = measured |> List.collect (momentRows forward)

    if not (List.isEmpty moments) then
        let areEstimates =
            measured |> List.exists (fun probe -> probe.Moments |> Option.exists (fun m -> m.AreEstimates))

        let error = if areEstimates then "std. error" else ""
        screen.Line()

        screen.Table(
            [
                text "probe"
                text "level"
                number "coordinate"
                number "mean"
                text error
                number "variance"
                text error
            ],
            moments
        )

        if areEstimates then
            screen.Line [ faint assumption ]
