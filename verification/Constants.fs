namespace Sgm.Verification

open Sgm.Engine

/// A constant of a target at a noise level, with where it comes from. No constant without a source.
type Constant =
    {
        Symbol: string
        Value: float
        /// Whether the value is the constant itself, or an upper bound for it.
        IsExact: bool
        Provenance: string
    }

/// Constants of noised targets: the law of m·X + σ·Z.
module Constants =
    let private variances (target: Target) (level: NoiseLevel) =
        target.Factors
        |> Seq.collect (fun factor -> factor.Law.Covariances)
        |> Seq.collect (fun covariance -> [ level.VarianceOf covariance.Smallest; level.VarianceOf covariance.Largest ])
        |> List.ofSeq

    /// L: ∇ln p is L-Lipschitz. Exact for normal targets, 1/(smallest variance).
    let smoothness (target: Target) level =
        if target.IsGaussian then
            Ok
                {
                    Symbol = "L"
                    Value = 1.0 / List.min (variances target level)
                    IsExact = true
                    Provenance = "normal law: 1/(smallest eigenvalue of the covariance)"
                }
        else
            Error "the Lipschitz constant of the score is known here for normal targets only"

    /// C: the log-Sobolev constant, KL(q‖p) ≤ (C/2)·E_q‖∇ln(q/p)‖². Exact for normal targets, the largest variance.
    let logSobolev (target: Target) level =
        if target.IsGaussian then
            Ok
                {
                    Symbol = "C"
                    Value = List.max (variances target level)
                    IsExact = true
                    Provenance = "normal law: largest eigenvalue of the covariance (Gross 1975; Bakry and Émery 1985)"
                }
        else
            Error "the log-Sobolev constant is known here for normal targets only"

    /// m: −∇²ln p ⪰ m·I. Exact for normal targets, 1/(largest variance).
    let strongConcavity (target: Target) level =
        if target.IsGaussian then
            Ok
                {
                    Symbol = "m"
                    Value = 1.0 / List.max (variances target level)
                    IsExact = true
                    Provenance = "normal law: 1/(largest eigenvalue of the covariance)"
                }
        else
            Error "strong log-concavity is known here for normal targets only"

    /// E‖X‖² of a normal target's mean, ‖E X‖², at level (m, σ).
    let meanSquared (target: Target) (level: NoiseLevel) =
        let ofMixture (mixture: Mixture) =
            Seq.init mixture.Dimension (fun i ->
                let mean =
                    Seq.sum (
                        Seq.init mixture.Count (fun k -> mixture.Weights[k] * mixture.Means[k * mixture.Dimension + i])
                    )

                mean * mean)
            |> Seq.sum

        level.Mean
        * level.Mean
        * (target.Factors |> Seq.sumBy (fun factor -> float factor.Count * ofMixture factor.Law))

    /// tr Cov of the target at level (m, σ).
    let covarianceTrace (target: Target) (level: NoiseLevel) =
        let ofMixture (mixture: Mixture) =
            Seq.init mixture.Dimension (fun i ->
                let moment power =
                    Seq.sum (
                        Seq.init mixture.Count (fun k ->
                            mixture.Weights[k] * mixture.Means[k * mixture.Dimension + i] ** power)
                    )

                let within =
                    Seq.sum (Seq.init mixture.Count (fun k -> mixture.Weights[k] * mixture.Covariance(k).Variance i))

                within + moment 2.0 - moment 1.0 ** 2.0)
            |> Seq.sum

        level.Mean
        * level.Mean
        * (target.Factors |> Seq.sumBy (fun factor -> float factor.Count * ofMixture factor.Law))
        + float target.Dimension * level.NoiseVariance
