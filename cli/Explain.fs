/// `sgm explain`: the plan that would run, in words.
module Sgm.Cli.Explain

open System
open Sgm
open Sgm.Engine

let private product (coefficient: float) (what: string) =
    if coefficient = 1.0 then what else $"{Words.number coefficient}·{what}"

/// A sum of products; zero terms are left out.
let private sum terms =
    match terms |> List.filter (fun (coefficient, _) -> coefficient <> 0.0) with
    | [] -> "0"
    | kept -> String.Join(" + ", kept |> List.map (fun (coefficient, what) -> product coefficient what))

let private subscript (i: int) = string (char (0x2080 + i))

/// The lines of a tableau: its stages when there are several, then the step.
let private tableau forward (t: Tableau) =
    let letter (stage: Stage) = if stage.Of = Prediction.Denoiser then "D" else "s"
    let readAt point (stage: Stage) = $"{letter stage}({point}; {Words.level forward stage.Level})"
    let named i = $"{letter t.Stages[i]}{subscript (i + 1)}"

    let move =
        if t.StaysAtLevel then
            $"at {Words.level forward t.From}"
        else
            $"{Words.level forward t.From} → {Words.level forward t.To}"

    match List.ofSeq t.Stages with
    | [ single ] ->
        [ $"{t.Method}, {move}: x ← " + sum [ t.A, "x"; t.B[0], readAt (product single.A "x") single; t.C, "ξ" ] ]
    | stages ->
        [
            $"{t.Method}, {move}:"
            for i, stage in List.indexed stages do
                let point = sum ((stage.A, "x") :: [ for j, b in Seq.indexed stage.B -> b, named j ])

                $"    {named i} = {readAt point stage}"
            "    x ← " + sum ([ t.A, "x" ] @ [ for i, b in Seq.indexed t.B -> b, named i ] @ [ t.C, "ξ" ])
        ]

/// The lines of a general step: its stages, then the state and the registers.
let private general forward (t: GeneralTableau) =
    let named (term: Term) =
        match term.Of with
        | Input.Register -> if term.Number = 0 then "x" else $"r{subscript term.Number}"
        | Input.Prediction -> $"D{subscript (term.Number + 1)}"
        | _ -> $"ξ{subscript (term.Number + 1)}"

    // Terms of one input as one.
    let written (terms: Term seq) =
        terms
        |> Seq.groupBy named
        |> Seq.map (fun (name, same) -> Seq.sumBy (fun (term: Term) -> term.Coefficient) same, name)
        |> List.ofSeq
        |> sum

    [
        $"{t.Method}, {Words.level forward t.From} → {Words.level forward t.To}:"
        for i, stage in Seq.indexed t.Stages do
            let letter = if stage.Of = Prediction.Denoiser then "D" else "s"
            $"    D{subscript (i + 1)} = {letter}({written stage.At}; {Words.level forward stage.Level})"
        for k, row in Seq.indexed t.Updates do
            let name = if k = 0 then "x" else $"r{subscript k}"
            $"    {name} ← {written row}"
    ]

/// The lines of a step that may be rejected: the proposal, then what decides.
let private adjusted forward (t: AdjustedStep) =
    let leap = Words.number t.Leap

    [
        $"{t.Method}, at {Words.level forward t.Level}, with (x′, v′) = (x, v) and v = ξ:"
        $"    {Words.count t.Leaps} times: v′ ← v′ + {Words.number (0.5 * t.Leap)}·s(x′), x′ ← x′ + {leap}·v′, v′ ← v′ + {Words.number (0.5 * t.Leap)}·s(x′)"
        if t.LinePoints.HasValue then
            $"    E = the work of s from x to x′ by the trapezoid rule at {t.LinePoints.Value} points"
        else
            "    E = ln p(x′) − ln p(x)"
        "    x ← x′ with probability min(1, exp(E + (|v|² − |v′|²)/2))"
    ]

/// Whether a body has a step that keeps earlier evaluations.
let rec private keepsEarlier (body: Instruction seq) =
    body
    |> Seq.exists (fun instruction ->
        match instruction with
        | GeneralStep step -> step.Kept > 0
        | Repeated repeat -> keepsEarlier repeat.Body
        | TableauStep _
        | MetropolisStep _
        | Annealed _
        | Probed _ -> false)

