/// Integrals over the line against plain sums, and what their proof says of complex neighbourhoods at points of them.
module Sgm.Tests.LineIntegralsTests

open System
open System.Numerics
open Expecto
open Sgm.Verification

let private lawOf (parts: (float * float * float) list) =
    let total = parts |> List.sumBy (fun (w, _, _) -> w)
    let weights = parts |> List.map (fun (w, _, _) -> w / total) |> Array.ofList
    let variances = parts |> List.map (fun (_, _, v) -> v) |> Array.ofList

    {
        Weights = weights
        LogWeights = Array.map log weights
        Means = parts |> List.map (fun (_, m, _) -> m) |> Array.ofList
        Variances = variances
        Deviations = Array.map sqrt variances
        Heights = Array.map2 (fun w v -> log w - 0.5 * log v) weights variances
    }

/// Of one scale or of several, near each other or far apart, weights down to 1e-6.
let private randomLaw (random: Random) =
    let spread, scales = 10.0 ** (2.0 * random.NextDouble() - 1.0), 3.0 * random.NextDouble()

    List.init (1 + random.Next 12) (fun _ ->
        10.0 ** (-6.0 * random.NextDouble() ** 3.0),
        spread * (2.0 * random.NextDouble() - 1.0),
        10.0 ** (scales * (random.NextDouble() - 0.5)))
    |> lawOf

let private density (law: LineLaw) (z: Complex) =
    let part k power =
        let y = z - Complex(law.Means[k], 0.0)
        let slope = -y / Complex(law.Variances[k], 0.0)
        let share = Complex.Exp(Complex(law.Heights[k] - 0.5 * log (2.0 * Math.PI), 0.0) + 0.5 * slope * y)

        match power with
        | 0 -> share
        | 1 -> share * slope
        | _ -> share * (slope * slope - Complex(1.0 / law.Variances[k], 0.0))

    let sum power = Seq.init law.Means.Length (fun k -> part k power) |> Seq.fold (+) Complex.Zero
    let p, first, second = sum 0, sum 1, sum 2
    struct (p, first / p, second / p - (first / p) * (first / p))

/// Σ of the trapezoid rule, which is as exact as doubles for what falls like this and is analytic.
let private along (law: LineLaw) f =
    let reach = 12.0 * Array.max law.Deviations
    let low, high = Array.min law.Means - reach, Array.max law.Means + reach
    let step = 0.02 * Array.min law.Deviations
    let count = int (ceil ((high - low) / step))
    Seq.init (count + 1) (fun i -> step * f (low + step * float i)) |> Seq.sum

let private real (law: LineLaw) x =
    let shares = Array.init law.Means.Length (fun k -> LineLaw.logShare law k x)
    let total = LineLaw.logSum shares
    let slopes = Array.map2 (fun m v -> (m - x) / v) law.Means law.Variances
    let mean f = Array.mapi (fun k share -> exp (share - total) * f k) shares |> Array.sum
    let first = mean (fun k -> slopes[k])
    let second = mean (fun k -> (slopes[k] - first) ** 2.0 - 1.0 / law.Variances[k])
    struct (total, first, second)

let private holds (found: Certificates.Bracket) value spare what =
    Expect.isLessThanOrEqual found.Low (value + spare) $"{what}: [{found.Low:R}, {found.High:R}] above {value:R}"
    Expect.isGreaterThanOrEqual found.High (value - spare) $"{what}: [{found.Low:R}, {found.High:R}] below {value:R}"

/// Intervals of many widths near a law's components.
let private interval (random: Random) (law: LineLaw) =
    let k = random.Next law.Means.Length
    let c = law.Means[k] + 6.0 * law.Deviations[k] * (2.0 * random.NextDouble() - 1.0)
    struct (c, law.Deviations[k] * 4.0 ** (1.0 - 4.0 * random.NextDouble()))

