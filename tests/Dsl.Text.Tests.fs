module Sgm.Tests.DslTextTests

open System.Globalization
open Expecto
open FsCheck.FSharp
open Sgm

let private parse text = Parse.experiment "test.sgm" text

let private parsed text =
    match parse text with
    | Ok experiment -> experiment
    | Error problems -> failtestf "%s\n%s" (Message.renderAll problems) text

let private minimal sampler = $"experiment {{\n    target (standard 1)\n    forward vp\n    sampler {sampler}\n}}\n"

let private sampler text = (parsed (minimal text)).Sampler

let private roundTrip =
    testList
        "round trip"
        [
            testPropertyWithConfig
                { FsCheckConfig.defaultConfig with maxTest = 1000 }
                "parse (print e) = e, and its text is canonical"
                (Generators.forAll Generators.experiment (fun experiment ->
                    let text = Print.experiment experiment
                    let again = parsed text
                    Expect.equal again experiment "value"
                    Expect.equal (Print.experiment again) text "text"))

            testProperty
                "a valid experiment passes the check, with the text's own fingerprint"
                (Generators.forAll Generators.experiment (fun experiment ->
                    match Check.experiment "." experiment with
                    | Ok valid ->
                        Expect.equal valid.Text (Print.experiment experiment) "text"
                        Expect.equal valid.Fingerprint (Fingerprint.ofText valid.Text) "fingerprint"

                        match Check.text "test.sgm" "." valid.Text with
                        | Ok read ->
                            Expect.sequenceEqual (read.Plan.Unrolled()) (valid.Plan.Unrolled()) "plan"
                            Expect.equal (read.Warnings.Length) (valid.Warnings.Length) "warnings"
                        | Error problems -> failtest (Message.renderAll problems)
                    | Error problems -> failtestf "%s\n%s" (Message.renderAll problems) (Print.experiment experiment)))

            testProperty
                "numerals read back to the same bits"
                (Generators.forAll
                    (Gen.map2
                        (fun high low -> System.BitConverter.Int64BitsToDouble((int64 high <<< 32) ||| int64 low))
                        (Gen.choose (0, 0x7FEFFFFF))
                        (Gen.choose (0, System.Int32.MaxValue)))
                    (fun x ->
                        let text = Numeral.ofFloat x
                        Expect.equal (System.Double.Parse(text, CultureInfo.InvariantCulture)) x text
                        Expect.isTrue (text.Contains '.' || text.Contains 'e') text
                        Expect.equal (sampler $"(corrector (langevin {text}))") (corrector (langevin x)) text))

            testCase "numerals are the shortest" (fun () ->
                for x, text in
                    [
                        2.0, "2.0"
                        1e-12, "1e-12"
                        0.1, "0.1"
                        1e16, "1e16"
                        -1.23e15, "-1.23e15"
                        1e-5, "1e-5"
                        123456789012345.0, "123456789012345.0"
                        -0.0, "0.0"
                        1.5e300, "1.5e300"
                    ] do
                    Expect.equal (Numeral.ofFloat x) text "text")
        ]

/// The text of the language document, as F#.
let private documented =
    experiment {
        target (mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ])

        forward ve
        score (exact |> shifted 0.05)
        start prior
        sampler (anneal (geometric 10.0 0.1 20) (repeat 10 (corrector (langevinScaled 0.1))))
        measure [ tv; kl; chi2; w2 ]
        particles 100000
        seed 1
    }

let private documentedText =
    """experiment {
    target    (mixture [ 0.5, normal [ -2.0 ] 0.25
                         0.5, normal [ 2.0 ] 0.25 ])
    forward   ve
    score     (exact |> shifted 0.05)
    start     prior
    sampler   (anneal (geometric 10.0 0.1 20) (repeat 10 (corrector (langevinScaled 0.1))))
    measure   [ tv; kl; chi2; w2 ]
    particles 100000
    seed      1
}
"""

