/// Errors of scores in the rules that contract: sup norms, exponential moments and bad sets, each with a case that it
/// decides, and KL(q‖p) from W2 through correctors.
module Sgm.Tests.CertificatesErrorsTests

open System
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Tests.Certified
open Sgm.Tests.ExactLaws

let private stepOf (plan: Plan) =
    plan.Unrolled()
    |> Seq.pick (function
        | :? Instruction.Step as step -> Some step.Tableau
        | _ -> None)

let private langevinOn law scored start' n tau =
    experiment {
        target law
        forward ve
        score scored
        start start'
        sampler (anneal (levels [ 0.500000001; 0.5 ]) (repeat n (corrector (langevin tau))))
        measure [ tv; kl; w2 ]
    }

let private measured e =
    let plan = planOf e
    let c = List.last (certified plan)
    let law = (Seq.last (Laws.run plan (RunOptions())).Probes).Law
    Expect.isGreaterThanOrEqual c.Tv.Value (law.Measure Metric.Tv).Value.Value "TV"
    Expect.isGreaterThanOrEqual c.Kl.Value (law.Measure Metric.Kl).Value.Value "KL(q‖p)"
    Expect.isGreaterThanOrEqual c.W2.Value (law.Measure Metric.W2).Value.Value "W2"
    c

let private errorsOf e =
    let plan = planOf e
    let step = stepOf plan
    let difference = PathRule.correctorDifference step |> orFail
    let fisher = Information.fisher plan.Target step.From |> orFail
    Forward.errors plan step.From (fisher / (step.From.Mean * step.From.Mean)) difference |> orFail

let private distance =
    testCase
        "forward-w2 of correctors: normal laws in closed form, from above; within 4 where the noise is as W2"
        (fun () ->
            for tau in [ 1e-3; 0.05; 0.4 ] do
                for gain, error in [ 1.0, 0.0; 1.0, 0.3; 0.8, 0.0; 1.2, -0.2 ] do
                    for mean, s in [ 2.0, 1.0; -0.3, 0.01; 0.0, 4.0 ] do
                        for n in [ 1; 4; 25 ] do
                            let scored = exact |> ScoreSyntax.scaled gain |> shifted error
                            let plan = planOf (langevinOn (normal [ 0.0 ] 0.75) scored warm 1 tau)
                            let step = stepOf plan
                            let map = Wasserstein.step (List.head (Blocks.ofPlan plan)) step |> orFail
                            let forward = Forward.step plan step (Some map) |> orFail
                            let mutable m, v = mean, s

                            for _ in 1..n do
                                m <- (1.0 - gain * tau) * m + tau * error
                                v <- (1.0 - gain * tau) ** 2.0 * v + 2.0 * tau

                            let truth = 0.5 * (v - 1.0 - log v) + 0.5 * m * m
                            let w = sqrt (mean * mean + (sqrt s - 1.0) ** 2.0)

                            Expect.isGreaterThanOrEqual
                                (forward.OfDistance (int64 n) w)
                                (truth * (1.0 - 1e-9))
                                $"{tau}, {gain}, {error}, {mean}, {s}, {n}"

            // From nearly a point at distance 1 by noise of variance 2τ: KL = 1/(4τ) to leading order in small steps.
            let plan = planOf (langevinOn (normal [ 0.0 ] 0.75) exact warm 1 1e-3)
            let step = stepOf plan
            let map = Wasserstein.step (List.head (Blocks.ofPlan plan)) step |> orFail
            let forward = Forward.step plan step (Some map) |> orFail
            Expect.isLessThan (forward.OfDistance 1L 1.0) (1.05 * 250.0) "one step"
            Expect.isLessThan (forward.OfDistance 100L 1.0) (2.0 * 2.5) "a hundred steps")

