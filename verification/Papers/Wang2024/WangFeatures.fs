/// Wang, He and Tao 2024: denoising score matching with linear features, a quadratic loss, and gradient descent on it.
module Sgm.Verification.Theorems.WangFeatures

open MathNet.Numerics.LinearAlgebra
open Sgm.Engine
open Sgm.Verification.Certificates

/// A feature: the score of N(mean, variance), noised to the level like the data. On the line it is affine.
type Feature = { Mean: float; Variance: float }

/// E X and Var X of data on the line.
type Moments = { Mean: float; Variance: float }

/// A level of the training, and what it counts in the loss.
type Weighed = { Level: NoiseLevel; Weight: float }

/// The level where a step begins, by w = ½(1/g′ − 1/g)·σ⁴/m², g = σ²/m²: the price of a score error in KL of paths.
let weigh (step: Tableau) =
    let g, below = Information.noise step.From, Information.noise step.To
    let scale = step.From.Sigma * step.From.Sigma / step.From.Mean

    {
        Level = step.From
        Weight = 0.5 * Information.step step.From step.To / (g * below) * scale * scale
    }

/// Slope and value at 0 of a feature at a level.
let private affine (level: NoiseLevel) (feature: Feature) =
    let v = level.VarianceOf feature.Variance
    -1.0 / v, level.Mean * feature.Mean / v

/// E x, E x² of the noised data.
let private noised (data: Moments) (level: NoiseLevel) =
    let mean = level.Mean * data.Mean
    mean, level.VarianceOf data.Variance + mean * mean

/// Σ w·E‖s_θ − ∇ln p‖² = θᵀGθ − 2bᵀθ + ΣwJ over the levels: G = Σ w·E φφᵀ, b = Σ w·E φ·∇ln p = −Σ w·E φ′ by parts.
type Loss = { Gram: Matrix<float>; Slope: Vector<float> }

/// Of data of which no more than two moments count.
let lossOf (features: Feature list) (data: Moments) (levels: Weighed list) =
    let zero = Matrix.Build.Dense(features.Length, features.Length), Vector.Build.Dense features.Length

    let gram, slope =
        (zero, levels)
        ||> List.fold (fun (gram, slope) one ->
            let own = features |> List.map (affine one.Level) |> Array.ofList
            let first, second = noised data one.Level

            let product i j =
                let (a, b), (c, d) = own[i], own[j]
                a * c * second + (a * d + b * c) * first + b * d

            gram + one.Weight * Matrix.Build.Dense(own.Length, own.Length, product),
            slope - one.Weight * Vector.Build.Dense(own.Length, (fun i -> fst own[i])))

    { Gram = gram; Slope = slope }

/// The same, from the affine score that the parameters make at every level, with J = E‖∇ln p‖² there.
let excess features data (levels: (Weighed * Bracket) list) theta =
    let at (one: Weighed, fisher: Bracket) =
        let own = List.map (affine one.Level) features
        let slope = List.fold2 (fun sum (a, _) weight -> sum + weight * a) 0.0 own theta
        let value = List.fold2 (fun sum (_, b) weight -> sum + weight * b) 0.0 own theta
        let first, second = noised data one.Level
        let a, b, c = slope * slope * second, 2.0 * slope * value * first, value * value
        // They cancel where the data are far from 0.
        let spare = 1e-14 * (a + abs b + c)
        let square = Bracket.Outward(a + b + c - spare, a + b + c + spare)
        // E s_θ·∇ln p = −slope.
        (fisher + square + Bracket.Near(2.0 * slope, 1e-15)) * one.Weight

    levels |> List.map at |> List.fold (+) (Bracket.Exactly 0.0)

/// θ_k from θ_0 = 0 by θ ← θ − η(Gθ − b), half the gradient of the loss.
let descend (loss: Loss) (rate: float) steps =
    let mutable theta = Vector.Build.Dense loss.Slope.Count

    for _ in 1..steps do
        theta <- theta - rate * (loss.Gram * theta - loss.Slope)

    List.ofSeq theta

/// A direction of the parameters: an eigenvalue λ of the Gram matrix, and λ·a², a the minimiser along it (θ_0 = 0).
type Mode = { Curvature: float; Excess: float }

/// All of them, the slowest first.
let modes (loss: Loss) =
    let found = loss.Gram.Evd Symmetricity.Symmetric

    [
        for i in 0 .. loss.Slope.Count - 1 ->
            let curvature = found.EigenValues[i].Real
            let along = found.EigenVectors.Column(i).DotProduct loss.Slope
            { Curvature = curvature; Excess = along * along / curvature }
    ]
    |> List.sortBy _.Curvature

/// What the minimiser gains over θ = 0.
let gained (all: Mode list) = all |> List.sumBy (fun mode -> mode.Excess)

/// What is left of a mode after k steps: Excess·(1 − ηλ)^(2k).
let left rate (steps: int) (mode: Mode) = mode.Excess * (1.0 - rate * mode.Curvature) ** (2.0 * float steps)
