namespace Sgm

open Sgm.Registers

[<AutoOpen>]
module DeisMethod =
    let private step name k (t: Transition) =
        let earlier = if t.Lower.Sigma = 0.0 then 0 else min t.Index (k - 1)
        multistep name t (k - 1) (exponentialAdams earlier t)

    /// The probability flow from the last k slopes, interpolated in ln ρ.
    let deis k = ofOrder "deis" 4 step k

    let internal deisEntry =
        {
            Words =
                [
                    Word.word1
                        "deis"
                        ("k", Kind.whole)
                        Kind.predictor
                        deis
                        "deis 3"
                        "the flow from the last k slopes, 1 to 4, interpolated in ln ρ (DEIS)"
                ]
            Method = deis 3
            Formula =
                "m′(z + Σ_j c_jδ_j), c_j = ∫ L_j(ln ρ) dρ from ρ to ρ′, L_j the Lagrange polynomials of the last k ln ρ; Euler's step to ρ′ = 0"
            Source = "Zhang & Chen 2023"
            UsualNames = [ "DEIS"; "diffusers DEISMultistepScheduler" ]
            Order = 2
            Evaluations = 1
        }
