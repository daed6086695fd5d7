/// A plan with one part replaced.
module Sgm.Verification.Plan

open System.Collections.Immutable
open Sgm
open Sgm.Engine

let private rebuilt (plan: Plan) score start instructions metrics own =
    Plan(
        Target = plan.Target,
        Score = score,
        Start = start,
        InitialLevel = plan.InitialLevel,
        Instructions = instructions,
        Metrics = metrics,
        Finite = own
    )

let withScore score (plan: Plan) = rebuilt plan score plan.Start plan.Instructions plan.Metrics plan.Finite
let withStart start (plan: Plan) = rebuilt plan plan.Score start plan.Instructions plan.Metrics plan.Finite
let withInstructions steps (plan: Plan) = rebuilt plan plan.Score plan.Start steps plan.Metrics plan.Finite

/// The plan with another sampler on symbols.
let withFinite own (plan: Plan) = rebuilt plan plan.Score plan.Start plan.Instructions plan.Metrics own

/// The level after a body's last step, if it has one.
let rec private lastLevel (body: Instruction seq) =
    body
    |> Seq.rev
    |> Seq.tryPick (fun instruction ->
        match instruction with
        | TableauStep step -> Some step.To
        | GeneralStep step -> Some step.To
        | MetropolisStep step -> Some step.To
        | Repeated repeat -> if repeat.Count > 0L then lastLevel repeat.Body else None
        | Annealed all -> if all.Count > 0 then lastLevel (all.Body.Invoke(all.Count - 1)) else None
        | Probed _ -> None)

/// The plan with further probes "along": after about `most` of the transitions of an anneal, or rounds of a repeat, outermost ones alone.
let probedAlong (most: int) (plan: Plan) =
    let probe (body: Instruction seq) =
        lastLevel body |> Option.map (fun level -> Instruction.Probe("along", level) :> Instruction) |> Option.toList

    let among (instruction: Instruction) : Instruction list =
        match instruction with
        | Annealed all ->
            let every = max 1 (all.Count / most)

            let body i =
                let own = all.Body.Invoke i
                if (i + 1) % every = 0 then own.AddRange(probe own) else own

            [ Instruction.Transitions(all.Count, System.Func<_, _> body) ]
        | Repeated repeat when repeat.Count > 1L ->
            let parts = min (int64 most) repeat.Count

            [
                for i in 1L .. parts do
                    Instruction.Repeat(i * repeat.Count / parts - (i - 1L) * repeat.Count / parts, repeat.Body)
                    yield! probe repeat.Body
            ]
        | TableauStep _
        | GeneralStep _
        | MetropolisStep _
        | Repeated _
        | Probed _ -> [ instruction ]

    withInstructions (plan.Instructions |> Seq.collect among |> ImmutableArray.CreateRange) plan

let withMetrics (metrics: Metric seq) (plan: Plan) =
    rebuilt plan plan.Score plan.Start plan.Instructions (ImmutableArray.CreateRange metrics) plan.Finite
