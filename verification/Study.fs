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

    /// Symbols of the axes that a scenario varies.
    let private alongAxis effort (scenario: Scenario) (axis: Axis) =
        [
            for point in scenario.Bases do
                for value in axis.Values effort -> Map.add axis.Symbol value point
        ]

    /// Scenarios use no files.

    let private trialOf (scenario: Scenario) setting =
        let experiment = scenario.Experiment setting 0

        {
            Subject = { Experiment = experiment; Plan = Scenarios.planOf experiment; Setting = setting }
            Setting = setting
            Refined = scenario.Experiment setting >> Scenarios.planOf
        }

    /// Lowered when first asked for: a fitted score is fitted then.
    let private trialsAlong effort scenario axis =
        alongAxis effort scenario axis |> List.map (fun setting -> lazy trialOf scenario setting)

    /// The largest value of a bound that says something, by metric: total variation below 1; χ² and KL where they bound total
    /// variation below 1 (TV ≤ ½√χ², TV ≤ √(KL/2)); W2 below that of a sampler which always returns the target's mean.
    let informativeBelow metric (plan: Plan) =
        match metric with
        | Metric.Tv -> 1.0
        | Metric.Chi2 -> 4.0
        | Metric.Kl -> 2.0
        | _ -> sqrt (Constants.covarianceTrace plan.Target NoiseLevel.Data)

    /// How many times as many particles would decide a sampled comparison whose interval narrows with the square root of their number.
    let private moreParticles (c: Comparison) =
        let value = c.Measured.Value.Value
        let away = abs (c.Bound - value)
        let half = if c.Bound > value then c.Measured.Upper - value else value - c.Measured.Lower

        if c.Measured.Confidence = 1.0 then
            ""
        elif System.Double.IsPositiveInfinity c.Measured.Upper then
            $"; {c.Measured.Reason}"
        elif away > 0.0 && System.Double.IsFinite half then
            $"; about {ceil ((half / away) ** 2.0):g3} times as many particles would decide"
        else
            "; the value is the bound, more particles may not decide"

    let private judge theorem plan (comparisons: Comparison list) =
        let verdicts = comparisons |> List.map (fun c -> Verdict.ofBound c.Measured c.Bound)

        let ratio (c: Comparison) = if c.Measured.Value.HasValue then c.Measured.Value.Value / c.Bound else infinity

        let verdict = Verdict.all verdicts

        // When all hold the last one speaks for the theorem: it is the conclusion, the others are its steps.
        let decisive =
            if verdict = Holds then
                List.tryLast comparisons
            else
                List.zip comparisons verdicts
                |> List.filter (fun (_, v) -> v = verdict)
                |> List.map fst
                |> function
                    | [] -> None
                    | several -> Some(List.maxBy ratio several)

        let final = List.tryLast comparisons
        let vacuous = final |> Option.exists (fun c -> not (c.Bound < informativeBelow theorem.Metric plan))

        let reason =
            match verdict, decisive with
            | Violated, Some c ->
                Some $"{c.What}: measured at least {c.Measured.Lower:g8}, above the bound {c.Bound:g8}"
            | Inconclusive, Some c when not c.Measured.Value.HasValue -> Some $"{c.What}: {c.Measured.Reason}"
            | Inconclusive, Some c ->
                Some
                    $"{c.What}: the bound {c.Bound:g8} lies inside the interval [{c.Measured.Lower:g8}, {c.Measured.Upper:g8}]{moreParticles c}"
            | _ -> None

        decisive, verdict, vacuous, reason

    let private cell (runner: Runner) (theorem: Theorem) (trial: Trial) =
        let last = ref None

        let record (spent: Spending) =
            last.Value <- Some spent
            runner.Budget.Record spent

        let runner = { runner with Budget = { runner.Budget with Record = record } }
        let experiment = trial.Subject.Experiment

        let assumptions = theorem.Assumptions |> List.map (fun a -> a, a.Evaluate trial.Subject)

        let broken =
            assumptions
            |> List.tryPick (fun (a, result) ->
                match result with
                | Broken reason -> Some $"assumption “{a.Statement}”: {reason}"
                | Satisfied _ -> None)

        let empty =
            {
                Setting = trial.Setting
                Experiment = experiment
                Assumptions = assumptions
                Decisive = None
                Comparisons = 0L
                Verdict = NotApplicable
                Reason = broken
                IsVacuous = false
            }

        match broken with
        | Some _ -> empty
        | None ->
            let evidence = theorem.Evidence runner trial

            // The particles and the seed that decided, so that the experiment replays them.
            let empty =
                match last.Value with
                | Some spent ->
                    { empty with
                        Experiment = { experiment with Particles = int spent.Particles; Seed = int64 spent.Seed }
                    }
                | None -> empty

            match evidence with
            | Error reason -> { empty with Verdict = Inconclusive; Reason = Some reason }
            | Ok comparisons ->
                let decisive, verdict, vacuous, reason = judge theorem trial.Subject.Plan comparisons

                { empty with
                    Decisive = decisive
                    Comparisons = List.length comparisons |> int64
                    Verdict = verdict
                    Reason = reason
                    IsVacuous = vacuous
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

        cell runner theorem (trialOf scenario Map.empty)

    /// A runner whose cells have equal shares of its budget, and what they will have spent.
    let private sharing (runner: Runner) cells =
        let spent = ConcurrentQueue<Spending>()

        let budget = { runner.Budget.Among cells with Record = spent.Enqueue }
        { runner with Budget = budget }, spent

    let private boundChecks effort (theorem: Theorem) =
        [
            for scenario in theorem.Scenarios do
                for axis in scenario.Axes do
                    let trials = trialsAlong effort scenario axis

                    fun told (whole: Runner) ->
                        let clock = Stopwatch.StartNew()
                        let runner, spent = sharing whole trials.Length

                        let cells =
                            trials
                            |> List.map (fun trial ->
                                runner.Cancellation.ThrowIfCancellationRequested()
                                let measured = cell runner theorem trial.Value
                                told ()
                                measured)

                        let verdict = cells |> List.map (fun c -> c.Verdict) |> Verdict.all

                        {
                            Theorem = theorem
                            Kind = (if theorem.Stance = Necessity then NegativeCheck else BoundCheck)
                            Scenario = scenario
                            Axis = axis
                            Verdict = verdict
                            Reason =
                                cells |> List.tryFind (fun c -> c.Verdict = verdict) |> Option.bind (fun c -> c.Reason)
                            Cells = cells
                            Claim = None
                            Points = []
                            Rate = None
                            Sampled = List.ofSeq spent
                            Seconds = clock.Elapsed.TotalSeconds
                        }
        ]

    let private ratePoint runner (claim: RateClaim) (axis: Axis) (trial: Trial) =
        runner.Cancellation.ThrowIfCancellationRequested()

        {
            X = Map.find axis.Symbol trial.Setting
            Value =
                match claim.Quantity runner trial with
                | Ok value -> value
                | Error reason -> Estimate.Unavailable("run", reason)
            Excluded = None
            Experiment = trial.Subject.Experiment
        }

    let private rateChecks effort (theorem: Theorem) =
        [
            for claim in theorem.Rates do
                let axis = claim.Scenario.Axes |> List.find (fun a -> a.Symbol = claim.Axis)
                let trials = trialsAlong effort claim.Scenario axis

                fun told (whole: Runner) ->
                    let clock = Stopwatch.StartNew()
                    let runner, spent = sharing whole trials.Length

                    let points =
                        trials
                        |> List.map (fun trial ->
                            let point = ratePoint runner claim axis trial.Value
                            told ()
                            point)

                    let ascending = (List.last points).X > (List.head points).X
                    let measured = Rates.measure whole.Budget.FalseAlarm claim points

                    let verdict, reason, rate =
                        match measured with
                        | Error reason -> Inconclusive, Some reason, None
                        | Ok rate ->
                            let verdict = Rates.verdict claim ascending rate

                            let reason =
                                if verdict = Holds then
                                    None
                                else
                                    let particles =
                                        Rates.needed claim ascending rate
                                        |> Option.filter (fun _ -> verdict = Inconclusive)
                                        |> Option.map (sprintf "; %s")
                                        |> Option.defaultValue ""

                                    Some $"the measured exponent is in [{rate.Lower:g8}, {rate.Upper:g8}]{particles}"

                            verdict, reason, Some rate

                    {
                        Theorem = theorem
                        Kind = RateCheck
                        Scenario = claim.Scenario
                        Axis = axis
                        Verdict = verdict
                        Reason = reason
                        Cells = []
                        Claim = Some claim
                        Points =
                            rate
                            |> Option.map (fun r -> r.Points)
                            |> Option.defaultWith (fun () -> Rates.screened points)
                        Rate = rate
                        Sampled = List.ofSeq spent
                        Seconds = clock.Elapsed.TotalSeconds
                    }
        ]

    /// How many settings all checks measure.
    let private settings effort (theorem: Theorem) =
        let along scenario axis = (alongAxis effort scenario axis).Length

        let bounds = theorem.Scenarios |> List.sumBy (fun scenario -> scenario.Axes |> List.sumBy (along scenario))

        let rates =
            theorem.Rates
            |> List.sumBy (fun claim ->
                claim.Scenario.Axes |> List.find (fun a -> a.Symbol = claim.Axis) |> along claim.Scenario)

        bounds + rates

    /// Every check of some theorems, to be run any number of times: its plans are lowered once. Cells of one check run one after the
    /// other; checks run on all cores. Every check has an equal share of the runner's budget.
    let prepare effort (theorems: Theorem list) : Runner -> VerificationResult =
        let total = theorems |> List.sumBy (settings effort)

        let checks =
            [|
                for theorem in theorems do
                    for check in boundChecks effort theorem @ rateChecks effort theorem do
                        theorem.Id, check
            |]

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
                    MaxDegreeOfParallelism = System.Environment.ProcessorCount
                ),
                fun (i, (id, check)) -> results[i] <- check (fun () -> measured id) share
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
