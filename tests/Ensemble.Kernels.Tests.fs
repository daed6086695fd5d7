module Sgm.Tests.EnsembleKernelTests

open System
open System.Collections.Immutable
open Expecto
open Sgm.Engine

/// The plain twin of every kernel: matrices written out, solved by elimination, one point at a time.
module Naive =
    /// Solves A·x = b and gives ln det A, by Gaussian elimination without pivoting (A is positive definite).
    let solve (matrix: float[,]) (right: float[]) =
        let n = right.Length
        let a = Array2D.copy matrix
        let b = Array.copy right
        let mutable logDeterminant = 0.0

        for p in 0 .. n - 1 do
            logDeterminant <- logDeterminant + log a[p, p]

            for r in p + 1 .. n - 1 do
                let factor = a[r, p] / a[p, p]
                b[r] <- b[r] - factor * b[p]

                for c in p .. n - 1 do
                    a[r, c] <- a[r, c] - factor * a[p, c]

        for r in n - 1 .. -1 .. 0 do
            for c in r + 1 .. n - 1 do
                b[r] <- b[r] - a[r, c] * b[c]

            b[r] <- b[r] / a[r, r]

        b, logDeterminant

    let private covariance (law: Mixture) (level: NoiseLevel) k =
        Array2D.init law.Dimension law.Dimension (fun i j ->
            law.Covariance(k).Entry(i, j, (fun v -> level.VarianceOf v)))

    /// ln(w_k·N(x; mμ_k, m²Σ_k + σ²I)), and the component's score and denoiser μ_k + m·Σ_k·(m²Σ_k + σ²I)⁻¹·(x − mμ_k) at x.
    let private parts (law: Mixture) (level: NoiseLevel) (x: float[]) =
        let means = law.Means

        [|
            for k in 0 .. law.Count - 1 do
                if law.Weights[k] > 0.0 then
                    let away = Array.init x.Length (fun e -> x[e] - level.Mean * means[k * x.Length + e])
                    let solved, logDeterminant = solve (covariance law level k) away
                    let square = Array.fold2 (fun sum a b -> sum + a * b) 0.0 away solved
                    let constant = float x.Length * log (2.0 * Math.PI) + logDeterminant

                    let denoiser =
                        Array.init x.Length (fun i ->
                            let pulled =
                                Seq.sum (
                                    Seq.init x.Length (fun j ->
                                        law.Covariance(k).Entry(i, j, (fun v -> v)) * solved[j])
                                )

                            means[k * x.Length + i] + level.Mean * pulled)

                    log law.Weights[k] - 0.5 * (square + constant), Array.map (~-) solved, denoiser
        |]

    let private mixture (law: Mixture) level x =
        let parts = parts law level x
        let top = parts |> Array.map (fun (logit, _, _) -> logit) |> Array.max
        let shares = parts |> Array.map (fun (logit, _, _) -> exp (logit - top))
        let total = Array.sum shares

        let mean choose =
            Array.init x.Length (fun e ->
                Array.fold2 (fun sum share part -> sum + share / total * (choose part: float[])[e]) 0.0 shares parts)

        mean (fun (_, score, _) -> score), mean (fun (_, _, denoiser) -> denoiser), top + log total

    /// Score, denoiser and log-density of a product.
    let readings (target: Target) level (x: float[]) =
        let mutable from = 0
        let mutable logDensity = 0.0

        let both =
            [|
                for factor in target.Factors do
                    for _ in 1 .. factor.Count do
                        let score, denoiser, log = mixture factor.Law level x[from .. from + factor.Law.Dimension - 1]
                        from <- from + factor.Law.Dimension
                        logDensity <- logDensity + log
                        yield! Array.zip score denoiser
            |]

        Array.map fst both, Array.map snd both, logDensity

    /// Score and log-density of a product.
    let target law level x =
        let score, _, logDensity = readings law level x
        score, logDensity

    let private modified (level: NoiseLevel) (x: float[]) (s: float[]) (modifier: ScoreModifier) =
        let unit = 1.0 / sqrt (float x.Length)

        match modifier with
        | :? ScoreModifier.Shifted as m -> s |> Array.map (fun v -> v + m.Amount * unit)
        | :? ScoreModifier.Scaled as m -> s |> Array.map (fun v -> v * m.Factor)
        | :? ScoreModifier.Rippled as m ->
            Array.map2 (fun v xi -> v + m.Amplitude * unit * sqrt 2.0 * sin (m.Frequency * xi)) s x
        | :? ScoreModifier.Clipped as m ->
            let denoised = Array.map2 (fun v xi -> (xi + level.NoiseVariance * v) / level.Mean) s x
            let norm = denoised |> Array.sumBy (fun v -> v * v) |> sqrt

            if norm <= m.Radius then
                s
            else
                Array.map2 (fun v xi -> (level.Mean * v * m.Radius / norm - xi) / level.NoiseVariance) denoised x
        | other -> failwithf "the twin does not know %A" other

    let score (score: Score) level x = Seq.fold (modified level x) (target score.Of level x |> fst) score.Modifiers

