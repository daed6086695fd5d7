namespace Sgm

open Sgm.Engine
open Sgm.Stepping

[<AutoOpen>]
module EulerMaruyamaMethod =
    let private step name (t: Transition) =
        match t.Forward with
        | Vp -> Ok(byScore name t (1.0 + t.Gamma) (2.0 * t.Gamma) (sqrt (2.0 * t.Gamma)))
        | Ve -> Ok(exploding name t)
        | SubVp ->
            let variance = -2.0 * t.Gamma * RealFunctions.ExpM1(-4.0 * t.Upper.Parameter)
            Ok(byScore name t (1.0 + t.Gamma) variance (sqrt variance))
        | Rectified ->
            // dX = −X/(1 − t) dt + √(2t/(1 − t)) dB has the law of (1 − t)·X₀ + t·Z at every time.
            let variance = 2.0 * t.Gamma * t.Upper.Sigma / t.Upper.Mean
            Ok(byScore name t (1.0 + t.Gamma / t.Upper.Mean) variance (sqrt variance))
        | LevelsOf _ -> noStep name t "ancestral, flow or another step in ρ = σ/m"

    /// Euler–Maruyama for the reverse SDE.
    let eulerMaruyama = timed "eulerMaruyama" step

    let internal eulerMaruyamaEntry =
        {
            Words =
                [
                    Word.word0
                        "eulerMaruyama"
                        Kind.predictor
                        eulerMaruyama
                        "eulerMaruyama"
                        "Euler–Maruyama for the reverse SDE"
                ]
            Method = eulerMaruyama
            Formula =
                "vp: x + γ(x + 2s) + √(2γ)·ξ; ve: x + γs + √γ·ξ; subVp: x + γ(x + g²s) + √γ·g·ξ, g² = 2(1 − e^(−4t)); rectified: x + γ(x/m + g²s) + √γ·g·ξ, g² = 2σ/m"
            Source = "Song et al. 2021, the reverse SDE (equation 6)"
            UsualNames = [ "EM"; "score_sde EulerMaruyamaPredictor" ]
            Order = 1
            Evaluations = 1
        }
