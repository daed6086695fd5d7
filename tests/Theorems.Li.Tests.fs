/// The accelerated samplers of Li et al. 2024.
module Sgm.Tests.LiTests

open System
open System.Collections.Immutable
open Expecto
open MathNet.Numerics.Integration
open Sgm
open Sgm.Engine

/// On vp as the paper writes it: mean and variance of x on N(0, v), K equal steps of time from the exact law at 3 to
/// ε; the second half of the noise inside the division by √α, or outside as some public code has it.
let private recursion isInside v epsilon count =
    let at i = 3.0 + (epsilon - 3.0) * float i / float count
    let alphaBar t = exp (-2.0 * t)
    let varianceAt t = alphaBar t * v + 1.0 - alphaBar t

    (varianceAt 3.0, [ 0 .. count - 1 ])
    ||> List.fold (fun variance i ->
        let t = at i
        let alpha = alphaBar t / alphaBar (at (i + 1))
        let kept = 1.0 - (1.0 - alpha) / varianceAt t
        let half = (1.0 - alpha) / 2.0
        let moved = kept * kept * (variance + half)
        if isInside then (moved + half) / alpha else moved / alpha + half)

let private rootKl v epsilon variance =
    let target = exp (-2.0 * epsilon) * v + 1.0 - exp (-2.0 * epsilon)
    sqrt (0.5 * (variance / target - 1.0 - log (variance / target)))

let private ran method v epsilon count =
    experiment {
        target (normal [ 0.0 ] v)
        forward vp
        start warm
        sampler (anneal (uniform 3.0 epsilon count) (predictor method))
    }
    |> ExactLaws.gaussianLaw

/// ∫ (a(u) − a(ρ)) du from ρ to ρ′ over ρ·(a(ρ_last) − a(ρ)), a = 1/(1 + u²), in w = ρ − u on pieces that are even in
/// arsinh u.
let private weight last rho rho' =
    let difference w = w * (2.0 * rho - w) / (1.0 + (rho - w) ** 2.0)
    let pieces = 32
    let top, bottom = Math.Asinh rho, Math.Asinh rho'

    let place i =
        if i = 0 then 0.0
        elif i = pieces then rho - rho'
        else rho - sinh (top + (bottom - top) * float i / float pieces)

    let integral =
        List.sum [ for i in 0 .. pieces - 1 -> GaussLegendreRule.Integrate(difference, place i, place (i + 1), 32) ]

    integral * (1.0 + last * last) / ((last - rho) * (last + rho) * rho)

let tests =
    testList
        "accelerated samplers"
        [
            testCase "the stochastic one is the paper's recursion on normal data" (fun () ->
                for epsilon in [ 0.05; 0.0 ] do
                    for count in [ 4; 50 ] do
                        let variance = (ran acceleratedSde 0.25 epsilon count).Moments().Variance[0]
                        Expect.floatClose Accuracy.high variance (recursion true 0.25 epsilon count) $"{count} steps")

            testCase "its noise outside the division by √α is of order 1, inside of order 2" (fun () ->
                let order isInside =
                    let at count = rootKl 0.25 0.05 (recursion isInside 0.25 0.05 count)
                    log (at 512 / at 1024) / log 2.0

                Expect.floatClose { absolute = 0.03; relative = 0.0 } (order true) 2.0 "inside"
                Expect.floatClose { absolute = 0.03; relative = 0.0 } (order false) 1.0 "outside")

            testCase
                "the deterministic one's weights, short steps and long ones, few and many levels of noise"
                (fun () ->
                    let random = Random 5

                    for _ in 1..300 do
                        let rho = Math.Pow(10.0, -3.0 + 6.0 * random.NextDouble())
                        let step () = Math.Pow(10.0, -4.0 + 4.5 * random.NextDouble())
                        let last, rho' = rho * (1.0 + step ()), rho / (1.0 + step ())
                        let sigmas = [| last; rho; (if random.Next 5 = 0 then 0.0 else rho') |]
                        let t = Transition.Of(ve, (fun i -> NoiseLevel.VarianceExploding sigmas[i]), 1, 2)

                        match Kernel.predictor acceleratedOde t with
                        | [ GeneralStep step ] ->
                            let own =
                                step.Updates[0]
                                |> Seq.filter (fun term -> term.Of = Input.Register && term.Number = 1)
                                |> Seq.sumBy (fun term -> term.Coefficient)

                            let expected = rho * weight last rho sigmas[2]

                            Expect.isLessThan
                                (abs (own / expected - 1.0))
                                1e-12
                                $"from {rho} to {sigmas[2]}, {last} before"
                        | other -> failtestf "%A" other)

            testCase "a first step alone is the flow's" (fun () ->
                let own = (ran acceleratedOde 0.25 0.5 1).Moments().Variance[0]
                Expect.floatClose Accuracy.high own (ran flow 0.25 0.5 1).Moments().Variance[0] "variance")
        ]
