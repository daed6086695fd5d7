namespace Sgm

open Sgm.Stepping

[<AutoOpen>]
module ReverseDiffusionMethod =
    /// The forward step x ← √(1 − β)·x + √β·ξ has √(1 − β) = r and β = 1 − r².
    let private step name (t: Transition) =
        match t.Forward with
        | Vp -> Ok(byScore name t (2.0 - t.Shrink) t.AddedVariance (sqrt t.AddedVariance))
        | Ve -> Ok(exploding name t)
        | SubVp
        | Rectified
        | LevelsOf _ -> noStep name t derived

    /// The discretisation of the reverse SDE that mirrors that of the forward chain.
    let reverseDiffusion = timed "reverseDiffusion" step

    let internal reverseDiffusionEntry =
        {
            Words =
                [
                    Word.word0
                        "reverseDiffusion"
                        Kind.predictor
                        reverseDiffusion
                        "reverseDiffusion"
                        "the reverse of the forward chain's step, (2 − √(1 − β))x + βs + √β·ξ (score_sde); on ve `exponential`"
                ]
            Method = reverseDiffusion
            Formula = "vp: (2 − √(1 − β))x + βs + √β·ξ with β = 1 − r²; ve: x + γs + √γ·ξ"
            Source = "Song et al. 2021, appendix E"
            UsualNames = [ "score_sde ReverseDiffusionPredictor" ]
            Order = 1
            Evaluations = 1
        }
