/// The rules of certificates, each against an independent computation.
module Sgm.Tests.CertificatesRulesTests

open System
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification.Certificates
open Sgm.Tests.Certified
open Sgm.Tests.ExactLaws

/// A trapezoid sum, which converges faster than any power of its step for what is analytic and falls off.
let private normalDensity v x = exp (-0.5 * x * x / v) / sqrt (2.0 * Math.PI * v)

/// ½N(−a, s²) + ½N(a, s²) noised to the level: its density and score.
let private twoModes a variance (level: NoiseLevel) =
    let v = level.VarianceOf variance
    let density x = 0.5 * normalDensity v (x - level.Mean * a) + 0.5 * normalDensity v (x + level.Mean * a)

    let score x =
        let slope = 0.5 * normalDensity v (x - level.Mean * a) * (level.Mean * a - x) / v
        (slope + 0.5 * normalDensity v (x + level.Mean * a) * (-level.Mean * a - x) / v) / density x

    density, score

let private firstStep e =
    (planOf e).Unrolled()
    |> Seq.pick (function
        | :? Instruction.Step as step -> Some step.Tableau
        | _ -> None)

let private costOf e =
    match PathRule.cost (planOf e) (firstStep e) with
    | Ok cost -> cost
    | Error reason -> failtest reason

let private predictors = [ eulerMaruyama; exponential; ancestral ]

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

                let logRatio =
                    log (p' y) - 0.5 * (x - r * y) ** 2.0 / added - 0.5 * log (2.0 * Math.PI * added) - log density

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


let tests =
    testList
        "rules"
        [
            testCase
                "κ of a predictor is the relative entropy of the joint laws, on two modes by plain quadrature"
                (fun () ->
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

            testCase
                "the score of another law enters by its error: never below the joint laws, and near them"
                (fun () ->
                    let upper, lower = Forward.level ve 1.0, Forward.level ve 0.8
                    let _, wrong = twoModes 1.1 0.3 upper
                    let x, y, c = words ve exponential upper lower
                    let truth = jointByQuadrature 1.0 0.3 upper lower (fun z -> x * z + y * wrong z) c

                    let cost =
                        costOf (oneStep (twoModeLaw 1.0 0.3) ve 1.0 0.8 exponential (scoreOf (twoModeLaw 1.1 0.3)))

                    Expect.isGreaterThanOrEqual cost.Whole (truth - 1e-9) "from above"
                    Expect.isLessThan cost.Whole (1.02 * truth) "within the bracket of the score's error")

            testCase
                "κ of a corrector: ¼τ²H + ¼τε² + ½εβ with H and the third derivative by plain quadrature"
                (fun () ->
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

                    // At (1, 0.7): q∗N(0, v) with v = 0.79 and R = 1, so that |∇³ln p| ≤ 8/(6√3·v³) and −∇²ln p ≤ 1/v.
                    let v = 0.79
                    let third = 8.0 / (6.0 * sqrt 3.0 * v ** 3.0)
                    let beta = min (0.4255 * tau * sqrt (tau * h)) (0.5 * tau * tau * sqrt (third * third + h / v))
                    let truth = 0.25 * tau * tau * h + 0.25 * tau * error * error + 0.5 * error * beta
                    Expect.floatClose { absolute = 0.0; relative = 1e-6 } cost.Whole truth "whole"

                    Expect.floatClose
                        { absolute = 0.0; relative = 1e-6 }
                        cost.Exact
                        (0.25 * tau * tau * h)
                        "exact score")

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

                    holds
                        "entropy"
                        (Information.entropy plan.Target level)
                        (half (fun x -> if p x > 0.0 then -(p x) * log (p x) else 0.0)))

            testCase
                "a start's relative entropy: normal laws turned against each other, and mixtures on the line"
                (fun () ->
                    let p =
                        planOf (
                            oneStep (normalCov [ 1.0; 0.0 ] [ [ 2.0; 0.5 ]; [ 0.5; 1.0 ] ]) ve 1.0 0.5 ancestral exact
                        )

                    let q =
                        planOf (
                            oneStep
                                (normalCov [ 0.0; 0.5 ] [ [ 1.0; -0.2 ]; [ -0.2; 3.0 ] ])
                                ve
                                1.0
                                0.5
                                ancestral
                                exact
                        )
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
                    | Error reason -> failtest reason

                    // The same two laws at another level of the first: not what was remembered of them.
                    let level = NoiseLevel.VarianceExploding 0.7
                    let f, _ = twoModes 1.0 0.3 level
                    let truth = trapezoid -9.0 9.0 4000 (fun x -> f x * log (f x / g x))

                    match RelativeEntropy.bound a.Target level b.Target NoiseLevel.Data with
                    | Ok found -> Expect.floatClose Accuracy.high found truth "mixtures at two levels"
                    | Error reason -> failtest reason)

            testCase "a line after a line is the line of both, and n times a line that of n" (fun () ->
                // Lines KL ← f·KL + t: one after another is what runs, in this order.
                let one, other = struct (2.0, 5.0), struct (3.0, 0.25)

                for kl in [ 0.0; 0.7; 4.0 ] do
                    let both = Forward.through (Forward.following one other) kl

                    Expect.floatClose
                        Accuracy.veryHigh
                        both
                        (3.0 * (2.0 * kl + 5.0) + 0.25)
                        "first one, then the other"

                    let thrice = Forward.through (Forward.power 3L one) kl

                    Expect.floatClose
                        Accuracy.veryHigh
                        thrice
                        (2.0 * (2.0 * (2.0 * kl + 5.0) + 5.0) + 5.0)
                        "three times")

            testCase
                "a contraction after a contraction: factors multiply, means add, what is centred adds in squares"
                (fun () ->
                    let one = { Lip = 2.0; Add = 7.0; Mean = 1.0; Centred = 1.5; Noise = 0.0 }
                    let next = { Lip = 0.5; Add = 0.75; Mean = 0.25; Centred = 1.0; Noise = 0.0 }
                    let both = Contraction.following one next
                    Expect.floatClose Accuracy.high both.Lip 1.0 "2·½"
                    Expect.floatClose Accuracy.high both.Add 4.25 "½·7 + ¾"
                    Expect.floatClose Accuracy.high both.Mean 0.75 "½·1 + ¼"
                    Expect.floatClose Accuracy.high both.Centred 1.25 "√((½·1.5)² + 1²)"
                    Expect.isGreaterThanOrEqual both.Centred 1.25 "outward")
        ]
