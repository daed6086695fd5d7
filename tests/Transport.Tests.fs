module Sgm.Tests.TransportTests

open System
open System.Collections.Immutable
open Expecto
open Sgm.Engine
open MathNet.Numerics.Distributions

let private mixture =
    LineMixture.Coordinate(
        Target(
            Mixture([| 0.3; 0.7 |], [| -2.0; 1.0 |], [| Covariance.Isotropic(1, 0.1); Covariance.Isotropic(1, 0.5) |])
        ),
        NoiseLevel.Data,
        0
    )

/// ∫ f·p by the trapezoid rule.
let private quadrature (law: LineMixture) a b f =
    let n = 200_000
    let width = (b - a) / float n

    let density y =
        Seq.init law.Weights.Length (fun k -> law.Weights[k] * Normal.PDF(law.Means[k], law.Deviations[k], y))
        |> Seq.sum

    width * (Seq.init n (fun i -> let y = a + width * (float i + 0.5) in f y * density y) |> Seq.sum)

let private lineTests =
    testList
        "a mixture on the line"
        [
            testCase "integrals of quadratics are those of the midpoint rule"
            <| fun () ->
                for a, b in [ -12.0, 12.0; -1.5, 0.3; 0.5, 4.0 ] do
                    let struct (direct, size) = mixture.Integral(0.4, -1.0, 0.7, 0.3, a, b)
                    let numeric = quadrature mixture a b (fun y -> let v = y - 0.3 in 0.4 - v + 0.7 * v * v)
                    Expect.isGreaterThanOrEqual size (abs direct) "the terms' size"
                    Expect.floatClose { absolute = 1e-8; relative = 1e-8 } direct numeric $"[{a}, {b}]"

                let struct (whole, _) =
                    mixture.Integral(0.0, 0.0, 1.0, 0.0, Double.NegativeInfinity, Double.PositiveInfinity)

                Expect.floatClose Accuracy.high whole (mixture.Variance + mixture.Mean ** 2.0) "second moment"
            testCase "the projection of a law in the plane has its mean and variance"
            <| fun () ->
                let c = Covariance.Full(array2D [ [ 2.0; 0.8 ]; [ 0.8; 0.5 ] ])
                let law = Target(Mixture([| 0.4; 0.6 |], [| 1.0; 0.0; -1.0; 2.0 |], [| c |]))
                let direction = [| 0.6; 0.8 |]
                let along = LineMixture.Along(law, NoiseLevel.Data, direction)
                Expect.floatClose Accuracy.high along.Mean (0.4 * 0.6 + 0.6 * (-0.6 + 1.6)) "mean"
                let within = 0.36 * 2.0 + 2.0 * 0.48 * 0.8 + 0.64 * 0.5
                let between = 0.4 * 0.6 * (0.6 - 1.0) ** 2.0
                Expect.floatClose Accuracy.high along.Variance (within + between) "variance"
        ]

let private tails =
    testCase "Student's quantiles have their tail, and are MathNet's where it converges" (fun () ->
        for freedom in [ 1.0; 5.0; 31.0; 1000.0 ] do
            for tail in [ 0.25; 1e-3; 1e-9; 1e-12 ] do
                let t = StudentTail.Quantile(freedom, tail)
                Expect.floatClose { absolute = 0.0; relative = 1e-7 } (StudentTail.Above(freedom, t)) tail "tail"

            let usual = StudentTail.Quantile(freedom, 0.025)
            Expect.floatClose Accuracy.medium usual (StudentT.InvCDF(0.0, 1.0, freedom, 0.975)) "MathNet"

        // One degree of freedom is Cauchy's law: tan(π(½ − tail)).
        Expect.floatClose Accuracy.medium (StudentTail.Quantile(1.0, 1e-4)) (tan (Math.PI * (0.5 - 1e-4))) "Cauchy")

let private below (pilot: float[]) (values: float[]) floor failure =
    MeanBelow.Of(ReadOnlySpan pilot, ReadOnlySpan values, floor, failure)

