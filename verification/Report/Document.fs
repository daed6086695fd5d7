namespace Sgm.Verification.Report

open System
open System.Collections.Generic
open Sgm
open Sgm.Verification
open Sgm.Verification.Sabotage

/// How a reader measures a cell again.
type Replay =
    {
        Fingerprint: string
        /// Canonical text of the experiment.
        Text: string
        /// Relative to the report's folder, with '/'.
        File: string
    }

    /// To be typed in the report's folder: by an exact law where there is one, otherwise by the particles and the seed in the file.
    member this.Command =
        if this.File = "" then
            "the scenario made no experiment"
        else
            $"sgm run {this.File} --by auto"

/// A check as the report shows it.
type ReportedCheck =
    {
        Check: CheckResult
        /// Unique in the report; names its plot and its place in the page.
        Anchor: string
        /// The settings of a bound check.
        Cells: (Cell * Replay) list
        /// The points of a rate check.
        Points: (RatePoint * Replay) list
    }

    /// How many settings were measured.
    member this.Size = this.Cells.Length + this.Points.Length

/// A verification result with everything that its reports share.
type Document =
    {
        Result: VerificationResult
        Checks: ReportedCheck list
        /// Which check catches which seeded bug, when that was tried.
        Matrix: KillMatrix option
        WrittenAt: DateTimeOffset
    }

/// Making a document, and questions about it.
module Document =
    let private replays () =
        let known = Dictionary<string, Replay>()

        fun (theorem: Theorem) (experiment: Experiment option) ->
            match experiment with
            | None -> { Fingerprint = ""; Text = ""; File = "" }
            | Some own ->
                let text = Print.experiment own
                let fingerprint = Fingerprint.ofText text
                let file = $"cells/{Wording.slug theorem.Id}-{fingerprint.Substring(0, 12)}.sgm"

                match known.TryGetValue file with
                | true, replay -> replay
                | _ ->
                    let replay = { Fingerprint = fingerprint; Text = text; File = file }
                    known[file] <- replay
                    replay

    /// The name if it is new, otherwise with a number behind it.
    let unique () =
        let used = HashSet<string>()

        fun (name: string) ->
            Seq.append (Seq.singleton name) (Seq.initInfinite (fun i -> $"{name}-{i + 2}")) |> Seq.find used.Add

    let create (writtenAt: DateTimeOffset) (result: VerificationResult) =
        let replay = replays ()
        let unique = unique ()

        let reported (check: CheckResult) =
            {
                Check = check
                Anchor = unique (Wording.slug $"{check.Theorem.Id}-{check.KindName}-{check.Axis.Symbol}")
                Cells = check.Cells |> List.map (fun cell -> cell, replay check.Theorem cell.Experiment)
                Points = check.Points |> List.map (fun point -> point, replay check.Theorem point.Experiment)
            }

        {
            Result = result
            Checks = List.map reported result.Checks
            Matrix = None
            WrittenAt = writtenAt
        }

    /// Checks by theorem, in the order of the result.
    let byTheorem (checks: ReportedCheck list) =
        checks
        |> List.groupBy (fun reported -> reported.Check.Theorem.Id)
        |> List.map (fun (_, group) -> group.Head.Check.Theorem, group)

    /// The checks that decided from samples.
    let sampled (document: Document) =
        document.Checks |> List.filter (fun reported -> not reported.Check.Sampled.IsEmpty)

    /// The probability of a false alarm that a check took from the run's budget.
    let spentBy (reported: ReportedCheck) = reported.Check.Sampled |> List.sumBy (fun spent -> spent.FalseAlarm)

    /// What all checks took.
    let spent document = sampled document |> List.sumBy spentBy

    /// One sentence on what the checks from samples may do wrong.
    let budget document =
        let checks = Wording.count (sampled document).Length "check"

        let assume =
            sampled document |> List.filter (fun reported -> Budget.assumes reported.Check.Sampled) |> List.length

        $"{checks} decided from samples. All together report a violation that is none with probability at most {document.Result.FalseAlarm:g2} a run; "
        + $"they spent {spent document:g2} of it. Every check of the run has an equal share, every cell an equal share of its check's, "
        + "stage k of a cell's escalation 6/(π²k²) of that, every statement of a stage an equal share. "
        + $"{assume} of them rest on Student's t or a normal limit for it, and say so; the others on theorems for every law."

    /// Every replay once.
    let replaysOf (document: Document) =
        document.Checks
        |> List.collect (fun reported -> List.map snd reported.Cells @ List.map snd reported.Points)
        |> List.filter (fun replay -> replay.File <> "")
        |> List.distinctBy (fun replay -> replay.File)

    /// The axes of a check in the order of the scenario, for the columns of its table.
    let symbols (reported: ReportedCheck) =
        let listed = reported.Check.Scenario.Axes |> List.map (fun axis -> axis.Symbol)

        let present = reported.Cells |> List.collect (fun (cell, _) -> cell.Setting |> Map.toList |> List.map fst)

        listed @ present |> List.distinct |> List.filter (fun symbol -> List.contains symbol present)

    /// How the numbers of a check were found.
    let methods (reported: ReportedCheck) =
        let ofCells = reported.Cells |> List.choose (fun (cell, _) -> cell.Decisive) |> List.map (fun c -> c.Measured)
        let ofPoints = reported.Points |> List.map (fun (point, _) -> point.Value)

        ofCells @ ofPoints
        |> List.filter (fun estimate -> estimate.Value.HasValue)
        |> List.map (fun estimate -> estimate.Method)
        |> List.distinct

    /// One sentence on what came of a check.
    let sentence (reported: ReportedCheck) =
        let check = reported.Check
        let law = check.Claim |> Option.map (fun claim -> Wording.law claim "a") |> Option.defaultValue ""
        let cells = Wording.count check.Cells.Length "cell"

        let claimed (claim: RateClaim) =
            match claim.Exponent with
            | Exactly _ -> $"claimed a = {Wording.claimed claim}"
            | AtMost _ -> $"claimed {Wording.claimed claim}"

        match check.Claim, check.Rate with
        | Some claim, Some rate ->
            let value, interval = Numbers.interval rate.Slope rate.Lower rate.Upper
            let left = rate.Points |> List.filter (fun point -> point.Excluded.IsSome) |> List.length
            let excluded = if left = 0 then "" else $"; {left} of the points left out of the fit"

            $"{claim.Of} ~ {law}: {claimed claim}, measured a = {value} {interval}{excluded}."
        | Some claim, None ->
            let points = Wording.count check.Points.Length "point"
            $"{claim.Of} ~ {law}: {claimed claim}, no exponent from {points}."
        | None, _ ->
            let tightest =
                match check.Tightest with
                | Some ratio -> $"; measured/bound is at most {Numbers.ratio ratio}"
                | None -> ""

            let outside =
                match check.NotApplicableCells with
                | 0 -> ""
                | n -> $"; {n} outside the assumptions"

            let vacuous = if check.Vacuous = 0 then "" else $"; in {check.Vacuous} the bound is vacuous"

            $"{cells}{tightest}{vacuous}{outside}."
