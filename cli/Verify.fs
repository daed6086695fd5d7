/// `sgm verify`.
module Sgm.Cli.Verify

open System
open System.IO
open Sgm
open Sgm.Verification

/// How many cells, or points of a rate, a check has.
let private cells (check: CheckResult) =
    match check.Rate with
    | Some rate -> List.length rate.Points
    | None -> List.length check.Cells

let private jsonResult (result: VerificationResult) (json: Json.Writer) =
    Json.objects json "checks" result.Checks (fun check ->
        let rate part = check.Rate |> Option.map part
        Json.text json "id" check.Theorem.Id
        Json.text json "claim" check.KindName
        Json.text json "scenario" check.Scenario.Name
        Json.text json "axis" check.Axis.Symbol
        Json.text json "verdict" (Verdict.name check.Verdict)
        json.WriteNumber("cells", cells check)
        Json.optional json "tightest" check.Tightest
        Json.optional json "claimed" check.Claimed
        Json.optional json "measured" (rate (fun r -> r.Slope))
        Json.optional json "lower" (rate (fun r -> r.Lower))
        Json.optional json "upper" (rate (fun r -> r.Upper))
        json.WriteNumber("vacuous", check.Vacuous)
        Option.iter (Json.text json "reason") check.Reason)

    json.WriteNumber("violated", result.Violated)
    Json.number json "elapsedSeconds" result.Seconds

let private verdict v =
    let tone =
        match v with
        | Holds -> Good
        | Violated -> Bad
        | Inconclusive -> Unsure
        | NotApplicable -> Faint

    { Text = Verdict.name v; Tone = tone }

let private row (check: CheckResult) =
    let number = Option.map Words.number >> Option.defaultValue "" >> plain

    let measured =
        match check.Rate with
        | Some rate -> $"{Words.digits 4 rate.Slope} [{Words.digits 4 rate.Lower}, {Words.digits 4 rate.Upper}]"
        | None -> ""

    [
        strong check.Theorem.Id
        plain check.KindName
        plain check.Scenario.Name
        plain check.Axis.Symbol
        verdict check.Verdict
        plain (string (cells check))
        number check.Tightest
        number check.Claimed
        plain measured
    ]

let private show (screen: Screen) (result: VerificationResult) =
    let text title = { Title = title; IsNumber = false }
    let number title = { Title = title; IsNumber = true }

    screen.Table(
        [
            text "theorem"
            text "claim"
            text "scenario"
            text "axis"
            text "verdict"
            number "cells"
            number "tightest"
            number "claimed"
            text "measured exponent"
        ],
        List.map row result.Checks
    )

    for check in result.Checks do
        match check.Verdict, check.Reason with
        | Holds, _
        | _, None -> ()
        | v, Some reason -> screen.Line [ verdict v; plain $" {check.Key}: {reason}" ]

    let count v = result.Checks |> List.filter (fun check -> check.Verdict = v) |> List.length
    screen.Line()

    screen.Line(
        $"{List.length result.Checks} checks: {count Holds} hold, {count Violated} violated, "
        + $"{count Inconclusive} inconclusive, {count NotApplicable} not applicable, in {Words.seconds result.Seconds}"
    )

/// The theorems that were asked for, without repetition and in the catalogue's order; or what is wrong.
let private chosen ids =
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

let private isCancellation (error: exn) =
    match error with
    | :? OperationCanceledException -> true
    | :? AggregateException as several ->
        several.Flatten().InnerExceptions |> Seq.forall (fun inner -> inner :? OperationCanceledException)
    | _ -> false

let private verify terminal effort theorems =
    Progress.during terminal "verifying" (fun told ->
        let runner =
            {
                Run = fun plan options -> Laws.run plan options
                Cancellation = terminal.Cancellation
                Progress = told
            }

        Study.run runner effort theorems)

let command terminal (request: VerifyRequest) =
    match chosen request.Ids with
    | Error message -> Refusal.sentence terminal request.Json $"sgm verify: {message}"
    | Ok theorems ->
        let result =
            try
                Some(verify terminal request.Effort theorems)
            with error when isCancellation error ->
                None

        match result with
        | None ->
            Terminal.tell terminal "sgm verify: cancelled"
            Exit.Cancelled
        | Some result ->
            ignore request.Report
            ignore Path.GetFullPath

            if request.Json then
                Json.document terminal.Out (jsonResult result)
            else
                show (Screen.out terminal) result

            if result.Violated > 0 then Exit.Violated else Exit.Fine
