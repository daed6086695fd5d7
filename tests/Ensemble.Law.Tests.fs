module Sgm.Tests.EnsembleLawTests

open System
open Expecto
open Sgm.Engine

/// Particles drawn from q, held against p.
let private lawOf (q: Target) (p: Target) particles seed =
    (Ensemble().Run(EnsemblePlans.drawn q p, RunOptions(Particles = particles, Seed = seed))).Probes[0].Law

let private normal1 mean variance = Target(Mixture.Normal([| mean |], Covariance.Isotropic(1, variance)))

let private bimodal =
    Target(Mixture([| 0.3; 0.7 |], [| -2.0; 2.0 |], [| Covariance.Isotropic(1, 0.1); Covariance.Isotropic(1, 0.4) |]))

/// Three modes in the plane that are not a product.
let private planar =
    Target(Mixture([| 0.5; 0.3; 0.2 |], [| 1.0; 0.0; -0.5; 1.0; -0.5; -1.5 |], [| Covariance.Isotropic(2, 0.25) |]))

let private slow = Environment.GetEnvironmentVariable "SGM_SLOW" = "1"

let private repetitions = if slow then 1000 else 100

/// How many of the seeds have the true value in their interval at a confidence.
let private covered (q: Target) p particles metric confidence exact =
    Seq.init repetitions (fun seed ->
        ((lawOf q p particles (uint64 seed + 1UL)) :?> ParticleLaw).At(confidence).Measure metric)
    |> Seq.filter (fun e -> e.Lower <= exact && exact <= e.Upper)
    |> Seq.length

/// At least the stated confidence less three deviations of a binomial number: 0.98 of 1000 at 0.99.
let private enough confidence =
    let n = float repetitions
    int (n * confidence - 3.0 * sqrt (n * confidence * (1.0 - confidence)))

let private shifted2 = Target(Mixture.Normal([| 0.3; 0.0 |], Covariance.Isotropic(2, 1.0)))

/// w·N(centre, deviation²·I) beside (1 − w)·N(0, I), in d dimensions.
let private rare d w centre variance =
    Target(
        Mixture(
            [| 1.0 - w; w |],
            Array.append (Array.zeroCreate d) (Array.create d centre),
            [| Covariance.Isotropic(d, 1.0); Covariance.Isotropic(d, variance) |]
        )
    )

let private coverage =
    let far = rare 1 0.0005 1000.0 1.0
    let wide = rare 1 0.001 0.0 1e6

    let cases =
        [
            // 22.281 = (∫(F⁻¹ − Φ⁻¹)²)^½; and 0 where both laws have the rare mass.
            "rare mass in the state", far, normal1 0.0 1.0, 22.281, [ 2000L ]
            "rare mass in the target", normal1 0.0 1.0, far, 22.281, [ 2000L ]
            "rare mass in both", far, far, 0.0, [ 500L; 2000L ]
            "rare wide mass in both", wide, wide, 0.0, [ 500L; 2000L ]
            "rare mass in the plane", rare 2 0.002 100.0 1.0, rare 2 0.002 100.0 1.0, 0.0, [ 1024L ]
            "rare wide mass, d = 16", rare 16 0.002 0.0 1e4, rare 16 0.002 0.0 1e4, 0.0, [ 256L ]
            "a contraction", normal1 0.0 0.25, normal1 0.0 1.0, 0.5, [ 200L; 2000L ]
            "far from the origin", normal1 1e9 1.0, normal1 1e9 1.0, 0.0, [ 200L ]
            "q = p, normal", normal1 0.0 1.0, normal1 0.0 1.0, 0.0, [ 200L; 2000L ]
            "q = p, bimodal", bimodal, bimodal, 0.0, [ 200L; 2000L ]
            "a shift", normal1 0.3 1.0, normal1 0.0 1.0, 0.3, [ 200L; 2000L ]
            "a shift and a scale", normal1 0.5 4.0, normal1 0.0 1.0, sqrt (0.25 + 1.0), [ 200L; 2000L ]
            "q = p, three modes in the plane", planar, planar, 0.0, [ 1024L ]
            "a shift in the plane", shifted2, Target.Centred(2, 1.0), 0.3, [ 1024L ]
            "a scale in the plane", Target.Centred(2, 2.25), Target.Centred(2, 1.0), sqrt 0.5, [ 1024L ]
        ]

    testList
        "W2's lower end is below the truth as often as it says"
        [
            for name, q, p, exact, sizes in cases do
                for n in sizes do
                    for confidence in [ 0.9; 0.99 ] do
                        testCase $"{name}, {n} particles, at {confidence}" (fun () ->
                            let hits = covered q p n Metric.W2 confidence exact

                            if slow then
                                printfn
                                    $"coverage: W2, {name}, {n} particles, stated {confidence}: {hits} of {repetitions}"

                            Expect.isGreaterThanOrEqual hits (enough confidence) "covered seeds")
        ]

