/// Certificates: every rule against an independent computation, and whole certificates against exact laws.
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
open Sgm.Tests.ExactLaws

/// A trapezoid sum, which converges faster than any power of its step for what is analytic and falls off.
let private trapezoid low high (n: int) (f: float -> float) =
    let h = (high - low) / float n
    h * Seq.sum (Seq.init (n + 1) (fun i -> f (low + h * float i)))

let private normalDensity v x = exp (-0.5 * x * x / v) / sqrt (2.0 * Math.PI * v)

/// ½N(−a, s²) + ½N(a, s²) noised to the level: its density and score.
let private twoModes a variance (level: NoiseLevel) =
    let v = level.VarianceOf variance
    let density x = 0.5 * normalDensity v (x - level.Mean * a) + 0.5 * normalDensity v (x + level.Mean * a)

    let score x =
        let slope = 0.5 * normalDensity v (x - level.Mean * a) * (level.Mean * a - x) / v
        (slope + 0.5 * normalDensity v (x + level.Mean * a) * (-level.Mean * a - x) / v) / density x

    density, score

let private certified plan =
    match Certificate.ofPlan CancellationToken.None plan with
    | Ok found -> found
    | Error reason -> failtest reason

let private firstStep e =
    (planOf e).Unrolled() |> Seq.pick (function :? Instruction.Step as step -> Some step.Tableau | _ -> None)

let private costOf e =
    match PathRule.cost (planOf e) (firstStep e) with
    | Ok cost -> cost
    | Error reason -> failtest reason

let private predictors = [ eulerMaruyama; exponential; ancestral ]

/// One predictor step on a law and a score.
let private oneStep law noising a b method scored =
    experiment {
        target law
        forward noising
        score scored
        sampler (anneal (levels [ a; b ]) (predictor method))
    }

/// KL(p⊗P‖p⊗K) in x′ of the two-mode law from the words: the ideal kernel has the density p′(y)·N(x; ry, σ² − r²σ′²)/p(x).
let private jointByQuadrature a variance (upper: NoiseLevel) (lower: NoiseLevel) (mean: float -> float) noise =
    let p, _ = twoModes a variance upper
    let p', _ = twoModes a variance lower
    let r = upper.Mean / lower.Mean
    let added = upper.NoiseVariance - r * r * lower.NoiseVariance
    let wide (level: NoiseLevel) = level.Mean * a + 9.0 * sqrt (level.VarianceOf variance)

    trapezoid (-(wide upper)) (wide upper) 900 (fun x ->
        let density = p x

        if density < 1e-250 then
            0.0
        else
            trapezoid (-(wide lower)) (wide lower) 900 (fun y ->
                let joint = p' y * normalDensity added (x - r * y)
                let logRatio = log (p' y) - 0.5 * (x - r * y) ** 2.0 / added - 0.5 * log (2.0 * Math.PI * added) - log density
                let logActual = -0.5 * ((y - mean x) / noise) ** 2.0 - 0.5 * log (2.0 * Math.PI * noise * noise)
                if joint < 1e-300 then 0.0 else joint * (logRatio - logActual)))

/// The steps in the words of docs/language.md: A, B, C of x ← A·x + B·s + C·ξ.
let private words noising method (upper: NoiseLevel) (lower: NoiseLevel) =
    let r = upper.Mean / lower.Mean
    let s2, s2' = upper.Sigma ** 2.0, lower.Sigma ** 2.0

    if method = ancestral then
        1.0 / r, (s2 - r * r * s2') / r, lower.Sigma * sqrt (s2 - r * r * s2') / upper.Sigma
    elif noising = ve then
        1.0, s2 - s2', sqrt (s2 - s2')
    else
        let gamma = upper.Parameter - lower.Parameter

        if method = eulerMaruyama then
            1.0 + gamma, 2.0 * gamma, sqrt (2.0 * gamma)
        else
            exp gamma, 2.0 * (exp gamma - 1.0), sqrt (exp (2.0 * gamma) - 1.0)