let private numbers (random: Random) count scale = Array.init count (fun _ -> scale * (2.0 * random.NextDouble() - 1.0))

let private weights (random: Random) count =
    let raw = Array.init count (fun _ -> 0.05 + random.NextDouble())
    raw |> Array.map (fun w -> w / Array.sum raw)

let private fullCovariance (random: Random) d =
    let root = Array2D.init d d (fun _ _ -> random.NextDouble() - 0.5)

    Covariance.Full(
        Array2D.init d d (fun i j ->
            (if i = j then 0.3 else 0.0) + Seq.sum (Seq.init d (fun k -> root[i, k] * root[j, k])))
    )

let private diagonal (random: Random) d = Covariance.Diagonal(Array.init d (fun _ -> 0.2 + random.NextDouble()))

/// A law that the named kernel evaluates; a kernel without a case fails the tests.
let private lawFor name (random: Random) d count : Mixture =
    let mixture covariances = Mixture(weights random count, numbers random (count * d) 3.0, covariances)

    match name with
    | "normal" ->
        let covariance = if count % 2 = 0 then diagonal random d else Covariance.Isotropic(d, 0.7)

        Mixture.Normal(numbers random d 2.0, covariance)
    | "rotated normal" -> Mixture.Normal(numbers random d 2.0, fullCovariance random d)
    | "shared mixture" when count % 2 = 0 -> mixture [| Covariance.Isotropic(d, 0.4) |]
    | "shared mixture" -> mixture [| diagonal random d |]
    | "rotated mixture" -> mixture [| fullCovariance random d |]
    | "own mixture" ->
        mixture (
            Array.init count (fun k ->
                if k % 2 = 0 then
                    diagonal random d
                else
                    Covariance.Isotropic(d, 0.3 + random.NextDouble()))
        )
    | "full mixture" ->
        mixture (Array.init count (fun k -> if k % 3 = 2 then diagonal random d else fullCovariance random d))
    | other -> failwithf "no test for the kernel '%s': add a law that it evaluates" other

let private levels =
    [
        NoiseLevel.Data
        NoiseLevel.VariancePreserving 0.3
        NoiseLevel.VariancePreserving 4.0
        NoiseLevel.VarianceExploding 0.05
        NoiseLevel.VarianceExploding 20.0
    ]

/// Points as the kernels take them: coordinate-major.
let private read prediction (field: ScoreField) level (points: float[][]) =
    let n = points.Length
    let d = field.Dimension
    let flat = Array.init (d * n) (fun at -> points[at % n][at / n])
    let scores: float[] = Array.zeroCreate (d * n)
    field.Evaluate(level, prediction, ReadOnlySpan flat, scores.AsSpan(), n)
    Array.init n (fun i -> Array.init d (fun e -> scores[e * n + i]))

let private evaluate = read Prediction.Score

let private points (random: Random) d (level: NoiseLevel) count =
    Array.init count (fun i ->
        let far = if i % 7 = 6 then 30.0 else 4.0
        numbers random d (far + level.Sigma))

/// The largest difference to the twin, in units of the largest score component.
let private worst (score: Score) level (points: float[][]) =
    let actual = evaluate (ScoreField score) level points

    Array.map2
        (fun (x: float[]) (s: float[]) ->
            let expected = Naive.score score level x
            let scale = 1.0 + (expected |> Array.map abs |> Array.max)
            Array.map2 (fun a b -> abs (a - b) / scale) s expected |> Array.max)
        points
        actual
    |> Array.max

let private plain target = Score(target, ImmutableArray.Empty)

let private kernels =
    testList
        "every kernel against its twin"
        [
            for name in ScoreField.KernelNames do
                testCase name (fun () ->
                    let random = Random 1

                    for d in 1..8 do
                        for count in [ 2; 3; 5; 9; 130 ] do
                            let law = lawFor name random d count
                            Expect.equal (ScoreField.KernelName law) name "the law is for this kernel"

                            for level in levels do
                                let error = worst (plain (Target law)) level (points random d level 19)

                                if not (error < 1e-9) then
                                    failtestf "d %d, %d components, %A: error %g" d count level error)
        ]

/// Levels at which (x + σ²·s)/m has no digit left.
let private farLevels =
    [
        NoiseLevel.VariancePreserving 45.0
        NoiseLevel.VariancePreserving 300.0
        NoiseLevel.VarianceExploding 1e17
        NoiseLevel.VarianceExploding 1e150
    ]

