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

/// A number as the language writes it.
let private quantity (text: string) =
    match
        Int32.TryParse(text, Globalization.NumberStyles.AllowLeadingSign, Globalization.CultureInfo.InvariantCulture)
    with
    | true, n -> Some(Quantity.Whole n)
    | false, _ -> Numeral.tryFloat text |> Option.map Quantity.Real

/// `--set name=number`, each name once.
let settings (words: string list) : Result<Map<string, Quantity>, Problem list> =
    let wrong found allowed = [ { Place = []; Fault = Fault.WrongKind(found, allowed, None); Position = None } ]

    (Ok Map.empty, words)
    ||> List.fold (fun found word ->
        found
        |> Result.bind (fun before ->
            match word.Split('=', 2) with
            | [| name; text |] when not (Map.containsKey name before) ->
                match quantity text with
                | Some value -> Ok(Map.add name value before)
                | None -> Error(wrong $"--set {word}" "a number, as in --set h=0.05")
            | [| name; _ |] -> Error(wrong $"--set {name} twice" "each name once")
            | _ -> Error(wrong $"--set {word}" "a name and a number, as in --set h=0.05")))

/// The text of a file, or of standard input.
let text terminal path : Result<string, string> = if path = input then Data.readFrom terminal.In else Data.readText path

/// Standard input as a text that can be read again.
let remembering (terminal: Terminal) =
    let read = lazy Data.readFrom terminal.In

    let again () : TextReader =
        match read.Value with
        | Ok text -> new StringReader(text)
        | Error reason -> raise (IOException reason)

    { terminal with In = again }

/// The experiments of a file, or of standard input. The data files that standard input names are relative to the current directory.
let family terminal path : Result<Family, Problem list> =
    let contents = text terminal path
    let named = if path = input then inputInWords else path

    match contents with
    | Ok contents -> Ok(Check.family named (directoryOf path) contents)
    | Error reason -> Error [ { Place = []; Fault = Fault.Unreadable(named, reason); Position = None } ]

/// The experiment of a file where some of its numbers are set, checked and lowered, or everything that is wrong.
let file terminal words path =
    settings words
    |> Result.bind (fun settings ->
        family terminal path
        |> Result.bind (fun family -> family.At settings |> Result.map (fun found -> found.Checked)))

/// The same for a verb that speaks of R^d alone.
let diffusion terminal words path =
    file terminal words path
    |> Result.bind (fun loaded ->
        match loaded.Experiment.Discrete with
        | None -> Ok loaded
        | Some _ ->
            let advice = Some "discrete ones are for sgm run, check, explain, certify, sweep and verify"
            let fault = Fault.WrongKind("a discrete experiment", "one on R^d", advice)
            Error [ { Place = []; Fault = fault; Position = None } ])

/// The same with some fields replaced from the command line; the result is checked as if the file said so.
let replaced terminal (replace: Experiment -> Experiment) words path =
    match file terminal words path with
    | Ok loaded when replace loaded.Experiment <> loaded.Experiment ->
        // A warning that the file has as well keeps its place in the text.
        let positioned (warning: Problem) =
            loaded.Warnings
            |> List.tryFind (fun other -> other.Place = warning.Place && other.Fault = warning.Fault)
            |> Option.defaultValue warning

        Check.experiment (directoryOf path) (replace loaded.Experiment)
        |> Result.map (fun result -> { result with Warnings = List.map positioned result.Warnings })
    | result -> result

/// The target of a text like `normal [ 0.0 ] 1.0`, checked as part of an experiment that has nothing else.
let target (text: string) =
    Check.text
        "--target"
        "."
        $"experiment {{\n    target ({text})\n    forward ve\n    start warm\n    sampler identity\n}}"
