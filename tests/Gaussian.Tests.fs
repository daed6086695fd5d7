module Sgm.Tests.GaussianTests

open System
open Expecto
open MathNet.Numerics
open Sgm
open Sgm.Tests.ExactLaws
open Sgm.Tests.NormalDivergencesTests


let private outcome e = Engine.GaussianInterpreter().Run(planOf e, Engine.RunOptions())

let private finalLaw e = finalOf (outcome e)


let private langevinOn variance h steps startVariance =
    experiment {
        target (normal [ 0.0 ] variance)
        forward ve
        start (from (normal [ 0.0 ] startVariance))
        sampler (repeat steps (corrector (langevin h)))
    }

let private exactFacts =
    testList
        "exact facts"
        [
            testCase "Langevin on N(0, λ): the variance tends to λ/(1 − h/(2λ)), KL and W2 to 1e-10"
            <| fun () ->
                for lambda, h in [ 1.0, 0.5; 2.0, 1e-2; 0.3, 1e-3; 5.0, 1e-4; 1.0, 1e-5 ] do
                    let law = finalLaw (langevinOn lambda h (int (60.0 * lambda / h)) 1.0)
                    let r = h / (2.0 * lambda) / (1.0 - h / (2.0 * lambda))
                    close 1e-13 (lambda * (1.0 + r)) (law.Moments().Variance[0]) "variance"
                    close 1e-10 (sqrt lambda * r / (sqrt (1.0 + r) + 1.0)) (value w2 law) $"W2 at h = {h}"
                    // ½(r − ln(1 + r)) by its series, independent of the engine's form.
                    let series =
                        Seq.init 60 (fun k -> (if k % 2 = 0 then 1.0 else -1.0) * r ** float (k + 2) / float (k + 2))
                        |> Seq.sum

                    close 1e-10 (series / 2.0) (value kl law) $"KL at h = {h}"
                    // (1 − r²)^(−½) − 1 = Σ C(2k, k)·(r²/4)^k, the sum from k = 1.
                    let term =
                        Seq.unfold
                            (fun (k, t) -> Some(t, (k + 1, t * r * r * float (2 * k + 1) / float (2 * k + 2))))
                            (1, r * r / 2.0)

                    close 1e-10 (term |> Seq.take 400 |> Seq.sum) (value chi2 law) $"χ² at h = {h}"

            testCase "Langevin is stable exactly below h = 2λ"
            <| fun () ->
                Expect.isTrue (outcome (langevinOn 1.0 1.999 1_000_000 1.0)).IsCompleted "h < 2λ"

                match (outcome (langevinOn 1.0 2.5 1_000_000_000 1.0)).Status with
                | :? Engine.RunStatus.Diverged as d ->
                    // The variance after k steps is about 4·1.5^(2k): it passes 1e300, a deviation of 1e150, at step k − 1 counted from 0.
                    let k = ceil ((300.0 * log 10.0 - log 4.0) / (2.0 * log 1.5))
                    Expect.equal d.Step (int64 k - 1L) "step"
                    Expect.equal d.Method "langevin" "method"
                    Expect.stringContains d.Advice "h < 2" "advice"
                | other -> failtest $"expected divergence, got {other}"

            testCase "reverse Ornstein–Uhlenbeck by Euler–Maruyama: mean and variance in closed form"
            <| fun () ->
                for time, steps, mu, theta in [ 4.0, 100, 3.0, 2.5; 1.0, 7, -1.0, 0.5; 10.0, 4000, 1.0, 1.0 ] do
                    let g = time / float steps

                    let law =
                        finalLaw (
                            experiment {
                                target (normal [ mu ] 1.0)
                                forward vp
                                score (scoreOf (normal [ theta ] 1.0))
                                sampler (anneal (uniform time 0.0 steps) (predictor eulerMaruyama))
                            }
                        )

                    let a = 2.0 * g / (g + exp g - 1.0) * (1.0 - (1.0 - g) ** float steps * exp -time)
                    let v = 1.0 + g / (2.0 - g) * (1.0 - (1.0 - g) ** (2.0 * float steps))
                    close 1e-11 (a * theta) (law.Moments().Mean[0]) "mean"
                    close 1e-11 v (law.Moments().Variance[0]) "variance"
                    close 1e-9 (sqrt ((a * theta - mu) ** 2.0 + (sqrt v - 1.0) ** 2.0)) (value w2 law) "W2"

            testCase "reverse Ornstein–Uhlenbeck by the exponential integrator"
            <| fun () ->
                for time, steps in [ 4.0, 100; 1.0, 7 ] do
                    let g = time / float steps

                    let law =
                        finalLaw (
                            experiment {
                                target (normal [ 2.0 ] 1.0)
                                forward vp
                                sampler (anneal (uniform time 0.0 steps) (predictor exponential))
                            }
                        )

                    let a = 1.0 - (2.0 * exp -g - 1.0) ** float steps

                    let v = 1.0 + 2.0 * (exp g - 1.0) / (3.0 - exp g) * (1.0 - (2.0 - exp g) ** (2.0 * float steps))

                    close 1e-11 (2.0 * a) (law.Moments().Mean[0]) "mean"
                    close 1e-11 v (law.Moments().Variance[0]) "variance"

            testCase "mean and variance step by step, by the naive twin of a tableau"
            <| fun () ->
                for forward' in [ ve; vp ] do
                    for method in Methods.predictors |> List.map _.Method |> List.filter Naive.isTableau do
                        for schedule in [ uniform 2.0 0.3 3; uniform 2.0 0.3 12 ] do
                            let plan =
                                planOf (
                                    experiment {
                                        target (normal [ 0.7 ] 0.4)
                                        forward forward'

                                        score (
                                            scoreOf (normal [ 0.5 ] 0.6) |> shifted 0.3 |> scaled 1.2 |> shifted -0.1
                                        )

                                        start (from (normal [ -0.8 ] 1.7))
                                        sampler (anneal schedule (predictor method >=> corrector (langevin 0.02)))
                                    }
                                )

                            let first = plan.InitialLevel

                            let startMean, startVariance =
                                match plan.Start with
                                | :? Engine.Start.Law as law -> law.Level.Mean * -0.8, law.Level.VarianceOf 1.7
                                | other -> failwith $"{other} from {first}"

                            let mean, variance =
                                ((startMean, startVariance), Naive.steps plan)
                                ||> Seq.fold (fun (mean, variance) step ->
                                    let slope = Naive.drift plan step 1.0 - Naive.drift plan step 0.0
                                    Naive.drift plan step mean, slope * slope * variance + step.C * step.C)

                            let moments =
                                (finalOf (Engine.GaussianInterpreter().Run(plan, Engine.RunOptions()))).Moments()

                            close 1e-12 mean moments.Mean[0] $"{method} {forward'}: mean"
                            close 1e-12 variance moments.Variance[0] $"{method} {forward'}: variance"

            testCase "10⁶ dimensions are 10⁶ times one"
            <| fun () ->
                let one = finalLaw (langevinOn 2.0 0.1 1000 1.0)

                let many =
                    finalLaw (
                        experiment {
                            target (normal (fill 1_000_000 0.0) 2.0)
                            forward ve
                            start (from (normal (fill 1_000_000 0.0) 1.0))
                            sampler (repeat 1000 (corrector (langevin 0.1)))
                        }
                    )

                close 1e-12 (1e6 * value kl one) (value kl many) "KL"
                close 1e-12 (1e3 * value w2 one) (value w2 many) "W2"
                close 1e-9 (1e6 * log (1.0 + value chi2 one)) (log (1.0 + value chi2 many)) "ln(1 + χ²)"
        ]

