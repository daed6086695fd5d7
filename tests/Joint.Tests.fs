/// State and register, or position and velocity, on the line while noise is drawn: against normal laws in closed form, plain sums from the
/// words of the methods, particles, and the orders that the words declare.
module Sgm.Tests.JointTests

open System
open System.Collections.Immutable
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Sabotage
open Sgm.Verification.Theorems

let private grid e = GridInterpreter().Run(ExactLaws.planOf e, RunOptions())

let private modes = [ 0.4, -1.0, 0.3; 0.6, 1.0, 0.4 ]

let private target' = mixture [ for weight, mean, variance in modes -> weight, normal [ mean ] variance ]

let private from' start' body law =
    experiment {
        target law
        forward ve
        start start'
        sampler body
        measure [ tv; kl; chi2; w2 ]
    }

let private on law body = from' warm body law

let private anneals method = anneal (geometric 4.0 0.3 6) (predictor method)

/// Bodies that draw while a register or a velocity is kept.
let private bodies =
    [
        "obabo", repeat 12 (corrector (obabo 1.5 0.3))
        "baoab", repeat 12 (corrector (baoab 1.5 0.3))
        "a probe between", repeat 3 (corrector (obabo 0.5 0.2)) >=> probe "p" >=> repeat 3 (corrector (obabo 0.5 0.2))
        "runs of two words", repeat 4 (repeat 2 (corrector (baoab 1.0 0.3)) >=> corrector (obabo 1.0 0.2))
        "langevin between runs", repeat 3 (repeat 3 (corrector (baoab 2.0 0.2)) >=> corrector (langevin 0.05))
        "an anneal, then a run", anneals ancestral >=> repeat 5 (corrector (obabo 1.0 0.15))
        "a run after the flow", anneals flow >=> repeat 5 (corrector (baoab 1.0 0.15))
        "dpmpp2mSde", anneals (dpmpp2mSde 1.0)
        "little noise", anneals (dpmpp2mSde 0.3)
        "to the data", anneal (geometric 4.0 0.3 5 |> toZero) (predictor (dpmpp2mSde 1.0))
        "dpmppSde", anneals (dpmppSde 1.0)
        "corrections after dpmpp2m", anneal (geometric 4.0 0.3 6) (predictor dpmpp2m >=> corrector (langevinScaled 0.1))
        "two of them", anneal (geometric 4.0 0.3 6) (predictor (deis 2) >=> repeat 2 (corrector (langevinScaled 0.05)))
        "lms 2", anneal (geometric 4.0 0.3 6) (predictor (lms 2) >=> corrector (langevinScaled 0.1))
        "acceleratedOde", anneal (geometric 4.0 0.3 6) (predictor acceleratedOde >=> corrector (langevinScaled 0.1))
        "velocities in an anneal",
        anneal (geometric 4.0 0.5 4) (predictor ancestral >=> repeat 3 (corrector (obabo 1.0 0.2)))
    ]

let private starts = [ warm; from (normal [ 0.0 ] 2.0); from (normal [ -0.4 ] 0.5); point [ 0.7 ] ]

/// Every number of an exact law, and the mean and variance, to 1e-10 of another's.
let private agree what (a: Law) (b: Law) =
    for metric in [ Metric.Kl; Metric.Chi2; Metric.Tv; Metric.W2 ] do
        let exact, found = a.Measure metric, b.Measure metric

        if Double.IsInfinity exact.Upper then
            Expect.isTrue (Double.IsInfinity found.Upper) $"{what}, {metric}: {found}"
        elif metric = Metric.Chi2 && not found.Value.HasValue then
            // A start as wide as χ² just bears: what was left out on the way may be most of it.
            Expect.stringContains found.Reason "smallest density" $"{what}, {metric}"
            Expect.isLessThan found.Lower (exact.Upper + 1e-10) $"{what}, {metric}"
        else
            Expect.isTrue found.Value.HasValue $"{what}, {metric}: {found.Reason}"
            let scale = 1.0 + abs exact.Value.Value
            Expect.isLessThan (abs (found.Value.Value - exact.Value.Value)) (1e-10 * scale) $"{what}, {metric}"

            Expect.isTrue
                (found.Lower <= exact.Upper && exact.Lower <= found.Upper)
                $"{what}, {metric}: {found} {exact}"

            Expect.isLessThan (found.Upper - found.Lower) (1e-8 * scale) $"{what}, {metric}: width"

    let one, two = a.Moments(), b.Moments()
    Expect.isLessThan (abs (one.Mean[0] - two.Mean[0])) 1e-10 $"{what}: mean"
    Expect.isLessThan (abs (one.Variance[0] - two.Variance[0])) 1e-10 $"{what}: variance"

