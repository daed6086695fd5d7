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
                Expect.isLessThan (errorOf (kernelDensity 4000 0.1 1)) (0.5 * normalFit) "kernel density"

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
                    // Twice the 99 % half-width: one in 10⁶ or so.
                    Expect.isLessThan (abs (a.Mean[0] - b.Mean[0])) (2.0 * b.MeanError[0]) "mean"
                    Expect.isLessThan (abs (a.Variance[0] - b.Variance[0])) (2.0 * b.VarianceError[0]) "variance"
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

let private heldOut =
    testList
        "held-out errors"
        [
            testCase "intervals cover what quadrature gives"
            <| fun () ->
                let p = planOf (annealed modes (scoreMatching 500 32 1))
                let levels = [ 2.0; 0.5 ] |> List.map (fun s -> NoiseLevel.VarianceExploding s, s ** 4.0)

                let truth =
                    levels
                    |> List.sumBy (fun (at, weight) -> weight * (ScoreError.l2 p at |> Result.defaultValue nan) ** 2.0)

                let covered =
                    Array.Parallel.init 200 (fun i ->
                        let found = HeldOut.squaredErrors p levels 4096 (1000L + int64 i) 0.99
                        found.Lower <= truth && truth <= found.Upper)
                    |> Array.filter id
                    |> Array.length

                // Stated 99 %: 190 of 200 or fewer have probability below 10⁻⁴.
                Expect.isGreaterThan covered 190 $"{covered} of 200"

            testCase "a sampler that is worse than its score comes back violated, a healthy one holds"
            <| fun () ->
                let cell runner =
                    Study.onExperiment
                        runner
                        LeeLearned.learnedPredictor
                        (experiment {
                            target modes
                            forward ve
                            score (kernelDensity 500 0.2 1)
                            sampler (anneal (LeePredictions.levels 10.0 0.4 32) (predictor ancestral))
                            measure [ tv ]
                        })

                let healthy = Runner.engine CancellationToken.None
                Expect.equal (cell healthy).Verdict Holds "healthy"

                let biased (p: Plan) =
                    let shift = ImmutableArray.Create<Engine.ScoreModifier>(Engine.ScoreModifier.Shifted 3.0)
                    p |> Plan.withScore (Engine.Score(p.Score.Of, shift))

                let sabotaged = Planted.engineWith biased
                Expect.equal (cell sabotaged).Verdict Violated "a bias that the held-out draws do not see"

                let exactScore = Study.onExperiment healthy LeeLearned.learnedPredictor (annealed modes exact)
                Expect.equal exactScore.Verdict NotApplicable "an exact score is not fitted"
        ]

let tests = testList "learned scores" [ fits; laws; text; heldOut ]
