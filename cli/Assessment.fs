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

    /// The assumptions that do not hold, with the reasons.
    member this.Failing =
        this.Assumptions
        |> List.choose (fun (assumption, result) ->
            match result with
            | Broken reason -> Some(assumption.Statement, reason)
            | Satisfied _
            | InTheLimit _ -> None)

    /// The first of them.
    member this.Broken = List.tryHead this.Failing

    /// What of the experiment the theorem speaks of: "run", "limit" (of small steps), or "nothing".
    member this.Covers =
        if this.Broken.IsSome then "nothing"
        elif Assumption.areInTheLimit this.Assumptions then "limit"
        else "run"

let laws (loaded: Checked) =
    [
        for law, gives in Laws.ofState loaded.Plan do
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

/// What matters of the catalogue for an experiment.
type Ranking =
    {
        /// What covers it, or its limit of small steps, in the order of the catalogue.
        Covering: TheoremAnswer list
        /// What would cover it with the fewest changes.
        Misses: TheoremAnswer list
        /// How many there are beside them.
        Others: int
    }

/// How many near misses are shown.
let private shownMisses = 2

/// Guarantees before necessities, which are of their own examples; by the number of assumptions that fail, then in the order of the
/// catalogue. What fails by the very same assumptions and
/// reasons as one that is shown (a statement and its tightness) is not shown again.
let rank (answers: TheoremAnswer list) =
    let refused, covering = answers |> List.partition (fun answer -> answer.Broken.IsSome)

    // What speaks of R^d is no near miss of symbols.
    let isOfAnother (answer: TheoremAnswer) = answer.Failing |> List.forall (snd >> (=) Assumption.ofSymbols)

    let misses =
        refused
        |> List.filter (isOfAnother >> not)
        |> List.sortBy (fun answer -> answer.Theorem.Stance = Necessity, answer.Failing.Length)
        |> List.distinctBy (fun answer -> answer.Failing)
        |> List.truncate shownMisses

    { Covering = covering; Misses = misses; Others = refused.Length - misses.Length }

/// How much to say.
type Detail =
    /// Every theorem with the first assumption that fails.
    | Brief
    /// Every theorem with every assumption.
    | Detailed

let private good text = { Text = text; Tone = Good }
let private unsure text = { Text = text; Tone = Unsure }

let private showLaws (screen: Screen) loaded =
    screen.Line [ strong "Which exact laws can run it" ]

    for law in laws loaded do
        match law.WhyNot with
        | None -> screen.Line [ good "  yes  "; strong law.Backend; plain $": {law.Gives}" ]
        | Some reason -> screen.Line [ unsure "  no   "; strong law.Backend; plain $": {reason}" ]

let private named (answer: TheoremAnswer) = [ strong answer.Theorem.Id; plain $": {answer.Theorem.Title}" ]

let private showTheorem (screen: Screen) detail (answer: TheoremAnswer) =
    match answer.Broken with
    | None when answer.Covers = "limit" ->
        screen.Line(unsure "  limit" :: plain " " :: named answer)
        screen.Line [ faint $"         {Assumption.limitOnly}" ]
    | None -> screen.Line(good "  yes  " :: named answer)
    | Some(statement, reason) ->
        screen.Line(unsure "  no   " :: named answer)

        if detail = Brief then
            screen.Line [ faint $"         “{statement}”: {reason}" ]

    if detail = Detailed then
        screen.Line [ faint $"         {answer.Theorem.Source.Citation}" ]

        for assumption, result in answer.Assumptions do
            match result with
            | Satisfied numbers ->
                screen.Line [ good "         yes  "; plain assumption.Statement; faint $": {numbers}" ]
            | InTheLimit numbers ->
                screen.Line [ unsure "         limit"; plain " "; plain assumption.Statement; faint $": {numbers}" ]
            | Broken reason -> screen.Line [ unsure "         no   "; plain assumption.Statement; faint $": {reason}" ]

/// What fails, and what would mend it: the assumption itself, and the command that writes an experiment of this kind.
let private showMiss (screen: Screen) (answer: TheoremAnswer) =
    screen.Line(unsure "  no   " :: named answer)
    let statement, reason = List.head answer.Failing
    screen.Line [ faint "         needs  "; plain statement ]
    screen.Line [ faint $"         here   {reason}" ]

    let mend =
        match answer.Failing.Length - 1 with
        | 0 -> "this is all: with it the theorem covers the experiment"
        | more -> $"this, and {more} more of its {answer.Assumptions.Length} assumptions (--all)"

    screen.Line [ faint $"         mend   {mend}" ]

    if Prescription.theorems |> List.exists (fun theorem -> theorem.Id = answer.Theorem.Id) then
        screen.Line [ faint $"                or begin with what it prescribes: sgm plan {answer.Theorem.Id} --help" ]

/// The laws that can run an experiment, and the theorems that cover it; of the others the nearest, or `all`.
let show (screen: Screen) detail all loaded =
    showLaws screen loaded
    screen.Line()
    screen.Line [ strong "Which theorems cover it" ]
    let answers = theorems loaded
    let ranking = rank answers

    if all then
        answers |> List.iter (showTheorem screen detail)
    else
        ranking.Covering |> List.iter (showTheorem screen detail)

        if ranking.Covering.IsEmpty then
            screen.Line [ unsure "  none" ]

        if not ranking.Misses.IsEmpty then
            screen.Line()
            screen.Line [ strong "The nearest that do not" ]
            ranking.Misses |> List.iter (showMiss screen)

        if ranking.Others > 0 then
            screen.Line()
            let others = Words.plural "other" (int64 ranking.Others)
            let verb = if ranking.Others = 1 then "does" else "do"
            screen.Line [ faint $"{others} {verb} not cover it (--all)" ]
