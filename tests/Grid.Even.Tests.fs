/// Steps on the line's even lattices against the same steps on panels: a clip that no denoiser reaches changes no
/// score, and keeps a law from lattices, since clips have kinks.
module Sgm.Tests.GridEvenTests

open System
open Expecto
open Sgm
open Sgm.Tests.ExactLaws

let private lawOf threads e = finalOf (Engine.GridInterpreter().Run(planOf e, Engine.RunOptions(Threads = threads)))

/// Two modes, the first at −2; a start, and steps that end at a positive level, where there is a denoiser to clip.
let private agree apart deviation steps =
    let under scored =
        lawOf
            1
            (experiment {
                target (mixture [ 0.4, normal [ -2.0 ] 0.25; 0.6, normal [ apart - 2.0 ] (deviation * deviation) ])
                forward ve
                score scored
                sampler steps
            })

    let lattice, panels = under exact, under (exact |> clipped 1e6)

    for metric in metrics do
        let own, other = lattice.Measure metric, panels.Measure metric

        match Option.ofNullable own.Value, Option.ofNullable other.Value with
        | Some value, Some truth when Double.IsFinite value && Double.IsFinite truth ->
            let widths = own.Upper - own.Lower + other.Upper - other.Lower
            Expect.isLessThanOrEqual (abs (value - truth)) (0.5 * widths) $"{metric}: {value:R} and {truth:R}"
            let allowed = if metric = w2 then 1e-8 * max 1.0 apart else 1e-10
            Expect.isLessThan (own.Upper - own.Lower) (allowed * (1.0 + value)) $"{metric}: narrow"
        | value, truth ->
            Expect.equal value truth $"{metric}: infinite or unavailable for both ({own.Reason}; {other.Reason})"

    let own, other = lattice.Moments(), panels.Moments()

    for value, error, truth, unsure in
        [
            own.Mean[0], own.MeanError[0], other.Mean[0], other.MeanError[0]
            own.Variance[0], own.VarianceError[0], other.Variance[0], other.VarianceError[0]
        ] do
        Expect.isLessThanOrEqual (abs (value - truth)) (error + unsure) $"moments: {value:R} and {truth:R}"

let private cases =
    [
        "a long schedule", 4.0, 0.5, anneal (geometric 10.0 0.1 40) (predictor ancestral)
        // Maps that tear the modes apart: dense nodes, and noise in two halves.
        "few steps", 4.0, 0.3, anneal (geometric 10.0 0.1 8) (predictor ancestral)
        "large corrections", 4.0, 0.5, anneal (geometric 5.0 0.3 4) (repeat 5 (corrector (langevin 0.1)))
        "modes far apart", 400.0, 0.5, anneal (geometric 3.0 0.5 5) (corrector (langevinScaled 0.2))
        "flows between noise",
        3.0,
        0.4,
        anneal (geometric 6.0 0.2 8) (predictor flowHeun >=> corrector (langevinScaled 0.2))
        "a flow at the end", 3.0, 0.4, anneal (geometric 6.0 0.2 8) (corrector (langevinScaled 0.2) >=> predictor flow)
        "many repetitions", 2.5, 0.4, anneal (geometric 2.0 0.5 2) (repeat 300 (corrector (langevin 0.01)))
    ]

/// KL after two Langevin steps from N(m, v) on ½·N(−3, 0.09) + ½·N(3, 0.09), by plain sums: the second one over places so near
/// each other that the ridge between the modes, which stretches a hundredfold, shows.
let private plainly (m, v) h =
    let places spacing = Array.init (int (24.0 / spacing) + 1) (fun i -> -12.0 + spacing * float i)
    let normal m v x = exp (-((x - m) ** 2.0) / (2.0 * v)) / sqrt (2.0 * Math.PI * v)
    let p x = 0.5 * (normal -3.0 0.09 x + normal 3.0 0.09 x)
    // E[mean | x] by the posterior of the two modes.
    let moved x = x + h * (3.0 * tanh (3.0 * x / 0.09) - x) / 0.09

    let step (masses: (float * float)[]) at =
        at
        |> Array.map (fun x ->
            let mutable sum = 0.0

            for mass, y in masses do
                if abs (x - y) < 12.0 * sqrt (2.0 * h) then
                    sum <- sum + mass * normal y (2.0 * h) x

            sum)

    let from spacing at density = Array.map2 (fun x q -> spacing * q, moved x) at density
    let first, fine, last = places 0.01, places 0.0005, places 0.02
    let begun = first |> Array.map (normal m v) |> from 0.01 first |> Array.filter (fun (mass, _) -> mass > 1e-40)
    let q = step (step begun fine |> from 0.0005 fine |> Array.filter (fun (mass, _) -> mass > 1e-40)) last
    Array.map2 (fun x mass -> if mass < 1e-30 then 0.0 else 0.02 * mass * log (mass / p x)) last q |> Array.sum

let tests =
    testList
        "even lattices on the line"
        [
            // The second step brings the law where the first one saw nothing.
            for start', h in [ (8.0, 0.09), 0.14; (6.0, 0.09), 0.15; (5.4, 0.04), 0.165 ] do
                testCase $"a law that moves onto a ridge: two steps of {h} from N{start'}" (fun () ->
                    let law =
                        lawOf
                            1
                            (experiment {
                                target (mixture [ 0.5, normal [ -3.0 ] 0.09; 0.5, normal [ 3.0 ] 0.09 ])
                                forward ve
                                start (from (normal [ fst start' ] (snd start')))
                                sampler (repeat 2 (corrector (langevin h)))
                            })

                    let found, truth = law.Measure kl, plainly start' h
                    Expect.isLessThan (found.Upper - found.Lower) 1e-8 "narrow"
                    Expect.isLessThan (abs (found.Value.Value - truth)) (1e-8 + 1e-9 * truth) $"{found} and {truth:R}")

            for name, apart, deviation, steps in cases do
                testCase name <| fun () -> agree apart deviation steps

            testCase "20 random ones"
            <| fun () ->
                let random = Random 23

                for _ in 1..20 do
                    let from = 2.0 + 8.0 * random.NextDouble()
                    let levels = 4 + random.Next 12
                    let kernel = [ ancestral; exponential; eulerMaruyama ][random.Next 3]
                    let correct = repeat (random.Next 3) (corrector (langevinScaled (0.02 + 0.2 * random.NextDouble())))

                    let steps =
                        anneal (geometric from (0.1 + 0.3 * random.NextDouble()) levels) (predictor kernel >=> correct)

                    let apart, deviation = 6.0 * random.NextDouble(), 0.1 + random.NextDouble()
                    agree apart deviation steps

            testCase "the same bits for any number of threads"
            <| fun () ->
                let of' threads =
                    let law =
                        lawOf
                            threads
                            (experiment {
                                target (mixture [ 0.4, normal [ -2.0 ] 0.25; 0.6, normal [ 1.0 ] 0.1 ])
                                forward ve
                                sampler (anneal (geometric 5.0 0.2 10) (predictor ancestral))
                            })

                    [ for metric in metrics -> (law.Measure metric).Value.Value ]

                Expect.equal (of' 2) (of' 1) "threads"
        ]