let private canonical =
    testList
        "canonical text"
        [
            testCase "the documented experiment, as F#, as text and printed" (fun () ->
                Expect.equal (parsed documentedText) documented "value"
                Expect.equal (Print.experiment documented) documentedText "text")

            testCase "the fingerprint is SHA-256 over the version and the canonical text" (fun () ->
                Expect.equal
                    (Fingerprint.ofExperiment documented)
                    "0adb41ea67ac78a9a17c0e0b15735ab7692c6c051f3caa483d98a8eb6e7e5af4"
                    "printf '1\\n…' | sha256sum")

            testCase "long sequences go one step a line, constant vectors are filled, rows may go one a line" (fun () ->
                let long = List.init 6 (fun i -> corrector (langevin (0.001 * float (i + 1)))) |> List.reduce (>=>)
                let row i = List.init 12 (fun j -> if i = j then 1.25 else 0.125 / float (1 + i + j))

                let experiment =
                    { documented with
                        Target = normalCov (fill 12 0.5) (List.init 12 row)
                        Start = point (fill 12 0.0)
                        Sampler = anneal (karras 7.0 80.0 0.0 18) (long >=> predictor flowHeun)
                    }

                let text = Print.experiment experiment
                Expect.equal (parsed text) experiment "value"
                Expect.stringContains text "(point (fill 12 0.0))" "fill"
                Expect.stringContains text ("\n" + String.replicate 48 " " + ">=> corrector") "aligned steps")

            testCase "sequences in sequences print as what >=> makes of them" (fun () ->
                let a, b, c = corrector (langevin 0.1), predictor flow, corrector (langevin 0.2)
                let nested = Sequence [ Sequence [ a; Sequence [] ]; Sequence [ Sequence [ b; c ] ] ]
                Expect.equal (Pipeline.normal nested) (a >=> b >=> c) "normal form"

                Expect.equal
                    (Print.experiment { documented with Sampler = nested })
                    (Print.experiment { documented with Sampler = a >=> b >=> c })
                    "text")
        ]

let private lexis =
    let same name texts =
        testCase name (fun () ->
            let values = texts |> List.map parsed
            Expect.isTrue (values |> List.forall ((=) values.Head)) "one value")

    let documentedLines (newLine: string) = documentedText.Replace("\n", newLine)

    testList
        "lexis"
        [
            same
                "line ends, byte order mark, comments, missing last line end, separators"
                [
                    documentedText
                    documentedLines "\r\n"
                    documentedLines "\r"
                    "\uFEFF" + documentedText
                    documentedText.TrimEnd()
                    "// a\n(* b (* nested *) \t *)\n" + documentedText + "(* after *) // end"
                    documentedText.Replace("forward   ve", "forward   (* the\n process *)ve // additive")
                    documentedText.Replace("[ tv; kl; chi2; w2 ]", "[\n        tv\n        kl; chi2\n        w2\n    ]")
                    documentedText.Replace("10.0", "10").Replace("0.05", "5e-2").Replace("100000", "100_000")
                    documentedText.Replace("(exact |> shifted 0.05)", "(\n      shifted 0.05 exact)")
                    documentedText
                        .Replace("(exact |> shifted", "(exact\n               |> shifted")
                        .Replace("seed      1", "seed 1L")
                    documentedText.Replace("    forward   ve\n    score", "    forward   ve; score")
                    documentedText.Replace("20) (repeat", "20)\n                 (repeat")
                ]

            testCase "the pipe passes the last argument" (fun () ->
                Expect.equal
                    (sampler
                        "(corrector (langevin 0.1) >=> identity |> repeat 3 |> anneal (levels [ 2; 1 ]) >=> probe \"p\")")
                    (anneal (levels [ 2.0; 1.0 ]) (repeat 3 (corrector (langevin 0.1))) >=> probe "p")
                    "left to right, one precedence")

            testCase "escapes in strings" (fun () ->
                Expect.equal (sampler "(probe \"a\\\"\\\\\\n\\t\\u0041é𝛔\")") (probe "a\"\\\n\tAé𝛔") "characters")

            testCase "fields in any order; defaults" (fun () ->
                let text = "experiment { sampler (corrector (langevin 0.1)); forward ve; target (standard 2) }"
                let experiment = parsed text
                Expect.equal experiment.Score Defaults.score "score"
                Expect.equal experiment.Start Defaults.start "start"
                Expect.equal experiment.Measure Defaults.measure "measure"
                Expect.equal (experiment.Particles, experiment.Seed) (100_000, 1L) "numbers"
                Expect.equal experiment.Target (standard 2) "target")
        ]

let tests = testList "Dsl.Text" [ roundTrip; canonical; lexis ]
