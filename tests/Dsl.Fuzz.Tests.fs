module Sgm.Tests.DslFuzzTests

open System
open System.Text
open Expecto
open FsCheck.FSharp
open Sgm

let private count =
    if Environment.GetEnvironmentVariable "SGM_SLOW" = "1" then
        1_000_000
    else
        10_000

/// Whatever the text: a plan or problems that render, no exception, in less than a second of this thread.
let private survives (text: string) =
    let check () = Check.text "fuzz.sgm" "." text

    let rendered, seconds =
        ThreadClock.timed (fun () ->
            try
                match check () with
                | Ok valid -> Message.renderAll valid.Warnings
                | Error [] -> failtestf "no problem is named for\n%s" text
                | Error problems -> Message.renderAll problems
            with
            | :? AssertException -> reraise ()
            | error -> failtestf "%O\nfor\n%s" error text)

    Expect.isTrue (isNull rendered |> not) "rendered"

    if seconds > 1.0 then
        // Once more: the first time may have waited for the compiler.
        let _, again = ThreadClock.timed check
        Expect.isLessThan again 1.0 $"seconds for\n{text}"

let private bytes (random: Random) =
    let buffer = Array.zeroCreate (random.Next 200)
    random.NextBytes buffer
    let text = Encoding.UTF8.GetString buffer
    if random.Next 2 = 0 then text else "experiment {\n" + text

let private tokens =
    [|
        for word in Words.all -> word.Name
        for field in Words.fields -> "\n    " + field.Name
        yield! [| "("; ")"; "["; "]"; "{"; "}"; ";"; ","; "|>"; ">=>"; "\n"; "\n    "; "\t"; "\r\n"; "//"; "(*"; "*)" |]
        yield!
            [| "1"; "0"; "-1"; "2.0"; "1e-3"; "1e999"; "20"; "500000000"; "2000000000"; "99999999999"; "7L"; "1.2.3" |]
        yield! [| "\"end\""; "\"x"; "\"\\"; "\u0000"; "\uFFFF"; "é"; "'"; "#"; "experiment {" |]
    |]

let private stream (random: Random) =
    let text = StringBuilder("experiment {")

    for _ in 1 .. random.Next 60 do
        text.Append(tokens[random.Next tokens.Length]).Append(if random.Next 4 = 0 then "" else " ") |> ignore

    text.ToString()

let private mutated (texts: string[]) (random: Random) =
    let text = StringBuilder(texts[random.Next texts.Length])

    for _ in 0 .. random.Next 4 do
        let at = random.Next text.Length

        match random.Next 4 with
        | 0 -> text.Remove(at, min (1 + random.Next 8) (text.Length - at)) |> ignore
        | 1 -> text.Insert(at, tokens[random.Next tokens.Length]) |> ignore
        | 2 -> text[at] <- char (32 + random.Next 95)
        | _ ->
            let length = min (random.Next 30) (text.Length - at)
            text.Insert(random.Next text.Length, text.ToString(at, length)) |> ignore

        if text.Length = 0 then
            text.Append ' ' |> ignore

    text.ToString()

let private fuzz name (make: Random -> string) =
    testCase name (fun () ->
        for seed in 1..count do
            survives (make (Random seed)))

let private minimal target sampler =
    $"experiment {{\n    target (%s{target})\n    forward ve\n    start warm\n    sampler (%s{sampler})\n}}\n"

/// Sizes that would show a quadratic step or a recursion.
let private large =
    let survivesWithin (seconds: float) (text: string) =
        let result, spent = ThreadClock.timed (fun () -> Check.text "large.sgm" "." text)
        Expect.isLessThan spent seconds $"seconds for {text.Length} characters"
        result

    let times n (text: string) = String.replicate n text

    let valid name text =
        testCase name (fun () -> Expect.isOk (survivesWithin 60.0 (text ()) |> Result.mapError Message.renderAll) name)

    let invalid name text = testCase name (fun () -> Expect.isError (survivesWithin 60.0 (text ())) name)

    let numbers n = "[ " + times n "1.5; " + "]"

    testList
        "large"
        [
            valid "100 000 steps in sequence" (fun () ->
                minimal "standard 1" (times 99_999 "corrector (langevin 0.1) >=> " + "identity"))
            valid "a million numbers" (fun () -> minimal $"normal {numbers 1_000_000} 1.0" "corrector (langevin 0.1)")
            valid "30 000 components on lines" (fun () ->
                let line = "0.00003333333333333333, normal [ 1.0 ] 1.0\n             "
                minimal $"mixture [\n             {times 30_000 line}]" "corrector (langevin 0.1)")
            valid "a comment nested 100 000 deep" (fun () ->
                times 100_000 "(* " + times 100_000 "*) " + minimal "standard 1" "identity")
            valid "100 levels of repeat" (fun () ->
                minimal "standard 1" (times 100 "repeat 1 (" + "identity" + times 100 ")"))
            invalid "300 levels of repeat" (fun () ->
                minimal "standard 1" (times 300 "repeat 1 (" + "identity" + times 300 ")"))
            invalid "a million parentheses" (fun () -> minimal (times 1_000_000 "(") "identity")
            invalid "a million brackets" (fun () -> minimal (times 1_000_000 "[ ") "identity")
            invalid "100 000 pipes" (fun () -> minimal "standard 1" ("identity" + times 100_000 " |> repeat 1"))
            invalid "100 000 lines that open a comment" (fun () -> "experiment {\n" + times 100_000 "    target (* \n")
            invalid "100 000 lines that open a string" (fun () -> "experiment {\n" + times 100_000 "    target \"abc\n")
            invalid "100 000 lines that open a parenthesis" (fun () ->
                "experiment {\n" + times 100_000 "    target (normal [ 1.0\n")
            invalid "100 000 wrong words in one line" (fun () ->
                minimal "standard 1" (times 100_000 "corector 1 >=> " + "identity"))
            invalid "a word and a number of a million characters" (fun () ->
                minimal (times 1_000_000 "a") ("repeat " + times 1_000_000 "1" + " identity"))
            invalid "a vector of 10^8 numbers in 20 characters" (fun () ->
                minimal "normal (fill 100000000 1.0) 1.0" "identity")
            invalid "a dimension of 2·10^9" (fun () -> minimal "standard 2000000000" "identity")
            invalid "2^62 steps" (fun () ->
                minimal "standard 1" (times 62 "repeat 2 (" + "corrector (langevin 0.1)" + times 62 ")"))
            valid "a schedule of 10^7 transitions, repeated" (fun () ->
                minimal "standard 1" "repeat 1000 (anneal (karras 7.0 80.0 0.001 10000000) (predictor flow))")
        ]

let tests =
    testList
        "Dsl.Fuzz"
        [
            fuzz "random bytes" bytes
            fuzz "random words" stream
            fuzz
                "mutated experiments"
                (let texts =
                    lazy
                        (Gen.sampleWithSeed (FsCheck.Rnd 11UL) 50 300 Generators.experiment
                         |> Array.map Print.experiment)

                 fun random -> mutated texts.Value random)
            large
        ]
