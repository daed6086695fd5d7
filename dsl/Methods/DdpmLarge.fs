namespace Sgm

open Sgm.Stepping

[<AutoOpen>]
module DdpmLargeMethod =
    /// The last step, to data without noise, draws none, as in the paper's algorithm 2.
    let private step name (t: Transition) = posterior name t (if t.Lower.Sigma = 0.0 then 0.0 else sqrt t.AddedVariance)

    /// The posterior's mean with the noise variance that the forward process adds ("fixed large").
    let ddpmLarge = plain "ddpmLarge" step

    let internal ddpmLargeEntry =
        {
            Words =
                [
                    Word.word0
                        "ddpmLarge"
                        Kind.predictor
                        ddpmLarge
                        "ddpmLarge"
                        "the posterior's mean with the noise that the forward process adds (DDPM, \"fixed large\"); none in a step to σ = 0"
                ]
            Method = ddpmLarge
            Formula = "the mean of `ancestral` + √(σ² − r²σ′²)·ξ"
            Source = "Ho et al. 2020, section 3.2"
            UsualNames = [ "diffusers DDPMScheduler (fixed large)" ]
            Order = 1
            Evaluations = 1
        }
