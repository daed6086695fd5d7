/// `sgm run`.
module Sgm.Cli.Run

open System
open System.Diagnostics
open System.Threading.Tasks
open Sgm
open Sgm.Engine
open Sgm.Verification.Certificates
open Sgm.Verification.JsonWriting

/// Draws in a file, and what they are.
type private Written = { File: string; Draws: Draws; Of: string }

/// A finished run.
type private Finished =
    {
        Loaded: Checked
        Choice: Choice
        Outcome: Outcome
        Seconds: float
        Measured: Measurements.Measured list
        Certificate: Certificate option
        /// Where draws of the law at the end went, or why they could not.
        Samples: Result<Written, string> option
        /// The report's first page, or why it could not be written.
        Page: Result<string, string> option
    }

let private isMonteCarlo (choice: Choice) = choice.Interpreter.Backend = "particles"

let private jsonStatus json (status: RunStatus) =
    let write (kind: string) (rest: unit -> unit) =
        object json "status" (fun () ->
            text json "kind" kind
            rest ())

    match status with
    | :? RunStatus.Diverged as diverged ->
        write "diverged" (fun () ->
            json.WriteNumber("step", diverged.Step)
            text json "method" diverged.Method
            Measurements.level json "level" diverged.Level

            if diverged.Block < 0L then
                json.WriteNull "block"
            else
                json.WriteNumber("block", diverged.Block)

            text json "message" diverged.Advice)
    | :? RunStatus.Cancelled -> write "cancelled" ignore
    | _ -> ()

let private jsonRun run (json: Writer) =
    let experiment = run.Loaded.Experiment
    text json "fingerprint" run.Loaded.Fingerprint
    text json "backend" run.Choice.Interpreter.Backend
    json.WriteNumber("dimension", run.Loaded.Plan.Dimension)

    if isMonteCarlo run.Choice then
        json.WriteNumber("particles", experiment.Particles)
    else
        json.WriteNull "particles"

    json.WriteNumber("seed", experiment.Seed)
    json.WriteNumber("scoreEvaluations", run.Loaded.Plan.ScoreEvaluations)
    number json "samplingSeconds" run.Seconds
    Certified.json json run.Certificate

    match run.Samples with
    | Some(Ok written) ->
        object json "samples" (fun () ->
            text json "file" written.File
            json.WriteNumber("rows", written.Draws.Rows)
            json.WriteNumber("columns", written.Draws.Columns)
            text json "of" written.Of)
    | _ -> ()

    jsonStatus json run.Outcome.Status
    Measurements.json json run.Measured

let private show (screen: Screen) run =
    let plan = run.Loaded.Plan
    let experiment = run.Loaded.Experiment

    let line (label: string) (value: string) = screen.Line [ faint (label.PadRight 13); plain value ]

    line "fingerprint" run.Loaded.Fingerprint
    screen.Line [ faint ("backend".PadRight 13); strong run.Choice.Interpreter.Backend; plain $": {run.Choice.Why}" ]

    for refusal in run.Choice.Refusals do
        line "" $"not {refusal.Backend}: {refusal.Reason}"

    for network in run.Loaded.Networks do
        line "score" network.Description

    for score in Score.all experiment.Score do
        match score.Base with
        | OfFunction(name, _) -> line "score" $"the function '{name}', which the text names and does not hold"
        | _ -> ()

    let evaluations = Words.evaluations plan

    if isMonteCarlo run.Choice then
        line
            "cost"
            $"{evaluations} for each of {Words.count (int64 experiment.Particles)} particles in dimension {Words.count plan.Dimension}"

        line "seed" (string experiment.Seed)
    else
        line "cost" $"{evaluations} in dimension {Words.count plan.Dimension}"

    line "time" (Words.seconds run.Seconds)
    run.Certificate |> Certified.words plan |> Option.iter (line "certified")

    match run.Samples with
    | Some(Ok written) ->
        line
            "samples"
            $"{written.File}: {Words.count written.Draws.Rows} × {written.Draws.Columns}, {written.Of} at the end"
    | _ -> ()

    screen.Line()
    Measurements.show screen experiment.Forward run.Measured

