module Sgm.Tests.EnsembleLawTests

open System
open System.Collections.Immutable
open Expecto
open Sgm.Engine

/// Particles drawn from q, held against p.
let private lawOf (q: Target) (p: Target) particles seed =
    let plan =
        Plan(
            Target = p,
            Score = Score(p, ImmutableArray.Empty),
            Start = Start.Law(q, NoiseLevel.Data),
            InitialLevel = NoiseLevel.Data,
            Instructions = ImmutableArray.Create<Instruction>(Instruction.Probe("end", NoiseLevel.Data)),
            Metrics = ImmutableArray.Empty
        )

    (Ensemble().Run(plan, RunOptions(Particles = particles, Seed = seed))).Probes[0].Law

let private normal1 mean variance = Target(Mixture.Normal([| mean |], Covariance.Isotropic(1, variance)))

let private bimodal =
    Target(Mixture([| 0.3; 0.7 |], [| -2.0; 2.0 |], [| Covariance.Isotropic(1, 0.1); Covariance.Isotropic(1, 0.4) |]))

let private slow = Environment.GetEnvironmentVariable "SGM_SLOW" = "1"

/// How many of 100 seeds have the true value in their interval.
let private covered (q: Target) p particles metric exact =
    Seq.init 100 (fun seed -> (lawOf q p particles (uint64 seed + 1UL)).Measure metric)
    |> Seq.filter (fun e -> e.Lower <= exact && exact <= e.Upper)
    |> Seq.length

let private coverage =
    let sizes = if slow then [ 100L; 2000L; 20000L ] else [ 100L; 1000L ]

    let cases =
        [
            "q = p, normal", normal1 0.0 1.0, normal1 0.0 1.0, 0.0
            "q = p, bimodal", bimodal, bimodal, 0.0
            "a shift", normal1 0.3 1.0, normal1 0.0 1.0, 0.3
            "a shift and a scale", normal1 0.5 4.0, normal1 0.0 1.0, sqrt (0.25 + 1.0)
        ]

    testList
        "W2 in one dimension covers the truth in at least 97 of 100 seeds"
        [
            for name, q, p, exact in cases do
                for n in sizes do
                    testCase $"{name}, {n} particles" (fun () ->
                        let hits = covered q p n Metric.W2 exact
                        Expect.isGreaterThanOrEqual hits 97 "covered seeds")
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
            testCase "in two dimensions W2 has a lower end only, and it is below the truth" (fun () ->
                let q = Target(Mixture.Normal([| 1.0; 1.0 |], Covariance.Isotropic(2, 1.0)))
                let e = (lawOf q (Target.Centred(2, 1.0)) 20_000L 1UL).Measure Metric.W2
                Expect.isFalse e.Value.HasValue "no value"
                Expect.isLessThan e.Lower (sqrt 2.0) "below the truth"
                Expect.isGreaterThan e.Lower 1.3 "and close to it"
                Expect.isTrue (Double.IsPositiveInfinity e.Upper) "no upper end")
            testCase "TV has a lower end that the truth is above in at least 97 of 100 seeds" (fun () ->
                // TV(N(1,1), N(0,1)) = 2Φ(½) − 1.
                let exact = 0.38292492254802624

                Expect.isGreaterThanOrEqual
                    (covered (normal1 1.0 1.0) (normal1 0.0 1.0) 2000L Metric.Tv exact)
                    97
                    "shift"

                Expect.isGreaterThanOrEqual
                    (covered (normal1 0.0 1.0) (normal1 0.0 1.0) 2000L Metric.Tv 0.0)
                    97
                    "equal laws"

                let e = (lawOf (normal1 1.0 1.0) (normal1 0.0 1.0) 100_000L 1UL).Measure Metric.Tv
                Expect.isGreaterThan e.Lower 0.36 "close to the truth"
                Expect.equal e.Upper 1.0 "no upper end")
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
    testCase "mean and variance cover the truth in at least 97 of 100 seeds" (fun () ->
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