let private matrices =
    let rotated =
        experiment {
            target (normalCov [ 1.0; -1.0 ] [ [ 2.0; 0.7 ]; [ 0.7; 1.0 ] ])
            forward vp
            score (exact |> scaled 1.1 |> shifted 0.2)
            sampler (anneal (uniform 2.0 0.0 40) (predictor ancestral >=> corrector (langevin 0.02)))
        }

    testList
        "matrices"
        [
            testCase "a start that shares no eigenbasis, by 1e-13, changes nothing visible"
            <| fun () ->
                let direct = finalLaw rotated

                let dense =
                    finalLaw
                        { rotated with
                            Start = From(NormalCov([ 0.0; 0.0 ], [ [ 1.0; 1e-13 ]; [ 1e-13; 1.0 + 1e-13 ] ]))
                        }

                for i in 0..1 do
                    close 1e-10 (direct.Moments().Mean[i]) (dense.Moments().Mean[i]) "mean"
                    close 1e-10 (direct.Moments().Variance[i]) (dense.Moments().Variance[i]) "variance"

                for metric in [ kl; chi2; w2 ] do
                    close 1e-8 (value metric direct) (value metric dense) $"{metric}"

            testCase "W2 of covariances that do not commute: the Bures distance"
            <| fun () ->
                let law =
                    finalLaw (
                        experiment {
                            target (normalCov [ 0.0; 0.0 ] [ [ 2.0; 0.0 ]; [ 0.0; 1.0 ] ])
                            forward ve
                            start (from (normalCov [ 0.0; 0.0 ] [ [ 1.5; 0.5 ]; [ 0.5; 1.0 ] ]))
                            sampler identity
                        }
                    )

                // tr P + tr Q − 2·tr (P^½QP^½)^½, and for 2×2 matrices tr √M = √(tr M + 2√det M).
                let traceInner = 2.0 * 1.5 + 1.0 * 1.0
                let detInner = 2.0 * 1.0 * (1.5 - 0.25)
                let expected = sqrt (3.0 + 2.5 - 2.0 * sqrt (traceInner + 2.0 * sqrt detInner))
                close 1e-12 expected (value w2 law) "W2"

            testCase "a product of normals is the normal law of the product"
            <| fun () ->
                let run t =
                    finalLaw (
                        experiment {
                            target t
                            forward vp
                            score (exact |> shifted 0.1)
                            sampler (anneal (uniform 3.0 0.1 30) (predictor flowHeun))
                        }
                    )

                let a = run (product [ 2, normal [ 1.0 ] 0.5; 1, normal [ 0.0 ] 2.0 ])
                let b = run (normalDiag [ 1.0; 1.0; 0.0 ] [ 0.5; 0.5; 2.0 ])
                close 1e-14 (value kl b) (value kl a) "KL"
                Expect.equal (a.Moments().Mean) (b.Moments().Mean) "mean"
        ]

