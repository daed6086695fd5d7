/// What the verbs write against docs/schema, and docs/json.md against the same schemas.
module Sgm.Tests.JsonTests

open System
open System.Collections.Generic
open System.IO
open System.Text.Json
open System.Text.RegularExpressions
open System.Threading
open Expecto
open Json.Schema
open Sgm.Verification
open Sgm.Verification.Sabotage
open Sgm.Tests.Command
open Sgm.Tests.JsonDocuments

let private docs = lazy Path.Combine(Folders.root.Value, "docs")
let private shared = "common"

/// Every schema by its file's name, as JSON.
let private schemas =
    lazy
        (Directory.GetFiles(Path.Combine(docs.Value, "schema"), "*.json")
         |> Array.map (fun file -> Path.GetFileNameWithoutExtension file, parsed (File.ReadAllText file))
         |> Map.ofArray)

/// The same, built; that which the others refer to first.
let private built =
    lazy
        (let options = BuildOptions(SchemaRegistry = SchemaRegistry())
         let names = shared :: (schemas.Value.Keys |> Seq.filter ((<>) shared) |> List.ofSeq)

         names
         |> List.map (fun name ->
             name, JsonSchema.Build(schemas.Value[name], options, Uri $"file:///schema/{name}.json"))
         |> Map.ofList)

/// "run" of a document whose schema is "sgm.run/1".
let private nameOf (document: JsonElement) =
    Regex.Match((at [ "schema" ] document).GetString(), @"^sgm\.(\w+)/\d+$").Groups[1].Value

let private faults (document: JsonElement) =
    let found = built.Value[nameOf document].Evaluate(document, EvaluationOptions(OutputFormat = OutputFormat.List))

    if found.IsValid then
        []
    else
        [
            for detail in found.Details do
                if not (isNull detail.Errors) then
                    for error in detail.Errors do
                        $"{detail.InstanceLocation}: {error.Key}: {error.Value}"
        ]

/// The schema that one is or refers to.
let private resolved (root: JsonElement) (schema: JsonElement) =
    match schema.TryGetProperty "$ref" with
    | true, reference ->
        let parts = reference.GetString().Split "#/$defs/"

        let home =
            if parts[0] = "" then
                root
            else
                schemas.Value[Path.GetFileNameWithoutExtension parts[0]]

        home, at [ "$defs"; parts[1] ] home
    | _ -> root, schema

/// What describes a value's members: the schema itself, that of an array's items, that which is not null of a choice.
let rec private inner (root: JsonElement) (schema: JsonElement) =
    let root, schema = resolved root schema

    match schema.TryGetProperty "items", schema.TryGetProperty "anyOf" with
    | (true, item), _ -> inner root item
    | _, (true, choice) -> inner root (List.head (items choice))
    | _ -> root, schema

/// The fields that a document shows, as (where the schema has them) pairs of an object's schema and a member's name.
let rec private shown (seen: HashSet<string>) root (schema: JsonElement) (value: JsonElement) =
    match value.ValueKind with
    | JsonValueKind.Array ->
        for item in items value do
            shown seen root schema item
    | JsonValueKind.Object ->
        let root, schema = inner root schema

        match schema.TryGetProperty "properties" with
        | true, properties ->
            for name in names value do
                let field = at [ name ] properties
                seen.Add((at [ "description" ] field).GetString() + name) |> ignore
                shown seen root field (at [ name ] value)
        | _ -> ()
    | _ -> ()

/// Every object's schema in a schema, with the path to it.
let rec private objects path (schema: JsonElement) =
    [
        match schema.ValueKind with
        | JsonValueKind.Object ->
            if (fst (schema.TryGetProperty "properties")) then
                path, schema

            for member' in schema.EnumerateObject() do
                yield! objects $"{path}/{member'.Name}" member'.Value
        | JsonValueKind.Array ->
            for i, item in List.indexed (items schema) do
                yield! objects $"{path}/{i}" item
        | _ -> ()
    ]

/// The type of a field in words, as docs/json.md has it.
let rec private typeOf (schema: JsonElement) =
    let has (name: string) = schema.TryGetProperty name

    let word name =
        match name with
        | "string" -> "text"
        | "integer" -> "whole number"
        | "boolean" -> "true or false"
        | "array" -> "list of " + typeOf (at [ "items" ] schema)
        | other -> other

    match has "$ref", has "const", has "enum", has "anyOf" with
    | (true, reference), _, _, _ ->
        (Array.last (reference.GetString().Split '/')).Replace("numberOrNull", "number or null")
    | _, (true, value), _, _ -> $"`{value.GetRawText()}`"
    | _, _, (true, values), _ ->
        String.Join(", ", items values |> List.map (fun value -> if isNullValue value then "null" else $"`{value}`"))
    | _, _, _, (true, choice) -> String.Join(" or ", items choice |> List.map typeOf)
    | _ ->
        let stated = at [ "type" ] schema

        if stated.ValueKind = JsonValueKind.Array then
            String.Join(" or ", items stated |> List.map (fun one -> word (one.GetString())))
        else
            word (stated.GetString())

