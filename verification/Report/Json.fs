namespace Sgm.Verification.Report

open System
open System.Text.Json
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.JsonWriting
open Sgm.Verification.Sabotage

/// The result as JSON: a summary (`sgm verify --json`) and the whole report. Infinities are the strings "Infinity" and
/// "-Infinity"; what is absent, and what is not a number, is null.
module Json =
    let private written schema write = document schema None write + "\n"

    let private head (json: Writer) (document: Document) =
        json.WriteString("writtenAt", document.WrittenAt.ToString "yyyy-MM-ddTHH:mm:ssZ")
        json.WriteString("effort", Wording.effort document.Result.Effort)

    /// What the run is made of: theorems, claims by kind, distinct experiments.
    let private counts (json: Writer) (document: Document) =
        let counts = Summary.counts document

        object json "counts" (fun () ->
            json.WriteNumber("theorems", counts.Theorems)
            json.WriteNumber("selfChecks", counts.SelfChecks)

            object json "claims" (fun () ->
                for name, kind in
                    [
                        "bound", ClaimKind.Bound
                        "rate", ClaimKind.Rate
                        "tightness", ClaimKind.Tightness
                        "negative", ClaimKind.Negative
                    ] do
                    json.WriteNumber(name, counts.ClaimsOf kind))

            json.WriteNumber("experiments", counts.Experiments)
            json.WriteNumber("checks", counts.Checks)
            json.WriteNumber("cells", counts.Cells)
            json.WriteNumber("missing", counts.Missing))

    let private foot (json: Writer) (document: Document) =
        json.WriteNumber("violated", document.Result.Violated)
        counts json document

        object json "falseAlarm" (fun () ->
            number json "budget" document.Result.FalseAlarm
            number json "spent" (Document.spent document)
            json.WriteNumber("checks", List.length (Document.sampled document)))

        number json "elapsedSeconds" document.Result.Seconds

    let private spending (json: Writer) (spent: Spending) =
        json.WriteString("what", spent.What)
        json.WriteNumber("stages", spent.Stages)
        json.WriteNumber("particles", spent.Particles)
        json.WriteNumber("seed", spent.Seed)
        number json "falseAlarm" spent.FalseAlarm
        text json "foundWithProbability90" (Option.toObj spent.Power)
        text json "assumes" (Option.toObj spent.Assumes)

    /// The members of the contract, then what else is short.
    let private checkMembers (json: Writer) (reported: ReportedCheck) =
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
        json.WriteNumber("notApplicable", check.NotApplicableCells)
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

        text json "reason" (Option.toObj check.Reason)

        if not check.Sampled.IsEmpty then
            objects json "sampled" check.Sampled (spending json)

        number json "seconds" check.Seconds

    let private replay (json: Writer) (value: Replay) =
        json.WriteString("fingerprint", value.Fingerprint)
        json.WriteString("file", value.File)
        json.WriteString("replay", value.Command)
        json.WriteString("experiment", value.Text)

    let private assumption (json: Writer) (assumption: Assumption, result: AssumptionResult) =
        json.WriteString("statement", assumption.Statement)

        match result with
        | Satisfied detail ->
            json.WriteBoolean("satisfied", true)
            json.WriteString("detail", detail)
        | InTheLimit detail ->
            json.WriteBoolean("satisfied", true)
            json.WriteString("detail", $"in the limit of small steps: {detail}")
        | Broken reason ->
            json.WriteBoolean("satisfied", false)
            json.WriteString("detail", reason)

    let private cell (json: Writer) (cell: Cell, again: Replay) =
        object json "setting" (fun () -> cell.Setting |> Map.iter (number json))
        json.WriteString("verdict", Verdict.name cell.Verdict)
        text json "reason" (Option.toObj cell.Reason)
        text json "inequality" (cell.Decisive |> Option.map (fun c -> c.What) |> Option.toObj)

        match cell.Decisive with
        | Some comparison -> estimate json "measured" comparison.Measured
        | None -> json.WriteNull "measured"

        optional json "bound" (cell.Decisive |> Option.map (fun c -> c.Bound))
        optional json "ratio" cell.Ratio
        json.WriteBoolean("vacuous", cell.IsVacuous)
        json.WriteNumber("comparisons", cell.Comparisons)
        objects json "assumptions" cell.Assumptions (assumption json)
        replay json again

    let private point (json: Writer) (point: RatePoint, again: Replay) =
        number json "x" point.X
        estimate json "measured" point.Value
        text json "excluded" (Option.toObj point.Excluded)
        replay json again

    let private theorem (json: Writer) (theorem: Theorem) =
        json.WriteString("id", theorem.Id)
        json.WriteString("title", theorem.Title)
        json.WriteString("statement", theorem.Statement)

        object json "source" (fun () ->
            json.WriteString("paper", theorem.Source.Paper)
            json.WriteString("reference", theorem.Source.Reference)
            json.WriteString("statement", theorem.Source.Statement)
            json.WriteBoolean("companion", theorem.Source.IsCompanion))

        json.WriteString("metric", theorem.Metric.Name)
        json.WriteString("reading", theorem.Reading)

    /// The seeded bugs, with the checks that caught them; absent when none were planted.
    let private sabotage (json: Writer) (document: Document) =
        document.Matrix
        |> Option.iter (fun matrix ->
            object json "sabotage" (fun () ->
                json.WriteNumber("checks", matrix.Checks.Length)
                json.WriteNumber("cells", matrix.Cells)
                number json "seconds" matrix.Seconds
                strings json "survivors" (matrix.Survivors |> List.map (fun row -> row.Bug.Id))
                strings json "silent" (matrix.Silent |> List.map (fun name -> name.Text))
                strings json "unsound" (matrix.Unsound |> List.map (fun name -> name.Text))

                objects json "bugs" matrix.Rows (fun row ->
                    json.WriteString("id", row.Bug.Id)
                    json.WriteString("title", row.Bug.Title)
                    json.WriteString("breaks", row.Bug.Breaks)
                    json.WriteString("part", Part.name row.Bug.Part)
                    strings json "caughtBy" (row.CaughtBy |> List.map (fun name -> name.Text))

                    for name, wanted in
                        [ "undecided", Doubted; "missed", Missed; "untouched", Untouched; "untried", Untried ] do
                        json.WriteNumber(
                            name,
                            row.Reactions |> List.filter (fun (_, r) -> r = wanted) |> List.length
                        ))))

    /// The document that `sgm verify --json` prints.
    let summaryOf (document: Document) =
        written "sgm.verify/1" (fun json ->
            objects json "checks" document.Checks (checkMembers json)
            sabotage json document
            foot json document
            head json document)

    /// The document that `sgm verify --json` prints.
    let summary (result: VerificationResult) = summaryOf (Document.create DateTimeOffset.UtcNow result)

    /// report.json: the summary, the theorems, and every cell with what it takes to replay it.
    let report (document: Document) =
        written "sgm.report/1" (fun json ->
            head json document
            foot json document
            sabotage json document
            objects json "theorems" (Document.byTheorem document.Checks |> List.map fst) (theorem json)

            objects json "checks" document.Checks (fun reported ->
                checkMembers json reported
                json.WriteString("axisMeaning", reported.Check.Axis.Meaning)
                json.WriteString("scenarioDescription", reported.Check.Scenario.Description)

                if not reported.Cells.IsEmpty then
                    objects json "measurements" reported.Cells (cell json)

                if not reported.Points.IsEmpty then
                    objects json "points" reported.Points (point json)))
