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

            testCase "an error that is all in a rare component is in every draw"
            <| fun () ->
                // 0.9999·N(0, 1) + 0.0001·N(30, 1) with the score of N(0, 1): 4096 draws of the mixture hit the second one in a third of the runs.
                let w, far, sigma = 0.0001, 30.0, 0.5
                let v = 1.0 + sigma * sigma

                let p =
                    planOf (
                        experiment {
                            target (mixture [ 1.0 - w, normal [ 0.0 ] 1.0; w, normal [ far ] 1.0 ])
                            forward ve
                            score (scoreOf (normal [ 0.0 ] 1.0))
                            start prior
                            sampler (anneal (levels [ sigma; 0.25 ]) (predictor ancestral))
                        }
                    )

                // s − ∇ln p = −r(x)·far/v with the posterior weight r of the far component.
                let density centre x = exp (-(x - centre) * (x - centre) / (2.0 * v)) / sqrt (2.0 * Math.PI * v)

                let truth =
                    Seq.init 60_000 (fun i -> -15.0 + 0.001 * float i)
                    |> Seq.sumBy (fun x ->
                        let near, away = (1.0 - w) * density 0.0 x, w * density far x
                        0.001 * (near + away) * (away / (near + away) * far / v) ** 2.0)

                let levels = [ NoiseLevel.VarianceExploding sigma, 1.0 ]

                let found =
                    Array.Parallel.init 100 (fun i ->
                        HeldOut.squaredErrors p levels 4096 (5000L + int64 i) (1.0 - 1e-7))

                for e in found do
                    Expect.isTrue (e.Lower <= truth && truth <= e.Upper) $"{truth} in [{e.Lower}, {e.Upper}]"
                    Expect.isLessThan (e.Upper - e.Lower) (0.5 * truth) "narrow"
                    Expect.isNotNull e.Reason "what the upper end assumes"

            testCase "a product of mixtures has no upper end, and says so"
            <| fun () ->
                let p =
                    planOf (
                        experiment {
                            target (product [ 2, mixture [ 0.5, normal [ -1.0 ] 0.2; 0.5, normal [ 1.0 ] 0.2 ] ])
                            forward ve
                            score (exact |> shifted 0.1)
                            sampler (anneal (levels [ 1.0; 0.5 ]) (predictor ancestral))
                        }
                    )

                let e = HeldOut.squaredErrors p [ NoiseLevel.VarianceExploding 1.0, 1.0 ] 2048 3L 0.99
                // The constant 0.1² for every draw.
                Expect.floatClose { absolute = 0.0; relative = 1e-9 } e.Value.Value 0.01 "value"
                Expect.isTrue (e.Lower < 0.01 && Double.IsPositiveInfinity e.Upper) $"[{e.Lower}, {e.Upper}]"
                Expect.stringContains e.Reason "no upper end" "reason"

            testCase "a score that knows its draws by heart has the error of other draws"
            <| fun () ->
                // The first stage looks at 8192 draws, as many as this was fitted to: on those, in five dimensions, it is another score.
                let d, n = 5, 8192

                let e =
                    experiment {
                        target (standard d)
                        forward ve
                        score (kernelDensity n 0.05 1)
                        sampler (anneal (LeePredictions.levels 10.0 0.2 3) (predictor ancestral))
                        measure [ tv ]
                    }

                let p = planOf e

                let run =
                    LeePredictor.descent { Experiment = e; Plan = p; Setting = Map.empty }
                    |> Result.defaultWith failtest

                // The score of the target at a level is −x/(1 + σ²).
                let generator = MathNet.Numerics.Random.Xoshiro256StarStar 77
                let fresh = Array.zeroCreate (2 * n * d)
                MathNet.Numerics.Distributions.Normal.Samples(generator, fresh, 0.0, 1.0)

                let byHand =
                    run.Levels
                    |> List.sumBy (fun level ->
                        let x = Array.init (n * d) (fun i -> fresh[i] + level.Sigma * fresh[n * d + i])
                        let s = Array.zeroCreate (n * d)
                        ScoreField(p.Score).Evaluate(level, ReadOnlySpan x, Span s, n)
                        let exact = Array.map (fun v -> -v / (1.0 + level.NoiseVariance)) x
                        let total = Array.sum (Array.map2 (fun a b -> (a - b) * (a - b)) s exact)
                        level.NoiseVariance ** 2.0 * total / float n)
                    |> fun sum -> sqrt (run.Step * sum)

                // The theorem runs no sampler here: total variation 0 is as good as any.
                let still p = Laws.run (planOf (annealed modes exact)) p
                let runner = { Runner.engine CancellationToken.None with Run = fun _ options -> still options }
                let cell = Study.onExperiment runner LeeLearned.learnedPredictor e
                let what = cell.Decisive.Value.What
                let from, until = what.IndexOf '[', what.IndexOf ']'
                let ends = what.Substring(from + 1, until - from - 1).Split ", " |> Array.map float
                // Twice the interval: the sum by hand has an error of its own, at 8192 draws as the interval.
                let centre, half = (ends[0] + ends[1]) / 2.0, ends[1] - ends[0]
                Expect.isLessThanOrEqual (abs (byHand - centre)) half $"{byHand:g5} and {what}"

            testCase "where the measurement is as large as the bound with the true error, nothing is decided"
            <| fun () ->
                let e = annealed modes (kernelDensity 200 0.2 1)
                let e = { e with Sampler = anneal (LeePredictions.levels 10.0 0.4 8) (predictor ancestral) }
                let healthy = Runner.engine CancellationToken.None
                let subject = { Experiment = e; Plan = planOf e; Setting = Map.empty }

                match LeePredictor.predictionBound healthy subject with
                | Error reason -> failtest reason
                | Ok bound ->
                    let pretending value =
                        let estimate = Estimate.Exact(value, value, value, "pretended")

                        { new Engine.Law() with
                            member _.Dimension = 1
                            member _.Moments() = failwith "not asked for"
                            member _.Tv() = estimate
                            member _.Kl() = estimate
                            member _.Chi2() = estimate
                            member _.W2() = estimate
                        }

                    // The start is measured as it is, the end is pretended to be at the bound.
                    let run (p: Plan) options =
                        if p.StepCount = 0L then
                            healthy.Run p options
                        else
                            Outcome(
                                RunStatus.Completed(),
                                [ ProbeResult("end", level, pretending bound) ].ToImmutableArray()
                            )

                    let cell = Study.onExperiment { healthy with Run = run } LeeLearned.learnedPredictor e
                    Expect.equal cell.Verdict Inconclusive $"{cell.Reason}"

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
