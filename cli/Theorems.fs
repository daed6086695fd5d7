/// `sgm theorems`.
module Sgm.Cli.Theorems

open System
open Sgm
open Sgm.Verification
open Sgm.Verification.JsonWriting

/// The theorems with this id, or all whose ids begin with it, or else have it in them (ignoring case: `4.2` is `lee-2022-4.2`);
/// or what is wrong, with the nearest id.
let named (id: string) =
    let same (theorem: Theorem) = theorem.Id.Equals(id, StringComparison.OrdinalIgnoreCase)
    let begins (theorem: Theorem) = theorem.Id.StartsWith(id, StringComparison.OrdinalIgnoreCase)

    let has (theorem: Theorem) = theorem.Id.Contains(id, StringComparison.OrdinalIgnoreCase)

    let found =
        [ same; begins; has ]
        |> List.tryPick (fun holds ->
            match List.filter holds Catalogue.theorems with
            | [] -> None
            | several -> Some several)

    match found with
    | Some theorems when id <> "" -> Ok theorems
    | _ ->
        let ids = Catalogue.theorems |> List.map _.Id
        let family = ids |> List.filter (fun known -> known.Split('-')[0] = id.ToLowerInvariant().Split('-')[0])

        let advice =
            match Nearest.word ids id, family with
            | Some nearest, _ -> $"did you mean '{nearest}'?"
            | None, [] -> "'sgm theorems' lists them, and a part of an id will do, such as '4.2' or 'pedrotti'"
            | None, several -> $"""known are {String.Join(", ", several)}"""

        Error $"no theorem is named '{id}'; {advice}"

/// "1 in d", "at most -2 in T (exponential)".
let private rate (claim: RateClaim) =
    let exponent, bound =
        match claim.Exponent with
        | Exactly a -> a, ""
        | AtMost a -> a, "at most "

    if claim.IsExponential then
        $"{claim.Of} ~ e^({bound}{Words.number exponent}·{claim.Axis})"
    else
        $"{claim.Of} ~ {claim.Axis}^({bound}{Words.number exponent})"

let private stance (theorem: Theorem) =
    match theorem.Stance with
    | Guarantee
    | TightnessOf _
    | SelfCheck -> "guarantee"
    | Necessity -> "necessity"

let private jsonTheorem json (theorem: Theorem) =
    text json "id" theorem.Id
    text json "title" theorem.Title
    text json "statement" theorem.Statement

    text json "stance" (stance theorem)

    object json "source" (fun () ->
        text json "paper" theorem.Source.Paper
        text json "reference" theorem.Source.Reference
        text json "statement" theorem.Source.Statement
        json.WriteBoolean("companion", theorem.Source.IsCompanion))

    text json "metric" (Words.metric theorem.Metric)
    strings json "assumptions" (theorem.Assumptions |> List.map (fun assumption -> assumption.Statement))

    objects json "rates" theorem.Rates (fun claim ->
        text json "axis" claim.Axis

        match claim.Exponent with
        | Exactly a ->
            number json "exponent" a
            text json "relation" "exactly"
        | AtMost a ->
            number json "exponent" a
            text json "relation" "atMost"

        json.WriteBoolean("exponential", claim.IsExponential)
        text json "of" claim.Of)

    objects json "scenarios" theorem.Scenarios (fun scenario ->
        text json "name" scenario.Name
        text json "description" scenario.Description

        objects json "axes" scenario.Axes (fun axis ->
            text json "symbol" axis.Symbol
            text json "meaning" axis.Meaning))

    text json "reading" theorem.Reading

let private list (screen: Screen) theorems =
    let text title = { Title = title; IsNumber = false }

    screen.Table(
        [ text "id"; text "title"; text "source" ],
        [
            for theorem: Theorem in theorems ->
                [ strong theorem.Id; plain theorem.Title; faint theorem.Source.Citation ]
        ]
    )

let private show (screen: Screen) (theorem: Theorem) =
    let section (title: string) lines =
        if not (List.isEmpty lines) then
            screen.Line()
            screen.Line [ faint title ]

            for line: string in lines do
                screen.Line $"  {line}"

    screen.Line [ strong theorem.Id; plain $": {theorem.Title}" ]
    screen.Line [ faint $"{stance theorem}; {theorem.Source.Citation}" ]
    section "Statement" [ theorem.Statement ]
    section "Assumptions" (theorem.Assumptions |> List.map (fun assumption -> assumption.Statement))
    section "Rates" (theorem.Rates |> List.map rate)

    section
        "Tried on"
        [
            for scenario in theorem.Scenarios do
                $"{scenario.Name}: {scenario.Description}"

                for axis in scenario.Axes do
                    $"  axis {axis.Symbol}: {axis.Meaning}"
        ]

    section "Reading" [ theorem.Reading ]

let command terminal (request: TheoremsRequest) =
    let refuse message = Refusal.sentence terminal request.Json $"sgm theorems: {message}"

    let write theorems =
        if request.Json then
            Terminal.json terminal "sgm.theorems/1" None (fun json ->
                objects json "theorems" theorems (jsonTheorem json))

            Exit.Fine
        else
            let screen = Screen.out terminal

            match theorems with
            | [ single ] -> show screen single
            | several -> list screen several

            Exit.Fine

    match request.Id |> Option.map named |> Option.defaultValue (Ok Catalogue.theorems), request.Compare with
    | Error message, _ -> refuse message
    | Ok theorems, Some file -> Survey.command terminal request theorems file
    | Ok _, None when request.Accuracy.IsSome || request.Report.IsSome ->
        refuse "--accuracy and --report belong to a comparison: name an experiment with --compare FILE"
    | Ok theorems, None -> write theorems
