/// Steps that may be rejected, on the line: against plain sums of the papers' formulas.
module Sgm.Tests.AdjustedTests

open System
open Expecto
open Sgm
open Sgm.Tests.ExactLaws

let private outcome e = Engine.GridInterpreter().Run(planOf e, Engine.RunOptions())
let private last (e: Experiment) = Seq.last (outcome e).Probes

let private two = mixture [ 0.3, normal [ -1.5 ] 0.3; 0.7, normal [ 1.0 ] 0.6 ]
let private uneven = mixture [ 0.5, normal [ 0.0 ] 1.0; 0.3, normal [ 1.0 ] 0.04; 0.2, normal [ -3.0 ] 0.5 ]

let private one law estimate first sampler' =
    experiment {
        target law
        forward ve
        score estimate
        start first
        sampler sampler'
        measure [ tv; kl; w2 ]
    }

/// What a twin knows of an experiment: ln p, s and the density of the start.
type private Twin = { LogTarget: float -> float; Score: float -> float; Start: float -> float }

let private twin e =
    let plan = planOf e
    let level = plan.InitialLevel

    let start =
        match plan.Start with
        | :? Engine.Start.Law as law -> exp << Naive.logDensity law.Of.Factors[0].Law law.Level
        | other -> failwith $"{other}"

    {
        LogTarget = Naive.logDensity plan.Target.Factors[0].Law level
        Score = Naive.score plan.Score level
        Start = start
    }

/// ln of min(1, ·)'s argument for a proposal from x to y of Langevin's kernel, E given.
let private logRatio t h energy x y =
    let logQ x y = -((y - x - h * t.Score x) ** 2.0) / (4.0 * h)
    energy x y + logQ y x - logQ x y

/// ln p(y) − ln p(x).
let private byDensity t x y = t.LogTarget y - t.LogTarget x

/// Its trapezoid rule at k points of the way.
let private byScore t k x y =
    let s j = t.Score(x + (y - x) * float j / float (k - 1))
    (y - x) * (0.5 * (s 0 + s (k - 1)) + List.sumBy s [ 1 .. k - 2 ]) / float (k - 1)

/// The density at y after one step, by sums over even nodes so far apart.
let private densityAfter width t h energy y =
    let nodes = Array.init (int (24.0 / width) + 1) (fun i -> -12.0 + width * float i)
    let q x y = exp (-((y - x - h * t.Score x) ** 2.0) / (4.0 * h)) / sqrt (4.0 * Math.PI * h)
    let a x y = min 1.0 (exp (logRatio t h energy x y))
    let weighted w x y = if w < 1e-20 then 0.0 else w * a x y
    let comes = nodes |> Array.sumBy (fun x -> weighted (t.Start x * q x y) x y)
    let leaves = nodes |> Array.sumBy (fun z -> weighted (q y z) y z)
    width * comes + t.Start y * (1.0 - width * leaves)

/// The proposal of L leapfrogs from x with velocity v, and ln of its ratio (Neal 2011).
let private leap t h leaps x v =
    let mutable y, u = x, v

    for _ in 1..leaps do
        let halfway = u + h / 2.0 * t.Score y
        y <- y + h * halfway
        u <- halfway + h / 2.0 * t.Score y

    y, t.LogTarget y - t.LogTarget x + (v * v - u * u) / 2.0

