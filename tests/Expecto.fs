namespace Expecto

// The bridge, second part: the names that the tests use, with Expecto's signatures. See docs/decisions/0002.

open System

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