/// The lines of instructions. Of a schedule, the first transition and the last are written out; of a method with memory the second, too.
let rec instructions forward (body: Instruction seq) : string list =
    let indented lines = lines |> List.map (fun line -> "    " + line)

    [
        for instruction in body do
            match instruction with
            | TableauStep step -> yield! tableau forward step
            | GeneralStep step -> yield! general forward step
            | MetropolisStep step -> yield! adjusted forward step
            | Repeated repeat ->
                $"repeat {Words.count repeat.Count} times:"
                yield! indented (instructions forward repeat.Body)
            | Annealed transitions when transitions.Count = 0 -> ()
            | Annealed transitions ->
                // The second one shows what a method with memory does once it has some.
                let first =
                    if keepsEarlier (transitions.Body.Invoke 0) then
                        [ 0; min 1 (transitions.Count - 1) ]
                    else
                        [ 0 ]

                let shown = List.distinct (first @ [ transitions.Count - 1 ])

                for i in shown do
                    $"transition {Words.count (int64 i + 1L)} of {Words.count transitions.Count}:"
                    yield! indented (instructions forward (transitions.Body.Invoke i))

                    if i = List.last first && transitions.Count > i + 2 then
                        "…"
            | Probed probe -> $"measure “{probe.Name}” at {Words.fullLevel forward probe.Level}"
    ]

let private mixture (law: Mixture) =
    let shape (covariance: Covariance) =
        match covariance.Shape with
        | CovarianceShape.Isotropic -> $"covariance {Words.number covariance.Eigenvalues[0]}·I"
        | CovarianceShape.Diagonal ->
            $"diagonal covariance, variances {Words.number covariance.Smallest} to {Words.number covariance.Largest}"
        | _ -> $"full covariance, eigenvalues {Words.number covariance.Smallest} to {Words.number covariance.Largest}"

    let inside = $"in {Words.dimensions law.Dimension}"

    if law.Count = 1 then
        $"a normal law {inside}, {shape law.Covariances[0]}"
    elif law.SharesCovariance then
        $"a mixture of {Words.count law.Count} normal laws {inside}, each with {shape law.Covariances[0]}"
    else
        $"a mixture of {Words.count law.Count} normal laws {inside}, each with a covariance of its own"

/// A target in words, one line a factor.
let target (target: Target) =
    match List.ofSeq target.Factors with
    | [ single ] when single.Count = 1 -> [ mixture single.Law ]
    | factors ->
        [
            $"a product in {Words.count target.Dimension} dimensions:"
            for factor in factors do
                $"{Words.count factor.Count} × {mixture factor.Law}"
        ]

let private start (plan: Plan) =
    match plan.Start with
    | :? Start.Point -> "a point"
    | :? Start.Law as law when obj.ReferenceEquals(law.Of, plan.Target) -> "the target at the first level"
    | :? Start.Law as law -> String.Join(" ", target law.Of)
    | _ -> ""

let rec private modifier (own: Engine.Target) (m: Engine.ScoreModifier) =
    match m with
    | :? Engine.ScoreModifier.Shifted as shifted -> $"shifted by a vector of length {Words.number (abs shifted.Amount)}"
    | :? Engine.ScoreModifier.Scaled as scaled -> $"times {Words.number scaled.Factor}"
    | :? Engine.ScoreModifier.Rippled as rippled ->
        $"rippled with amplitude {Words.number rippled.Amplitude} and frequency {Words.number rippled.Frequency}"
    | :? Engine.ScoreModifier.Clipped as clipped ->
        $"with the denoiser clipped to the ball of radius {Words.number clipped.Radius}"
    | :? Engine.ScoreModifier.Learned as learned -> $"which is {learned.Function.Description}"
    | :? Engine.ScoreModifier.Blended as blend ->
        let parts = [ for other in blend.Others -> $"{Words.number other.Weight} times [ {scoreOf own other.Score} ]" ]

        $"""times {Words.number blend.Weight}{String.Join("", parts |> List.map (fun part -> ", plus " + part))}"""
    | _ -> "modified"

/// A score in words.
and private scoreOf (own: Engine.Target) (score: Engine.Score) =
    let isLearned = score.Modifiers |> Seq.exists (fun m -> m :? Engine.ScoreModifier.Learned)

    let basis =
        if isLearned then "a score of its own"
        elif obj.ReferenceEquals(score.Of, own) then "the exact score of the target"
        else $"""the exact score of another law: {String.Join(" ", target score.Of)}"""

    String.Join(", ", basis :: [ for m in score.Modifiers -> modifier own m ])

