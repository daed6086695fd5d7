namespace Sgm

open Sgm.Stepping

[<AutoOpen>]
module Dpmpp2sMethod =
    /// From ρ to ρ_d with the denoiser frozen at the geometric mean, q = √(ρ_d/ρ): D₂ at q·y + (1 − q)·D₁, then
    /// y′ = q²·y + (1 − q²)·D₂.
    let private step name eta (t: Transition) =
        let d = descent eta t
        if d.Kept = 0.0 then flowing name eta t else between name eta t 0.0 d.Moved

    /// DPM-Solver++(2S), single step.
    let dpmpp2s = plain "dpmpp2s" (fun name -> step name 0.0)

    /// The same down to ρ_d, and the share η of the posterior's noise: an exact flow to ρ_d and that noise would be exact in
    /// law, so that the order is the flow's.
    let dpmpp2sAncestral eta = sharing "dpmpp2sAncestral" step eta

    let internal dpmpp2sEntry =
        {
            Words =
                [
                    Word.word0
                        "dpmpp2s"
                        Kind.predictor
                        dpmpp2s
                        "dpmpp2s"
                        "the probability flow with the denoiser taken at √(ρρ′), ρ = σ/m (DPM-Solver++(2S))"
                ]
            Method = dpmpp2s
            Formula =
                "h = ln(ρ/ρ′), ẑ = e^(−h/2)z + (1 − e^(−h/2))D(z, ρ), then m′(e^(−h)z + (1 − e^(−h))D(ẑ, √(ρρ′))); Euler's step to ρ′ = 0"
            Source = "Lu et al. 2022b, algorithm 1"
            UsualNames =
                [
                    "DPM-Solver++(2S)"
                    "k-diffusion sample_dpmpp_2s_ancestral(eta=0)"
                    "diffusers DPMSolverSinglestepScheduler"
                ]
            Order = 2
            Evaluations = 2
        }

    let internal dpmpp2sAncestralEntry =
        {
            Words =
                [
                    Word.word1
                        "dpmpp2sAncestral"
                        ("eta", Kind.number)
                        Kind.predictor
                        dpmpp2sAncestral
                        "dpmpp2sAncestral 1.0"
                        "`dpmpp2s` down to the level that the share η of the posterior's noise leaves, then that noise"
                ]
            Method = dpmpp2sAncestral 1.0
            Formula = "`dpmpp2s` from ρ to ρ_d, then m′ρ_uξ, with ρ_u, ρ_d as for `ancestralEta`"
            Source = "k-diffusion"
            UsualNames = [ "k-diffusion sample_dpmpp_2s_ancestral" ]
            Order = 2
            Evaluations = 2
        }
