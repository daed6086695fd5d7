/// Steps that may be rejected, by particles.
module Sgm.Tests.AdjustedParticlesTests

open System
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Tests.EnsemblePlans

let private every = corrector (mala 0.2) >=> corrector (mhScores 0.1 4) >=> corrector (hmc 0.3 3)

let private correlated =
    mixture
        [
            0.3, normalCov [ -1.0; 0.5 ] [ [ 0.6; 0.4 ]; [ 0.4; 0.5 ] ]
            0.7, normalCov [ 1.0; -0.5 ] [ [ 0.4; -0.2 ]; [ -0.2; 0.9 ] ]
        ]

let private own law estimate first pipeline : Experiment =
    { experiment {
          target law
          forward ve
          score estimate
          start first
          sampler pipeline
          measure [ w2 ]
      } with
        Particles = 1
    }

let private planned law estimate first pipeline = ExactLaws.planOf (own law estimate first pipeline)
let private options n = RunOptions(Particles = n, Seed = 5UL, Threads = 2)

let private determinism =
    testCase "1, 2 and 7 threads and blocks split over runs give the same bits" (fun () ->
        let plan = planned correlated (exact |> scaled 0.8) warm (repeat 3 every >=> probe "middle" >=> every)
        let at threads = Ensemble().Run(plan, RunOptions(Particles = 3001L, Seed = 5UL, Threads = threads))
        let one = at 1
        let rate (outcome: Outcome) = outcome.Probes |> Seq.map (fun p -> p.Acceptance) |> List.ofSeq

        for threads in [ 2; 7 ] do
            Expect.equal (particlesOf (at threads)) (particlesOf one) $"{threads} threads"
            Expect.equal (rate (at threads)) (rate one) $"{threads} threads: acceptance"

        let part first count = Ensemble().Run(plan, RunOptions(Particles = 3001L, Seed = 5UL), first, count)
        let joined = ParticleLaw.Concat [| for p in [ part 0L 2L; part 2L 4L ] -> p.Probes[1].Law :?> ParticleLaw |]
        let whole = one.Probes[1].Law :?> ParticleLaw
        Expect.equal (joined.Particles.Coordinate 0) (whole.Particles.Coordinate 0) "split")

/// A target for every kernel, so that every form of a density decides somewhere.
let private kinds =
    [
        "normal", normalDiag [ 0.5; -1.0 ] [ 0.5; 2.0 ]
        "rotated normal", normalCov [ 1.0; -1.0 ] [ [ 2.0; 0.8 ]; [ 0.8; 0.5 ] ]
        "shared mixture", mixture [ 0.3, normal [ -1.0; 0.0 ] 0.5; 0.7, normal [ 1.0; 1.0 ] 0.5 ]
        "own mixture", mixture [ 0.3, normal [ -1.0; 0.0 ] 0.5; 0.7, normal [ 1.0; 1.0 ] 1.0 ]
        "full mixture", correlated
        "rotated mixture",
        (let covariance = [ [ 0.6; 0.3 ]; [ 0.3; 0.5 ] ]
         mixture [ 0.4, normalCov [ -1.0; 0.0 ] covariance; 0.6, normalCov [ 1.0; 0.5 ] covariance ])
    ]

let private invariance =
    testList
        "p stays p, whatever the score"
        [
            testCase "every kernel has a target here" (fun () ->
                Expect.equal
                    (kinds |> List.map fst |> List.sort)
                    (List.ofSeq ScoreField.KernelNames |> List.sort)
                    "kernels")

            for name, law in kinds @ [ "a product", product [ 2, normal [ 0.5 ] 0.7; 1, correlated ] ] do
                testCase name (fun () ->
                    let steps = repeat 20 (corrector (mala 0.3) >=> corrector (hmc 0.35 3))
                    let plan = planned law (exact |> scaled 0.7 |> shifted 0.8) warm steps

                    if name <> "a product" then
                        Expect.equal (ScoreField.KernelName plan.Target.Factors[0].Law) name "its kernel"

                    let probe = Seq.last (Ensemble().Run(plan, options 40_000L)).Probes
                    let found = probe.Law.Moments()
                    Expect.isLessThan probe.Acceptance.Value.Value 0.97 "something is rejected"

                    let truth =
                        (Seq.last
                            (Ensemble()
                                .Run(planned law exact warm identity, RunOptions(Particles = 400_000L, Seed = 9UL)))
                                .Probes)
                            .Law.Moments()

                    for i in 0 .. plan.Dimension - 1 do
                        let close what (a: float) (b: float) (error: float) other =
                            Expect.isLessThanOrEqual
                                (abs (a - b))
                                (5.0 * sqrt (error * error + other * other))
                                $"{what} {i}"

                        close "mean" found.Mean[i] truth.Mean[i] found.MeanError[i] truth.MeanError[i]

                        close
                            "variance"
                            found.Variance[i]
                            truth.Variance[i]
                            found.VarianceError[i]
                            truth.VarianceError[i])
        ]

