/// Bruno et al. 2023, the motivating example: the mean of N(μ, I_d) learned by stochastic gradient Langevin dynamics.
module Sgm.Verification.Theorems.BrunoTraining

open System
open System.Collections.Concurrent
open System.Numerics
open System.Runtime.InteropServices
open Sgm.Engine

/// A training: everything that its law depends on.
type Training =
    {
        /// d.
        Dimension: int
        /// Every coordinate of μ.
        Mean: float
        /// Every coordinate of θ_0 − μ.
        Offset: float
        /// T: the time τ of a sample is uniform on [0, T].
        Time: float
        /// λ, the learning rate.
        Rate: float
        /// 1/β; 0 is plain stochastic gradient descent.
        Temperature: float
        /// n.
        Steps: int
    }

/// Moments over τ uniform on [0, T] of A = σ_τ²·e^(−2τ), half the curvature of one sample's loss.
type CurvatureMoments =
    {
        /// a₁ = E A.
        First: float
        /// a₂ = E A².
        Second: float
        /// a₃ = E σ_τ²·e^(−4τ): d·(2λ)²·a₃ is the variance of a step's noise at θ = μ.
        Noise: float
    }

let curvatureMoments time =
    // 1 − e^(−kT).
    let missing k = -(RealFunctions.ExpM1(-k * time))

    {
        First = missing 2.0 ** 2.0 / (4.0 * time)
        Second = (missing 4.0 / 4.0 - missing 6.0 / 3.0 + missing 8.0 / 8.0) / time
        Noise = (missing 4.0 / 4.0 - missing 6.0 / 6.0) / time
    }

/// E|θ_n − μ|² = ρⁿ·|θ_0 − μ|² + d·(4λ²·a₃ + 2λ/β)·(1 − ρⁿ)/(1 − ρ), ρ = 1 − 4λ·a₁ + 4λ²·a₂.
let secondMoment (t: Training) =
    let a = curvatureMoments t.Time
    let loss = 4.0 * t.Rate * a.First - 4.0 * t.Rate * t.Rate * a.Second
    let kept = (1.0 - loss) ** float t.Steps
    let noise = 4.0 * t.Rate * t.Rate * a.Noise + 2.0 * t.Rate * t.Temperature
    let d = float t.Dimension
    kept * d * t.Offset * t.Offset + d * noise * (1.0 - kept) / loss

/// The outcome of independent runs of a training.
type Learned =
    {
        Runs: int
        /// θ_n, shape [runs, d].
        Theta: float[][]
        /// Given the times τ of its samples a run's θ_n is N(μ + memory·(θ_0 − μ), spread·I); one a run.
        Memory: float[]
        Spread: float[]
    }

/// Runs that share a random stream; a part of the format of the results.
let private blockSize = 512

/// The seed of the run that a cell's experiment is about.
let private ownSeed = 20231113UL

let private lanes (x: float) = Vector<float> x

let private vectors (numbers: float[]) from count =
    MemoryMarshal.Cast<float, Vector<float>>(numbers.AsSpan(from, count))

