/// `sgm merge` and `sgm report`: what stores have, as the verb that made them reports it.
module Sgm.Cli.Merge

open System
open Sgm.Verification.Report

/// What some folders have stores of, or why they cannot be joined.
let private runOf directories =
    let found = directories |> List.map (fun directory -> directory, Stores.tryAsked directory)

    match found |> List.tryFind (fun (_, asked) -> asked.IsNone) with
    | Some(directory, _) ->
        Error
            $"there is no store in '{directory}'; expected a folder that --report or --resume named, of verify, sweep or compare"
    | None ->
        let runs = found |> List.map (fun (_, asked) -> asked.Value)
        Ok { runs.Head with Shards = runs |> List.map _.Shards |> List.max }

let private command' verb (terminal: Terminal) (request: MergeRequest) =
    let refuse message = Refusal.sentence terminal request.Json $"sgm {verb}: {message}"

    /// The request of the verb that made the stores.
    let parsed asked found work =
        match found with
        | Ok arguments -> work arguments
        | Error(HelpAsked _)
        | Error(Refused _) -> refuse $"the store's command does not read any more: {(asked: Asked).Command []}"

    match runOf request.Directories with
    | Error message -> refuse message
    | Ok asked ->
        let source = Keeping.Joined(request.Directories, request.Report, asked.Shards)

        let unwanted =
            [
                if asked.Verb <> "verify" then
                    if request.Junit.IsSome then
                        "--junit"

                    if request.AllowInconclusive then
                        "--allow-inconclusive"

                    if request.Wide then
                        "--wide"
                if asked.Verb <> "sweep" && request.Csv then
                    "--csv"
            ]

        if not unwanted.IsEmpty then
            refuse $"{unwanted.Head} is of another verb than {asked.Verb}, which this store is of"
        else
            match asked.Verb with
            | "verify" ->
                parsed asked (Arguments.parse<VerifyArguments> "verify" asked.Words) (fun arguments ->
                    Verify.commandFrom
                        source
                        terminal
                        { VerifyRequest.Of arguments with
                            Report = request.Report
                            Junit = request.Junit
                            AllowInconclusive = request.AllowInconclusive
                            Wide = request.Wide
                            Json = request.Json
                        })
            | "sweep" ->
                parsed asked (Arguments.parse<SweepArguments> "sweep" asked.Words) (fun arguments ->
                    Sweep.commandFrom
                        source
                        terminal
                        { SweepRequest.Of arguments with
                            Report = Some request.Report
                            Csv = request.Csv
                            Json = request.Json
                        })
            | "compare" ->
                parsed asked (Arguments.parse<CompareArguments> "compare" asked.Words) (fun arguments ->
                    Compare.commandFrom
                        source
                        terminal
                        { CompareRequest.Of arguments with Report = Some request.Report; Json = request.Json })
            | other -> refuse $"the store in '{request.Directories.Head}' is of '{other}', which keeps no cells"

let command terminal request = command' "merge" terminal request

let report terminal request = command' "report" terminal request
