module Sgm.Tests.PedrottiTests

open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Theorems

/// One scenario of a theorem, without its rates: enough to see a planted bug, at little cost.
let private scenarioOf (theorem: Theorem) index = { theorem with Scenarios = [ theorem.Scenarios[index] ]; Rates = [] }

let private oneAxis (theorem: Theorem) =
    { theorem with
        Scenarios = theorem.Scenarios |> List.map (fun s -> { s with Axes = [ List.head s.Axes ] })
    }

let private onNormal =
    [
        scenarioOf Pedrotti.inexactLangevin 0
        scenarioOf PedrottiEntropy.moment 0
        scenarioOf PedrottiReverse.mainWasserstein 0
        scenarioOf PedrottiReverse.mainEntropy 0
        scenarioOf PedrottiDiscrete.wasserstein 0
        scenarioOf PedrottiDiscrete.relativeEntropy 0
        scenarioOf PedrottiTotalVariation.prediction 0
    ]

let private deterministic = [ scenarioOf PedrottiReverse.reverse 0; scenarioOf PedrottiDdim.ddim 0 ]

let private isNoticed change theorem =
    let results = Study.run (Planted.engineWith change) Quick [ theorem ]
    Expect.isGreaterThan results.Violated 0 $"{theorem.Id} does not notice"

let private sabotaged =
    testList
        "sabotage"
        [
            for theorem in onNormal do
                testCase $"{theorem.Id}: √h instead of √(2h)"
                <| fun () -> isNoticed (Planted.scaled 1.0 1.0 (sqrt 0.5)) theorem

            for theorem in onNormal @ deterministic do
                testCase $"{theorem.Id}: half the drift" <| fun () -> isNoticed (Planted.scaled 1.0 0.5 1.0) theorem
        ]

let private sharp =
    let tightest theorem =
        (Study.run Planted.healthy Quick [ oneAxis theorem ]).Checks |> List.choose (fun c -> c.Tightest) |> List.max

    testList
        "sharpness"
        [
            for theorem in
                [
                    scenarioOf PedrottiStart.wasserstein 0
                    scenarioOf PedrottiStart.divergence 0
                    scenarioOf PedrottiReverse.reverse 0
                    scenarioOf PedrottiReverse.mainWasserstein 0
                    scenarioOf PedrottiDdim.ddim 0
                ] do
                testCase $"{theorem.Id} is attained"
                <| fun () -> Expect.isGreaterThan (tightest theorem) 0.999999 "tightest"

            testCase "at T1 = ½·ln(1 − τ² + kR²) the curvature is (1 − 1/k)/v"
            <| fun () ->
                for k, radius, variance in [ 2.0, 1.0, 0.25; 5.0, 3.0, 0.01; 1.1, 8.0, 1.0 ] do
                    let target = Lower.target (fun _ -> [||]) (PedrottiData.twoAtoms 0.3 radius variance)
                    let level = NoiseLevel.VariancePreserving(PedrottiCurvature.forwardTime k radius variance)

                    match PedrottiData.blocks target with
                    | Error reason -> failtest reason
                    | Ok data ->
                        let expected = (1.0 - 1.0 / k) / PedrottiData.varianceAt level data.Head
                        Expect.floatClose Accuracy.high (PedrottiData.curvature level data) expected $"k = {k}"

            testCase "E of the reverse ODE is τ/√v·exp((R²/2)(1/τ² − a²/v))"
            <| fun () ->
                let law = PedrottiData.twoAtoms 0.0 1.0 0.36

                let plan =
                    Lower.plan
                        (fun _ -> [||])
                        (experiment {
                            target law
                            forward vp
                            sampler (anneal (levels [ 1.5; 0.0 ]) (predictor flow))
                        })

                let level = NoiseLevel.VariancePreserving 1.5
                let v = level.VarianceOf 0.36
                let expected = sqrt (0.36 / v) * exp (0.5 * (1.0 / 0.36 - level.Mean ** 2.0 / v))

                match PedrottiScore.Reverse.growth plan 1.5 with
                | Error reason -> failtest reason
                | Ok(growth, accumulated) ->
                    Expect.floatClose Accuracy.high growth expected "E"
                    Expect.equal accumulated 0.0 "no error"

            testCase "E and ∫E·ε of several blocks and of an erring score are just above their quadrature"
            <| fun () ->
                let law =
                    product [ 2, PedrottiData.twoAtoms 0.0 1.5 0.3; 1, normal [ 0.4; 0.1 ] 0.2; 1, normal [ 2.0 ] 3.0 ]

                for scored in
                    [ exact; exact |> scaled 1.2; exact |> rippled 0.3 2.0; exact |> shifted 0.1 |> rippled 0.2 5.0 ] do
                    let plan =
                        Lower.plan
                            (fun _ -> [||])
                            (experiment {
                                target law
                                forward vp
                                score scored
                                sampler (anneal (levels [ 1.5; 0.0 ]) (predictor flow))
                            })

                    let facts t =
                        match PedrottiScore.scoreFacts plan (NoiseLevel.VariancePreserving t) with
                        | Error reason -> failtest reason
                        | Ok facts -> facts

                    // Trapezoid of the facts at 60 000 times.
                    let n = 60_000
                    let step = 1.5 / float n
                    let mutable log', total, before = 0.0, 0.0, facts 0.0

                    for i in 1..n do
                        let next = facts (step * float i)
                        let gained = step * (1.0 + 0.5 * (before.OneSided + next.OneSided))
                        let ends = exp log' * before.Error + exp (log' + gained) * next.Error
                        log' <- log' + gained
                        total <- total + 0.5 * step * ends
                        before <- next

                    match PedrottiScore.Reverse.growth plan 1.5 with
                    | Error reason -> failtest reason
                    | Ok(growth, accumulated) ->
                        Expect.isTrue
                            (growth > exp log' * (1.0 - 1e-7) && growth < exp log' * 1.0002)
                            $"E: {growth}, {exp log'}"

                        Expect.isTrue
                            (accumulated >= total * (1.0 - 1e-6) && accumulated <= total * 1.005)
                            $"∫E·ε: {accumulated}, {total}"
        ]

