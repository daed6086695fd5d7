namespace Sgm

open Sgm.Registers
open Sgm.Stepping

[<AutoOpen>]
module AcceleratedOdeMethod =
    /// t − arctan t without cancellation, t ≥ 0.
    let private beyondArctan t =
        if t > 0.5 then
            t - atan t
        else
            // Σ_n (−1)^(n+1)·t^(2n+1)/(2n + 1), which falls by t² ≤ ¼ a term.
            let terms =
                Seq.initInfinite (fun n ->
                    (if n % 2 = 0 then 1.0 else -1.0) * t ** float (2 * n + 3) / float (2 * n + 3))

            terms |> Seq.take 27 |> Seq.rev |> Seq.sum

    /// ∫ (ρ² − u²)/(1 + u²) du from ρ′ to ρ over ρ, with Δ = ρ − ρ′ and θ = arctan ρ − arctan ρ′ = arctan(Δ/(1 +
    /// ρρ′)): (1 + ρ²)θ − Δ where that does not cancel, otherwise ρΔt − (1 + ρ²)(t − arctan t), of which the second
    /// is at most half of the first.
    let private bend rho kept moved =
        let tangent = rho * moved / (1.0 + rho * rho * kept)
        let turned = (1.0 / rho + rho) * atan tangent

        if turned > 2.0 * moved then
            turned - moved
        else
            rho * moved * tangent - (1.0 / rho + rho) * beyondArctan tangent

    /// The weight of δ_last − δ over ρ for δ linear in a = 1/(1 + ρ²) between the last two evaluations: ∫ (a − a(ρ))
    /// dρ from ρ to ρ′ over a(ρ_last) − a(ρ).
    let private weight (t: Transition) =
        let d = descent 0.0 t
        let rho = t.Upper.Sigma / t.Upper.Mean
        let gap = (gaps 1 t).Head
        let last = 1.0 + gap
        bend rho d.Kept d.Moved * (1.0 / (rho * rho) + last * last) / (gap * (2.0 + gap))

    let private step name (t: Transition) = multistep name t 1 (if t.Index = 0 then [] else [ weight t ])

    /// Li et al.'s deterministic sampler: the flow with the slope linear in m²/(m² + σ²), from the last two
    /// evaluations.
    let acceleratedOde = withoutNoise "acceleratedOde" step

    let internal acceleratedOdeEntry =
        {
            Words =
                [
                    Word.word0
                        "acceleratedOde"
                        Kind.predictor
                        acceleratedOde
                        "acceleratedOde"
                        "the flow with the slope linear in 1/(1 + ρ²) (ᾱ on vp), from the last two evaluations"
                ]
            Method = acceleratedOde
            Formula =
                "m′(z + (ρ′ − ρ)δ + c(δ_last − δ)), c = (arctan ρ′ − arctan ρ − a(ρ′ − ρ))/(a_last − a), a = 1/(1 + ρ²); the flow's step at first"
            Source = "Li, Huang, Efimov, Wei, Chi & Chen 2024, as their public code has it"
            UsualNames = []
            Order = 2
            Evaluations = 1
        }
