/// How the law in the plane behaves: threads, draws, observers, what it refuses and gives up.
module Sgm.Tests.PlaneConductTests

open System
open Expecto
open Sgm
open Sgm.Tests.ExactLaws
open Sgm.Tests.PlaneCases

let tests =
    testList
        "plane, conduct"
        [
            testCase "the same bits on one thread and on three"
            <| fun () ->
                let own, _ = experiments (two 0.6)
                let law threads = runWith (Engine.RunOptions(Threads = threads)) own
                let one, three = law 1, law 3

                for metric in metrics do
                    let a, b = one.Measure metric, three.Measure metric
                    Expect.equal (a.Value.Value, a.Lower, a.Upper) (b.Value.Value, b.Lower, b.Upper) $"{metric}"

            testCase "draws have the moments, and the density at a point is that of the turned product"
            <| fun () ->
                let case = two 0.6
                let own, other = experiments case
                let law, truth = planeLaw own, productLaw other
                let n = 100_000
                let x = Array.zeroCreate (2 * n)
                law.Draw(Engine.RandomStream(1UL, 0L), Span<float> x, n)
                let moments = law.Moments()

                for i in 0..1 do
                    let own = x[i * n .. (i + 1) * n - 1]
                    let mean = Array.average own
                    let variance = own |> Array.averageBy (fun v -> (v - mean) ** 2.0)
                    let deviation = sqrt moments.Variance[i]
                    Expect.isLessThan (abs (mean - moments.Mean[i])) (5.0 * deviation / sqrt (float n)) "mean"
                    Expect.isLessThan (abs (variance / moments.Variance[i] - 1.0)) (10.0 / sqrt (float n)) "variance"

                for u, v in [ 0.1, 0.2; -1.5, 1.1; 2.0, -1.7 ] do
                    let c, s = cos case.Angle, sin case.Angle
                    let at (point: float[]) (law: Engine.Law) = (law.LogDensity(ReadOnlySpan<float> point)).Value

                    Expect.floatClose
                        Accuracy.high
                        (at [| c * u - s * v; s * u + c * v |] law)
                        (at [| u; v |] truth)
                        "ln q"

            testCase "an observer sees the law of the start and after every step"
            <| fun () ->
                let own, other =
                    experiments { two 0.3 with Sampler = anneal (geometric 4.0 0.5 4) (predictor ancestral) }

                let watch (interpreter: Engine.IInterpreter) e =
                    let seen = ResizeArray<float>()
                    let see (step: Engine.StepResult) = seen.Add(step.Law.Measure(kl).Value.Value)
                    finalOf (interpreter.Run(planOf e, Engine.RunOptions(AfterStep = Action<_> see))) |> ignore
                    List.ofSeq seen

                let seen, truth = watch plane own, watch (Engine.ProductInterpreter()) other
                Expect.equal seen.Length truth.Length "as many"

                for a, b in List.zip seen truth do
                    Expect.isLessThan (abs (a - b)) (1e-9 + 1e-9 * b) "KL"

            testCase "what does not fit is refused beforehand, with the figure"
            <| fun () ->
                let own, _ = experiments { two 0.6 with Sampler = repeat 5 (corrector (langevin 1e-9)) }

                let reason = plane.WhyNot(planOf own)
                Expect.stringContains reason "nodes" "nodes"
                Expect.stringContains reason "GiB" "memory"

                let many, _ = experiments { two 0.6 with Sampler = repeat 1_000_000 (corrector (langevin 0.01)) }

                Expect.stringContains (plane.WhyNot(planOf many)) "work" "work"

            testCase "a deterministic end and another dimension are refused with the reason"
            <| fun () ->
                let own, _ = experiments { two 0.6 with Sampler = anneal (geometric 4.0 0.5 4) (predictor flowHeun) }

                Expect.stringContains (plane.WhyNot(planOf own)) "deterministic" "two stages"

                let three =
                    experiment {
                        target (normal [ 0.0; 0.0; 0.0 ] 1.0)
                        forward ve
                        sampler (corrector (langevin 0.1))
                    }

                Expect.stringContains (plane.WhyNot(planOf three)) "dimension 3" "dimension"

            testCase "steps that tear modes apart have narrow brackets; unstable ones are refused beforehand"
            <| fun () ->
                let case = two 0.6

                let e law n h =
                    experiment {
                        target law
                        forward ve
                        start (from (standard 2))
                        sampler (repeat n (corrector (langevin h)))
                        measure [ kl; tv ]
                    }

                let line parts = mixture [ for part in parts -> part.Weight, normal [ part.Mean ] part.Variance ]
                let law = planeLaw (e (turned case) 3 0.4)
                let truth = productLaw (e (product [ 1, line case.First; 1, line case.Second ]) 3 0.4)

                for metric in [ kl; tv ] do
                    let a, b = law.Measure metric, truth.Measure metric
                    Expect.isTrue (a.Lower <= b.Upper && b.Lower <= a.Upper) $"{metric}: {a} and {b}"
                    Expect.isLessThan (a.Upper - a.Lower) 1e-2 $"{metric}: width"

                let forecast = Engine.PlaneInterpreter.Foretell(planOf (e (turned case) 3 0.4))
                Expect.isGreaterThan forecast.Nodes 5e4 "stretching counts"
                Expect.stringContains (plane.WhyNot(planOf (e (turned case) 12 1.2))) "nodes" "they spread"

            testCase "deterministic ends that are one to one are measured as on the lines, from a law or after noise"
            <| fun () ->
                let steps = anneal (geometric 4.0 0.5 5)

                for sampler in
                    [
                        steps (predictor flow)
                        steps (corrector (langevinScaled 0.3) >=> predictor flow)
                        anneal (levels [ 4.0; 2.0; 1.0; 0.5; 0.0 ]) (predictor ancestral) // its last step is the denoiser
                    ] do
                    let own, other = experiments { two 0.6 with Sampler = sampler }
                    let law, truth = planeLaw own, productLaw other

                    for metric in [ tv; kl; chi2 ] do
                        let a, b = law.Measure metric, truth.Measure metric

                        if b.Value.HasValue then
                            Expect.isTrue (a.Lower <= b.Upper && b.Lower <= a.Upper) $"{metric}: {a} and {b}"

                            if a.Value.HasValue then
                                Expect.isLessThan (a.Upper - a.Lower) (1e-6 * (1.0 + a.Value.Value)) $"{metric}: width"

                    Expect.isTrue (law.Measure kl).Value.HasValue "KL"

            testCase "χ² of a law with heavier tails than the target is not given"
            <| fun () ->
                let rows = [ [ 1.0; 0.3 ]; [ 0.3; 1.0 ] ]

                let wide =
                    experiment {
                        target (mixture [ 0.5, normalCov [ 0.0; 0.0 ] rows; 0.5, normalCov [ 0.5; 0.0 ] rows ])
                        forward ve
                        start (from (normal [ 0.0; 0.0 ] 9.0))
                        sampler (corrector (langevin 0.01))
                        measure [ kl; chi2 ]
                    }

                let law = planeLaw wide
                Expect.isFalse (law.Measure chi2).Value.HasValue "no value"
                Expect.isTrue (law.Measure kl).Value.HasValue "KL is finite"

            testCase "χ² beyond the range of a double takes nothing from TV and KL" (fun () ->
                let far =
                    experiment {
                        target (
                            mixture
                                [
                                    0.4, normalCov [ -1.0; 0.5 ] [ [ 0.45; 0.11 ]; [ 0.11; 0.25 ] ]
                                    0.6, normalCov [ 1.5; -0.5 ] [ [ 0.17; 0.06 ]; [ 0.06; 0.38 ] ]
                                ]
                        )

                        forward ve
                        start (point [ 1000.0; -500.0 ])
                        sampler (anneal (geometric 5.0 0.5 4) (predictor ancestral))
                        measure [ tv; kl; chi2 ]
                    }

                let law = planeLaw far
                let apart = planeLaw { far with Measure = [ tv; kl ] }

                for metric in [ tv; kl ] do
                    let own = law.Measure metric
                    Expect.equal own (apart.Measure metric) $"{metric} with χ² and without"
                    Expect.isLessThan (own.Upper - own.Lower) 1e-6 $"{metric}: width"

                Expect.isGreaterThan (law.Measure kl).Lower 500.0 "KL"
                Expect.isFalse (law.Measure chi2).Value.HasValue "χ²")

            testCase "χ² that would take too long is given up, with e^KL − 1 below it" (fun () ->
                // The state is ten times as wide as the target: χ² is infinite, and no range of squares sees its end.
                let wide =
                    experiment {
                        target (
                            mixture
                                [
                                    0.5, normalCov [ -0.035; -1.946 ] [ [ 0.4997; 0.0004 ]; [ 0.0004; 0.4996 ] ]
                                    0.5, normalCov [ 0.265; -1.846 ] [ [ 0.4997; 0.0004 ]; [ 0.0004; 0.4996 ] ]
                                ]
                        )

                        forward ve
                        score (exact |> shifted -0.1)
                        start (point [ -1.62; -0.97 ])
                        sampler (anneal (levels [ 10.0; 1.7320508075688772; 0.3 ]) (predictor relative))
                        measure [ kl; chi2 ]
                    }

                let law = planeLaw wide
                let square = law.Measure chi2
                Expect.isFalse square.Value.HasValue "χ²"
                Expect.isGreaterThanOrEqual square.Lower (exp (law.Measure kl).Lower - 1.001) "e^KL − 1")

            testCase "the forecast of nodes and work is of the right size"
            <| fun () ->
                let own, _ = experiments (two 0.6)
                let forecast = Engine.PlaneInterpreter.Foretell(planOf own)
                Expect.isTrue (forecast.Nodes > 2e3 && forecast.Nodes < 1e5) $"{forecast.Nodes} nodes"
        ]
