namespace Sgm.Verification

open System
open System.Threading
open Sgm
open Sgm.Engine
open Sgm.Verification.Certificates

/// What a claim may name besides the numbers of its own text: counts of the plan, constants of the target at the first
/// and the last level, errors of the score, and the distance of the start. Upper bounds for all of them, `concavity` a
/// lower one, as `Constants` and `ScoreError` prove them.
module PlanQuantities =
    let private first (plan: Plan) =
        plan.Steps() |> Seq.tryHead |> Option.map (fun step -> step.From) |> Option.defaultValue plan.InitialLevel

    let private last (plan: Plan) =
        match Seq.tryLast plan.Instructions with
        | Some(:? Instruction.Probe as probe) -> probe.Level
        | _ -> plan.InitialLevel

    let private exactly (x: float) what = Ok(Bracket.Exactly x, what)

    let private constant (found: Result<Constant, string>) =
        found |> Result.map (fun c -> Bracket.Exactly c.Value, c.Provenance)

    let private ofTarget name (plan: Plan) level =
        match name with
        | "lipschitz" -> constant (Constants.smoothness plan.Target level)
        | "logSobolev" -> constant (Constants.logSobolev plan.Target level)
        | "concavity" -> constant (Constants.strongConcavity plan.Target level)
        | "secondMoment" ->
            Ok(Bracket.Near(Constants.secondMoment plan.Target level, 1e-14), "E‖x‖² at the level, in closed form")
        | other -> Error $"'{other}' is no quantity of a target"

    let private start metric plan =
        Measure.atStart metric (Runner.engine CancellationToken.None) plan
        |> Result.bind (fun found ->
            Measure.atMost found |> Result.map (fun most -> { Low = min found.Lower most; High = most }, found.Method))

    let private errorsAt what (plan: Plan) levels =
        ScoreError.atLevels plan levels
        |> Result.map (fun found -> Bracket.Exactly(found |> List.map snd |> List.max), what)

    /// The levels at which a plan reads its score.
    let private read (plan: Plan) =
        let found = plan.Steps() |> Seq.collect _.Levels |> Seq.distinct

        match Seq.truncate 100_001 found |> List.ofSeq with
        | levels when levels.Length > 100_000 -> Error "the plan reads its score at more than 100 000 levels"
        | [] -> Error "the plan never reads its score"
        | levels -> Ok levels

    let private named name (plan: Plan) =
        match name with
        | "steps" -> exactly (float plan.StepCount) "steps of the plan"
        | "evaluations" -> exactly (float plan.ScoreEvaluations) "evaluations of the score a particle"
        | "dimension" -> exactly (float plan.Dimension) "the target's dimension"
        | "scoreError" ->
            read plan |> Result.bind (errorsAt "the largest ‖s − ∇ln p‖_{L²(p)} over the levels of the plan" plan)
        | "startScoreError" -> errorsAt "‖s − ∇ln p‖_{L²(p)} at the first level" plan [ first plan ]
        | "startTv" -> start Metric.Tv plan
        | "startKl" -> start Metric.Kl plan
        | "startChi2" -> start Metric.Chi2 plan
        | "startW2" -> start Metric.W2 plan
        | name when name.StartsWith("start", StringComparison.Ordinal) ->
            let own = name.Substring 5
            ofTarget (string (Char.ToLowerInvariant own[0]) + own.Substring 1) plan (first plan)
        | name -> ofTarget name plan (last plan)

    let private known
        : Plan -> Collections.Concurrent.ConcurrentDictionary<string, Lazy<Result<Bracket * string, string>>> =
        Once.per (fun _ -> Collections.Concurrent.ConcurrentDictionary())

    /// A quantity of a plan with where it comes from, or why it is not known; found once.
    let find (plan: Plan) name =
        (known plan)
            .GetOrAdd(
                name,
                fun name ->
                    lazy
                        (named name plan
                         |> Result.bind (fun (value: Bracket, words) ->
                             if Double.IsFinite value.High then
                                 Ok(value, words)
                             else
                                 Error $"{name} is infinite"))
            )
            .Value
