namespace Sgm

open Sgm.Registers
open Sgm.Stepping

[<AutoOpen>]
module IpndmMethod =
    /// Weights of the slopes before the one now, from one earlier slope to three; with the weight of that one they add up to 1.
    let private classical =
        [ []; [ -1.0 / 2.0 ]; [ -16.0 / 12.0; 5.0 / 12.0 ]; [ -59.0 / 24.0; 37.0 / 24.0; -9.0 / 24.0 ] ]

    let private step name k (t: Transition) =
        let moved = (descent 0.0 t).Moved
        multistep name t (k - 1) (classical[min t.Index (k - 1)] |> List.map (fun b -> -moved * b))

    /// The same with the coefficients of a grid of equal steps in ρ, whatever the grid.
    let ipndm k = ofOrder "ipndm" 4 step k

    let internal ipndmEntry =
        {
            Words =
                [
                    Word.word1
                        "ipndm"
                        ("k", Kind.whole)
                        Kind.predictor
                        ipndm
                        "ipndm 4"
                        "`lms` with the coefficients of equal steps, whatever the grid"
                ]
            Method = ipndm 4
            Formula =
                "m′(z + (ρ′ − ρ)Σ_j b_jδ_j), b = (3/2, −1/2), (23/12, −16/12, 5/12), (55/24, −59/24, 37/24, −9/24); one slope more a step"
            Source = "Liu, Ren, Lin & Zhao 2022; Zhang & Chen 2023"
            UsualNames = [ "iPNDM"; "diffusers IPNDMScheduler" ]
            Order = 2
            Evaluations = 1
        }
