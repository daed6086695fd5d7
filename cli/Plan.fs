/// `sgm plan`: the experiment that a theorem prescribes for a target and an accuracy, as a file that runs.
module Sgm.Cli.Plan

open System
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.JsonWriting

/// A prescription, checked, with what an exact run of it measures.
type private Answer = { Prescription: Prescription; Loaded: Checked; Measured: Estimate option }

/// Why there is no answer: the request is wrong, or what the theorem prescribes does not keep its promise.
type private Failure =
    | Wrong of message: string
    | Unkept of message: string

let private outcome answer =
    let metric = answer.Prescription.Theorem.Metric.Symbol

    match answer.Measured with
    | Some estimate ->
        let share = estimate.Value.Value / answer.Prescription.Bound

        $"an exact run ({estimate.Method}) measures {metric} = {Words.number estimate.Value.Value}, {Words.digits 3 share} times the bound"
    | None -> $"not confirmed by a run: {Laws.reasons (Laws.refusals answer.Loaded.Plan)}"

/// The file: comments, then the experiment's canonical text.
let private file answer =
    let prescription = answer.Prescription
    let metric = prescription.Theorem.Metric.Symbol
    let plan = answer.Loaded.Plan

    let comments =
        [
            $"{prescription.Theorem.Id}: {metric} at most {Words.number prescription.Accuracy} from {Prescription.against plan}"
            prescription.Theorem.Source.Citation
            yield! prescription.Reasons
            $"the theorem's bound here: {metric} ≤ {Words.number prescription.Bound}"
            $"cost: {Words.steps plan}, {Words.evaluations plan} per particle in {Words.dimensions plan.Dimension}"
            outcome answer
        ]

    String.Join("\n", (comments |> List.map (fun line -> $"// {line}")) @ [ answer.Loaded.Text.TrimEnd() ])

let private json answer (json: Writer) =
    let prescription = answer.Prescription
    let plan = answer.Loaded.Plan
    text json "theorem" prescription.Theorem.Id
    text json "metric" (Words.metric prescription.Theorem.Metric)
    number json "accuracy" prescription.Accuracy
    text json "against" (Prescription.against plan)
    number json "bound" prescription.Bound
    text json "fingerprint" answer.Loaded.Fingerprint
    strings json "reasons" prescription.Reasons
    json.WriteNumber("dimension", plan.Dimension)
    json.WriteNumber("steps", plan.StepCount)
    json.WriteNumber("scoreEvaluations", plan.ScoreEvaluations)

    object json "measured" (fun () ->
        match answer.Measured with
        | Some estimate ->
            optional json "value" (Option.ofNullable estimate.Value)
            number json "lower" estimate.Lower
            number json "upper" estimate.Upper
            number json "confidence" estimate.Confidence
            text json "method" estimate.Method
            Option.iter (text json "reason") (Option.ofObj estimate.Reason)
        | None ->
            optional json "value" None
            text json "reason" (Laws.reasons (Laws.refusals plan)))

let private answer run (terminal: Terminal) (theorem: Theorem) (wanted: Checked) accuracy =
    Progress.during terminal "planning" (fun told ->
        let runner = { Runner.engine terminal.Cancellation with Run = run; Progress = told }

        match Prescription.make runner theorem wanted.Experiment.Target wanted.Plan.Target accuracy with
        | Error reason -> Error(Wrong reason)
        | Ok prescription ->
            match Prescription.broken prescription, Check.experiment "." prescription.Experiment with
            | Some reason, _ -> Error(Unkept reason)
            | None, Error problems -> Error(Wrong(Message.renderAll problems))
            | None, Ok loaded ->
                let measured = Prescription.measured runner prescription

                match Prescription.unkept prescription measured, measured with
                | Some reason, _
                | None, Some(Error reason) -> Error(Unkept reason)
                | None, Some(Ok estimate) ->
                    Ok { Prescription = prescription; Loaded = loaded; Measured = Some estimate }
                | None, None -> Ok { Prescription = prescription; Loaded = loaded; Measured = None })

/// With an engine of one's own; the tests put a broken one here.
let commandBy (run: Plan -> RunOptions -> Outcome) (terminal: Terminal) (request: PlanRequest) =
    let refuse message = Refusal.sentence terminal request.Json $"sgm plan: {message}"

    match Theorems.named request.Theorem with
    | Error message -> refuse message
    | Ok(_ :: _ :: _ as several) ->
        let ids = String.Join(", ", several |> List.map (fun theorem -> theorem.Id))
        refuse $"'{request.Theorem}' begins the names of several theorems: {ids}"
    | Ok theorems ->
        match Loading.target request.Target, Numeral.tryFloat request.Accuracy with
        | Error problems, _ -> Refusal.problems terminal request.Json problems
        | _, None ->
            refuse
                $"--accuracy: found '{request.Accuracy}', expected a positive number such as 0.1 (with a point, without separators)."
        | Ok wanted, Some accuracy ->
            match answer run terminal (List.head theorems) wanted accuracy with
            | Error(Wrong message) -> refuse message
            | Error(Unkept message) ->
                refuse message |> ignore
                Exit.Violated
            | Ok found ->
                if request.Json then
                    Terminal.json terminal "sgm.plan/1" (Some(file found)) (json found)
                else
                    terminal.Out.WriteLine(file found)

                Exit.Fine

let command terminal request = commandBy Laws.run terminal request