let private atOneLevel data t1 scored h count =
    experiment {
        target data
        forward vp
        score scored
        sampler (anneal (levels [ t1 + 1.0; t1 ]) (repeat count (corrector (langevin h))))
    }

let private reverseOf data t1 last predictorMethod =
    experiment {
        target data
        forward vp
        sampler (anneal (levels [ t1; t1 / 2.0; last ]) (predictor predictorMethod))
    }

let private assumptions =
    let notApplicable theorem e (reason: string) =
        let cell = Study.onExperiment Planted.healthy theorem e
        Expect.equal cell.Verdict NotApplicable $"{cell.Reason}"
        Expect.stringContains (defaultArg cell.Reason "") reason "reason"

    let bimodal = PedrottiData.twoAtoms 0.0 2.0 0.01
    let unit' = normal [ 0.5 ] 1.0
    let uneven = mixture [ 0.5, normal [ -1.0 ] 0.1; 0.5, normal [ 1.0 ] 0.2 ]
    let short data scored = atOneLevel data 0.1 scored 0.01 10
    let long data scored = atOneLevel data 2.0 scored 0.01 10

    testList
        "assumptions"
        [
            testCase "D1: T1 is too short for log-concavity"
            <| fun () -> notApplicable PedrottiCurvature.curvature (short bimodal exact) "½·ln(1 − τ² + R²)"
            testCase "D1: a score that is not exact"
            <| fun () -> notApplicable PedrottiCurvature.curvature (long bimodal (exact |> shifted 0.1)) "not exact"
            testCase "D1: components of different variances"
            <| fun () -> notApplicable PedrottiCurvature.curvature (long uneven exact) "different covariances"
            testCase "D2: another start"
            <| fun () ->
                for theorem in [ PedrottiStart.wasserstein; PedrottiStart.divergence ] do
                    notApplicable theorem { long bimodal exact with Start = Warm } "not N(0, I)"
            testCase "D3a: a score that is not monotone"
            <| fun () -> notApplicable Pedrotti.inexactLangevin (short bimodal exact) "not known to be monotone"
            testCase "D3a: a ripple that is too steep"
            <| fun () ->
                notApplicable
                    Pedrotti.inexactLangevin
                    (long unit' (exact |> rippled 0.5 10.0))
                    "not known to be monotone"
            testCase "D3b: an error without exponential moment"
            <| fun () ->
                notApplicable PedrottiEntropy.moment (long unit' (exact |> scaled 1.8)) "infinite"
                notApplicable PedrottiEntropy.moment (long bimodal (exact |> scaled 1.1)) "unbounded"
            testCase "D3b: the score of another law"
            <| fun () -> notApplicable PedrottiEntropy.moment (long unit' (scoreOf (standard 1))) "another law"
            testCase "D3c: no truncation, and a ball that the denoiser leaves"
            <| fun () ->
                notApplicable PedrottiTruncation.truncation (long bimodal exact) "not 'clipped'"

                notApplicable
                    PedrottiTruncation.truncation
                    (long (PedrottiData.twoAtoms 0.0 1.0 0.25) (exact |> clipped 1.2))
                    "leaves the ball"
            testCase "D4: another predictor, an early end, another forward process"
            <| fun () ->
                notApplicable PedrottiReverse.reverse (reverseOf unit' 1.0 0.0 ancestral) "'ancestral'"
                notApplicable PedrottiReverse.reverse (reverseOf unit' 1.0 0.1 flow) "not 0"

                notApplicable
                    PedrottiReverse.reverse
                    { reverseOf unit' 1.0 0.0 flow with Forward = Ve }
                    "forward process"
            testCase "main: no corrector, and a corrector at a T1 that is too short"
            <| fun () ->
                let corrected t1 =
                    { reverseOf bimodal t1 0.0 flow with
                        Sampler = repeat 4 (corrector (langevin 0.1)) >=> anneal (levels [ t1; 0.0 ]) (predictor flow)
                    }

                notApplicable PedrottiReverse.mainWasserstein (reverseOf unit' 1.0 0.0 flow) "no corrector"
                notApplicable PedrottiReverse.mainEntropy (reverseOf unit' 1.0 0.0 flow) "no corrector"
                notApplicable PedrottiReverse.mainWasserstein (corrected 0.2) "not known to be monotone"
            testCase "D5: steps that are too large"
            <| fun () ->
                notApplicable PedrottiDiscrete.wasserstein (atOneLevel unit' 1.0 exact 1.5 10) "is above"
                notApplicable PedrottiDiscrete.relativeEntropy (atOneLevel unit' 1.0 exact 0.2 10) "is above"
            testCase "D6: another predictor, a corrector"
            <| fun () ->
                notApplicable PedrottiDdim.ddim (reverseOf unit' 1.0 0.0 flowHeun) "'flowHeun'"
                notApplicable PedrottiDdim.ddim (long unit' exact) "no predictor"
            testCase "TV: a last level of 0, unequal steps, no corrector"
            <| fun () ->
                let corrected last =
                    { reverseOf unit' 1.0 0.0 ancestral with
                        Sampler =
                            repeat 4 (corrector (langevin 0.01))
                            >=> anneal (levels [ 1.0; 0.7; last ]) (predictor ancestral)
                    }

                notApplicable PedrottiTotalVariation.prediction (corrected 0.0) "level is 0"
                notApplicable PedrottiTotalVariation.prediction (corrected 0.1) "not equal in 1/ρ²"
                notApplicable PedrottiTotalVariation.prediction (reverseOf unit' 1.0 0.1 ancestral) "no corrector"
        ]

/// The constant of N(0, v) is v, so for a linear score the constant has to cover every variance on the way, and is attained at the end.
let private concentration =
    testCase "the state's logarithmic Sobolev constant covers the variances of a normal state"
    <| fun () ->
        for m in [ 0.2; 0.9; 3.0 ] do
            for h in [ 0.01 / m; 0.3 / m; 1.0 / m ] do
                let constant = PedrottiDiscrete.stateLogSobolev m m h
                let step v = (1.0 - m * h) ** 2.0 * v + 2.0 * h
                let all = List.scan (fun v _ -> step v) 1.0 [ 1..5000 ]
                Expect.isLessThanOrEqual (List.max all) (constant * (1.0 + 1e-12)) $"m = {m}, h = {h}"
                Expect.isGreaterThanOrEqual (max 1.0 (List.last all)) (constant * (1.0 - 1e-9)) "and is attained"

let tests = testList "theorems of Pedrotti, Maas and Mondelli" [ sabotaged; sharp; concentration; assumptions ]
