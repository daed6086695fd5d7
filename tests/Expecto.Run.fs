namespace Expecto

// The bridge, first part: the test tree and its runner. See docs/decisions/0002.

open System
open System.Collections.Concurrent
open System.Diagnostics
open System.IO
open System.Text
open System.Threading
open System.Threading.Tasks

type FsCheckConfig =
    {
        /// How many values are tried.
        maxTest: int
        /// How many values a precondition may reject before the property counts as failed.
        maxRejected: int
        /// The size of the first value; it grows linearly to `endSize`.
        startSize: int
        endSize: int
        /// (seed, gamma). `None`: derived from the test's full name, so that every run draws the same values.
        replay: (uint64 * uint64) option
        /// Types whose static members are generators; they go before FsCheck's own.
        arbitrary: Type list
    }

    static member defaultConfig =
        {
            maxTest = 200
            maxRejected = 1000
            startSize = 1
            endSize = 100
            replay = None
            arbitrary = []
        }

type TestCode =
    | Sync of stest: (unit -> unit)
    | SyncWithCancel of stest: (CancellationToken -> unit)
    | Async of atest: Async<unit>
    | AsyncFsCheck of
        testConfig: FsCheckConfig option *
        stressConfig: FsCheckConfig option *
        test: (FsCheckConfig -> Async<unit>)

/// A pending parent makes its children pending; a focused one focuses them unless they are pending.
type FocusState =
    | Normal
    | Pending
    | Focused

type SequenceMethod =
    | Synchronous
    | SynchronousGroup of string
    | InParallel

type Test =
    | TestCase of code: TestCode * state: FocusState
    | TestList of tests: Test list * state: FocusState
    | TestLabel of label: string * test: Test * state: FocusState
    | Sequenced of SequenceMethod * Test

type ExpectoException(message: string) =
    inherit Exception(message)

type AssertException(message: string) =
    inherit ExpectoException(message)

type FailedException(message: string) =
    inherit ExpectoException(message)

type IgnoreException(message: string) =
    inherit ExpectoException(message)

type FlatTest =
    {
        name: string list
        test: TestCode
        state: FocusState
        sequenced: SequenceMethod
    }

    member this.fullName = String.Join(".", this.name)

module Test =
    let private childState parent child =
        match parent, child with
        | Pending, _
        | _, Pending -> Pending
        | Focused, _ -> Focused
        | Normal, state -> state

    /// The leaves of the tree in order, each with its path, its state and the nearest way of sequencing above it.
    let toTestCodeList test =
        let rec flatten path state sequenced test =
            match test with
            | TestCase(code, own) ->
                [ { name = List.rev path; test = code; state = childState state own; sequenced = sequenced } ]
            | TestList(tests, own) -> tests |> List.collect (flatten path (childState state own) sequenced)
            | TestLabel(label, inner, own) -> flatten (label :: path) (childState state own) sequenced inner
            | Sequenced(nearest, inner) -> flatten path state nearest inner

        flatten [] Normal InParallel test