let private distances =
    testList
        "distances"
        [
            testCase "W2 to the target tends to the closed form" (fun () ->
                let e = (lawOf (normal1 1.0 4.0) (normal1 0.0 1.0) 1_000_000L 1UL).Measure Metric.W2
                Expect.floatClose { absolute = 0.01; relative = 0.0 } e.Value.Value (sqrt 2.0) "value"
                Expect.isGreaterThan e.Lower (sqrt 2.0 - 0.02) "lower end"
                Expect.isTrue (Double.IsPositiveInfinity e.Upper) "no upper end"
                Expect.stringContains e.Reason "no upper end" "and why")
            testCase "W2 of a point mass is exact" (fun () ->
                let store = ParticleStore(1, 0L, [| Array.create 512 3.0; Array.create 88 3.0 |])
                let e = ParticleLaw(store, normal1 1.0 2.0, NoiseLevel.Data, 1UL).Measure Metric.W2
                // E(3 − X)² = 4 + 2.
                Expect.floatClose { absolute = 0.0; relative = 1e-6 } e.Value.Value (sqrt 6.0) "value"
                Expect.isGreaterThan e.Lower 2.2 "lower end")
            testCase "W2 to a thousand data points" (fun () ->
                let n = 1000
                let means = Array.init n (fun i -> float ((i * 37) % n) / 100.0)
                let data = Target(Mixture(Array.create n 0.001, means, [| Covariance.Isotropic(1, 0.01) |]))
                let e = (lawOf data data 20_000L 1UL).Measure Metric.W2
                Expect.equal e.Lower 0.0 "covers 0"
                Expect.isLessThan e.Value.Value 0.1 "close")
            testCase "in two dimensions W2 has a lower end, and a value near the truth"
            <| fun () ->
                let q = Target(Mixture.Normal([| 1.0; 1.0 |], Covariance.Isotropic(2, 1.0)))
                let law = lawOf q (Target.Centred(2, 1.0)) 65536L 1UL
                let e = law.Measure Metric.W2
                Expect.equal ((law :?> ParticleLaw).WassersteinBelow()) e.Lower "the lower end alone"
                Expect.isTrue (e.Lower < sqrt 2.0) $"{e.Lower}"
                Expect.isGreaterThan e.Lower 1.38 "lower end"
                Expect.isLessThan (abs (e.Value.Value - sqrt 2.0)) 0.01 "value"
            testCase "W2 of covariances that do not commute: Gelbrich's distance is reached"
            <| fun () ->
                // Σ_p = I, so W2² = |m|² + tr(Σ_q + I − 2·Σ_q^½), Σ_q with eigenvalues 4 and ¼ in a rotated basis.
                let c = Covariance.Full(array2D [ [ 2.125; 1.875 ]; [ 1.875; 2.125 ] ])
                let truth = sqrt (1.0 + 0.25)

                let e =
                    (lawOf (Target(Mixture.Normal([| 0.0; 0.0 |], c))) (Target.Centred(2, 1.0)) 65536L 1UL).Measure
                        Metric.W2

                Expect.isTrue (e.Lower < truth) $"{e.Lower}"
                Expect.isGreaterThan e.Lower (truth - 0.1) "lower end"
            testCase "with a logarithmic Sobolev constant both ends hold, at any confidence, and a higher one is wider"
            <| fun () ->
                // N(0.3, 1) against N(0, I), both with the constant 1.
                let law = (lawOf shifted2 (Target.Centred(2, 1.0)) 32768L 1UL) :?> ParticleLaw
                let ends = [ 0.9; 0.99; 1.0 - 1e-6; 1.0 - 1e-11 ] |> List.map (fun c -> (law.At c).Wasserstein 1.0)

                for e in ends do
                    Expect.isTrue (e.Lower < 0.3 && 0.3 < e.Upper) $"[{e.Lower}, {e.Upper}]"
                    Expect.isLessThan e.Upper 0.5 "upper"

                Expect.equal
                    (ends |> List.map (fun e -> e.Upper) |> List.sort)
                    (ends |> List.map (fun e -> e.Upper))
                    "wider"
            testCase "the upper end is √((W + √(2C·ln(2/α)/n))² + C/n) on the line, 2C in the place of C in the plane"
            <| fun () ->
                for q, p, factor in [ normal1 1.0 1.0, normal1 0.0 1.0, 1.0; shifted2, Target.Centred(2, 1.0), 2.0 ] do
                    let law = (lawOf q p 4096L 3UL) :?> ParticleLaw

                    for c in [ 1.0; 2.5 ] do
                        let e = (law.At 0.95).Wasserstein c
                        let spread = factor * c / 4096.0
                        let expected = sqrt ((e.Value.Value + sqrt (2.0 * spread * log 40.0)) ** 2.0 + spread)
                        Expect.floatClose { absolute = 0.0; relative = 1e-9 } e.Upper expected "upper end"
            testCase "TV's lower end of particles that the target never gives is Chernoff's: (1 − c)^(1/n)"
            <| fun () ->
                // All 100 particles that test are in a cell of no mass: kl(1, a) = ln(1/a) = ln(1/(1 − c))/100.
                let law = (lawOf (normal1 100.0 1.0) (normal1 0.0 1.0) 200L 1UL) :?> ParticleLaw

                for confidence in [ 0.9; 0.99; 1.0 - 1e-9 ] do
                    let lower = ((law.At confidence).Measure Metric.Tv).Lower
                    let expected = (1.0 - confidence) ** 0.01
                    Expect.isLessThan (abs (lower - expected)) 1e-6 $"at {confidence}: {lower}, by hand {expected}"
            testCase "in a hundred dimensions the lower end is near"
            <| fun () ->
                let q = Target(Mixture.Normal(Array.create 100 0.2, Covariance.Isotropic(100, 1.0)))
                let e = (lawOf q (Target.Centred(100, 1.0)) 8192L 1UL).Measure Metric.W2
                Expect.isTrue (e.Lower < 2.0) $"{e.Lower}"
                Expect.isGreaterThan e.Lower 1.85 "lower end"
            testCase "TV has a lower end that the truth is above as often as stated" (fun () ->
                // TV(N(1,1), N(0,1)) = 2Φ(½) − 1.
                let exact = 0.38292492254802624

                Expect.isGreaterThanOrEqual
                    (covered (normal1 1.0 1.0) (normal1 0.0 1.0) 2000L Metric.Tv 0.99 exact)
                    (enough 0.99)
                    "shift"

                Expect.isGreaterThanOrEqual
                    (covered (normal1 0.0 1.0) (normal1 0.0 1.0) 2000L Metric.Tv 0.99 0.0)
                    (enough 0.99)
                    "equal laws"

                let e = (lawOf (normal1 1.0 1.0) (normal1 0.0 1.0) 100_000L 1UL).Measure Metric.Tv
                Expect.isGreaterThan e.Lower 0.36 "close to the truth"
                Expect.equal e.Upper 1.0 "no upper end")
            testCase "TV along a direction is above what the coordinates show"
            <| fun () ->
                // TV(N(m, I), N(0, I)) = 2Φ(|m|/2) − 1 with |m| = 1; a coordinate shows 2Φ(√⅛) − 1 = 0.276.
                let shift = sqrt 0.5
                let q = Target(Mixture.Normal([| shift; -shift |], Covariance.Isotropic(2, 1.0)))
                let e = (lawOf q (Target.Centred(2, 1.0)) 100_000L 1UL).Measure Metric.Tv
                Expect.isGreaterThan e.Lower 0.35 "close to the truth"
                Expect.isLessThan e.Lower 0.38292492254802624 "and below it"
            testCase "KL and chi² say why there is no value" (fun () ->
                for metric in [ Metric.Kl; Metric.Chi2 ] do
                    let e = (lawOf bimodal bimodal 100L 1UL).Measure metric
                    Expect.isFalse e.Value.HasValue "no value"
                    Expect.stringContains e.Reason "no honest interval" "reason")
            testCase "few particles give a reason, not a number" (fun () ->
                let e = (lawOf bimodal bimodal 5L 1UL).Measure Metric.W2
                Expect.isFalse e.Value.HasValue "no value"
                Expect.equal ((lawOf bimodal bimodal 5L 1UL :?> ParticleLaw).WassersteinBelow()) 0.0 "no lower end"

                for n in [ 1L; 2L; 15L ] do
                    let m = (lawOf bimodal bimodal n 1UL).Moments()
                    Expect.isTrue (Double.IsNaN m.MeanError[0] && Double.IsNaN m.VarianceError[0]) $"{n} particles"

                Expect.isTrue (Double.IsFinite((lawOf bimodal bimodal 16L 1UL).Moments().VarianceError[0])) "16")
        ]

