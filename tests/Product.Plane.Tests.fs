/// Products of factors in the plane: against products of lines, and against plain sums.
module Sgm.Tests.ProductPlaneTests

open System
open System.Collections.Generic
open Expecto
open Sgm
open Sgm.Tests.ExactLaws
open Sgm.Tests.PlaneCases

let private product' = Engine.ProductInterpreter()
let private runOf e = product'.Run(planOf e, Engine.RunOptions())

let private meet (own: Engine.Estimate) (other: Engine.Estimate) what =
    Expect.isTrue
        (own.Lower <= other.Upper && other.Lower <= own.Upper)
        $"{what}: [{own.Lower:R}, {own.Upper:R}] and [{other.Lower:R}, {other.Upper:R}] do not meet"

let private line parts = mixture [ for part in parts -> part.Weight, normal [ part.Mean ] part.Variance ]

/// Langevin steps from the target itself, so that d may be large.
let private langevinOf blocks score' steps h =
    experiment {
        target (product blocks)
        forward ve
        score score'
        start (from (product blocks))
        sampler (repeat steps (corrector (langevin h)))
        measure [ tv; kl; chi2; w2 ]
    }

let private againstLines =
    testList
        "against products of lines"
        [
            for n, h in [ 2, 0.02; 50_000, 0.01 ] do
                testCase $"{n} turned products, d = {2 * n}"
                <| fun () ->
                    let case = two 0.6
                    let own = finalOf (runOf (langevinOf [ n, turned case ] exact 2 h))
                    let lines = [ for _ in 1..1 -> n, line case.First ] @ [ n, line case.Second ]
                    let truth = finalOf (runOf (langevinOf lines exact 2 h))

                    for metric in [ kl; chi2 ] do
                        let a, b = own.Measure metric, truth.Measure metric
                        meet a b $"{metric}"
                        Expect.isLessThan (abs (a.Value.Value - b.Value.Value)) (1e-7 * b.Value.Value) $"{metric}"

                    let a, b = own.Measure tv, truth.Measure tv
                    meet a b "tv"
                    Expect.isLessThan (a.Upper - a.Lower) 1e-4 "tv: width"
                    meet (own.Measure w2) (truth.Measure w2) "w2"

            testCase "pairs, lines and normal coordinates with a shifted, rippled score, forward vp"
            <| fun () ->
                // A product that is written as a mixture, so that shifts and ripples along the axes are those of the lines.
                let case = two 0.0
                let score' = exact |> scaled 0.98 |> shifted 0.2 |> rippled 0.1 2.0
                let other = mixture [ 0.5, normal [ -1.0 ] 0.3; 0.5, normal [ 1.0 ] 0.2 ]

                let e first =
                    experiment {
                        target (product (first @ [ 2, other; 3, normal [ 0.5 ] 2.0 ]))
                        forward vp
                        score score'
                        sampler (anneal (uniform 1.5 0.1 6) (predictor ancestral))
                        measure [ tv; kl; chi2; w2 ]
                    }

                let own = finalOf (runOf (e [ 2, turned case ]))
                let lines = [ 1, line case.First; 1, line case.Second ]
                let truth = finalOf (runOf (e (lines @ lines)))

                for metric in metrics do
                    meet (own.Measure metric) (truth.Measure metric) $"{metric}"

                for metric in [ kl; chi2; tv ] do
                    let estimate = own.Measure metric
                    Expect.isLessThan (estimate.Upper - estimate.Lower) (1e-4 * estimate.Value.Value) $"{metric}: width"

                let a, b = own.Moments(), truth.Moments()

                for i in 0..8 do
                    Expect.isLessThan (abs (a.Mean[i] - b.Mean[i])) (1e-12 + a.MeanError[i] + b.MeanError[i]) $"{i}"

                    Expect.isLessThan
                        (abs (a.Variance[i] - b.Variance[i]))
                        (1e-12 + a.VarianceError[i] + b.VarianceError[i])
                        $"{i}"

                let point = [| 0.1; -0.4; 1.0; 0.3; -1.1; 0.9; 0.5; 0.1; -0.7 |]
                let at (law: Engine.Law) = (law.LogDensity(ReadOnlySpan<float> point)).Value
                Expect.floatClose Accuracy.high (at own) (at truth) "ln q"
                let n = 20_000
                let x = Array.zeroCreate (9 * n)
                own.Draw(Engine.RandomStream(1UL, 0L), Span<float> x, n)

                for i in 0..8 do
                    let mean = Array.average x[i * n .. (i + 1) * n - 1]
                    let deviation = sqrt a.Variance[i]
                    Expect.isLessThan (abs (mean - a.Mean[i])) (5.0 * deviation / sqrt (float n)) $"draws of {i}"
        ]