let private twoModeLaw a v = mixture [ 0.5, normal [ -a ] v; 0.5, normal [ a ] v ]

let private rules =
    testList
        "rules"
        [
            testCase "κ of a predictor is the relative entropy of the joint laws, on two modes by plain quadrature" (fun () ->
                for noising, a, b in [ vp, 0.6, 0.35; ve, 1.0, 0.7 ] do
                    for method in predictors do
                        for error, scored in
                            [
                                (fun _ s -> s), exact
                                (fun _ s -> s + 0.3), exact |> shifted 0.3
                                (fun _ s -> 1.2 * s), exact |> ScoreSyntax.scaled 1.2
                                (fun x s -> s + 0.4 * sqrt 2.0 * sin (1.5 * x)), exact |> rippled 0.4 1.5
                            ] do
                            let upper, lower = Forward.level noising a, Forward.level noising b
                            let _, s = twoModes 1.0 0.3 upper
                            let x, y, c = words noising method upper lower
                            let mean z = x * z + y * error z (s z)
                            let truth = jointByQuadrature 1.0 0.3 upper lower mean c
                            let cost = costOf (oneStep (twoModeLaw 1.0 0.3) noising a b method scored)
                            Expect.floatClose Accuracy.high cost.Whole truth $"{method}, {noising}"
                            Expect.isGreaterThanOrEqual cost.Whole (truth - 1e-9 * truth) "from above")

            testCase "the score of another law enters by its error: never below the joint laws, and near them" (fun () ->
                let upper, lower = Forward.level ve 1.0, Forward.level ve 0.8
                let _, wrong = twoModes 1.1 0.3 upper
                let x, y, c = words ve exponential upper lower
                let truth = jointByQuadrature 1.0 0.3 upper lower (fun z -> x * z + y * wrong z) c
                let cost = costOf (oneStep (twoModeLaw 1.0 0.3) ve 1.0 0.8 exponential (scoreOf (twoModeLaw 1.1 0.3)))
                Expect.isGreaterThanOrEqual cost.Whole (truth - 1e-9) "from above"
                Expect.isLessThan cost.Whole (1.02 * truth) "within the bracket of the score's error")

            testCase "κ of a corrector: ¼(τ√H + √τ·ε)² with H by plain quadrature" (fun () ->
                let level = Forward.level ve 0.7
                let p, s = twoModes 1.0 0.3 level
                let slope x = (s (x + 1e-4) - s (x - 1e-4)) / 2e-4
                let h = trapezoid -9.0 9.0 4000 (fun x -> p x * slope x ** 2.0)
                let tau, error = 0.02, 0.2

                let cost =
                    costOf (
                        experiment {
                            target (twoModeLaw 1.0 0.3)
                            forward ve
                            score (exact |> shifted error)
                            sampler (anneal (levels [ 1.0; 0.7 ]) (corrector (langevin tau)))
                        }
                    )

                let truth = 0.25 * (tau * sqrt h + sqrt tau * error) ** 2.0
                Expect.floatClose { absolute = 0.0; relative = 1e-6 } cost.Whole truth "whole"
                Expect.floatClose { absolute = 0.0; relative = 1e-6 } cost.Exact (0.25 * tau * tau * h) "exact score")

            testCase "information on the line: J, H and entropy by plain quadrature, in narrow brackets" (fun () ->
                for a, v in [ 1.0, 0.3; 2.0, 0.05; 30.0, 0.01 ] do
                    let level = NoiseLevel.Data
                    let plan = planOf (oneStep (twoModeLaw a v) ve 1.0 0.0 ancestral exact)
                    let p, s = twoModes a v level
                    let slope x = (s (x + 1e-6) - s (x - 1e-6)) / 2e-6
                    let around f = 2.0 * trapezoid (max 0.0 (a - 12.0 * sqrt v)) (a + 12.0 * sqrt v) 40_000 f

                    let half f = around f - (if a > 12.0 * sqrt v then 0.0 else (a + 12.0 * sqrt v) / 40_000.0 * f 0.0)
                    let holds name (found: Result<Bracket, string>) truth =
                        match found with
                        | Ok bracket ->
                            Expect.isLessThan bracket.Width (1e-9 * (1.0 + abs truth)) $"{name} is narrow"
                            Expect.floatClose { absolute = 1e-8; relative = 1e-6 } bracket.Middle truth name
                        | Error reason -> failtest reason

                    holds "J" (Information.fisher plan.Target level) (half (fun x -> p x * s x ** 2.0))
                    holds "H" (Information.curvature plan.Target level) (half (fun x -> p x * slope x ** 2.0))
                    holds "entropy" (Information.entropy plan.Target level) (half (fun x -> if p x > 0.0 then -(p x) * log (p x) else 0.0)))

            testCase "a start's relative entropy: normal laws turned against each other, and mixtures on the line" (fun () ->
                let p = planOf (oneStep (normalCov [ 1.0; 0.0 ] [ [ 2.0; 0.5 ]; [ 0.5; 1.0 ] ]) ve 1.0 0.5 ancestral exact)
                let q = planOf (oneStep (normalCov [ 0.0; 0.5 ] [ [ 1.0; -0.2 ]; [ -0.2; 3.0 ] ]) ve 1.0 0.5 ancestral exact)
                // ½(tr Σ′⁻¹Σ − 2 − ln det Σ/det Σ′ + δᵀΣ′⁻¹δ), Σ′⁻¹ = [[3, .2], [.2, 1]]/2.96, δ = (1, −½).
                let trace = (3.0 * 2.0 + 2.0 * 0.2 * 0.5 + 1.0 * 1.0) / 2.96
                let square = (3.0 - 2.0 * 0.2 * 0.5 + 0.25) / 2.96
                let truth = 0.5 * (trace - 2.0 - log (1.75 / 2.96) + square)

                match RelativeEntropy.bound p.Target NoiseLevel.Data q.Target NoiseLevel.Data with
                | Ok found -> Expect.floatClose Accuracy.high found truth "normal laws"
                | Error reason -> failtest reason

                let a = planOf (oneStep (twoModeLaw 1.0 0.3) ve 1.0 0.5 ancestral exact)
                let b = planOf (oneStep (twoModeLaw 1.3 0.4) ve 1.0 0.5 ancestral exact)
                let f, _ = twoModes 1.0 0.3 NoiseLevel.Data
                let g, _ = twoModes 1.3 0.4 NoiseLevel.Data
                let truth = trapezoid -9.0 9.0 4000 (fun x -> f x * log (f x / g x))

                match RelativeEntropy.bound a.Target NoiseLevel.Data b.Target NoiseLevel.Data with
                | Ok found -> Expect.floatClose Accuracy.high found truth "mixtures"
                | Error reason -> failtest reason)
        ]

