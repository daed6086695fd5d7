namespace Sgm

open Sgm.Engine
open Sgm.Registers

[<AutoOpen>]
module Dpmpp3mSdeMethod =
    /// e^(−a)z + (1 − e^(−a))D + φ₂·d₁ − φ₃·d₂ with a = (1 + η)h, φ₂ = a·ψ₂, φ₃ = −a·ψ₃ and the divided differences d₁, d₂ of the
    /// last three denoisers in ln ρ, over h.
    let private step name eta (t: Transition) =
        if t.Lower.Sigma = 0.0 then
            evaluating name t [ prediction 0 t.Lower.Mean ] []
        else
            let h = logStep t
            let a = (1.0 + eta) * h
            let m = t.Lower.Mean
            let phi2, phi3 = m * a * psi 2 a, m * a * psi 3 a
            let drawn = t.Lower.Sigma * sqrt (-(RealFunctions.ExpM1(-2.0 * eta * h)))

            let change =
                match logGaps (min t.Index 2) t |> List.map (fun gap -> gap / h) with
                | [] -> []
                | [ r ] -> [ prediction 0 (phi2 / r); register 1 (-phi2 / r) ]
                | gaps ->
                    let r0, r1 = gaps[0], gaps[1]
                    // Of (D − D₁)/r₀ and of (D₁ − D₂)/r₁.
                    let earlier = (phi2 * r0 + phi3) / (r0 + r1)
                    let later = phi2 + earlier

                    [
                        prediction 0 (later / r0)
                        register 1 (-later / r0)
                        register 1 (-earlier / r1)
                        register 2 (earlier / r1)
                    ]

            let state =
                [
                    x (t.Lower.Sigma / t.Upper.Sigma * exp (-eta * h))
                    prediction 0 (-m * RealFunctions.ExpM1 -a)
                    yield! change
                    noise 0 drawn
                ]

            evaluating
                name
                t
                state
                [
                    [ prediction 0 1.0 ]
                    if t.Index > 0 then
                        [ register 1 1.0 ]
                ]

    /// DPM-Solver++(3M) for the reverse SDE with η times its noise; η = 0 is the flow.
    let dpmpp3mSde eta = noisy "dpmpp3mSde" step eta

    let internal dpmpp3mSdeEntry =
        {
            Words =
                [
                    Word.word1
                        "dpmpp3mSde"
                        ("eta", Kind.number)
                        Kind.predictor
                        dpmpp3mSde
                        "dpmpp3mSde 1.0"
                        "the reverse SDE with η times its noise from the last three denoisers (DPM-Solver++(3M) SDE)"
                ]
            Method = dpmpp3mSde 1.0
            Formula =
                "a = (1+η)h, m′(e^(−a)z + (1 − e^(−a))D + φ₂d₁ − φ₃d₂ + ρ′√(1 − e^(−2ηh))ξ), φ₂ = 1 − (1 − e^(−a))/a, φ₃ = φ₂/a − ½, d₁ and d₂ the differences of the last three D in ln ρ; D to ρ′ = 0"
            Source = "k-diffusion"
            UsualNames = [ "k-diffusion sample_dpmpp_3m_sde" ]
            Order = 2
            Evaluations = 1
        }
