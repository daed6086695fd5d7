namespace Sgm

open Sgm.Stepping

[<AutoOpen>]
module AncestralMethod =
    let private step name (t: Transition) = posterior name t (t.Lower.Sigma * sqrt (addedShare t))

    /// The posterior of the lower level given the upper one and the denoised state (DDPM; Ho et al. 2020).
    let ancestral = plain "ancestral" step
    /// `ancestral`, as DDPM calls it.
    let ddpm = ancestral

    let internal ancestralEntry =
        {
            Words =
                [
                    Word.word0
                        "ancestral"
                        Kind.predictor
                        ancestral
                        "ancestral"
                        "the posterior given the denoised state (DDPM)"
                    Word.word0 "ddpm" Kind.predictor ddpm "ddpm" "another name of `ancestral`"
                ]
            Method = ancestral
            Formula = "m′ρ_uξ + m′(z + (ρ_d − ρ)δ) with ρ_u = (ρ′/ρ)√(ρ² − ρ′²), ρ_d = ρ′²/ρ"
            Source = "Ho et al. 2020, equations 6 and 7"
            UsualNames = [ "DDPM"; "k-diffusion sample_euler_ancestral"; "diffusers DDPMScheduler (fixed small)" ]
            Order = 1
            Evaluations = 1
        }