let private runs =
    testList
        "runs"
        [
            testCase
                "two runs in d = 3 with the same noise: erf of the means' contracted distance; not for coupled ones"
            <| fun () ->
                for count in [ 1; 7 ] do
                    let run data mean =
                        finalLaw (
                            experiment {
                                target data
                                forward ve
                                start (from (normal mean 0.5))
                                sampler (repeat count (corrector (langevin 0.2)))
                            }
                        )

                    let round = run (normal [ 0.0; 1.0; 2.0 ] 1.0)
                    let shrink = 0.8 ** float count
                    let variance = shrink * shrink * 0.5 + 0.4 * (1.0 - shrink * shrink) / (1.0 - 0.64)
                    let distance = sqrt (0.09 + 0.01 + 0.04)
                    let expected = SpecialFunctions.Erf(shrink * distance / sqrt (8.0 * variance))
                    let estimate = (round [ 2.3; 0.1; 0.2 ]).TotalVariationFrom(round [ 2.0; 0.0; 0.0 ])
                    contains estimate expected $"{count} steps"
                    Expect.isLessThan (estimate.Upper - estimate.Lower) 1e-12 "width"

                    let coupled = run (normalCov [ 0.0; 0.0 ] [ [ 1.0; 0.5 ]; [ 0.5; 1.0 ] ])
                    let unknown = (coupled [ 1.0; 0.0 ]).TotalVariationFrom(coupled [ 0.0; 0.0 ])
                    Expect.isFalse unknown.Value.HasValue "no value"
                    Expect.equal (unknown.Lower, unknown.Upper) (0.0, 1.0) "nothing known"

            testCase "a repeat by powers is the repeat step by step, and the observer sees every step"
            <| fun () ->
                let e = langevinOn 1.3 0.05 777 3.0
                let fast = finalLaw e
                let seen = ResizeArray<int64>()
                let mutable last = Unchecked.defaultof<Engine.Law>

                let options =
                    Engine.RunOptions(
                        AfterStep =
                            fun step ->
                                seen.Add step.Index
                                last <- step.Law
                    )

                Engine.GaussianInterpreter().Run(planOf e, options) |> ignore
                Expect.sequenceEqual seen (Seq.init 778 (fun i -> int64 i - 1L)) "indices"

                for metric in [ kl; chi2; w2; tv ] do
                    close 1e-12 (value metric fast) (value metric last) $"{metric}"

            testCase "what it cannot run it refuses with a reason"
            <| fun () ->
                let whyNot e = Engine.GaussianInterpreter().WhyNot(planOf e)

                let bimodal = mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ]
                let e = langevinOn 1.0 0.1 1 1.0
                Expect.isNull (whyNot e) "a Gaussian"
                Expect.stringContains (whyNot { e with Target = bimodal }) "target" "mixture target"
                Expect.stringContains (whyNot { e with Score = exact |> rippled 0.1 1.0 }) "affine" "ripple"
                Expect.stringContains (whyNot { e with Start = From bimodal }) "start" "mixture start"

            testCase "a probe inside a repeat is measured every time"
            <| fun () ->
                let result =
                    outcome
                        { langevinOn 1.0 0.1 1 3.0 with
                            Sampler = repeat 3 (repeat 10 (corrector (langevin 0.1)) >=> probe "tenth")
                        }

                Expect.equal
                    (result.Probes |> Seq.map (fun p -> p.Name) |> List.ofSeq)
                    [ "tenth"; "tenth"; "tenth"; "end" ]
                    "probes"

            testCase "cancelled runs say so"
            <| fun () ->
                let options = Engine.RunOptions(Cancellation = Threading.CancellationToken true)
                let result = Engine.GaussianInterpreter().Run(planOf (langevinOn 1.0 0.1 10 1.0), options)
                Expect.equal (result.Status.GetType()) typeof<Engine.RunStatus.Cancelled> "status"
        ]

