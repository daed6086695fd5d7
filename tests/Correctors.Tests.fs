/// Correctors against their papers: sizes of steps, runs of underdamped Langevin, the randomised midpoint.
module Sgm.Tests.CorrectorsTests

open System
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification.References
open Sgm.Tests.CorrectorSizesTests

let private moments e = (ExactLaws.gaussianLaw e).Moments()

let private disturbed body =
    { at (normalDiag [ 0.8; -1.0 ] [ 0.5; 2.0 ]) vp body with
        Score = scoreOf (normalDiag [ 0.6; -0.5 ] [ 0.7; 1.5 ]) |> shifted 0.2
        Start = from (normal [ 1.0; 0.0 ] 0.3)
    }

let private splittings = [ obabo 1.5 0.3; baoab 1.5 0.3 ]

/// x and v of a mean, and the covariance of both, after steps as the papers write them, letter by letter, on N(0, s²).
let private kinetic letters gamma variance start count =
    let rec run n (xx, xv, vv) =
        if n = 0 then
            xx
        else
            let step (xx, xv, vv) (letter: char, t) =
                match letter with
                | 'A' -> xx + 2.0 * t * xv + t * t * vv, xv + t * vv, vv
                | 'B' ->
                    let k = -t / variance
                    xx, xv + k * xx, vv + 2.0 * k * xv + k * k * xx
                | _ ->
                    let c = exp (-gamma * t)
                    xx, c * xv, c * c * vv + 1.0 - c * c

            run (n - 1) (List.fold step (xx, xv, vv) letters)

    run count (start, 0.0, 1.0)

let private lettersOf (method: CorrectorMethod) h =
    match method.Word with
    | "obabo" -> [ 'O', h / 2.0; 'B', h / 2.0; 'A', h; 'B', h / 2.0; 'O', h / 2.0 ]
    | _ -> [ 'B', h / 2.0; 'A', h / 2.0; 'O', h; 'A', h / 2.0; 'B', h / 2.0 ]

