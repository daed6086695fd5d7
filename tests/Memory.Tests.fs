/// Methods that keep earlier evaluations or draw inside a step: their numbers, their limits, and every interpreter on them.
module Sgm.Tests.MemoryTests

open System
open System.Collections.Immutable
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.References

let internal annealing forward' parameters method =
    experiment {
        target (normalCov [ 0.8; -0.3 ] [ [ 0.9; 0.3 ]; [ 0.3; 0.5 ] ])
        forward forward'
        score (exact |> shifted 0.2)
        start (from (normal [ 0.1; 0.4 ] 1.2))
        sampler (anneal (levels parameters) (predictor method))
        measure [ kl; w2 ]
    }

let private grids = [ vp, [ 2.0; 1.3; 0.9; 0.5; 0.2 ]; vp, [ 1.5; 0.6; 0.0 ]; ve, [ 5.0; 2.0; 1.1; 0.4; 0.1 ] ]

let private same what e other =
    let one, two = (ExactLaws.gaussianLaw e).Moments(), (ExactLaws.gaussianLaw other).Moments()

    for a, b in Seq.zip (Seq.append one.Mean one.Variance) (Seq.append two.Mean two.Variance) do
        Expect.isLessThan (abs (a - b)) (1e-12 * (1.0 + abs a)) what

