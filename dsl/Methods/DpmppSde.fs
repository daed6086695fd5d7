namespace Sgm

open Sgm.Engine
open Sgm.Registers
open Sgm.Stepping

[<AutoOpen>]
module DpmppSdeMethod =
    /// Down to ρ_s = √(ρρ′) with its noise, and from ρ with the denoiser there; the noises are increments of one Brownian path in ρ,
    /// whose correlation is √((ρ − ρ_s)/(ρ − ρ′)) = 1/√(1 + q), q = √(ρ′/ρ).
    let private step name eta (t: Transition) =
        if t.Lower.Sigma = 0.0 then
            evaluating name t [ prediction 0 t.Lower.Mean ] []
        else
            let q = sqrt (descent 0.0 t).Kept
            let middle = Forward.atRatio t.Forward (t.Upper.Sigma / t.Upper.Mean * q)
            let first = descent eta (Transition.Alone(t.Forward, t.Upper, middle))
            let whole = descent eta t

            let toMiddle =
                [
                    x (middle.Sigma / t.Upper.Sigma * first.Down)
                    prediction 0 (middle.Mean * first.Moved)
                    noise 0 first.Noise
                ]

            let state =
                [
                    x (t.Lower.Sigma / t.Upper.Sigma * whole.Down)
                    prediction 1 (t.Lower.Mean * whole.Moved)
                    noise 0 (whole.Noise / sqrt (1.0 + q))
                    noise 1 (whole.Noise * sqrt (q / (1.0 + q)))
                ]

            step name t [ denoiser t.Upper [ x 1.0 ]; denoiser middle toMiddle ] state []

    /// DPM-Solver++ (stochastic, single step) with the share η of the posterior's noise.
    let dpmppSde eta = withSteps "dpmppSde" [ Numeral.ofFloat eta ] (wrongShare eta) (step "dpmppSde" eta)

    let internal dpmppSdeEntry =
        {
            Words =
                [
                    Word.word1
                        "dpmppSde"
                        ("eta", Kind.number)
                        Kind.predictor
                        dpmppSde
                        "dpmppSde 1.0"
                        "down to √(ρρ′) with its noise, then from ρ with the denoiser there and the share η of the posterior's noise"
                ]
            Method = dpmppSde 1.0
            Formula =
                "ẑ = `ancestralEta` to ρ_s = √(ρρ′) with ξ₁, then m′((ρ_d/ρ)z + (1 − ρ_d/ρ)D(ẑ, ρ_s) + ρ_uξ₂), ξ₁ and ξ₂ increments of one Brownian path in ρ, of correlation √((ρ − ρ_s)/(ρ − ρ′)); D to ρ′ = 0"
            Source = "k-diffusion"
            UsualNames = [ "k-diffusion sample_dpmpp_sde"; "diffusers DPMSolverSDEScheduler" ]
            Order = 2
            Evaluations = 2
        }
