module Sgm.Tests.EnsembleCostTests

open System
open System.Collections.Immutable
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Tests.EnsemblePlans

let cost =
    testSequenced (
        testList
            "cost"
            [
                testCase "no byte is allocated a step" (fun () ->
                    let law =
                        Engine.Mixture([| 0.5; 0.5 |], [| -1.0; 0.0; 1.0; 2.0 |], [| Covariance.Isotropic(2, 0.5) |])

                    let blended =
                        let other = WeightedScore(-0.5, Engine.Score(standardNormal 2, ImmutableArray.Empty))
                        Engine.ScoreModifier.Blended(1.5, ImmutableArray.Create other) :> Engine.ScoreModifier

                    let allocated modifiers steps =
                        let plan = langevinPlan (Engine.Target law) 0.01 steps

                        let plan =
                            plan |> Plan.withScore (Engine.Score(plan.Target, ImmutableArray.CreateRange modifiers))

                        let before = GC.GetAllocatedBytesForCurrentThread()
                        run plan (options 1000L 1) |> ignore
                        GC.GetAllocatedBytesForCurrentThread() - before

                    for modifiers in [ []; [ blended ] ] do
                        allocated modifiers 10L |> ignore
                        let few = allocated modifiers 10L
                        Expect.equal (allocated modifiers 1000L) few "bytes for 1000 steps and for 10")
                testCase "progress ends at 1 and never falls" (fun () ->
                    let seen = ResizeArray<float>()

                    let progress =
                        { new IProgress<float> with
                            member _.Report value = lock seen (fun () -> seen.Add value)
                        }

                    run annealed (RunOptions(Particles = 50_000L, Threads = 2, Progress = progress)) |> ignore
                    Expect.equal (Seq.last seen) 1.0 "at the end"
                    Expect.isTrue (Seq.forall (fun p -> p >= 0.0 && p <= 1.0) seen) "in range")
                testCase "a user's score is asked for whole blocks, at the level" (fun () ->
                    let plan =
                        planOf (standard 3) (point [ 1.0; 2.0; 3.0 ]) (anneal (uniform 1.0 0.5 2) (predictor flow))

                    let user =
                        BlockScore(fun level x s _ ->
                            for i in 0 .. x.Length - 1 do
                                s[i] <- -x[i] / (level.Mean * level.Mean + level.NoiseVariance))

                    let own = run (scoredBy user plan) (options 33L 1) |> particlesOf
                    let theirs = run plan (options 33L 1) |> particlesOf

                    for e in 0..2 do
                        let (_, _, a), (_, _, b) = own[0], theirs[0]
                        Array.iter2 (fun x y -> Expect.floatClose Accuracy.veryHigh x y "same score") a[e] b[e])
            ]
    )

let prediction =
    testList
        "predicted time"
        [
            testCase "the census counts every step and evaluation of a plan" (fun () ->
                let plan =
                    planOf
                        bimodal
                        prior
                        (anneal
                            (uniform 2.0 0.01 7)
                            (predictor ancestral >=> repeat 3 (corrector (langevinScaled 0.1)))
                         >=> repeat 5 (repeat 4 (corrector (langevin 0.1)))
                         >=> repeat 0 (corrector (langevin 0.1)))

                let kinds = [ for struct (example, count) in StepCensus(plan).Kinds -> example, count ]

                let evaluations =
                    kinds
                    |> List.sumBy (fun (example, count) ->
                        match example with
                        | AnyStep step -> int64 (Seq.length step.Levels) * count
                        | other -> failtestf "%A" other)

                Expect.equal (kinds |> List.sumBy snd) plan.StepCount "steps"
                Expect.equal evaluations plan.ScoreEvaluations "evaluations")

            testCase "steps of different work are different kinds" (fun () ->
                let census =
                    StepCensus(
                        planOf
                            bimodal
                            prior
                            (anneal (uniform 2.0 0.01 7) (predictor flow >=> corrector (langevin 0.1)))
                    )

                Expect.equal census.Kinds.Length 2 "without noise, with noise"

                let kinds method =
                    StepCensus(planOf bimodal prior (anneal (uniform 2.0 0.01 9) (predictor method))).Kinds.Length

                Expect.equal
                    (kinds dpmpp2m)
                    2
                    "the first, which has nothing, and the last, which keeps nothing, are as many sums; those in between more"

                Expect.equal (kinds (churn 1.0 flow)) 2 "up, down")

            testCase "every kind of plan has a prediction" (fun () ->
                for plan in
                    [
                        annealed
                        planOf bimodal prior identity
                        planOf bimodal prior (anneal (uniform 2.0 0.01 9) (predictor (unipc 3)))
                        planOf bimodal prior (anneal (uniform 2.0 0.01 9) (predictor (dpmppSde 1.0)))
                        planOf (standard 3) prior (repeat 9 (corrector (langevin 0.1)))
                    ] do
                    let predicted = Ensemble().Predict(plan, options 5000L 1)
                    Expect.isTrue (Double.IsFinite predicted.Seconds && predicted.Seconds > 0.0) "a time"
                    Expect.isFalse predicted.IsLowerBound "a prediction")

            testCase "without time there is only a lower bound" (fun () ->
                Expect.isTrue (Ensemble().Predict(annealed, options 5000L 1, 0.0).IsLowerBound) "more than")

            testCase "a run that cannot fit is not predicted" (fun () ->
                Expect.isNull (Ensemble().Predict(annealed, options 1_000_000_000_000L 1)) "no prediction")
        ]
