namespace Expecto

// The bridge, second half: the names that the tests use, with Expecto's signatures. See docs/decisions/0002.

open System
open System.Collections
open System.Text.RegularExpressions

/// Two floats are close when |a − b| ≤ absolute + relative·max(|a|, |b|).
type Accuracy = { absolute: float; relative: float }

module Accuracy =
    let low = { absolute = 1e-6; relative = 1e-3 }
    let medium = { absolute = 1e-8; relative = 1e-5 }
    let high = { absolute = 1e-10; relative = 1e-7 }
    let veryHigh = { absolute = 1e-12; relative = 1e-9 }

    let areCloseLhs a b = abs (a - b)
    let areCloseRhs accuracy a b = accuracy.absolute + accuracy.relative * max (abs a) (abs b)
    let areClose accuracy a b = areCloseLhs a b <= areCloseRhs accuracy a b

[<AutoOpen>]
module Tests =
    let failtest message : 'a = raise (AssertException message)
    let failtestf format = Printf.ksprintf failtest format
    let skiptest message : 'a = raise (IgnoreException message)
    let skiptestf format = Printf.ksprintf skiptest format

    let private case state name code = TestLabel(name, TestCase(code, state), state)

    let testList name tests = TestLabel(name, TestList(tests, Normal), Normal)
    let ptestList name tests = TestLabel(name, TestList(tests, Pending), Pending)
    let ftestList name tests = TestLabel(name, TestList(tests, Focused), Focused)
    let testLabel name test = TestLabel(name, test, Normal)

    let testCase name test = case Normal name (Sync test)
    let ptestCase name test = case Pending name (Sync test)
    let ftestCase name test = case Focused name (Sync test)
    let testCaseAsync name test = case Normal name (Async test)
    let ptestCaseAsync name test = case Pending name (Async test)
    let ftestCaseAsync name test = case Focused name (Async test)

    let testSequenced test = Sequenced(Synchronous, test)
    let testSequencedGroup name test = Sequenced(SynchronousGroup name, test)

    let private caseName value =
        match box value with
        | null -> "null"
        | :? string as text -> $"\"{text}\""
        | _ -> string value

    /// One test a case, named by the case.
    let testTheory name cases test =
        cases
        |> Seq.map (fun value -> testCase (caseName value) (fun () -> test value |> ignore))
        |> List.ofSeq
        |> testList name

    let ptestTheory name cases test =
        cases
        |> Seq.map (fun value -> ptestCase (caseName value) (fun () -> test value |> ignore))
        |> List.ofSeq
        |> ptestList name

    type CLIArguments =
        | Sequenced
        | Parallel
        | Parallel_Workers of int
        | Filter of string
        | Filter_Test_List of string
        | Filter_Test_Case of string
        | List_Tests
        | Fail_On_Focused_Tests

    let private usage =
        """--filter TEXT            tests whose full name, the labels joined by '.', contains TEXT
--filter-test-list TEXT  tests below a list whose name contains TEXT
--filter-test-case TEXT  tests whose own name contains TEXT
--list-tests             print the names, run nothing
--sequenced              one test after another
--parallel               over all cores (the default)
--parallel-workers N     at most N tests at once
--fail-on-focused-tests  a focused test is a failure
SGM_SEED=N in the environment gives every property other random values."""

    let rec private parse argv =
        match argv with
        | [] -> Ok []
        | "--sequenced" :: rest -> parse rest |> Result.map (fun more -> Sequenced :: more)
        | "--parallel" :: rest -> parse rest |> Result.map (fun more -> Parallel :: more)
        | "--list-tests" :: rest -> parse rest |> Result.map (fun more -> List_Tests :: more)
        | "--fail-on-focused-tests" :: rest -> parse rest |> Result.map (fun more -> Fail_On_Focused_Tests :: more)
        | "--filter" :: text :: rest -> parse rest |> Result.map (fun more -> Filter text :: more)
        | "--filter-test-list" :: text :: rest -> parse rest |> Result.map (fun more -> Filter_Test_List text :: more)
        | "--filter-test-case" :: text :: rest -> parse rest |> Result.map (fun more -> Filter_Test_Case text :: more)
        | "--parallel-workers" :: count :: rest when fst (Int32.TryParse count) ->
            parse rest |> Result.map (fun more -> Parallel_Workers(int count) :: more)
        | unknown :: _ -> Error $"{unknown}: unknown, or its value is missing\n{usage}"

    let internal optionsOf arguments : Impl.RunOptions =
        let start: Impl.RunOptions =
            {
                workers = Environment.ProcessorCount
                select = fun _ -> true
                listOnly = false
                failOnFocused = false
            }

        let narrowed (options: Impl.RunOptions) accepts =
            { options with select = fun test -> options.select test && accepts test }

        let has (text: string) (name: string) = name.Contains(text, StringComparison.Ordinal)

        (start, arguments)
        ||> Seq.fold (fun options argument ->
            match argument with
            | Sequenced -> { options with workers = 1 }
            | Parallel -> { options with workers = Environment.ProcessorCount }
            | Parallel_Workers count -> { options with workers = count }
            | Filter text -> narrowed options (fun test -> has text test.fullName)
            | Filter_Test_List text ->
                narrowed options (fun test -> List.truncate (test.name.Length - 1) test.name |> List.exists (has text))
            | Filter_Test_Case text ->
                narrowed options (fun test -> List.tryLast test.name |> Option.exists (has text))
            | List_Tests -> { options with listOnly = true }
            | Fail_On_Focused_Tests -> { options with failOnFocused = true })

    /// Runs the tests; `argv` adds to `arguments`. Returns the process's exit code.
    let runTestsWithCLIArgs (arguments: CLIArguments seq) (argv: string[]) tests =
        match parse (List.ofArray argv) with
        | Ok more -> (Impl.run Console.Out (optionsOf (Seq.append arguments more)) tests).exitCode
        | Error message ->
            eprintfn "%s" message
            1

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