let tests =
    testList
        "integrals over the line"
        [
            testCase "on complex neighbourhoods nothing is larger than is said" (fun () ->
                let random = Random 3
                let mutable seen, refused = 0, 0

                for _ in 1..400 do
                    let law = randomLaw random
                    let own = LineInterval law
                    let struct (c, h) = interval random law
                    let struct (found, kept) = own.Near(own.All, c, h)

                    match found with
                    | ValueNone -> refused <- refused + 1
                    | ValueSome bounds ->
                        seen <- seen + 1
                        let spare = 1.0 + 1e-9

                        for i in 0..63 do
                            let angle = 2.0 * Math.PI * float i / 64.0
                            let part = if i % 2 = 0 then 1.0 else random.NextDouble()
                            let across = part * Bernstein.minor * h * sin angle
                            let z = Complex(c + part * Bernstein.major * h * cos angle, across)
                            let struct (p, first, second) = density law z
                            Expect.isLessThanOrEqual p.Magnitude (bounds.P * spare) "|p|"

                            // Where p is no number of a double's nothing can be divided by it.
                            if p.Magnitude > 1e-290 then
                                Expect.isLessThanOrEqual first.Magnitude (bounds.Slope * spare) "|(ln p)′|"
                                Expect.isLessThanOrEqual second.Magnitude (bounds.Bend * spare) "|(ln p)″|"
                                Expect.isLessThanOrEqual (abs (log p.Magnitude)) (bounds.Log * spare) "|ln p|"

                        // What is left out counts nowhere on the interval.
                        for x in [ c - h; c; c + h ] do
                            let struct (all, _) = own.At(own.All, x, abs x)
                            let struct (some, _) = own.At(kept, x, abs x)
                            Expect.isLessThan (abs (all.First - some.First)) (1e-12 * (1.0 + abs all.First)) "left out"

                Expect.isGreaterThan seen 150 "neighbourhoods without a zero"
                Expect.isGreaterThan refused 20 "neighbourhoods that may have one")

            testCase "on an interval no integral is larger than its crude bound" (fun () ->
                let random = Random 4

                for _ in 1..200 do
                    let law = randomLaw random
                    let own = LineInterval law
                    let struct (c, h) = interval random law
                    let crude = Array.zeroCreate 4
                    own.Crude(own.All, c, h, 1.0, crude)
                    let surprise = own.Surprise(own.All, c, h)
                    let sums = Array.zeroCreate 4

                    for i in 0..199 do
                        let x = c + h * (float i + 0.5 - 100.0) / 100.0
                        let struct (log, first, second) = real law x
                        let p = h / 100.0 * exp log
                        Expect.isLessThanOrEqual -log (surprise + own.Height) "−ln p"

                        [ first * first; second * second; abs log; 1.0 ]
                        |> List.iteri (fun i f -> sums[i] <- sums[i] + p * f)

                    for i in 0..3 do
                        Expect.isLessThanOrEqual sums[i] (crude[i] * 1.001) $"integral {i}")

            testCase "random mixtures by plain sums" (fun () ->
                let random = Random 5

                for _ in 1..60 do
                    let law, other = randomLaw random, randomLaw random
                    let found = LineIntegrals.facts law
                    let scale f = Array.map2 (fun w v -> w * f v) law.Weights law.Variances |> Array.sum

                    let against (bracket: Certificates.Bracket) size what f =
                        holds
                            bracket
                            (along law (fun x ->
                                let struct (log, first, second) = real law x
                                exp log * f log first second x))
                            (2e-12 * size)
                            what

                        Expect.isLessThan bracket.Width (1e-10 * size) $"{what}: narrow"

                    against found.Fisher (scale (fun v -> 1.0 / v)) "fisher" (fun _ first _ _ -> first * first)

                    against found.Curvature (scale (fun v -> 1.0 / (v * v))) "curvature" (fun _ _ second _ ->
                        second * second)

                    against found.Entropy 10.0 "entropy" (fun log _ _ _ -> -log)
                    let apart = LineIntegrals.relativeEntropy law other

                    against apart (10.0 + apart.High) "KL" (fun log _ _ x ->
                        let struct (over, _, _) = real other x
                        log - over))

            testCase "normal laws, however far away and however narrow" (fun () ->
                for mean in [ 0.0; 1.0; -1e3; 1e6 ] do
                    for v in [ 1e-8; 0.3; 1.0; 1e10 ] do
                        let law = lawOf [ 0.5, mean, v; 0.5, mean, v ]
                        let found = LineIntegrals.facts law
                        holds found.Fisher (1.0 / v) (1e-15 / v) $"J of N({mean}, {v})"
                        holds found.Curvature (1.0 / (v * v)) (1e-15 / (v * v)) $"H of N({mean}, {v})"
                        holds found.Entropy (0.5 * log (2.0 * Math.PI * Math.E * v)) 2e-14 $"entropy of N({mean}, {v})"

                        if abs mean <= 1e3 * sqrt v then
                            Expect.isLessThan (found.Fisher.Width * v) 1e-10 $"narrow at N({mean}, {v})"

                        let other = lawOf [ 1.0, mean + sqrt v, 2.0 * v ]
                        let kl = 0.5 * (0.5 + 0.5 - 1.0 + log 2.0)
                        holds (LineIntegrals.relativeEntropy law other) kl 1e-12 $"KL from N({mean}, {v})")

            testCase "modes that nothing is between, and one beneath another" (fun () ->
                // 60 deviations apart: entropy of one and ln 2; a needle under a hill: plain sums.
                let two = LineIntegrals.facts (lawOf [ 0.5, -30.0, 1.0; 0.5, 30.0, 1.0 ])
                holds two.Entropy (0.5 * log (2.0 * Math.PI * Math.E) + log 2.0) 1e-13 "entropy"
                holds two.Fisher 1.0 1e-13 "J"
                Expect.isLessThan two.Fisher.Width 1e-11 "narrow"
                let needle = lawOf [ 1.0, 0.0, 1.0; 1e-3, 0.1, 1e-6 ]

                let plainly =
                    along needle (fun x ->
                        let struct (log, first, _) = real needle x
                        exp log * first * first)

                holds (LineIntegrals.facts needle).Fisher plainly (1e-11 * plainly) "needle")

            testCase "of many components, most of them nowhere near" (fun () ->
                let random = Random 6
                let parts = List.init 300 (fun _ -> 0.5 + random.NextDouble(), 40.0 * random.NextDouble(), 0.01)
                let law = lawOf parts

                let plainly =
                    along law (fun x ->
                        let struct (log, first, _) = real law x
                        exp log * first * first)

                let found = LineIntegrals.facts law
                holds found.Fisher plainly (1e-11 * plainly) "J"
                Expect.isLessThan found.Fisher.Width (1e-9 * plainly) "narrow")

            testCase "the error of the rule is at most what is said, and of its size" (fun () ->
                // A pole just beyond the ellipse of a ρ whose error doubles see: M = 1/gap. ρ = 4 is the same formula.
                for rho in [ 1.5; 2.0 ] do
                    let edge, across = 0.5 * (rho + 1.0 / rho), 0.5 * (rho - 1.0 / rho)
                    let gap = 0.03 * across
                    let f x = 1.0 / (edge + gap - x)
                    let whole = log ((edge + gap + 1.0) / (edge + gap - 1.0))
                    let found = Array.map2 (fun x w -> w * f x) Bernstein.nodes Bernstein.weights |> Array.sum
                    let said = Bernstein.remainderOf rho / gap
                    Expect.isLessThanOrEqual (abs (found - whole)) said $"ρ = {rho}"
                    Expect.isGreaterThan (abs (found - whole)) (1e-3 * said) $"ρ = {rho}: of its size"

                Expect.equal Bernstein.remainder (Bernstein.remainderOf 4.0) "ρ = 4"
                Expect.equal (Bernstein.major, Bernstein.minor) (2.125, 1.875) "half-axes of ρ = 4")

            testCase "points and weights of the rule, to what roundings are taken to be: degrees up to 31" (fun () ->
                for j in 0..31 do
                    let found = Array.map2 (fun x w -> w * x ** float j) Bernstein.nodes Bernstein.weights |> Array.sum
                    let right = if j % 2 = 1 then 0.0 else 2.0 / float (j + 1)
                    Expect.isLessThan (abs (found - right)) 1e-15 $"degree {j}")
        ]
