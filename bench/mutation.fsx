// docs/mutation.md from Stryker's report: dotnet fsi bench/mutation.fsx REPORT.json DOCUMENT.md; called by bench/mutate.

open System
open System.IO
open System.Text.Json

let report, document =
    match fsi.CommandLineArgs with
    | [| _; report; document |] -> report, document
    | _ -> failwith "usage: dotnet fsi bench/mutation.fsx REPORT.json DOCUMENT.md"

let text (name: string) (element: JsonElement) = element.GetProperty(name).GetString()

type Mutant = { Line: int; Before: string; After: string; Kind: string; Status: string }

let mutantsOf (file: JsonElement) =
    let lines = (text "source" file).Split '\n'

    [
        for mutant in file.GetProperty("mutants").EnumerateArray() do
            let place = mutant.GetProperty("location").GetProperty("start")
            let line = place.GetProperty("line").GetInt32()

            {
                Line = line
                Before = lines[line - 1].Trim()
                After = (text "replacement" mutant).ReplaceLineEndings " "
                Kind = text "mutatorName" mutant
                Status = text "status" mutant
            }
    ]

let killed (m: Mutant) = m.Status = "Killed" || m.Status = "Timeout"
let survived (m: Mutant) = m.Status = "Survived" || m.Status = "NoCoverage"

/// Texts that a message is made of: a test of every wording would only repeat it.
let isText (m: Mutant) = m.Kind = "String mutation"

let files =
    use json = JsonDocument.Parse(File.ReadAllText report)

    [
        for file in json.RootElement.GetProperty("files").EnumerateObject() do
            let mutants = mutantsOf file.Value |> List.filter (isText >> not)

            if List.exists (fun m -> killed m || survived m) mutants then
                let name = file.Name.Replace('\\', '/')
                name.Substring(name.LastIndexOf "engine/" + 7 |> max 0), mutants
    ]

let count predicate = List.sumBy (snd >> List.filter predicate >> List.length) files
let all, dead = count (fun m -> killed m || survived m), count killed

/// Code in a table's cell or a list: one line, no longer than that.
let code (source: string) =
    let short = if source.Length > 140 then source.Substring(0, 139) + "…" else source
    $"`{short}`"

let page =
    [
        "# Mutation of the engine"
        ""
        "<!-- Written by `bench/mutate`. -->"
        ""
        "Stryker.NET changes one operator, constant or call of the C# at a time and runs the tests of the normal laws and of total variation, not the whole suite. A mutant that no test notices survives. "
        + "Mutants that do not compile and those of texts are not counted; one that never ends counts as killed."
        ""
        $"**{dead} of {all} mutants are killed: {100.0 * float dead / float (max 1 all):F0} %%.**"
        ""
        "| file | mutants | killed | survived |"
        "| --- | --: | --: | --: |"
        for name, mutants in files do
            $"| engine/{name} | {List.filter (fun m -> killed m || survived m) mutants |> List.length} | {List.filter killed mutants |> List.length} | {List.filter survived mutants |> List.length} |"
        ""
        "## Survivors"
        ""
        for name, mutants in files do
            for m in List.filter survived mutants do
                $"- `engine/{name}` line {m.Line}, {m.Kind.ToLowerInvariant()}: {code m.Before} → {code m.After}"
    ]

File.WriteAllText(document, String.Join("\n", page) + "\n")
printfn "%d of %d killed" dead all
