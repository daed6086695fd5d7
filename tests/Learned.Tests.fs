module Sgm.Tests.LearnedTests

open System
open System.Collections.Immutable
open System.Threading
open Expecto
open Sgm
open Sgm.Tests.ExactLaws
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Theorems

let private modes = mixture [ 0.5, normal [ -1.0 ] 0.2; 0.5, normal [ 1.0 ] 0.2 ]

let private annealed law scoreOfIt =
    experiment {
        target law
        forward ve
        score scoreOfIt
        sampler (anneal (geometric 5.0 0.3 12) (predictor ancestral))
        measure [ tv; w2 ]
    }

let private function' (p: Plan) =
    p.Score.Modifiers
    |> Seq.pick (function
        | :? Engine.ScoreModifier.Learned as learned -> Some learned.Function
        | _ -> None)

let private level = NoiseLevel.VarianceExploding 0.5
let private errorOf scoreOfIt = ScoreError.l2 (planOf (annealed modes scoreOfIt)) level |> Result.defaultValue nan

let private fits =
    testList
        "fits"
        [
            testCase "score matching is the ridge regression by hand, on both processes, on the line and in the plane"
            <| fun () ->
                let levels = [ NoiseLevel.VarianceExploding 0.5; NoiseLevel.VariancePreserving 0.7 ]

                for law in [ modes; normalCov [ 1.0; -2.0 ] [ [ 2.0; 0.6 ]; [ 0.6; 0.5 ] ] ] do
                    let target = Lower.target (fun _ -> [||]) law
                    let d = target.Dimension
                    let fitted = ScoreMatching(target, 80, 6, 3L)

                    for at in levels do
                        let byHand = NaiveFit.ridge target 80 6 3L at

                        for x in [ Array.create d 0.3; Array.init d (fun e -> -1.0 + 0.5 * float e) ] do
                            let own = Array.zeroCreate d
                            fitted.Evaluate(at, ReadOnlySpan x, Span own)

                            for a, b in Array.zip own (byHand x) do
                                Expect.isLessThanOrEqual (abs (a - b)) (1e-8 * (1.0 + abs b)) $"d = {d}, {at}"

            testCase "a kernel density's score is the sum over all draws, by the grid's route and by the particles'"
            <| fun () ->
                let n, bandwidth = 7, 0.3
                let p = planOf (annealed modes (kernelDensity n bandwidth 1))
                let draws = TrainingSample.Draw(p.Target, n, 1L)
                let at = NoiseLevel.VariancePreserving 0.7
                let variance = at.Mean * at.Mean * bandwidth * bandwidth + at.Sigma * at.Sigma

                for x in [ -2.0; 0.1; 1.4 ] do
                    let weights = draws |> Array.map (fun y -> exp (-0.5 * (x - at.Mean * y) ** 2.0 / variance))

                    let byHand =
                        Array.sum (Array.map2 (fun w y -> w * (at.Mean * y - x) / variance) weights draws)
                        / Array.sum weights

                    let own = Array.zeroCreate 1
                    ScoreField(p.Score).Evaluate(at, ReadOnlySpan [| x |], Span own, 1)
                    Expect.isLessThanOrEqual (abs (own[0] - byHand)) 1e-12 $"{x}"

            testCase "the block form is the function at a level of the other process too"
            <| fun () ->
                let p = planOf (annealed modes (scoreMatching 100 8 1))
                let at = NoiseLevel.VariancePreserving 0.7
                let points = [| -1.0; 0.2; 3.0 |]
                let block = Array.zeroCreate 3
                ScoreField(p.Score).Evaluate(at, ReadOnlySpan points, Span block, 3)

                for x, value in Array.zip points block do
                    let struct (expected, _) = (function' p).OnLine(at, x)
                    Expect.isLessThanOrEqual (abs (value - expected)) 1e-12 $"{x}"

            testCase "the slope is the derivative, and the block form is the function"
            <| fun () ->
                let p = planOf (annealed modes (scoreMatching 500 32 1))
                let f = function' p
                let points = [| for i in -40 .. 39 -> 0.1 * float i |]
                let block = Array.zeroCreate 80
                ScoreField(p.Score).Evaluate(level, ReadOnlySpan points, Span block, 80)

                for i in 0..79 do
                    let struct (value, slope) = f.OnLine(level, points[i])
                    let struct (above, _) = f.OnLine(level, points[i] + 1e-5)
                    let struct (below, _) = f.OnLine(level, points[i] - 1e-5)
                    Expect.isLessThanOrEqual (abs (slope - (above - below) / 2e-5)) 1e-6 "slope"
                    Expect.isLessThanOrEqual (abs (block[i] - value)) 1e-12 "block"

                let struct (far, farther) = f.OnLine(level, 1e6), f.OnLine(level, 2e6)
                let struct (a, _), struct (b, _) = far, farther
                Expect.isLessThanOrEqual (abs ((b - a) / 1e6 - f.FarSlope level)) 1e-4 "far slope"

            testCase "the same seed fits the same score, another seed another"
            <| fun () ->
                let at seed =
                    let struct (value, _) =
                        (function' (planOf (annealed modes (scoreMatching 200 16 seed)))).OnLine(level, 0.3)

                    value

                Expect.equal (at 1) (at 1) "the same"
                Expect.notEqual (at 1) (at 2) "another"

            testCase "a normal target is fitted as well as its moments are known"
            <| fun () ->
                // The linear part alone has L² error about √(d(d + 3)/2n)·precision; features add about √(k/n)/σ at most.
                let p = planOf (annealed (normal [ 0.5 ] 1.0) (scoreMatching 20000 8 3))
                let error = ScoreError.l2 p level |> Result.defaultValue nan
                Expect.isLessThan error 0.05 "L² error"

            testCase "more features and more draws lower the error; both beat the best normal score"
            <| fun () ->
                let normalFit = errorOf (scoreOf (normal [ 0.0 ] 1.2))
                let few, many = errorOf (scoreMatching 4000 4 1), errorOf (scoreMatching 4000 64 1)
                let short, long = errorOf (scoreMatching 100 64 1), errorOf (scoreMatching 10000 64 1)
                Expect.isLessThan many few "features"
                Expect.isLessThan long short "draws"
                Expect.isLessThan many (0.5 * normalFit) "against a normal score"
                Expect.isLessThan (errorOf (kernelDensity 1500 0.1 1)) (0.5 * normalFit) "kernel density"

            testCase "draws have the target's moments, in the plane with a full covariance too"
            <| fun () ->
                let law = Lower.target (fun _ -> [||]) (normalCov [ 1.0; -2.0 ] [ [ 2.0; 0.6 ]; [ 0.6; 0.5 ] ])
                let n = 40000
                let draws = TrainingSample.Draw(law, n, 5L)
                let mean e = Seq.average (Seq.init n (fun i -> draws[2 * i + e]))
                let m0, m1 = mean 0, mean 1
                let cross = Seq.average (Seq.init n (fun i -> (draws[2 * i] - m0) * (draws[2 * i + 1] - m1)))
                // Six standard errors.
                Expect.isLessThan (abs (m0 - 1.0)) (6.0 * sqrt (2.0 / float n)) "mean"
                Expect.isLessThan (abs (m1 + 2.0)) (6.0 * sqrt (0.5 / float n)) "mean"
                Expect.isLessThan (abs (cross - 0.6)) (6.0 * sqrt ((2.0 * 0.5 + 0.36) / float n)) "covariance"
        ]

let private laws =
    testList
        "laws"
        [
            testCase "the grid and the particles agree on a fitted score"
            <| fun () ->
                for scoreOfIt in [ scoreMatching 500 32 1; kernelDensity 100 0.3 1 ] do
                    let p = planOf (annealed modes scoreOfIt)

                    let last (outcome: Outcome) =
                        Expect.isTrue outcome.IsCompleted $"{outcome.Status}"
                        (Seq.last outcome.Probes).Law

                    let exact = last (GridInterpreter().Run(p, RunOptions()))
                    let sampled = last (Ensemble().Run(p, RunOptions(Particles = 40000L, Seed = 7UL)))
                    let a, b = exact.Moments(), sampled.Moments()
                    // Five standard errors: one in 10⁶ or so.
                    Expect.isLessThan (abs (a.Mean[0] - b.Mean[0])) (5.0 * b.MeanError[0]) "mean"
                    Expect.isLessThan (abs (a.Variance[0] - b.Variance[0])) (5.0 * b.VarianceError[0]) "variance"
                    Expect.isLessThanOrEqual (sampled.Measure tv).Lower (exact.Measure tv).Upper "TV"

            testCase "what cannot run a fitted score says so"
            <| fun () ->
                let inPlane = planOf (annealed (standard 2) (scoreMatching 200 8 1))
                Expect.stringContains (ProductInterpreter().WhyNot inPlane) "learned score couples" "product"
                Expect.stringContains (GaussianInterpreter().WhyNot inPlane) "learned" "gaussian"
                Expect.isNull (Ensemble().WhyNot inPlane) "particles"
                let outcome = Ensemble().Run(inPlane, RunOptions(Particles = 2000L))
                Expect.isTrue outcome.IsCompleted $"{outcome.Status}"
        ]

let private text =
    testList
        "text"
        [
            testCase "prints and reads back"
            <| fun () ->
                for scoreOfIt in [ scoreMatching 2000 64 1; kernelDensity 500 0.25 7 |> scaled 1.1 ] do
                    let e = annealed modes scoreOfIt

                    match Parse.experiment "fitted.sgm" (Print.experiment e) with
                    | Ok read -> Expect.equal read e "the same value"
                    | Error problems -> failtest $"{problems}"

            testCase "errors name what is wrong"
            <| fun () ->
                let errors e =
                    match Check.experiment "." e with
                    | Ok _ -> ""
                    | Error problems -> Message.renderAll problems

                Expect.stringContains (errors (annealed modes (scoreMatching 1 64 1))) "a number of draws" "draws"

                Expect.stringContains
                    (errors (annealed modes (scoreMatching 100 0 1)))
                    "a number of features"
                    "features"

                Expect.stringContains (errors (annealed modes (scoreMatching 2000000 1000 1))) "draws × features" "size"
                Expect.stringContains (errors (annealed modes (kernelDensity 100 0.0 1))) "a bandwidth" "bandwidth"
                Expect.stringContains (errors (annealed modes (kernelDensity 100 0.1 -1))) "a seed" "seed"

                let noiseless =
                    experiment {
                        target modes
                        forward ve
                        score (scoreMatching 100 8 1)
                        start warm
                        sampler (corrector (langevin 0.01))
                    }

                Expect.stringContains (errors noiseless) "'scoreMatching' needs noise" "level 0"
        ]

let tests = testList "learned scores" [ fits; laws; text ]
