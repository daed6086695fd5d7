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

let private coverage =
    let cases =
        [
            "q = p, normal", normal1 0.0 1.0, normal1 0.0 1.0, 0.0, [ 200L; 2000L ]
            "q = p, bimodal", bimodal, bimodal, 0.0, [ 200L; 2000L ]
            "a shift", normal1 0.3 1.0, normal1 0.0 1.0, 0.3, [ 200L; 2000L ]
            "a shift and a scale", normal1 0.5 4.0, normal1 0.0 1.0, sqrt (0.25 + 1.0), [ 200L; 2000L ]
            "q = p, three modes in the plane", planar, planar, 0.0, [ 1024L ]
            "a shift in the plane", shifted2, Target.Centred(2, 1.0), 0.3, [ 1024L ]
            "a scale in the plane", Target.Centred(2, 2.25), Target.Centred(2, 1.0), sqrt 0.5, [ 1024L ]
        ]

    testList
        "W2 covers the truth as often as it says"
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
                Expect.isLessThan (e.Upper - e.Lower) 0.05 "width")
            testCase "W2 of a point mass is exact" (fun () ->
                let store = ParticleStore(1, 0L, [| Array.create 512 3.0; Array.create 88 3.0 |])
                let e = ParticleLaw(store, normal1 1.0 2.0, NoiseLevel.Data, 1UL).Measure Metric.W2
                // E(3 − X)² = 4 + 2; the particles do not vary, so the interval is that of as many draws from the target.
                Expect.floatClose { absolute = 0.0; relative = 1e-6 } e.Value.Value (sqrt 6.0) "value"
                Expect.isLessThan (e.Upper - e.Lower) 0.5 "little spread")
            testCase "W2 to a thousand data points" (fun () ->
                let n = 1000
                let means = Array.init n (fun i -> float ((i * 37) % n) / 100.0)
                let data = Target(Mixture(Array.create n 0.001, means, [| Covariance.Isotropic(1, 0.01) |]))
                let e = (lawOf data data 20_000L 1UL).Measure Metric.W2
                Expect.equal e.Lower 0.0 "covers 0"
                Expect.isLessThan e.Value.Value 0.1 "close")
            testCase "in two dimensions W2 has both ends, and a value near the truth"
            <| fun () ->
                let q = Target(Mixture.Normal([| 1.0; 1.0 |], Covariance.Isotropic(2, 1.0)))
                let e = (lawOf q (Target.Centred(2, 1.0)) 65536L 1UL).Measure Metric.W2
                Expect.isTrue (e.Lower < sqrt 2.0 && sqrt 2.0 < e.Upper) $"[{e.Lower}, {e.Upper}]"
                Expect.isGreaterThan e.Lower 1.38 "lower end"
                Expect.isLessThan e.Upper 1.45 "upper end"
                Expect.isLessThan (abs (e.Value.Value - sqrt 2.0)) 0.01 "value"
            testCase "W2 of covariances that do not commute: Gelbrich's distance is reached"
            <| fun () ->
                // Σ_p = I, so W2² = |m|² + tr(Σ_q + I − 2·Σ_q^½), Σ_q with eigenvalues 4 and ¼ in a rotated basis.
                let c = Covariance.Full(array2D [ [ 2.125; 1.875 ]; [ 1.875; 2.125 ] ])
                let truth = sqrt (1.0 + 0.25)

                let e =
                    (lawOf (Target(Mixture.Normal([| 0.0; 0.0 |], c))) (Target.Centred(2, 1.0)) 65536L 1UL).Measure
                        Metric.W2

                Expect.isTrue (e.Lower < truth && truth < e.Upper) $"[{e.Lower}, {e.Upper}]"
                Expect.isLessThan (e.Upper - e.Lower) 0.2 "width"
            testCase "equal laws in two dimensions: 0 is covered, at any confidence, and a higher one is wider"
            <| fun () ->
                let law = (lawOf planar planar 32768L 1UL) :?> ParticleLaw
                let widths = [ 0.9; 0.99; 1.0 - 1e-6; 1.0 - 1e-11 ] |> List.map (fun c -> (law.At c).Measure Metric.W2)

                for e in widths do
                    Expect.equal e.Lower 0.0 "lower"
                    Expect.isLessThan e.Upper 0.3 "upper"

                Expect.equal
                    (widths |> List.map (fun e -> e.Upper) |> List.sort)
                    (widths |> List.map (fun e -> e.Upper))
                    "monotone"
            testCase "TV's lower end of particles that the target never gives is Chernoff's: (1 − c)^(1/n)"
            <| fun () ->
                // All 100 particles that test are in a cell of no mass: kl(1, a) = ln(1/a) = ln(1/(1 − c))/100.
                let law = (lawOf (normal1 100.0 1.0) (normal1 0.0 1.0) 200L 1UL) :?> ParticleLaw

                for confidence in [ 0.9; 0.99; 1.0 - 1e-9 ] do
                    let lower = ((law.At confidence).Measure Metric.Tv).Lower
                    let expected = (1.0 - confidence) ** 0.01
                    Expect.isLessThan (abs (lower - expected)) 1e-6 $"at {confidence}: {lower}, by hand {expected}"
            testCase "each end of W2 on the line moves with Student's quantile of half the failure"
            <| fun () ->
                // L² = mean − t·error over the 32 particles that test, U² = mean + t·error over 8 batches.
                let law = (lawOf (normal1 5.0 1.0) (normal1 0.0 1.0) 64L 1UL) :?> ParticleLaw
                let ends = [ 0.5; 0.9; 0.99 ] |> List.map (fun c -> c, (law.At c).Measure Metric.W2)

                let ratio f =
                    match List.map f ends with
                    | [ a: float; b; c ] -> (b - a) / (c - a)
                    | other -> failtest $"{other}"

                let student freedom =
                    ratio (fun (c, _) ->
                        MathNet.Numerics.Distributions.StudentT.InvCDF(0.0, 1.0, freedom, 0.5 * (1.0 + c)))

                let square (x: float) = x * x
                let close = { absolute = 0.0; relative = 1e-6 }
                Expect.floatClose close (ratio (fun (_, e) -> square e.Lower)) (student 31.0) "lower ends"
                Expect.floatClose close (ratio (fun (_, e) -> square e.Upper)) (student 7.0) "upper ends"
                Expect.isLessThan (snd ends[2]).Lower (snd ends[0]).Lower "a higher confidence is wider"
            testCase "in a hundred dimensions both ends hold"
            <| fun () ->
                let q = Target(Mixture.Normal(Array.create 100 0.2, Covariance.Isotropic(100, 1.0)))
                let e = (lawOf q (Target.Centred(100, 1.0)) 8192L 1UL).Measure Metric.W2
                Expect.isTrue (e.Lower < 2.0 && 2.0 < e.Upper) $"[{e.Lower}, {e.Upper}]"
                Expect.isGreaterThan e.Lower 1.9 "lower end"
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
                    Expect.stringContains e.Reason "no honest upper estimate" "reason")
            testCase "few particles give a reason, not a number" (fun () ->
                let e = (lawOf bimodal bimodal 5L 1UL).Measure Metric.W2
                Expect.isFalse e.Value.HasValue "no value"
                Expect.equal ((lawOf bimodal bimodal 1L 1UL).Moments().MeanError) [| infinity |] "one particle")
        ]

let private moments =
    testCase "mean and variance cover the truth as often as stated" (fun () ->
        let mean = 0.3 * -2.0 + 0.7 * 2.0
        let variance = 0.3 * (0.1 + 4.0) + 0.7 * (0.4 + 4.0) - mean * mean
        let all = Array.init 100 (fun seed -> (lawOf bimodal bimodal 2000L (uint64 seed + 1UL)).Moments())
        let hits f = all |> Array.filter f |> Array.length
        Expect.isGreaterThanOrEqual (hits (fun m -> abs (m.Mean[0] - mean) <= m.MeanError[0])) 97 "mean"

        Expect.isGreaterThanOrEqual
            (hits (fun m -> abs (m.Variance[0] - variance) <= m.VarianceError[0]))
            97
            "variance")

let tests = testList "Ensemble.Law" [ coverage; distances; moments ]
