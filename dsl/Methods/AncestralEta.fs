namespace Sgm

open Sgm.Stepping

[<AutoOpen>]
module AncestralEtaMethod =
    /// Between the flow (η = 0) and the posterior (η = 1): the share η of the posterior's noise.
    let ancestralEta eta = sharing "ancestralEta" flowing eta

    /// `ancestralEta`, as DDIM calls it.
    let ddimEta eta = ancestralEta eta

    let internal ancestralEtaEntry =
        {
            Words =
                [
                    Word.word1
                        "ancestralEta"
                        ("eta", Kind.number)
                        Kind.predictor
                        ancestralEta
                        "ancestralEta 0.5"
                        "between `flow` (η = 0) and `ancestral` (η = 1): the share η of the posterior's noise (DDIM)"
                    Word.word1
                        "ddimEta"
                        ("eta", Kind.number)
                        Kind.predictor
                        ddimEta
                        "ddimEta 0.5"
                        "another name of `ancestralEta`"
                ]
            Method = ancestralEta 0.5
            Formula = "m′(z + (ρ_d − ρ)δ + ρ_uξ) with ρ_u = η(ρ′/ρ)√(ρ² − ρ′²), ρ_d = √(ρ′² − ρ_u²)"
            Source = "Song, Meng & Ermon 2021, equations 12 and 16"
            UsualNames = [ "DDIM η"; "k-diffusion sample_euler_ancestral(eta)"; "diffusers DDIMScheduler(eta)" ]
            Order = 1
            Evaluations = 1
        }
