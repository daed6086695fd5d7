module Sgm.Tests.EnsembleRunTests

open System
open System.Diagnostics
open System.Threading
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Tests.EnsemblePlans

let private determinism =
    testList
        "determinism"
        [
            testCase "1, 2 and 7 threads give the same bits" (fun () ->
                let one = run annealed (options 3001L 1) |> particlesOf
                Expect.equal one.Length 8 "seven levels and the end"
                Expect.equal (run annealed (options 3001L 2) |> particlesOf) one "two threads"
                Expect.equal (run annealed (options 3001L 7) |> particlesOf) one "seven threads")
            testCase "blocks split over runs give the same bits" (fun () ->
                let whole = run annealed (options 3001L 2)

                for cuts in [ [ 0L; 1L; 6L ]; [ 0L; 3L; 4L; 6L ] ] do
                    let parts =
                        cuts
                        |> List.pairwise
                        |> List.map (fun (a, b) -> Ensemble().Run(annealed, options 3001L 1, a, b - a))

                    for index in 0..7 do
                        let laws = parts |> List.map (fun part -> part.Probes[index].Law :?> ParticleLaw)
                        let joined = ParticleLaw.Concat(Array.ofList laws)
                        let expected = whole.Probes[index].Law :?> ParticleLaw
                        Expect.equal (joined.Particles.Coordinate 1) (expected.Particles.Coordinate 1) "particles"
                        Expect.equal (joined.Moments().Variance) (expected.Moments().Variance) "moments")
            testCase "another seed gives other particles" (fun () ->
                let a = run annealed (RunOptions(Particles = 100L, Seed = 1UL)) |> particlesOf
                let b = run annealed (RunOptions(Particles = 100L, Seed = 2UL)) |> particlesOf
                Expect.notEqual a b "particles")
            testCase "a particle is found by its index" (fun () ->
                let law = (run annealed (options 1200L 1)).Probes[7].Law :?> ParticleLaw
                let rows = Array.init 2 law.Particles.Coordinate

                for i in [ 0; 511; 512; 1199 ] do
                    Expect.equal (law.Particles.Particle(int64 i)) [| rows[0][i]; rows[1][i] |] $"particle {i}")
            testCase "an anneal too long to compile at once gives what its two halves give" (fun () ->
                let rows = Array.init 9000 (fun i -> [| float (i % 97) / 10.0 |])
                let data: Lower.DataSets = fun _ -> rows

                let plan sampler =
                    Lower.plan
                        data
                        {
                            Target = samples "rows" 0.5
                            Forward = Ve
                            Score = exact
                            Start = prior
                            Sampler = sampler
                            Measure = []
                            Particles = 1
                            Seed = 1L
                            Discrete = None
                        }

                let long = anneal (uniform 10.0 1.0 1200) (predictor ancestral)
                let levels = List.init 1201 (fun i -> Schedule.parameter ve (uniform 10.0 1.0 1200) i)

                let halves =
                    anneal (levels |> List.take 601 |> Levels) (predictor ancestral)
                    >=> anneal (levels |> List.skip 600 |> Levels) (predictor ancestral)

                let particles = particlesOf (run (plan long) (options 16L 1))
                Expect.equal (run (plan halves) (options 16L 1) |> particlesOf) particles "particles")
        ]

/// The same plan on one block of sixteen particles, one particle at a time, with the same normals.
let private naiveRun (plan: Plan) seed (start: float[]) =
    let d = plan.Dimension
    let stream = RandomStream(seed, 0L)
    let state = Array.init 16 (fun _ -> Array.copy start)

    for instruction in plan.Unrolled() do
        match instruction with
        | :? Instruction.Step as step ->
            let t = step.Tableau
            let noise = Array.zeroCreate (16 * d)

            if t.C <> 0.0 then
                stream.FillNormal(noise.AsSpan())

            for i in 0..15 do
                let x = state[i]
                let scores = ResizeArray<float[]>()

                for stage in t.Stages do
                    let y =
                        Array.init d (fun e ->
                            stage.A * x[e] + Seq.sum (Seq.mapi (fun j b -> b * scores[j][e]) stage.B))

                    scores.Add(
                        EnsembleKernelTests.Naive.score plan.Score stage.Level y |> Array.map2 (Naive.read stage) y
                    )

                state[i] <-
                    Array.init d (fun e ->
                        t.A * x[e] + Seq.sum (Seq.mapi (fun j b -> b * scores[j][e]) t.B) + t.C * noise[e * 16 + i])
        | _ -> ()

    state