/// The particles at the end of a run, or so many draws of an exact law, into a file.
let private write terminal (experiment: Experiment) (outcome: Outcome) (file: string) told =
    let draws, of' =
        match (Seq.last outcome.Probes).Law with
        | :? ParticleLaw as law -> Draws.ofParticles law.Particles, "particles"
        | law -> Draws.ofLaw law (uint64 experiment.Seed) (int64 experiment.Particles), "draws of the exact law"

    let watched i (block: float[]) =
        terminal.Cancellation.ThrowIfCancellationRequested()
        told "writing" (min 1.0 (float i * float block.Length / float draws.Columns / float draws.Rows))
        block

    Draws.writer file
    |> Result.bind (fun write ->
        Sgm.Verification.Report.Folder.writeStream file (fun stream ->
            write stream { draws with Blocks = Seq.mapi watched draws.Blocks }))
    |> Result.map (fun () -> { File = file; Draws = draws; Of = of' })

let private execute terminal (request: RunRequest) (loaded: Checked) (choice: Choice) =
    let clock = Stopwatch()

    let work told =
        let options =
            RunOptions(
                Particles = int64 loaded.Experiment.Particles,
                Seed = uint64 loaded.Experiment.Seed,
                Threads = defaultArg request.Threads 0,
                Cancellation = terminal.Cancellation,
                Progress =
                    { new IProgress<float> with
                        member _.Report fraction = told "running" fraction
                    }
            )

        clock.Start()
        let outcome = choice.Interpreter.Run(loaded.Plan, options)
        clock.Stop()
        told "measuring" 1.0

        let wanted: Measurements.Wanted =
            {
                AllMoments = request.Full
                FitSeed = if request.Fit then Some options.Seed else None
                Kernels =
                    match choice.Interpreter with
                    | :? Ensemble as ensemble when outcome.IsCompleted -> Some(ensemble, options)
                    | _ -> None
            }

        let measured = Measurements.ofOutcome loaded.Plan wanted outcome

        match Measurements.notANumber loaded.Plan measured with
        | Some status when outcome.IsCompleted -> Outcome(status, outcome.Probes), [], None, None
        | _ when not outcome.IsCompleted -> outcome, measured, None, None
        | _ ->
            let samples = request.Samples |> Option.map (fun file -> write terminal loaded.Experiment outcome file told)

            let page =
                request.Report
                |> Option.map (fun directory ->
                    told "drawing" 1.0
                    RunReport.write terminal loaded choice options outcome measured directory)

            outcome, measured, samples, page

    // Beside the run, on another core: what is proved does not depend on it.
    let certified = Task.Run(fun () -> Quick.ofPlan terminal.Cancellation loaded.Plan)
    let outcome, measured, samples, page = Progress.during terminal "running" work

    {
        Loaded = loaded
        Choice = choice
        Outcome = outcome
        Seconds = clock.Elapsed.TotalSeconds
        Measured = measured
        Certificate = if outcome.IsCompleted then certified.GetAwaiter().GetResult() else None
        Samples = samples
        Page = page
    }

let private finish terminal asJson run =
    let write () =
        if asJson then
            Terminal.json terminal "sgm.run/1" (Some run.Loaded.Text) (jsonRun run)
        else
            show (Screen.out terminal) run

    let failed () = Terminal.tell terminal $"sgm run: {Words.status run.Loaded.Experiment.Forward run.Outcome.Status}"

    match run.Outcome.Status with
    | :? RunStatus.Completed ->
        write ()

        match run.Page with
        | Some(Ok page) when asJson -> Terminal.tell terminal $"report: {Visible.line page}"
        | Some(Ok page) -> terminal.Out.WriteLine $"report: {Visible.line page}"
        | _ -> ()

        let failures =
            [
                match run.Samples with
                | Some(Error message) -> message
                | _ -> ()

                match run.Page with
                | Some(Error message) -> message
                | _ -> ()
            ]

        for message in failures do
            Terminal.tell terminal $"sgm run: {message}"

        if failures.IsEmpty then Exit.Fine else Exit.BadInput
    | :? RunStatus.Unsupported as unsupported ->
        Refusal.sentence
            terminal
            asJson
            $"sgm run: {run.Choice.Interpreter.Backend} cannot run this experiment: {unsupported.Reason}"
    | :? RunStatus.Cancelled ->
        if asJson then
            write ()

        failed ()
        Exit.Cancelled
    | _ ->
        write ()
        failed ()
        Exit.Failed

let private refusedBy terminal asJson refusals =
    let lines = refusals |> List.map (fun refusal -> $"  {refusal.Backend}: {refusal.Reason}")
    let reasons = String.Join("\n", lines)
    Refusal.sentence terminal asJson $"sgm run: nothing that was asked for can run this experiment:\n{reasons}"

/// A test of fit is one of particles, and holds for many.
let private whyNoFit (request: RunRequest) (loaded: Checked) choice =
    if not request.Fit then
        None
    elif not (isMonteCarlo choice) then
        Some
            $"tests particles, and {choice.Interpreter.Backend} runs this experiment exactly: its metrics say how far it is from the target. Add --by particles."
    elif loaded.Experiment.Particles < Measurements.fewestForFit then
        Some $"needs at least {Measurements.fewestForFit} particles; there are {loaded.Experiment.Particles}."
    else
        None

/// Why draws or the page cannot go where they shall, asked before anything runs.
let private whyNoOutput (request: RunRequest) =
    let draws =
        request.Samples
        |> Option.map (fun file ->
            Draws.writer file |> Result.bind (fun _ -> Sgm.Verification.Report.Folder.checkFile file))

    let page =
        request.Report |> Option.map (Sgm.Verification.Report.Folder.checkFor Sgm.Verification.Report.Page.paths)

    [ "--samples", draws; "--report", page ]
    |> List.tryPick (fun (flag, found) ->
        match found with
        | Some(Error reason) -> Some $"{flag}: {reason}"
        | _ -> None)

let command terminal (request: RunRequest) =
    let overrides (experiment: Experiment) =
        { experiment with
            Particles = defaultArg request.Particles experiment.Particles
            Seed = defaultArg request.Seed experiment.Seed
        }

    match request.Threads with
    | Some n when n < 1 || n > 4096 ->
        Refusal.sentence terminal request.Json $"sgm run: --threads {n}, expected a whole number from 1 to 4096."
    | _ when (whyNoOutput request).IsSome ->
        Refusal.sentence terminal request.Json $"sgm run: {(whyNoOutput request).Value}"
    | _ ->
        match Loading.replaced terminal overrides request.Settings request.File with
        | Error problems -> Refusal.problems terminal request.Json problems
        | Ok loaded ->
            for data in loaded.Data do
                Terminal.tell terminal $"read {data}"

            if not (List.isEmpty loaded.Warnings) then
                Terminal.tell terminal (Message.renderAll loaded.Warnings)

            match Laws.choose request.By loaded.Plan with
            | Error refusals -> refusedBy terminal request.Json refusals
            | Ok choice ->
                let run = execute terminal request loaded

                match whyNoFit request loaded choice with
                | Some reason -> Refusal.sentence terminal request.Json $"sgm run: --fit {reason}"
                | None ->

                    match run choice with
                    | { Outcome = outcome } as stopped when request.By = By.Auto && not (isMonteCarlo choice) ->
                        match outcome.Status with
                        | :? RunStatus.Unsupported as unsupported ->
                            match Laws.instead choice unsupported.Reason loaded.Plan with
                            | Ok particles -> run particles |> finish terminal request.Json
                            | Error refusals -> refusedBy terminal request.Json refusals
                        | _ -> finish terminal request.Json stopped
                    | finished -> finish terminal request.Json finished