module internal Impl =
    type TestResult =
        | Passed
        | Ignored of reason: string
        | Failed of message: string

    type RunOptions = { workers: int; select: FlatTest -> bool; listOnly: bool; failOnFocused: bool }

    type Summary = { passed: int; failed: int; skipped: int; exitCode: int }

    /// FNV-1a of the name, so a property draws the same values in every process; `SGM_SEED` moves all of them at once.
    let replayOf (fullName: string) =
        let text =
            match Environment.GetEnvironmentVariable "SGM_SEED" with
            | null
            | "" -> fullName
            | seed -> $"{seed}:{fullName}"

        let seed =
            (14695981039346656037UL, Encoding.UTF8.GetBytes text)
            ||> Array.fold (fun hash value -> (hash ^^^ uint64 value) * 1099511628211UL)

        let random = FsCheck.Rnd seed
        random.Seed, random.Gamma

    let private execute (test: FlatTest) =
        try
            match test.test with
            | Sync run -> run ()
            | SyncWithCancel run -> run CancellationToken.None
            | Async run -> Async.RunSynchronously run
            | AsyncFsCheck(config, _, run) ->
                let config = defaultArg config FsCheckConfig.defaultConfig
                let replay = config.replay |> Option.orElseWith (fun () -> Some(replayOf test.fullName))
                Async.RunSynchronously(run { config with replay = replay })

            Passed
        with
        | :? IgnoreException as ignored -> Ignored ignored.Message
        | :? FailedException as failure -> Failed failure.Message
        | :? AssertException as failure ->
            // The frames of the bridge itself say nothing about the failure.
            let frames =
                (string failure.StackTrace).Split '\n'
                |> Array.filter (fun frame -> not (frame.Contains "Expecto." || frame.Contains "FSharp.Core"))
                |> Array.truncate 4
                |> Array.map (fun frame -> frame.TrimEnd())

            Failed(String.Join("\n", Array.append [| failure.Message |] frames))
        | error -> Failed $"{error}"

    let private indent (text: string) =
        String.Join("\n", text.Split '\n' |> Array.map (fun line -> "    " + line.TrimEnd '\r'))

    let private printSummary (out: TextWriter) failedNames summary =
        if not (List.isEmpty failedNames) then
            out.WriteLine "\nFailed:"

            for name: string in failedNames do
                out.WriteLine $"    {name}"

        out.WriteLine()

        if summary.skipped = 0 then
            out.WriteLine $"{summary.passed} passed, {summary.failed} failed"
        else
            out.WriteLine $"{summary.passed} passed, {summary.failed} failed, {summary.skipped} skipped"

    let private runSelected (out: TextWriter) options (tests: FlatTest[]) =
        let anyFocused = tests |> Array.exists (fun test -> test.state = Focused)
        let results = Array.create tests.Length (Ignored "not run", TimeSpan.Zero)

        let runOne index =
            let test = tests[index]

            let result, elapsed =
                if test.state = Pending then
                    Ignored "pending", TimeSpan.Zero
                elif anyFocused && test.state <> Focused then
                    Ignored "another test is focused", TimeSpan.Zero
                else
                    let start = Stopwatch.GetTimestamp()
                    let result = execute test
                    result, Stopwatch.GetElapsedTime start

            results[index] <- result, elapsed

            match result with
            | Failed message ->
                lock out (fun () ->
                    out.WriteLine $"\nFAILED {test.fullName} ({elapsed.TotalSeconds:F2} s)\n{indent message}")
            | Passed
            | Ignored _ -> ()

        let inParallel, inSequence =
            [| 0 .. tests.Length - 1 |]
            |> Array.partition (fun index -> tests[index].sequenced = InParallel && options.workers > 1)

        let unbuffered = Partitioner.Create(inParallel, EnumerablePartitionerOptions.NoBuffering)
        let limit = ParallelOptions(MaxDegreeOfParallelism = max 1 options.workers)
        Parallel.ForEach(unbuffered, limit, runOne) |> ignore
        Array.iter runOne inSequence
        results

    let private report (out: TextWriter) options (tests: FlatTest[]) (results: (TestResult * TimeSpan)[]) =
        let named = Array.zip tests results

        for test, (result, _) in named do
            match result with
            | Ignored reason -> out.WriteLine $"skipped {test.fullName}: {reason}"
            | Passed
            | Failed _ -> ()

        let slow =
            named
            |> Array.filter (fun (_, (_, elapsed)) -> elapsed.TotalSeconds >= 2.0)
            |> Array.sortByDescending (fun (_, (_, elapsed)) -> elapsed)
            |> Array.truncate 10

        if slow.Length > 0 then
            out.WriteLine "\nSlowest:"

            for test, (_, elapsed) in slow do
                out.WriteLine $"    {elapsed.TotalSeconds, 7:F1} s  {test.fullName}"

        let focused =
            if options.failOnFocused then
                [
                    for test in tests do
                        if test.state = Focused then
                            $"{test.fullName}: focused tests hide all others"
                ]
            else
                []

        let failedNames =
            [
                for test, (result, _) in named do
                    match result with
                    | Failed _ -> test.fullName
                    | Passed
                    | Ignored _ -> ()
            ]
            @ focused

        let summary =
            {
                passed = results |> Seq.filter (fun (result, _) -> result = Passed) |> Seq.length
                failed = List.length failedNames
                skipped = results |> Seq.filter (fun (result, _) -> result.IsIgnored) |> Seq.length
                exitCode = if List.isEmpty failedNames then 0 else 1
            }

        printSummary out failedNames summary
        summary

    /// Runs the selected tests and prints what happened. As in Expecto, two tests of one full name are an error, and so
    /// is a selection that no test meets: a mistyped filter must not look like success.
    let run (out: TextWriter) options tests =
        let all = Test.toTestCodeList tests
        let selected = all |> List.filter options.select
        let nothing = { passed = 0; failed = 0; skipped = 0; exitCode = 0 }

        let repeated =
            all
            |> List.countBy _.fullName
            |> List.filter (fun (_, count) -> count > 1)
            |> List.map (fun (name, count) -> $"{name}: {count} tests have this name")

        if not (List.isEmpty repeated) then
            let summary = { nothing with failed = List.length repeated; exitCode = 1 }

            printSummary out repeated summary
            summary
        elif options.listOnly then
            for test in selected do
                out.WriteLine test.fullName

            nothing
        elif List.isEmpty selected then
            let summary = { nothing with exitCode = 1 }
            out.WriteLine "No test meets the filter; --list-tests prints the names."
            printSummary out [] summary
            summary
        else
            let selected = List.toArray selected
            report out options selected (runSelected out options selected)