let private normals =
    testList
        "normal laws"
        [
            for name, body in bodies do
                testCase name (fun () ->
                    for start' in starts do
                        let one = normal [ 0.5 ] 0.6
                        let closed = GaussianInterpreter().Run(ExactLaws.planOf (from' start' body one), RunOptions())
                        let summed = grid (from' start' body (mixture [ 0.5, one; 0.5, one ]))
                        Expect.isTrue summed.IsCompleted $"{name}, {start'}: {summed.Status}"

                        for a, b in Seq.zip closed.Probes summed.Probes do
                            agree $"{name}, {start'}, {a.Name}" a.Law b.Law)

            // The coefficients of a step are 1 and −1 up to rounding only.
            for word, friction, h in
                [
                    baoab, 0.16082, 1.49238
                    baoab, 0.7, 0.9
                    baoab, 1.3, 1.1
                    baoab, 0.31, 2.2
                    obabo, 0.16082, 1.49238
                    obabo, 0.7, 0.9
                ] do
                testCase $"γ = {friction}, h = {h}, {(word friction h).Word}, from far away" (fun () ->
                    let one = normal [ -0.654 ] 3.48
                    let body = repeat 3 (corrector (word friction h))
                    let start' = from (normal [ 6.3696 ] 0.3119)
                    let closed = GaussianInterpreter().Run(ExactLaws.planOf (from' start' body one), RunOptions())
                    let summed = grid (from' start' body (mixture [ 0.5, one; 0.5, one ]))
                    Expect.isTrue summed.IsCompleted $"{summed.Status}"
                    let a, b = (Seq.last closed.Probes).Law.Moments(), (Seq.last summed.Probes).Law.Moments()
                    Expect.isLessThan (abs (a.Mean[0] - b.Mean[0])) 1e-9 "mean"
                    Expect.isLessThan (abs (a.Variance[0] - b.Variance[0])) 1e-9 "variance")
        ]

/// The score and the density of the modes at a level σ of ve.
let private parts sigma x =
    let own =
        [
            for weight, mean, variance in modes do
                let v = variance + sigma * sigma
                weight * exp (-0.5 * (x - mean) ** 2.0 / v) / sqrt (2.0 * Math.PI * v), (mean - x) / v
        ]

    let density = own |> List.sumBy fst
    density, (own |> List.sumBy (fun (p, s) -> p * s)) / density

let private gauss deviation x = exp (-0.5 * (x / deviation) ** 2.0) / (deviation * sqrt (2.0 * Math.PI))

/// KL, TV and mean of nodes at an even spacing.
let private measured sigma (x: float[]) (q: float[]) =
    let h = x[1] - x[0]
    let p = x |> Array.map (parts sigma >> fst)

    h * (Array.map2 (fun q p -> if q > 1e-300 then q * log (q / p) else 0.0) q p |> Array.sum),
    h * (Array.map2 (fun x q -> x * q) x q |> Array.sum)

let private even low high step = [| for i in 0 .. int ((high - low) / step) -> low + step * float i |]

/// Σ over x of f(a, b)·K(b', b, a) on plain lattices: (new, kept) from (kept, old).
let private summed (from: float[]) (kept: float[]) (next: float[]) (law: float[][]) mean deviation =
    let h = from[1] - from[0]

    [|
        for i in 0 .. kept.Length - 1 ->
            let terms =
                [|
                    for j in 0 .. from.Length - 1 do
                        if law[i][j] > 1e-30 then
                            mean kept[i] from[j], h * law[i][j]
                |]

            next |> Array.map (fun y -> terms |> Array.sumBy (fun (mu, mass) -> mass * gauss deviation (y - mu)))
    |]
    // Rows by the new place.
    |> Array.transpose

let private marginal (kept: float[]) (law: float[][]) =
    law |> Array.map (fun row -> (kept[1] - kept[0]) * Array.sum row)

