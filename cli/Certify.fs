/// `sgm certify`: upper bounds at every probe, beside what an exact law measures.
module Sgm.Cli.Certify

open System
open Sgm
open Sgm.Engine
open Sgm.Verification.Certificates
open Sgm.Verification.Report
open Sgm.Verification.JsonWriting

let private metrics = [ Metric.Tv; Metric.Kl; Metric.W2 ]

/// A share of a whole: two digits, or a whole number from ten on.
let private percent part whole =
    let share = if whole > 0.0 then 100.0 * part / whole else 0.0
    if abs share < 9.95 then $"{Words.digits 2 share} %%" else $"{share:F0} %%"

/// What the interval of draws allows of KL(p‖q) beyond what they showed; 0 without draws.
let private unseen (c: Certificate) =
    match c.Start with
    | Some start when c.KlReverse.Confidence < 1.0 -> max 0.0 (c.KlReverse.Value - start - c.Steps - c.Score)
    | _ -> 0.0

/// Runs the plan by an exact law, if one applies, for tv, kl and w2 at every probe.
let private measure (terminal: Terminal) metrics (plan: Plan) told =
    let wanted = Sgm.Verification.Plan.withMetrics metrics plan

    match Laws.choose By.Exact wanted with
    | Error refusals -> Error(Laws.reasons refusals)
    | Ok choice ->
        told "running the exact law" 0.5

        let outcome = choice.Interpreter.Run(wanted, RunOptions(Cancellation = terminal.Cancellation))

        match outcome.Status with
        | :? RunStatus.Completed ->
            let measured =
                outcome.Probes |> Seq.map (fun probe -> [ for metric in metrics -> metric, probe.Law.Measure metric ])

            Ok(List.ofSeq measured)
        | :? RunStatus.Cancelled -> raise (OperationCanceledException terminal.Cancellation)
        | :? RunStatus.Unsupported as unsupported -> Error unsupported.Reason
        | other -> Error $"the run {Words.status Vp other}"

let private bounds (c: Certificate) =
    [
        "tv", c.Tv, Some Metric.Tv
        "kl(p‖q)", c.KlReverse, None
        "kl(q‖p)", c.Kl, Some Metric.Kl
        "w2", c.W2, Some Metric.W2
    ]

let private measuredText (bound: Bound) (estimate: Estimate option) =
    match estimate with
    | Some e when e.Value.HasValue ->
        let value, within = Words.bracketed 6 e.Value.Value e.Lower e.Upper

        let ratio =
            if Double.IsFinite bound.Value && e.Value.Value > 0.0 && e.Value.Value > 5.0 * (e.Upper - e.Lower) then
                $"{Words.digits 3 (bound.Value / e.Value.Value)} times the truth"
            else
                ""

        $"{value} {within}".TrimEnd(), ratio
    | Some e -> "–", e.Reason
    | None -> "", ""

let private largest forward (c: Certificate) =
    let whole = c.KlReverse.Value

    c.Contributions
    |> List.sortByDescending (fun one -> one.Steps + one.Score)
    |> List.truncate 5
    |> List.map (fun one ->
        let at =
            if one.From = one.To then
                $"{one.Rounds} × {one.Method} at {Words.level forward one.From}"
            else
                $"{Words.level forward one.From} → {Words.digits 3 one.To.Parameter}"

        $"{at}: {percent (one.Steps + one.Score) whole}")

/// So many nats say nothing.
let private silly = 1e6

let rec private explained depth (d: Derivation) : string list =
    let inputs = String.Join(", ", [ for name, value in d.Inputs -> $"{name} = {Words.digits 4 value}" ])
    let given = if inputs = "" then "" else $" from {inputs}"
    let indent = String.replicate depth "  "

    [
        $"{indent}{d.Rule.Id}: {d.Of}: ≤ {Words.above 4 d.Value}{given}"
        for part in d.Parts do
            yield! explained (depth + 1) part
    ]

let rec private rulesOf (d: Derivation) = d.Rule :: List.collect rulesOf d.Parts

let private show (screen: Screen) forward explain whyNot (answers: CertifiedProbe list) =
    let text title = { Title = title; IsNumber = false }

    for answer in answers do
        let c = answer.Certificate
        screen.Line [ strong $"{c.Name}, {Words.level forward c.Level}" ]

        screen.Table(
            [ text "metric"; text "certified"; text "measured"; text "" ],
            [
                for name, bound, metric in bounds c do
                    let found =
                        metric
                        |> Option.bind (fun m -> answer.Measured |> List.tryFind (fst >> (=) m) |> Option.map snd)

                    let measured, ratio = measuredText bound found

                    let value, remark =
                        match bound.Reason with
                        | Some reason when bound.Value = 1.0 -> { Text = "≤ 1"; Tone = Unsure }, reason
                        | Some reason -> { Text = "–"; Tone = Unsure }, reason
                        | None when name.StartsWith("kl", StringComparison.Ordinal) && bound.Value > silly ->
                            { Text = "–"; Tone = Unsure },
                            $"the rules give {Words.above 3 bound.Value}, which says nothing"
                        | None -> strong $"≤ {Words.above 3 bound.Value}", ratio

                    [ plain name; value; plain measured; faint remark ]
            ]
        )

        match c.Start with
        | Some start when Double.IsFinite c.KlReverse.Value ->
            let whole = c.KlReverse.Value
            let share part = $"{Words.digits 3 part} ({percent part whole})"

            let interval =
                match unseen c with
                | 0.0 -> ""
                | part -> $"   interval {share part}"

            screen.Line
                [
                    faint "shares of kl(p‖q)  "
                    plain $"start {share start}   steps {share c.Steps}   score {share c.Score}{interval}"
                ]

            screen.Line [ faint "largest            "; plain (String.Join("   ", largest forward c)) ]
        | _ -> ()

        for words in Certified.confidence [ for _, bound, _ in bounds c -> bound ] |> Option.toList do
            screen.Line [ faint "confidence         "; plain words ]

        if explain then
            for line in c.Derivation |> List.collect (explained 1) do
                screen.Line line

        screen.Line()

    if explain then
        screen.Line [ strong "Rules" ]

        for rule in answers |> List.collect (fun a -> List.collect rulesOf a.Certificate.Derivation) |> List.distinct do
            screen.Line [ strong $"  {rule.Id}"; plain $": {rule.Statement}"; faint $" ({rule.Source})" ]
    else
        screen.Line [ faint "derivation         --explain prints every rule with its numbers" ]

    match whyNot with
    | Some reason -> screen.Line [ faint $"nothing is measured: {reason}" ]
    | None -> ()

