namespace Sgm

open Sgm.Engine
open Sgm.Registers

[<AutoOpen>]
module Dpmpp2mMethod =
    /// (ρ′/ρ)e^(−ηh)·z + (1 − e^(−a))·(D + (D − D_old)/(2r)) with a = (1 + η)h and r = h_last/h, and the noise on top.
    let private step name eta (t: Transition) =
        if t.Lower.Sigma = 0.0 then
            evaluating name t [ prediction 0 t.Lower.Mean ] []
        else
            let h = logStep t
            let pull = -t.Lower.Mean * RealFunctions.ExpM1(-(1.0 + eta) * h)
            let decay = t.Lower.Sigma / t.Upper.Sigma * exp (-eta * h)
            let drawn = t.Lower.Sigma * sqrt (-(RealFunctions.ExpM1(-2.0 * eta * h)))

            let change =
                if t.Index = 0 then
                    []
                else
                    let half = 0.5 * pull * h / logStep (t.Before 1)
                    [ prediction 0 half; register 1 -half ]

            evaluating name t ([ x decay; prediction 0 pull ] @ change @ [ noise 0 drawn ]) [ [ prediction 0 1.0 ] ]

    /// DPM-Solver++(2M): the flow with the denoiser extrapolated from the last two evaluations.
    let dpmpp2m = withoutNoise "dpmpp2m" (fun name -> step name 0.0)

    /// The same for the reverse SDE with η times its noise (η = 1 is the SDE).
    let dpmpp2mSde eta = noisy "dpmpp2mSde" step eta

    let internal dpmpp2mEntry =
        {
            Words =
                [
                    Word.word0
                        "dpmpp2m"
                        Kind.predictor
                        dpmpp2m
                        "dpmpp2m"
                        "the flow with the denoiser extrapolated from the last two evaluations (DPM-Solver++(2M))"
                ]
            Method = dpmpp2m
            Formula =
                "h = ln(ρ/ρ′), q = h_last/h, D̄ = (1 + 1/(2q))D − D_old/(2q), then m′(e^(−h)z + (1 − e^(−h))D̄); with D̄ = D at the first step, D to ρ′ = 0"
            Source = "Lu et al. 2022b, algorithm 2"
            UsualNames = [ "DPM-Solver++(2M)"; "k-diffusion sample_dpmpp_2m"; "diffusers DPMSolverMultistepScheduler" ]
            Order = 2
            Evaluations = 1
        }

    let internal dpmpp2mSdeEntry =
        {
            Words =
                [
                    Word.word1
                        "dpmpp2mSde"
                        ("eta", Kind.number)
                        Kind.predictor
                        dpmpp2mSde
                        "dpmpp2mSde 1.0"
                        "`dpmpp2m` for the reverse SDE with η times its noise"
                ]
            Method = dpmpp2mSde 1.0
            Formula =
                "m′(e^(−(1+η)h)z + (1 − e^(−(1+η)h))D̄ + ρ′√(1 − e^(−2ηh))ξ), h and D̄ as for `dpmpp2m`; D to ρ′ = 0"
            Source = "Lu et al. 2022b; k-diffusion"
            UsualNames = [ "k-diffusion sample_dpmpp_2m_sde(solver_type=midpoint)"; "diffusers sde-dpmsolver++" ]
            Order = 2
            Evaluations = 1
        }