let private realFunctions =
    testCase "real functions keep their digits near 0"
    <| fun () ->
        for x in [ -1e5; -800.0; -100.0; -41.0 ] do
            Expect.equal (Engine.RealFunctions.ExpM1 x) -1.0 $"exp({x}) − 1"

        Expect.equal (Engine.RealFunctions.ExpM1 1e5) infinity "exp(1e5) − 1"

        for x in [ 1e-12; -1e-12; 1e-5; -1e-5; 1e-2; 0.2; -0.25; 0.31; -0.5; 3.0 ] do
            let series f n = Seq.init n f |> Seq.sum

            if abs x < 0.9 then
                close
                    1e-14
                    (series (fun k -> -((-x) ** float (k + 1)) / float (k + 1)) 400)
                    (Engine.RealFunctions.LogOnePlus x)
                    $"ln(1 + {x})"

                close
                    1e-14
                    (series (fun k -> ((-x) ** float (k + 2)) / float (k + 2)) 400)
                    (Engine.RealFunctions.LogExcess x)
                    $"excess {x}"

            let factorial k = Seq.fold (fun p i -> p * float i) 1.0 [ 1..k ]

            close
                1e-14
                (series (fun k -> x ** float (k + 1) / factorial (k + 1)) 60)
                (Engine.RealFunctions.ExpM1 x)
                $"exp({x}) − 1"

let tests = testList "gaussian" [ exactFacts; NormalDivergencesTests.divergences; matrices; runs; realFunctions ]
