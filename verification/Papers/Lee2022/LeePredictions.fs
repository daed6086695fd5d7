/// Lee, Lu and Tan 2022: experiments with the stochastic predictor.
module Sgm.Verification.Theorems.LeePredictions

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios


/// Levels σ = 1/√λ, λ uniform from 1/ρ_0² to 1/τ² in K steps (additive noise).
let levels rho0 tau k =
    let from, until = 1.0 / (rho0 * rho0), 1.0 / (tau * tau)
    Levels [ for i in 0..k -> 1.0 / sqrt (from + (until - from) * float i / float k) ]

/// Ancestral steps over those levels.
let experimentOf data beginning scoreOfSetting (setting: Setting) (_refinement: int) =
    let schedule = levels (value "ρ_0" setting) (value "τ" setting) (int (value "K" setting))

    experiment {
        target (data setting)
        forward ve
        score (scoreOfSetting setting)
        start beginning
        sampler (anneal schedule (predictor ancestral))
        measure [ tv ]
    }


let stepsAxis =
    axis "K" "number of steps" (function
        | Quick -> [ 4.0; 8.0; 16.0; 32.0; 64.0; 128.0 ]
        | Standard -> [ for k in 2..9 -> 2.0 ** float k ]
        | Full -> [ for k in 2..11 -> 2.0 ** float k ])

let private dimensionAxis =
    axis "d" "dimension" (function
        | Quick -> [ 1.0; 2.0; 4.0; 8.0; 16.0 ]
        | _ -> [ for k in 0..8 -> 2.0 ** float k ])

let private tauAxis = axis "τ" "noise where the schedule stops" (fun _ -> [ 2.0; 1.0; 0.5; 0.25 ])
let private shiftAxis = axis "ε" "constant score error" (fun _ -> [ 0.1; 0.05; 0.02; 0.01; 0.005; 0.0 ])
let private shiftedBy setting = if value "ε" setting = 0.0 then exact else exact |> shifted (value "ε" setting)
let private isotropic setting = normal (fill (int (value "d" setting)) 0.0) 1.0

let private normalScenario =
    {
        Name = "normal"
        Description = "N(0, I) from N(0, 10²·I) with a constant score error."
        Bases = [ setting [ "d", 4.0; "K", 128.0; "ε", 0.01; "ρ_0", 10.0; "τ", 0.5 ] ]
        Axes = [ stepsAxis; dimensionAxis; tauAxis; shiftAxis ]
        Experiment = experimentOf isotropic prior shiftedBy
    }

let private modes _ = mixture [ 0.5, normal [ -1.0 ] 0.01; 0.5, normal [ 1.0 ] 0.01 ]

let private modesScenario =
    {
        Name = "two narrow modes"
        Description =
            "½·N(−1, 1/100) + ½·N(1, 1/100): no log-Sobolev constant enters; a denoiser clipped to |x| ≤ 1.1 is an error in L² only."
        Bases = [ setting [ "K", 64.0; "ρ_0", 10.0; "τ", 0.4 ] ]
        Axes =
            [
                axis "K" "number of steps" (function
                    | Quick -> [ 16.0 ]
                    | Standard -> [ 16.0; 32.0; 64.0; 128.0 ]
                    | Full -> [ 16.0; 32.0; 64.0; 128.0; 256.0; 512.0 ])
                axis "τ" "noise where the schedule stops" (fun _ -> [ 1.0; 0.7; 0.4; 0.3 ]) |> later
            ]
        Experiment = experimentOf modes prior (fun _ -> exact |> clipped 1.1)
    }

/// ½·N(−1, 1/100) + ½·N(1, 1/100), a law of scale 1 for every product.
let private mode = modes ()

let private productScenario =
    {
        Name = "product of modes"
        Description =
            "d independent copies of ½·N(−1, 1/100) + ½·N(1, 1/100) with a constant score error, by the product law: tr Cov = 1.01·d."
        Bases = [ setting [ "d", 4.0; "K", 128.0; "ε", 0.01; "ρ_0", 20.0; "τ", 0.7 ] ]
        Axes =
            [
                axis "d" "dimension" (function
                    | Quick -> [ 4.0 ]
                    | Standard -> [ 1.0; 2.0; 4.0; 8.0; 16.0; 32.0 ]
                    | Full -> [ for k in 0..7 -> 2.0 ** float k ])
            ]
        Experiment = experimentOf (fun setting -> product [ int (value "d" setting), mode ]) prior shiftedBy
    }