let private tableaus =
    let compare name sampler =
        testCase name (fun () ->
            let start = [ 0.7; -0.2 ]
            let plan = planOf bimodal (point start) sampler
            let expected = naiveRun plan 7UL (Array.ofList start)
            let law = (run plan (options 16L 1)).Probes[0].Law :?> ParticleLaw

            for i in 0..15 do
                let actual = law.Particles.Particle(int64 i)

                for e in 0..1 do
                    Expect.floatClose { absolute = 1e-9; relative = 1e-9 } actual[e] (expected[i][e]) $"particle {i}")

    let predictors =
        [
            "eulerMaruyama", eulerMaruyama
            "exponential", exponential
            "ancestral", ancestral
            "flow", flow
            "flowHeun", flowHeun
        ]

    testList
        "tableaus against naive loops with the same noise"
        [
            for name, method in predictors do
                compare name (anneal (uniform 1.5 0.0 6) (predictor method))

            compare "langevin" (repeat 10 (corrector (langevin 0.05)))
            compare "langevinScaled" (anneal (geometric 1.0 0.1 4) (repeat 3 (corrector (langevinScaled 0.2))))
        ]

/// Within 4.1 standard errors: some forty such comparisons pass whatever the seed.
let private inside name exact value error =
    if not (abs (value - exact) <= 4.1 * error) then
        failtestf "%s: %g is not within 4.1 standard errors %g of %g" name value error exact

let private closedForms =
    testList
        "closed forms within standard errors"
        [
            testTheory "Langevin on N(0, v): variance v/(1 − h/2v)" [ 0.5; 1.0; 4.0 ] (fun v ->
                let h = 0.6 * v
                let plan = langevinPlan (Engine.Target.Centred(2, v)) h 200L
                let moments = (run plan (options 200_000L 0)).Probes[0].Law.Moments()

                for e in 0..1 do
                    inside "variance" (v / (1.0 - h / (2.0 * v))) moments.Variance[e] moments.VarianceError[e]
                    inside "mean" 0.0 moments.Mean[e] moments.MeanError[e])
            testCase "reverse Ornstein–Uhlenbeck from N(0, I) to N(2, 1), Euler–Maruyama" (fun () ->
                let time, steps, mu = 3.0, 30, 2.0
                let gamma = time / float steps
                let plan = planOf (normal [ mu ] 1.0) prior (anneal (uniform time 0.0 steps) (predictor eulerMaruyama))
                let moments = (run plan (options 200_000L 0)).Probes[0].Law.Moments()
                let power = (1.0 - gamma) ** float steps
                let a = 2.0 * gamma / (gamma + exp gamma - 1.0) * (1.0 - power * exp -time)
                let v = 1.0 + gamma / (2.0 - gamma) * (1.0 - power * power)
                inside "mean" (a * mu) moments.Mean[0] moments.MeanError[0]
                inside "variance" v moments.Variance[0] moments.VarianceError[0])
            testCase "the start is the law that it says" (fun () ->
                let law = mixture [ 0.25, normal [ -2.0 ] 0.5; 0.75, normal [ 1.0 ] 2.0 ]
                let full = normalCov [ 1.0; 0.0 ] [ [ 2.0; 0.9 ]; [ 0.9; 1.0 ] ]
                let plan = planOf (product [ 2, law; 1, full ]) warm identity
                let moments = (run plan (options 400_000L 0)).Probes[0].Law.Moments()
                let mean = 0.25 * -2.0 + 0.75 * 1.0
                let variance = 0.25 * (0.5 + 4.0) + 0.75 * (2.0 + 1.0) - mean * mean

                Array.zip3 [| mean; mean; 1.0; 0.0 |] moments.Mean moments.MeanError
                |> Array.iter (fun (exact, value, error) -> inside "mean" exact value error)

                Array.zip3 [| variance; variance; 2.0; 1.0 |] moments.Variance moments.VarianceError
                |> Array.iter (fun (exact, value, error) -> inside "variance" exact value error)

                let particles = (run plan (options 400_000L 0)).Probes[0].Law :?> ParticleLaw
                let x = particles.Particles.Coordinate 2
                let y = particles.Particles.Coordinate 3
                let covariance = Array.fold2 (fun sum a b -> sum + (a - 1.0) * b) 0.0 x y / 400_000.0
                inside "covariance" 0.9 covariance 0.02)
        ]

