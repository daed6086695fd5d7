namespace Sgm

open Sgm.Stepping

[<AutoOpen>]
module FlowMethod =
    /// The probability flow ODE by Euler in x/m against σ/m (DDIM; Song et al. 2021).
    let flow = plain "flow" (fun name -> flowing name 0.0)
    /// `flow`, as DDIM calls it.
    let ddim = flow
    /// `flow`, as k-diffusion calls it.
    let euler = flow

    let internal flowEntry =
        {
            Words =
                [
                    Word.word0
                        "flow"
                        Kind.predictor
                        flow
                        "flow"
                        "the probability flow by Euler in x/m against σ/m (DDIM)"
                    Word.word0 "ddim" Kind.predictor ddim "ddim" "another name of `flow`"
                    Word.word0 "euler" Kind.predictor euler "euler" "another name of `flow`"
                ]
            Method = flow
            Formula = "m′(z + (ρ′ − ρ)δ)"
            Source = "Song, Meng & Ermon 2021, equation 13"
            UsualNames = [ "DDIM"; "k-diffusion sample_euler"; "diffusers DDIMScheduler, EulerDiscreteScheduler" ]
            Order = 1
            Evaluations = 1
        }
