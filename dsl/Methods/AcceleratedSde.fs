namespace Sgm

open System.Collections.Immutable
open Sgm.Engine
open Sgm.Stepping

[<AutoOpen>]
module AcceleratedSdeMethod =
    /// With β = σ² − r²σ′² and r = m/m′: y = x + √(β/2)·ξ₁, then the mean of the posterior at y and √(β/2)/r·ξ₂ on
    /// top. Both halves of the noise are inside the division by r = √α.
    let private step name (t: Transition) =
        let half = sqrt (0.5 * t.AddedVariance)

        let raised =
            Tableau(
                Method = name,
                From = t.Upper,
                To = t.Upper,
                Stages = ImmutableArray.Empty,
                A = 1.0,
                B = ImmutableArray.Empty,
                C = half
            )

        [ Instruction.Step raised :> Instruction; Instruction.Step(posterior name t (half / t.Shrink)) ]

    /// Li et al.'s stochastic sampler: half of a step's noise before the score is evaluated, half after it.
    let acceleratedSde =
        {
            Word = "acceleratedSde"
            Arguments = []
            Faults = []
            IsCustom = false
            Step = step "acceleratedSde" >> Ok
        }

    let internal acceleratedSdeEntry =
        {
            Words =
                [
                    Word.word0
                        "acceleratedSde"
                        Kind.predictor
                        acceleratedSde
                        "acceleratedSde"
                        "half of a step's noise before the score is evaluated and half after it; two steps a transition"
                ]
            Method = acceleratedSde
            Formula = "ẑ = z + √(½(ρ² − ρ′²))ξ₁, then m′(ẑ + (1 − ρ′²/ρ²)(D(ẑ, ρ) − ẑ) + √(½(ρ² − ρ′²))ξ₂)"
            Source = "Li, Huang, Efimov, Wei, Chi & Chen 2024"
            UsualNames = []
            // 2 where the score is affine.
            Order = 1
            Evaluations = 1
        }
