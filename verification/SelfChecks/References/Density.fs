/// Targets as densities, in the form of a textbook: weights, means and covariance matrices.
module Sgm.Verification.References.Density

open System
open MathNet.Numerics
open MathNet.Numerics.LinearAlgebra
open Sgm
open Sgm.Verification.References.Course

/// weight·N(Mean, Covariance).
type Component = { Weight: float; Mean: Vector<float>; Covariance: Matrix<float> }

/// Independent blocks of coordinates, each a mixture.
type Law = Component list list

let vector (values: float seq) = Vector<float>.Build.DenseOfEnumerable values
let diagonal (values: float seq) = Matrix<float>.Build.DenseOfDiagonalArray(Array.ofSeq values)
let unit dimension = Matrix<float>.Build.DenseIdentity dimension

let private component' mean covariance = { Weight = 1.0; Mean = vector mean; Covariance = covariance }

/// Columns less their mean, over the root of their mean square.
let private standardise (rows: float[][]) =
    let columns = Array.transpose rows

    columns
    |> Array.map (fun column ->
        let mean = Array.average column
        let deviation = sqrt (column |> Array.averageBy (fun x -> (x - mean) ** 2.0))
        column |> Array.map (fun x -> (x - mean) / deviation))
    |> Array.transpose

let private kernels bandwidth (rows: float[][]) =
    [
        for row in rows ->
            { component' (row: float[]) (diagonal (Array.create row.Length (bandwidth * bandwidth))) with
                Weight = 1.0 / float rows.Length
            }
    ]

/// The components of a law that is no product; weights of a mixture count by their share of the sum.
let rec private components data target =
    match target with
    | Normal(mean, variance) -> [ component' mean (diagonal (List.replicate mean.Length variance)) ]
    | NormalDiag(mean, variances) -> [ component' mean (diagonal variances) ]
    | NormalCov(mean, rows) -> [ component' mean (Matrix<float>.Build.DenseOfRows(rows |> Seq.map Seq.ofList)) ]
    | Standard d -> [ component' (List.replicate d 0.0) (diagonal (List.replicate d 1.0)) ]
    | Mixture parts ->
        let total = List.sumBy fst parts

        [
            for weight, part in parts do
                for inner in components data part -> { inner with Weight = inner.Weight * weight / total }
        ]
    | Samples(file, bandwidth) -> kernels bandwidth (data file)
    | Standardized(Samples(file, bandwidth)) -> kernels bandwidth (standardise (data file))
    | Standardized inner -> components data inner
    | Product _ -> invalidOp "a product inside a mixture"

/// A target's independent blocks, in the order of the coordinates.
let rec law data target : Law =
    match target with
    | Product parts ->
        [
            for count, part in parts do
                for _ in 1..count do
                    yield! law data part
        ]
    | single -> [ components data single ]

/// The coordinates of a target, without writing it out.
let rec coordinates data target =
    match target with
    | Normal(mean, _)
    | NormalDiag(mean, _)
    | NormalCov(mean, _) -> float mean.Length
    | Standard d -> float d
    | Mixture parts -> coordinates data (snd parts.Head)
    | Product parts -> parts |> List.sumBy (fun (count, part) -> float count * coordinates data part)
    | Samples(file, _) -> data file |> Array.head |> Array.length |> float
    | Standardized inner -> coordinates data inner

/// The components that an experiment writes, copies not counted.
let parts (experiment: Experiment) =
    let rec ofTarget target =
        match target with
        | Mixture parts -> float parts.Length
        | Product parts -> parts |> List.sumBy (snd >> ofTarget)
        | _ -> 1.0

    let scored =
        match experiment.Score.Base with
        | ScoreOf law -> ofTarget law
        | _ -> 0.0

    let started =
        match experiment.Start with
        | From law -> ofTarget law
        | _ -> 0.0

    ofTarget experiment.Target + scored + started

let blockDimension (block: Component list) = block.Head.Mean.Count

let dimension (law: Law) = List.sumBy blockDimension law

/// The law of m·X₀ + σ·Z.
let noised at (law: Law) : Law =
    law
    |> List.map (
        List.map (fun c ->
            { c with
                Mean = at.M * c.Mean
                Covariance = at.M * at.M * c.Covariance + at.Sigma * at.Sigma * unit c.Mean.Count
            })
    )

/// A component ready to be evaluated: ln of its height, and its precision matrix by rows.
type private Bell = { LogHeight: float; Centre: float[]; Precision: float[][] }

let private bell c =
    let factor = c.Covariance.Cholesky()

    {
        LogHeight = log c.Weight - 0.5 * (factor.DeterminantLn + float c.Mean.Count * log (2.0 * Math.PI))
        Centre = c.Mean.ToArray()
        Precision = factor.Solve(unit c.Mean.Count).ToRowArrays()
    }

/// ln of the terms of the density at x, and P(μ − x) of each.
let private terms (bells: Bell[]) (x: float[]) =
    bells
    |> Array.map (fun b ->
        let away = Array.map2 (-) b.Centre x
        let pull = b.Precision |> Array.map (fun row -> Array.fold2 (fun sum p a -> sum + p * a) 0.0 row away)
        b.LogHeight - 0.5 * Array.fold2 (fun sum a p -> sum + a * p) 0.0 away pull, pull)

/// ln of a block's density.
let logDensity (block: Component list) =
    let bells = block |> List.map bell |> Array.ofList

    fun x ->
        let logs = terms bells x |> Array.map fst
        let largest = Array.max logs
        largest + log (logs |> Array.sumBy (fun l -> exp (l - largest)))

/// ln of a law's density.
let logDensityOf (law: Law) =
    let parts = law |> List.map (fun block -> blockDimension block, logDensity block)

    fun (x: float[]) ->
        ((0, 0.0), parts)
        ||> List.fold (fun (offset, sum) (size, ln) -> offset + size, sum + ln x[offset .. offset + size - 1])
        |> snd

/// ∇ln of a block's density: the pulls to the components, by their share of the density.
let private blockScore (block: Component list) =
    let bells = block |> List.map bell |> Array.ofList

    fun (x: float[]) ->
        let found = terms bells x
        let largest = found |> Array.map fst |> Array.max
        let shares = found |> Array.map (fun (l, _) -> exp (l - largest))
        let total = Array.sum shares

        Array.init x.Length (fun i ->
            Array.fold2 (fun sum share (_, pull: float[]) -> sum + share / total * pull[i]) 0.0 shares found)

/// ∇ln of the density.
let score (law: Law) =
    let parts =
        (0, law)
        ||> List.mapFold (fun offset block ->
            let size = blockDimension block
            (offset, size, blockScore block), offset + size)
        |> fst
        |> Array.ofList

    fun (x: float[]) -> parts |> Array.collect (fun (offset, size, score) -> score (Array.sub x offset size))

/// P(X ≤ x) and P(X > x) of a block on the line.
let tails (block: Component list) x =
    let side sign =
        block
        |> List.sumBy (fun c ->
            let z = (x - c.Mean[0]) / sqrt c.Covariance[0, 0]
            c.Weight * 0.5 * SpecialFunctions.Erfc(sign * z / sqrt 2.0))

    side -1.0, side 1.0
