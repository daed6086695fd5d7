/// Sums over many components on the line: what windows leave out is inside of what they say.
module Sgm.Tests.CertificatesWindowsTests

open System
open Expecto
open Sgm.Engine
open Sgm.Verification

/// Components along a line, their deviations alike or not.
let private law count spread (variance: int -> float) =
    let random = Random 5
    let means = Array.init count (fun _ -> spread * (2.0 * random.NextDouble() - 1.0))
    let covariances = Array.init count (fun k -> Covariance.Isotropic(1, variance k))
    let weights = Array.init count (fun _ -> 0.5 + random.NextDouble())
    let total = Array.sum weights
    Mixture(weights |> Array.map (fun w -> w / total), means, covariances)

/// p, (ln p)′ and (ln p)″ by plain sums.
let private plain (line: LineLaw) x =
    let shares = Array.init line.Means.Length (fun k -> exp (LineLaw.logShare line k x))
    let slopes = Array.init line.Means.Length (fun k -> -(x - line.Means[k]) / line.Variances[k])
    let p = Array.sum shares
    let mean f = Array.sum (Array.mapi (fun k share -> share * f k) shares) / p
    let first = mean (fun k -> slopes[k])
    let second = mean (fun k -> (slopes[k] - first) ** 2.0 - 1.0 / line.Variances[k])
    struct (p, first, second)

let private cases =
    [
        "alike", law 600 20.0 (fun _ -> 0.01)
        "wide and narrow", law 300 10.0 (fun k -> if k % 3 = 0 then 0.001 else 0.05)
    ]

/// Narrow components apart: between two of them the variance of the slopes is most of the curvature.
let private apart =
    Mixture(
        Array.create 11 (1.0 / 11.0),
        Array.init 11 (fun k -> 2.0 * float k - 10.0),
        Array.create 11 (Covariance.Isotropic(1, 0.1))
    )

let tests =
    testList
        "windows"
        [
            // e^(−0.5) or e^(−3) of the largest is much: what is left out shows if it is not counted. At e^(−60) it is nothing.
            for beneath in [ 0.5; 3.0; 60.0 ] do
                testCase $"curvature over cells holds for what is e^(−{beneath}) of the largest and left out" (fun () ->
                    let random = Random 11
                    let mutable dropped = 0

                    for mixture in apart :: List.map snd cases do
                        let line = LineLaw.at NoiseLevel.Data mixture
                        let cell = LineCell(line, beneath)

                        for _ in 1..200 do
                            let c, h = 20.0 * random.NextDouble() - 10.0, 0.5 * 4.0 ** -(4.0 * random.NextDouble())
                            cell.Move(c - h, c + h)
                            dropped <- max dropped cell.Dropped
                            let struct (score, wrong) = cell.Score c
                            let struct (precise, spread) = cell.Parts()
                            let struct (steepest, _) = cell.Derivatives()
                            let level = cell.Largest true
                            let struct (_, first, second) = plain line c
                            let sizes = 1e-9 * (1.0 + abs second)
                            Expect.isLessThanOrEqual (abs (score - first)) (wrong + 1e-12 * (1.0 + abs first)) "first"

                            Expect.isLessThanOrEqual
                                (abs (spread - precise - second))
                                (cell.LostCurvature + sizes)
                                "second in the middle"

                            for i in -4 .. 4 do
                                let x = c + 0.25 * float i * h
                                let struct (_, _, second) = plain line x
                                Expect.isLessThanOrEqual (abs second) (steepest + sizes) "|(ln p)″|"
                                Expect.isLessThanOrEqual second (level + sizes) "the largest g"

                                Expect.isFalse (cell.Holds(true, second - sizes)) "below the curvature"

                                let above = LineLaw.logAbove line x
                                let parts = cell.LogDroppedAbove x
                                Expect.isLessThanOrEqual parts (above + 1e-12) "a part of P(X ≥ x)"

                    Expect.isGreaterThan dropped 100 "much is left out")

            testCase "tails of many components, where they are normal numbers and beyond" (fun () ->
                let line = LineLaw.at NoiseLevel.Data (snd cases[1])

                let plainly x =
                    Array.init line.Means.Length (fun k ->
                        line.LogWeights[k] + LineLaw.logTail ((x - line.Means[k]) / line.Deviations[k]))
                    |> LineLaw.logSum

                for x in [ -30.0; -10.0; -1.0; 0.0; 9.9; 12.0; 16.0; 18.0; 25.0; 60.0 ] do
                    let found = LineLaw.logAbove line x
                    Expect.isLessThan (abs (found - plainly x)) (1e-12 * (1.0 + abs found)) $"ln P(X ≥ {x})")
        ]
