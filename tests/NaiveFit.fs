/// Score matching by the textbook: what ScoreMatching is equivalent to, from the same draws.
module Sgm.Tests.NaiveFit

open System
open Sgm.Engine

/// A·x = b by elimination with pivots.
let private solve (a: float[][]) (b: float[]) =
    let n = b.Length
    let rows = Array.init n (fun i -> Array.append a[i] [| b[i] |])

    for j in 0 .. n - 1 do
        let pivot = List.maxBy (fun i -> abs (rows[i][j])) [ j .. n - 1 ]
        let row = rows[pivot]
        rows[pivot] <- rows[j]
        rows[j] <- row

        for i in 0 .. n - 1 do
            if i <> j then
                let factor = rows[i][j] / row[j]
                rows[i] <- Array.map2 (fun v w -> v - factor * w) rows[i] row

    Array.init n (fun i -> rows[i][n] / rows[i][i])

let private dot (a: float[]) b = Array.sum (Array.map2 (*) a b)

/// The minimiser of (1/n)·Σ|s(mX + σZ) + Z/σ|² + λ|W|² over s = −Σ̂⁻¹(x − μ̂) + Wφ, by the textbook's normal equations.
let ridge law n k (seed: int64) (level: NoiseLevel) =
    let d = (law: Target).Dimension
    let draws = TrainingSample.Draw(law, n, seed) |> Array.chunkBySize d

    let generator =
        MathNet.Numerics.Random.Xoshiro256StarStar(int ((uint64 (2L * seed + 1L) * 0x9E3779B97F4A7C15UL) >>> 33))

    let normals count =
        let values = Array.zeroCreate (count * d)
        MathNet.Numerics.Distributions.Normal.Samples(generator, values, 0.0, 1.0)
        Array.chunkBySize d values

    let noise = normals n
    let directions = normals k
    let exponents = Array.init k (fun _ -> generator.NextDouble())
    let phases = Array.init k (fun _ -> 2.0 * Math.PI * generator.NextDouble())
    let m, sigma = level.Mean, level.Sigma
    let mean = Array.init d (fun e -> m * Array.averageBy (fun (x: float[]) -> x[e]) draws)

    let covariance =
        Array.init d (fun e ->
            Array.init d (fun f ->
                let between = draws |> Array.averageBy (fun x -> (m * x[e] - mean[e]) * (m * x[f] - mean[f]))
                if e = f then between + sigma * sigma else between))

    let spread = sqrt (Array.average (Array.init d (fun e -> covariance[e][e])))

    let features (x: float[]) =
        Array.init k (fun j ->
            let length = sigma ** exponents[j] * spread ** (1.0 - exponents[j])
            sqrt (2.0 / float k) * cos (dot directions[j] x / length + phases[j]))

    let linear x = solve covariance (Array.map2 (-) mean x)
    let points = Array.map2 (Array.map2 (fun x z -> m * x + sigma * z)) draws noise
    let phi = Array.map features points

    let normal =
        Array.init k (fun i ->
            Array.init k (fun j ->
                Array.averageBy (fun (row: float[]) -> row[i] * row[j]) phi
                + if i = j then 1e-3 / (sigma * sigma) else 0.0))

    let weights =
        Array.init d (fun e ->
            let goal = Array.map2 (fun (z: float[]) x -> -z[e] / sigma - (linear x)[e]) noise points
            solve normal (Array.init k (fun j -> List.averageBy (fun i -> phi[i][j] * goal[i]) [ 0 .. n - 1 ])))

    fun x ->
        let f = features x
        Array.map2 (fun value (row: float[]) -> value + dot row f) (linear x) weights
