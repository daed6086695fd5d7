/// Certificates of normal laws whose coordinates are correlated: eigenvalues to their own last digits.
module Sgm.Tests.CertificatesDenseTests

open Expecto
open Sgm
open Sgm.Engine
open Sgm.Tests.Certified
open Sgm.Tests.ExactLaws

let private correlated a = normalCov [ 0.0; 0.0 ] [ [ 1.0; a ]; [ a; 1.0 ] ]

let private standing law start' =
    experiment {
        target law
        forward ve
        start (from start')
        sampler identity
    }

/// Cases where an adversary found a certificate below the truth, with it where it was computed in 80 digits.
let private cases =
    [
        "the smallest eigenvalue 2.5e-12",
        standing (correlated 0.9999999999975) (standard 2),
        Some 199999983438.166,
        Some 13.010791560
        "the start's smallest eigenvalue 2.5e-12",
        standing (normalCov [ 0.0; 0.0 ] [ [ 1.0; 0.0 ]; [ 0.0; 1.0 ] ]) (correlated 0.9999999999975),
        Some 13.0107915604,
        None
        "both, near each other",
        standing (correlated (1.0 - 7e-9)) (correlated (1.0 - 1.5 * 7e-9)),
        None,
        Some 0.0360658865
        "narrow and far from the origin",
        standing
            (normalCov [ 1e4; 1e4 ] [ [ 1.0; 0.9999999999975 ]; [ 0.9999999999975; 1.0 ] ])
            (normalCov [ 1e4; 1e4 + 1e-3 ] [ [ 1.0; 0.9999999999975 ]; [ 0.9999999999975; 1.0 ] ]),
        None,
        Some 99999.9918
        "a step without noise",
        experiment {
            target (normalCov [ 0.0; 0.0 ] [ [ 1.0; 0.29999999999099997 ]; [ 0.29999999999099997; 0.09 ] ])
            forward ve
            start warm
            sampler (anneal (levels [ 0.001; 0.0 ]) (predictor flow))
        },
        None,
        None
    ]

let private dense d condition seed =
    let random = System.Random(seed: int)
    let angle = random.NextDouble()
    let rows = Array2D.init d d (fun i j -> if i = j then 1.0 else 0.0)

    // Rotations of neighbours, one after the other.
    for i in 0 .. d - 2 do
        let c, s = cos (angle + float i), sin (angle + float i)

        for k in 0 .. d - 1 do
            let x, y = rows[i, k], rows[i + 1, k]
            rows[i, k] <- c * x - s * y
            rows[i + 1, k] <- s * x + c * y

    let value i = condition ** (-float i / float (d - 1))

    normalCov
        (List.init d (fun i -> float i - 1.0))
        [
            for i in 0 .. d - 1 ->
                [ for j in 0 .. d - 1 -> Seq.sum (seq { for k in 0 .. d - 1 -> rows[i, k] * value k * rows[j, k] }) ]
        ]

let private isAbove (e: Experiment) =
    let found = List.last (certified (planOf e))
    let law = gaussianLaw e

    for name, (bound: Sgm.Verification.Certificates.Bound), metric in
        [ "TV", found.Tv, Metric.Tv; "KL(q‖p)", found.Kl, Metric.Kl; "W2", found.W2, Metric.W2 ] do
        let truth = law.Measure metric

        if bound.Reason |> Option.isNone && truth.Value.HasValue then
            Expect.isGreaterThanOrEqual bound.Value truth.Lower $"{name}: {bound.Value:R} against {truth.Lower:R}"

let tests =
    testList
        "certificates of dense normal laws"
        [
            for name, e, kl, reverse in cases do
                testCase name (fun () ->
                    isAbove e
                    let found = List.last (certified (planOf e))

                    match kl with
                    | Some truth ->
                        Expect.isGreaterThanOrEqual found.Kl.Value (truth * (1.0 - 1e-9)) "KL(q‖p) in 80 digits"
                    | None -> ()

                    match reverse with
                    | Some truth ->
                        Expect.isGreaterThanOrEqual found.KlReverse.Value (truth * (1.0 - 1e-8)) "KL(p‖q) in 80 digits"
                    | None -> ())

            for d in [ 2; 4; 7 ] do
                for condition in [ 1e3; 1e6; 1e10 ] do
                    testCase $"condition {condition} in d = {d}" (fun () ->
                        for seed in 1..4 do
                            let law = dense d condition seed
                            isAbove (standing law (standard d))

                            isAbove (
                                experiment {
                                    target law
                                    forward vp
                                    start warm

                                    sampler (
                                        anneal
                                            (uniform 1.0 0.1 4)
                                            (predictor ancestral >=> corrector (langevin (0.1 / condition)))
                                    )
                                }
                            ))

            testCase "constants of a law with a narrow direction" (fun () ->
                let a = 0.9999999999975
                let target = (planOf (standing (correlated a) (standard 2))).Target

                match Sgm.Verification.Constants.smoothness target NoiseLevel.Data with
                | Ok found -> Expect.equal found.Value (1.0 / (1.0 - a)) "L = 1/(1 − a), 4.0000e11 and not 3.9999e11"
                | Error reason -> failtest reason)

            testCase "eigenvalues are right to their own last digits" (fun () ->
                // 1 ± a, of which the smaller is exact.
                let a = 0.9999999999975
                let refined = Covariance.Full(array2D [ [ 1.0; a ]; [ a; 1.0 ] ]).Refined()
                Expect.equal (Array.sort refined.Eigenvalues) [| 1.0 - a; 1.0 + a |] "exact to a rounding"
                Expect.isNull (Covariance.Full(array2D [ [ 1.0; 1.0 ]; [ 1.0; 1.0 ] ]).Refined()) "singular")
        ]
