namespace Sgm.Verification

open System
open System.Runtime.InteropServices
open System.Security.Cryptography
open Sgm
open Sgm.Engine

/// What an experiment is at its end.
type EndOfRun =
    {
        Fingerprint: string
        /// Score evaluations for each particle.
        Evaluations: int64
        /// Who ran it; "none" where nobody could.
        Backend: string
        /// The experiment's metrics, or why there are none.
        Measured: Result<(Metric * Estimate) list, string>
    }

    /// The metric, where it was measured.
    member this.Find(metric: Metric) =
        match this.Measured with
        | Ok values -> values |> List.tryFind (fun (other, _) -> other = metric) |> Option.map snd
        | Error _ -> None

/// One experiment of a sweep, with the numbers of the axes.
type SweepRow = { At: Map<string, Quantity>; End: EndOfRun }

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
        /// Experiments that a partial store has not.
        Missing: int
        Slopes: SweepSlope list
    }

module Sweep =
    /// The most experiments that a sweep may have.
    let mostCells = 1_000_000

    /// The probability that an interval of an exponent from particles is wrong.
    let private falseAlarm = 0.01

    /// Runs an experiment and measures its end.
    let internal atEnd by cancellation (loaded: Checked) =
        let plan, experiment = loaded.Plan, loaded.Experiment

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
            match Laws.choose by plan with
            | Error refusals -> "none", Error(Laws.reasons refusals)
            | Ok choice ->
                match run choice with
                | _, Error reason when by = By.Auto && choice.Interpreter.Backend <> "particles" ->
                    match Laws.instead choice reason plan with
                    | Ok particles -> run particles
                    | Error _ -> choice.Interpreter.Backend, Error reason
                | found -> found

        {
            Fingerprint = loaded.Fingerprint
            Evaluations = plan.ScoreEvaluations
            Backend = backend
            Measured =
                outcome
                |> Result.map (fun outcome ->
                    let law = (Seq.last outcome.Probes).Law
                    [ for metric in plan.Metrics -> metric, law.Measure metric ])
        }

    let private number (value: Quantity) = value.Number

    /// The exponent of a metric along rows that differ in one axis only.
    let private exponent (metric: Metric) (axis: string) (rows: SweepRow list) =
        let points =
            [
                for row in rows do
                    match row.End.Find metric with
                    | Some value -> { X = number row.At[axis]; Value = value; Excluded = None; Experiment = None }
                    | None -> ()
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
            row.End.Find metric
            |> Option.filter (fun found -> found.Value.HasValue && found.Value.Value > 0.0)
            |> Option.map (fun found -> found.Value.Value)

        let x, y = number before.At[axis], number row.At[axis]

        match valueOf before, valueOf row with
        | Some a, Some b when x > 0.0 && y > 0.0 && Double.IsFinite(a / b) -> Some(log (b / a) / log (y / x))
        | _ -> None

    /// A cell as a store and a shard know it: its experiment counts by its fingerprint, its data files by what they
    /// hold.
    let named id (by: By) (loaded: Checked) =
        let rows (data: DataSet) =
            use hash = IncrementalHash.CreateHash HashAlgorithmName.SHA256

            for row in data.Rows do
                hash.AppendData(MemoryMarshal.AsBytes(ReadOnlySpan<float> row))

            Convert.ToHexStringLower(hash.GetHashAndReset())

        {
            Id = id
            Asked = lazy (loaded.Fingerprint :: $"by {by}" :: [ for data in loaded.Data -> rows data ])
        }

    /// The end of an experiment, kept or run; none where it is neither.
    let internal keptEnd (shelf: Shelf) id by cancellation (loaded: Checked) =
        Shelf.cell
            shelf
            (named id by loaded)
            (CellJson.readEnd
             >> Option.map (fun (backend, measured) ->
                 {
                     Fingerprint = loaded.Fingerprint
                     Evaluations = loaded.Plan.ScoreEvaluations
                     Backend = backend
                     Measured = measured
                 }))
            (fun json found -> CellJson.writeEnd json found.Backend found.Measured)
            (fun () -> atEnd by cancellation loaded)
        |> Option.map (fun struct (found, _) -> found)

    /// A choice to the last digit: its name among the cells of the sweep.
    let private idOf (chosen: Map<string, Quantity>) =
        let number (x: float) = x.ToString("R", Globalization.CultureInfo.InvariantCulture)
        [ for KeyValue(name, value) in chosen -> $"{name} = {number value.Number}" ] |> String.concat ", "

    /// More experiments than this are checked again when they run, not held in memory.
    let private mostHeld = 5_000

    /// Runs a family over axes, the metrics of its text at the end of every experiment that concerns this process;
    /// those are checked before any runs. Slopes are read where no experiment is missing.
    let runKept
        (shelf: Shelf)
        by
        (cancellation: Threading.CancellationToken)
        told
        (axes: FamilyAxis list)
        settings
        (family: Family)
        =
        let inner = axes |> List.maxBy (fun axis -> axis.Choices.Length)
        let outer = axes |> List.filter (fun axis -> axis.Name <> inner.Name)

        let groups =
            [
                for around in TextClaims.choices settings outer ->
                    [ for value in inner.Choices -> Map.add inner.Name value around ]
            ]

        let names = axes |> List.map (fun axis -> axis.Name)
        let ours = List.concat groups |> List.filter (idOf >> shelf.Concerns)

        let checked' chosen =
            cancellation.ThrowIfCancellationRequested()
            family.At chosen |> Result.map (fun found -> found.Checked)

        attempt {
            // All of them are checked before any runs.
            let! metrics = checked' groups.Head.Head |> Result.map (fun first -> List.ofSeq first.Plan.Metrics)

            let! members =
                ours
                |> Seq.map (fun chosen ->
                    checked' chosen
                    |> Result.map (fun found ->
                        if ours.Length <= mostHeld then
                            chosen, fun () -> found
                        else
                            chosen, fun () -> checked' chosen |> Result.defaultWith (fun _ -> found)))
                |> every

            let row i (chosen, again) =
                cancellation.ThrowIfCancellationRequested()
                told (TextClaims.label axes chosen) (float i / float ours.Length)

                keptEnd shelf (idOf chosen) by cancellation (again ())
                |> Option.map (fun found ->
                    idOf chosen, { At = chosen |> Map.filter (fun name _ -> List.contains name names); End = found })

            let rows = members |> List.mapi row |> List.choose id
            let found = dict rows

            let slopes (group: Map<string, Quantity> list) =
                let own = [ for id in List.map idOf group |> List.filter found.ContainsKey -> found[id] ]

                [
                    for metric in metrics do
                        {
                            Metric = metric
                            At = group.Head |> Map.filter (fun name _ -> name <> inner.Name && List.contains name names)
                            Exponent =
                                if own.Length < group.Length then
                                    Error $"{group.Length - own.Length} of {group.Length} experiments are missing"
                                else
                                    exponent metric inner.Name own
                        }
                ]

            return
                {
                    Axes = axes
                    Inner = inner
                    Metrics = metrics
                    Rows = List.map snd rows
                    Missing = (groups |> List.sumBy List.length) - rows.Length
                    Slopes = List.collect slopes groups
                }
        }

    /// The same without a store.
    let run by cancellation told axes settings family = runKept Shelf.none by cancellation told axes settings family
