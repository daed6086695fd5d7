namespace Expecto

// The bridge, third part: what tests expect.

open System
open System.Collections
open System.Text.RegularExpressions

module Expect =
    /// Floats so that they read back to the same bits, all else as %A.
    let private show (value: 'a) =
        match box value with
        | null -> "null"
        | :? float as number -> number.ToString "R"
        | :? float32 as number -> number.ToString "R"
        | other -> sprintf "%A" other

    let private differ message actual expected =
        failtestf "%s.\nexpected: %s\n  actual: %s" message (show expected) (show actual)

    let private firstDifference (actual: seq<'a>) (expected: seq<'a>) =
        let padded items = Seq.append (Seq.map Some items) (Seq.initInfinite (fun _ -> None))

        Seq.zip (padded actual) (padded expected)
        |> Seq.indexed
        |> Seq.tryPick (fun (index, pair) ->
            match pair with
            | None, None -> Some None
            | a, e when a = e -> None
            | a, e -> Some(Some(index, a, e)))
        |> Option.flatten

    let private showItem item =
        match item with
        | Some value -> show value
        | None -> "the end"

    let equal (actual: 'a) (expected: 'a) message =
        if actual <> expected then
            match box actual, box expected with
            | (:? string as a), (:? string as e) ->
                match firstDifference a e with
                | Some(index, a', e') ->
                    failtestf
                        "%s.\nexpected: %s\n  actual: %s\nat character %d: expected %s, found %s"
                        message
                        e
                        a
                        index
                        (showItem e')
                        (showItem a')
                | None -> differ message actual expected
            | (:? IEnumerable as a), (:? IEnumerable as e) ->
                match firstDifference (Seq.cast<obj> a) (Seq.cast<obj> e) with
                | Some(index, a', e') ->
                    failtestf
                        "%s.\nexpected: %s\n  actual: %s\nat position %d: expected %s, found %s"
                        message
                        (show expected)
                        (show actual)
                        index
                        (showItem e')
                        (showItem a')
                | None -> differ message actual expected
            | _ -> differ message actual expected

    let notEqual (actual: 'a) (expected: 'a) message =
        if actual = expected then
            failtestf "%s. Expected a value other than %s." message (show actual)

    let isTrue actual message =
        if not actual then
            failtestf "%s. Expected true, was false." message

    let isFalse actual message =
        if actual then
            failtestf "%s. Expected false, was true." message

    let wantSome option message =
        match option with
        | Some value -> value
        | None -> failtestf "%s. Expected Some _, was None." message

    let isSome option message = wantSome option message |> ignore

    let isNone option message =
        match option with
        | None -> ()
        | Some value -> failtestf "%s. Expected None, was Some(%s)." message (show value)

    let wantOk result message =
        match result with
        | Ok value -> value
        | Error error -> failtestf "%s. Expected Ok, was Error(%s)." message (show error)

    let isOk result message = wantOk result message |> ignore

    let wantError result message =
        match result with
        | Error error -> error
        | Ok value -> failtestf "%s. Expected Error _, was Ok(%s)." message (show value)

    let isError result message = wantError result message |> ignore

    let isNull (value: 'a when 'a: null) message =
        match value with
        | null -> ()
        | other -> failtestf "%s. Expected null, was %s." message (show other)

    let isNotNull (value: 'a when 'a: null) message =
        match value with
        | null -> failtestf "%s. Expected a value, was null." message
        | _ -> ()

    // Each comparison is written so that a NaN on either side fails it.

    let isLessThan a b message =
        if not (a < b) then
            failtestf "%s. Expected %s to be less than %s." message (show a) (show b)

    let isLessThanOrEqual a b message =
        if not (a <= b) then
            failtestf "%s. Expected %s to be less than or equal to %s." message (show a) (show b)

    let isGreaterThan a b message =
        if not (a > b) then
            failtestf "%s. Expected %s to be greater than %s." message (show a) (show b)

    let isGreaterThanOrEqual a b message =
        if not (a >= b) then
            failtestf "%s. Expected %s to be greater than or equal to %s." message (show a) (show b)

    /// An infinity on either side fails, even where both are the same; so does NaN.
    let floatClose accuracy (actual: float) (expected: float) message =
        if Double.IsInfinity actual || Double.IsInfinity expected then
            failtestf "%s. Expected finite numbers.\nexpected: %s\n  actual: %s" message (show expected) (show actual)
        elif not (Accuracy.areClose accuracy actual expected) then
            failtestf
                "%s. Expected a difference of at most %g {absolute=%g; relative=%g}, it is %g.\nexpected: %s\n  actual: %s"
                message
                (Accuracy.areCloseRhs accuracy actual expected)
                accuracy.absolute
                accuracy.relative
                (Accuracy.areCloseLhs actual expected)
                (show expected)
                (show actual)

    let floatLessThanOrClose accuracy (actual: float) (expected: float) message =
        if not (actual < expected) then
            floatClose accuracy actual expected message

    let floatGreaterThanOrClose accuracy (actual: float) (expected: float) message =
        if not (actual > expected) then
            floatClose accuracy actual expected message

    let isNotNaN actual message =
        if Double.IsNaN actual then
            failtestf "%s. Expected a number, was NaN." message

    let isNotInfinity actual message =
        if Double.IsInfinity actual then
            failtestf "%s. Expected a finite number, was %s." message (show actual)

    let private thrownBy (f: unit -> unit) =
        try
            f ()
            None
        with error ->
            Some error

    let throws f message =
        if Option.isNone (thrownBy f) then
            failtestf "%s. Expected an exception." message

    let throwsC f (check: exn -> unit) =
        match thrownBy f with
        | Some error -> check error
        | None -> failtest "Expected an exception."

    /// The exception's type must be 'exn itself.
    let throwsT<'exn> f message =
        match thrownBy f with
        | Some error when error.GetType() = typeof<'exn> -> ()
        | Some error -> failtestf "%s. Expected %s, thrown was %O" message typeof<'exn>.FullName error
        | None -> failtestf "%s. Expected %s, nothing was thrown." message typeof<'exn>.FullName

    let isEmpty (actual: seq<'a>) message =
        if not (Seq.isEmpty actual) then
            failtestf "%s. Expected nothing, found %s." message (show (Seq.truncate 20 actual |> List.ofSeq))

    let isNonEmpty (actual: seq<'a>) message =
        if Seq.isEmpty actual then
            failtestf "%s. Expected elements, found none." message

    let hasLength (actual: seq<'a>) expectedLength message =
        let length = Seq.length actual

        if length <> expectedLength then
            failtestf "%s. Expected %d elements, found %d: %s" message expectedLength length (show (List.ofSeq actual))

    let contains (actual: seq<'a>) element message =
        if not (Seq.contains element actual) then
            failtestf "%s. Expected %s among %s." message (show element) (show (List.ofSeq actual))

    let containsAll (actual: seq<'a>) (expected: seq<'a>) message =
        let actual = List.ofSeq actual
        let missing = expected |> Seq.filter (fun element -> not (List.contains element actual)) |> List.ofSeq

        if not (List.isEmpty missing) then
            failtestf "%s. Missing %s among %s." message (show missing) (show actual)

    let exists (actual: seq<'a>) asserter message =
        if not (Seq.exists asserter actual) then
            failtestf "%s. No element qualifies among %s." message (show (List.ofSeq actual))

    let all (actual: seq<'a>) asserter message =
        let offending = actual |> Seq.indexed |> Seq.filter (fun (_, item) -> not (asserter item)) |> List.ofSeq

        if not (List.isEmpty offending) then
            failtestf "%s. These (index, element) do not qualify: %s." message (show offending)

    let sequenceEqual (actual: seq<'a>) (expected: seq<'a>) message =
        match firstDifference actual expected with
        | None -> ()
        | Some(index, a, e) ->
            failtestf "%s. At position %d: expected %s, found %s." message index (showItem e) (showItem a)

    let isAscending (actual: seq<'a>) message =
        if not (actual |> Seq.pairwise |> Seq.forall (fun (a, b) -> a <= b)) then
            failtestf "%s. Not ascending: %s." message (show (List.ofSeq actual))

    let isDescending (actual: seq<'a>) message =
        if not (actual |> Seq.pairwise |> Seq.forall (fun (a, b) -> a >= b)) then
            failtestf "%s. Not descending: %s." message (show (List.ofSeq actual))

    let stringContains (subject: string) (substring: string) message =
        if not (subject.Contains(substring, StringComparison.Ordinal)) then
            failtestf "%s. Expected '%s' in:\n%s" message substring subject

    let stringStarts (subject: string) (prefix: string) message =
        if not (subject.StartsWith(prefix, StringComparison.Ordinal)) then
            failtestf "%s. Expected '%s' at the start of:\n%s" message prefix subject

    let stringEnds (subject: string) (suffix: string) message =
        if not (subject.EndsWith(suffix, StringComparison.Ordinal)) then
            failtestf "%s. Expected '%s' at the end of:\n%s" message suffix subject

    let isMatch (actual: string) (pattern: string) message =
        if not (Regex.IsMatch(actual, pattern)) then
            failtestf "%s. Expected a match of /%s/ in:\n%s" message pattern actual
