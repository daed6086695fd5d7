namespace Sgm

open System.Collections.Immutable
open Sgm.Engine
open Sgm.Stepping

[<AutoOpen>]
module FlowHeunMethod =
    /// From the Euler point ŷ = κ·y + (1 − κ)·D₁ half a step of the difference of the slopes:
    /// y′ = ŷ + (1 − κ)/(2κ)·(D₂ − D₁), D₂ at ŷ.
    let private step name (t: Transition) =
        let euler = flowing name 0.0 t

        if t.Lower.Sigma = 0.0 then
            euler
        else
            let d = descent 0.0 t
            let half = t.Lower.Mean * d.Moved / (2.0 * d.Kept)

            Tableau(
                Method = name,
                From = t.Upper,
                To = t.Lower,
                Stages = ImmutableArray.Create(euler.Stages[0], Stage(t.Lower, euler.A, euler.B, Prediction.Denoiser)),
                A = euler.A,
                B = ImmutableArray.Create(euler.B[0] - half, half),
                C = 0.0
            )

    /// The probability flow by Heun's method (EDM; Karras et al. 2022, algorithm 1).
    let flowHeun = plain "flowHeun" step

    let internal flowHeunEntry =
        {
            Words = [ Word.word0 "flowHeun" Kind.predictor flowHeun "flowHeun" "the same by Heun's method (EDM)" ]
            Method = flowHeun
            Formula = "ẑ = z + (ρ′ − ρ)δ(z, ρ), then m′(z + (ρ′ − ρ)(δ(z, ρ) + δ(ẑ, ρ′))/2); Euler's step to ρ′ = 0"
            Source = "Karras et al. 2022, algorithm 1"
            UsualNames = [ "EDM"; "k-diffusion sample_heun"; "diffusers HeunDiscreteScheduler" ]
            Order = 2
            Evaluations = 2
        }