let private failures =
    testList
        "runs that do not complete"
        [
            testTheory
                "a step too large diverges at the same step for any number of threads"
                [ 1; 2; 7 ]
                (fun threads ->
                    let plan = langevinPlan (Engine.Target.Centred(3, 1.0)) 12.0 1000L

                    match (run plan (options 5000L threads)).Status with
                    | :? RunStatus.Diverged as diverged ->
                        Expect.equal diverged.Block 0L "smallest block"
                        // (1 − 12)^k exceeds 1e150 within 11^-1·… steps: log 1e150 / log 11 = 144.
                        Expect.equal diverged.Method "langevin" "method"
                        Expect.isTrue (diverged.Step >= 142L && diverged.Step <= 145L) $"step {diverged.Step}"
                        Expect.stringContains diverged.Advice "smaller step" "advice"
                    | other -> failtestf "%A" other)
            testCase "only the last block diverges: it is named, with its step" (fun () ->
                let user = BlockScore(fun _ _ scores count -> scores.Fill(if count < 512 then nan else 0.0))
                let plan = langevinPlan (standardNormal 2) 0.1 5L

                match (run (scoredBy user plan) (options 1100L 2)).Status with
                | :? RunStatus.Diverged as diverged ->
                    Expect.equal (diverged.Block, diverged.Step) (2L, 0L) "block and step"
                | other -> failtestf "%A" other)
            testCase "a lane without a particle cannot diverge" (fun () ->
                let user =
                    BlockScore(fun _ _ scores _ ->
                        scores.Clear()
                        scores[15] <- nan)

                let outcome = run (langevinPlan (standardNormal 1) 0.1 5L |> scoredBy user) (options 10L 1)
                Expect.isTrue outcome.IsCompleted "completed")
            testCase "an exception of a user's score comes out" (fun () ->
                let user = BlockScore(fun _ _ _ _ -> raise (InvalidTimeZoneException "mine"))

                Expect.throwsT<InvalidTimeZoneException>
                    (fun () ->
                        run (langevinPlan (standardNormal 1) 0.1 5L |> scoredBy user) (options 5000L 3) |> ignore)
                    "thrown on the caller's thread")
            testCase "cancellation stops a run of 10¹² steps, every thread at its next step" (fun () ->
                use source = new CancellationTokenSource()
                // Evaluations, and those that began after the cancellation.
                let counts = [| 0; 0 |]

                let user =
                    BlockScore(fun _ _ scores _ ->
                        if source.IsCancellationRequested then
                            Interlocked.Increment(&counts[1]) |> ignore

                        scores.Clear()

                        if Interlocked.Increment(&counts[0]) = 1000 then
                            source.Cancel())

                let plan = langevinPlan (standardNormal 16) 0.1 1_000_000_000_000L |> scoredBy user
                let outcome = run plan (RunOptions(Particles = 100_000L, Threads = 2, Cancellation = source.Token))
                Expect.isTrue (outcome.Status :? RunStatus.Cancelled) "status"
                Expect.isLessThanOrEqual counts[1] 2 "evaluations that began after it")
            testCase "what cannot fit is refused with the figure" (fun () ->
                match (run (langevinPlan (standardNormal 1000) 0.1 1L) (options 1_000_000_000L 0)).Status with
                | :? RunStatus.Unsupported as refused ->
                    Expect.stringContains refused.Reason "7450" "eight bytes times 10¹² in GiB"
                | other -> failtestf "%A" other)
            testCase "a probe inside a repeat counts every time" (fun () ->
                let plan = planOf (standard 1) warm (repeat 5 (corrector (langevin 0.1) >=> probe "here"))
                let outcome = run plan (options 100L 1)

                Expect.equal
                    (outcome.Probes |> Seq.map _.Name |> List.ofSeq)
                    [ yield! List.replicate 5 "here"; "end" ]
                    "probes"

                Expect.isTrue (Ensemble.RequiredBytes(plan, options 100L 1) >= 6L * 800L) "bytes")
            testCase "a metric's copies count: W2 on the line keeps 2.25 of them" (fun () ->
                let plan = langevinPlan (standardNormal 1) 0.1 1L

                let bytes (metrics: Engine.Metric list) =
                    let measured = plan |> Sgm.Verification.Plan.withMetrics metrics
                    Ensemble.RequiredBytes(measured, options 1_000_000L 1)

                Expect.equal (bytes [ Engine.Metric.W2 ] - bytes []) 18_000_000L "W2"
                Expect.equal (bytes [ Engine.Metric.Kl ] - bytes []) 0L "KL has no value from particles")
        ]

let tests =
    testList
        "Ensemble.Run"
        [ determinism; tableaus; closedForms; failures; EnsembleCostTests.cost; EnsembleCostTests.prediction ]
