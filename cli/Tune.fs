/// `sgm tune`: the schedule that minimises the certificate, or what an exact law measures, at a number of score evaluations,
/// as an experiment.
module Sgm.Cli.Tune

open System
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Verification.JsonWriting

/// A schedule with its certificate and what an exact law measures.
type private Row =
    {
        Name: string
        Transitions: int
        Schedule: Schedule
        Certificate: Certificate
        Measured: Estimate option
    }

type private Tuned = { Loaded: Checked; Metric: Metric; Rows: Row list }

let private measured (terminal: Terminal) metric (plan: Plan) =
    let outcome = Laws.run (Plan.withMetrics [ metric ] plan) (RunOptions(Cancellation = terminal.Cancellation))

    if outcome.IsCompleted then
        Some((Seq.last outcome.Probes).Law.Measure metric)
    else
        None

let private row (terminal: Terminal) metric name transitions schedule (loaded: Checked) =
    Certificate.ofPlan terminal.Cancellation loaded.Plan
    |> Result.map (fun found ->
        {
            Name = name
            Transitions = transitions
            Schedule = schedule
            Certificate = List.last found
            Measured = measured terminal metric loaded.Plan
        })

let private checkedWith directory (loaded: Checked) sampler =
    Check.experiment directory { loaded.Experiment with Sampler = sampler }
    |> Result.mapError (fun problems -> (Message.renderAll problems).TrimEnd())

/// The levels that an exact law finds best: the search starts at the named schedules and at the one of the least bound.
let private byLaw (terminal: Terminal) directory (loaded: Checked) (place: Tuning.Place) count metric schedules told =
    attempt {
        do!
            match Laws.applicable loaded.Plan with
            | [] -> Error $"no exact law runs it: {Laws.reasons (Laws.refusals loaded.Plan)}"
            | _ -> Ok()

        let mutable runs = 0

        let value (levels: float[]) =
            runs <- runs + 1
            told "choosing levels" (0.1 + 0.6 * float runs / float TuningByLaw.mostRuns)

            match checkedWith directory loaded (place.With(Levels(List.ofArray levels))) with
            | Error _ -> None
            | Ok one ->
                measured terminal metric one.Plan
                |> Option.bind (fun (found: Estimate) -> Option.ofNullable found.Value)

        let named =
            [
                for schedule in schedules ->
                    List.init (count + 1) (Schedule.parameter loaded.Experiment.Forward schedule)
            ]

        let certified =
            match Tuning.optimal terminal.Cancellation loaded.Plan loaded.Experiment place count with
            | Ok(levels, _) -> [ levels ]
            | Error _ -> []

        let levels, least =
            named @ certified
            |> List.map Array.ofList
            |> TuningByLaw.least terminal.Cancellation loaded.Experiment.Forward value

        do!
            require
                (Double.IsFinite least)
                ()
                $"no schedule of {count} transitions has a {metric.Name} that an exact law measures"

        return List.ofArray levels
    }

let private tune (terminal: Terminal) directory (loaded: Checked) evaluations by told =
    attempt {
        let! place = Tuning.place loaded.Experiment
        let each = Tuning.evaluations loaded.Experiment place

        do!
            match loaded.Experiment.Forward with
            | LevelsOf _ -> Error "levelsOf lists its levels, and there is none between them to choose from"
            | Vp
            | Ve
            | SubVp
            | Rectified -> Ok()

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
        let forward = loaded.Experiment.Forward
        let first, last = Schedule.first forward place.Schedule, Schedule.last forward place.Schedule

        let others =
            [
                if last > 0.0 then
                    "geometric", Geometric(first, last, count)
                "uniform", Uniform(first, last, count)
                "karras 7", Karras(7.0, first, last, count)
            ]

        let metric = if by = TuneBy.Exact then Seq.head loaded.Plan.Metrics else Metric.Tv

        let! levels =
            if by = TuneBy.Exact then
                byLaw terminal directory loaded place count metric (List.map snd others) told
            else
                Tuning.optimal terminal.Cancellation loaded.Plan loaded.Experiment place count |> Result.map fst

        told "certifying" 0.7

        let schedules =
            ("before", own, place.Schedule)
            :: ("tuned", count, Levels levels)
            :: [ for name, schedule in others -> name, count, schedule ]

        let! rows =
            (Ok [], schedules)
            ||> List.fold (fun found (name, n, schedule) ->
                attempt {
                    let! earlier = found
                    let! one = checkedWith directory loaded (place.With schedule)
                    let! row = row terminal metric name n schedule one
                    return row :: earlier
                })

        // The search reckons with Σκ, of draws with estimates of it; what is printed as tuned has the least certified TV of all, and
        // of equal ones the least KL.
        let least (row: Row) = row.Certificate.Tv.Value, row.Certificate.KlReverse.Value

        let better (best: Row) (other: Row) =
            if by = TuneBy.Certificate && other.Transitions = count && least other < least best then
                { other with Name = best.Name }
            else
                best

        let rows = List.rev rows
        let tuned = rows |> List.fold better (rows |> List.find (fun row -> row.Name = "tuned"))
        let! found = checkedWith directory loaded (place.With tuned.Schedule)

        return
            {
                Loaded = found
                Metric = metric
                Rows = rows |> List.map (fun row -> if row.Name = "tuned" then tuned else row)
            }
    }

let private line (metric: Metric) row =
    let r = row.Certificate.KlReverse.Value

    let measured =
        match row.Measured with
        | Some e when e.Value.HasValue -> $", {metric.Name} measured {Words.digits 4 e.Value.Value}"
        | _ -> ""

    $"{row.Name}: {row.Transitions} transitions, kl(p‖q) ≤ {Words.above 3 r}, TV ≤ {Words.above 3 row.Certificate.Tv.Value}{measured}"

/// The file: comments, then the experiment's canonical text.
let private file evaluations by tuned =
    let aim =
        if by = TuneBy.Exact then
            $"the levels with the least {tuned.Metric.Name} that was found at {evaluations} score evaluations, by an exact law"
        else
            $"the levels with the least certified TV that were found at {evaluations} score evaluations"

    let comments = aim :: (tuned.Rows |> List.map (line tuned.Metric))

    String.Join("\n", (comments |> List.map (fun text -> $"// {text}")) @ [ tuned.Loaded.Text.TrimEnd() ])

let private json evaluations by tuned (json: Writer) =
    json.WriteNumber("evaluations", (evaluations: int))
    text json "by" (if by = TuneBy.Exact then "exact" else "certificate")
    text json "metric" tuned.Metric.Name
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
        match Loading.diffusion terminal request.Settings request.File with
        | Error problems -> Refusal.problems terminal request.Json problems
        | Ok loaded ->
            let directory = Loading.directoryOf request.File

            match Progress.during terminal "tuning" (tune terminal directory loaded request.Evaluations request.By) with
            | Error reason -> refuse reason
            | Ok tuned ->
                if request.Json then
                    let text = file request.Evaluations request.By tuned
                    Terminal.json terminal "sgm.tune/1" (Some text) (json request.Evaluations request.By tuned)
                else
                    terminal.Out.WriteLine(file request.Evaluations request.By tuned)

                Exit.Fine