/// The rows of docs/json.md for an object's schema.
let rec private rows prefix (schema: JsonElement) =
    [
        match schema.TryGetProperty "properties" with
        | true, properties ->
            for field in properties.EnumerateObject() do
                let path = prefix + field.Name
                let meaning = (at [ "description" ] field.Value).GetString()
                $"| `{path}` | {typeOf field.Value} | {meaning} |"

                match field.Value.TryGetProperty "items" with
                | true, item -> yield! rows $"{path}[]." item
                | _ -> yield! rows $"{path}." field.Value
        | _ -> ()
    ]

/// The rows of the tables below a heading of docs/json.md.
let private table (page: string[]) heading =
    page
    |> Array.skipWhile ((<>) heading)
    |> Seq.skip 1
    |> Seq.takeWhile (fun line -> not (line.StartsWith '#'))
    |> Seq.filter (fun line -> line.StartsWith "| `")
    |> List.ofSeq

let tests =
    testList
        "Json"
        [
            testCase "every verb writes what the schemas say" (fun () ->
                for document in documents.Value do
                    Expect.equal (faults document) [] (document.GetRawText())

                let written = documents.Value |> List.map nameOf |> Set.ofList
                Expect.equal written (Set.remove shared (Set.ofSeq schemas.Value.Keys)) "a document of every schema")

            testCase "a schema refuses a new field, a lost one, and one of another type" (fun () ->
                let run = documents.Value |> List.find (fun document -> nameOf document = "run")

                let changed (edit: Nodes.JsonObject -> unit) =
                    let node = Nodes.JsonNode.Parse(run.GetRawText()).AsObject()
                    edit node
                    faults (parsed (node.ToJsonString()))

                Expect.equal (changed ignore) [] "as it is"

                for name, edit in
                    [
                        "new", (fun (node: Nodes.JsonObject) -> node["news"] <- Nodes.JsonValue.Create 1)
                        "lost", (fun node -> node.Remove "seed" |> ignore)
                        "type", (fun node -> node["dimension"] <- Nodes.JsonValue.Create "1")
                        "inside", (fun node -> node["probes"].[0].["level"].["news"] <- Nodes.JsonValue.Create 1)
                        "shared",
                        (fun node -> node["probes"].[0].["metrics"].["kl"].["lower"] <- Nodes.JsonValue.Create "x")
                    ] do
                    Expect.isNonEmpty (changed edit) name

                // That a new field fails holds of every object.
                for KeyValue(name, schema) in schemas.Value do
                    for path, found in objects name schema do
                        let isClosed =
                            (fst (found.TryGetProperty "additionalProperties"))
                            && not ((at [ "additionalProperties" ] found).GetBoolean())

                        Expect.isTrue isClosed $"{path} is closed")

            testCase "every field of the schemas is shown by a document" (fun () ->
                let seen = HashSet<string>()

                for document in documents.Value do
                    let schema = schemas.Value[nameOf document]
                    shown seen schema schema document

                for KeyValue(name, schema) in schemas.Value do
                    for path, found in objects name schema do
                        for field in (at [ "properties" ] found).EnumerateObject() do
                            let description = (at [ "description" ] field.Value).GetString()
                            Expect.isTrue (seen.Contains(description + field.Name)) $"{path}: {field.Name}")

            testCase "docs/json.md has every field with the schema's words, and no other" (fun () ->
                let page = File.ReadAllLines(Path.Combine(docs.Value, "json.md"))
                let counted = List<string>()

                let hold heading wanted =
                    Expect.equal (table page heading) wanted heading
                    counted.AddRange wanted

                for KeyValue(name, schema) in schemas.Value do
                    if name <> shared then
                        hold $"""## {(at [ "title" ] schema).GetString()}""" (rows "" schema)

                    match schema.TryGetProperty "$defs" with
                    | true, definitions ->
                        for definition in definitions.EnumerateObject() do
                            hold $"### {definition.Name}" (rows "" definition.Value)
                    | _ -> ()

                Expect.equal
                    (page |> Array.filter (fun line -> line.StartsWith "| `")).Length
                    counted.Count
                    "no other row")

            testCase "a document about an experiment has its text, and the text its fingerprint" (fun () ->
                for document in documents.Value do
                    match document.TryGetProperty "experiment" with
                    | true, experiment ->
                        withFile (experiment.GetString()) (fun file ->
                            if not (experiment.GetString().Contains "samples") then
                                let again = json (sgm [ "check"; file; "--json" ])

                                Expect.equal
                                    ((at [ "fingerprint" ] again).GetString())
                                    ((at [ "fingerprint" ] document).GetString())
                                    "fingerprint")
                    | _ ->
                        Expect.contains
                            [
                                "errors"
                                "theorems"
                                "verify"
                                "report"
                                "files"
                                "sweep"
                                "compare"
                                "measure"
                                "shard"
                                "store"
                                "cell"
                            ]
                            (nameOf document)
                            "none")
        ]