let private runs =
    testList
        "runs of underdamped Langevin"
        [
            testCase "the variance after n steps is that of the letters, from a law that is not at rest" (fun () ->
                for method in splittings do
                    for n in [ 1; 2; 3; 7; 40 ] do
                        let e =
                            { at (normal [ 0.0 ] 0.5) ve (repeat n (corrector method)) with
                                Start = from (normal [ 0.0 ] 2.0)
                            }

                        let expected = kinetic (lettersOf method 0.3) 1.5 0.5 2.0 n
                        near 1e-13 (moments e).Variance[0] expected $"{method}, {n} steps")

            testCase "at rest: obabo has v/(1 − h²/4v), baoab has v" (fun () ->
                let v, h = 0.7, 0.4
                let rest method = (moments (at (normal [ 1.0 ] v) ve (repeat 400 (corrector method)))).Variance[0]
                near 1e-12 (rest (obabo 1.0 h)) (v / (1.0 - h * h / (4.0 * v))) "obabo"
                near 1e-12 (rest (baoab 1.0 h)) v "baoab")

            testCase "one step alone is a step of Langevin" (fun () ->
                let same one other what =
                    let a, b = moments (disturbed one), moments (disturbed other)

                    for i in 0..1 do
                        near 1e-13 a.Mean[i] b.Mean[i] $"{what}: mean"
                        near 1e-13 a.Variance[i] b.Variance[i] $"{what}: variance"

                let h, gamma = 0.3, 1.5
                let c = exp (-gamma * h)
                same (corrector (obabo gamma h)) (corrector (langevin (h * h / 2.0))) "obabo"
                same (corrector (baoab gamma h)) (corrector (langevin (h * h * (1.0 + c) / 4.0))) "baoab"

                // Without memory of the velocity every step is the first one (Leimkuhler & Matthews 2013, on OBABO).
                let strong = repeat 5 (corrector (obabo (500.0 / h) h))
                same strong (repeat 5 (corrector (langevin (h * h / 2.0)))) "obabo of infinite friction")

            testCase "probes do not end a run; other steps, other arguments and transitions do" (fun () ->
                let u = corrector (baoab 1.5 0.3)

                let start pipeline =
                    [
                        for step in (planOf (disturbed pipeline)).Steps() do
                            match step with
                            | :? GeneralTableau as step -> step.Stages.Length = 2
                            | _ -> ()
                    ]
                    // Repeated steps once.
                    |> List.filter id
                    |> List.length

                for starts, pipeline in
                    [
                        1, u >=> probe "one" >=> u >=> repeat 3 (u >=> probe "many")
                        2, u >=> u >=> corrector (langevin 0.1) >=> u
                        2, u >=> corrector (baoab 1.5 0.31) >=> identity
                        2, u >=> corrector (obabo 1.5 0.3)
                        3, u >=> anneal (levels [ 1.0; 0.5 ]) (u >=> u) >=> u
                        4, anneal (levels [ 1.0; 0.5; 0.25 ]) (u >=> predictor flow >=> u)
                    ] do
                    Expect.equal (start pipeline) starts $"{pipeline}"

                // A run in pieces is the run.
                let whole = moments (disturbed (repeat 6 u))

                for pieces in
                    [ u >=> repeat 5 u; repeat 2 (repeat 3 u); repeat 3 (u >=> u); repeat 5 u >=> identity >=> u ] do
                    Expect.equal (moments (disturbed pieces)).Variance whole.Variance $"{pieces}"

                let broken = moments (disturbed (repeat 3 (u >=> u >=> corrector (langevin 1e-9))))

                Expect.isGreaterThan
                    (abs (broken.Variance[0] - whole.Variance[0]))
                    1e-3
                    "a run that is ended is another law")

            testCase "a run leaves what the anneal's predictor keeps" (fun () ->
                for method in splittings do
                    for predicting in [ lms 3; dpmpp2m; dpmpp3mSde 1.0; unipc 3; ancestral ] do
                        for body in
                            [
                                predictor predicting >=> repeat 2 (corrector method)
                                repeat 2 (corrector method) >=> predictor predicting
                                corrector method
                                >=> predictor predicting
                                >=> corrector (langevin 0.01)
                                >=> corrector method
                            ] do
                            let e = disturbed (anneal (uniform 1.0 0.1 5) body)

                            match Reference.readings (fun file -> invalidOp file) e with
                            | Error reason -> failtest reason
                            | Ok readings ->
                                let expected, law = List.last readings, moments e

                                for i in 0..1 do
                                    near 1e-10 (law.Mean[i]) expected.Means[i].Value $"{body}: mean"
                                    near 1e-10 (law.Variance[i]) expected.Variances[i].Value $"{body}: variance")

            testCase "exact laws are those of the second reading, and particles have the same moments" (fun () ->
                for method in splittings @ [ langevinScaled 0.1; ald 0.2 ] do
                    let body step = corrector step >=> predictor ancestral >=> repeat 3 (corrector step)

                    let e = disturbed (anneal (uniform 1.0 0.1 3) (body method) >=> repeat 4 (corrector method))
                    let outcome = GaussianInterpreter().Run(planOf e, RunOptions())

                    match Reference.readings (fun file -> invalidOp file) e with
                    | Error reason -> failtest reason
                    | Ok readings ->
                        let expected = List.last readings
                        let law = (ExactLaws.finalOf outcome).Moments()

                        for i in 0..1 do
                            near 1e-11 law.Mean[i] expected.Means[i].Value $"{method}: mean"
                            near 1e-11 law.Variance[i] expected.Variances[i].Value $"{method}: variance"

                        let n = 100_000L
                        let drawn = (ExactLaws.finalOf (Ensemble().Run(planOf e, RunOptions(Particles = n)))).Moments()

                        for i in 0..1 do
                            let deviation = sqrt (law.Variance[i] / float n)
                            Expect.isLessThan (abs (drawn.Mean[i] - law.Mean[i])) (5.0 * deviation) $"{method}: mean"

                            Expect.isLessThan
                                (abs (drawn.Variance[i] / law.Variance[i] - 1.0))
                                (5.0 * sqrt (2.0 / float n))
                                $"{method}: variance")
        ]

let private twoModes body =
    { at (mixture [ 0.4, normal [ -1.0; 0.5 ] 0.3; 0.6, normal [ 1.0; -0.5 ] 0.6 ]) ve body with
        Start = point [ 0.6; -0.9 ]
        Particles = 16
    }

let private sum = List.reduce (Array.map2 (+))
let private times (c: float) = Array.map ((*) c)

