/// Files on the command line.
module Sgm.Cli.Loading

open System.IO
open Sgm

/// The experiment of a file, checked and lowered, or everything that is wrong.
let file path = Check.file path

/// The same with some fields replaced from the command line; the result is checked as if the file said so.
let replaced (replace: Experiment -> Experiment) path =
    match Check.file path with
    | Ok loaded when replace loaded.Experiment <> loaded.Experiment ->
        let directory = Path.GetDirectoryName(Path.GetFullPath path)

        // A warning that the file has as well keeps its place in the text.
        let positioned (warning: Problem) =
            loaded.Warnings
            |> List.tryFind (fun other -> other.Place = warning.Place && other.Fault = warning.Fault)
            |> Option.defaultValue warning

        Check.experiment directory (replace loaded.Experiment)
        |> Result.map (fun result -> { result with Warnings = List.map positioned result.Warnings })
    | result -> result
