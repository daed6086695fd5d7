namespace Sgm.Verification

open System.Collections.Immutable
open Sgm
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
    /// Most levels that a plan is read for.
    let private most = 200_000

    /// Steps with how often each is repeated, on demand.
    let rec private steps (body: ImmutableArray<Instruction>) : (IStep * int64) seq =
        seq {
            for instruction in body do
                match instruction with
                | TableauStep step -> step, 1L
                | GeneralStep step -> step, 1L
                | MetropolisStep step -> step, 1L
                | Annealed all ->
                    for i in 0 .. all.Count - 1 do
                        yield! steps (all.Body.Invoke i)
                | Repeated repeat ->
                    if repeat.Count > 0L then
                        yield! rounds repeat
                | Probed _ -> ()
        }

    /// Rounds of one and the same step, or of several at one level, are one round with every step as often.
    and private rounds (repeat: Instruction.Repeat) =
        let once = steps repeat.Body
        let first = Seq.tryHead once

        let together =
            match first with
            | Some(step, _) -> once |> Seq.forall (fun (other, _) -> other.StaysAtLevel && other.From = step.From)
            | None -> true

        if together then
            once |> Seq.map (fun (step, count) -> step, count * repeat.Count)
        else
            seq {
                for _ in 1L .. repeat.Count do
                    yield! once
            }

    let private addTableau (current: LevelRun) (step: Tableau, count) =
        if step.StaysAtLevel then
            if not (Subject.isLangevin step) then
                Error $"the step '{step.Method}' is not a Langevin step x + h·s + √(2h)·ξ"
            elif step.From.NoiseVariance > current.Level.NoiseVariance then
                Error $"the levels go up again, from σ = {current.Level.Sigma:g6} to σ = {step.From.Sigma:g6}"
            elif current.Level <> step.From then
                Ok({ From = current.Level; Level = step.From; Predictor = None; H = step.B[0]; N = count }, true)
            elif current.N = 0L || current.H = step.B[0] then
                Ok({ current with H = step.B[0]; N = current.N + count }, false)
            else
                Error "the Langevin steps at one level have several sizes"
        elif step.To.NoiseVariance > step.From.NoiseVariance then
            Error $"the step '{step.Method}' goes up, from σ = {step.From.Sigma:g6} to σ = {step.To.Sigma:g6}"
        elif current.Level <> step.From then
            Error $"the step '{step.Method}' starts at another level than that of the start"
        else
            Ok({ From = step.From; Level = step.To; Predictor = Some step; H = 0.0; N = 0L }, true)

    /// What is done after one more step at a level, and whether that is another level.
    let private add (current: LevelRun) (step: IStep, count) =
        match step with
        | :? Tableau as step -> addTableau current (step, count)
        | other -> Error(NoTableauException.Reason other.Method)

    /// The levels in the order of the run, the initial one first even when nothing happens there; or why the plan is not this.
    /// A predictor starts where the state is, from the initial level on, and the end is measured at the last level. Every level is shown to
    /// `accepts` with its number, from 0, as soon as it is complete: after a refusal the plan is not read further.
    let accepted (accepts: int -> LevelRun -> Result<unit, string>) (plan: Plan) =
        let runs = ResizeArray<LevelRun>()

        let complete run =
            runs.Add run
            accepts (runs.Count - 1) run

        let mutable current = { From = plan.InitialLevel; Level = plan.InitialLevel; Predictor = None; H = 0.0; N = 0L }
        let mutable found = Ok()
        use rest = (steps plan.Instructions).GetEnumerator()

        while Result.isOk found && rest.MoveNext() do
            found <-
                attempt {
                    let! next, isAnother = add current rest.Current
                    do! if isAnother then complete current else Ok()
                    do! Limits.within most runs.Count "levels that a sampler visits"
                    current <- next
                }

        attempt {
            do! found
            do! complete current
            do! LevelPath.followsUnderPredictors plan
            return List.ofSeq runs
        }

    /// The same of every plan.
    let ofPlan plan = accepted (fun _ _ -> Ok()) plan

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