/// Two factors of one step from the target, N(x; T(u), 2h) summed over p(u), on a square lattice.
module private Plain =
    let parts = [ 0.4, (-1.0, 0.5), (0.45, 0.11, 0.25); 0.6, (1.5, -0.5), (0.4, 0.06, 0.38) ]

    let density x y =
        parts
        |> List.sumBy (fun (weight, (m, n), (a, b, d)) ->
            let det = a * d - b * b
            let u, w = x - m, y - n
            weight * exp (-0.5 * (d * u * u - 2.0 * b * u * w + a * w * w) / det) / (2.0 * Math.PI * sqrt det))

    let score x y =
        let h = 1e-5
        let slope (f: float -> float) = (log (f h) - log (f -h)) / (2.0 * h)
        slope (fun e -> density (x + e) y), slope (fun e -> density x (y + e))

    /// q and p at the places of a lattice, times its area.
    let step h spacing =
        let count = int (6.0 / spacing)
        let places = [| for i in -count .. count -> spacing * float i |]
        let area = spacing * spacing
        let q = Array2D.zeroCreate places.Length places.Length

        for x in places do
            for y in places do
                let mass = area * density x y

                if mass > 1e-12 then
                    let u, w = score x y
                    let kernel at = [| for z in places -> exp (-(z - at) * (z - at) / (4.0 * h)) |]
                    let across, along = kernel (x + h * u), kernel (y + h * w)
                    let mass = mass / (4.0 * Math.PI * h)

                    for i in 0 .. places.Length - 1 do
                        if across[i] > 1e-14 then
                            for j in 0 .. places.Length - 1 do
                                q[i, j] <- q[i, j] + mass * across[i] * along[j]

        [|
            for i in 0 .. places.Length - 1 do
                for j in 0 .. places.Length - 1 do
                    struct (area * q[i, j], area * density places[i] places[j])
        |]

let private againstSums =
    testCase "two factors that are no products, against plain sums over four dimensions"
    <| fun () ->
        let h = 0.15

        let law =
            mixture
                [ for weight, (m, n), (a, b, d) in Plain.parts -> weight, normalCov [ m; n ] [ [ a; b ]; [ b; d ] ] ]

        let own = finalOf (runOf (langevinOf [ 2, law ] exact 1 h))
        let fine = Plain.step h 0.15
        let k = fine |> Array.sumBy (fun (struct (q, p)) -> if q > 0.0 then q * log (q / p) else 0.0)
        let c = fine |> Array.sumBy (fun (struct (q, p)) -> if q > 0.0 then q * q / p else 0.0)
        Expect.isLessThan (abs (value kl own / (2.0 * k) - 1.0)) 1e-6 "KL adds"
        Expect.isLessThan (abs (value chi2 own / (c * c - 1.0) - 1.0)) 1e-6 "1 + χ² multiplies"

        // ½Σ|q q′ − p p′| over pairs, sorted by the ratio so that sums of the masses above a ratio say it: no pair is looked at.
        let cells = fine |> Array.filter (fun (struct (q, p)) -> q + p > 1e-13)
        let sorted = cells |> Array.sortBy (fun (struct (q, p)) -> q / p)
        let ratios = sorted |> Array.map (fun (struct (q, p)) -> q / p)
        let above pick = Array.scanBack (fun cell sum -> sum + pick cell) sorted 0.0
        let q', p' = above (fun (struct (q, _)) -> q), above (fun (struct (_, p)) -> p)

        let brute =
            cells
            |> Array.sumBy (fun (struct (q, p)) ->
                let found = Array.BinarySearch(ratios, p / q)
                let from = if found >= 0 then found else ~~~found
                q * q'[from] - p * p'[from])

        let estimate = own.Measure tv
        Expect.isLessThan (estimate.Upper - estimate.Lower) 1e-4 "narrow"
        Expect.isLessThan (abs (estimate.Value.Value / brute - 1.0)) 2e-3 $"{estimate.Value.Value:R} against {brute:R}"