let private againstTheLine =
    let two = mixture [ 0.3, normal [ -1.5 ] 0.3; 0.7, normal [ 1.0 ] 0.6 ]

    testList
        "the line"
        [
            for method in [ mala 0.5; mhScores 0.4 3; hmc 0.4 4 ] do
                testCase $"law and particles of {method} agree, and their acceptance rates" (fun () ->
                    let plan =
                        planned
                            two
                            (exact |> scaled 0.8)
                            (from (normal [ 0.5 ] 0.8))
                            (corrector method >=> probe "first" >=> corrector (langevin 0.1))

                    let exact' = GridInterpreter().Run(plan, RunOptions())
                    let sampled = Ensemble().Run(plan, options 200_000L)
                    Expect.isTrue exact'.IsCompleted $"{exact'.Status}"

                    for law, particles in Seq.zip exact'.Probes sampled.Probes |> Seq.truncate 1 do
                        let a, b = law.Acceptance, particles.Acceptance
                        Expect.isTrue (b.Lower <= a.Upper && a.Lower <= b.Upper) $"{law.Name}: {a} and {b}"
                        Expect.isLessThan (b.Upper - b.Lower) 0.01 "the interval says something"
                        let a, b = law.Law.Moments(), particles.Law.Moments()
                        Expect.isLessThanOrEqual (abs (a.Mean[0] - b.Mean[0])) (5.0 * b.MeanError[0]) "mean"

                        Expect.isLessThanOrEqual
                            (abs (a.Variance[0] - b.Variance[0]))
                            (5.0 * b.VarianceError[0])
                            "variance")

            testCase "there is no rate where nothing can be rejected" (fun () ->
                let plan = planned two exact warm (corrector (mala 0.1) >=> probe "first" >=> corrector (langevin 0.1))

                for outcome in [ GridInterpreter().Run(plan, RunOptions()); Ensemble().Run(plan, options 100L) ] do
                    Expect.isNotNull outcome.Probes[0].Acceptance "first"
                    Expect.isNull outcome.Probes[1].Acceptance "end")
        ]

let private economy =
    testList
        "economy"
        [
            testCase "no allocation a step" (fun () ->
                let bytes n =
                    let plan = planned correlated (exact |> scaled 0.8) warm (repeat n every)
                    let run () = Ensemble().Run(plan, RunOptions(Particles = 512L, Seed = 1UL, Threads = 1)) |> ignore
                    run ()
                    let before = GC.GetAllocatedBytesForCurrentThread()
                    run ()
                    GC.GetAllocatedBytesForCurrentThread() - before

                Expect.isLessThanOrEqual (abs (bytes 2000 - bytes 1000)) 1024L "a thousand rounds more")

            testCase "evaluations are those of the formulas" (fun () ->
                let evaluations method = (planned correlated exact warm (corrector method)).ScoreEvaluations
                Expect.equal (evaluations (mala 0.1)) 2L "mala"
                Expect.equal (evaluations (mhScores 0.1 2)) 2L "both ends"
                Expect.equal (evaluations (mhScores 0.1 5)) 5L "k points"
                Expect.equal (evaluations (hmc 0.1 7)) 8L "L + 1")

            testCase "what has no bound is rejected, not carried on" (fun () ->
                let plan = planned correlated exact (point [ 0.1; 0.2 ]) (repeat 30 (corrector (mala 1e6)))
                let probe = Seq.last (Ensemble().Run(plan, options 1000L)).Probes
                Expect.isTrue (Double.IsFinite(probe.Law.Moments().Mean[0])) "finite"
                Expect.isLessThan probe.Acceptance.Value.Value 1e-3 "next to nothing is accepted")
        ]

let tests = testList "adjusted particles" [ determinism; invariance; againstTheLine; economy ]