let private plain =
    testList
        "plain sums"
        [
            // v ← c²v between two kicks of full noise, x′ = x + h(v + hs/2) in between: of the last two positions v is a function.
            testCase "obabo on two modes" (fun () ->
                let gamma, h, count = 1.0, 0.3, 4
                let damping = exp (-gamma * h)
                let deviation = h * sqrt (1.0 - damping * damping)
                let x = even -6.5 6.5 0.05
                let score = parts 0.0 >> snd

                let first =
                    [|
                        for y in x ->
                            x |> Array.map (fun a -> fst (parts 0.0 a) * gauss h (y - a - h * h / 2.0 * score a))
                    |]

                let step law _ =
                    summed
                        x
                        x
                        x
                        law
                        (fun now old ->
                            let v = (now - old) / h + h / 2.0 * score now
                            now + h * (damping * v + h / 2.0 * score now))
                        deviation

                let expected = List.fold step first [ 2..count ] |> marginal x |> measured 0.0 x
                let law = ExactLaws.finalOf (grid (on target' (repeat count (corrector (obabo gamma h)))))
                Expect.isLessThan (abs (ExactLaws.value kl law - fst expected)) 1e-10 "KL"
                Expect.isLessThan (abs ((law.Moments()).Mean[0] - snd expected)) 1e-10 "mean")

            // (x, v, ξ₁) of the first step by a sum in three dimensions, letter by letter; the second one's noise is the kernel.
            testCase "baoab on two modes" (fun () ->
                let gamma, h = 1.0, 0.3
                let c = exp (-gamma * h)
                let q = sqrt (1.0 - c * c)
                let score = parts 0.0 >> snd
                let x, z = even -6.0 6.0 0.12, even -8.4 8.4 0.3
                let mutable mean, square = 0.0, 0.0

                for a in x do
                    let density, slope = parts 0.0 a

                    for v in z do
                        let kicked = v + h / 2.0 * slope

                        for draw in z do
                            let mass = 0.12 * 0.3 * 0.3 * density * gauss 1.0 v * gauss 1.0 draw

                            if mass > 1e-20 then
                                let moved = c * kicked + q * draw
                                let at = a + h / 2.0 * kicked + h / 2.0 * moved
                                let again = moved + h * score at
                                let last = at + h / 2.0 * again + h / 2.0 * c * again
                                mean <- mean + mass * last
                                square <- square + mass * last * last

                let law = (ExactLaws.finalOf (grid (on target' (repeat 2 (corrector (baoab gamma h)))))).Moments()
                Expect.isLessThan (abs (law.Mean[0] - mean)) 1e-10 "mean"
                let variance = square - mean * mean + (h / 2.0 * q) ** 2.0
                Expect.isLessThan (abs (law.Variance[0] - variance)) 1e-10 "variance")

            testCase "dpmpp2mSde on two modes" (fun () ->
                let levels' = [| 3.0; 1.8; 1.1; 0.7; 0.45 |]
                let denoised k x = x + levels'[k] ** 2.0 * snd (parts levels'[k] x)
                let gap k = log (levels'[k] / levels'[k + 1])
                let deviation k = levels'[k + 1] * sqrt (1.0 - exp (-2.0 * gap k))

                let mean k now old =
                    let d = denoised k now
                    let pull = 1.0 - exp (-2.0 * gap k)

                    let ahead =
                        if k = 0 then
                            d
                        else
                            d + (d - denoised (k - 1) old) * gap k / (2.0 * gap (k - 1))

                    levels'[k + 1] / levels'[k] * exp (-(gap k)) * now + pull * ahead

                let places =
                    [|
                        for k in 0..4 ->
                            let reach = 9.5 * sqrt (0.4 + levels'[k] ** 2.0)
                            even (-1.0 - reach) (1.0 + reach) (0.25 * deviation (min k 3))
                    |]

                let first =
                    [|
                        for y in places[1] ->
                            places[0]
                            |> Array.map (fun a -> gauss levels'[0] a * gauss (deviation 0) (y - mean 0 a 0.0))
                    |]

                let law =
                    (first, [ 1..3 ])
                    ||> List.fold (fun law k ->
                        summed places[k - 1] places[k] places[k + 1] law (mean k) (deviation k))

                let expected = marginal places[3] law |> measured levels'[4] places[4]

                let found =
                    target'
                    |> from' prior (anneal (levels (List.ofArray levels')) (predictor (dpmpp2mSde 1.0)))
                    |> grid
                    |> ExactLaws.finalOf

                Expect.isLessThan (abs (ExactLaws.value kl found - fst expected)) 1e-10 "KL"
                Expect.isLessThan (abs ((found.Moments()).Mean[0] - snd expected)) 1e-10 "mean")
        ]

/// ½·N(−2, ¼) + ½·N(2, ¼): density and score.
let private apart x =
    let own = [| for mean in [ -2.0; 2.0 ] -> gauss 0.5 (x - mean), 4.0 * (mean - x) |]
    let density = 0.5 * (fst own[0] + fst own[1])
    density, 0.5 * (fst own[0] * snd own[0] + fst own[1] * snd own[1]) / density

/// Two steps of obabo from N(mean, 0.04) letter by letter: nodes x₀ and x₁ at these steps; KL, TV, variance.
let private twoSteps mean h (step0, step1) =
    let damping = exp -h
    let deviation = h * sqrt (1.0 - damping * damping)
    let nodes = even (mean - 12.0) (mean + 8.0) step1 |> Array.map (fun x -> x, snd (apart x))

    let terms =
        [|
            for a in even (mean - 1.8) (mean + 1.8) step0 do
                let centre = a + h * h / 2.0 * snd (apart a)
                let own = step0 * step1 * gauss 0.2 (a - mean)

                for x, score in nodes do
                    let mass = own * gauss h (x - centre)

                    if mass > 1e-22 then
                        let v = (x - a) / h + h / 2.0 * score
                        struct (x + h * (damping * v + h / 2.0 * score), mass)
        |]

    let sum f = terms |> Array.sumBy (fun (struct (mu, mass)) -> mass * f mu)

    let average = sum id
    // ln p has poles at a distance π/16 from the line.
    let y = even -12.0 12.0 (deviation / 18.0)

    let q =
        y
        |> Array.map (fun y ->
            terms
            |> Array.sumBy (fun (struct (mu, mass)) ->
                let z = (y - mu) / deviation
                if abs z < 9.0 then mass * exp (-0.5 * z * z) else 0.0)
            |> fun all -> all / (deviation * sqrt (2.0 * Math.PI)))

    let of' f = (y[1] - y[0]) * Array.sum (Array.map2 (fun y q -> f q (fst (apart y))) y q)

    of' (fun q p -> if q > 1e-300 then q * log (q / p) else 0.0),
    of' (fun q p -> 0.5 * abs (q - p)),
    sum (fun mu -> (mu - average) ** 2.0) + deviation * deviation

/// Two steps of baoab from N(mean, 0.04): nodes x₀, x₁ and the velocity between the halves of the first step; variance.
let private twoMiddles mean h (step0, step1, stepV) =
    let c = exp -h
    let q = sqrt (1.0 - c * c)
    let nodes = even (mean - 12.0) (mean + 8.0) step1 |> Array.map (fun x -> x, snd (apart x))
    let mutable first, second = 0.0, 0.0

    for a in even (mean - 1.8) (mean + 1.8) step0 do
        let kick = h / 2.0 * snd (apart a)
        let own = step0 * step1 * stepV * gauss 0.2 (a - mean) * 2.0 / h

        for x, score in nodes do
            for moved in even -9.0 9.0 stepV do
                let kicked = (x - a) * 2.0 / h - moved
                let mass = own * gauss 1.0 (kicked - kick) * gauss q (moved - c * kicked)

                if mass > 1e-22 then
                    let again = moved + h * score
                    let last = x + h / 2.0 * (1.0 + c) * again
                    first <- first + mass * last
                    second <- second + mass * last * last

    second - first * first + (h / 2.0 * q) ** 2.0

let private ridges =
    testList
        "ridges that no centre of a kernel sees"
        [
            let far = mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ]

            let found mean method =
                far |> from' (from (normal [ mean ] 0.04)) (repeat 2 (corrector method)) |> grid |> ExactLaws.finalOf

            for mean, h in [ 4.0, 0.8; 2.0, 0.5 ] do
                testCase $"obabo, h = {h}, from {mean}" (fun () ->
                    let law = found mean (obabo 1.0 h)
                    let refined = [ 0.05, 0.01; 0.04, 0.008 ] |> List.map (twoSteps mean h)

                    match refined with
                    | [ roughKl, _, roughVariance; divergence, variation, variance ] ->
                        Expect.isLessThan (abs (roughKl - divergence)) 1e-11 "the plain sums' own error"
                        Expect.isLessThan (abs (roughVariance - variance)) 1e-11 "of the variance"

                        let inside metric truth =
                            let estimate = law.Measure metric
                            Expect.isLessThan (estimate.Upper - estimate.Lower) 1e-9 $"{metric}: width"
                            Expect.isLessThan (abs (estimate.Value.Value - truth)) 1e-9 $"{metric}"

                        inside Metric.Kl divergence

                        // Where the densities cross a plain sum is no better than its step squared.
                        Expect.isLessThan (abs ((law.Measure Metric.Tv).Value.Value - variation)) 1e-3 "TV"
                        Expect.isLessThan (abs ((law.Moments()).Variance[0] - variance)) 1e-9 "variance"
                    | _ -> failtest "two sums")

            testCase "baoab, h = 0.8, from 4" (fun () ->
                let rough, variance = twoMiddles 4.0 0.8 (0.1, 0.02, 0.3), twoMiddles 4.0 0.8 (0.08, 0.015, 0.25)
                Expect.isLessThan (abs (rough - variance)) 1e-8 "the plain sums' own error"
                let moments = (found 4.0 (baoab 1.0 0.8)).Moments()
                Expect.isLessThan (abs (moments.Variance[0] - variance)) 1e-8 "variance")
        ]

let private conduct =
    testList
        "conduct"
        [
            testCase "particles agree on two modes" (fun () ->
                for name, body in bodies do
                    let plan = ExactLaws.planOf (on target' body)
                    let exact = (ExactLaws.finalOf (GridInterpreter().Run(plan, RunOptions()))).Moments()
                    let n = 100_000L
                    let drawn = (ExactLaws.finalOf (Ensemble().Run(plan, RunOptions(Particles = n)))).Moments()
                    let error = sqrt (exact.Variance[0] / float n)
                    Expect.isLessThan (abs (exact.Mean[0] - drawn.Mean[0])) (5.0 * error) $"{name}: mean"

                    Expect.isLessThan
                        (abs (drawn.Variance[0] / exact.Variance[0] - 1.0))
                        (6.0 * sqrt (2.0 / float n))
                        $"{name}: variance")

            testCase "products of such lines are run line by line" (fun () ->
                let body = repeat 4 (corrector (obabo 1.0 0.3))
                let alone = ExactLaws.finalOf (grid (on target' body))

                let together =
                    on (product [ 1000, target' ]) body
                    |> ExactLaws.planOf
                    |> fun plan -> ProductInterpreter().Run(plan, RunOptions())
                    |> ExactLaws.finalOf

                Expect.floatClose Accuracy.high (ExactLaws.value kl together) (1000.0 * ExactLaws.value kl alone) "KL"
                let w2Alone = ExactLaws.value w2 alone
                Expect.floatClose Accuracy.high (ExactLaws.value w2 together) (sqrt 1000.0 * w2Alone) "W2")

            testCase "an observer sees every step after which the law is known" (fun () ->
                let seen body =
                    let found = ResizeArray()
                    let options = RunOptions(AfterStep = fun step -> found.Add step.Index)
                    GridInterpreter().Run(ExactLaws.planOf (on target' body), options) |> ExactLaws.finalOf |> ignore
                    List.ofSeq found

                Expect.equal (seen (repeat 3 (corrector (baoab 1.0 0.2)))) [ -1L; 0L; 1L; 2L ] "velocities"

                Expect.equal
                    (seen (anneal (geometric 3.0 0.5 2) (predictor dpmpp2m >=> corrector (langevinScaled 0.1))))
                    [ -1L; 0L; 1L; 3L ]
                    "a deterministic step that reads a register is none of them")

            testCase "what two coordinates do not follow is refused with the reason" (fun () ->
                let annealed body = anneal (geometric 3.0 0.3 5) body
                let run method = repeat 3 (corrector method)

                for body, says in
                    [
                        annealed (predictor (dpmpp3mSde 1.0)), "no single number"
                        annealed (predictor (lms 4) >=> corrector (langevinScaled 0.1)), "no single number"
                        run (baoab 1.0 1.2), "below 2/√curvature"
                        annealed (corrector (langevinScaled 0.1) >=> predictor dpmpp2m),
                        "before a probe is deterministic"
                        run (mala 0.1) >=> run (obabo 1.0 0.2), "kinks"
                        run (randomizedMidpoint 0.1), "random fraction"
                    ] do
                    let plan = ExactLaws.planOf (on target' body)
                    Expect.isNotNull (GridInterpreter().WhyNot plan) $"{body}"
                    Expect.stringContains (GridInterpreter().WhyNot plan) says $"{body}"
                    Expect.stringContains (GridInterpreter().WhyNot plan) "particles" $"{body}"
                    Expect.isEmpty (Laws.applicable plan) $"{body}"

                let sde = annealed (predictor (dpmpp2mSde 1.0))
                let clipped' = { from' prior sde target' with Score = exact |> clipped 1.2 }
                Expect.stringContains (GridInterpreter().WhyNot(ExactLaws.planOf clipped')) "kinks" "clipped"

                // With hardly any friction little is drawn in a step, and nodes are as near.
                match (grid (on target' (run (obabo 1e-5 0.3)))).Status with
                | :? RunStatus.Unsupported as refused -> Expect.stringContains refused.Reason "more friction" "dense"
                | status -> failtestf "%A" status

                // What is kept and never read again takes no coordinate.
                let once = on target' (run (obabo 1.0 0.2) >=> repeat 3 (corrector (mala 0.1)))
                Expect.isTrue (grid once).IsCompleted "a velocity that ends")

            testCase "positions do not depend on a velocity's scale: obabo alone is a Langevin step" (fun () ->
                let h = 0.3
                let one = ExactLaws.finalOf (grid (on target' (corrector (obabo 1.7 h))))
                let other = ExactLaws.finalOf (grid (on target' (corrector (langevin (h * h / 2.0)))))
                agree "one step" other one)
        ]

/// Slopes of the logarithms between halves of h.
let private slopes method metric =
    [ 0.4; 0.2; 0.1 ]
    |> List.map (fun h ->
        let target' = mixture [ 0.4, normal [ -0.9 ] 0.4; 0.6, normal [ 0.9 ] 0.5 ]
        let e = on target' (repeat (int (round (8.0 / h))) (corrector (method h)))
        log (ExactLaws.value metric (ExactLaws.finalOf (grid e))))
    |> List.pairwise
    |> List.map (fun (a, b) -> (a - b) / log 2.0)

let private orders =
    testList
        "orders"
        [
            for name, method in [ "obabo", obabo 2.0; "baoab", baoab 2.0 ] ->
                testCase $"{name} on two modes: the invariant law is wrong by h²" (fun () ->
                    for metric, order in [ Metric.W2, 2.0; Metric.Tv, 2.0; Metric.Kl, 4.0 ] do
                        match slopes method metric with
                        | [ far; near ] ->
                            Expect.isLessThan (abs (near - order)) 0.12 $"{metric}"
                            Expect.isLessThan (abs (near - order)) (abs (far - order)) $"{metric}: nearer as h falls"
                        | _ -> failtest "three values have two slopes")
        ]

/// Twice the noise: another temperature.
let private twiceTheNoise (step: GeneralTableau) =
    let scaled (terms: ImmutableArray<Term>) =
        ImmutableArray.CreateRange(
            terms
            |> Seq.map (fun term ->
                if term.Of = Input.Noise then
                    Term(term.Of, term.Number, 2.0 * term.Coefficient)
                else
                    term)
        )

    GeneralTableau(
        Method = step.Method,
        From = step.From,
        To = step.To,
        Stages =
            ImmutableArray.CreateRange(
                step.Stages |> Seq.map (fun stage -> GeneralStage(stage.Level, scaled stage.At, stage.Of))
            ),
        Updates = ImmutableArray.CreateRange(Seq.map scaled step.Updates),
        Rounding = step.Rounding
    )

let private planted (plan: Plan) =
    let rec changed (body: ImmutableArray<Instruction>) =
        ImmutableArray.CreateRange(
            body
            |> Seq.map (fun instruction ->
                match instruction with
                | :? Instruction.General as step -> Instruction.General(twiceTheNoise step.Tableau) :> Instruction
                | :? Instruction.Repeat as repeat -> Instruction.Repeat(repeat.Count, changed repeat.Body)
                | other -> other)
        )

    PlanEdit.lists (fun body -> List.ofSeq (changed body)) plan

let private standing =
    testList
        "the standing check"
        [
            testCase "the order holds, and noise of another size violates it" (fun () ->
                for runner, expected in [ Planted.healthy, Holds; Planted.engineWith planted, Violated ] do
                    let check = (Study.run runner Quick [ KineticOrder.invariantLaw ]).Checks |> List.exactlyOne
                    Expect.equal check.Verdict expected $"{check}")
        ]

let tests = testList "Joint" [ normals; plain; ridges; conduct; orders; standing ]