let private means =
    testList
        "the lower end of a mean"
        [
            testCase "is above it with at most the stated probability, for every coin, by the binomial law"
            <| fun () ->
                for n in [ 4; 30 ] do
                    for pilot in [ [| 0.0; 1.0 |]; Array.append (Array.zeroCreate 19) [| 1.0 |] ] do
                        let bounds =
                            [|
                                for k in 0..n ->
                                    below pilot (Array.init n (fun i -> if i < k then 1.0 else 0.0)) 0.0 0.1
                            |]

                        for p in [ 0.001; 0.02; 0.1; 0.3; 0.5; 0.7; 0.9; 0.99 ] do
                            let missed =
                                Seq.sum (
                                    seq {
                                        for k in 0..n do
                                            if bounds[k] > p then
                                                Binomial.PMF(p, n, k)
                                    }
                                )

                            Expect.isLessThanOrEqual missed 0.1 $"n = {n}, p = {p}"
            testCase "is ((δ·Π(1 + cZ))^(1/n) − 1)/c: δ^(1/n) times a constant, for a large stake"
            <| fun () ->
                let ones = Array.create 50 3.0
                // Z = 2 above the floor 1; c → ∞ is the best stake for what does not vary.
                let expected = 1.0 + 2.0 * 0.01 ** (1.0 / 50.0)
                let found = below ones ones 1.0 0.01
                Expect.isLessThanOrEqual found expected "no more"
                Expect.isGreaterThan found (expected - 0.01) "and little less"
            testCase "moves with the floor and the unit"
            <| fun () ->
                let values = Array.init 400 (fun i -> float ((i * 37) % 101) ** 2.0)
                let found = below values values 0.0 0.01

                let moved =
                    below
                        (Array.map (fun v -> 3.0 * v - 5.0) values)
                        (Array.map (fun v -> 3.0 * v - 5.0) values)
                        -5.0
                        0.01

                Expect.floatClose { absolute = 0.0; relative = 1e-9 } moved (3.0 * found - 5.0) "3·bound − 5"
            testCase "is below the mean of values without a variance as often as stated, and near the mean of mild ones"
            <| fun () ->
                let random = Random 21
                // Pareto's law with exponent 1.5, mean 3; and a value of 10⁴ once in 10⁴, mean 1.
                let pareto () = (1.0 - random.NextDouble()) ** (-1.0 / 1.5)
                let rare () = if random.Next 10000 = 0 then 1e4 else 0.0

                for draw, mean in [ pareto, 3.0; rare, 1.0 ] do
                    let missed =
                        Seq.init 2000 (fun _ -> Array.init 200 (fun _ -> draw ()))
                        |> Seq.filter (fun v -> MeanBelow.Of(ReadOnlySpan v, 0.0, 0.05) > mean)
                        |> Seq.length

                    // Three deviations of a binomial number of 2000 and 0.05 above its mean.
                    Expect.isLessThan missed 130 "missed"

                let uniform = Array.init 80000 (fun _ -> random.NextDouble())
                let error = sqrt (2.0 * log 1000.0 / 12.0 / 70000.0)
                let found = MeanBelow.Of(ReadOnlySpan uniform, 0.0, 0.001)
                Expect.isTrue (0.5 - 2.0 * error < found && found < 0.5) $"{found}, √(2·ln(1/δ)·Var/n) = {error}"
        ]

/// Particles drawn from q, as the first `n` of a run.
let private drawn (q: Target) n seed =
    let run = Ensemble().Run(EnsemblePlans.drawn q q, RunOptions(Particles = n, Seed = seed, Threads = 1))
    (run.Probes[0].Law :?> ParticleLaw).Particles

let private planar variance =
    Target(
        Mixture(
            [| 0.5; 0.5 |],
            [| -1.0; 0.0; 1.0; 0.5 |],
            [| Covariance.Isotropic(2, 0.5); Covariance.Isotropic(2, variance) |]
        )
    )

