/// Saying that the input is wrong, and exit code 2. With --json the same goes to standard output as `sgm.errors/1`.
module Sgm.Cli.Refusal

open Sgm
open Sgm.Verification.JsonWriting

let private schema = "sgm.errors/1"

/// Problems of an experiment, as objects of a JSON document.
let jsonProblem json (problem: Problem) =
    match problem.Position with
    | Some position ->
        text json "file" position.File
        json.WriteNumber("line", position.Line)
        json.WriteNumber("column", position.Column)
    | None -> ()

    text json "message" (Message.text problem)

/// Refuses with a sentence.
let sentence terminal asJson (message: string) =
    if asJson then
        Terminal.json terminal schema None (fun json -> objects json "errors" [ message ] (text json "message"))

    Terminal.tell terminal message
    Exit.BadInput

/// Refuses an experiment with everything that is wrong with it, errors and warnings.
let problems terminal asJson (found: Problem list) =
    if asJson then
        let errors, warnings = found |> List.partition (fun problem -> problem.Severity = Severity.Error)

        Terminal.json terminal schema None (fun json ->
            objects json "errors" errors (jsonProblem json)
            objects json "warnings" warnings (jsonProblem json))

    Terminal.tell terminal (Message.renderAll found)
    Exit.BadInput