let private limits =
    testList
        "limits"
        [
            testCase "without memory, noise or churn every method is the one that it comes from" (fun () ->
                for forward', parameters in grids do
                    for one, other in
                        [
                            lms 1, flow
                            ipndm 1, flow
                            deis 1, flow
                            dpmpp2mSde 0.0, dpmpp2m
                            dpmppSde 0.0, dpmpp2s
                            churn 0.0 flowHeun, flowHeun
                            churnWithin 5.0 100.0 200.0 1.0 dpm2, dpm2
                        ] do
                        same $"{one}" (annealing forward' parameters one) (annealing forward' parameters other))

            testCase "on one transition every method of the flow that keeps something is Euler's" (fun () ->
                for forward' in [ vp; ve ] do
                    for method in [ lms 4; ipndm 4; deis 3; dpmpp2m; dpmpp3mSde 0.0; unipc 3 ] do
                        same
                            $"{method}"
                            (annealing forward' [ 1.5; 0.3 ] method)
                            (annealing forward' [ 1.5; 0.3 ] flow))

            testCase "every anneal starts anew" (fun () ->
                let twice method =
                    { annealing ve [ 2.0; 1.0 ] method with
                        Sampler =
                            anneal (levels [ 2.0; 1.0 ]) (predictor method)
                            >=> anneal (levels [ 1.0; 0.4 ]) (predictor method)
                    }

                for method in [ lms 3; dpmpp2m; unipc 2; dpmpp3mSde 0.0 ] do
                    same $"{method}" (twice method) (annealing ve [ 2.0; 1.0; 0.4 ] flow))

            testCase "equal steps in ρ make lms and ipndm one method" (fun () ->
                let equal = [ 2.0; 1.7; 1.4; 1.1; 0.8; 0.5 ]

                for k in 1..4 do
                    same $"{k}" (annealing ve equal (lms k)) (annealing ve equal (ipndm k)))
        ]

/// Sixteen particles, one after the other, by the second reading of the words, with the engine's own normals.
let private byParticles method =
    let e =
        { annealing vp [ 1.6; 0.9; 0.5; 0.3; 0.1 ] method with
            Target = mixture [ 0.4, normal [ -1.0; 0.5 ] 0.3; 0.6, normal [ 1.0; -0.5 ] 0.6 ]
            Start = point [ 0.6; -0.9 ]
            Particles = 16
        }

    let law = Density.law (fun file -> invalidOp file) e.Target
    let estimate = Steps.estimate 2 law e.Score.Modifiers
    let stream = RandomStream(7UL, 0L)
    let mutable particles = Array.create 16 [ [| 0.6; -0.9 |] ]

    for event in (Course.ofExperiment e).Events do
        match event with
        | Course.Look _ -> ()
        | _ ->
            let move, draws = Memory.move e.Forward estimate event

            let noises =
                [
                    for _ in 1..draws do
                        let noise = Array.zeroCreate 32
                        stream.FillNormal(noise.AsSpan())
                        noise
                ]

            particles <-
                particles
                |> Array.mapi (fun i state -> move state [ for noise in noises -> [| noise[i]; noise[16 + i] |] ])

    particles |> Array.map List.head, (Ensemble().Run(ExactLaws.planOf e, RunOptions(Particles = 16L, Seed = 7UL)))

let private everyMethod =
    [
        lms 4
        lms 2
        ipndm 4
        deis 4
        deis 2
        dpmpp2m
        dpmpp2mSde 0.7
        dpmpp3mSde 1.0
        dpmppSde 0.6
        unipc 1
        unipc 2
        unipc 3
        churn 1.2 flowHeun
        churnWithin 9.0 0.4 3.0 1.1 dpm2
    ]

let private onTheLine method start' =
    experiment {
        target (mixture [ 0.4, normal [ -1.0 ] 0.3; 0.6, normal [ 1.0 ] 0.6 ])
        forward ve
        start start'
        sampler (corrector (langevin 0.1) >=> anneal (geometric 3.0 0.2 6) (predictor method >=> probe "along"))
        measure [ tv; w2 ]
    }

let private interpreters =
    testList
        "interpreters"
        [
            testCase "particles are those of the second reading, with the same normals" (fun () ->
                for method in everyMethod do
                    let expected, outcome = byParticles method
                    let law = (Seq.last outcome.Probes).Law :?> ParticleLaw

                    for i in 0..15 do
                        let actual = law.Particles.Particle(int64 i)

                        for e in 0..1 do
                            Expect.isLessThan
                                (abs (actual[e] - expected[i][e]))
                                1e-9
                                $"{method}, particle {i}: {actual[e]:R} against {expected[i][e]:R}")

            testCase "particles do not depend on threads, and no byte is allocated a step" (fun () ->
                let plan method n =
                    EnsemblePlans.planOf EnsemblePlans.bimodal prior (anneal (uniform 2.0 0.1 n) (predictor method))

                for method in [ dpmpp3mSde 1.0; dpmppSde 1.0; unipc 3 ] do
                    let of' threads =
                        EnsemblePlans.run (plan method 9) (EnsemblePlans.options 5000L threads)
                        |> EnsemblePlans.particlesOf

                    Expect.equal (of' 3) (of' 1) $"{method}"

                    // A plan is compiled once; what is left is a step's own.
                    let allocated rounds =
                        let again = repeat rounds (anneal (uniform 2.0 0.1 4) (predictor method))
                        let plan = EnsemblePlans.planOf EnsemblePlans.bimodal prior again
                        let before = GC.GetAllocatedBytesForCurrentThread()
                        EnsemblePlans.run plan (EnsemblePlans.options 16L 1) |> ignore
                        GC.GetAllocatedBytesForCurrentThread() - before

                    allocated 10 |> ignore
                    let few = allocated 10
                    // Tables that remember plans grow now and then, by less than a byte of these steps.
                    Expect.isLessThan (allocated 5000 - few) (4L * 4990L) $"{method}: bytes for 5000 rounds and for 10")

            testCase
                "the line follows what is a map of the anneal's start: a normal law as a mixture, at every level"
                (fun () ->
                    for method in [ lms 4; ipndm 3; deis 3; dpmpp2m; dpmpp3mSde 0.0; unipc 3 ] do
                        let of' law =
                            experiment {
                                target law
                                forward vp

                                sampler (
                                    corrector (langevin 0.05)
                                    >=> anneal (uniform 2.0 0.1 6) (predictor method >=> probe "along")
                                )

                                measure [ tv; kl; w2 ]
                            }
                            |> ExactLaws.planOf

                        let one = normal [ 0.5 ] 0.4
                        let closed = GaussianInterpreter().Run(of' one, RunOptions())
                        let summed = GridInterpreter().Run(of' (mixture [ 0.5, one; 0.5, one ]), RunOptions())
                        Expect.isTrue summed.IsCompleted $"{summed.Status}"
                        Expect.equal summed.Probes.Length closed.Probes.Length "probes"

                        for a, b in Seq.zip closed.Probes summed.Probes do
                            for metric in [ Metric.Tv; Metric.Kl; Metric.W2 ] do
                                let exact, found = a.Law.Measure metric, b.Law.Measure metric

                                Expect.isTrue
                                    (found.Lower <= exact.Upper && exact.Lower <= found.Upper)
                                    $"{method} {metric}: {found} {exact}"

                                Expect.isLessThan (found.Upper - found.Lower) 1e-6 "narrow")

            testCase "a point goes through two modes as the second reading says" (fun () ->
                for method in [ lms 4; ipndm 3; deis 3; dpmpp2m; unipc 3; dpmpp3mSde 0.0 ] do
                    let e =
                        { onTheLine method (point [ 0.3 ]) with
                            Sampler = anneal (geometric 3.0 0.2 6) (predictor method)
                        }

                    let estimate = Steps.estimate 1 (Density.law (fun file -> invalidOp file) e.Target) []

                    let expected =
                        ([ [| 0.3 |] ], (Course.ofExperiment e).Events)
                        ||> List.fold (fun state event ->
                            match event with
                            | Course.Look _ -> state
                            | _ ->
                                let move, draws = Memory.move e.Forward estimate event
                                Expect.equal draws 0 "no noise"
                                move state [])

                    let law = ExactLaws.finalOf (GridInterpreter().Run(ExactLaws.planOf e, RunOptions()))
                    Expect.isLessThan (abs (law.Moments().Mean[0] - expected.Head[0])) 1e-11 $"{method}")

            testCase "two modes on the line and particles agree" (fun () ->
                for method in [ dpmpp2m; unipc 2; lms 3 ] do
                    let plan = ExactLaws.planOf (onTheLine method prior)
                    let exact = (ExactLaws.finalOf (GridInterpreter().Run(plan, RunOptions()))).Moments()
                    let drawn = (ExactLaws.finalOf (Ensemble().Run(plan, RunOptions(Particles = 200_000L)))).Moments()
                    let error = sqrt (exact.Variance[0] / 200_000.0)
                    Expect.isLessThan (abs (exact.Mean[0] - drawn.Mean[0])) (5.0 * error) $"{method}: mean"

                    Expect.isLessThan
                        (abs (exact.Variance[0] - drawn.Variance[0]))
                        (12.0 * error)
                        $"{method}: variance")

            testCase
                "what neither a map nor two coordinates follow is refused with the reason, and particles run it"
                (fun () ->
                    for body, says in
                        [
                            predictor (dpmpp3mSde 1.0), "'dpmpp3mSde' draws noise while earlier evaluations"
                            predictor (lms 4) >=> corrector (langevinScaled 0.1),
                            "'langevinScaled' draws noise while earlier"
                        ] do
                        let e = { onTheLine dpmpp2m prior with Sampler = anneal (geometric 3.0 0.2 4) body }
                        let plan = ExactLaws.planOf e
                        Expect.stringContains (GridInterpreter().WhyNot plan) says "grid"
                        Expect.stringContains (ProductInterpreter().WhyNot plan) "particles" "product"
                        Expect.isEmpty (Laws.applicable plan) "no exact law"
                        Expect.isTrue (Ensemble().Run(plan, RunOptions(Particles = 100L))).IsCompleted "particles"

                    // One transition keeps nothing, and its noise comes last.
                    let alone =
                        { onTheLine dpmpp2m prior with
                            Sampler = anneal (levels [ 3.0; 1.0 ]) (predictor (dpmpp2mSde 1.0))
                        }

                    Expect.isTrue
                        (GridInterpreter().Run(ExactLaws.planOf alone, RunOptions())).IsCompleted
                        "one transition")

            // By the trapezoid rule in 80-bit numbers, with the Lagrange weights of the levels and the target's quantiles by
            // bisection: 9.02990378183e-5 for 1e5 and for 2e5 steps in x.
            testCase "64 steps of lms 4 between two modes: the rounding stays a rounding" (fun () ->
                let e =
                    experiment {
                        target (mixture [ 0.4, normal [ -2.0 ] 0.25; 0.6, normal [ 1.0 ] 0.5 ])
                        forward ve
                        start warm
                        sampler (anneal (karras 7.0 10.0 0.05 64) (predictor (lms 4)))
                    }

                let found =
                    (ExactLaws.finalOf (GridInterpreter().Run(ExactLaws.planOf e, RunOptions()))).Measure Metric.W2

                Expect.isLessThanOrEqual found.Lower 9.0299037819e-5 "lower end"
                Expect.isGreaterThanOrEqual found.Upper 9.0299037817e-5 "upper end"
                Expect.isLessThan (found.Upper - found.Lower) 1e-11 "width")

            testCase "a diverging run of a method with memory says so" (fun () ->
                let e = { annealing ve [ 1e12; 1e-12 ] dpmpp2m with Score = exact |> scaled (-1e200) }
                let e = { e with Sampler = anneal (geometric 1e12 1e-12 8) (predictor dpmpp2m) }

                for law in [ GaussianInterpreter() :> IInterpreter; Ensemble() ] do
                    match (law.Run(ExactLaws.planOf e, RunOptions(Particles = 100L))).Status with
                    | :? RunStatus.Diverged as diverged -> Expect.equal diverged.Method "dpmpp2m" law.Backend
                    | other -> failtestf "%s: %A" law.Backend other)
        ]

let private readers =
    testList
        "readers of plans"
        [
            testCase "statements and certificates about tableaux refuse, and the plan counts its steps" (fun () ->
                let e = annealing vp [ 2.0; 1.0; 0.5 ] dpmpp2m
                let plan = ExactLaws.planOf e
                let subject = { Experiment = e; Plan = plan; Setting = Map.empty }
                let says = "'dpmpp2m' keeps earlier evaluations"
                Expect.equal (plan.StepCount, plan.ScoreEvaluations) (2L, 2L) "counts"
                Expect.throwsT<NoTableauException> (fun () -> Seq.iter ignore (plan.Tableaus())) "tableaux"

                match
                    Subject.uniformPredictor subject,
                    Subject.langevin subject,
                    Certificates.Certificate.ofPlan Threading.CancellationToken.None plan
                with
                | Error a, Error b, Error c ->
                    for reason in [ a; b; c ] do
                        Expect.stringContains reason says "reason"
                | other -> failtestf "%A" other

                for theorem in Catalogue.theorems |> List.filter (fun t -> t.Stance <> SelfCheck) do
                    Expect.isSome (snd (Assumption.evaluateAll subject theorem.Assumptions)) $"{theorem.Id} covers it")
        ]

let tests = testList "Memory" [ limits; interpreters; readers ]
