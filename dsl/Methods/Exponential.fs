namespace Sgm

open Sgm.Engine
open Sgm.Stepping

[<AutoOpen>]
module ExponentialMethod =
    let private step name (t: Transition) =
        match t.Forward with
        | Vp ->
            let growth = RealFunctions.ExpM1 t.Gamma
            Ok(byScore name t (1.0 + growth) (2.0 * growth) (sqrt (RealFunctions.ExpM1(2.0 * t.Gamma))))
        | Ve -> Ok(exploding name t)
        | SubVp
        | Rectified
        | LevelsOf _ -> noStep name t derived

    /// The exponential integrator: the reverse SDE with its score frozen.
    let exponential = timed "exponential" step

    let internal exponentialEntry =
        {
            Words =
                [
                    Word.word0
                        "exponential"
                        Kind.predictor
                        exponential
                        "exponential"
                        "the exponential integrator of the reverse SDE"
                ]
            Method = exponential
            Formula = "vp: e^γ·x + 2(e^γ − 1)s + √(e^(2γ) − 1)·ξ; ve: x + γs + √γ·ξ"
            Source = "Chen et al. 2023; Zhang & Chen 2023"
            UsualNames = [ "EI" ]
            Order = 1
            Evaluations = 1
        }
