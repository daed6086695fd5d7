/// The page of `sgm run --report`.
module Sgm.Cli.RunReport

open System.Collections.Immutable
open Sgm
open Sgm.Engine
open Sgm.Verification.Report

/// Places along a run without probes of its own.
let private places = 12

/// Most places of a page, evenly among a run's probes; the end is one.
let private mostPlaces = 40

/// Particles of the run that is made for the places alone.
let private mostParticles = 20_000L

let private thinned (probes: 'probe list) =
    let count = probes.Length

    if count <= mostPlaces then
        probes
    else
        let wanted = set [ for i in 0 .. mostPlaces - 1 -> i * (count - 1) / (mostPlaces - 1) ]
        probes |> List.indexed |> List.filter (fun (i, _) -> wanted.Contains i) |> List.map snd

let private picture forward (plan: Plan) (probe: ProbeResult) metrics step name =
    {
        Name = name
        Step = step
        Level = Words.level forward probe.Level
        Metrics = metrics
        Picture = LawPicture.ofLaw probe.Law plan.Target probe.Level
    }

/// The probes of the run itself.
let private ofProbes forward (plan: Plan) (outcome: Outcome) (measured: Measurements.Measured list) =
    List.zip (List.ofSeq outcome.Probes) measured
    |> List.mapi (fun i both -> i, both)
    |> thinned
    |> List.map (fun (i, (probe, found)) ->
        picture forward plan probe found.Metrics (plan.StepsBefore(int64 i)) probe.Name)

/// A run that has no probe but its end, again, with places at the start and between; none where that cannot run.
let private between forward (choice: Choice) (plan: Plan) (options: RunOptions) =
    let probed = Sgm.Verification.Plan.probedAlong places plan
    let start = Instruction.Probe("start", plan.InitialLevel) :> Instruction
    let along = Sgm.Verification.Plan.withInstructions (probed.Instructions.Insert(0, start)) probed
    let outcome = choice.Interpreter.Run(along, options)

    if outcome.IsCompleted then
        outcome.Probes
        |> List.ofSeq
        |> List.mapi (fun i probe ->
            let metrics = [ for metric in plan.Metrics -> metric, probe.Law.Measure metric ]
            picture forward plan probe metrics (along.StepsBefore(int64 i)) probe.Name)
        // What stands before the end at its own step would be the end twice.
        |> List.filter (fun place -> place.Name <> "end" && place.Step < plan.StepCount)
    else
        []

let private rows forward measured =
    [
        for probe: Measurements.Measured in measured do
            for metric in probe.Metrics do
                probe.Name
                :: Words.level forward probe.Level
                :: (Measurements.metricCells metric |> List.map (fun span -> span.Text))
    ]

/// Writes the page of a finished run: its path, or why it could not be written.
let write
    (terminal: Terminal)
    (loaded: Checked)
    (choice: Choice)
    (options: RunOptions)
    (outcome: Outcome)
    measured
    (directory: string)
    =
    let plan = loaded.Plan
    let isParticles = choice.Interpreter.Backend = "particles"
    let own = ofProbes loaded.Experiment.Forward plan outcome measured

    let earlier, remark =
        if plan.ProbeCount > 1L then
            [], None
        else
            let fewer: RunOptions =
                RunOptions(
                    Particles = min options.Particles mostParticles,
                    Seed = options.Seed,
                    Threads = options.Threads,
                    Cancellation = options.Cancellation
                )

            let found = between loaded.Experiment.Forward choice plan fewer

            if isParticles && fewer.Particles < options.Particles && not found.IsEmpty then
                found, Some $"Places before the end are of the first {fewer.Particles} particles."
            else
                found, None

    let document =
        {
            Text = loaded.Text
            Fingerprint = loaded.Fingerprint
            Dimension = plan.Dimension
            Backend = $"{choice.Interpreter.Backend}: {choice.Why}"
            Particles = if isParticles then Some loaded.Experiment.Particles else None
            ScoreEvaluations = plan.ScoreEvaluations
            Columns =
                ("probe", false)
                :: ("level", false)
                :: [ for column in Measurements.metricColumns -> column.Title, column.IsNumber ]
            Rows = rows loaded.Experiment.Forward measured
            Places = earlier @ own
            Remark = remark
        }

    RunPage.files document |> Folder.writeFiles terminal.Cancellation directory
