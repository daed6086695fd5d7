/// Acceptance from the score alone (Sjöberg et al. 2023).
module Sgm.Tests.SjobergTests

open System
open Expecto
open MathNet.Numerics.Integration
open Sgm
open Sgm.Verification
open Sgm.Verification.Theorems
open Sgm.Tests.ExactLaws
open Sgm.Tests.PapersTests

let private one law estimate steps =
    experiment {
        target law
        forward ve
        score estimate
        start warm
        sampler steps
        measure [ tv ]
    }

let private panels order (f: float -> float) =
    List.sum [ for i in -8 .. 7 -> GaussLegendreRule.Integrate(f, float i, float i + 1.0, order) ]

/// ½E|Ê − E| over the proposals from p, by quadrature: the proof's own quantity before constants.
let private meanError (law: (float * float) list) v h k =
    let density x = law |> List.sumBy (fun (w, mean) -> w * exp (-((x - mean) ** 2.0) / (2.0 * v)))
    let lnP x = log (density x)

    let score x =
        (law |> List.sumBy (fun (w, mean) -> w * exp (-((x - mean) ** 2.0) / (2.0 * v)) * (mean - x) / v)) / density x

    let rule x y =
        let at j = score (x + (y - x) * float j / float (k - 1))
        (y - x) * (0.5 * (at 0 + at (k - 1)) + List.sumBy at [ 1 .. k - 2 ]) / float (k - 1)

    let inner x =
        let given z =
            let y = x + h * score x + sqrt (2.0 * h) * z
            exp (-0.5 * z * z) / sqrt (2.0 * Math.PI) * abs (rule x y - lnP y + lnP x)

        density x / sqrt (2.0 * Math.PI * v) * panels 12 given

    0.5 * panels 16 inner

let private step h k =
    Engine.AdjustedStep(
        Method = "mhScores",
        Level = Engine.NoiseLevel.Data,
        Leap = sqrt (2.0 * h),
        Leaps = 1,
        LinePoints = Nullable k
    )

let tests =
    testList
        "acceptance by scores"
        [
            yield! atQuick SjobergRule.rule [ "never-rejected"; "two-line-points" ]

            testCase "TV after a step is below half the rule's mean error, and that below the closed form" (fun () ->
                for h, k in [ 0.1, 3; 0.05, 5 ] do
                    let law = mixture [ 0.4, normal [ -1.0 ] 0.6; 0.6, normal [ 1.0 ] 0.6 ]
                    let plan = planOf (one law exact (corrector (mhScores h k)))
                    let measured = value tv (finalOf (Engine.GridInterpreter().Run(plan, Engine.RunOptions())))
                    let mean = meanError [ 0.4, -1.0; 0.6, 1.0 ] 0.6 h k
                    Expect.isLessThan measured mean $"h = {h}, k = {k}: the step"
                    // L = 1/0.6 or (1/0.6² − 1/0.6), M ≤ 2³/(6√3·0.6³).
                    let closed = SjobergRule.ofSteps 1 (1.0 / 0.6) (8.0 / (6.0 * sqrt 3.0 * 0.216)) 0.0 (step h k) 1L
                    Expect.isLessThan mean closed $"h = {h}, k = {k}: the closed form"
                    Expect.isLessThan closed (8.0 * mean) $"h = {h}, k = {k}: and not far from it")

            testCase "after a step from p TV is of order 2 in h" (fun () ->
                let law = mixture [ 0.4, normal [ -1.0 ] 0.6; 0.6, normal [ 1.0 ] 0.6 ]

                let after h =
                    let plan = planOf (one law exact (corrector (mhScores h 3)))
                    log (value tv (finalOf (Engine.GridInterpreter().Run(plan, Engine.RunOptions())))) / log 2.0

                // Slopes between halvings, 1.93 and 1.96, and where they go.
                let slopes =
                    [ 0.01; 0.005; 0.0025 ] |> List.map after |> List.pairwise |> List.map (fun (a, b) -> a - b)

                Expect.isLessThan (abs (2.0 * slopes[1] - slopes[0] - 2.0)) 0.01 $"{slopes}")

            testCase "other samplers, errors without a bound and other widths are refused" (fun () ->
                let law = normal [ 0.0 ] 1.0
                let step = corrector (mhScores 0.1 3)

                for words, e in
                    [
                        "the density", one law exact (corrector (mala 0.1))
                        "no acceptance", one law exact (corrector (langevin 0.1))
                        "two sizes", one law exact (step >=> corrector (mhScores 0.2 3))
                        "a multiple", one law (exact |> scaled 1.1) step
                        "another law", one law (scoreOf (normal [ 0.1 ] 1.0)) step
                        "two widths", one (mixture [ 0.5, normal [ 0.0 ] 1.0; 0.5, normal [ 1.0 ] 0.5 ]) exact step
                    ] do
                    refuses SjobergRule.rule words e)

            testCase "with two points the ratio is (h/4)(‖s(x)‖² − ‖s(y)‖²), whatever the field" (fun () ->
                // Not a gradient; in the plane.
                let s (x: float[]) = [| -x[0] - 0.7 * x[1] ** 3.0; 0.4 * x[0] * x[0] - 2.0 * x[1] |]
                let dot (a: float[]) (b: float[]) = Array.fold2 (fun sum x y -> sum + x * y) 0.0 a b
                let h, x, y = 0.3, [| 0.4; -0.9 |], [| -1.1; 0.2 |]
                let way = Array.map2 (-) y x
                let ends = 0.5 * (dot (s x) way + dot (s y) way)

                let transition a b =
                    -(Array.map3 (fun b a s -> (b - a - h * s) ** 2.0) b a (s a) |> Array.sum) / (4.0 * h)

                let found = ends + transition y x - transition x y
                Expect.floatClose Accuracy.high found (h / 4.0 * (dot (s x) (s x) - dot (s y) (s y))) "the ratio")
        ]
