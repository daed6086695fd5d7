namespace Sgm

open Sgm.Stepping

[<AutoOpen>]
module EulerMaruyamaMethod =
    let private step name (t: Transition) =
        match t.Forward with
        | Vp -> byScore name t (1.0 + t.Gamma) (2.0 * t.Gamma) (sqrt (2.0 * t.Gamma))
        | Ve -> exploding name t

    /// Euler–Maruyama for the reverse SDE.
    let eulerMaruyama = plain "eulerMaruyama" step

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
            Formula = "vp: x + γ(x + 2s) + √(2γ)·ξ; ve: x + γs + √γ·ξ"
            Source = "Song et al. 2021, the reverse SDE (equation 6)"
            UsualNames = [ "EM"; "score_sde EulerMaruyamaPredictor" ]
            Order = 1
            Evaluations = 1
        }
