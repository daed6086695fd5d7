/// `sgm verify`.
module Sgm.Cli.Verify

open System
open Sgm
open Sgm.Engine
open Sgm.Verification

let private verdict v =
    let tone =
        match v with
        | Holds -> Good
        | Violated -> Bad
        | Inconclusive -> Unsure
        | NotApplicable -> Faint

    { Text = Verdict.name v; Tone = tone }

/// A table of the model that page and Markdown share.
let private shown (screen: Screen) (columns: Report.Column<'row> list) judge rows =
    let cell row (column: Report.Column<'row>) =
        let words = String.Join("; ", column.Parts row)

        match column.Look with
        | Report.Identifier -> strong words
        | Report.Judged -> verdict (judge row)
        | Report.Words
        | Report.Number -> plain words

    screen.Table(
        [ for column in columns -> { Title = column.Title; IsNumber = (column.Look = Report.Number) } ],
        [ for row in rows -> columns |> List.map (cell row) ]
    )

/// What does not hold, always with its reason; of what holds, what the reason leaves out where that is wanted.
let private reasons (screen: Screen) isWide (check: CheckResult) =
    match check.Reason with
    | Some reason when isWide || check.Verdict <> Holds ->
        screen.Line [ verdict check.Verdict; plain $" {check.Key}: {reason}" ]
    | None when check.Verdict <> Holds ->
        screen.Line [ verdict check.Verdict; plain $" {check.Key}: no reason was given" ]
    | _ -> ()

/// What `sgm verify` shows of a run: a line a theorem or, wide, a line a check; what does not hold; what the run is made of.
let table (screen: Screen) isWide (document: Report.Document) =
    let result = document.Result
    let lines = Report.Summary.lines document

    if isWide then
        shown screen Report.Tables.checks (fun reported -> reported.Check.Verdict) document.Checks
    else
        shown screen Report.Tables.theorems Report.Summary.verdict lines

    for check in result.Checks do
        reasons screen isWide check

    screen.Line()
    screen.Line $"{Report.Summary.sentence (Report.Summary.counts document)}"

    screen.Line(
        $"theorems: {Report.Summary.verdicts lines}; checks: {result.Count Holds} hold, {result.Count Violated} violated, "
        + $"{result.Count Inconclusive} inconclusive, {result.Count NotApplicable} not applicable; "
        + $"{result.Checks |> List.sumBy (fun check -> check.NotApplicableCells)} cells not applicable; "
        + $"{Report.Wording.share result.Vacuous result.BoundCells} cells have a vacuous bound; {Words.seconds result.Seconds}"
    )

    let sampled = result.Checks |> List.filter (fun check -> not check.Sampled.IsEmpty)
    let spent = sampled |> List.sumBy (fun check -> check.Sampled |> List.sumBy (fun one -> one.FalseAlarm))

    let assume = sampled |> List.filter (fun check -> Budget.assumes check.Sampled) |> List.length

    if not sampled.IsEmpty then
        screen.Line(
            $"{sampled.Length} checks decided from samples: a false alarm in one of {1.0 / result.FalseAlarm:g3} runs at most, {spent / result.FalseAlarm:P0} of that spent; "
            + $"for {assume} of them that rests on Student's t, for the others on theorems"
        )

/// The theorems with some names, without repetition and in the catalogue's order; or what is wrong.
let private named ids =
    let found = ids |> List.map Theorems.named

    match
        found
        |> List.choose (function
            | Error message -> Some message
            | Ok _ -> None)
    with
    | [] when List.isEmpty ids -> Ok Catalogue.theorems
    | [] ->
        let wanted =
            found
            |> List.collect (function
                | Ok theorems -> theorems |> List.map (fun theorem -> theorem.Id)
                | Error _ -> [])

        Ok(Catalogue.theorems |> List.filter (fun theorem -> List.contains theorem.Id wanted))
    | messages -> Error(String.Join("\n", messages))

/// The experiments of a family as they are named in a study, one for every choice of its axes.
let private ownOf (found: FamilyMember) (family: Family) settings file =
    attempt {
        let! axes = TextClaims.axesOf settings found

        return!
            TextClaims.choices settings axes
            |> Seq.map (fun chosen ->
                let name = TextClaims.label axes chosen

                family.At chosen
                |> Result.map (fun one ->
                    {
                        Name = if name = "" then file else $"{file}, {name}"
                        Directory = Loading.directoryOf file
                        Checked = one.Checked
                    }))
            |> every
    }

/// Of a file its claims; theorems that were asked for by name, or all of the papers' where it claims nothing, where
/// they cover its experiments.
let private ofFile terminal (request: VerifyRequest) named file =
    attempt {
        let! settings = Loading.settings request.Settings
        let! family = Loading.family terminal file
        let! found = family.At settings
        let! claimed = TextClaims.theorems file (Loading.directoryOf file) request.AxisByAxis settings family

        let! covering =
            match named with
            | Some theorems -> ownOf found family settings file |> Result.map (Own.covering theorems)
            // How tight a bound is, is claimed of scenarios; the engine's own checks are for those who ask for them.
            | None when found.Claims.IsEmpty && found.Rates.IsEmpty ->
                ownOf found family settings file |> Result.map (Own.covering Catalogue.ofPapers)
            | None -> Ok []

        let dropped = found.Rates |> List.filter (fun rate -> settings.ContainsKey rate.Axis)

        // What kept cells depend on besides their experiments: the formulas of the text, and what its data files hold.
        let context = family.Fingerprint :: request.Settings @ (Sweep.named "" By.Auto found.Checked).Asked.Value
        return dropped, context, claimed @ covering
    }

/// Claims of two files of the same name have identifiers of their own.
let private withOwnIds (theorems: Theorem list) =
    theorems
    |> List.mapi (fun i theorem ->
        match theorems |> List.take i |> List.filter (fun other -> other.Id = theorem.Id) with
        | [] -> theorem
        | before -> { theorem with Id = $"{theorem.Id}-{before.Length + 1}" })

/// What is held against what: theorems against their own scenarios or, where files are named, claims and theorems
/// against those experiments.
let private chosen terminal (request: VerifyRequest) =
    let files, ids = request.Ids |> List.partition Loading.isFile

    match named ids, files with
    | Error message, _ -> Error(Choice1Of2 message)
    | Ok _, [] when not request.Settings.IsEmpty || request.AxisByAxis ->
        Error(Choice1Of2 "--set and --axis-by-axis are of files; name one (.sgm)")
    | Ok theorems, [] -> Ok(theorems, [])
    | Ok theorems, files ->
        let named = if ids.IsEmpty then None else Some theorems
        let files = files |> List.distinctBy IO.Path.GetFullPath
        let found = files |> List.map (ofFile terminal request named)

        let problems =
            found
            |> List.collect (function
                | Error problems -> problems
                | Ok _ -> [])

        match every found with
        | Error _ -> Error(Choice2Of2 problems)
        | Ok found ->
            for rate in found |> List.collect (fun (dropped, _, _) -> dropped) do
                Terminal.tell
                    terminal
                    $"sgm verify: the rate of {rate.Metric.Name} along '{rate.Axis}' is not checked: --set leaves it one value"

            found
            |> List.collect (fun (_, _, theorems) -> theorems)
            // A theorem that covers several files is one, with all of their scenarios.
            |> List.groupBy (fun theorem -> theorem.Id, theorem.Source)
            |> List.map (fun (_, several) ->
                { several.Head with
                    Scenarios = several |> List.collect (fun theorem -> theorem.Scenarios)
                })
            |> withOwnIds
            |> fun theorems -> Ok(theorems, found |> List.collect (fun (_, context, _) -> context))

let private isCancellation (error: exn) =
    match error with
    | :? OperationCanceledException -> true
    | :? AggregateException as several ->
        several.Flatten().InnerExceptions |> Seq.forall (fun inner -> inner :? OperationCanceledException)
    | _ -> false

let private verify run (terminal: Terminal) effort theorems shelf =
    Progress.during terminal "verifying" (fun told ->
        let runner = { Runner.engine terminal.Cancellation with Run = run; Progress = told }

        Study.prepareKept effort theorems shelf runner)

/// Bugs against statements: all of the one against the whole catalogue, whatever theorems are verified.
type Trial = { Statements: Theorem list; Bugs: Sabotage.Bug list }

let private everything = { Statements = Catalogue.statements; Bugs = Sabotage.Bugs.all }

/// The healthy runner of the process; bugs are planted in it one at a time.
let private plant (terminal: Terminal) trial cells =
    Progress.during terminal "planting bugs" (fun told ->
        let runner = { Runner.engine terminal.Cancellation with Progress = told }
        Sabotage.Sabotage.against runner cells trial.Statements trial.Bugs)

let private sabotageTable (screen: Screen) (matrix: Sabotage.KillMatrix) =
    screen.Line()
    screen.Line [ strong "Can the checker fail? "; plain (Report.Trial.lead matrix) ]

    for row in matrix.Survivors do
        screen.Line [ { Text = "survives"; Tone = Bad }; plain $" {row.Bug.Title}: {row.Bug.Breaks}" ]

    for name in matrix.Silent do
        screen.Line [ { Text = "catches nothing"; Tone = Unsure }; plain $" {name.Text}" ]

let private show (terminal: Terminal) (request: VerifyRequest) (document: Report.Document) =
    if request.Json then
        terminal.Out.WriteLine(Report.Json.summaryOf document)
    else
        let screen = Screen.out terminal
        table screen request.Wide document
        document.Matrix |> Option.iter (sabotageTable screen)

/// Writes the report, then the files that were asked for beside it: the path of the report's first page, and what failed.
let private report (terminal: Terminal) (request: VerifyRequest) document =
    let page = Report.Folder.writeDocument terminal.Cancellation request.Report document

    let asked =
        [
            request.Junit |> Option.map (fun file -> Report.Folder.writeJUnit file document)
            request.Sabotage |> Option.map (fun file -> Report.Folder.writeTrust file document)
            Some(Result.map ignore page)
        ]

    let failed =
        asked
        |> List.choose (function
            | Some(Error message) -> Some message
            | _ -> None)

    Result.toOption page, failed

/// Bugs that no check caught: the verifier is at fault then, not an engine or a theorem.
let private survivors (terminal: Terminal) (document: Report.Document) =
    match document.Matrix with
    | Some matrix when not matrix.Survivors.IsEmpty ->
        Terminal.tell
            terminal
            $"sgm verify: the verifier fails: {matrix.Survivors.Length} of {matrix.Rows.Length} seeded bugs are caught by no check"

        true
    | _ -> false

/// Why the verification is no success although nothing was violated, told.
let private fallsShort (terminal: Terminal) (request: VerifyRequest) (document: Report.Document) =
    match document.Result.Shortfall request.AllowInconclusive with
    | Some sentence ->
        Terminal.tell terminal $"sgm verify: {sentence}"
        true
    | None -> false

/// The report is written before anything is shown, so that neither a closed pipe nor a failing file beside it costs it.
let private finish (terminal: Terminal) (request: VerifyRequest) (document: Report.Document) =
    let page, failed = report terminal request document
    show terminal request document

    match page with
    | Some page when request.Json -> Terminal.tell terminal $"report: {Visible.line page}"
    | Some page -> terminal.Out.WriteLine $"report: {Visible.line page}"
    | None -> ()

    for message in failed do
        Terminal.tell terminal $"sgm verify: {message}"

    let failures = [ survivors terminal document; document.Result.Violated > 0; fallsShort terminal request document ]

    if not failed.IsEmpty then Exit.BadInput
    elif List.contains true failures then Exit.Violated
    else Exit.Fine

/// How many cells of a bound along an axis a bug is tried on.
let private cellsOf effort =
    match effort with
    | Quick -> 1
    | Standard
    | Full -> 2

/// The words of a request that its numbers depend on.
let private words (request: VerifyRequest) =
    [
        yield! request.Ids
        for setting in request.Settings do
            yield! [ "--set"; setting ]
        if request.AxisByAxis then
            "--axis-by-axis"
        yield! [ "--effort"; $"{request.Effort}".ToLowerInvariant() ]
    ]

let private execute run trial (terminal: Terminal) (request: VerifyRequest) source (theorems, context) =
    let asked = Keeping.asked terminal "verify" (words request) (request.Ids |> List.filter Loading.isFile)

    try
        match
            Keeping.during
                terminal
                asked
                context
                request.Json
                source
                (verify run terminal request.Effort theorems >> Ok)
        with
        | Error code -> code
        | Ok kept ->
            let result =
                match source with
                | Keeping.Joined _ -> { kept.Result with Seconds = kept.Result.Checks |> List.sumBy _.Seconds }
                | Keeping.Nowhere
                | Keeping.InFolder _ -> kept.Result

            let document = Report.Document.create DateTimeOffset.UtcNow result

            let tried =
                match source with
                | Keeping.Joined _ -> document
                | Keeping.Nowhere
                | Keeping.InFolder _ when request.PlantsBugs ->
                    { document with Matrix = Some(plant terminal trial (cellsOf request.Effort)) }
                | Keeping.Nowhere
                | Keeping.InFolder _ -> document

            finish terminal request tried |> Keeping.told terminal "verify" asked source kept.Missing
    with error when isCancellation error ->
        Terminal.tell terminal "sgm verify: cancelled"
        Exit.Cancelled

let private commandOn source run trial terminal (request: VerifyRequest) =
    let terminal = Loading.remembering terminal
    let refuse message = Refusal.sentence terminal request.Json $"sgm verify: {message}"

    let outputs =
        Report.Folder.check request.Report
        :: List.map Report.Folder.checkFile (Option.toList request.Junit @ Option.toList request.Sabotage)

    match
        chosen terminal request,
        List.tryPick
            (function
            | Error message -> Some message
            | Ok() -> None)
            outputs
    with
    | Error(Choice1Of2 message), _
    | _, Some message -> refuse message
    | Error(Choice2Of2 problems), _ -> Refusal.problems terminal request.Json problems
    | Ok(theorems, context), None ->
        if theorems.IsEmpty then
            Terminal.tell terminal "sgm verify: no theorem covers this; 'sgm check FILE' says what each asks for"

        execute run trial terminal request source (theorems, context)

/// With a runner and seeded bugs of one's own; the tests put a broken one here, and bugs that are none. Nothing is
/// kept.
let commandWith (run: Plan -> RunOptions -> Outcome) trial terminal (request: VerifyRequest) =
    commandOn Keeping.Nowhere run trial terminal request

/// With a runner of one's own.
let commandBy run terminal request = commandWith run everything terminal request

/// From stores.
let commandFrom source terminal request = commandOn source Laws.run everything terminal request

let command terminal (request: VerifyRequest) =
    // The folder that is written to where none is named is that of the run to go on with.
    let report =
        if request.Resume.IsSome && request.Report = VerifyRequest.Nowhere then
            None
        else
            Some request.Report

    match Keeping.source report request.Resume request.Shard with
    | Error message -> Refusal.sentence terminal request.Json $"sgm verify: {message}"
    | Ok source when source.IsShard && (request.Junit.IsSome || request.Sabotage.IsSome) ->
        Refusal.sentence
            terminal
            request.Json
            "sgm verify: --junit and --sabotage with --shard: a shard makes no report; sgm merge has --junit"
    | Ok source ->
        commandFrom source terminal { request with Report = request.Resume |> Option.defaultValue request.Report }