/// E g(X′) for several g, and the mean acceptance, by sums over places and velocities.
let private meansAfter t h leaps (gs: (float -> float) list) =
    let even n = Array.init n (fun i -> 16.0 * (float i + 0.5) / float n - 8.0)
    let xs, vs = even 1600, even 1600
    let cell = (16.0 / 1600.0) ** 2.0
    let sums = Array.zeroCreate (gs.Length + 1)

    for x in xs do
        let f = t.Start x

        if f > 1e-14 then
            for v in vs do
                let w = cell * f * exp (-0.5 * v * v) / sqrt (2.0 * Math.PI)
                let y, log' = leap t h leaps x v
                let a = min 1.0 (exp log')
                gs |> List.iteri (fun i g -> sums[i] <- sums[i] + w * (a * g y + (1.0 - a) * g x))
                sums[gs.Length] <- sums[gs.Length] + w * a

    List.ofArray sums

let private scores =
    [
        "exact", exact
        "shifted and scaled", exact |> shifted 0.5 |> scaled 0.7
        "rippled", exact |> rippled 0.8 3.0
        "of another law", scoreOf uneven
    ]

let private invariance =
    testList
        "p stays p, whatever the score"
        [
            for (name, law), (scored, estimate), method in
                [
                    ("a normal law", normal [ 0.5 ] 2.0), scores[0], mala 0.2
                    ("a normal law", normal [ 0.5 ] 2.0), scores[2], mala 0.2
                    ("two modes", two), scores[1], mala 0.5
                    ("two modes", two), scores[1], hmc 0.35 3
                    ("uneven widths", uneven), scores[0], mala 0.2
                    ("two modes", two), scores[3], mala 0.2
                ] do
                testCase $"{method} on {name}, the score {scored}" (fun () ->
                    let probe = last (one law estimate warm (corrector method))
                    let found = probe.Law.Measure tv
                    Expect.isLessThanOrEqual found.Value.Value 1e-12 "total variation"
                    contains found 0.0 "total variation"
                    Expect.isLessThanOrEqual found.Upper 3e-12 "its bracket"
                    Expect.isLessThan probe.Acceptance.Value.Value 1.0 "something is rejected")

            testCase "and at a level, in an anneal, where the score's law is another" (fun () ->
                let steps = repeat 3 (corrector (mala 0.3))

                let e =
                    experiment {
                        target two
                        forward vp
                        score (exact |> scaled 1.3)
                        start warm
                        sampler (steps >=> anneal (levels [ 0.5; 0.4 ]) (predictor ancestral))
                        measure [ tv ]
                    }

                let without = { e with Sampler = anneal (levels [ 0.5; 0.4 ]) (predictor ancestral) }
                let distance = (last e).Law.TotalVariationFrom (last without).Law
                Expect.isLessThanOrEqual distance.Value.Value 1e-12 "as if there were no steps")

            testCase "an affine score makes the trapezoid rule exact" (fun () ->
                let law = normal [ 0.5 ] 2.0

                for k in [ 2; 5 ] do
                    let found = (last (one law exact warm (corrector (mhScores 0.4 k)))).Law.Measure tv
                    Expect.isLessThanOrEqual found.Value.Value 1e-12 $"k = {k}")
        ]

let private shifting = exact |> shifted 0.3 |> scaled 0.9

let private againstSums =
    testList
        "plain sums"
        [
            for method, h, energy in
                [
                    mala 0.2, 0.2, byDensity
                    mala 1.0, 1.0, byDensity
                    mhScores 0.3 2, 0.3, (fun t -> byScore t 2)
                    mhScores 0.3 4, 0.3, (fun t -> byScore t 4)
                ] do
                testCase $"the density after {method}, and its acceptance" (fun () ->
                    let e = one two shifting (from (normal [ 0.4 ] 0.9)) (corrector method)
                    let t = twin e
                    let probe = last e

                    for y in [ -3.0; -1.6; -0.4; 0.3; 1.1; 2.7 ] do
                        let expected = densityAfter 1e-3 t h (energy t) y
                        let found = exp (probe.Law.LogDensity(ReadOnlySpan [| y |]).Value)
                        Expect.isLessThanOrEqual (abs (found - expected)) (2e-6 * expected + 1e-9) $"at {y}"

                    let rate =
                        let some = Array.init 401 (fun i -> -6.0 + 0.03 * float i)
                        let q x y = exp (-((y - x - h * t.Score x) ** 2.0) / (4.0 * h)) / sqrt (4.0 * Math.PI * h)
                        let ys = Array.init 1601 (fun i -> -8.0 + 0.01 * float i)

                        some
                        |> Array.sumBy (fun x ->
                            let leaves =
                                ys |> Array.sumBy (fun y -> q x y * min 1.0 (exp (logRatio t h (energy t) x y)))

                            0.03 * t.Start x * 0.01 * leaves)

                    let found = probe.Acceptance
                    Expect.isLessThanOrEqual (abs (found.Value.Value - rate)) 1e-4 "acceptance"
                    Expect.isLessThanOrEqual (found.Upper - found.Lower) 1e-5 "its bracket")

            testCase "moments and acceptance of hmc" (fun () ->
                let e = one two shifting (from (normal [ 0.4 ] 0.9)) (corrector (hmc 0.4 4))

                match meansAfter (twin e) 0.4 4 [ id; (fun x -> x * x) ] with
                | [ mean; square; rate ] ->
                    let probe = last e
                    let moments = probe.Law.Moments()
                    Expect.isLessThanOrEqual (abs (moments.Mean[0] - mean)) 2e-5 "mean"
                    Expect.isLessThanOrEqual (abs (moments.Variance[0] - (square - mean * mean))) 2e-5 "variance"
                    Expect.isLessThanOrEqual (abs (probe.Acceptance.Value.Value - rate)) 2e-5 "acceptance"
                | other -> failtest $"{other}")
        ]

let private composition =
    testList
        "before and after other steps"
        [
            testCase "after a deterministic step: the density of its image" (fun () ->
                // The flow of a normal target is linear: from N(1, 2) at σ = 1 to σ = 0 it ends in N(μ, v), which the other run starts from.
                let law = normal [ 0.5 ] 0.8

                let flowing =
                    experiment {
                        target law
                        forward ve
                        start (from (normal [ 1.0 ] 2.0))
                        sampler (anneal (levels [ 1.0; 0.0 ]) (predictor flow) >=> corrector (mala 0.4))
                        measure [ tv; kl; w2 ]
                    }

                let moved = gaussianLaw { flowing with Sampler = anneal (levels [ 1.0; 0.0 ]) (predictor flow) }

                let moments = moved.Moments()

                let direct =
                    one law exact (from (normal [ moments.Mean[0] ] moments.Variance[0])) (corrector (mala 0.4))

                for metric in [ tv; kl; w2 ] do
                    let a, b = (last flowing).Law.Measure metric, (last direct).Law.Measure metric
                    Expect.isLessThanOrEqual (abs (a.Value.Value - b.Value.Value)) 1e-9 $"{metric}")

            testCase "many steps are the same step by step as by their matrix" (fun () ->
                let repeated n = one two shifting (from (normal [ 0.4 ] 0.5)) (repeat n (corrector (mala 0.3)))
                // The second differs in every step, so that none repeats.
                let apart =
                    one
                        two
                        shifting
                        (from (normal [ 0.4 ] 0.5))
                        (List.init 5 (fun i -> corrector (mala (if i % 2 = 0 then 0.3 else 0.3 * (1.0 + 1e-15))))
                         |> List.reduce (>=>))

                for metric in [ tv; kl; w2 ] do
                    let a, b = (last (repeated 5)).Law.Measure metric, (last apart).Law.Measure metric
                    Expect.isLessThanOrEqual (abs (a.Value.Value - b.Value.Value)) 1e-9 $"{metric}")

            testCase "noise after them" (fun () ->
                let e =
                    one two shifting (from (normal [ 0.4 ] 0.9)) (corrector (mala 0.5) >=> corrector (langevin 0.2))

                let t = twin e
                // Langevin's noise on the density after one step, by sums.
                let some = Array.init 301 (fun i -> -6.0 + 0.04 * float i)
                let first = some |> Array.map (fun x -> x, densityAfter 0.02 t 0.5 (byDensity t) x)
                let law = (last e).Law

                for y in [ -1.6; 0.3; 1.4 ] do
                    let expected =
                        first
                        |> Array.sumBy (fun (x, f) ->
                            0.04 * f * exp (-((y - x - 0.2 * t.Score x) ** 2.0) / 0.8) / sqrt (0.8 * Math.PI))

                    let found = exp (law.LogDensity(ReadOnlySpan [| y |]).Value)
                    Expect.isLessThanOrEqual (abs (found - expected)) 1e-4 $"at {y}")
        ]

let private order =
    testCase "mhScores is wrong by the trapezoid rule: order 2 in k − 1" (fun () ->
        let bias k = value tv (last (one two exact warm (corrector (mhScores 0.1 k)))).Law
        let slopes = [ 5, 9 ] |> List.map (fun (a, b) -> Math.Log2(bias a / bias b))

        for slope in slopes do
            Expect.isLessThanOrEqual (abs (slope - 2.0)) 0.05 "the order")

let private refusals =
    let reason (interpreter: Engine.IInterpreter) e = interpreter.WhyNot(planOf e)

    testList
        "refusals"
        [
            testCase "normal laws and products" (fun () ->
                let e d = one (standard d) exact warm (corrector (mala 0.1))
                Expect.stringContains (reason (Engine.GaussianInterpreter()) (e 1)) "'mala' may be rejected" "normal"
                Expect.stringContains (reason (Engine.ProductInterpreter()) (e 3)) "together" "product"
                Expect.isNull (reason (Engine.GridInterpreter()) (e 1)) "the line")

            testCase "a point" (fun () ->
                let from' = one two exact (point [ 0.3 ])
                let grid = Engine.GridInterpreter()
                Expect.stringContains (reason grid (from' (corrector (mala 0.1)))) "point mass" "at once"

                Expect.isNull
                    (reason grid (from' (corrector (langevin 0.1) >=> corrector (mala 0.1))))
                    "after noise there is a density")

            testCase "a step that folds the line" (fun () ->
                let e =
                    experiment {
                        target two
                        forward ve
                        score (exact |> rippled 3.0 4.0)
                        sampler (anneal (levels [ 2.0; 1.0 ]) (predictor flow) >=> corrector (mala 0.1))
                        measure [ tv ]
                    }

                match (outcome e).Status with
                | :? Engine.RunStatus.Unsupported as unsupported ->
                    Expect.stringContains unsupported.Reason "folds the line" "why"
                | other -> failtest $"{other}")

            testCase "arguments" (fun () ->
                for method, part in [ mala 0.0, "h"; mhScores 0.1 1, "k"; hmc 0.1 0, "L"; hmc -1.0 3, "h" ] do
                    Expect.equal
                        (method.Faults |> List.map fst)
                        [ [ Segment.Part part ] ]
                        $"{method}: what is wrong is '{part}'")
        ]

let private planted =
    let e =
        experiment {
            target two
            forward ve
            score (exact |> scaled 0.8)
            start (from (normal [ 0.5 ] 0.8))
            sampler (corrector (mala 0.3) >=> corrector (mhScores 0.2 3))
            measure [ tv; w2 ]
        }

    let violations plan =
        match Verification.References.Reference.readings (fun file -> invalidOp file) e with
        | Error reason -> failtest reason
        | Ok readings ->
            Verification.Theorems.ExactWords.agreement
                (Engine.GridInterpreter().Run(plan, Engine.RunOptions()))
                readings
            |> List.filter (fun claim -> claim.Measured.Lower > claim.Bound)

    testList
        "the second reading"
        [
            testCase "agrees with the engine" (fun () -> Expect.isEmpty (violations (planOf e)) "healthy")

            for id in [ "never-rejected"; "leap-root-two" ] do
                testCase $"sees '{id}'" (fun () ->
                    let bug = Verification.Sabotage.Bugs.all |> List.find (fun bug -> bug.Id = id)

                    match bug.Change with
                    | Verification.Sabotage.OfPlan change ->
                        Expect.isNonEmpty (violations (change (planOf e)).Value) id
                    | other -> failtest $"{other}")
        ]

let tests = testList "adjusted steps" [ invariance; againstSums; composition; order; planted; refusals ]
