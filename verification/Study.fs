namespace Sgm.Verification

open System
open System.Collections.Immutable
open System.Diagnostics
open System.Threading
open Sgm
open Sgm.Engine

/// How experiments are executed while verifying. The default is the engine; the sabotage tests put a broken one here.
type Runner =
    {
        /// Runs a plan by an exact law.
        Run: Plan -> RunOptions -> Outcome
        Cancellation: CancellationToken
        /// Told the check that is being worked on and the finished fraction of all.
        Progress: string -> float -> unit
    }

/// A theorem held against scenarios: every axis around every base.
module Study =

    /// Symbols of the axes that a scenario varies.
    let private alongAxis effort (scenario: Scenario) (axis: Axis) =
        [
            for point in scenario.Bases do
                for value in axis.Values effort -> Map.add axis.Symbol value point
        ]

    /// Scenarios use no files.
    let private toPlan = Lower.plan (fun file -> invalidOp $"a scenario names the file {file}")

    /// The value of the theorem's metric when it cannot be had.
    let private failed (status: RunStatus) =
        match status with
        | :? RunStatus.Diverged as diverged ->
            Estimate.Unavailable("run", $"the sampler diverged at step {diverged.Step}: {diverged.Advice}")
        | :? RunStatus.Unsupported as unsupported -> Estimate.Unavailable("run", unsupported.Reason)
        | :? RunStatus.Cancelled -> raise (OperationCanceledException())
        | _ -> Estimate.Unavailable("run", "the run ended early")

    /// The same plan without its instructions, probed at the level of its first step.
    let private startPlan (plan: Plan) =
        let level =
            plan.Tableaus()
            |> Seq.tryHead
            |> Option.map (fun step -> step.From)
            |> Option.defaultValue plan.InitialLevel

        Plan(
            Target = plan.Target,
            Score = plan.Score,
            Start = plan.Start,
            InitialLevel = level,
            Instructions = ImmutableArray.Create<Instruction>(Instruction.Probe("start", level)),
            Metrics = plan.Metrics
        )

    let private trajectory runner (theorem: Theorem) (plan: Plan) =
        let steps = ResizeArray<Estimate>()

        let watch (step: StepResult) =
            if step.Index >= 0L then
                steps.Add(step.Law.Measure theorem.Metric)

        let execute plan (afterStep: Action<StepResult>) =
            let outcome = runner.Run plan (RunOptions(Cancellation = runner.Cancellation, AfterStep = afterStep))

            if outcome.IsCompleted then
                Ok((Seq.last outcome.Probes).Law.Measure theorem.Metric)
            else
                Error(failed outcome.Status)

        match
            execute (startPlan plan) null, execute plan (if theorem.WatchesEveryStep then Action<_> watch else null)
        with
        | Ok start, Ok final -> Ok { Start = start; Steps = List.ofSeq steps; End = final }
        | Error reason, _
        | _, Error reason -> Error reason

    /// Richardson's extrapolation of values at steps h, h/2, h/4, … whose error expands in whole powers of h. The bracket is the
    /// larger of the last two differences along the diagonal, the second of which is far above the error once the expansion
    /// holds, widened by what rounding can grow to. W2 is extrapolated squared: the square is smooth in h where W2 is not.
    let stepLimit metric (values: Estimate list) =
        match values |> List.tryFind (fun v -> not v.Value.HasValue) with
        | Some missing -> missing
        | None ->
            let transform, back =
                if metric = Metric.W2 then
                    (fun (x: float) -> x * x), (fun x -> sqrt (max 0.0 x))
                else
                    id, id

            let first = values |> List.map (fun v -> transform v.Value.Value) |> Array.ofList

            let columns =
                (first, [ 1 .. first.Length - 1 ])
                ||> List.scan (fun column k ->
                    let factor = 2.0 ** float k

                    column
                    |> Array.pairwise
                    |> Array.map (fun (coarse, fine) -> (factor * fine - coarse) / (factor - 1.0)))

            let corners = columns |> List.map Array.last |> Array.ofList
            let difference k = abs (corners[corners.Length - k] - corners[corners.Length - k - 1])

            let rounding = 16.0 * (values |> List.map (fun v -> transform v.Upper - transform v.Lower) |> List.max)

            // Halving the step must at least halve what is left, in the values or after a first extrapolation. Where it does
            // not there is no expansion in whole powers, and the rest is bounded by the geometric series of the values.
            let contraction (column: float[]) =
                let difference k = abs (column[column.Length - k] - column[column.Length - k - 1])
                if difference 1 <= rounding then infinity else difference 2 / difference 1

            let lastDifference = abs (first[first.Length - 1] - first[first.Length - 2])
            let fastest = columns |> List.truncate 3 |> List.map contraction |> List.max

            let tail =
                if fastest >= 1.8 then 0.0
                elif fastest > 1.05 then 4.0 * lastDifference / (fastest - 1.0)
                else infinity

            let spread = max (difference 1) (difference 2) + rounding + tail
            let best = Array.last corners
            Estimate.Exact(back best, back (best - spread), back (best + spread), "limit of the step to 0 (Richardson)")

    /// How many times the step is halved for a limit.
    let private refinements = 7

    let private measure runner theorem (scenario: Scenario) setting (plan: Plan) =
        match scenario.Measurement with
        | Direct -> trajectory runner theorem plan
        | StepLimit ->
            let folder found k =
                found
                |> Result.bind (fun earlier ->
                    trajectory runner theorem (toPlan (scenario.Experiment setting k))
                    |> Result.map (fun run -> run :: earlier))

            (Ok [], [ 0..refinements ])
            ||> List.fold folder
            |> Result.map (fun runs ->
                {
                    Start = runs.Head.Start
                    Steps = []
                    End = runs |> List.rev |> List.map (fun run -> run.End) |> stepLimit theorem.Metric
                })

    /// The largest value of a bound that says something, by metric: total variation below 1; χ² and KL where they bound total
    /// variation below 1 (TV ≤ ½√χ², TV ≤ √(KL/2)); W2 below that of a sampler which always returns the target's mean.
    let informativeBelow metric (plan: Plan) =
        match metric with
        | Metric.Tv -> 1.0
        | Metric.Chi2 -> 4.0
        | Metric.Kl -> 2.0
        | _ -> sqrt (Constants.covarianceTrace plan.Target NoiseLevel.Data)

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
                    $"{c.What}: the bound {c.Bound:g8} lies inside the interval [{c.Measured.Lower:g8}, {c.Measured.Upper:g8}]"
            | _ -> None

        decisive, verdict, vacuous, reason

    let private cell runner (theorem: Theorem) (scenario: Scenario) setting =
        let experiment = scenario.Experiment setting 0
        let subject = { Experiment = experiment; Plan = toPlan experiment }

        let assumptions = theorem.Assumptions |> List.map (fun a -> a, a.Evaluate subject)

        let broken =
            assumptions
            |> List.tryPick (fun (a, result) ->
                match result with
                | Broken reason -> Some $"assumption “{a.Statement}”: {reason}"
                | Satisfied _ -> None)

        let empty =
            {
                Setting = setting
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
            match measure runner theorem scenario setting subject.Plan with
            | Error estimate -> { empty with Verdict = Inconclusive; Reason = Some estimate.Reason }
            | Ok trajectory ->
                let comparisons = theorem.Bound subject trajectory
                let decisive, verdict, vacuous, reason = judge theorem subject.Plan comparisons

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
                Measurement = Direct
                Experiment = fun _ _ -> experiment
            }

        cell runner theorem scenario Map.empty

    let private boundChecks runner effort (theorem: Theorem) =
        [
            for scenario in theorem.Scenarios do
                for axis in scenario.Axes do
                    fun () ->
                        let clock = Stopwatch.StartNew()

                        let cells =
                            alongAxis effort scenario axis
                            |> List.map (fun setting ->
                                runner.Cancellation.ThrowIfCancellationRequested()
                                cell runner theorem scenario setting)

                        let verdict = cells |> List.map (fun c -> c.Verdict) |> Verdict.all

                        {
                            Theorem = theorem
                            Kind = BoundCheck
                            Scenario = scenario
                            Axis = axis
                            Verdict = verdict
                            Reason =
                                cells |> List.tryFind (fun c -> c.Verdict = verdict) |> Option.bind (fun c -> c.Reason)
                            Cells = cells
                            Claim = None
                            Rate = None
                            Seconds = clock.Elapsed.TotalSeconds
                        }
        ]

    let private ratePoint runner (theorem: Theorem) (claim: RateClaim) (axis: Axis) setting =
        runner.Cancellation.ThrowIfCancellationRequested()
        let experiment = claim.Scenario.Experiment setting 0

        let value =
            match
                measure runner { theorem with WatchesEveryStep = false } claim.Scenario setting (toPlan experiment)
            with
            | Ok trajectory -> trajectory.End
            | Error estimate -> estimate

        {
            X = Map.find axis.Symbol setting
            Value = value
            Excluded = None
            Experiment = experiment
        }

    let private rateChecks runner effort (theorem: Theorem) =
        [
            for claim in theorem.Rates do
                let axis = claim.Scenario.Axes |> List.find (fun a -> a.Symbol = claim.Axis)

                fun () ->
                    let clock = Stopwatch.StartNew()
                    let points = alongAxis effort claim.Scenario axis |> List.map (ratePoint runner theorem claim axis)
                    let ascending = (List.last points).X > (List.head points).X
                    let measured = Rates.measure claim points

                    let verdict, reason, rate =
                        match measured with
                        | Error reason -> Inconclusive, Some reason, None
                        | Ok rate ->
                            let verdict = Rates.verdict claim ascending rate

                            let reason =
                                if verdict = Holds then
                                    None
                                else
                                    Some $"the measured exponent is in [{rate.Lower:g4}, {rate.Upper:g4}]"

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
                        Rate = rate
                        Seconds = clock.Elapsed.TotalSeconds
                    }
        ]

    /// Every check of some theorems. Cells of one check run one after the other; checks run on all cores.
    let run runner effort (theorems: Theorem list) =
        let clock = Stopwatch.StartNew()

        let checks =
            theorems
            |> List.collect (fun theorem ->
                boundChecks runner effort theorem @ rateChecks runner effort theorem
                |> List.map (fun check -> theorem.Id, check))
            |> Array.ofList

        let mutable finished = 0

        let results =
            checks
            |> Array.Parallel.map (fun (id, check) ->
                let result = check ()
                let count = Interlocked.Increment &finished
                runner.Progress id (float count / float checks.Length)
                result)

        { Checks = List.ofArray results; Effort = effort; Seconds = clock.Elapsed.TotalSeconds }
