/// Certificates as `run` and `check` show them in one line, and bounds as JSON.
module Sgm.Cli.Certified

open System
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Verification.JsonWriting

let bound json name (bound: Bound) =
    object json name (fun () ->
        number json "bound" bound.Value
        number json "confidence" bound.Confidence
        text json "rule" bound.Rule
        Option.iter (text json "reason") bound.Reason)

/// The probability with which all of these bounds hold, in words; None where they are proofs.
let confidence (bounds: Bound list) =
    match bounds |> List.map (fun bound -> bound.Confidence) |> List.filter (fun c -> c < 1.0) with
    | [] -> None
    | several -> Some $"1 − {Words.above 2 (1.0 - List.min several)}: from draws of the target, the others are proofs"

/// The field `certified`, null where there is no quick certificate.
let json (json: Writer) (certificate: Certificate option) =
    match certificate with
    | Some c ->
        object json "certified" (fun () ->
            bound json "tv" c.Tv
            bound json "w2" c.W2)
    | None -> json.WriteNull "certified"

/// "TV ≤ 0.31, W2 ≤ 0.71 at “end”"; None where neither bound says anything: a TV of 1, or a W2 that a state stuck at 0 has.
let words (plan: Plan) (certificate: Certificate option) =
    match certificate with
    | None -> None
    | Some c ->
        let stuck = sqrt (Constants.secondMoment plan.Target c.Level)

        match
            [
                if c.Tv.Reason.IsNone then
                    "TV", c.Tv
                if c.W2.Reason.IsNone && c.W2.Value < stuck then
                    "W2", c.W2
            ]
        with
        | [] -> None
        | told ->
            let bounds = told |> List.map (fun (name, bound) -> $"{name} ≤ {Words.above 3 bound.Value}")
            Some $"""{String.Join(", ", bounds)} at “{c.Name}” (sgm certify shows why)"""
