module Sgm.Tests.BridgeTests

open System.IO
open System.Text.RegularExpressions
open Expecto

let private runWith arguments tests =
    use out = new StringWriter()
    let summary = Impl.run out (optionsOf arguments) tests
    summary, out.ToString().TrimEnd().Split '\n'

let private run = runWith []

let private sample =
    testList
        "top"
        [
            testList "left" [ testCase "one" ignore; testCase "two" ignore ]
            testList "right" [ testCase "one" ignore ]
        ]

let private counts (summary: Impl.Summary) = summary.passed, summary.failed, summary.skipped

let private close accuracy actual expected =
    try
        Expect.floatClose accuracy actual expected "close"
        true
    with :? AssertException ->
        false

let private counting =
    testList
        "counting"
        [
            testCase "a failing and a throwing test are failures, a pending one is skipped" (fun () ->
                let summary, lines =
                    run (
                        testList
                            "top"
                            [
                                testCase "passes" ignore
                                testCase "fails" (fun () -> Expect.equal 1 2 "numbers")
                                testCase "throws" (fun () -> invalidOp "broken")
                                ptestCase "pending" (fun () -> failtest "must not run")
                                testCase "skips" (fun () -> skiptest "no device")
                                testCaseAsync "async" (async { return () })
                            ]
                    )

                Expect.equal (counts summary) (2, 2, 2) "counts"
                Expect.equal summary.exitCode 1 "exit code"
                Expect.equal (Array.last lines) "2 passed, 2 failed, 2 skipped" "last line"
                let text = String.concat "\n" lines
                Expect.stringContains text "FAILED top.fails" "full name"
                Expect.stringContains text "expected: 2\n      actual: 1" "values"
                Expect.stringContains text "broken" "exception")

            testCase "success ends on the plain line and exit code 0" (fun () ->
                let summary, lines = run sample
                Expect.equal summary.exitCode 0 "exit code"
                Expect.equal (Array.last lines) "3 passed, 0 failed" "last line")

            testCase "one focused test hides the others, and can be forbidden" (fun () ->
                let tests = testList "top" [ testCase "one" ignore; ftestCase "two" ignore ]
                Expect.equal (counts (fst (run tests))) (1, 0, 1) "counts"
                Expect.equal (fst (runWith [ Fail_On_Focused_Tests ] tests)).exitCode 1 "forbidden")

            testCase "two tests of one name are an error" (fun () ->
                let summary, _ = run (testList "top" [ testCase "one" ignore; testCase "one" ignore ])
                Expect.equal (counts summary, summary.exitCode) ((0, 1, 0), 1) "nothing ran")

            testCase "sequenced tests do not overlap" (fun () ->
                let mutable inside = 0
                let mutable overlap = false

                let body () =
                    if System.Threading.Interlocked.Increment &inside > 1 then
                        overlap <- true

                    System.Threading.Thread.Sleep 2
                    System.Threading.Interlocked.Decrement &inside |> ignore

                let tests = testList "top" [ for index in 1..8 -> testCase (string index) body ]
                run (testSequenced tests) |> ignore
                Expect.isFalse overlap "overlap")
        ]

let private filtering =
    let names arguments = snd (runWith (List_Tests :: arguments) sample) |> List.ofArray

    testList
        "filtering"
        [
            testCase "by path, by list, by case" (fun () ->
                Expect.equal (names []) [ "top.left.one"; "top.left.two"; "top.right.one" ] "all"
                Expect.equal (names [ Filter "top.left" ]) [ "top.left.one"; "top.left.two" ] "path"
                Expect.equal (names [ Filter_Test_List "righ" ]) [ "top.right.one" ] "list"
                Expect.equal (names [ Filter_Test_Case "one" ]) [ "top.left.one"; "top.right.one" ] "case")

            testCase "a filter that nothing meets is an error" (fun () ->
                Expect.equal (fst (runWith [ Filter "nowhere" ] sample)).exitCode 1 "exit code")
        ]

let private closeness =
    testList
        "floatClose"
        [
            testCase "the tolerance is absolute + relative·max(|a|, |b|)" (fun () ->
                let accuracy = { absolute = 0.5; relative = 0.25 }
                // 8 against 10.5: the difference is 2.5, the tolerance 0.5 + 0.25·10.5 = 3.125.
                Expect.isTrue (close accuracy 8.0 10.5) "sum of both"
                Expect.isTrue (close accuracy 10.5 8.0) "symmetric"
                Expect.isTrue (close accuracy 6.0 8.5) "2.5 against 2.625"
                Expect.isFalse (close accuracy 5.5 8.25) "2.75 against 2.5625"
                Expect.isFalse (close accuracy nan 0.0) "NaN"
                Expect.isFalse (close accuracy infinity infinity) "infinity")

            testTheory
                "named accuracies"
                [
                    "low", Accuracy.low, 1e-3
                    "medium", Accuracy.medium, 1e-5
                    "high", Accuracy.high, 1e-7
                    "veryHigh", Accuracy.veryHigh, 1e-9
                ]
                (fun (name, accuracy, relative) ->
                    Expect.isTrue (close accuracy (1.0 + 0.9 * relative) 1.0) $"{name}: inside"
                    Expect.isFalse (close accuracy (1.0 + 1.1 * relative) 1.0) $"{name}: outside")

            testCase "comparisons fail on NaN" (fun () ->
                for compare in
                    [ Expect.isLessThan; Expect.isLessThanOrEqual; Expect.isGreaterThan; Expect.isGreaterThanOrEqual ] do
                    Expect.throwsT<AssertException> (fun () -> compare nan 0.0 "NaN") "must fail")
        ]

let private properties =
    let replayIn (lines: string[]) =
        let found = Regex.Match(String.concat "\n" lines, @"replay = Some \((\d+)UL, (\d+)UL\)")
        Expect.isTrue found.Success "the failure names its replay"
        uint64 found.Groups[1].Value, uint64 found.Groups[2].Value

    let drawn config =
        let values = ResizeArray<int>()
        run (testPropertyWithConfig config "draws" (fun (value: int) -> values.Add value)) |> ignore
        List.ofSeq values

    testList
        "properties"
        [
            testProperty "are run" (fun (a: int) (b: int) -> a + b = b + a)

            testCase "a false property fails, is shrunk and names its replay" (fun () ->
                let tests = testList "top" [ testProperty "small" (fun (value: int) -> abs value < 5) ]
                let summary, lines = run tests
                Expect.equal (counts summary) (0, 1, 0) "counts"
                Expect.stringContains (String.concat "\n" lines) "shrunk" "shrunk"
                Expect.equal (replayIn lines) (Impl.replayOf "top.small") "the seed comes from the name"
                Expect.equal (replayIn (snd (run tests))) (replayIn lines) "and is the same in every run")

            testCase "an expectation inside a property shows its values" (fun () ->
                let _, lines = run (testProperty "top" (fun (_: int) -> Expect.equal 1 2 "numbers"))
                Expect.stringContains (String.concat "\n" lines) "numbers." "message")

            testCase "a replay draws the same values, another one others" (fun () ->
                let at seed = { FsCheckConfig.defaultConfig with replay = Some(seed, 7UL) }
                Expect.equal (drawn (at 1UL)).Length FsCheckConfig.defaultConfig.maxTest "as many as asked for"
                Expect.equal (drawn (at 1UL)) (drawn (at 1UL)) "same"
                Expect.notEqual (drawn (at 1UL)) (drawn (at 2UL)) "other")
        ]

let tests = testList "Bridge" [ counting; filtering; closeness; properties ]