let private moments =
    testCase "ln E e^(λ‖e‖²): closed form on normal laws, quadrature on the line, and +∞ where it is" (fun () ->
        let level = NoiseLevel.VarianceExploding 0.5
        let moment law scored lambda = ScoreError.exponential (planOf (langevinOn law scored warm 1 0.01)) level lambda

        // N(0, 1) against N(½, 1.05) at σ = ½: e = x − (x − ½)/1.05.
        let slope, middle = 1.0 - 1.0 / 1.05, 0.5 / 1.05
        let lambda = 3.0
        let e x = slope * x + middle
        let truth = log (trapezoid -12.0 12.0 4000 (fun x -> normalDensity 0.0 1.0 x * exp (lambda * e x ** 2.0)))
        let found = moment (normal [ 0.0 ] 0.75) (scoreOf (normal [ 0.5 ] 0.8)) lambda |> orFail
        Expect.floatClose Accuracy.high found truth "normal"

        let far = moment (normal [ 0.0 ] 0.75) (scoreOf (normal [ 0.5 ] 1.75)) 5.0 |> orFail
        Expect.equal far infinity "an error that grows too fast"

        for scored, error in
            [
                scoreOf (twoModeLaw 1.05 0.3), (fun x -> modesScore 1.05 0.55 x - modesScore 1.0 0.55 x)
                exact |> clipped 1.5,
                (fun x ->
                    let denoised = x + 0.25 * modesScore 1.0 0.55 x
                    (max -1.5 (min 1.5 denoised) - denoised) / 0.25)
            ] do
            for lambda in [ 0.1; 1.0 ] do
                let found = moment (twoModeLaw 1.0 0.3) scored lambda |> orFail

                if Double.IsFinite found then
                    let density = modes 1.0 0.55

                    let truth =
                        Math.Log(
                            1.0
                            + trapezoid -9.0 9.0 20_000 (fun x -> density x * (exp (lambda * error x ** 2.0) - 1.0))
                        )

                    Expect.isGreaterThanOrEqual found (truth * (1.0 - 1e-6)) $"{lambda}: from above"
                    Expect.isLessThan found (1.1 * truth + 1e-9) $"{lambda}: near"
                else
                    Expect.isGreaterThan lambda 0.5 "finite for small λ")

let private deciding =
    [
        testCase "sup norm: a ripple of high frequency, whose Lipschitz constant is large" (fun () ->
            let e =
                langevinOn (twoModeLaw 1.0 0.3) (exact |> rippled 0.02 200.0) (from (normal [ 0.0 ] 1.5)) 4000 0.001

            let least = errorsOf e |> List.minBy (fun bound -> bound.Constant + 0.1 * bound.Slope + 0.1 * bound.Rooted)
            Expect.isLessThan least.Slope 1e-9 "no slope"
            Expect.isGreaterThan (errorsOf e |> List.map _.Slope |> List.max) 1.0 "by its Lipschitz constant"
            Expect.isLessThan (measured e).Tv.Value 0.3 "TV")

        testCase "exponential moments: the score of a law nearby, of which a Lipschitz constant says nothing" (fun () ->
            let e =
                langevinOn (twoModeLaw 1.0 0.3) (scoreOf (twoModeLaw 1.02 0.3)) (from (normal [ 0.0 ] 2.0)) 4000 0.001

            let least = errorsOf e |> List.minBy (fun bound -> bound.Constant + 0.3 * bound.Slope + 0.1 * bound.Rooted)
            Expect.isGreaterThan least.Rooted 0.0 "exponential moments"
            let c = measured e

            let start =
                List.last (
                    certified (planOf (langevinOn (twoModeLaw 1.0 0.3) exact (from (normal [ 0.0 ] 2.0)) 1 1e-9))
                )

            Expect.isLessThan c.Kl.Value (0.5 * start.Kl.Value) "correctors forget the start")

        testCase "bad sets: a denoiser that is clipped far away, of whose error nothing is bounded" (fun () ->
            let e = langevinOn (normal [ 0.0 ] 0.75) (exact |> clipped 6.0) (from (normal [ 0.5 ] 1.0)) 4000 0.001
            let plan = planOf e
            let tv book = (Certificate.byRules book plan |> orFail |> List.last).Tv
            let without = { RuleBook.proved with Chi = fun _ _ -> Error "not used" }
            let law = (Seq.last (Laws.run plan (RunOptions())).Probes).Law
            Expect.isGreaterThan (tv RuleBook.proved).Value (law.Measure Metric.Tv).Value.Value "from above"
            Expect.isLessThan (tv RuleBook.proved).Value (0.9 * (tv without).Value) "smaller than without"
            let told = (List.last (certified plan)).Derivation

            let rec rules (tree: Derivation) = tree.Rule.Id :: List.collect rules tree.Parts
            Expect.contains (List.collect rules told) "bad-sets" "the derivation says so")

        testCase "KL(q‖p) is finite again after levels that change without the state" (fun () ->
            let e =
                experiment {
                    target (twoModeLaw 1.0 0.3)
                    forward ve
                    sampler (anneal (geometric 3.0 0.5 6) (repeat 50 (corrector (langevinScaled 0.02))))
                    measure [ tv; kl; w2 ]
                }

            Expect.isLessThan (measured e).Kl.Value 10.0 "KL(q‖p)")
    ]

let tests = testList "errors in contracting rules" ([ distance; moments ] @ deciding)
