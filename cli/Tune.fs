/// `sgm tune`: the schedule that minimises the certificate at a number of score evaluations, as an experiment.
module Sgm.Cli.Tune

open System
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Verification.JsonWriting

/// A schedule with its certificate and what an exact law measures.
type private Row = { Name: string; Transitions: int; Certificate: Certificate; Measured: Estimate option }

type private Tuned = { Loaded: Checked; Rows: Row list }

let private tvMeasured (terminal: Terminal) (plan: Plan) =
    let outcome = Laws.run (Plan.withMetrics [ Metric.Tv ] plan) (RunOptions(Cancellation = terminal.Cancellation))

    if outcome.IsCompleted then
        Some((Seq.last outcome.Probes).Law.Measure Metric.Tv)
    else
        None

let private row (terminal: Terminal) name transitions (loaded: Checked) =
    Certificate.ofPlan terminal.Cancellation loaded.Plan
    |> Result.map (fun found ->
        {
            Name = name
            Transitions = transitions
            Certificate = List.last found
            Measured = tvMeasured terminal loaded.Plan
        })

let private checkedWith directory (loaded: Checked) sampler =
    Check.experiment directory { loaded.Experiment with Sampler = sampler }
    |> Result.mapError (fun problems -> (Message.renderAll problems).TrimEnd())

let private tune (terminal: Terminal) directory (loaded: Checked) evaluations told =
    attempt {
        let! place = Tuning.place loaded.Experiment
        let each = Tuning.evaluations loaded.Experiment place
        let own = Schedule.transitions place.Schedule
        let beside = loaded.Plan.ScoreEvaluations - int64 (own * each)
        let count = (int64 evaluations - beside) / int64 (max 1 each)

        do!
            require
                (count >= 1L)
                ()
                $"--evaluations {evaluations}: a transition takes {each} and the rest of the sampler {beside}; at least {int64 each + beside} are needed"

        let count = int count
        told "choosing levels" 0.2
        let! levels, _ = Tuning.optimal terminal.Cancellation loaded.Plan loaded.Experiment place count
        let first, last = Schedule.first place.Schedule, Schedule.last place.Schedule
        told "certifying" 0.7

        let schedules =
            [
                "before", own, place.Schedule
                "tuned", count, Levels levels
                if last > 0.0 then
                    "geometric", count, Geometric(first, last, count)
                "uniform", count, Uniform(first, last, count)
                "karras 7", count, Karras(7.0, first, last, count)
            ]

        let! rows =
            (Ok [], schedules)
            ||> List.fold (fun found (name, n, schedule) ->
                attempt {
                    let! earlier = found
                    let! one = checkedWith directory loaded (place.With schedule)
                    let! row = row terminal name n one
                    return row :: earlier
                })

        let! tuned = checkedWith directory loaded (place.With(Levels levels))
        return { Loaded = tuned; Rows = List.rev rows }
    }

let private line row =
    let r = row.Certificate.KlReverse.Value

    let measured =
        match row.Measured with
        | Some e when e.Value.HasValue -> $", TV measured {Words.digits 4 e.Value.Value}"
        | _ -> ""

    $"{row.Name}: {row.Transitions} transitions, kl(p‖q) ≤ {Words.above 3 r}, TV ≤ {Words.above 3 row.Certificate.Tv.Value}{measured}"

/// The file: comments, then the experiment's canonical text.
let private file evaluations tuned =
    let comments =
        $"the levels with the least certificate at {evaluations} score evaluations, on a grid of levels"
        :: (tuned.Rows |> List.map line)

    String.Join("\n", (comments |> List.map (fun text -> $"// {text}")) @ [ tuned.Loaded.Text.TrimEnd() ])

let private json evaluations tuned (json: Writer) =
    json.WriteNumber("evaluations", (evaluations: int))
    text json "fingerprint" tuned.Loaded.Fingerprint

    objects json "schedules" tuned.Rows (fun row ->
        text json "name" row.Name
        json.WriteNumber("transitions", row.Transitions)
        number json "klReverse" row.Certificate.KlReverse.Value
        number json "tv" row.Certificate.Tv.Value

        match row.Measured with
        | Some measured -> estimate json "measured" measured
        | None -> json.WriteNull "measured")

let command terminal (request: TuneRequest) =
    let refuse message = Refusal.sentence terminal request.Json $"sgm tune: {message}"

    if request.Evaluations < 1 then
        refuse $"--evaluations {request.Evaluations}, expected a whole number from 1."
    else
        match Loading.file terminal request.Settings request.File with
        | Error problems -> Refusal.problems terminal request.Json problems
        | Ok loaded ->
            let directory = Loading.directoryOf request.File

            match Progress.during terminal "tuning" (tune terminal directory loaded request.Evaluations) with
            | Error reason -> refuse reason
            | Ok tuned ->
                if request.Json then
                    let text = file request.Evaluations tuned
                    Terminal.json terminal "sgm.tune/1" (Some text) (json request.Evaluations tuned)
                else
                    terminal.Out.WriteLine(file request.Evaluations tuned)

                Exit.Fine
