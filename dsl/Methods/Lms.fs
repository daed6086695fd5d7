namespace Sgm

open Sgm.Registers

[<AutoOpen>]
module LmsMethod =
    let private step name k (t: Transition) =
        let earlier = min t.Index (k - 1)
        multistep name t (k - 1) (adams earlier t)

    /// The probability flow by the Adams–Bashforth method of the last k slopes, with exact coefficients on the grid of ρ = σ/m; fewer
    /// at the first steps of an anneal, which makes the order at most 2.
    let lms k = ofOrder "lms" 4 step k

    let internal lmsEntry =
        {
            Words =
                [
                    Word.word1
                        "lms"
                        ("k", Kind.whole)
                        Kind.predictor
                        lms
                        "lms 4"
                        "the flow by Adams–Bashforth from the last k slopes, 1 to 4, on the grid of ρ"
                ]
            Method = lms 4
            Formula = "m′(z + Σ_j c_jδ_j), c_j = ∫ L_j dρ from ρ to ρ′, L_j the Lagrange polynomials of the last k ρ"
            Source = "Adams–Bashforth; Zhang & Chen 2023 (ρAB-DEIS)"
            UsualNames = [ "k-diffusion sample_lms"; "diffusers LMSDiscreteScheduler" ]
            Order = 2
            Evaluations = 1
        }
