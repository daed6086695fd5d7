namespace Sgm.Verification

open System.Collections.Immutable
open Sgm.Engine

/// What a plan does at one level: perhaps a predictor step that arrives there, then N equal Langevin steps.
type LevelRun =
    {
        /// The level where the state was before.
        From: NoiseLevel
        Level: NoiseLevel
        Predictor: Tableau option
        /// Langevin step h; 0 when there is none.
        H: float
        /// Number of Langevin steps N.
        N: int64
    }

/// A plan as a descent through noise levels.
module LevelRuns =
    /// Steps with how often each is repeated.
    let rec private steps (body: ImmutableArray<Instruction>) : (Tableau * int64) list =
        [
            for instruction in body do
                match instruction with
                | :? Instruction.Step as step -> step.Tableau, 1L
                | :? Instruction.Transitions as all ->
                    for i in 0 .. all.Count - 1 do
                        yield! steps (all.Body.Invoke i)
                | :? Instruction.Repeat as repeat when repeat.Count > 0L ->
                    match steps repeat.Body with
                    | [ step, count ] when step.StaysAtLevel -> step, count * repeat.Count
                    | several ->
                        for _ in 1L .. repeat.Count do
                            yield! several
                | _ -> ()
        ]

    let private add runs (step: Tableau, count) =
        match runs with
        | Error reason -> Error reason
        | Ok(current: LevelRun, earlier) ->
            if step.StaysAtLevel then
                if not (Subject.isLangevin step) then
                    Error $"the step '{step.Method}' is not a Langevin step x + h·s + √(2h)·ξ"
                elif current.Level <> step.From then
                    let next = { From = current.Level; Level = step.From; Predictor = None; H = step.B[0]; N = count }

                    Ok(next, current :: earlier)
                elif current.N = 0L || current.H = step.B[0] then
                    Ok({ current with H = step.B[0]; N = current.N + count }, earlier)
                else
                    Error "the Langevin steps at one level have several sizes"
            elif current.Level <> step.From then
                Error $"the step '{step.Method}' starts at another level than that of the start"
            else
                let next = { From = step.From; Level = step.To; Predictor = Some step; H = 0.0; N = 0L }

                Ok(next, current :: earlier)

    /// The levels in the order of the run, the initial one first even when nothing happens there; or why the plan is not this.
    /// A predictor starts where the state is, from the initial level on, and the end is measured at the last level.
    let ofPlan (plan: Plan) =
        let start = { From = plan.InitialLevel; Level = plan.InitialLevel; Predictor = None; H = 0.0; N = 0L }

        LevelPath.followsUnderPredictors plan
        |> Result.bind (fun () -> (Ok(start, []), steps plan.Instructions) ||> List.fold add)
        |> Result.map (fun (last, earlier) -> List.rev (last :: earlier))

    /// The law of the target at `from`, moved by the predictor if there is one, as a plan that measures it at the run's level.
    let arrival (plan: Plan) (run: LevelRun) =
        let move = run.Predictor |> Option.map (fun step -> Instruction.Step step :> Instruction) |> Option.toList

        Plan(
            Target = plan.Target,
            Score = plan.Score,
            Start = Start.Law(plan.Target, run.From),
            InitialLevel = run.From,
            Instructions = ImmutableArray.CreateRange(move @ [ Instruction.Probe("end", run.Level) ]),
            Metrics = ImmutableArray.Create Metric.Chi2
        )
