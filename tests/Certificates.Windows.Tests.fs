/// Sums over many components on the line: what windows leave out is inside of what they say.
module Sgm.Tests.CertificatesWindowsTests

open System
open Expecto
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates

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

let private holds (bracket: Bracket) value what =
    let spare = 1e-9 * abs value
    Expect.isLessThanOrEqual bracket.Low (value + spare) $"{what}: {value} above {bracket.Low}"
    Expect.isGreaterThanOrEqual bracket.High (value - spare) $"{what}: {value} below {bracket.High}"

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
            for name, mixture in cases do
                testCase
                    $"{name}: density and derivatives of ln p by plain sums, in the middle and over cells"
                    (fun () ->
                        let line = LineLaw.at NoiseLevel.Data mixture
                        let taylor = LineTaylor line
                        let mutable kept = 0

                        for c in [ -9.0; -3.3; 0.0; 1.7; 8.9 ] do
                            // Windows of windows, as cells are halved.
                            let mutable window, h = taylor.All, 1.0

                            for _ in 1..6 do
                                h <- 0.5 * h
                                window <- taylor.Narrow(window, c, h)

                            kept <- max kept window.Kept.Length
                            let struct (p, logarithm, wide, wideLogarithm) = taylor.At(4, window, c, h)
                            let struct (density, first, second) = plain line c
                            holds p[0] density "p"
                            holds logarithm[1] first "(ln p)′"
                            holds (2.0 * logarithm[2]) second "(ln p)″"
                            Expect.isLessThan logarithm[1].Width (1e-9 * (1.0 + abs first)) "narrow"

                            for i in -4 .. 4 do
                                let struct (density, first, second) = plain line (c + 0.25 * float i * h)
                                holds wide[0] density "p over the cell"
                                holds wideLogarithm[1] first "(ln p)′ over the cell"
                                holds (2.0 * wideLogarithm[2]) second "(ln p)″ over the cell"

                        Expect.isLessThan kept (mixture.Count / 2) "most are left out")

            testCase "what is left out is inside the bracket, however much it is" (fun () ->
                let line = LineLaw.at NoiseLevel.Data (snd cases.Head)
                let taylor = LineTaylor line
                let c, h = 0.0, 0.01
                let share k = LineLaw.logShare line k c
                let order = [| 0 .. line.Means.Length - 1 |] |> Array.sortByDescending share
                // Only the two largest, and the others by their largest values near by.
                let beyond =
                    order[2..]
                    |> Array.map (fun k ->
                        let m, v = line.Means[k], line.Variances[k]
                        let y = max 0.0 (abs (c - m) - 2.0 * h)
                        line.Heights[k] - 0.5 * log (2.0 * Math.PI) - 0.5 * y * y / v + 0.5 * h * h / v)

                let window = { Kept = order[..1]; Left = LineLaw.logSum beyond }
                let struct (p, logarithm, _, _) = taylor.At(2, window, c, h)
                let struct (density, first, _) = plain line c
                holds p[0] density "p"
                holds logarithm[1] first "(ln p)′"
                Expect.isGreaterThan p[0].Width (0.1 * density) "much was left out"
                let struct (q, _, _, _) = taylor.At(2, { window with Left = Double.NegativeInfinity }, c, h)
                Expect.isLessThan q[0].High density "without it the bracket is wrong")

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