[<AutoOpen>]
module ExpectoFsCheck =
    open FsCheck

    let private describe (outcome: Outcome) =
        match outcome with
        | Outcome.Failed error when (error :? ExpectoException) || isNull error.StackTrace -> error.Message
        | Outcome.Failed error -> string error
        | Outcome.Passed
        | Outcome.Rejected -> sprintf "%A" outcome

    let private parameters values = values |> List.map (sprintf "    %A") |> String.concat "\n"

    let private failure (config: FsCheckConfig) result =
        match result with
        | TestResult.Passed _ -> None
        | TestResult.Failed(data, original, shrunk, outcome, seed, _, _) ->
            let labels =
                if Set.isEmpty data.Labels then
                    ""
                else
                    sprintf "\nlabels: %s" (String.concat ", " data.Labels)

            let smaller =
                if data.NumberOfShrinks = 0 then
                    ""
                else
                    sprintf "\nshrunk %d times to\n%s" data.NumberOfShrinks (parameters shrunk)

            Some(
                sprintf
                    "%s%s\nfalsified by value %d of %d\n%s%s\nreplay = Some (%dUL, %dUL)"
                    (describe outcome)
                    labels
                    data.NumberOfTests
                    config.maxTest
                    (parameters original)
                    smaller
                    seed.Seed
                    seed.Gamma
            )
        | TestResult.Exhausted data ->
            Some(sprintf "Only %d values met the precondition; %d were wanted." data.NumberOfTests config.maxTest)

    let private runner config =
        { new IRunner with
            member _.OnStartFixture _ = ()
            member _.OnArguments(_, _, _) = ()
            member _.OnShrink(_, _) = ()

            member _.OnFinished(_, result) =
                match result with
                | TestResult.Failed(_, _, _, Outcome.Failed(:? IgnoreException as ignored), _, _, _) -> raise ignored
                | _ -> failure config result |> Option.iter (fun message -> raise (FailedException message))
        }

    let private propertyTest state config name property =
        let check (config: FsCheckConfig) =
            async {
                let replay = config.replay |> Option.map (fun (seed, gamma) -> { Rnd = Rnd(seed, gamma); Size = None })

                let settings =
                    Config.Default
                        .WithName(name)
                        .WithMaxTest(config.maxTest)
                        .WithMaxRejected(config.maxRejected)
                        .WithStartSize(config.startSize)
                        .WithEndSize(config.endSize)
                        .WithReplay(replay)
                        .WithArbitrary(config.arbitrary)
                        .WithRunner(runner config)

                Check.One(settings, property)
            }

        TestLabel(name, TestCase(AsyncFsCheck(config, config, check), state), state)

    let testPropertyWithConfig config name property = propertyTest Normal (Some config) name property
    let ptestPropertyWithConfig config name property = propertyTest Pending (Some config) name property
    let ftestPropertyWithConfig config name property = propertyTest Focused (Some config) name property
    let testProperty name property = propertyTest Normal None name property
    let ptestProperty name property = propertyTest Pending None name property
    let ftestProperty name property = propertyTest Focused None name property

    /// Focuses on this property, with the replay that a failure printed.
    let etestProperty replay name property =
        let config = { FsCheckConfig.defaultConfig with replay = Some replay }

        propertyTest Focused (Some config) name property
