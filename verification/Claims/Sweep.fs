namespace Sgm.Verification

open System
open Sgm
open Sgm.Engine

/// One experiment of a sweep, measured at its end.
type SweepRow =
    {
        /// The numbers of the axes.
        At: Map<string, Quantity>
        Fingerprint: string
        Evaluations: int64
        Backend: string
        /// The experiment's metrics, or why there are none.
        Measured: Result<(Metric * Estimate) list, string>
    }

/// How a metric grows along the inner axis, where the others stand still.
type SweepSlope =
    {
        Metric: Metric
        /// The numbers of the other axes.
        At: Map<string, Quantity>
        /// The exponent of metric ~ axis^a with its interval, or why there is none.
        Exponent: Result<RateMeasurement, string>
    }

/// A family run over axes: rows with the inner axis, the longest, running fastest.
type Sweep =
    {
        Axes: FamilyAxis list
        Inner: FamilyAxis
        Metrics: Metric list
        Rows: SweepRow list
        Slopes: SweepSlope list
    }

module Sweep =
    /// The probability that an interval of an exponent from particles is wrong.
    let private falseAlarm = 0.01

    /// Who runs an experiment, and its metrics at the end, or why there are none.
    let internal atEnd by cancellation (loaded: Checked) =
        let plan, experiment = loaded.Plan, loaded.Experiment

        match Laws.choose by plan with
        | Error refusals -> "none", Error(Laws.reasons refusals)
        | Ok choice ->
            let options =
                RunOptions(
                    Particles = int64 experiment.Particles,
                    Seed = uint64 experiment.Seed,
                    Cancellation = cancellation
                )

            let run (choice: Choice) =
                choice.Interpreter.Backend,
                Measure.outcomeBy (fun plan options -> choice.Interpreter.Run(plan, options)) plan options

            let backend, outcome =
                match run choice with
                | _, Error reason when by = By.Auto && choice.Interpreter.Backend <> "particles" ->
                    match Laws.instead choice reason plan with
                    | Ok particles -> run particles
                    | Error _ -> choice.Interpreter.Backend, Error reason
                | found -> found

            backend,
            outcome
            |> Result.map (fun outcome ->
                let law = (Seq.last outcome.Probes).Law
                [ for metric in plan.Metrics -> metric, law.Measure metric ])

    let private measure by cancellation (found: FamilyMember) at =
        let backend, measured = atEnd by cancellation found.Checked

        {
            At = at
            Fingerprint = found.Checked.Fingerprint
            Evaluations = found.Checked.Plan.ScoreEvaluations
            Backend = backend
            Measured = measured
        }

    let private number (value: Quantity) = value.Number

    /// The exponent of a metric along rows that differ in one axis only.
    let private exponent (metric: Metric) (axis: string) (rows: SweepRow list) =
        let points =
            [
                for row in rows do
                    match row.Measured with
                    | Ok values ->
                        {
                            X = number row.At[axis]
                            Value = values |> List.find (fun (other, _) -> other = metric) |> snd
                            Excluded = None
                            Experiment = None
                        }
                    | Error _ -> ()
            ]

        let claim =
            {
                Axis = axis
                Exponent = Exactly 0.0
                IsExponential = false
                Of = metric.Name
                Quantity = fun _ _ -> Error "measured already"
                Scenario = Scenarios.scenario "sweep" "" (fun _ _ -> invalidOp "measured already") [] []
            }

        if points |> List.exists (fun point -> not (point.X > 0.0)) then
            Error $"'{axis}' is not positive"
        elif points.Length < 4 then
            Error "a slope is read off four points at least"
        else
            Rates.measure falseAlarm claim points

    /// The local exponent between two neighbours of an axis: log-ratio of values over that of the axis.
    let local (axis: string) metric (before: SweepRow) (row: SweepRow) =
        let valueOf (row: SweepRow) =
            match row.Measured with
            | Ok values ->
                let estimate = values |> List.find (fun (other, _) -> other = metric) |> snd

                if estimate.Value.HasValue && estimate.Value.Value > 0.0 then
                    Some estimate.Value.Value
                else
                    None
            | Error _ -> None

        let x, y = number before.At[axis], number row.At[axis]

        match valueOf before, valueOf row with
        | Some a, Some b when x > 0.0 && y > 0.0 && Double.IsFinite(a / b) -> Some(log (b / a) / log (y / x))
        | _ -> None

    /// Runs a family over axes, the metrics of its text at the end of every experiment; everything is checked before anything runs.
    let run by (cancellation: Threading.CancellationToken) told (axes: FamilyAxis list) settings (family: Family) =
        let inner = axes |> List.maxBy (fun axis -> axis.Choices.Length)
        let outer = axes |> List.filter (fun axis -> axis.Name <> inner.Name)

        let groups =
            [
                for around in TextClaims.choices settings outer ->
                    [ for value in inner.Choices -> Map.add inner.Name value around ]
            ]

        let total = List.sumBy List.length groups

        let members =
            groups
            |> List.map (
                List.map (fun chosen ->
                    cancellation.ThrowIfCancellationRequested()
                    family.At chosen |> Result.map (fun found -> chosen, found.Checked.Fingerprint))
            )

        match
            members
            |> List.concat
            |> List.tryPick (function
                | Error problems -> Some problems
                | Ok _ -> None)
        with
        | Some problems -> Error problems
        | None ->
            let mutable finished = 0
            let names = axes |> List.map (fun axis -> axis.Name)

            let rows =
                groups
                |> List.map (
                    List.map (fun chosen ->
                        cancellation.ThrowIfCancellationRequested()
                        let at = chosen |> Map.filter (fun name _ -> List.contains name names)
                        told (TextClaims.label axes chosen) (float finished / float total)
                        finished <- finished + 1

                        match family.At chosen with
                        | Ok found -> measure by cancellation found at
                        | Error problems -> invalidOp (Message.renderAll problems))
                )

            let metrics =
                match family.At groups.Head.Head with
                | Ok found -> List.ofSeq found.Checked.Plan.Metrics
                | Error _ -> []

            Ok
                {
                    Axes = axes
                    Inner = inner
                    Metrics = metrics
                    Rows = List.concat rows
                    Slopes =
                        [
                            for group in rows do
                                for metric in metrics do
                                    {
                                        Metric = metric
                                        At = Map.remove inner.Name group.Head.At
                                        Exponent = exponent metric inner.Name group
                                    }
                        ]
                }
