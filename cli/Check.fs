/// `sgm check`: errors, cost, laws and theorems. Runs fractions of a second of the exact law and of the particles, to say how long
/// all of it takes, and nothing else.
module Sgm.Cli.Check

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Verification.JsonWriting

let private particleBytes (loaded: Checked) = Memory.particles loaded.Plan loaded.Experiment.Particles

/// What the run by particles will take, from a few blocks of it; None where it cannot run.
let private particleSeconds (terminal: Terminal) (loaded: Checked) =
    let options =
        RunOptions(
            Particles = int64 loaded.Experiment.Particles,
            Seed = uint64 loaded.Experiment.Seed,
            Cancellation = terminal.Cancellation
        )

    Option.ofObj (Ensemble().Predict(loaded.Plan, options))

let private jsonCheck (terminal: Terminal) (loaded: Checked) (json: Writer) =
    text json "fingerprint" loaded.Fingerprint
    json.WriteNumber("dimension", loaded.Plan.Dimension)
    json.WriteNumber("steps", loaded.Plan.StepCount)
    json.WriteNumber("scoreEvaluations", loaded.Plan.ScoreEvaluations)
    json.WriteNumber("particles", loaded.Experiment.Particles)
    json.WriteNumber("particleBytes", particleBytes loaded)
    json.WriteNumber("gridBytes", Memory.grid loaded.Plan)

    match Memory.plane loaded.Plan with
    | Some forecast ->
        number json "planeNodes" forecast.Nodes
        number json "planeBytes" forecast.Bytes
        number json "planeWork" forecast.Work
    | None ->
        for field in [ "planeNodes"; "planeBytes"; "planeWork" ] do
            json.WriteNumber(field, 0)

    match Foretold.exactly terminal.Cancellation loaded.Plan with
    | None
    | Some(_, Foretold.Not _) -> json.WriteNull "exactSeconds"
    | Some(_, duration) ->
        let seconds, isLowerBound = Foretold.seconds duration
        number json "exactSeconds" seconds
        json.WriteBoolean("exactSecondsIsLowerBound", isLowerBound)

    match particleSeconds terminal loaded with
    | Some cost ->
        number json "particleSeconds" cost.Seconds
        json.WriteBoolean("particleSecondsIsLowerBound", cost.IsLowerBound)
    | None -> json.WriteNull "particleSeconds"

    Certified.json json (Quick.ofPlan terminal.Cancellation loaded.Plan)

    objects json "stepSizes" loaded.StepSizes (fun size ->
        text json "method" size.Method
        number json "level" size.At.Parameter
        number json "h" size.H
        json.WriteBoolean("isEstimate", (size.RelativeError > 0.0))
        number json "relativeError" size.RelativeError)

    objects json "data" loaded.Data (fun data ->
        text json "file" data.File
        json.WriteNumber("rows", data.Rows.Length)
        json.WriteNumber("columns", data.Rows[0].Length)
        Option.iter (fun names -> strings json "names" names) data.Names)

    objects json "errors" [] ignore
    objects json "warnings" loaded.Warnings (Refusal.jsonProblem json)

    objects json "laws" (Assessment.laws loaded) (fun law ->
        text json "backend" law.Backend
        json.WriteBoolean("applies", law.WhyNot.IsNone)
        Option.iter (text json "reason") law.WhyNot)

    objects json "theorems" (Assessment.theorems loaded) (fun answer ->
        text json "id" answer.Theorem.Id
        // Of a statement in continuous time: true of the limit of small steps only, so that it says nothing about this run.
        json.WriteBoolean("applies", (answer.Covers = "run"))
        text json "covers" answer.Covers

        if answer.Covers = "limit" then
            text json "reason" Assumption.limitOnly

        objects json "assumptions" answer.Assumptions (fun (assumption, result) ->
            text json "statement" assumption.Statement

            match result with
            | Satisfied detail ->
                json.WriteBoolean("holds", true)
                text json "detail" detail
            | InTheLimit detail ->
                json.WriteBoolean("holds", true)
                json.WriteBoolean("inTheLimit", true)
                text json "detail" detail
            | Broken reason ->
                json.WriteBoolean("holds", false)
                text json "reason" reason))

/// What a run on R^d costs by particles, on the grid and in the plane.
let private ofParticles terminal (line: string -> string -> unit) (loaded: Checked) =
    let plan = loaded.Plan

    let kept =
        $"{Words.count (int64 loaded.Experiment.Particles)} particles keep {Words.bytes (particleBytes loaded)}"

    line
        "by particles"
        (match particleSeconds terminal loaded with
         | Some cost ->
             let about = if cost.IsLowerBound then "more than" else "about"
             $"{kept} and take {about} {Words.roughly cost.Seconds} on this machine"
         | None -> $"{kept}, which this machine cannot run")

    match Memory.grid plan with
    | 0.0 -> ()
    | bytes ->
        let work = $"{Words.count GridMemory.Evaluations} evaluations of a component of the score"
        line "on the grid" $"keeps at most {Words.bytes bytes} and takes at most {work}; what needs more is refused"

    match Memory.plane plan with
    | None -> ()
    | Some forecast ->
        let nodes = Words.count (int64 forecast.Nodes)
        let seconds = Words.roughly (forecast.Work * 1e-9)

        let torn =
            if forecast.IsTorn then
                "; a step tears modes apart further than these nodes resolve, so that brackets will be wide: use smaller steps"
            else
                ""

        line
            "in the plane"
            $"about {nodes} nodes in {Words.bytes forecast.Bytes}, and about {seconds} of one core{torn}"

let private show terminal (screen: Screen) all (loaded: Checked) =
    let plan = loaded.Plan
    let line (label: string) (value: string) = screen.Line [ faint (label.PadRight 13); plain value ]
    line "fingerprint" loaded.Fingerprint

    for data in loaded.Data do
        line "data" $"{data}"

    for network in loaded.Networks do
        line "score" network.Description

    line "dimension" (Words.count plan.Dimension)
    line "cost" $"{Words.steps plan}, {Words.evaluations plan} per particle"

    for size in loaded.StepSizes do
        let error =
            if size.RelativeError > 0.0 then
                $", an estimate from draws of p with a standard error of {Words.digits 2 (100.0 * size.RelativeError)} %%"
            else
                ""

        line "step" $"{size.Method} at level {Numeral.brief size.At.Parameter}: h = {Words.digits 4 size.H}{error}"

    if loaded.Experiment.Discrete.IsSome then
        line "visits" (Symbols.visits plan.Finite)
    else
        ofParticles terminal line loaded

    Foretold.exactly terminal.Cancellation plan
    |> Option.iter (fun (law, duration) -> line "exactly" (Foretold.words law duration))

    Quick.ofPlan terminal.Cancellation plan |> Certified.words plan |> Option.iter (line "certified")
    screen.Line()
    Assessment.show screen Assessment.Brief all loaded

let command terminal (request: CheckRequest) =
    match Loading.file terminal request.Settings request.File with
    | Error problems -> Refusal.problems terminal request.Json problems
    | Ok loaded ->
        if request.Json then
            Terminal.json terminal "sgm.check/1" (Some loaded.Text) (jsonCheck terminal loaded)
        else
            let screen = Screen.out terminal
            show terminal screen request.All loaded

            if not (List.isEmpty loaded.Warnings) then
                screen.Line()
                screen.Line [ { Text = Message.renderAll loaded.Warnings; Tone = Unsure } ]

        Exit.Fine