let private score (plan: Plan) = scoreOf plan.Target plan.Score

let private firstAndLast (plan: Plan) =
    let stages = plan.Steps() |> Seq.collect _.Levels

    match List.ofSeq (Seq.truncate 1 stages) with
    | [] -> []
    | [ first ] -> List.distinct [ first; Seq.last stages ]
    | _ -> []

/// What is known of the L² and sup norm of the score's error, in lines.
let private scoreError forward (plan: Plan) =
    let isShift (m: Engine.ScoreModifier) = m :? Engine.ScoreModifier.Shifted
    let isRipple (m: Engine.ScoreModifier) = m :? Engine.ScoreModifier.Rippled

    let shift =
        abs (
            plan.Score.Modifiers
            |> Seq.sumBy (fun m ->
                match m with
                | :? Engine.ScoreModifier.Shifted as shifted -> shifted.Amount
                | _ -> 0.0)
        )

    let ripple =
        plan.Score.Modifiers
        |> Seq.sumBy (fun m ->
            match m with
            | :? Engine.ScoreModifier.Rippled as rippled -> sqrt 2.0 * abs rippled.Amplitude
            | _ -> 0.0)

    let modifiers = List.ofSeq plan.Score.Modifiers

    match modifiers with
    | _ when not (obj.ReferenceEquals(plan.Score.Of, plan.Target)) ->
        [ "no closed form: the score is that of another law" ]
    | [] -> [ "L² 0, sup 0" ]
    | _ when List.forall isShift modifiers -> [ $"L² {Words.number shift}, sup {Words.number shift} (a constant)" ]
    | _ when List.forall (fun m -> isShift m || isRipple m) modifiers ->
        [ $"L² and sup at most {Words.number (shift + ripple)}" ]
    | [ :? Engine.ScoreModifier.Scaled as scaled ] when plan.Target.IsGaussian ->
        // E‖∇ln p‖² of a normal law is the trace of its precision.
        [
            for at in firstAndLast plan do
                let precision =
                    plan.Target.Factors
                    |> Seq.sumBy (fun factor ->
                        float factor.Count
                        * Seq.sum (
                            Seq.init factor.Law.Dimension (fun i ->
                                1.0 / at.VarianceOf(factor.Law.Covariances[0].Eigenvalue i))
                        ))

                let error = abs (scaled.Factor - 1.0) * sqrt precision
                $"L² {Words.number error} at {Words.level forward at}, sup ∞ (it grows with x)"
        ]
    | _ when modifiers |> List.exists (fun m -> m :? Engine.ScoreModifier.Scaled) ->
        [ "L² not known in closed form, sup ∞ (it grows with x)" ]
    | _ -> [ "not known in closed form" ]

let private labelled (screen: Screen) (label: string) lines =
    for i, text in List.indexed lines do
        screen.Line [ faint ((if i = 0 then label else "").PadRight 13); plain text ]

let private show (screen: Screen) all (loaded: Checked) =
    let forward = loaded.Experiment.Forward
    let plan = loaded.Plan

    labelled screen "fingerprint" [ loaded.Fingerprint ]

    if loaded.Experiment.Discrete.IsSome then
        for label, text in Symbols.lines plan.Finite do
            labelled screen label [ text ]

        screen.Line()
        Assessment.show screen Assessment.Detailed all loaded
    else

        labelled screen "target" (target plan.Target)
        labelled screen "score" [ score plan ]
        labelled screen "score error" (scoreError forward plan)
        labelled screen "start" [ start plan ]
        labelled screen "first level" [ Words.fullLevel forward plan.InitialLevel ]
        labelled screen "cost" [ $"{Words.steps plan}, {Words.evaluations plan} per particle" ]
        screen.Line()
        screen.Line [ strong "What runs" ]

        for line in instructions forward plan.Instructions do
            screen.Line("  " + line)

        screen.Line()
        Assessment.show screen Assessment.Detailed all loaded

let command terminal (request: ExplainRequest) =
    match Loading.file terminal request.Settings request.File with
    | Error problems -> Refusal.problems terminal false problems
    | Ok loaded ->
        if not (List.isEmpty loaded.Warnings) then
            Terminal.tell terminal (Message.renderAll loaded.Warnings)

        show (Screen.out terminal) request.All loaded
        Exit.Fine