let private conduct =
    testList
        "conduct"
        [
            testCase "auto takes it and foretells it; three coordinates that are coupled are refused with their places"
            <| fun () ->
                let plan = planOf (langevinOf [ 5, turned (two 0.6); 1, normal [ 0.0 ] 1.0 ] exact 2 0.02)

                match Laws.choose By.Auto plan with
                | Ok choice -> Expect.equal choice.Interpreter.Backend "product" "auto"
                | Error refusals -> failtest (Laws.reasons refusals)

                Expect.isTrue ((Memory.plane plan).Value.Nodes > 1e3) "nodes"

                let three = mixture [ 0.5, normal [ 0.0; 0.0; 0.0 ] 1.0; 0.5, normal [ 1.0; 1.0; 1.0 ] 1.0 ]

                let reason = product'.WhyNot(planOf (langevinOf [ 1, normal [ 0.0 ] 1.0; 2, three ] exact 1 0.1))
                Expect.stringContains reason "coordinates 2 to 4 are coupled" "reason"

            testCase "what one factor is refused for is said of it, and all of them share the limit"
            <| fun () ->
                let small = langevinOf [ 2, turned (two 0.6); 1, normal [ 0.0 ] 1.0 ] exact 5 1e-9

                Expect.stringContains
                    (product'.WhyNot(planOf small))
                    "two coordinates that are coupled: a lattice"
                    "nodes"

                let law i = turned (two (0.01 * float i))
                let planOf' blocks = planOf (langevinOf blocks exact 1 1e-3)
                let alone i = (Engine.PlaneInterpreter.Foretell(planOf' [ 1, law i ])).Work
                let together = Engine.ProductInterpreter.Foretell(planOf' [ for i in 1..3 -> 2, law i ])
                Expect.floatClose Accuracy.high together.Work (alone 1 + alone 2 + alone 3) "work adds up"

            testCase "an observer sees the laws of all factors step by step"
            <| fun () ->
                let e = langevinOf [ 2, turned (two 0.6); 1, line (two 0.6).First ] exact 3 0.05
                let seen = List<int64 * float>()

                let options =
                    Engine.RunOptions(AfterStep = fun step -> seen.Add(step.Index, (step.Law.Measure kl).Value.Value))

                let outcome = product'.Run(planOf e, options)
                Expect.sequenceEqual (seen |> Seq.map fst) [ -1L .. 2L ] "every step once"
                Expect.floatClose Accuracy.high (snd seen[3]) (value kl (finalOf outcome)) "the last is the end"

                let refusing = Engine.RunOptions(AfterStep = fun _ -> raise (ArithmeticException "seen enough"))
                Expect.throwsT<ArithmeticException> (fun () -> product'.Run(planOf e, refusing) |> ignore) "its own"

            testCase "a line that diverges beside a plane that does not is named, with the probes before"
            <| fun () ->
                let halves mean v = mixture [ 0.5, normal mean v; 0.5, normal [ for x in mean -> x + 1e-3 ] v ]

                let e =
                    experiment {
                        target (product [ 2, halves [ 0.0; 0.0 ] 1.0; 1, halves [ 0.0 ] 0.01 ])
                        forward ve
                        sampler (repeat 100 (corrector (langevin 1.0) >=> probe "inside"))
                        start (from (standard 5))
                    }

                let outcome = runOf e

                match outcome.Status with
                | :? Engine.RunStatus.Diverged as diverged ->
                    Expect.equal (int64 outcome.Probes.Length) diverged.Step "the probes before"
                    Expect.equal outcome.Probes[0].Law.Dimension 5 "of the whole state"
                | other -> failtest $"{other}"
        ]

let tests = testList "products in the plane" [ againstLines; againstSums; conduct ]
