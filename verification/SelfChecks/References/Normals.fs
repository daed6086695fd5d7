/// Runs on normal laws: an affine step takes N(a, S) to N(T(a), M·S·Mᵀ + N·Nᵀ), the state stacked on what a method keeps. M and N are read off the step's values at 0 and at the
/// unit vectors, so that no method is spelled a second time in matrices.
module Sgm.Verification.References.Normals

open MathNet.Numerics.LinearAlgebra
open Sgm.Metrics
open Sgm.Engine
open Sgm.Verification.References.Density

/// N(Mean, Covariance); a point has the covariance 0.
type Normal = { Mean: Vector<float>; Covariance: Matrix<float> }

/// The law of independent blocks of one component each.
let ofLaw (law: Law) =
    let d = dimension law
    let covariance = Matrix<float>.Build.Dense(d, d)
    let mutable offset = 0

    for block in law do
        let size = blockDimension block
        covariance.SetSubMatrix(offset, offset, block.Head.Covariance)
        offset <- offset + size

    {
        Mean = law |> List.collect (fun block -> List.ofSeq block.Head.Mean) |> vector
        Covariance = covariance
    }

let ofPoint (at: float list) = { Mean = vector at; Covariance = Matrix<float>.Build.Dense(at.Length, at.Length) }

/// The law of a state and what is kept, stacked, after an affine move with so many draws in d dimensions each.
let moved d (move: float[] list -> float[] list -> float[] list) draws (law: Normal) =
    let n = law.Mean.Count
    let blocks (all: float[]) = all |> Array.chunkBySize d |> List.ofArray
    let map (all: float[]) = move (blocks all[.. n - 1]) (blocks all[n..]) |> Array.concat
    let size = n + draws * d
    let origin = map (Array.zeroCreate size)
    let column i = Array.map2 (-) (map (Array.init size (fun j -> if i = j then 1.0 else 0.0))) origin
    let m = Matrix<float>.Build.DenseOfColumnArrays(Array.init size column)
    let ofState, ofDraws = m.SubMatrix(0, m.RowCount, 0, n), m.SubMatrix(0, m.RowCount, n, draws * d)

    {
        Mean = ofState * law.Mean + vector (List.ofArray origin)
        Covariance = ofState * law.Covariance * ofState.Transpose() + ofDraws * ofDraws.Transpose()
    }

/// The law of the state alone.
let state d (law: Normal) = { Mean = law.Mean.SubVector(0, d); Covariance = law.Covariance.SubMatrix(0, d, 0, d) }

/// Variances λ and offsets δ of q in coordinates where p is N(0, I) and q's are independent, and the condition of p.
let private whitened (q: Normal) (p: Normal) =
    let root = p.Covariance.Cholesky().Factor
    let half = root.Solve q.Covariance
    let within = root.Solve(half.Transpose())
    let evd = ((within + within.Transpose()) / 2.0).Evd Symmetricity.Symmetric
    let offset = evd.EigenVectors.TransposeThisAndMultiply(root.Solve(q.Mean - p.Mean))
    [ for i in 0 .. q.Mean.Count - 1 -> evd.EigenValues[i].Real, offset[i] ], p.Covariance.ConditionNumber()

/// |a − b|² + tr(P + Q − 2(RᵀQR)^½) with P = RRᵀ.
let private w2 (q: Normal) (p: Normal) =
    let root = p.Covariance.Cholesky().Factor
    let inner = root.Transpose() * q.Covariance * root
    let evd = ((inner + inner.Transpose()) / 2.0).Evd Symmetricity.Symmetric
    let crossed = Seq.sum (seq { for v in evd.EigenValues -> sqrt (max 0.0 v.Real) })
    let size = q.Covariance.Trace() + p.Covariance.Trace()
    let offset = q.Mean - p.Mean
    let squared = max 0.0 (offset * offset + size - 2.0 * crossed)
    // Roots of eigenvalues that are lost in rounding.
    let error =
        1e-13 * float q.Mean.Count * size
        + 2.0 * float q.Mean.Count * sqrt (1e-15 * evd.EigenValues.AbsoluteMaximum().Real)

    let value = sqrt squared
    Number.exactly value (min (sqrt error) (error / max value 1e-300))

/// The most coordinates of which total variation is found.
let private mostForTv = 4

let private tv (pairs: (float * float) list) =
    let line n (lambda, delta) =
        Line.ofBlock n [ { Weight = 1.0; Mean = vector [ delta ]; Covariance = diagonal [ lambda ] } ]

    let standard = [ { Weight = 1.0; Mean = vector [ 0.0 ]; Covariance = diagonal [ 1.0 ] } ]

    if pairs.Length > mostForTv || pairs |> List.exists (fun (lambda, _) -> not (lambda > 1e-6)) then
        None
    elif pairs.Length = 1 then
        [ 2000; 3000; 4000 ]
        |> List.choose (fun n -> Line.tv standard (line n pairs.Head))
        |> Number.converged 1e-9
        |> Some
    else
        [ 800, 0.06; 1200, 0.04; 1600, 0.03 ]
        |> List.map (fun (n, delta) ->
            pairs
            |> List.choose (line n >> Line.ratios standard)
            |> List.map (fun ratios -> ratios, 1)
            |> Line.productTv delta)
        |> Number.converged 1e-9
        |> Some

/// The metrics of q against p.
let metrics (q: Normal) (p: Normal) wanted =
    let pairs, condition = whitened q p
    let least, most = List.min (List.map fst pairs), List.max (List.map fst pairs)
    let rounding = 1e-14 * float pairs.Length * condition

    [
        for metric in wanted do
            match metric with
            | W2 -> metric, w2 q p
            | Kl ->
                if least > rounding then
                    let terms = pairs |> List.map (fun (l, o) -> l - 1.0 - log l + o * o)

                    let error =
                        rounding * (1.0 + most + (List.map (snd >> abs) pairs |> List.max)) ** 2.0 / min 1.0 least

                    metric, Number.exactly (0.5 * List.sum terms) error
            | Chi2 ->
                if least > rounding && most < 1.99 then
                    let factor (l, o) = exp (o * o / (2.0 - l)) / sqrt (l * (2.0 - l))
                    let whole = pairs |> List.map factor |> List.reduce (*)
                    let largest = pairs |> List.map (fun (_, o) -> 1.0 + o * o) |> List.max

                    metric,
                    Number.exactly (whole - 1.0) (rounding * whole * largest / (min 1.0 least * (2.0 - most) ** 2.0))
                elif most > 2.01 then
                    metric, Number.exactly infinity 0.0
            | Tv ->
                match tv pairs with
                | Some number -> metric, number
                | None -> ()
    ]
