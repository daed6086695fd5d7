/// Small changes of a plan: every function returns None where nothing is there to change. Steps are changed in the form of the textbooks,
/// x ← A·x + B·s + C·ξ with the score s.
module Sgm.Verification.Sabotage.PlanEdit

open System.Collections.Immutable
open Sgm
open Sgm.Verification
open Sgm.Engine

let tableau (t: Tableau) stages a (b: float seq) c =
    Tableau(
        Method = t.Method,
        From = t.From,
        To = t.To,
        Stages = ImmutableArray.CreateRange<Stage> stages,
        A = a,
        B = ImmutableArray.CreateRange b,
        C = c
    )

/// A·a, B·b, C·c.
let scaled a b c (t: Tableau) = tableau t t.Stages (a * t.A) (t.B |> Seq.map ((*) b)) (c * t.C)

/// The same step with its scores at other levels.
let atLevels (level: Tableau -> Stage -> NoiseLevel) (t: Tableau) =
    tableau t (t.Stages |> Seq.map (fun stage -> Stage(level t stage, stage.A, stage.B))) t.A t.B t.C

/// The body with a change in every list of instructions, from the outside in.
let rec private everywhere
    (change: ImmutableArray<Instruction> -> Instruction list)
    body
    : ImmutableArray<Instruction> =
    change body
    |> List.map (fun instruction ->
        match instruction with
        | Repeated repeat -> Instruction.Repeat(repeat.Count, everywhere change repeat.Body) :> Instruction
        | Annealed all -> Instruction.Transitions(all.Count, fun i -> everywhere change (all.Body.Invoke i))
        | TableauStep _
        | GeneralStep _
        | MetropolisStep _
        | Probed _ -> instruction)
    |> ImmutableArray.CreateRange

/// Every list of instructions changed.
let lists change (plan: Plan) = plan |> Plan.withInstructions (everywhere change plan.Instructions)

/// Every step for which `change` has an answer; it is asked with the step in scores.
let steps (change: Tableau -> Tableau option) (plan: Plan) =
    let change (t: Tableau) = change (t.InScores())

    // General steps are not of this form, and are left alone.
    let tableaus =
        plan.Steps()
        |> Seq.choose (fun step ->
            match step with
            | :? Tableau as t -> Some t
            | _ -> None)

    if tableaus |> Seq.exists (fun t -> (change t).IsSome) then
        plan
        |> lists (fun body ->
            [
                for instruction in body do
                    match instruction with
                    | TableauStep step -> Instruction.Step(change step |> Option.defaultValue step) :> Instruction
                    | GeneralStep _
                    | MetropolisStep _
                    | Repeated _
                    | Annealed _
                    | Probed _ -> instruction
            ])
        |> Some
    else
        None

/// Correctors stay at their level, predictors move.
let correctors change = steps (fun t -> if t.StaysAtLevel then Some(change t) else None)
let predictors change = steps (fun t -> if t.StaysAtLevel then None else Some(change t))

/// Whether a list of instructions holds an anneal or a repeat somewhere.
let rec private has (wanted: Instruction -> bool) (body: ImmutableArray<Instruction>) =
    body
    |> Seq.exists (fun instruction ->
        wanted instruction
        || match instruction with
           | Repeated repeat -> repeat.Count > 0L && has wanted repeat.Body
           | Annealed all -> all.Count > 0 && has wanted (all.Body.Invoke 0)
           | TableauStep _
           | GeneralStep _
           | MetropolisStep _
           | Probed _ -> false)

let private replaced wanted (change: Instruction -> Instruction list) (plan: Plan) =
    if has wanted plan.Instructions then
        plan
        |> lists (fun body -> body |> Seq.collect (fun i -> if wanted i then change i else [ i ]) |> List.ofSeq)
        |> Some
    else
        None

let private isAnneal (instruction: Instruction) =
    match instruction with
    | :? Instruction.Transitions as all -> all.Count > 0
    | _ -> false

/// Every step that may be rejected, replaced.
let adjusted (change: AdjustedStep -> Instruction) =
    let isAdjusted (instruction: Instruction) =
        match instruction with
        | MetropolisStep _ -> true
        | _ -> false

    replaced isAdjusted (fun i -> [ change (i :?> Instruction.Adjusted).One ])

let private isRepeat (instruction: Instruction) =
    match instruction with
    | :? Instruction.Repeat as repeat -> repeat.Count > 0L
    | _ -> false

/// Whether a transition does anything at all.
let private acts (all: Instruction.Transitions) = not (all.Body.Invoke 0).IsEmpty

/// Every anneal that does something, replaced.
let anneals (change: Instruction.Transitions -> Instruction list) =
    let wanted (i: Instruction) = isAnneal i && acts (i :?> Instruction.Transitions)
    replaced wanted (fun i -> change (i :?> Instruction.Transitions))

/// Every repeat, replaced.
let repeats (change: Instruction.Repeat -> Instruction list) =
    replaced isRepeat (fun i -> change (i :?> Instruction.Repeat))

/// What happens in a transition, replaced; `change` has the transition's index, the number of them and its instructions.
let transitions (change: int -> int -> Instruction list -> Instruction list option) (plan: Plan) =
    let rec any (body: ImmutableArray<Instruction>) =
        body
        |> Seq.exists (fun instruction ->
            match instruction with
            | :? Instruction.Transitions as all ->
                Seq.init all.Count id
                |> Seq.exists (fun i -> (change i all.Count (List.ofSeq (all.Body.Invoke i))).IsSome)
            | _ -> false)

    if any plan.Instructions then
        plan
        |> anneals (fun all ->
            let body i =
                let instructions = List.ofSeq (all.Body.Invoke i)
                change i all.Count instructions |> Option.defaultValue instructions |> ImmutableArray.CreateRange

            [ Instruction.Transitions(all.Count, body) ])
    else
        None

/// Whether an instruction leads to a lower level.
let moves (instruction: Instruction) =
    match instruction with
    | AnyStep step -> not step.StaysAtLevel
    | _ -> false

/// Every list of instructions before its last probe, and that probe; None for a plan without a step.
let atTheEnd (change: Instruction list -> Instruction.Probe -> Instruction list) (plan: Plan) =
    match List.ofSeq plan.Instructions |> List.rev with
    | (:? Instruction.Probe as last) :: before when plan.StepCount > 0L ->
        let changed = change (List.rev before) last |> ImmutableArray.CreateRange
        Some(plan |> Plan.withInstructions changed)
    | _ -> None
