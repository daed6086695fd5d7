module Sgm.Tests.CliRunTests

open Expecto
open Sgm
open Sgm.Cli
open Sgm.Tests.Command

let runs =
    testList
        "run"
        [
            testCase "an exact run has the fields of the contract and no others" (fun () ->
                withFile (langevinText 0.5) (fun file ->
                    let ran = sgm [ "run"; file; "--json" ]
                    Expect.equal ran.Code 0 ran.Error
                    Expect.equal ran.Error "" "standard error"
                    let root = json ran

                    Expect.equal
                        (names root)
                        [
                            "schema"
                            "version"
                            "experiment"
                            "fingerprint"
                            "backend"
                            "dimension"
                            "particles"
                            "seed"
                            "scoreEvaluations"
                            "samplingSeconds"
                            "certified"
                            "probes"
                        ]
                        "fields"

                    Expect.equal ((at [ "backend" ] root).GetString()) "gaussian" "backend"
                    Expect.isTrue (isNullValue (at [ "particles" ] root)) "particles of an exact law"
                    Expect.equal ((at [ "scoreEvaluations" ] root).GetInt64()) 4000L "cost"
                    let probe = List.exactlyOne (items (at [ "probes" ] root))

                    Expect.equal
                        (names probe)
                        [ "name"; "level"; "mean"; "variance"; "meanWithin"; "varianceWithin"; "metrics" ]
                        "fields of a probe"

                    Expect.equal (names (at [ "level" ] probe)) [ "parameter"; "mean"; "sigma" ] "fields of a level"
                    Expect.equal (names (at [ "metrics" ] probe)) [ "kl"; "chi2"; "w2" ] "the metrics asked for"

                    Expect.equal
                        (names (at [ "metrics"; "kl" ] probe))
                        [ "value"; "lower"; "upper"; "confidence"; "method" ]
                        "fields of a metric"

                    let variance = (List.head (items (at [ "variance" ] probe))).GetDouble()
                    Expect.floatClose Accuracy.high variance (1.0 / (1.0 - 0.5 / 2.0)) "1/(1 − h/2)"))

            testCase
                "particles come with standard errors and lower ends, and a reason for what they cannot give"
                (fun () ->
                    withFile (mixtureText 10 500) (fun file ->
                        let options = [ "--by"; "particles"; "--particles"; "700"; "--seed"; "9"; "--threads"; "2" ]
                        let ran = sgm ([ "run"; file; "--json" ] @ options)
                        Expect.equal ran.Code 0 ran.Error
                        let root = json ran
                        Expect.equal ((at [ "backend" ] root).GetString()) "particles" "backend"
                        Expect.equal ((at [ "particles" ] root).GetInt64()) 700L "particles"
                        Expect.equal ((at [ "seed" ] root).GetInt64()) 9L "seed"
                        let probe = List.exactlyOne (items (at [ "probes" ] root))

                        Expect.containsAll
                            (names probe)
                            [ "meanStandardError"; "varianceStandardError"; "momentsReason" ]
                            "estimates of the moments"

                        Expect.isFalse (List.contains "confidence" (names probe)) "no confidence of moments"

                        let w2 = at [ "metrics"; "w2" ] probe
                        Expect.isTrue (isNullValue (at [ "upper" ] w2)) "no upper end of W2"
                        Expect.stringContains ((at [ "reason" ] w2).GetString()) "no upper end" "and why"
                        Expect.isGreaterThanOrEqual ((at [ "lower" ] w2).GetDouble()) 0.0 "a lower end"

                        let kl = at [ "metrics"; "kl" ] probe
                        Expect.isTrue (isNullValue (at [ "value" ] kl)) "no value of kl from samples"
                        Expect.isNotNull ((at [ "reason" ] kl).GetString()) "the reason"
                        Expect.isTrue (isNullValue (at [ "upper" ] kl)) "no upper end"))

            testCase "two particles have no standard errors, and no end of W2 but 0" (fun () ->
                withFile (mixtureText 10 500) (fun file ->
                    let ran = sgm [ "run"; file; "--json"; "--by"; "particles"; "--particles"; "2" ]
                    let probe = List.exactlyOne (items (at [ "probes" ] (json ran)))
                    let all name = items (at [ name ] probe)

                    for error in all "meanStandardError" @ all "varianceStandardError" do
                        Expect.isTrue (isNullValue error) "no standard error"

                    let w2 = at [ "metrics"; "w2" ] probe
                    Expect.isTrue (isNullValue (at [ "value" ] w2) && isNullValue (at [ "upper" ] w2)) "no value"
                    Expect.equal ((at [ "lower" ] w2).GetDouble()) 0.0 "W2 is not negative"

                    let table = sgm [ "run"; file; "--by"; "particles"; "--particles"; "2" ]
                    Expect.stringContains table.Out "estimates with standard errors" "the sentence"))

            testCase "the same seed gives the same numbers on 1 and 3 threads" (fun () ->
                withFile (mixtureText 10 5000) (fun file ->
                    let probes threads =
                        (at
                            [ "probes" ]
                            (json (sgm [ "run"; file; "--json"; "--by"; "particles"; "--threads"; threads ])))
                            .GetRawText()

                    Expect.equal (probes "3") (probes "1") "probes"))

            testCase "moments of more than 16 coordinates on request" (fun () ->
                let text =
                    "experiment {
  target (standard 17)
  forward vp
  start (point (fill 17 1.0))
  sampler (corrector (langevin 0.1))
}"

                withFile text (fun file ->
                    let probe words =
                        List.exactlyOne (items (at [ "probes" ] (json (sgm ([ "run"; file; "--json" ] @ words)))))

                    Expect.equal (names (probe [])) [ "name"; "level"; "metrics" ] "without --full"
                    Expect.hasLength (items (at [ "mean" ] (probe [ "--full" ]))) 17 "with --full"))

            testCase "an infinite divergence is the string Infinity with a reason" (fun () ->
                let text =
                    "experiment {
  target (normal [ 0.0 ] 1.0)
  forward vp
  start (from (normal [ 0.0 ] 4.0))
  sampler identity
  measure [ chi2 ]
}"

                withFile text (fun file ->
                    let ran = sgm [ "run"; file; "--json" ]
                    Expect.equal ran.Code 0 ran.Error
                    let probe = List.exactlyOne (items (at [ "probes" ] (json ran)))
                    let chi2 = at [ "metrics"; "chi2" ] probe
                    Expect.equal ((at [ "value" ] chi2).GetString()) "Infinity" "value"
                    Expect.isNotNull ((at [ "reason" ] chi2).GetString()) "reason"))

            testCase "auto turns to particles when the exact law gives up on the way" (fun () ->
                // Noise of 1e-10 on a state of 1e10: positions in doubles are coarser than the noise.
                let text =
                    "experiment {\n  target (mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ])\n  forward ve\n  start (from (mixture [ 0.5, normal [ 0.0 ] 1e-18; 0.5, normal [ 10.0 ] 1e20 ]))\n  sampler (repeat 3 (corrector (langevin 1e-20)))\n  particles 1000\n}"

                withFile text (fun file ->
                    let ran = sgm [ "run"; file; "--json" ]
                    Expect.equal ran.Code 0 ran.Error
                    Expect.equal ((at [ "backend" ] (json ran)).GetString()) "particles" "backend"
                    let exact = sgm [ "run"; file; "--by"; "exact" ]
                    Expect.equal exact.Code 2 "exact has nothing to turn to"
                    Expect.stringContains exact.Error "grid" "and says which law gave up"))

            testCase "a moment that is no number is divergence, with the step before its probe and its level" (fun () ->
                withFile
                    "experiment {\n    target    (normal [ 0.0 ] 1.0)\n    forward   vp\n    sampler   (anneal (levels [ 2.0; 1.0 ]) (predictor flow) >=> repeat 3 (corrector (langevin 0.1)))\n}"
                    (fun file ->
                        match Check.file file with
                        | Error _ -> failwith "a valid experiment"
                        | Ok loaded ->
                            let measured mean error : Measurements.Measured =
                                {
                                    Name = "end"
                                    Level = Sgm.Engine.NoiseLevel.VariancePreserving 1.0
                                    Moments =
                                        Some(Sgm.Engine.Moments([| mean |], [| 1.0 |], [| error |], [| 0.0 |], 0.99))
                                    Metrics = []
                                    Acceptance = None
                                    Kernel = None
                                    Fit = None
                                }

                            let found mean error = Measurements.notANumber loaded.Plan [ measured mean error ]

                            for mean, error in [ nan, 0.0; infinity, 0.0; 0.0, nan ] do
                                match found mean error with
                                | Some status ->
                                    Expect.equal status.Step 3L "the last of one and three steps"
                                    Expect.equal status.Level.Parameter 1.0 "the level"
                                | None -> failtestf "%g ± %g is fine" mean error

                            Expect.isNone (found 0.5 0.1) "numbers"
                            // A single particle says nothing about the width.
                            Expect.isNone (found 0.5 infinity) "an infinite half-width"))

            testCase "whatever leaves with exit code 0 is finite" (fun () ->
                for first in [ 100.0; 300.0 ] do
                    for by in [ "particles"; "exact" ] do
                        let text =
                            $"experiment {{\n    target    (normal [ 1.0 ] 0.5)\n    forward   vp\n    sampler   (anneal (levels [ {first}.0; 1.0 ]) (predictor exponential))\n    measure   [ w2 ]\n    particles 500\n}}"

                        withFile text (fun file ->
                            let ran = sgm [ "run"; file; "--json"; "--by"; by ]
                            isPlain ran

                            if ran.Code = 0 then
                                let probe = List.exactlyOne (items (at [ "probes" ] (json ran)))

                                for name in
                                    names probe
                                    |> List.filter (fun n -> n.StartsWith "mean" || n.StartsWith "variance") do
                                    for value in items (at [ name ] probe) do
                                        Expect.isTrue
                                            (isNullValue value || System.Double.IsFinite(value.GetDouble()))
                                            $"{by}, {first}: {name}"
                            else
                                Expect.equal ran.Code 3 $"{by}, {first}: {ran.Error}"))

            testCase "divergence is exit code 3 with step and level, and a status" (fun () ->
                withFile (langevinText 3.0) (fun file ->
                    for by in [ "exact"; "particles" ] do
                        let ran = sgm [ "run"; file; "--json"; "--by"; by ]
                        isPlain ran
                        Expect.equal ran.Code 3 by
                        Expect.isMatch ran.Error @"diverged at step \d+ \(langevin\), level t = 0" "the message"
                        let status = at [ "status" ] (json ran)
                        Expect.equal ((at [ "kind" ] status).GetString()) "diverged" "kind"
                        Expect.equal (isNullValue (at [ "block" ] status)) (by = "exact") "block"))

            testCase "a test of fit tells a biased chain from draws of the target" (fun () ->
                for text, isRight in
                    [ langevinText 1.0, false; (langevinText 1.0).Replace("repeat 4000", "repeat 0"), true ] do
                    withFile text (fun file ->
                        let words = [ "run"; file; "--by"; "particles"; "--seed"; "3"; "--fit" ]
                        let probe = List.exactlyOne (items (at [ "probes" ] (json (sgm (words @ [ "--json" ])))))
                        let fit = at [ "stein" ] probe
                        Expect.equal (names fit) [ "discrepancy"; "pValue"; "particles" ] "fields"
                        Expect.equal ((at [ "particles" ] fit).GetInt32()) 1000 "particles looked at"
                        let p = (at [ "pValue" ] fit).GetDouble()
                        Expect.equal (p > 0.01) isRight $"p = {p}"
                        let shown = if isRight then "no difference from draws" else "not draws of the target"
                        Expect.stringContains (sgm words).Out shown "in words"))

            testCase "a test of fit is one of particles, and of a hundred at least" (fun () ->
                withFile (langevinText 0.5) (fun file ->
                    for words, reason in
                        [
                            [], "gaussian runs this experiment exactly"
                            [ "--by"; "particles"; "--particles"; "99" ], "at least 100 particles; there are 99"
                        ] do
                        let ran = sgm ([ "run"; file; "--fit" ] @ words)
                        isPlain ran
                        Expect.equal ran.Code 2 reason
                        Expect.stringContains ran.Error reason "why not"))

            testCase "no name reaches a terminal raw: probes, words, files" (fun () ->
                let hostile = "\027[2Jx\007\nholds\u202Ey\u009B1m"

                let isShown (text: string) =
                    let hidden = text |> Seq.filter (fun c -> c <> '\n' && Visible.isHidden c) |> List.ofSeq
                    Expect.equal hidden [] text

                let probed =
                    """experiment { target (standard 1); forward ve; start warm
             sampler (probe "\u001B[2Jx\u0007\nholds\u202Ey\u009B1m" >=> corrector (langevin 0.1)) }"""

                withFile probed (fun file ->
                    for words in
                        [ [ "run"; file ]; [ "check"; file ]; [ "explain"; file ]; [ "run"; file; "--json" ] ] do
                        let ran = sgm words
                        Expect.equal ran.Code 0 ran.Error
                        isShown ran.Out
                        isShown ran.Error

                    Expect.stringContains
                        (sgm [ "run"; file ]).Out
                        @"\u001B[2Jx\u0007\u000Aholds\u202Ey"
                        "one line, in view")

                let wrong = $"experiment {{ target (standard 1); forward ve; {hostile} }}"

                withFile wrong (fun file ->
                    for words in
                        [
                            [ "check"; file ]
                            [ "run"; hostile ]
                            [ hostile ]
                            [ "theorems"; hostile ]
                            [ "verify"; hostile ]
                        ] do
                        let ran = sgm words
                        Expect.equal ran.Code 2 "refused"
                        isShown ran.Error))

            testCase "a number below its own bracket's half-width is 0, within what is proved" (fun () ->
                // Symmetric: the mean is 0, and quadrature gives something of the order of a rounding.
                let text =
                    "experiment {
  target (mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ])
  forward vp
  start prior
  sampler (anneal (uniform 2.0 0.1 20) (predictor ancestral))
}"

                withFile text (fun file ->
                    let mean =
                        at
                            [ "mean" ]
                            (List.exactlyOne (items (at [ "probes" ] (json (sgm [ "run"; file; "--json" ])))))

                    Expect.isLessThan (abs ((List.exactlyOne (items mean)).GetDouble())) 1e-12 "all but 0"
                    Expect.isMatch (sgm [ "run"; file ]).Out @"1\s+0\s+± \de-1\d\s+3\.4" "0 ± …, then the variance"))

            testCase "brackets in words" (fun () ->
                for value, lower, upper, wanted in
                    [
                        4e-17, -1e-16, 3e-16, ("0", "± 3e-16")
                        2e-16, 0.0, 3e-16, ("2e-16", "± 2e-16")
                        // A bracket that says nothing is not a 0.
                        0.1, 0.0, 0.5, ("0.1", "± 0.4")
                        0.0198, -0.18, 0.2, ("0.02", "± 0.2")
                        8.3526, 0.0, 20.0, ("8", "± 2e01")
                        0.0, 0.0, 0.0, ("0", "± 0")
                        1.25, 1.2499, 1.25012, ("1.25", "± 0.0002")
                        1.0, -1.0, infinity, ("1", "")
                    ] do
                    Expect.equal (Words.bracketed 6 value lower upper) wanted $"{value} in [{lower}, {upper}]")

            testCase "a terminal gets boxes and the same numbers" (fun () ->
                withFile (langevinText 0.5) (fun file ->
                    let words = [ "run"; file ]
                    let inTerminal = ranOn true (fun terminal -> Program.run terminal words)
                    Expect.stringContains inTerminal.Out "╭" "a box"
                    Expect.stringContains inTerminal.Out "1.33333" "the variance"
                    Expect.stringContains (sgm words).Out "1.33333" "the variance without a terminal"))
        ]