let rec private jsonDerivation (json: Writer) (d: Derivation) =
    text json "rule" d.Rule.Id
    text json "statement" d.Rule.Statement
    text json "source" d.Rule.Source
    text json "of" d.Of
    number json "value" d.Value

    object json "inputs" (fun () ->
        for name, value in d.Inputs do
            number json name value)

    objects json "parts" d.Parts (jsonDerivation json)

let private json (loaded: Checked) whyNot (answers: CertifiedProbe list) (json: Writer) =
    text json "fingerprint" loaded.Fingerprint
    json.WriteNumber("dimension", loaded.Plan.Dimension)
    json.WriteNumber("scoreEvaluations", loaded.Plan.ScoreEvaluations)
    Option.iter (text json "notMeasured") whyNot

    objects json "probes" answers (fun answer ->
        let c = answer.Certificate
        text json "name" c.Name
        Measurements.level json "level" c.Level

        object json "bounds" (fun () ->
            Certified.bound json "tv" c.Tv
            Certified.bound json "klReverse" c.KlReverse
            Certified.bound json "kl" c.Kl
            Certified.bound json "w2" c.W2)

        object json "measured" (fun () -> List.iter (fun (m, e) -> estimate json (Words.metric m) e) answer.Measured)

        object json "shares" (fun () ->
            let known part = if c.Start.IsSome then Some part else None
            optional json "start" c.Start
            optional json "steps" (known c.Steps)
            optional json "score" (known c.Score)
            optional json "interval" (known (unseen c)))

        objects json "contributions" c.Contributions (fun one ->
            json.WriteNumber("index", one.Index)
            json.WriteNumber("rounds", one.Rounds)
            text json "method" one.Method
            Measurements.level json "from" one.From
            Measurements.level json "to" one.To
            number json "steps" one.Steps
            number json "score" one.Score)

        objects json "derivation" c.Derivation (jsonDerivation json))

/// The certificates at every probe of a plan, with what an exact law measures there, and why none does.
let private answers terminal metrics (plan: Plan) told =
    told "certifying" 0.0

    Certificate.ofPlan terminal.Cancellation plan
    |> Result.map (fun certificates ->
        let measured, whyNot =
            match measure terminal metrics plan told with
            | Ok found -> found, None
            | Error reason -> List.replicate certificates.Length [], Some reason

        let answer i certificate measured =
            { Certificate = certificate; Measured = measured; Step = plan.StepsBefore(int64 i) }

        List.mapi2 answer certificates measured, whyNot)

/// Places along a run at which its page shows bounds beside measurements.
let private places = 24

/// Writes the page: its path, or why it could not be written. Where an exact law measures the run, places between the
/// probes are shown too.
let private report terminal (loaded: Checked) whyNot found directory =
    let along =
        match whyNot with
        | Some _ -> found
        | None ->
            let probed = Sgm.Verification.Plan.probedAlong places loaded.Plan

            match Progress.during terminal "along the run" (answers terminal [ Metric.Tv; Metric.W2 ] probed) with
            | Ok(places, None) -> places
            | Ok(_, Some _)
            | Error _ -> found

    let document =
        {
            Text = loaded.Text
            Fingerprint = loaded.Fingerprint
            Dimension = loaded.Plan.Dimension
            ScoreEvaluations = loaded.Plan.ScoreEvaluations
            NotMeasured = whyNot
            Probes = found
            Along = along
        }

    CertificatePage.files document |> Folder.writeFiles terminal.Cancellation directory

let private certify terminal (request: CertifyRequest) =
    match Loading.file terminal request.Settings request.File with
    | Error problems -> Refusal.problems terminal request.Json problems
    | Ok loaded ->
        if not (List.isEmpty loaded.Warnings) then
            Terminal.tell terminal (Message.renderAll loaded.Warnings)

        let answered = Progress.during terminal "certifying" (answers terminal metrics loaded.Plan)

        match answered, request.Report with
        | Error reason, _ -> Refusal.sentence terminal request.Json $"sgm certify: {reason}"
        | Ok(found, whyNot), directory ->
            let page = directory |> Option.map (report terminal loaded whyNot found)

            if request.Json then
                Terminal.json terminal "sgm.certificate/1" (Some loaded.Text) (json loaded whyNot found)
            else
                show (Screen.out terminal) loaded.Experiment.Forward request.Explain whyNot found

            Pages.told terminal "certify" request.Json page Exit.Fine

let command terminal (request: CertifyRequest) =
    match Pages.misplaced Page.paths request.Report with
    | Some message -> Refusal.sentence terminal request.Json $"sgm certify: {message}"
    | None -> certify terminal request