let private particles =
    testList
        "particles"
        [
            testCase "the randomised midpoint is the paper's, with the stream's own numbers" (fun () ->
                let h = 0.2
                let e = twoModes (repeat 3 (corrector (randomizedMidpoint h)))
                let plan = planOf e
                let field = ScoreField plan.Score
                let stream = RandomStream(7UL, 0L)
                let mutable states = Array.create 16 [| 0.6; -0.9 |]

                let score (x: float[]) =
                    let found = Array.zeroCreate 2
                    field.Evaluate(NoiseLevel.Data, ReadOnlySpan x, found.AsSpan(), 1)
                    found

                for _ in 1..3 do
                    let fractions = Array.zeroCreate 16
                    stream.FillUniform(fractions.AsSpan())
                    let one, two = Array.zeroCreate 32, Array.zeroCreate 32
                    stream.FillNormal(one.AsSpan())
                    stream.FillNormal(two.AsSpan())

                    states <-
                        states
                        |> Array.mapi (fun i x ->
                            let u = fractions[i]
                            let upTo = times (sqrt (2.0 * u * h)) [| one[i]; one[16 + i] |]
                            let from = times (sqrt (2.0 * (1.0 - u) * h)) [| two[i]; two[16 + i] |]
                            let y = sum [ x; times (u * h) (score x); upTo ]
                            sum [ x; times h (score y); upTo; from ])

                let law =
                    (Seq.last (Ensemble().Run(plan, RunOptions(Particles = 16L, Seed = 7UL))).Probes).Law
                    :?> ParticleLaw

                for i in 0..15 do
                    let actual = law.Particles.Particle(int64 i)

                    for k in 0..1 do
                        near 1e-12 (actual[k]) (states[i].[k]) $"particle {i}")

            testCase "its variance on a normal law is that of a step's moments, from the start to rest" (fun () ->
                let v, h = 1.0, 0.8
                let a = h / v

                let after count =
                    (2.0, [ 1..count ])
                    ||> List.fold (fun variance _ ->
                        let kept = (1.0 - a) ** 2.0 + (1.0 - a) * a * a + a ** 4.0 / 3.0
                        variance * kept + h * (1.0 - a) ** 2.0 + h)

                let rest = v * (2.0 - 2.0 * a + a * a) / (2.0 - 2.0 * a + a * a - a ** 3.0 / 3.0)
                near 1e-12 (after 200) rest "the closed form"

                for count in [ 1; 2; 30 ] do
                    let e =
                        { at (normal [ 0.5 ] v) ve (repeat count (corrector (randomizedMidpoint h))) with
                            Start = from (normal [ 0.5 ] 2.0)
                        }

                    let n = 400_000L
                    let drawn = (ExactLaws.finalOf (Ensemble().Run(planOf e, RunOptions(Particles = n)))).Moments()
                    let expected = after count
                    Expect.isLessThan (abs (drawn.Mean[0] - 0.5)) (5.0 * sqrt (expected / float n)) "mean"
                    // Its excess kurtosis is small.
                    Expect.isLessThan
                        (abs (drawn.Variance[0] / expected - 1.0))
                        (6.0 * sqrt (2.0 / float n))
                        "variance")

            testCase "particles do not depend on threads, and no byte is allocated a step" (fun () ->
                for method in [ obabo 1.0 0.2; baoab 1.0 0.2; randomizedMidpoint 0.2 ] do
                    let plan n = EnsemblePlans.planOf EnsemblePlans.bimodal warm (repeat n (corrector method))

                    let of' threads =
                        EnsemblePlans.run (plan 9) (EnsemblePlans.options 5000L threads) |> EnsemblePlans.particlesOf

                    Expect.equal (of' 3) (of' 1) $"{method}"

                    let allocated n =
                        let plan = plan n
                        let before = GC.GetAllocatedBytesForCurrentThread()
                        EnsemblePlans.run plan (EnsemblePlans.options 16L 1) |> ignore
                        GC.GetAllocatedBytesForCurrentThread() - before

                    allocated 10 |> ignore
                    let few = allocated 10

                    Expect.isLessThan
                        (allocated 10_000 - few)
                        (4L * 990L)
                        $"{method}: bytes for 10 000 steps and for 10")

            testCase "what has no exact law is refused with the reason" (fun () ->
                let onLine body = planOf (at (mixture [ 0.5, normal [ -1.0 ] 0.3; 0.5, normal [ 1.0 ] 0.3 ]) ve body)
                let normalLaw body = planOf (at (normal [ 0.0 ] 1.0) ve body)
                let random = repeat 2 (corrector (randomizedMidpoint 0.1))
                let says = "'randomizedMidpoint' takes a random fraction of a step"
                Expect.stringContains (GaussianInterpreter().WhyNot(normalLaw random)) says "gaussian"
                Expect.stringContains (GridInterpreter().WhyNot(onLine random)) says "grid"
                Expect.stringContains (ProductInterpreter().WhyNot(normalLaw random)) says "product"
                Expect.isEmpty (Laws.applicable (normalLaw random)) "no exact law"

                for method in splittings do
                    Expect.isNull (GridInterpreter().WhyNot(onLine (repeat 2 (corrector method)))) "the line")
        ]

let tests = testList "Correctors" [ CorrectorSizesTests.tests; runs; particles ]
