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

    let rec private isCancellation (error: exn) =
        match error with
        | :? OperationCanceledException -> true
        | :? AggregateException as several -> several.InnerExceptions |> Seq.forall isCancellation
        | _ -> false

    /// What fails in a cell is that cell's verdict, not the end of the run; only cancelling ends that.
    let private guarded what work =
        try
            work ()
        with error when not (isCancellation error) ->
            Error $"{what} failed: {error.Message}"

    /// Whether an axis is varied at an effort; what fails when it is asked becomes its check's reason.
    let private isFor effort (axis: Axis) = guarded "listing the settings" (fun () -> Ok(axis.IsFor effort)) <> Ok false

    /// The settings along an axis around every base, or why there are none.
    let private alongAxis effort (scenario: Scenario) (axis: Axis) =
        guarded "listing the settings" (fun () ->
            match
                [
                    for point in scenario.Bases do
                        for value in axis.Values effort -> Map.add axis.Symbol value point
                ]
            with
            | [] -> Error "nothing was tried: the axis has no values, or the scenario no base"
            | settings -> Ok settings)

    /// A setting with its experiment and its trial, or why there is none.
    type private Prepared =
        {
            Setting: Setting
            Experiment: Lazy<Result<Experiment, string>>
            /// Lowered when first asked for: a fitted score is fitted then.
            Trial: Lazy<Result<Trial, string>>
        }

    let private prepared (scenario: Scenario) setting =
        let own = lazy guarded "making the experiment" (fun () -> Ok(scenario.Experiment setting 0))

        let trial =
            lazy
                guarded "lowering the experiment" (fun () ->
                    attempt {
                        let! experiment = own.Value

                        let! plan =
                            Scenarios.checkedPlan experiment
                            |> Result.mapError (fun problems -> $"no valid experiment: {problems}")

                        return
                            {
                                Subject = { Experiment = experiment; Plan = plan; Setting = setting }
                                Setting = setting
                                Refined = scenario.Experiment setting >> Scenarios.planOf
                            }
                    })

        { Setting = setting; Experiment = own; Trial = trial }

    /// The cell, from one that is inconclusive: evidence only of what the hypotheses cover. `isRefined` says whether
    /// the trial knows its limit of small steps.
    let private assess isRefined (runner: Runner) (theorem: Theorem) (trial: Trial) empty =
        let assumptions, broken = Assumption.evaluateAll trial.Subject theorem.Assumptions
        let empty = { empty with Cell.Assumptions = assumptions }

        match broken with
        | Some reason -> { empty with Verdict = NotApplicable; Reason = Some reason }
        | None when not isRefined && Assumption.areInTheLimit assumptions ->
            { empty with Verdict = NotApplicable; Reason = Some Assumption.limitOnly }
        | None ->
            match guarded "the evidence" (fun () -> theorem.Evidence runner trial) with
            | Error reason -> { empty with Reason = Some reason }
            | Ok compared ->
                let found = Judge.comparisons theorem.Metric trial.Subject.Plan compared

                { empty with
                    Decisive = found.Decisive
                    Comparisons = List.length compared |> int64
                    Verdict = found.Verdict
                    Reason = found.Reason
                    IsVacuous = found.IsVacuous
                }

    let private cell isRefined (runner: Runner) (theorem: Theorem) (prepared: Prepared) =
        let last = ref None

        let record (spent: Spending) =
            last.Value <- Some spent
            runner.Budget.Record spent

        let runner = { runner with Budget = { runner.Budget with Record = record } }

        let empty =
            {
                Setting = prepared.Setting
                Experiment = Result.toOption prepared.Experiment.Value
                Assumptions = []
                Decisive = None
                Comparisons = 0L
                Verdict = Inconclusive
                Reason = None
                IsVacuous = false
            }

        let found =
            guarded "the cell" (fun () ->
                prepared.Trial.Value |> Result.map (fun trial -> assess isRefined runner theorem trial empty))

        match found, last.Value with
        | Error reason, _ -> { empty with Reason = Some reason }
        | Ok measured, None -> measured
        // The particles and the seed that decided, so that the experiment replays them.
        | Ok measured, Some spent ->
            { measured with
                Experiment =
                    measured.Experiment
                    |> Option.map (fun own -> { own with Particles = int spent.Particles; Seed = int64 spent.Seed })
            }

    /// The theorem on a single experiment of one's own.
    let onExperiment runner theorem experiment =
        let scenario =
            {
                Name = "own"
                Description = "an experiment given by the user"
                Bases = [ Map.empty ]
                Axes = []
                Experiment = fun _ _ -> experiment
            }

        cell false runner theorem (prepared scenario Map.empty)

    /// A runner whose cells have equal shares of its budget, and what they will have spent.
    let private sharing (runner: Runner) cells =
        let spent = ConcurrentQueue<Spending>()

        let budget = { runner.Budget.Among cells with Record = spent.Enqueue }
        { runner with Budget = budget }, spent

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

    /// A check that is worked on when it is asked for: how many settings it has, and what comes of it.
    type private Prospect = { Settings: int; Measure: (unit -> unit) -> Runner -> CheckResult }

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
            Seconds = 0.0
        }

    let private timed (measure: unit -> CheckResult) =
        let clock = Stopwatch.StartNew()
        let result = measure ()
        { result with Seconds = clock.Elapsed.TotalSeconds }

    /// A check over the settings along an axis; without any it is inconclusive.
    let private prospect effort empty scenario axis measure =
        match alongAxis effort scenario axis with
        | Error reason -> { Settings = 0; Measure = fun _ _ -> { empty with Reason = Some reason } }
        | Ok settings ->
            let trials = settings |> List.map (prepared scenario)

            {
                Settings = settings.Length
                Measure = fun told runner -> timed (fun () -> measure trials told runner)
            }

    let private boundChecks effort (theorem: Theorem) =
        [
            for scenario in theorem.Scenarios do
                for axis in scenario.Axes |> List.filter (isFor effort) do
                    let kind = if theorem.Stance = Necessity then NegativeCheck else BoundCheck
                    let empty = empty theorem kind scenario axis

                    prospect effort empty scenario axis (fun trials told whole ->
                        let runner, spent = sharing whole trials.Length

                        let cells =
                            trials
                            |> List.map (fun trial ->
                                runner.Cancellation.ThrowIfCancellationRequested()
                                let measured = cell true runner theorem trial
                                told ()
                                measured)

                        let verdict, reason = conclude cells

                        { empty with
                            Verdict = verdict
                            Reason = reason
                            Cells = cells
                            Sampled = List.ofSeq spent
                        })
        ]

    /// A point of a rate, and why it is outside the theorem's hypotheses if it is.
    let private ratePoint (runner: Runner) (theorem: Theorem) (claim: RateClaim) (axis: Axis) (prepared: Prepared) =
        let value, outside =
            match prepared.Trial.Value with
            | Error reason -> Error reason, None
            | Ok trial ->
                match Assumption.evaluateAll trial.Subject theorem.Assumptions |> snd with
                | Some reason -> Error reason, Some reason
                | None -> guarded "the measurement" (fun () -> claim.Quantity runner trial), None

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

    let private rateChecks effort (theorem: Theorem) =
        [
            for claim in theorem.Rates do
                let axis =
                    claim.Scenario.Axes
                    |> List.tryFind (fun a -> a.Symbol = claim.Axis)
                    |> Option.defaultValue
                        {
                            Symbol = claim.Axis
                            Meaning = "an axis that the scenario does not have"
                            Values = fun _ -> []
                        }

                let empty = { empty theorem RateCheck claim.Scenario axis with Claim = Some claim }

                prospect effort empty claim.Scenario axis (fun trials told whole ->
                    let runner, spent = sharing whole trials.Length

                    let measured =
                        trials
                        |> List.map (fun trial ->
                            runner.Cancellation.ThrowIfCancellationRequested()
                            let point = ratePoint runner theorem claim axis trial
                            told ()
                            point)

                    let points, unused = List.map fst measured, List.choose snd measured

                    let verdict, reason, rate =
                        if unused.Length = points.Length then
                            NotApplicable, None, None
                        else
                            rateVerdict whole.Budget.FalseAlarm claim points

                    { empty with
                        Verdict = verdict
                        Reason =
                            [ reason; outside points.Length unused ]
                            |> List.choose id
                            |> String.concat "; "
                            |> Some
                            |> Option.filter ((<>) "")
                        Points =
                            rate
                            |> Option.map (fun r -> r.Points)
                            |> Option.defaultWith (fun () -> Rates.screened points)
                        Rate = rate
                        Sampled = List.ofSeq spent
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

            [ { Settings = 0; Measure = fun _ _ -> nothing } ]
        | several -> several

    /// Every check of some theorems, to be run any number of times: its plans are lowered once. Cells of one check run
    /// one after the other; checks run on all cores. Every check has an equal share of the runner's budget.
    let prepare effort (theorems: Theorem list) : Runner -> VerificationResult =
        let checks =
            [|
                for theorem in theorems do
                    for check in checksOf effort theorem do
                        theorem.Id, check
            |]

        let total = checks |> Array.sumBy (fun (_, check) -> check.Settings)

        fun runner ->
            let clock = Stopwatch.StartNew()
            let mutable finished = 0

            let measured id =
                let count = Interlocked.Increment &finished
                runner.Progress id (float count / float total)

            let share = { runner with Budget = { runner.Budget.Among checks.Length with Effort = effort } }
            let results = Array.zeroCreate checks.Length

            // One check at a time for every core: in equal shares the long ones would come together.
            Parallel.ForEach(
                Partitioner.Create(Seq.indexed checks, EnumerablePartitionerOptions.NoBuffering),
                ParallelOptions(
                    CancellationToken = runner.Cancellation,
                    MaxDegreeOfParallelism = Environment.ProcessorCount
                ),
                fun (i, (id, check)) -> results[i] <- check.Measure (fun () -> measured id) share
            )
            |> ignore

            {
                Checks = List.ofArray results
                Effort = effort
                FalseAlarm = runner.Budget.FalseAlarm
                Seconds = clock.Elapsed.TotalSeconds
            }

    /// Every check of some theorems, once.
    let run runner effort theorems = prepare effort theorems runner