let private denoisers =
    testList
        "the denoiser of every kernel against its twin"
        [
            for name in ScoreField.KernelNames do
                testCase name (fun () ->
                    let random = Random 8

                    for d in [ 1; 2; 5 ] do
                        for count in [ 2; 3; 130 ] do
                            let target = Target(lawFor name random d count)

                            for level in levels @ farLevels do
                                let at = points random d (NoiseLevel(0.0, 1.0, min level.Sigma 1e17)) 19
                                let actual = read Prediction.Denoiser (ScoreField(plain target)) level at

                                for x, found in Array.zip at actual do
                                    let _, expected, _ = Naive.readings target level x
                                    let scale = 1.0 + (expected |> Array.map abs |> Array.max)
                                    let error = Array.map2 (fun a b -> abs (a - b) / scale) found expected |> Array.max

                                    if not (error < 1e-11) then
                                        failtestf "d %d, %d components, %A: error %g" d count level error)
        ]

let private special =
    testList
        "special laws"
        [
            testCase "components a thousand deviations apart use the difference form" (fun () ->
                let random = Random 2
                let law = Mixture(weights random 6, numbers random 18 1000.0, [| Covariance.Isotropic(3, 0.01) |])

                let near =
                    Array.init 20 (fun i ->
                        Array.init 3 (fun e -> law.Means[(i % 6) * 3 + e] + 0.1 * random.NextDouble()))

                Expect.isLessThan (worst (plain (Target law)) NoiseLevel.Data near) 1e-7 "score near the components")
            testCase "a component of weight 0 is not there" (fun () ->
                let law = Mixture([| 0.5; 0.0; 0.5 |], [| -1.0; 0.0; 1.0 |], [| Covariance.Isotropic(1, 0.1) |])

                Expect.isLessThan
                    (worst (plain (Target law)) NoiseLevel.Data [| [| 0.1 |]; [| -3.0 |] |])
                    1e-12
                    "score")
            testCase "products, their copies and their order" (fun () ->
                let random = Random 3

                let product =
                    Target(
                        ImmutableArray.Create(
                            Factor(5, lawFor "shared mixture" random 1 2),
                            Factor(2, lawFor "full mixture" random 3 3),
                            Factor(1, lawFor "normal" random 2 1),
                            Factor(3, lawFor "own mixture" random 1 3)
                        )
                    )

                for level in levels do
                    let error = worst (plain product) level (points random product.Dimension level 33)
                    Expect.isLessThan error 1e-9 $"product at {level}")
            testCase "the log-density" (fun () ->
                let random = Random 4

                for name in ScoreField.KernelNames do
                    for level in levels do
                        let target = Target(lawFor name random 3 5)
                        let density = TargetDensity(target, level)

                        for x in points random 3 level 10 do
                            let _, expected = Naive.target target level x
                            let close = { absolute = 1e-9; relative = 1e-10 }
                            Expect.floatClose close (density.LogDensity(ReadOnlySpan x)) expected $"{name} at {level}")
        ]

let private modifiers =
    let all: ScoreModifier list =
        [
            ScoreModifier.Shifted 0.3
            ScoreModifier.Scaled 1.2
            ScoreModifier.Rippled(0.5, 3.0)
            ScoreModifier.Clipped 1.5
        ]

    testList
        "modifiers"
        [
            for first in all do
                for second in all do
                    testCase $"{first.GetType().Name}, then {second.GetType().Name}" (fun () ->
                        let random = Random 5

                        for d in [ 1; 2; 5 ] do
                            let target = Target(lawFor "shared mixture" random d 4)
                            let score = Score(target, ImmutableArray.Create(first, second))

                            for level in List.tail levels do
                                let x = points random d level 21
                                Expect.isLessThan (worst score level x) 1e-9 $"d {d}, {level}"
                                // At these levels (x + σ²·s)/m keeps the digits that are asked for.
                                let found = read Prediction.Denoiser (ScoreField score) level x

                                for x, found in Array.zip x found do
                                    let s = Naive.score score level x
                                    let m, v = level.Mean, level.NoiseVariance
                                    let expected = Array.map2 (fun x s -> (x + v * s) / m) x s

                                    let scale =
                                        1.0 + (Array.max (Array.map abs x) + v * Array.max (Array.map abs s)) / m

                                    let error = Array.map2 (fun a b -> abs (a - b) / scale) found expected |> Array.max
                                    Expect.isLessThan error 1e-12 $"the denoiser, d {d}, {level}")
        ]

let private widths =
    testCase "every register width gives the same bits" (fun () ->
        let random = Random 6

        for name in ScoreField.KernelNames do
            let target = Target(lawFor name random 5 70)
            let score = Score(target, ImmutableArray.Create<ScoreModifier>(ScoreModifier.Rippled(0.1, 2.0)))
            let x = points random 5 levels[1] 37
            let at bits = evaluate (ScoreField(score, bits)) levels[1] x
            let widest = at 512

            for bits in [ 256; 128; 64 ] do
                Expect.equal (at bits) widest $"{name} at {bits} bits")

let tests = testList "Ensemble.Kernels" [ kernels; denoisers; special; modifiers; widths ]
