/// JSON as the contract has it: one document, exact numbers, infinities as the strings "Infinity" and "-Infinity"; what is absent,
/// and what is not a number, is null.
module Sgm.Verification.JsonWriting

open System
open System.IO
open System.Text
open System.Text.Encodings.Web
open System.Text.Json
open Sgm.Engine

type Writer = Utf8JsonWriter

let number (json: Writer) (name: string) (x: float) =
    if Double.IsFinite x then json.WriteNumber(name, x)
    elif Double.IsPositiveInfinity x then json.WriteString(name, "Infinity")
    elif Double.IsNegativeInfinity x then json.WriteString(name, "-Infinity")
    else json.WriteNull name

let optional (json: Writer) (name: string) (x: float option) =
    match x with
    | Some x -> number json name x
    | None -> json.WriteNull name

let text (json: Writer) (name: string) (value: string) =
    match value with
    | null -> json.WriteNull name
    | value -> json.WriteString(name, value)

let object (json: Writer) (name: string) write =
    json.WriteStartObject name
    write ()
    json.WriteEndObject()

/// A measured number. An upper end that is not known is null; the reason says why, or what an end assumes.
let estimate (json: Writer) name (measured: Estimate) =
    let hasNoUpperEnd = Double.IsPositiveInfinity measured.Upper && not (Double.IsPositiveInfinity measured.Lower)

    object json name (fun () ->
        optional json "value" (Option.ofNullable measured.Value)
        number json "lower" measured.Lower
        number json "upper" (if hasNoUpperEnd then nan else measured.Upper)
        number json "confidence" measured.Confidence
        text json "method" measured.Method

        if not (isNull measured.Reason) then
            text json "reason" measured.Reason)

/// An array of objects.
let objects (json: Writer) (name: string) items write =
    json.WriteStartArray name

    for item in items do
        json.WriteStartObject()
        write item
        json.WriteEndObject()

    json.WriteEndArray()

let strings (json: Writer) (name: string) (items: string seq) =
    json.WriteStartArray name

    for item in items do
        json.WriteStringValue item

    json.WriteEndArray()

let numbers (json: Writer) (name: string) (items: float seq) =
    json.WriteStartArray name

    for x in items do
        if Double.IsFinite x then json.WriteNumberValue x
        elif Double.IsNaN x then json.WriteNullValue()
        else json.WriteStringValue(if x > 0.0 then "Infinity" else "-Infinity")

    json.WriteEndArray()

/// One document, an object, as text; what a terminal would obey is escaped, which JSON reads back. It begins with its schema
/// ("sgm.run/1"; docs/schema has them), the version of the program and, where it is about one experiment, that experiment's text.
let document (schema: string) (experiment: string option) (write: Writer -> unit) =
    use buffer = new MemoryStream()

    let options = JsonWriterOptions(Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping)

    use json = new Utf8JsonWriter(buffer, options)
    json.WriteStartObject()
    text json "schema" schema
    text json "version" Version.text
    Option.iter (text json "experiment") experiment
    write json
    json.WriteEndObject()
    json.Flush()
    Sgm.Visible.text (Encoding.UTF8.GetString(buffer.GetBuffer(), 0, int buffer.Length))