/// The runs of one block. One step of one run takes one sample X ~ N(μ, I), τ ~ U[0, T], Z ~ N(0, I); the loss
/// σ²·‖∇ln p(X_τ|X) − s_θ(X_τ, τ)‖² at X_τ = e^(−τ)·X + σ·Z, with ∇ln p(X_τ|X) = −Z/σ and s_θ = −x + e^(−τ)·θ, is
/// ‖e^(−2τ)·Z − σe^(−τ)·(X − θ)‖², whose gradient is H = 2σ²e^(−2τ)·(θ − X) + 2σe^(−3τ)·Z.
let private block (t: Training) seed index =
    let stream = RandomStream(seed, int64 index)
    let theta = Array.create (t.Dimension * blockSize) (t.Mean + t.Offset)
    let memory = Array.create blockSize 1.0
    let spread = Array.zeroCreate<float> blockSize
    let decay = Array.zeroCreate<float> blockSize
    let pull = Array.zeroCreate<float> blockSize
    let kick = Array.zeroCreate<float> blockSize
    let normals = Array.zeroCreate<float>(3 * blockSize)
    let warmth = 2.0 * t.Rate * t.Temperature
    let noise = lanes (sqrt warmth)

    let rate, time, mean, one, warmed = lanes t.Rate, lanes -t.Time, lanes t.Mean, lanes 1.0, lanes warmth

    for _ in 1 .. t.Steps do
        stream.FillUniform(decay.AsSpan())
        let exponents = vectors decay 0 blockSize

        for j in 0 .. exponents.Length - 1 do
            exponents[j] <- time * exponents[j]

        VectorMath.Exp(decay.AsSpan(), decay.AsSpan())
        let pulls = vectors pull 0 blockSize
        let kicks = vectors kick 0 blockSize
        let memories = vectors memory 0 blockSize
        let spreads = vectors spread 0 blockSize

        for j in 0 .. exponents.Length - 1 do
            // The exponentials have taken the exponents' place.
            let m = exponents[j]
            let variance = one - m * m
            let gain = (rate + rate) * variance * m * m
            let push = (rate + rate) * Vector.SquareRoot variance * m * m * m
            pulls[j] <- gain
            kicks[j] <- push
            memories[j] <- memories[j] * (one - gain)
            spreads[j] <- (one - gain) * (one - gain) * spreads[j] + gain * gain + push * push + warmed

        for i in 0 .. t.Dimension - 1 do
            stream.FillNormal(normals.AsSpan())
            let row = vectors theta (i * blockSize) blockSize
            let xs = vectors normals 0 blockSize
            let zs = vectors normals blockSize blockSize
            let warmths = vectors normals (2 * blockSize) blockSize

            for j in 0 .. row.Length - 1 do
                let x = mean + xs[j]
                let gradient = pulls[j] * (row[j] - x) + kicks[j] * zs[j]
                row[j] <- row[j] - gradient + noise * warmths[j]

    {
        Runs = blockSize
        Theta = Array.init blockSize (fun j -> Array.init t.Dimension (fun i -> theta[i * blockSize + j]))
        Memory = memory
        Spread = spread
    }

let private firstMeans = ConcurrentDictionary<Training, float[]>()

/// What the first run learns: the run that a cell's experiment is about. Remembered, as every assumption asks for it.
let firstMean (t: Training) = firstMeans.GetOrAdd(t, (fun training -> (block training ownSeed 0).Theta[0]))

/// At least `coordinates`/d independent runs from a seed.
let learn (t: Training) seed coordinates =
    let blocks = max 1 ((coordinates / t.Dimension + blockSize - 1) / blockSize)
    let parts = Array.init blocks (block t seed)

    {
        Runs = blocks * blockSize
        Theta = parts |> Array.collect (fun part -> part.Theta)
        Memory = parts |> Array.collect (fun part -> part.Memory)
        Spread = parts |> Array.collect (fun part -> part.Spread)
    }

/// What the upper ends of means over runs rest on.
let assumes = "upper ends of means: Student's t over the runs of the training"

/// The mean over runs of something that is not negative, then a growing function of it. The lower end is a theorem
/// (`MeanBelow`), the upper one Student's; each at half the failure.
let meanOverRuns name (confidence: float) transform (values: float[]) =
    let count = float values.Length
    let failure = (1.0 - confidence) / 2.0
    let mean = Array.average values
    let variance = Array.sumBy (fun v -> (v - mean) * (v - mean)) values / (count - 1.0)
    let lower = min mean (max 0.0 (MeanBelow.Of(ReadOnlySpan values, 0.0, failure)))
    let upper = mean + StudentTail.Quantile(count - 1.0, failure) * sqrt (variance / count)

    Estimate.Sampled(
        transform mean,
        transform lower,
        transform upper,
        confidence,
        $"{name} over {values.Length} training runs",
        assumes
    )
