/// Schedules with the least certificate, and the commands that print certificates.
module Sgm.Tests.CertificatesCommandsTests

open System.IO
open System.Threading
open System.Xml.Linq
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Tests
open Sgm.Tests.Certified
open Sgm.Tests.ExactLaws
open Sgm.Tests.Command

let private tuning =
    let plain schedule' =
        experiment {
            target (twoModeLaw 2.0 0.25)
            forward ve
            sampler (anneal schedule' (predictor ancestral))
        }

    let reverse e = (List.last (certified (planOf e))).KlReverse.Value

    testList
        "tuning"
        [
            testCase
                "tuned levels have a smaller certificate than geometric, uniform and Karras levels, and it is the predicted one"
                (fun () ->
                    let e = plain (geometric 10.0 0.1 12)

                    match
                        Tuning.place e
                        |> Result.bind (fun place -> Tuning.optimal CancellationToken.None (planOf e) e place 12)
                    with
                    | Error reason -> failtest reason
                    | Ok(chosen, predicted) ->
                        Expect.equal chosen.Length 13 "levels"
                        Expect.equal (List.head chosen, List.last chosen) (10.0, 0.1) "ends"
                        let tuned = reverse (plain (levels chosen))
                        let start = (List.last (certified (planOf e))).Start.Value
                        // Σκ of the levels that were chosen, from paths alone; the certificate may begin later, from W2.
                        let own =
                            (planOf (plain (levels chosen))).Unrolled()
                            |> Seq.sumBy (function
                                | :? Instruction.Step as step ->
                                    match PathRule.cost (planOf e) step.Tableau with
                                    | Ok cost -> cost.Whole
                                    | Error reason -> failtest reason
                                | _ -> 0.0)

                        Expect.floatClose Accuracy.high own predicted "predicted"
                        Expect.isLessThanOrEqual tuned (start + predicted) "not above it"

                        for other in [ geometric 10.0 0.1 12; uniform 10.0 0.1 12; karras 7.0 10.0 0.1 12 ] do
                            Expect.isLessThan tuned (reverse (plain other)) "less"

                        // No level that is moved a little makes it smaller.
                        for i in 1 .. chosen.Length - 2 do
                            for shift in [ -0.02; 0.02 ] do
                                let moved =
                                    chosen
                                    |> List.mapi (fun j x ->
                                        if j = i then x + shift * (chosen[j] - chosen[j + 1]) else x)

                                Expect.isGreaterThan
                                    (reverse (plain (levels moved)))
                                    (tuned * (1.0 - 1e-6))
                                    $"level {i}")

            testCase
                "what is printed as tuned has the least certified TV of the table, where Σκ is not the whole certificate"
                (fun () ->
                    let text =
                        "experiment {\n    target (normalDiag [ 1.0; -2.0 ] [ 0.01; 3.0 ])\n    forward rectified\n    score (exact |> scaled 1.05)\n"
                        + "    sampler (anneal (uniform 0.98 0.02 10) (predictor (ancestralEta 0.7)))\n    measure [ w2 ]\n}"

                    withFile text (fun file ->
                        let root = json (sgm [ "tune"; file; "--evaluations"; "25"; "--json" ])

                        let count row = (at [ "transitions" ] row).GetInt32()
                        let rows = items (at [ "schedules" ] root) |> List.filter (fun row -> count row = 25)

                        let tv =
                            rows
                            |> List.map (fun row -> (at [ "name" ] row).GetString(), (at [ "tv" ] row).GetDouble())

                        Expect.equal (List.map fst tv) [ "tuned"; "geometric"; "uniform"; "karras 7" ] "of equal cost"
                        Expect.equal (snd tv.Head) (tv |> List.map snd |> List.min) "the least"))

            testCase "what cannot be tuned is refused with the reason" (fun () ->
                let refused sampler' (reason: string) =
                    match Tuning.place { plain (geometric 10.0 0.1 4) with Sampler = sampler' } with
                    | Ok _ -> failtest "accepted"
                    | Error found -> Expect.stringContains found reason "reason"

                refused (corrector (langevin 0.1)) "no anneal"
                refused (anneal (geometric 10.0 0.1 4) (corrector (langevinScaled 0.1))) "no predictor"

                let e =
                    { plain (geometric 10.0 0.1 4) with
                        Sampler = anneal (geometric 10.0 0.1 4) (predictor flow)
                    }

                match
                    Tuning.place e
                    |> Result.bind (fun place -> Tuning.optimal CancellationToken.None (planOf e) e place 4)
                with
                | Ok _ -> failtest "accepted"
                | Error found -> Expect.stringContains found "draws no noise" "reason")
        ]

let private commands =
    let text =
        "experiment {\n    target (mixture [ 0.5, normal [ -1.0 ] 0.3; 0.5, normal [ 1.0 ] 0.3 ])\n    forward ve\n    score (exact |> shifted 0.05)\n    sampler (anneal (geometric 5.0 0.3 8) (predictor ancestral) >=> probe \"here\")\n}"

    testList
        "commands"
        [
            testCase "of draws, the shares with the interval's sum to the bound" (fun () ->
                let text =
                    "experiment {\n    target (mixture [ 0.5, normal [ 0.0; 0.0; 0.0 ] 0.25; 0.5, normal [ 1.0; 1.0; 0.0 ] 0.25 ])\n    forward ve\n    start prior\n    sampler (anneal (geometric 3.0 0.3 4) (predictor ancestral))\n}"

                withFile text (fun file ->
                    let root = json (sgm [ "certify"; file; "--json" ])
                    let probe = items (at [ "probes" ] root) |> List.last
                    let number path = (at path probe).GetDouble()
                    Expect.isLessThan (number [ "bounds"; "klReverse"; "confidence" ]) 1.0 "draws"
                    let interval = number [ "shares"; "interval" ]
                    Expect.stringContains (sgm [ "certify"; file ]).Out "confidence         1 − " "said in the table"
                    Expect.isGreaterThan interval 0.0 "draws leave something open"

                    let parts = [ "start"; "steps"; "score" ] |> List.sumBy (fun part -> number [ "shares"; part ])

                    Expect.floatClose
                        Accuracy.high
                        (parts + interval)
                        (number [ "bounds"; "klReverse"; "bound" ])
                        "the bound"

                    Expect.stringContains (sgm [ "certify"; file ]).Out "interval" "in words"))

            testCase "certify --json has the fields of the contract, and its parts add up" (fun () ->
                withFile text (fun file ->
                    let ran = sgm [ "certify"; file; "--json" ]
                    Expect.equal ran.Code 0 ran.Error
                    let root = json ran
                    Expect.equal ((at [ "schema" ] root).GetString()) "sgm.certificate/1" "schema"
                    let probes = items (at [ "probes" ] root)

                    Expect.equal
                        (probes |> List.map (fun p -> (at [ "name" ] p).GetString()))
                        [ "here"; "end" ]
                        "probes"

                    for probe in probes do
                        Expect.equal
                            (names probe)
                            [ "name"; "level"; "bounds"; "measured"; "shares"; "contributions"; "derivation" ]
                            "fields"

                        Expect.equal (names (at [ "bounds" ] probe)) [ "tv"; "klReverse"; "kl"; "w2" ] "bounds"
                        let number path = (at path probe).GetDouble()

                        let parts =
                            number [ "shares"; "start" ] + number [ "shares"; "steps" ] + number [ "shares"; "score" ]

                        Expect.floatClose Accuracy.high parts (number [ "bounds"; "klReverse"; "bound" ]) "shares"
                        Expect.equal (items (at [ "contributions" ] probe)).Length 8 "a contribution a step"

                        Expect.isGreaterThan
                            (number [ "bounds"; "tv"; "bound" ])
                            (number [ "measured"; "tv"; "value" ])
                            "above"))

            testCase "certify prints bounds, shares and with --explain the rules; bad input is refused" (fun () ->
                withFile text (fun file ->
                    let ran = sgm [ "certify"; file; "--explain" ]
                    isPlain ran
                    Expect.equal ran.Code 0 ran.Error

                    for words in [ "end, σ = 0.3"; "shares of kl(p‖q)"; "path-predictor"; "largest"; "Pinsker" ] do
                        Expect.stringContains ran.Out words words)

                Expect.equal (sgm [ "certify"; "no such file.sgm" ]).Code 2 "no file"
                Expect.equal (sgm [ "certify" ]).Code 2 "no argument")

            testCase
                "certify --report writes a page that needs nothing else, and touches no folder of the user's"
                (fun () ->
                    withFile text (fun file ->
                        Folders.inFolder (fun folder ->
                            let report = Path.Combine(folder, "report")
                            let ran = sgm [ "certify"; file; "--report"; report ]
                            isPlain ran
                            Expect.equal ran.Code 0 ran.Error
                            let page = Path.Combine(report, "index.html")
                            Expect.stringContains ran.Out $"report: {page}" "its path"
                            let written = File.ReadAllText page
                            let root = XElement.Parse(written.Substring(written.IndexOf '\n'))

                            let all name =
                                root.Descendants() |> Seq.filter (fun e -> e.Name.LocalName = name) |> List.ofSeq
                            // TV and W2 along the run, and what R is made of at both probes.
                            Expect.hasLength
                                (all "svg"
                                 |> List.filter (fun e -> (string (e.Attribute(XName.Get "class"))).Contains "plot"))
                                4
                                "pictures"

                            Expect.isEmpty (List.concat [ all "link"; all "img"; all "iframe" ]) "nothing is fetched"

                            let along =
                                all "circle"
                                |> List.filter (fun e ->
                                    string (e.Attribute(XName.Get "class")) = "class=\"hollow\"")
                            // Of TV and of W2: after each of 8 transitions, at “here” and at the end.
                            Expect.hasLength along 20 "bounds along the run"

                            let root = json (sgm [ "certify"; file; "--json"; "--report"; report ])
                            let last = List.last (items (at [ "probes" ] root))
                            let bound = (at [ "bounds"; "tv"; "bound" ] last).GetDouble()
                            let shown = Report.Numbers.significant 3 (Report.Numbers.upward 3 bound)
                            Expect.stringContains written $"≤ {shown}" "its bound"

                            for contribution in items (at [ "contributions" ] last) do
                                let steps = (at [ "steps" ] contribution).GetDouble()
                                Expect.stringContains written $">{Report.Numbers.short steps}<" "a contribution"

                            let own = Path.Combine(folder, "own")
                            Directory.CreateDirectory own |> ignore
                            File.WriteAllText(Path.Combine(own, "index.html"), "mine")
                            let refused = sgm [ "certify"; file; "--report"; own ]
                            Expect.equal refused.Code 2 "refused"
                            Expect.equal (File.ReadAllText(Path.Combine(own, "index.html"))) "mine" "left as it is")))

            testCase "a plan probed along the way ends as it did, and its certificate is that of the plan" (fun () ->
                let plan =
                    planOf (
                        experiment {
                            target (twoModeLaw 1.0 0.3)
                            forward ve

                            sampler (
                                anneal (geometric 5.0 0.3 50) (predictor ancestral)
                                >=> repeat 100 (corrector (langevin 0.01))
                            )
                        }
                    )

                let probed = Plan.probedAlong 10 plan
                Expect.equal probed.StepCount plan.StepCount "steps"

                Expect.hasLength
                    (probed.Unrolled() |> Seq.filter (fun i -> i :? Instruction.Probe) |> List.ofSeq)
                    21
                    "probes: 10, 10 and the end"

                let last p = List.last (certified p)
                Expect.isLessThan (abs ((last probed).KlReverse.Value / (last plan).KlReverse.Value - 1.0)) 1e-12 "R"

                for probe in certified probed do
                    Expect.equal probe.Level.Mean 1.0 "a level of the run")

            testCase
                "tune --by exact: less than every named schedule and than the least bound has, and the number is a run's"
                (fun () ->
                    let text =
                        "experiment {\n    target (mixture [ 0.5, normal [ -1.0 ] 0.1; 0.5, normal [ 1.0 ] 0.1 ])\n    forward ve\n    sampler (anneal (geometric 8.0 0.05 12) (predictor flow))\n    measure [ w2 ]\n}\n"

                    withFile text (fun file ->
                        let ran = sgm [ "tune"; file; "--evaluations"; "12"; "--by"; "exact"; "--json" ]
                        Expect.equal ran.Code 0 ran.Error
                        let found = json ran
                        Expect.equal ((at [ "by" ] found).GetString()) "exact" "by"
                        Expect.equal ((at [ "metric" ] found).GetString()) "w2" "metric"

                        let w2 =
                            items (at [ "schedules" ] found)
                            |> List.map (fun row ->
                                (at [ "name" ] row).GetString(), (at [ "measured"; "value" ] row).GetDouble())

                        let tuned = w2 |> List.find (fst >> (=) "tuned") |> snd

                        for name, value in w2 do
                            if name <> "tuned" then
                                Expect.isLessThan tuned (0.9 * value) name

                        withFile ((at [ "experiment" ] found).GetString()) (fun own ->
                            let run = json (sgm [ "run"; own; "--json" ])
                            let end' = (items (at [ "probes" ] run)).Head
                            Expect.equal ((at [ "metrics"; "w2"; "value" ] end').GetDouble()) tuned "the same number")))

            testCase "tune prints an experiment that can be run, with what it costs" (fun () ->
                withFile text (fun file ->
                    let ran = sgm [ "tune"; file; "--evaluations"; "8" ]
                    isPlain ran
                    Expect.equal ran.Code 0 ran.Error

                    for words in [ "// before"; "// tuned"; "// karras 7" ] do
                        Expect.stringContains ran.Out words words

                    withFile ran.Out (fun tuned -> Expect.equal (sgm [ "check"; tuned ]).Code 0 "valid")
                    Expect.equal (sgm [ "tune"; file; "--evaluations"; "0" ]).Code 2 "none"))
        ]

let private quick =
    let ofSteps law n body =
        planOf (
            experiment {
                target law
                forward ve
                sampler (anneal (geometric 10.0 0.1 n) body)
            }
        )

    let two = twoModeLaw 1.0 0.3
    let isQuick plan = (Quick.ofPlan CancellationToken.None plan).IsSome

    testList
        "quick"
        [
            testCase "by counts of work: laws, levels, steps" (fun () ->
                let line n = ofSteps two n (predictor ancestral)
                let dense = normal (List.replicate 50 0.0) 1.0
                let own = normalDiag [ 0.0; 0.0 ] [ 1.0; 2.0 ]

                for name, plan, wanted in
                    [
                        "a few levels on the line", line 20, true
                        "copies cost nothing", ofSteps (product [ 1000, two ]) 20 (predictor ancestral), true
                        "many levels on the line", line 1000, false
                        "many levels of an isotropic normal law", ofSteps dense 1000 (predictor ancestral), true
                        "too many directions and levels", ofSteps own 100_000 (predictor ancestral), false
                        "a million rounds at a level",
                        ofSteps own 10 (predictor ancestral >=> repeat 1_000_000 (corrector (langevin 0.001))),
                        true
                        "coupled coordinates",
                        ofSteps
                            (mixture [ 0.5, normal [ 0.0; 0.0 ] 1.0; 0.5, normal [ 1.0; 1.0 ] 1.0 ])
                            5
                            (predictor ancestral),
                        false
                    ] do
                    Expect.equal (isQuick plan) wanted name)

            testCase "a long schedule is counted no further than it must be" (fun () ->
                let mutable asked = 0
                let plan = ofSteps (normal [ 0.0 ] 1.0) 10 (predictor ancestral)

                let counted (instruction: Instruction) : Instruction =
                    match instruction with
                    | :? Instruction.Transitions as all ->
                        Instruction.Transitions(
                            1_000_000_000,
                            System.Func<_, _>(fun i ->
                                asked <- asked + 1
                                all.Body.Invoke(i % 10))
                        )
                    | other -> other

                let long =
                    plan
                    |> Plan.withInstructions (
                        plan.Instructions |> Seq.map counted |> System.Collections.Immutable.ImmutableArray.CreateRange
                    )

                Expect.equal (Quick.ofPlan CancellationToken.None long) None "none"
                Expect.isLessThanOrEqual asked (int Quick.most) "transitions that were looked at")

            testCase "the line of run and check, and null where there is none" (fun () ->
                withFile (langevinText 0.5) (fun file ->
                    for verb in [ "run"; "check" ] do
                        let bound =
                            (at [ "certified"; "tv"; "bound" ] (json (sgm [ verb; file; "--json" ]))).GetDouble()

                        Expect.isMatch
                            (sgm [ verb; file ]).Out
                            $"certified +TV ≤ {Sgm.Cli.Words.above 3 bound}, W2 ≤ .* at “end”"
                            verb

                    let certificate = json (sgm [ "certify"; file; "--json" ])
                    let number bound = (at [ "bound" ] bound).GetDouble(), (at [ "rule" ] bound).GetString()
                    let here = at [ "bounds"; "tv" ] (List.last (items (at [ "probes" ] certificate)))

                    Expect.equal
                        (number (at [ "certified"; "tv" ] (json (sgm [ "run"; file; "--json" ]))))
                        (number here)
                        "the same as certify's")

                let faithful = Path.Combine(examples.Value, "old-faithful.sgm")
                Expect.isTrue (isNullValue (at [ "certified" ] (json (sgm [ "check"; faithful; "--json" ])))) "drawn"
                Expect.isFalse ((sgm [ "check"; faithful ]).Out.Contains "certified") "no line")
        ]

let tests = testList "certificates" [ tuning; commands; quick ]
