/// Whole certificates, against exact laws, and what is made of them.
module Sgm.Tests.CertificatesTests

open System
open System.Threading
open Expecto
open FsCheck
open FsCheck.FSharp
open Sgm
open Sgm.Engine
open Sgm.Verification.Certificates
open Sgm.Tests
open Sgm.Tests.Certified
open Sgm.Tests.ExactLaws
open Sgm.Tests.Command

/// Two independent lines of two modes, as one mixture of four in the plane: what draws say of the one, quadrature says
/// of the other.
let private drawn =
    let square =
        [
            for x in [ -1.0; 1.0 ] do
                for y in [ -1.5; 1.5 ] -> 0.25, normal [ x; y ] 0.3
        ]

    let lines = product [ 1, twoModeLaw 1.0 0.3; 1, twoModeLaw 1.5 0.3 ]

    let run law noising schedule' body scored =
        experiment {
            target law
            forward noising
            score scored
            sampler (anneal schedule' body)
        }

    testList
        "from draws"
        [
            for name, noising, schedule', body, scored in
                [
                    "ancestral, ve", ve, geometric 8.0 0.3 24, predictor ancestral, exact
                    "exponential, vp, shifted", vp, uniform 2.0 0.1 20, predictor exponential, exact |> shifted 0.1
                    "with correctors, scaled",
                    ve,
                    geometric 8.0 0.5 12,
                    predictor ancestral >=> corrector (langevinScaled 0.05),
                    exact |> ScoreSyntax.scaled 1.1
                ] do
                testCase $"{name}: above the quadrature of the same law as a product, and near it" (fun () ->
                    let plan = planOf (run (mixture square) noising schedule' body scored)

                    // In the plane the certificate is a quadrature's: the draws by themselves.
                    let c =
                        match Course.ofPlan plan, DrawnPath.atomsOf plan with
                        | Ok course, Some atoms ->
                            List.last (DrawnCertificate.ofCourse CancellationToken.None plan atoms course)
                        | _ -> failtest "no draws"

                    let truth = List.last (certified (planOf (run lines noising schedule' body scored)))
                    Expect.equal c.KlReverse.Confidence (1.0 - 1e-6) "confidence"
                    Expect.isGreaterThan c.KlReverse.Value truth.KlReverse.Value "R"
                    // Steps count at their right ends in four parts: at most a quarter more where information falls evenly.
                    Expect.isLessThan c.KlReverse.Value (1.5 * truth.KlReverse.Value + 0.02) "near"
                    let estimate = c.Start.Value + c.Steps + c.Score

                    Expect.isLessThan
                        (abs (estimate - truth.KlReverse.Value))
                        (0.35 * truth.KlReverse.Value)
                        "estimate")

            testCase "mixtures of different covariances beyond the plane are refused with the reason" (fun () ->
                let law = mixture [ 0.5, normal [ 0.0; 0.0; 0.0 ] 1.0; 0.5, normal [ 1.0; 1.0; 0.0 ] 0.5 ]
                let c = List.last (certified (planOf (run law ve (geometric 8.0 0.5 4) (predictor ancestral) exact)))
                Expect.equal c.Tv.Value 1.0 "TV"
                Expect.stringContains c.KlReverse.Reason.Value "not independent" "reason")
        ]

/// A certificate that is below the truth in TV, W2 or KL(q‖p), or None.
let private belowTruth (e: Experiment) =
    let plan = planOf { e with Measure = [ tv; kl; w2 ] }
    let certificates = certified plan

    match Sgm.Laws.run plan (RunOptions()) with
    | outcome when outcome.IsCompleted ->
        Seq.zip certificates outcome.Probes
        |> Seq.tryPick (fun (c, probe) ->
            [ "tv", tv, c.Tv.Value; "w2", w2, c.W2.Value; "kl", kl, c.Kl.Value ]
            |> List.tryPick (fun (name, metric, bound) ->
                let measured = probe.Law.Measure metric

                if measured.Lower > bound then
                    Some $"{name} ≥ {measured.Lower:R} is certified to be ≤ {bound:R} at “{c.Name}”"
                else
                    None))
    | _ -> None

let private neverBelow e =
    match belowTruth e with
    | Some wrong -> failtest $"{wrong}\n{Print.experiment e}"
    | None -> ()

let private modifiers =
    gen {
        let! count = Gen.choose (0, 2)

        let! several =
            Gen.listOfLength
                count
                (Gen.oneof
                    [
                        Gen.map shifted Generators.number
                        Gen.map ScoreSyntax.scaled (Gen.elements [ 0.7; 0.9; 1.1; 1.3 ])
                    ])

        return List.fold (fun s modify -> modify s) exact several
    }

let private experimentOn law rippling =
    gen {
        let! target' = law
        let! scored = modifiers
        let! ripples = Gen.elements [ rippling; false ]

        // Errors without a Lipschitz constant: bad sets and exponential moments.
        let! scored =
            if rippling then
                let other = mixture [ 0.4, normal [ -0.8 ] 0.6; 0.6, normal [ 0.9 ] 0.5 ]
                let d = (planOf (oneStep target' ve 1.0 0.5 flow exact)).Dimension
                let alike = if d = 1 then other else product [ d, other ]
                Gen.elements [ scored; scored; scored; scored |> clipped 2.5; scoreOf alike ]
            else
                Gen.constant scored

        let scored = if ripples then scored |> rippled 0.3 1.7 else scored
        let! noising = Gen.elements [ vp; vp; ve; ve; subVp; rectified ]
        let! any = Generators.schedule false
        let schedule = if noising = vp || noising = ve then any else inRatio (geometric 5.0 0.1 5)
        let inTime = set [ "exponential"; "relative"; "reverseDiffusion" ]

        let! method =
            Gen.elements
                [
                    for entry in Methods.predictors do
                        let runs = noising = vp || noising = ve || not (inTime.Contains entry.Method.Word)

                        if runs && Naive.isTableau entry.Method then
                            entry.Method
                ]

        let! before = Gen.choose (0, 3)
        let! after = Gen.choose (0, 5)
        let! h = Gen.elements [ 0.003; 0.01; 0.05; 0.2 ]
        // A second round changes the level without the state.
        let! rounds = Gen.elements [ 1; 1; 2 ]
        let! long = Gen.elements [ 0; 0; 30; 1000 ]
        let correct n = repeat n (corrector (langevinScaled h))
        // Rounds of two steps that are not alike.
        let! mixed = Gen.elements [ 0; 0; 0; 25 ]
        let other = corrector (langevinScaled (0.3 * h))
        let finish = correct long >=> repeat mixed (correct 1 >=> other)

        let! first =
            Gen.elements
                [
                    prior
                    prior
                    warm
                    from (normal (List.replicate (planOf (oneStep target' ve 1.0 0.5 flow exact)).Dimension 0.5) 2.0)
                ]

        return
            experiment {
                target target'
                forward noising
                score scored
                start first

                sampler (
                    repeat rounds (anneal schedule (correct before >=> predictor method >=> correct after) >=> finish)
                )

                measure [ tv; w2 ]
            }
    }

let private normalLaws =
    Gen.oneof
        [
            Gen.map2 (fun m v -> normal [ m ] v) Generators.number (Gen.elements [ 0.05; 0.5; 1.0; 4.0 ])
            Generators.gaussianTarget 2
            Generators.gaussianTarget 5
        ]

let private lineLaws =
    gen {
        let! count = Gen.choose (2, 3)

        let! parts =
            Gen.listOfLength
                count
                (Gen.map2 (fun m v -> normal [ m ] v) Generators.number (Gen.elements [ 0.1; 0.5; 1.0 ]))

        let! shares = Gen.listOfLength count (Gen.elements [ 1.0; 2.0; 7.0 ])
        let! copies = Gen.elements [ 1; 1; 3 ]
        let law = mixture (List.map2 (fun share part -> share / List.sum shares, part) shares parts)
        return if copies = 1 then law else product [ copies, law ]
    }

/// How many random experiments; a script asks for more.
let private trials usual =
    match Environment.GetEnvironmentVariable "SGM_CERTIFICATE_TRIALS" with
    | null -> usual
    | more -> int more

let private against =
    testList
        "against exact laws"
        [
            testCase "random normal pipelines are never below the truth" (fun () ->
                Check.One(
                    Config.QuickThrowOnFailure.WithMaxTest(trials 150),
                    Generators.forAll (experimentOn normalLaws false) neverBelow
                ))

            testCase "random pipelines on the line and products of it are never below the truth" (fun () ->
                Check.One(
                    Config.QuickThrowOnFailure.WithMaxTest(max 12 (trials 12 * 3 / 100)),
                    Generators.forAll (experimentOn lineLaws true) neverBelow
                ))

            testCase "the README's example: TV at most 0.46, R begins again from W2 after the first levels" (fun () ->
                let e =
                    experiment {
                        target (mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ])
                        forward ve
                        score (exact |> shifted 0.05)

                        sampler (
                            anneal
                                (geometric 10.0 0.1 20)
                                (predictor exponential >=> repeat 10 (corrector (langevinScaled 0.1)))
                        )
                    }

                let c = List.exactlyOne (certified (planOf e))
                // By the path alone: start 0.0004, steps 0.561, score at most 0.469 (NumPy); what paths forget is W2's.
                Expect.isLessThan c.KlReverse.Value 0.42 "R"
                Expect.isGreaterThan c.Start.Value 0.0004 "R begins again"

                Expect.floatClose
                    Accuracy.high
                    c.KlReverse.Value
                    (c.Start.Value + c.Steps + c.Score)
                    "R is the sum of its shares"

                Expect.isLessThan c.Tv.Value 0.46 "TV")

            testCase "correctors on a log-concave level make the certificate fall" (fun () ->
                let tvAfter n =
                    let e =
                        experiment {
                            target (normal [ 1.0 ] 0.5)
                            forward ve
                            start (from (normal [ 3.0 ] 1.0))
                            sampler (anneal (levels [ 1.1; 1.0 ]) (repeat n (corrector (langevin 0.05))))
                        }

                    (List.exactlyOne (certified (planOf e))).Tv.Value

                Expect.isLessThan (tvAfter 100) (0.5 * tvAfter 10) "100 against 10"
                Expect.isLessThan (tvAfter 1000) 0.1 "1000")

            testCase "copies of a law: R and W2² are as many times those of one" (fun () ->
                let of' copies =
                    let e =
                        experiment {
                            target (product [ copies, twoModeLaw 1.0 0.3 ])
                            forward vp

                            sampler (
                                anneal (uniform 2.0 0.1 8) (predictor exponential >=> corrector (langevinScaled 0.05))
                            )
                        }

                    List.exactlyOne (certified (planOf e))

                let one, many = of' 1, of' 10_000
                Expect.floatClose Accuracy.high many.KlReverse.Value (1e4 * one.KlReverse.Value) "R"
                Expect.floatClose Accuracy.high many.W2.Value (100.0 * one.W2.Value) "W2")
        ]

/// Planted bugs: a certificate without one of its shares, and an engine that does not run the plan.
let private dropped =
    let reverseMeasured (e: Experiment) =
        let law = gaussianLaw { e with Measure = [ tv ] }
        let moments = law.Moments()
        let plan = planOf e
        let level = (Seq.last (plan.Unrolled()) :?> Instruction.Probe).Level
        let mean, variance = moments.Mean[0], moments.Variance[0]
        let m, v = level.Mean * 1.0, level.VarianceOf 0.5
        0.5 * (v / variance - 1.0 - log (v / variance) + (m - mean) ** 2.0 / variance)

    let run start' scored n =
        experiment {
            target (normal [ 1.0 ] 0.5)
            forward ve
            score scored
            start start'
            sampler (anneal (geometric 4.0 0.5 n) (predictor ancestral))
        }

    let without name e drop =
        testCase $"R without {name} is below the truth: none may be dropped" (fun () ->
            let c = List.last (certified (planOf e))
            let truth = reverseMeasured e
            Expect.isGreaterThanOrEqual c.KlReverse.Value truth "the certificate holds"
            Expect.isLessThan (drop c) truth "what is left does not")

    testList
        "planted bugs"
        [
            without "the start" (run (from (normal [ 30.0 ] 16.0)) exact 200) (fun c -> c.Steps + c.Score)
            without "the steps" (run warm exact 1) (fun c -> c.Start.Value + c.Score)
            without "the score's error" (run warm (exact |> shifted 1.0) 200) (fun c -> c.Start.Value + c.Steps)
            testCase "an engine whose state shrinks is seen by certificate-w2" (fun () ->
                let bent = Planted.engineWith (Planted.scaled 0.9 1.0 1.0)

                let results =
                    Sgm.Verification.Study.run
                        bent
                        Sgm.Verification.Quick
                        [ Sgm.Verification.Theorems.Certified.wasserstein ]

                Expect.isGreaterThan results.Violated 0 "violated")
        ]

let private reasons =
    let certificateOf e = List.last (certified (planOf e))

    testList
        "reasons"
        [
            testCase "without noise in the last step: no R, its reason, and W2 all the same" (fun () ->
                let c = certificateOf (oneStep (normal [ 0.0 ] 1.0) vp 1.0 0.0 ancestral exact)
                Expect.equal c.KlReverse.Value infinity "R"
                Expect.stringContains c.KlReverse.Reason.Value "draws no noise" "reason"
                Expect.isLessThan c.W2.Value 1.0 "W2"
                Expect.isNone c.Start "no shares")

            testCase "a level that changes without the state: the triangle inequality, and its reason" (fun () ->
                let e =
                    experiment {
                        target (normal [ 0.0 ] 1.0)
                        forward ve
                        start (from (normal [ 0.0 ] 2.0))

                        sampler (
                            anneal (levels [ 1.1; 1.0 ]) (corrector (langevin 1e-5))
                            >=> anneal (levels [ 1.0; 0.9 ]) identity
                        )
                    }

                let c = certificateOf e
                // KL(N(0, 1.81)‖N(0, 2)) = ½(0.905 − 1 − ln 0.905) = 0.0024, and √(KL/2) = 0.0348.
                Expect.isLessThan c.Tv.Value 0.036 "TV"
                Expect.stringContains c.KlReverse.Reason.Value "the level changes without the state" "reason"
                neverBelow e)

            testCase "every rule has a source, a statement and a proof" (fun () ->
                let proofs =
                    IO.File.ReadAllText(
                        IO.Path.Combine(Folders.root.Value, "verification", "Certificates", "README.md")
                    )

                for rule in Rules.all do
                    Expect.isNotEmpty rule.Source rule.Id
                    Expect.isTrue (proofs.Contains $"**{rule.Id}.**") $"a proof of {rule.Id}")
        ]

let tests =
    testList
        "certificates"
        [
            CertificatesRulesTests.tests
            CertificatesForwardTests.tests
            CertificatesChiSquareTests.tests
            CertificatesErrorsTests.tests
            CertificatesRepeatsTests.tests
            LineIntegralsTests.tests
            CertificatesWindowsTests.tests
            CertificatesDrawsTests.tests
            drawn
            against
            dropped
            reasons
        ]
