namespace Sgm

open Sgm.Stepping

[<AutoOpen>]
module Dpm2Method =
    /// From ρ to ρ_d by the slope at the geometric mean, q = √(ρ_d/ρ): D₂ at q·y + (1 − q)·D₁, then
    /// y′ = q²·y − (1 − q²)(1 − q)/q·D₁ + (1 − q²)/q·D₂.
    let private step name eta (t: Transition) =
        let d = descent eta t

        if d.Kept = 0.0 then
            flowing name eta t
        else
            let q = sqrt d.Kept
            between name eta t (-d.Moved * d.Moved / ((1.0 + q) * q)) (d.Moved / q)

    /// The flow's midpoint rule at √(ρρ′).
    let dpm2 = plain "dpm2" (fun name -> step name 0.0)

    /// The same down to ρ_d, and the share η of the posterior's noise: an exact flow to ρ_d and that noise would be exact in
    /// law, so that the order is the flow's.
    let dpm2Ancestral eta = sharing "dpm2Ancestral" step eta

    let internal dpm2Entry =
        {
            Words =
                [
                    Word.word0
                        "dpm2"
                        Kind.predictor
                        dpm2
                        "dpm2"
                        "the probability flow by the slope at √(ρρ′), ρ = σ/m (DPM-Solver-2)"
                ]
            Method = dpm2
            Formula = "ρ_s = √(ρρ′), ẑ = z + (ρ_s − ρ)δ(z, ρ), then m′(z + (ρ′ − ρ)δ(ẑ, ρ_s)); Euler's step to ρ′ = 0"
            Source = "Lu et al. 2022a, algorithm 1; Karras et al. 2022"
            UsualNames = [ "k-diffusion sample_dpm_2"; "diffusers KDPM2DiscreteScheduler" ]
            Order = 2
            Evaluations = 2
        }

    let internal dpm2AncestralEntry =
        {
            Words =
                [
                    Word.word1
                        "dpm2Ancestral"
                        ("eta", Kind.number)
                        Kind.predictor
                        dpm2Ancestral
                        "dpm2Ancestral 1.0"
                        "`dpm2` down to the level that the share η of the posterior's noise leaves, then that noise"
                ]
            Method = dpm2Ancestral 1.0
            Formula = "`dpm2` from ρ to ρ_d, then m′ρ_uξ, with ρ_u, ρ_d as for `ancestralEta`"
            Source = "k-diffusion"
            UsualNames = [ "k-diffusion sample_dpm_2_ancestral"; "diffusers KDPM2AncestralDiscreteScheduler" ]
            Order = 2
            Evaluations = 2
        }
