namespace Sgm

open Sgm.Engine
open Sgm.Stepping

[<AutoOpen>]
module RelativeMethod =
    /// The reverse SDE of vp as dx = (−x + 2(s + x)) dr + √2 dB with s + x = ∇ln(p/γ) frozen, γ the standard normal law.
    let private step name (t: Transition) =
        match t.Forward with
        | Vp ->
            let added = -(RealFunctions.ExpM1 -t.Gamma)
            Ok(byScore name t (1.0 + added) (2.0 * added) (sqrt t.AddedVariance))
        | Ve -> Ok(exploding name t)
        | SubVp
        | Rectified
        | LevelsOf _ -> noStep name t derived

    /// The exponential integrator of the score relative to the standard normal law: exact where p is N(0, I) under vp.
    let relative = timed "relative" step

    let internal relativeEntry =
        {
            Words =
                [
                    Word.word0
                        "relative"
                        Kind.predictor
                        relative
                        "relative"
                        "the exponential integrator of the score relative to N(0, I), e^(−γ)x + 2(1 − e^(−γ))(s + x) + √(1 − e^(−2γ))·ξ; on ve `exponential`"
                ]
            Method = relative
            Formula = "vp: e^(−γ)·x + 2(1 − e^(−γ))(s + x) + √(1 − e^(−2γ))·ξ; ve: x + γs + √γ·ξ"
            Source = "Pedrotti, Maas & Mondelli 2024; Conforti, Durmus & Gentiloni Silveri 2023"
            UsualNames = []
            Order = 1
            Evaluations = 1
        }