let private lowDimensionalScenario =
    {
        Name = "data near a line"
        Description =
            "Two points on a line, each with a deviation of 1/10 in all d directions: tr Cov = 1 + d/100, so the dimension hardly enters."
        Bases = [ setting [ "d", 16.0; "K", 64.0; "ρ_0", 20.0; "τ", 0.25 ] ]
        Axes =
            [
                axis "d" "dimension" (function
                    | Quick -> [ 16.0 ]
                    | _ -> [ 2.0; 4.0; 16.0; 64.0; 256.0 ])
                axis "τ" "noise where the schedule stops" (fun _ -> [ 1.0; 0.7; 0.25; 0.2 ]) |> later
            ]
        Experiment =
            experimentOf
                (fun setting -> product [ 1, mode; int (value "d" setting) - 1, normal [ 0.0 ] 0.01 ])
                warm
                (fun _ -> exact)
    }

let private heavyScenario =
    {
        Name = "heavy and light parts"
        Description = "0.9·N(0, 1/100) + 0.1·N(0, s²): no constant but the variance enters."
        Bases = [ setting [ "s", 2.0; "K", 64.0; "ρ_0", 20.0; "τ", 0.5 ] ]
        Axes =
            [
                axis "s" "standard deviation of the heavy part" (function
                    | Quick -> [ 2.0 ]
                    | _ -> [ 1.0; 2.0; 4.0; 8.0 ])
            ]
        Experiment =
            experimentOf
                (fun setting -> mixture [ 0.9, normal [ 0.0 ] 0.01; 0.1, normal [ 0.0 ] (value "s" setting ** 2.0) ])
                prior
                (fun _ -> exact)
    }

let private realScenario =
    {
        Name = "Old Faithful"
        Description =
            "272 durations of eruptions, standardized, with a deviation of 1/10 around each, down to τ: a data set, nothing of which is known but its variance."
        Bases = [ setting [ "K", 64.0; "ρ_0", 20.0; "τ", 0.4 ] ]
        Axes =
            [
                axis "K" "number of steps" (function
                    | Quick -> [ 32.0 ]
                    | Standard -> [ 16.0; 32.0; 64.0; 128.0 ]
                    | Full -> [ 16.0; 32.0; 64.0; 128.0; 256.0; 512.0 ])
            ]
        Experiment = experimentOf (fun _ -> OldFaithful.durations 0.1) prior (fun _ -> exact)
    }

let private stepsInThePlane =
    axis "K" "number of steps" (function
        | Quick -> [ 8.0 ]
        | Standard -> [ 8.0; 32.0; 64.0 ]
        | Full -> [ 8.0; 16.0; 32.0; 64.0; 128.0 ])

let private curveScenario =
    {
        Name = "data near a circle"
        Description =
            "Twelve points on the unit circle, each with a deviation of 1/10, down to τ: data near a curve in the plane, in no coordinates a product; a constant score error."
        Bases = [ setting [ "K", 64.0; "ε", 0.001; "ρ_0", 20.0; "τ", 0.5 ] ]
        Axes = [ stepsInThePlane ]
        Experiment = experimentOf (fun _ -> Circle.points 12 1.0 0.1) prior shiftedBy
    }

let private realPlaneScenario =
    {
        Name = "Old Faithful in the plane"
        Description =
            "272 eruptions, durations and waiting times standardized, with a deviation of 1/10 around each, down to τ: exactly, not by samples."
        Bases = [ setting [ "K", 64.0; "ρ_0", 20.0; "τ", 0.5 ] ]
        Axes = [ later stepsInThePlane ]
        Experiment = experimentOf (fun _ -> OldFaithful.durationsAndWaits 0.1) prior (fun _ -> exact)
    }

/// At the start exactly the first level, so that the steps' own error is all there is.
let stepErrorScenario axes =
    {
        Name = "error of the steps"
        Description = "N(0, I) from exactly the first level, exact score."
        Bases = [ setting [ "d", 1.0; "K", 256.0; "ε", 0.0; "ρ_0", 10.0; "τ", 0.5 ] ]
        Axes = axes
        Experiment = experimentOf isotropic warm shiftedBy
    }

let scalingScenario axes =
    { stepErrorScenario axes with
        Name = "steps that are enough"
        Bases = [ setting [ "d", 64.0; "K", 64.0; "ε", 0.0; "ρ_0", 10.0; "τ", 0.5; "δ", 0.02 ] ]
    }

/// What Theorem 3.1 is held against.
let scenarios =
    [
        normalScenario
        modesScenario
        productScenario
        lowDimensionalScenario
        heavyScenario
        realScenario
        curveScenario
        realPlaneScenario
    ]
