/// What the statements of Pedrotti, Maas and Mondelli read from the data: independent blocks q∗N(0, τ²·I).
module Sgm.Verification.Theorems.PedrottiData

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios

let assume = Assumption.ofResult

/// The metric at the end in the limit of small steps. Beyond normal laws a run costs more, and four halvings must do.
let limit metric =
    Remember.quantity (fun runner trial ->
        Measure.limitAfter (if trial.Subject.Plan.Target.IsGaussian then 7 else 4) metric runner trial.Refined)

/// ½N(−R, τ²) + ½N(R, τ²), moved by `mean`.
let twoAtoms mean radius variance =
    mixture [ 0.5, normal [ mean - radius ] variance; 0.5, normal [ mean + radius ] variance ]

/// Five atoms of unequal weights between −R and R.
let fiveAtoms radius variance =
    mixture
        [
            for weight, place in [ 0.3, -1.0; 0.1, -0.6; 0.25, 0.1; 0.05, 0.3; 0.3, 1.0 ] ->
                weight, normal [ place * radius ] variance
        ]

/// Two atoms at ±R with the R/τ and τ of a setting.
let bimodal s = twoAtoms 0.0 (value "R/τ" s * value "τ" s) (value "τ" s ** 2.0)

/// Five atoms and two, d of each.
let mixtures s =
    let r, v = value "R/τ" s * value "τ" s, value "τ" s ** 2.0
    product [ int (value "d" s), fiveAtoms r v; int (value "d" s), twoAtoms 0.0 r v ]

/// Independent copies of q∗N(0, τ²·I) in the data, supp q inside a ball of radius R.
type Block =
    {
        Copies: float
        /// Of one copy.
        Dimension: float
        /// R.
        Radius: float
        /// τ².
        Variance: float
        /// M₂ = E‖Z₀‖² of one copy, Z₀ ~ q.
        SecondMoment: float
    }

let private meanAlong (law: Mixture) j =
    match law.Covariances[0].Eigenvectors with
    | null -> law.Means[j]
    | vectors -> Seq.sum (Seq.init law.Dimension (fun i -> vectors[i * law.Dimension + j] * law.Means[i]))

let private blocksOfFactor (factor: Factor) =
    let law = factor.Law
    let covariance = law.Covariances[0]
    let isotropic = covariance.Shape = CovarianceShape.Isotropic || law.Dimension = 1

    let block dimension radius variance moment =
        {
            Copies = float factor.Count
            Dimension = float dimension
            Radius = radius
            Variance = variance
            SecondMoment = moment
        }

    if law.Count = 1 && isotropic then
        Ok [ block law.Dimension 0.0 covariance.Smallest (Seq.sumBy (fun x -> x * x) law.Means) ]
    elif law.Count = 1 then
        Seq.init law.Dimension (fun j -> covariance.Eigenvalue j, meanAlong law j)
        |> Seq.groupBy fst
        |> Seq.map (fun (variance, means) ->
            block (Seq.length means) 0.0 variance (Seq.sumBy (fun (_, mean) -> mean * mean) means))
        |> List.ofSeq
        |> Ok
    else
        match Constants.kernelForm NoiseLevel.Data law with
        | Some form ->
            let d = law.Dimension
            let mutable moment = 0.0

            for k in 0 .. law.Count - 1 do
                let mutable square = 0.0

                for i in k * d .. (k + 1) * d - 1 do
                    square <- square + law.Means[i] * law.Means[i]

                moment <- moment + law.Weights[k] * square

            Ok [ block law.Dimension form.Radius form.Variance moment ]
        | None ->
            Error
                "the data are not of the form q∗N(0, τ²·I) with q in a ball: a mixture's components have different covariances"

let private read (target: Engine.Target) =
    (Ok [], target.Factors)
    ||> Seq.fold (fun found factor ->
        found |> Result.bind (fun before -> blocksOfFactor factor |> Result.map (fun some -> List.rev some @ before)))
    |> Result.map List.rev

/// The data as independent blocks, or why they are not of that form.
let blocks: Engine.Target -> Result<Block list, string> = Once.per read

/// v = m²τ² + σ², the variance of the Gaussian part of a block at a level; for vp v_t = 1 − a²(1 − τ²).
let varianceAt (level: NoiseLevel) block = level.VarianceOf block.Variance

/// Of blocks with the same R and τ² one: all that curvature sees.
let private shapes: Block list -> Block list = Once.per (List.distinctBy (fun b -> struct (b.Radius, b.Variance)))

/// A lower bound for −∇²ln p at a level: the smallest 1/v − m²R²/v² over the blocks. May be negative.
let curvature (level: NoiseLevel) blocks =
    (infinity, shapes blocks)
    ||> List.fold (fun least b ->
        let v = varianceAt level b
        min least (1.0 / v - (level.Mean * b.Radius / v) ** 2.0))

/// An upper bound for −∇²ln p at a level: 1/v.
let private steepest level blocks =
    (-infinity, shapes blocks) ||> List.fold (fun most b -> max most (1.0 / varianceAt level b))

/// L at a level: −∇²ln p lies between the two bounds.
let smoothness level blocks = max (steepest level blocks) -(curvature level blocks)

let describe (blocks: Block list) =
    let one (b: Block) =
        $"{b.Copies:g6} × dimension {b.Dimension:g6} with R = {b.Radius:g6}, τ² = {b.Variance:g6}, M₂ = {b.SecondMoment:g6}"

    let shown = blocks |> List.truncate 8 |> List.map one |> String.concat "; "

    if blocks.Length <= 8 then
        shown
    else
        $"{shown}; and {blocks.Length - 8} blocks more"

/// An upper bound for ∫‖∇ln p‖² p = E tr(−∇²ln p): Σ d/v.
let fisher level blocks = blocks |> List.sumBy (fun b -> b.Copies * b.Dimension / varianceAt level b)

/// N(0, I), the prior, as the start; W2 and KL bounds of D2 by coupling and by convexity.
module FromPrior =
    /// W2(γ, p_{T1})² ≤ Σ a²M₂ + (1 − √v)²·d.
    let wasserstein (level: NoiseLevel) blocks =
        blocks
        |> List.sumBy (fun b ->
            let v = varianceAt level b
            // 1 − √v = (1 − v)/(1 + √v), and 1 − v = a²(1 − τ²).
            let spread = level.Mean * level.Mean * (1.0 - b.Variance) / (1.0 + sqrt v)
            b.Copies * (level.Mean * level.Mean * b.SecondMoment + spread * spread * b.Dimension))
        |> sqrt

    /// KL(γ‖p_{T1}) ≤ K₀ = ½·Σ [d·(1/v − 1 + ln v) + a²M₂/v].
    let divergence (level: NoiseLevel) blocks =
        blocks
        |> List.sumBy (fun b ->
            let v = varianceAt level b
            // 1/v − 1 + ln v = x − ln(1 + x) with 1 + x = 1/v.
            let excess = level.Mean * level.Mean * (1.0 - b.Variance) / v

            0.5
            * b.Copies
            * (b.Dimension * RealFunctions.LogExcess excess + level.Mean * level.Mean * b.SecondMoment / v))
