namespace Sgm.Verification

open System
open System.Collections.Concurrent
open System.Diagnostics
open System.Threading
open System.Threading.Tasks
open Sgm
open Sgm.Engine

/// A theorem held against scenarios: every axis around every base.
module Study =
    /// The theorem on a single experiment of one's own.
    let onExperiment runner theorem experiment = Trials.onExperiment runner theorem experiment

    /// What a cell spends is told to its own list, from an equal share of its check's budget.
    let private spending (runner: Runner) work =
        let spent = ConcurrentQueue<Spending>()
        let found = work { runner with Budget = { runner.Budget with Record = spent.Enqueue } }
        found, List.ofSeq spent

    /// Which settings are outside the hypotheses, and why the first of them is.
    let private outside count (settings: (Setting * string) list) =
        match settings with
        | [] -> None
        | (_, reason) :: _ ->
            let names = settings |> List.map (fst >> Subject.settingText) |> String.concat "; "
            Some $"not applicable in {settings.Length} of {count} cells ({names}): {reason}"

    /// What the cells of a check come to: a verdict, and a reason that names the setting.
    let private conclude (cells: Cell list) =
        let verdict = cells |> List.map (fun c -> c.Verdict) |> Verdict.all

        let deciding =
            cells
            |> List.tryFind (fun c -> c.Verdict = verdict)
            |> Option.bind (fun c -> c.Reason |> Option.map (fun why -> $"{Subject.settingText c.Setting}: {why}"))

        let unused =
            cells
            |> List.filter (fun c -> c.Verdict = NotApplicable && verdict <> NotApplicable)
            |> List.map (fun c -> c.Setting, defaultArg c.Reason "")
            |> outside cells.Length

        verdict, [ deciding; unused ] |> List.choose id |> String.concat "; " |> Some |> Option.filter ((<>) "")

    /// A check that is worked on when it is asked for: the ids of its cells, still without what tells equal ones
    /// apart; and what comes of it, by the ids that they have in the end.
    type private Prospect =
        {
            Ids: string list
            Measure: string list -> Shelf -> (string -> unit) -> Runner -> CheckResult
        }

    let private empty (theorem: Theorem) kind scenario axis =
        {
            Theorem = theorem
            Kind = kind
            Scenario = scenario
            Axis = axis
            Verdict = Inconclusive
            Reason = None
            Cells = []
            Claim = None
            Points = []
            Rate = None
            Sampled = []
            Missing = 0
            Seconds = 0.0
        }

    /// What a check comes to where some of its cells are missing: a violation is one all the same, nothing else is
    /// decided.
    let private incomplete missing count (verdict, reason) =
        if missing = 0 then
            verdict, reason
        else
            let lacking = $"{missing} of {count} cells are missing"

            (if verdict = Violated then Violated else Inconclusive),
            Some(
                match reason with
                | Some why when verdict = Violated -> $"{why}; {lacking}"
                | _ -> lacking
            )

    /// A setting to the last digit.
    let private exactly (setting: Setting) =
        let number (x: float) = x.ToString("R", Globalization.CultureInfo.InvariantCulture)
        setting |> Map.toList |> List.map (fun (symbol, value) -> $"{symbol} = {number value}") |> String.concat ", "

    /// A check over the settings along an axis; without any it is inconclusive. `of'` tells it from others of the
    /// theorem along the same axis. `conclude` is given the check's runner and what came of the cells that are there.
    let private prospect effort (empty: CheckResult) of' (read: Trials.Prepared -> _) write measure conclude =
        match Trials.alongAxis effort empty.Scenario empty.Axis with
        | Error reason -> { Ids = []; Measure = fun _ _ _ _ -> { empty with Reason = Some reason } }
        | Ok settings ->
            let trials = settings |> List.map (Trials.prepared empty.Scenario)

            let asked (runner: Runner) (trial: Trials.Prepared) =
                lazy
                    [
                        $"effort {runner.Budget.Effort}"
                        $"false alarm {runner.Budget.FalseAlarm:R}"
                        $"seeds {runner.Budget.SeedOffset}"
                        trial.Experiment.Value
                        |> Result.bind (fun own ->
                            Trials.guarded "the fingerprint" (fun () -> Ok(Fingerprint.ofExperiment own)))
                        |> Result.defaultWith id
                    ]

            {
                Ids = [ for trial in trials -> $"{empty.Key}{of'}/{exactly trial.Setting}" ]
                Measure =
                    fun ids shelf told whole ->
                        let runner = { whole with Budget = whole.Budget.Among trials.Length }

                        let found =
                            List.zip ids trials
                            |> List.choose (fun (id, trial) ->
                                runner.Cancellation.ThrowIfCancellationRequested()

                                let cell =
                                    Shelf.cell
                                        shelf
                                        { Id = id; Asked = asked runner trial }
                                        (read trial)
                                        write
                                        (fun () -> spending runner (fun runner -> measure runner trial))

                                told id
                                cell)

                        let result: CheckResult =
                            conclude (trials.Length - found.Length) whole [ for struct ((part, _), _) in found -> part ]

                        { result with
                            Sampled = found |> List.collect (fun struct ((_, spent), _) -> spent)
                            Missing = trials.Length - found.Length
                            Seconds = found |> List.sumBy (fun struct (_, seconds) -> seconds)
                        }
            }

    let private boundChecks effort (theorem: Theorem) =
        [
            for scenario in theorem.Scenarios do
                for axis in scenario.Axes |> List.filter (Trials.isFor effort) do
                    let kind = if theorem.Stance = Necessity then NegativeCheck else BoundCheck
                    let empty = empty theorem kind scenario axis

                    let read (trial: Trials.Prepared) =
                        CellJson.readCell theorem trial.Setting (Result.toOption trial.Experiment.Value)

                    prospect
                        effort
                        empty
                        ""
                        read
                        CellJson.writeCell
                        (fun runner trial -> Trials.cell true runner theorem trial)
                        (fun missing _ cells ->
                            let verdict, reason = conclude cells |> incomplete missing (missing + cells.Length)

                            { empty with Verdict = verdict; Reason = reason; Cells = cells })
        ]

    /// A point of a rate, and why it is outside the theorem's hypotheses if it is.
    let private ratePoint
        (runner: Runner)
        (theorem: Theorem)
        (claim: RateClaim)
        (axis: Axis)
        (prepared: Trials.Prepared)
        =
        let value, outside =
            match prepared.Trial.Value with
            | Error reason -> Error reason, None
            | Ok trial ->
                match Assumption.evaluateAll trial.Subject theorem.Assumptions |> snd with
                | Some reason -> Error reason, Some reason
                | None -> Trials.guarded "the measurement" (fun () -> claim.Quantity runner trial), None

        {
            X = Map.find axis.Symbol prepared.Setting
            Value =
                match value with
                | Ok value -> value
                | Error reason -> Estimate.Unavailable("run", reason)
            Excluded = None
            Experiment = Result.toOption prepared.Experiment.Value
        },
        outside |> Option.map (fun reason -> prepared.Setting, reason)

    let private rateVerdict falseAlarm (claim: RateClaim) (points: RatePoint list) =
        let ascending = (List.last points).X > (List.head points).X

        match Rates.measure falseAlarm claim points with
        | Error reason -> Inconclusive, Some reason, None
        | Ok rate ->
            match Rates.verdict claim ascending rate with
            | Holds -> Holds, None, Some rate
            | verdict ->
                let particles =
                    Rates.needed claim ascending rate
                    |> Option.filter (fun _ -> verdict = Inconclusive)
                    |> Option.map (sprintf "; %s")
                    |> Option.defaultValue (
                        if verdict = Inconclusive then
                            $"; one within {Rates.exactHalfWidth} of its middle decides: more values towards the end of '{claim.Axis}'"
                        else
                            ""
                    )

                let reason = $"the measured exponent is in [{rate.Lower:g8}, {rate.Upper:g8}]{particles}"
                verdict, Some reason, Some rate

    /// What a rate is read along; one that has no values at an effort is left to those at which it has some.
    let private axisOf (claim: RateClaim) =
        claim,
        claim.Scenario.Axes
        |> List.tryFind (fun a -> a.Symbol = claim.Axis)
        |> Option.defaultValue
            {
                Symbol = claim.Axis
                Meaning = "an axis that the scenario does not have"
                Values = fun _ -> []
            }

    let private rateChecks effort (theorem: Theorem) =
        [
            for claim, axis in theorem.Rates |> List.map axisOf |> List.filter (fun (_, axis) -> axis.IsFor effort) do
                let empty = { empty theorem RateCheck claim.Scenario axis with Claim = Some claim }

                let read (trial: Trials.Prepared) =
                    CellJson.readPoint
                        (Map.find axis.Symbol trial.Setting)
                        trial.Setting
                        (Result.toOption trial.Experiment.Value)

                prospect
                    effort
                    empty
                    $"/{claim.Of} {claim.Exponent} {claim.IsExponential}"
                    read
                    CellJson.writePoint
                    (fun runner trial -> ratePoint runner theorem claim axis trial)
                    (fun missing whole measured ->
                        let points, unused = List.map fst measured, List.choose snd measured

                        let verdict, reason, rate =
                            if missing > 0 then Inconclusive, None, None
                            elif unused.Length = points.Length then NotApplicable, None, None
                            else rateVerdict whole.Budget.FalseAlarm claim points

                        let said =
                            [ reason; outside points.Length unused ]
                            |> List.choose id
                            |> String.concat "; "
                            |> Some
                            |> Option.filter ((<>) "")

                        let verdict, reason = incomplete missing (missing + points.Length) (verdict, said)

                        { empty with
                            Verdict = verdict
                            Reason = reason
                            Points =
                                rate
                                |> Option.map (fun r -> r.Points)
                                |> Option.defaultWith (fun () -> Rates.screened points)
                            Rate = rate
                        })
        ]

    /// All checks of a theorem. One that is tried on nothing shows up as a check that is inconclusive.
    let private checksOf effort theorem =
        match boundChecks effort theorem @ rateChecks effort theorem with
        | [] ->
            let axis = { Symbol = ""; Meaning = ""; Values = fun _ -> [] }
            let scenario = Scenarios.scenario "none" "" (fun _ _ -> invalidOp "there is no scenario") [] [ axis ]

            let nothing =
                { empty theorem BoundCheck scenario axis with
                    Reason = Some "the theorem is tried on nothing"
                }

            [ { Ids = []; Measure = fun _ _ _ _ -> nothing } ]
        | several -> several

    /// Names that occur again get a number, so that each is one cell's.
    let private distinct (ids: string list list) =
        let seen = Collections.Generic.Dictionary<string, int>()

        let own (id: string) =
            let times = 1 + (seen.TryGetValue id |> snd)
            seen[id] <- times
            if times = 1 then id else $"{id} ({times})"

        ids |> List.map (List.map own)

    /// Every check of some theorems, to be run any number of times: its plans are lowered once. Cells of one check
    /// run one after the other; checks run on all cores. Every check has an equal share of the runner's budget. Cells
    /// that the shelf has are not run again, and those that it keeps for others are missing.
    let prepareKept effort (theorems: Theorem list) : Shelf -> Runner -> VerificationResult =
        let checks =
            [|
                for theorem in theorems do
                    for check in checksOf effort theorem do
                        theorem.Id, check
            |]

        let ids = distinct [ for _, check in checks -> check.Ids ] |> Array.ofList

        fun shelf runner ->
            let clock = Stopwatch.StartNew()
            let total = ids |> Seq.sumBy (List.filter shelf.Concerns >> List.length)
            let mutable finished = 0

            let measured theorem id =
                if shelf.Concerns id then
                    let count = Interlocked.Increment &finished
                    runner.Progress theorem (float count / float total)

            let share = { runner with Budget = { runner.Budget.Among checks.Length with Effort = effort } }
            let results = Array.zeroCreate checks.Length

            // One check at a time for every core: in equal shares the long ones would come together.
            Parallel.ForEach(
                Partitioner.Create(Seq.indexed checks, EnumerablePartitionerOptions.NoBuffering),
                ParallelOptions(
                    CancellationToken = runner.Cancellation,
                    MaxDegreeOfParallelism = Environment.ProcessorCount
                ),
                fun (i, (theorem, check)) -> results[i] <- check.Measure ids[i] shelf (measured theorem) share
            )
            |> ignore

            {
                Checks = List.ofArray results
                Effort = effort
                FalseAlarm = runner.Budget.FalseAlarm
                Seconds = clock.Elapsed.TotalSeconds
            }

    /// The same without a store.
    let prepare effort theorems = prepareKept effort theorems Shelf.none

    /// Every check of some theorems, once.
    let run runner effort theorems = prepare effort theorems runner