let private moments =
    testList
        "moments"
        [
            testCase "are estimates with standard errors s/√n and √((μ₄ − (n−3)/(n−1)·s⁴)/n), without a confidence"
            <| fun () ->
                let law = (lawOf bimodal bimodal 2000L 7UL) :?> ParticleLaw
                let x = law.Particles.Coordinate 0
                let n = float x.Length
                let mean = Array.average x
                let central p = x |> Array.averageBy (fun v -> pown (v - mean) p)
                let square = central 2 * n / (n - 1.0)
                let found = law.Moments()
                let close = { absolute = 0.0; relative = 1e-9 }
                Expect.isTrue found.AreEstimates "estimates"
                Expect.floatClose close found.Mean[0] mean "mean"
                Expect.floatClose close found.Variance[0] square "variance"
                Expect.floatClose close found.MeanError[0] (sqrt (square / n)) "of the mean"
                let expected = sqrt ((central 4 - (n - 3.0) / (n - 1.0) * square * square) / n)
                Expect.floatClose close found.VarianceError[0] expected "of the variance"
            testCase "of an exact law are brackets"
            <| fun () ->
                let exact =
                    (GaussianInterpreter().Run(EnsemblePlans.drawn (normal1 0.0 1.0) (normal1 0.0 1.0), RunOptions()))

                Expect.isFalse (exact.Probes[0].Law.Moments().AreEstimates) "brackets"
        ]

let tests = testList "Ensemble.Law" [ coverage; distances; moments ]
