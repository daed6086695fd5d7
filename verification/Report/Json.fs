namespace Sgm.Verification.Report

open System
open System.IO
open System.Text
open System.Text.Encodings.Web
open System.Text.Json
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Sabotage

/// The result as JSON: a summary (`sgm verify --json`) and the whole report. Infinities are the strings "Infinity" and
/// "-Infinity"; what is absent, and what is not a number, is null.
module Json =
    /// The first member of report.json; by it we know our own reports.
    let schema = "sgm.report/1"

    let private options = JsonWriterOptions(Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping)

    let private written write =
        use stream = new MemoryStream()

        using (new Utf8JsonWriter(stream, options)) write
        Encoding.UTF8.GetString(stream.ToArray()) + "\n"

    let private number (json: Utf8JsonWriter) (name: string) (value: float) =
        if Double.IsNaN value then json.WriteNull name
        elif Double.IsPositiveInfinity value then json.WriteString(name, "Infinity")
        elif Double.IsNegativeInfinity value then json.WriteString(name, "-Infinity")
        else json.WriteNumber(name, value)

    let private optional (json: Utf8JsonWriter) (name: string) (value: float option) =
        match value with
        | Some value -> number json name value
        | None -> json.WriteNull name

    let private optionalText (json: Utf8JsonWriter) (name: string) (value: string option) =
        json.WriteString(name, Option.toObj value)

    let private object (json: Utf8JsonWriter) (name: string) write =
        json.WriteStartObject name
        write ()
        json.WriteEndObject()

    let private array (json: Utf8JsonWriter) (name: string) items write =
        json.WriteStartArray name

        for item in items do
            json.WriteStartObject()
            write item
            json.WriteEndObject()

        json.WriteEndArray()

    let private head (json: Utf8JsonWriter) (document: Document) =
        json.WriteString("version", document.Version)
        json.WriteString("writtenAt", document.WrittenAt.ToString "yyyy-MM-ddTHH:mm:ssZ")
        json.WriteString("effort", Wording.effort document.Result.Effort)

    let private foot (json: Utf8JsonWriter) (document: Document) =
        json.WriteNumber("violated", document.Result.Violated)

        object json "falseAlarm" (fun () ->
            number json "budget" document.Result.FalseAlarm
            number json "spent" (Document.spent document)
            json.WriteNumber("checks", List.length (Document.sampled document)))

        number json "elapsedSeconds" document.Result.Seconds

    let private spending (json: Utf8JsonWriter) (spent: Spending) =
        json.WriteString("what", spent.What)
        json.WriteNumber("stages", spent.Stages)
        json.WriteNumber("particles", spent.Particles)
        json.WriteNumber("seed", spent.Seed)
        number json "falseAlarm" spent.FalseAlarm
        optionalText json "foundWithProbability90" spent.Power

    /// The members of the contract, then what else is short.
    let private checkMembers (json: Utf8JsonWriter) (reported: ReportedCheck) =
        let check = reported.Check
        json.WriteString("id", check.Theorem.Id)
        json.WriteString("claim", check.KindName)
        json.WriteString("axis", check.Axis.Symbol)
        json.WriteString("verdict", Verdict.name check.Verdict)
        json.WriteNumber("cells", reported.Size)
        optional json "tightest" check.Tightest
        optional json "claimed" check.Claimed
        optional json "measured" (check.Rate |> Option.map (fun rate -> rate.Slope))
        optional json "lower" (check.Rate |> Option.map (fun rate -> rate.Lower))
        optional json "upper" (check.Rate |> Option.map (fun rate -> rate.Upper))
        json.WriteNumber("vacuous", check.Vacuous)
        json.WriteString("key", reported.Anchor)
        json.WriteString("title", check.Theorem.Title)
        json.WriteString("source", check.Theorem.Source.Citation)
        json.WriteString("scenario", check.Scenario.Name)

        check.Claim
        |> Option.iter (fun claim ->
            json.WriteString("of", claim.Of)

            json.WriteString(
                "relation",
                match claim.Exponent with
                | Exactly _ -> "equals"
                | AtMost _ -> "atMost"
            )

            json.WriteBoolean("exponential", claim.IsExponential))

        optionalText json "reason" check.Reason

        if not check.Sampled.IsEmpty then
            array json "sampled" check.Sampled (spending json)

        number json "seconds" check.Seconds

    let private estimate (json: Utf8JsonWriter) (name: string) (value: Estimate) =
        object json name (fun () ->
            optional json "value" (Option.ofNullable value.Value)
            number json "lower" value.Lower
            number json "upper" value.Upper
            number json "confidence" value.Confidence
            json.WriteString("method", value.Method)

            if not (isNull value.Reason) then
                json.WriteString("reason", value.Reason))

    let private replay (json: Utf8JsonWriter) (value: Replay) =
        json.WriteString("fingerprint", value.Fingerprint)
        json.WriteString("file", value.File)
        json.WriteString("replay", value.Command)
        json.WriteString("experiment", value.Text)

    let private assumption (json: Utf8JsonWriter) (assumption: Assumption, result: AssumptionResult) =
        json.WriteString("statement", assumption.Statement)

        match result with
        | Satisfied detail ->
            json.WriteBoolean("satisfied", true)
            json.WriteString("detail", detail)
        | Broken reason ->
            json.WriteBoolean("satisfied", false)
            json.WriteString("detail", reason)

    let private cell (json: Utf8JsonWriter) (cell: Cell, again: Replay) =
        object json "setting" (fun () -> cell.Setting |> Map.iter (number json))
        json.WriteString("verdict", Verdict.name cell.Verdict)
        optionalText json "reason" cell.Reason
        optionalText json "inequality" (cell.Decisive |> Option.map (fun c -> c.What))

        match cell.Decisive with
        | Some comparison -> estimate json "measured" comparison.Measured
        | None -> json.WriteNull "measured"

        optional json "bound" (cell.Decisive |> Option.map (fun c -> c.Bound))
        optional json "ratio" cell.Ratio
        json.WriteBoolean("vacuous", cell.IsVacuous)
        json.WriteNumber("comparisons", cell.Comparisons)
        array json "assumptions" cell.Assumptions (assumption json)
        replay json again

    let private point (json: Utf8JsonWriter) (point: RatePoint, again: Replay) =
        number json "x" point.X
        estimate json "measured" point.Value
        optionalText json "excluded" point.Excluded
        replay json again

    let private theorem (json: Utf8JsonWriter) (theorem: Theorem) =
        json.WriteString("id", theorem.Id)
        json.WriteString("title", theorem.Title)
        json.WriteString("statement", theorem.Statement)

        object json "source" (fun () ->
            json.WriteString("paper", theorem.Source.Paper)
            json.WriteString("reference", theorem.Source.Reference)
            json.WriteString("statement", theorem.Source.Statement)
            json.WriteBoolean("companion", theorem.Source.IsCompanion))

        json.WriteString("metric", (string theorem.Metric).ToLowerInvariant())
        json.WriteString("reading", theorem.Reading)

    /// The seeded bugs, with the checks that caught them; absent when none were planted.
    let private sabotage (json: Utf8JsonWriter) (document: Document) =
        document.Matrix
        |> Option.iter (fun matrix ->
            let texts (name: string) (values: string list) =
                json.WriteStartArray name
                values |> List.iter json.WriteStringValue
                json.WriteEndArray()

            object json "sabotage" (fun () ->
                json.WriteNumber("checks", matrix.Checks.Length)
                json.WriteNumber("cells", matrix.Cells)
                number json "seconds" matrix.Seconds
                texts "survivors" (matrix.Survivors |> List.map (fun row -> row.Bug.Id))
                texts "silent" (matrix.Silent |> List.map (fun name -> name.Text))
                texts "unsound" (matrix.Unsound |> List.map (fun name -> name.Text))

                array json "bugs" matrix.Rows (fun row ->
                    json.WriteString("id", row.Bug.Id)
                    json.WriteString("title", row.Bug.Title)
                    json.WriteString("breaks", row.Bug.Breaks)
                    json.WriteString("part", Part.name row.Bug.Part)
                    texts "caughtBy" (row.CaughtBy |> List.map (fun name -> name.Text))

                    for name, wanted in
                        [ "undecided", Doubted; "missed", Missed; "untouched", Untouched; "untried", Untried ] do
                        json.WriteNumber(
                            name,
                            row.Reactions |> List.filter (fun (_, r) -> r = wanted) |> List.length
                        ))))

    /// The document that `sgm verify --json` prints.
    let summaryOf (document: Document) =
        written (fun json ->
            json.WriteStartObject()
            array json "checks" document.Checks (checkMembers json)
            sabotage json document
            foot json document
            head json document
            json.WriteEndObject())

    /// The document that `sgm verify --json` prints.
    let summary (result: VerificationResult) = summaryOf (Document.create DateTimeOffset.UtcNow result)

    /// report.json: the summary, the theorems, and every cell with what it takes to replay it.
    let report (document: Document) =
        written (fun json ->
            json.WriteStartObject()
            json.WriteString("schema", schema)
            head json document
            foot json document
            sabotage json document
            array json "theorems" (Document.byTheorem document.Checks |> List.map fst) (theorem json)

            array json "checks" document.Checks (fun reported ->
                checkMembers json reported
                json.WriteString("axisMeaning", reported.Check.Axis.Meaning)
                json.WriteString("scenarioDescription", reported.Check.Scenario.Description)

                if not reported.Cells.IsEmpty then
                    array json "measurements" reported.Cells (cell json)

                if not reported.Points.IsEmpty then
                    array json "points" reported.Points (point json))

            json.WriteEndObject())