/// A certificate that is below the truth in TV or W2, or None.
let private belowTruth (e: Experiment) =
    let plan = planOf { e with Measure = [ tv; kl; w2 ] }
    let certificates = certified plan

    match Sgm.Laws.run plan (RunOptions()) with
    | outcome when outcome.IsCompleted ->
        Seq.zip certificates outcome.Probes
        |> Seq.tryPick (fun (c, probe) ->
            [ "tv", tv, c.Tv.Value; "w2", w2, c.W2.Value ]
            |> List.tryPick (fun (name, metric, bound) ->
                let measured = probe.Law.Measure metric
                if measured.Lower > bound then Some $"{name} ≥ {measured.Lower:R} is certified to be ≤ {bound:R} at “{c.Name}”" else None))
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
        let scored = if ripples then scored |> rippled 0.3 1.7 else scored
        let! noising = Gen.elements [ vp; ve ]
        let! schedule = Generators.schedule false
        let! method = Gen.elements [ eulerMaruyama; exponential; ancestral; flow; flowHeun ]
        let! before = Gen.choose (0, 3)
        let! after = Gen.choose (0, 5)
        let! h = Gen.elements [ 0.01; 0.05; 0.2 ]
        let correct n = repeat n (corrector (langevinScaled h))
        let! first = Gen.elements [ prior; prior; warm; from (normal (List.replicate (planOf (oneStep target' ve 1.0 0.5 flow exact)).Dimension 0.5) 2.0) ]

        return
            experiment {
                target target'
                forward noising
                score scored
                start first
                sampler (anneal schedule (correct before >=> predictor method >=> correct after))
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
        let! parts = Gen.listOfLength count (Gen.map2 (fun m v -> normal [ m ] v) Generators.number (Gen.elements [ 0.1; 0.5; 1.0 ]))
        let! copies = Gen.elements [ 1; 1; 3 ]
        let law = mixture (parts |> List.map (fun part -> 1.0 / float count, part))
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
                Check.One(Config.QuickThrowOnFailure.WithMaxTest(trials 150), Generators.forAll (experimentOn normalLaws false) neverBelow))

            testCase "random pipelines on the line and products of it are never below the truth" (fun () ->
                Check.One(Config.QuickThrowOnFailure.WithMaxTest(max 12 (trials 12 * 3 / 100)), Generators.forAll (experimentOn lineLaws true) neverBelow))

            testCase "the README's example: start 0.0004, steps 0.561, score 0.469, TV at most 0.72" (fun () ->
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
                Expect.floatClose { absolute = 5e-5; relative = 0.0 } c.Start.Value 0.0004 "start"
                Expect.floatClose { absolute = 5e-4; relative = 0.0 } c.Steps 0.561 "steps"
                Expect.floatClose { absolute = 5e-4; relative = 0.0 } c.Score 0.469 "score"
                Expect.floatClose Accuracy.high c.KlReverse.Value (c.Start.Value + c.Steps + c.Score) "R is the sum of its shares"
                Expect.isLessThan c.Tv.Value 0.72 "TV")

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

            testCase "a million steps at a level are no loop, and their R is a million times that of one" (fun () ->
                let after (n: int) =
                    let e =
                        experiment {
                            target (twoModeLaw 1.0 0.3)
                            forward ve
                            start warm
                            sampler (anneal (levels [ 1.1; 1.0 ]) (repeat n (corrector (langevin 1e-7))))
                        }

                    List.exactlyOne (certified (planOf e))

                Expect.floatClose Accuracy.high (after 1_000_000).Steps (1e6 * (after 1).Steps) "steps")

            testCase "copies of a law: R and W2² are as many times those of one" (fun () ->
                let of' copies =
                    let e =
                        experiment {
                            target (product [ copies, twoModeLaw 1.0 0.3 ])
                            forward vp
                            sampler (anneal (uniform 2.0 0.1 8) (predictor exponential >=> corrector (langevinScaled 0.05)))
                        }

                    List.exactlyOne (certified (planOf e))

                let one, many = of' 1, of' 10_000
                Expect.floatClose Accuracy.high many.KlReverse.Value (1e4 * one.KlReverse.Value) "R"
                Expect.floatClose Accuracy.high many.W2.Value (100.0 * one.W2.Value) "W2")
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
                        start warm
                        sampler (
                            anneal (levels [ 1.1; 1.0 ]) (corrector (langevin 1e-5))
                            >=> anneal (levels [ 1.0; 0.9 ]) identity
                        )
                    }

                let c = certificateOf e
                // TV of N(0, 2) and N(0, 1.81) is below √(KL/2) = 0.035.
                Expect.isLessThan c.Tv.Value 0.06 "TV"
                Expect.stringContains c.KlReverse.Reason.Value "the level changes without the state" "reason"
                neverBelow e)

            testCase "every rule has a source, a statement and a proof" (fun () ->
                let proofs = IO.File.ReadAllText(IO.Path.Combine(Folders.root.Value, "verification", "Certificates", "README.md"))

                for rule in Rules.all do
                    Expect.isNotEmpty rule.Source rule.Id
                    Expect.isTrue (proofs.Contains $"**{rule.Id}.**") $"a proof of {rule.Id}")
        ]

let tests = testList "certificates" [ rules; against; reasons ]
