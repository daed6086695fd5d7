/// The rules that go forward from the law of the state, KL(q‖p), W2 and spreads: each against an independent
/// computation, and near enough to it that a wrong constant shows.
module Sgm.Tests.CertificatesForwardTests

open System
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Tests.Certified
open Sgm.Tests.ExactLaws

let private steps e =
    (planOf e).Unrolled()
    |> Seq.choose (function
        | :? Instruction.Step as step -> Some step.Tableau
        | _ -> None)
    |> List.ofSeq

let private forwardOf lip e =
    let map = lip |> Option.map (fun lip -> { Lip = lip; Add = 0.0; Mean = 0.0; Centred = 0.0; Noise = 0.0 })

    match Forward.step (planOf e) (List.head (steps e)) map with
    | Ok map -> map
    | Error reason -> failtest reason

/// KL(q⊗K‖p⊗P), K(x, ·) = N(mean x, c²) and P(x, y) = p′(y)·N(x; ry, added)/p(x), by plain quadrature over noise and state.
let private joint (q: float -> float) p p' r added mean c =
    trapezoid -9.0 9.0 1200 (fun x ->
        let weight = q x

        if weight < 1e-200 then
            0.0
        else
            trapezoid -8.0 8.0 300 (fun xi ->
                let y = mean x + c * xi
                let actual = log (normalDensity 0.0 1.0 xi) - log c
                let ideal = log (p' y) + log (normalDensity (r * y) added x) - log (p x)
                weight * normalDensity 0.0 1.0 xi * (log (weight / p x) + actual - ideal)))

let private predictorCases =
    [
        for noising, a, b in [ vp, 0.6, 0.54; ve, 1.0, 0.93 ] do
            for error, scored in
                [
                    (fun _ s -> s), exact
                    (fun _ s -> s + 0.3), exact |> shifted 0.3
                    (fun _ s -> 1.2 * s), exact |> ScoreSyntax.scaled 1.2
                    (fun x s -> s + 0.4 * sqrt 2.0 * sin (1.5 * x)), exact |> rippled 0.4 1.5
                ] do
                for shift in [ 0.0; 0.15 ] -> noising, a, b, error, scored, shift
    ]

let private predictorRule =
    testCase
        "forward-predictor: KL(q⊗K‖p⊗P) on two modes by quadrature, from p and from elsewhere, and within 6 of it"
        (fun () ->
            for noising, a, b, error, scored, shift in predictorCases do
                let upper, lower = Forward.level noising a, Forward.level noising b
                let v, v' = upper.VarianceOf 0.3, lower.VarianceOf 0.3
                let r = upper.Mean / lower.Mean
                let added = upper.NoiseVariance - r * r * lower.NoiseVariance
                // Ancestral in the words of docs/language.md.
                let mean x = x / r + added / r * error x (modesScore upper.Mean v x)
                let c = lower.Sigma * sqrt added / upper.Sigma
                let p, p' = modes upper.Mean v, modes lower.Mean v'
                let q x = p (x - shift)
                let before = trapezoid -9.0 9.0 4000 (fun x -> if q x < 1e-200 then 0.0 else q x * log (q x / p x))
                let truth = joint q p p' r added mean c
                let found = (forwardOf None (oneStep (twoModeLaw 1.0 0.3) noising a b ancestral scored)).Once before
                Expect.isGreaterThanOrEqual found (truth - 1e-9) $"{noising}, {shift}: from above"
                Expect.isLessThan (found - before) (6.0 * (truth - before) + 1e-3) $"{noising}, {shift}: near")

/// One ancestral step on N(0, v) that is wide against where it goes, from N(δ, v + σ²): all in closed form.
let private distance =
    testCase "forward-w2 and path-w2: a long step on a normal law, from a shifted one" (fun () ->
        let v, sigma, sigma', shift = 0.5, 20.0, 0.1, 3.0
        let e = oneStep (normal [ 0.0 ] v) ve sigma sigma' ancestral exact
        let step = List.head (steps e)
        let upper, lower = v + sigma * sigma, v + sigma' * sigma'
        // E[z′ | z] = z·λ′/λ, so that the image is N(δ·λ′/λ, C² + λ′²/λ).
        let moved = shift * lower / upper
        let spread = step.C * step.C + lower * lower / upper
        let shape x = 0.5 * (x - 1.0 - log x)
        let forward = moved * moved / (2.0 * lower) + shape (spread / lower)
        let found = (forwardOf (Some(lower / upper)) e).OfDistance 1L shift
        Expect.isGreaterThanOrEqual found forward "KL(q‖p) from above"

        // The noise is ancestral, C² ≈ σ′², and not that of the ideal step: that is in both.
        let apart = (forwardOf (Some(lower / upper)) e).OfDistance 1L 0.0
        Expect.isLessThan (found - apart) (1.2 * (sqrt (2.0 * forward * apart) + moved * moved / lower)) "near"
        let reverse = moved * moved / (2.0 * spread) + shape (lower / spread)

        let blocks = Blocks.ofPlan (planOf e)

        match Wasserstein.step (List.head blocks) step with
        | Error reason -> failtest reason
        | Ok map ->
            let r = Smoothing.path blocks 1L [ map ] [ shift ]
            let still = Smoothing.path blocks 1L [ map ] [ 0.0 ]
            Expect.isGreaterThanOrEqual r reverse "R from above"

            Expect.floatClose
                { absolute = 1e-9; relative = 1e-6 }
                (r - still)
                (moved * moved / (2.0 * step.C * step.C))
                "what W2 adds")

/// Langevin on N(0, v) from N(μ, u): the laws in closed form after n steps, with the score gain·(−x/v) + ε.
let private normalRun v (mean: float) u tau gain error n =
    let mutable m, s = mean, u

    for _ in 1..n do
        m <- (1.0 - gain * tau / v) * m + tau * error
        s <- (1.0 - gain * tau / v) ** 2.0 * s + 2.0 * tau

    0.5 * (s / v - 1.0 - log (s / v)) + m * m / (2.0 * v)

let private corrected v tau gain error =
    experiment {
        target (normal [ 0.0 ] v)
        forward ve
        score (exact |> ScoreSyntax.scaled gain |> shifted error)
        start warm
        sampler (anneal (levels [ 1e-9; 0.0 ]) (corrector (langevin tau)))
    }

let private correctorRule =
    testCase
        "forward-corrector: normal laws in closed form; the rate 2/C and the error's εC are nearly attained"
        (fun () ->
            for v in [ 0.5; 1.0; 3.0 ] do
                for tau in [ 0.001; 0.02 ] do
                    for gain, error in [ 1.0, 0.0; 1.0, 0.3; 0.5, 0.0; 1.3, 0.1 ] do
                        let map = forwardOf None (corrected v tau gain error)

                        for mean, u in [ 4.0, v; 0.3, 1.2 * v; 0.0, 0.5 * v ] do
                            let before = normalRun v mean u tau gain error 0

                            for n in [ 1; 10; 300; 10_000 ] do
                                let truth = normalRun v mean u tau gain error n

                                Expect.isGreaterThanOrEqual
                                    (map.Rounds (int64 n) before)
                                    (truth * (1.0 - 1e-9))
                                    $"{v}, {tau}, {gain}, {error}, {mean}, {n}"

                                // The same line, as rounds of rounds.
                                let line = Forward.power (int64 n) map.Line
                                Expect.isGreaterThanOrEqual (Forward.through line before) (truth * (1.0 - 1e-9)) "line"

            // Forgets a shift at nine tenths of the rate at least, and ends where the error leaves it.
            let map = forwardOf None (corrected 1.0 1e-4 1.0 0.0)
            Expect.isLessThan (map.Rounds 10_000L 50.0) (50.0 * exp -1.75) "rate"
            let wrong = forwardOf None (corrected 1.0 1e-4 1.0 0.3)
            Expect.isLessThan (wrong.Rounds 1_000_000L 50.0) (1.1 * 0.5 * 0.3 * 0.3) "error"
            // Without error the bias is of second order in τ: KL = τ²/16.
            let plain = forwardOf None (corrected 1.0 1e-3 1.0 0.0)
            Expect.isLessThan (plain.Rounds 1_000_000L 0.0) (30.0 * 1e-6 / 16.0) "bias")

let private contractionOf e =
    match Wasserstein.step (List.head (Blocks.ofPlan (planOf e))) (List.head (steps e)) with
    | Ok map -> map
    | Error reason -> failtest reason

/// Between 1 and `slack` times the truth.
let private near slack (found: float) truth what =
    Expect.isGreaterThanOrEqual found (truth * (1.0 - 1e-9)) $"{what} from above"
    Expect.isLessThan found (slack * truth) $"{what} near"

let private parts =
    [
        testCase "w2-step: mean and centred part of a corrector against the diffusion on a normal law" (fun () ->
            for v, tau in [ 1.0, 0.2; 1.0, 0.01; 4.0, 0.5; 0.3, 0.001 ] do
                let map = contractionOf (corrected v tau 1.0 0.0)
                // X_τ from y: N(e^(−τ/v)·y, v·(1 − e^(−2τ/v))).
                let mean = abs (exp (-tau / v) - 1.0 + tau / v) * sqrt v
                let spread = sqrt (v * (1.0 - exp (-2.0 * tau / v)))
                near 1.15 map.Mean mean "mean"
                near 1.8 map.Centred (sqrt (2.0 * tau) - spread) "centred")

        testCase "w2-step: a predictor's mean with a shifted score is off by its coefficient times the shift" (fun () ->
            let e =
                { oneStep (twoModeLaw 1.0 0.3) ve 1.0 0.9 ancestral (exact |> shifted 5.0) with
                    Start = warm
                    Measure = [ w2 ]
                }

            let c = List.last (certified (planOf e))
            // B = σ² − σ′².
            near 1.05 c.W2.Value (0.19 * 5.0) "W2"
            Expect.isGreaterThan (contractionOf e).Mean (0.19 * 5.0 * 0.999) "mean")

        testCase "M of two modes is the largest third derivative of ln p" (fun () ->
            for a, v in [ 1.0, 0.3; 2.0, 0.25 ] do
                let plan = planOf (oneStep (twoModeLaw a v) ve 1.0 0.5 ancestral exact)
                // (ln p)‴ = −2·(a/v)³·tanh(u)·sech(u)², u = ax/v.
                let third u = 2.0 * (a / v) ** 3.0 * abs (tanh u) / cosh u ** 2.0
                let largest = Seq.init 4000 (fun i -> third (0.001 * float i)) |> Seq.max

                match Constants.hessianSmoothness plan.Target NoiseLevel.Data with
                | Ok found -> near 1.001 found.Value largest "M"
                | Error reason -> failtest reason)

        testCase "w2-moments: the spread of a step is attained far away, and on a normal law everywhere" (fun () ->
            let spread e s =
                match Spread.step (planOf e) (List.head (steps e)) with
                | Ok map -> Contraction.once map s
                | Error reason -> failtest reason

            let v, tau = 0.4, 0.1

            near
                1.0001
                (spread (corrected v tau 1.0 0.0) 2.0)
                (sqrt ((1.0 - tau / v) ** 2.0 * 4.0 + 2.0 * tau))
                "normal"

            let e =
                experiment {
                    target (twoModeLaw 1.0 0.3)
                    forward ve
                    start warm
                    sampler (anneal (levels [ 1.0; 0.5 ]) (corrector (langevin tau)))
                }

            let v = 0.55
            let far = -50.0
            let moved = far + tau * modesScore 1.0 v far
            near 1.0001 (spread e 50.0) (sqrt (moved * moved + 2.0 * tau)) "two modes"

            Expect.floatClose
                Accuracy.high
                (Spread.distance (planOf e).Target NoiseLevel.Data 3.0)
                (sqrt (9.0 + 1.3))
                "W2 of independent draws")

        testCase "level-change: what was there before counts, and KL between the levels in both directions" (fun () ->
            let e first =
                experiment {
                    target (normal [ 0.0 ] 0.01)
                    forward ve
                    start first

                    sampler (
                        anneal (levels [ 1.01; 1.0 ]) (corrector (langevin 1e-5))
                        >=> anneal (levels [ 0.5; 0.4 ]) (corrector (langevin 1e-9))
                    )

                    measure [ tv; w2 ]
                }

            for first in [ warm; from (normal [ 0.8 ] 1.0) ] do
                let c = List.last (certified (planOf (e first)))
                let truth = (gaussianLaw (e first)).Measure(Metric.Tv).Value.Value
                near 2.5 c.Tv.Value truth "TV")
    ]

let private onModes (sampler': Pipeline) scored start' =
    experiment {
        target (twoModeLaw 1.0 0.3)
        forward ve
        score scored
        start start'
        sampler sampler'
        measure [ tv; kl; w2 ]
    }

let private measured e =
    let c = List.last (certified (planOf e))
    let law = (Seq.last (Laws.run (planOf e) (RunOptions())).Probes).Law
    let of' metric = law.Measure(metric).Value.Value
    let struct (tv, kl, w2) = struct (of' Metric.Tv, of' Metric.Kl, of' Metric.W2)
    Expect.isGreaterThanOrEqual c.Tv.Value tv "TV"
    Expect.isGreaterThanOrEqual c.Kl.Value kl "KL(q‖p)"
    Expect.isGreaterThanOrEqual c.W2.Value w2 "W2"
    c, struct (tv, kl, w2)

let private whole =
    [
        testCase "a long corrector forgets the start on a level that is not log-concave" (fun () ->
            let after n =
                onModes
                    (anneal (levels [ 1.1; 0.5 ]) (repeat n (corrector (langevin 0.001))))
                    exact
                    (from (normal [ 0.0 ] 4.0))
                |> measured
                |> fst

            Expect.isLessThan (after 20_000).Tv.Value 0.02 "TV"
            Expect.isLessThan (after 20_000).Kl.Value 4e-4 "KL(q‖p)"
            Expect.isLessThan (after 20_000).Tv.Value (0.2 * (after 1000).Tv.Value) "falls")

        testCase "what is centred adds up in squares: the certificate of W2 is of order 1/K, as W2 is" (fun () ->
            let w2 k =
                (onModes (anneal (geometric 5.0 0.6 k) (predictor ancestral)) exact warm |> measured |> fst).W2.Value

            Expect.isLessThan (w2 256) (0.29 * w2 64) "four times as many steps")

        testCase "what the mean is off adds up linearly: a shifted score" (fun () ->
            for v, tau, error in [ 1.0, 0.01, 0.2; 4.0, 0.001, 0.1 ] do
                let e =
                    experiment {
                        target (normal [ 0.0 ] v)
                        forward ve
                        score (exact |> shifted error)
                        start warm
                        sampler (anneal (levels [ 1e-6; 0.0 ]) (repeat 20_000 (corrector (langevin tau))))
                        measure [ tv; kl; w2 ]
                    }

                let c, struct (_, _, w2) = measured e
                Expect.isGreaterThan w2 (0.99 * error * v) "εv"
                Expect.isLessThan c.W2.Value (1.02 * w2) "near")

        testCase "levels that jump without the state: TV and W2 stay finite, over any number of rounds" (fun () ->
            let e rounds =
                experiment {
                    target (twoModeLaw 2.0 0.25)
                    forward ve
                    start (from (normal [ 0.0 ] 4.0))

                    sampler (
                        repeat
                            rounds
                            (anneal (geometric 10.0 0.1 10) (predictor ancestral >=> corrector (langevin 0.001)))
                    )

                    measure [ tv; w2 ]
                }

            for rounds in [ 1; 2; 20 ] do
                let c = List.last (certified (planOf (e rounds)))
                let law = (Seq.last (Laws.run (planOf (e rounds)) (RunOptions())).Probes).Law
                Expect.isGreaterThan c.Tv.Value (law.Measure Metric.Tv).Value.Value "TV from above"
                Expect.isGreaterThan c.W2.Value (law.Measure Metric.W2).Value.Value "W2 from above"
                Expect.isLessThan c.Tv.Value 0.82 "TV"
                Expect.isLessThan c.W2.Value 3.0 "W2"
                // The derivation says where R begins again.
                Expect.isGreaterThan c.Start.Value 0.1 "what was there before")

        testCase "spreads: from far away W2 falls as the state does, in one dimension and in three" (fun () ->
            for law, far in
                [
                    normal [ 0.0 ] 0.5, [ 1e4 ]
                    mixture [ 0.5, normal [ -1.0; 0.0; 0.0 ] 0.2; 0.5, normal [ 1.0; 0.0; 0.0 ] 0.3 ],
                    [ 0.0; 1e4; 0.0 ]
                ] do
                let e =
                    experiment {
                        target law
                        forward ve
                        start (point far)
                        sampler (anneal (geometric 50.0 0.5 40) (predictor flow))
                    }

                let c = List.last (certified (planOf e))
                Expect.isLessThan c.W2.Value 1e3 "falls"
                Expect.isGreaterThan c.W2.Value 30.0 "not below where the flow takes it")

        testCase
            "spreads of deterministic steps on mixtures, of one stage and of two, hold against exact laws"
            (fun () ->
                for method in [ flow; flowHeun ] do
                    for noising, schedule' in [ ve, geometric 6.0 0.2 12; vp, uniform 2.0 0.1 12 ] do
                        let e =
                            experiment {
                                target (twoModeLaw 1.0 0.3)
                                forward noising
                                start (from (normal [ 0.5 ] 30.0))
                                sampler (anneal schedule' (predictor method))
                                measure [ w2 ]
                            }

                        let c = List.last (certified (planOf e))
                        let law = (Seq.last (Laws.run (planOf e) (RunOptions())).Probes).Law
                        Expect.isGreaterThan c.W2.Value (law.Measure Metric.W2).Value.Value $"{method}"
                        Expect.isLessThan c.W2.Value 8.0 $"{method}")
    ]

let tests = testList "forward" ([ predictorRule; distance; correctorRule ] @ parts @ whole)
