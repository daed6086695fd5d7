/// The pages that verbs write beside what they print.
module Sgm.Cli.Pages

open Sgm
open Sgm.Verification.Report

/// Why no page of these files can go into this folder, asked before the work.
let misplaced paths directory =
    directory
    |> Option.bind (fun directory ->
        match Folder.checkFor paths directory with
        | Error message -> Some message
        | Ok _ -> None)

/// Says where a page was written, beside standard output where that is for data, or why it was not; the exit code.
let told (terminal: Terminal) verb isData written code =
    match written with
    | None -> code
    | Some(Ok file) when isData ->
        Terminal.tell terminal $"report: {Visible.line file}"
        code
    | Some(Ok file) ->
        terminal.Out.WriteLine $"report: {Visible.line file}"
        code
    | Some(Error message) ->
        Terminal.tell terminal $"sgm {verb}: {message}"
        Exit.BadInput
