/// Files on the command line.
module Sgm.Cli.Loading

open System
open System.IO
open Sgm

/// The name of standard input on the command line, and in messages.
let private input, inputInWords = "-", "standard input"

/// Whether a word of the command line names a file, not a theorem.
let isFile (word: string) =
    word = input || word.EndsWith(".sgm", StringComparison.OrdinalIgnoreCase) || File.Exists word

/// What the data files that a file names are relative to.
let directoryOf path =
    if path = input then
        Directory.GetCurrentDirectory()
    else
        Path.GetDirectoryName(Path.GetFullPath path)

/// The experiment of a file, or of standard input, checked and lowered, or everything that is wrong. The data files that
/// standard input names are relative to the current directory.
let file terminal path =
    if path <> input then
        Check.file path
    else
        match Data.readFrom terminal.In with
        | Ok contents -> Check.text inputInWords (directoryOf path) contents
        | Error reason -> Error [ { Place = []; Fault = Fault.Unreadable(inputInWords, reason); Position = None } ]

/// The same with some fields replaced from the command line; the result is checked as if the file said so.
let replaced terminal (replace: Experiment -> Experiment) path =
    match file terminal path with
    | Ok loaded when replace loaded.Experiment <> loaded.Experiment ->
        // A warning that the file has as well keeps its place in the text.
        let positioned (warning: Problem) =
            loaded.Warnings
            |> List.tryFind (fun other -> other.Place = warning.Place && other.Fault = warning.Fault)
            |> Option.defaultValue warning

        Check.experiment (directoryOf path) (replace loaded.Experiment)
        |> Result.map (fun result -> { result with Warnings = List.map positioned result.Warnings })
    | result -> result
