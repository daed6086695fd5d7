/// Errors of fitted scores from draws that were held out, against quadrature.
module Sgm.Tests.LearnedHeldOutTests

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

let tests =
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
                // 0.9999·N(0, 1) + 0.0001·N(30, 1) with the score of N(0, 1): 4096 draws of the mixture hit the second
                // one in a third of the runs.
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
                // The first stage looks at 8192 draws, as many as this was fitted to: on those, in five dimensions, it
                // is another score.
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
