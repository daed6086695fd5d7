/// Which laws can run an experiment and which theorems cover it, with reasons. Runs nothing.
module Sgm.Cli.Assessment

open Sgm
open Sgm.Verification

/// An interpreter and why it cannot run the plan, or None.
type LawAnswer = { Backend: string; Gives: string; WhyNot: string option }

/// A theorem with its assumptions evaluated.
type TheoremAnswer =
    {
        Theorem: Theorem
        Assumptions: (Assumption * AssumptionResult) list
    }

    /// The first assumption that does not hold.
    member this.Broken =
        this.Assumptions
        |> List.tryPick (fun (assumption, result) ->
            match result with
            | Broken reason -> Some(assumption.Statement, reason)
            | Satisfied _
            | InTheLimit _ -> None)

    /// What of the experiment the theorem speaks of: "run", "limit" (of small steps), or "nothing".
    member this.Covers =
        if this.Broken.IsSome then "nothing"
        elif Assumption.areInTheLimit this.Assumptions then "limit"
        else "run"

let laws (loaded: Checked) =
    [
        for law, gives in Laws.exact do
            { Backend = law.Backend; Gives = gives; WhyNot = Option.ofObj (law.WhyNot loaded.Plan) }
    ]

let theorems (loaded: Checked) =
    let subject = { Experiment = loaded.Experiment; Plan = loaded.Plan; Setting = Map.empty }

    [
        for theorem in Catalogue.theorems do
            {
                Theorem = theorem
                Assumptions = fst (Assumption.evaluateAll subject theorem.Assumptions)
            }
    ]

/// How much to say.
type Detail =
    | Brief
    | Detailed

let private good text = { Text = text; Tone = Good }
let private unsure text = { Text = text; Tone = Unsure }

let private showLaws (screen: Screen) loaded =
    screen.Line [ strong "Which exact laws can run it" ]

    for law in laws loaded do
        match law.WhyNot with
        | None -> screen.Line [ good "  yes  "; strong law.Backend; plain $": {law.Gives}" ]
        | Some reason -> screen.Line [ unsure "  no   "; strong law.Backend; plain $": {reason}" ]

let private showTheorem (screen: Screen) detail (answer: TheoremAnswer) =
    let name = strong answer.Theorem.Id
    let title = plain $": {answer.Theorem.Title}"

    match answer.Broken with
    | None when answer.Covers = "limit" ->
        screen.Line [ unsure "  limit"; plain " "; name; title ]
        screen.Line [ faint $"         {Assumption.limitOnly}" ]
    | None -> screen.Line [ good "  yes  "; name; title ]
    | Some(statement, reason) when detail = Brief ->
        screen.Line [ unsure "  no   "; name; title ]
        screen.Line [ faint $"         “{statement}”: {reason}" ]
    | Some _ -> screen.Line [ unsure "  no   "; name; title ]

    if detail = Detailed then
        screen.Line [ faint $"         {answer.Theorem.Source.Citation}" ]

        for assumption, result in answer.Assumptions do
            match result with
            | Satisfied numbers ->
                screen.Line [ good "         yes  "; plain assumption.Statement; faint $": {numbers}" ]
            | InTheLimit numbers ->
                screen.Line [ unsure "         limit"; plain " "; plain assumption.Statement; faint $": {numbers}" ]
            | Broken reason -> screen.Line [ unsure "         no   "; plain assumption.Statement; faint $": {reason}" ]

let show (screen: Screen) detail loaded =
    showLaws screen loaded
    screen.Line()
    screen.Line [ strong "Which theorems cover it" ]
    theorems loaded |> List.iter (showTheorem screen detail)
