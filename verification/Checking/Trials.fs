namespace Sgm.Verification

open System
open Sgm

/// The settings of a scenario, and a theorem on one of them.
module internal Trials =

    let rec private isCancellation (error: exn) =
        match error with
        | :? OperationCanceledException -> true
        | :? AggregateException as several -> several.InnerExceptions |> Seq.forall isCancellation
        | _ -> false

    /// What fails in a cell is that cell's verdict, not the end of the run; only cancelling ends that.
    let guarded what work =
        try
            work ()
        with error when not (isCancellation error) ->
            Error $"{what} failed: {error.Message}"

    /// Whether an axis is varied at an effort; what fails when it is asked becomes its check's reason.
    let isFor effort (axis: Axis) = guarded "listing the settings" (fun () -> Ok(axis.IsFor effort)) <> Ok false

    /// The settings along an axis around every base, or why there are none.
    let alongAxis effort (scenario: Scenario) (axis: Axis) =
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
    type Prepared =
        {
            Setting: Setting
            Experiment: Lazy<Result<Experiment, string>>
            /// Lowered when first asked for: a fitted score is fitted then.
            Trial: Lazy<Result<Trial, string>>
        }

    let prepared (scenario: Scenario) setting =
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

    let cell isRefined (runner: Runner) (theorem: Theorem) (prepared: Prepared) =
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