let private stein =
    let slow = Environment.GetEnvironmentVariable "SGM_SLOW" = "1"

    testList
        "Stein's test"
        [
            testCase "the statistic is the mean of u over pairs"
            <| fun () ->
                let law = planar 0.7
                let store = drawn law 60L 3UL
                let rows = Array.init 60 (fun i -> store.Particle(int64 i))
                let score = ScoreField(Score(law, ImmutableArray.Empty))

                let scores =
                    rows
                    |> Array.map (fun (x: double[]) ->
                        let s = Array.zeroCreate<double> 2
                        score.Evaluate(NoiseLevel.Data, x.AsSpan(), s.AsSpan(), 1)
                        s)

                let square (a: double[]) (b: double[]) = Array.sum (Array.map2 (fun x y -> (x - y) * (x - y)) a b)
                let width = (Array.init 30 (fun i -> square rows[2 * i] rows[2 * i + 1]) |> Array.sort)[15]

                let direct =
                    Seq.allPairs [ 0..59 ] [ 0..59 ]
                    |> Seq.filter (fun (i, j) -> i <> j)
                    |> Seq.averageBy (fun (i, j) ->
                        SteinTest.Pair(
                            rows[i].AsSpan(),
                            scores[i].AsSpan(),
                            rows[j].AsSpan(),
                            scores[j].AsSpan(),
                            width
                        ))

                let found = SteinTest.Of(store, law, NoiseLevel.Data, 1UL, 19)
                Expect.floatClose { absolute = 1e-12; relative = 1e-9 } found.Discrepancy direct "mean of u"
            testCase "u is Stein's operator on both sides of the kernel, by differences"
            <| fun () ->
                let kernel (x: double[]) (y: double[]) =
                    1.0 / sqrt (0.8 + Array.sum (Array.map2 (fun a b -> (a - b) ** 2.0) x y))

                let x, y = [| 0.3; -0.7 |], [| 1.1; 0.4 |]
                let sx, sy = [| 0.5; -1.2 |], [| -0.3; 0.9 |]
                let e = 1e-4
                let moved (p: double[]) i h = Array.mapi (fun j v -> if i = j then v + h else v) p
                let dx i y = (kernel (moved x i e) y - kernel (moved x i -e) y) / (2.0 * e)
                let dy i = (kernel x (moved y i e) - kernel x (moved y i -e)) / (2.0 * e)
                let dxdy i = (dx i (moved y i e) - dx i (moved y i -e)) / (2.0 * e)
                let term i = sx[i] * sy[i] * kernel x y + sx[i] * dy i + sy[i] * dx i y + dxdy i
                let expected = term 0 + term 1

                Expect.floatClose
                    { absolute = 1e-6; relative = 0.0 }
                    (SteinTest.Pair(x.AsSpan(), sx.AsSpan(), y.AsSpan(), sy.AsSpan(), 0.8))
                    expected
                    "u"
            testCase "its p-value is uniform for draws of the law"
            <| fun () ->
                let runs = if slow then 1000 else 200
                let law = planar 0.7

                let values =
                    Array.init runs (fun i ->
                        SteinTest.Of(drawn law 200L (uint64 i), law, NoiseLevel.Data, uint64 i, 199).PValue)

                for level in [ 0.01; 0.05; 0.25; 0.5 ] do
                    let below = values |> Array.filter (fun p -> p <= level) |> Array.length |> float

                    if slow then
                        printfn $"Stein's test: p ≤ {level} in {below} of {runs}"

                    let n = float runs
                    let allowed = 3.5 * sqrt (n * level * (1.0 - level))
                    Expect.isLessThan (abs (below - n * level)) allowed $"p ≤ {level}"
            testCase "and small for another law"
            <| fun () ->
                for wrong in [ planar 0.25; Target.Centred(2, 1.0) ] do
                    Expect.isLessThan
                        (SteinTest.Of(drawn wrong 1000L 5UL, planar 0.7, NoiseLevel.Data, 1UL)).PValue
                        0.01
                        "p"
        ]

let tests = testList "Transport" [ lineTests; tails; means; stein ]
