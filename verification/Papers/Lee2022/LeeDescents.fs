/// Lee, Lu and Tan 2022: descents through noise levels with the steps that Theorem 2.1 prescribes, and experiments with them.
module Sgm.Verification.Theorems.LeeDescents

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios

/// What a schedule is designed for.
type Design =
    {
        D: float
        /// Radius and variance of the data q∗N(0, v·I).
        Radius: float
        Variance: float
        /// First and last noise.
        From: float
        To: float
        /// Bound for the sum of the levels' ½·ε_χ.
        Accuracy: float
    }

/// L and C at noise σ: for R < √v strongly log-concave.
let constantsAt design sigma =
    let v = design.Variance + sigma * sigma
    let r = design.Radius
    max (1.0 / v) (r * r / (v * v) - 1.0 / v), 1.0 / (1.0 / v - r * r / (v * v))

/// The levels of the prescription, M = ⌈ln(σ_M²/σ_1²)/ln(1+η)⌉, and ε_χ = 2·accuracy/M.
let schedule design =
    let growth = log (1.0 + LeeWarmStart.warmGrowth design.D)
    let m = max 1 (int (ceil (2.0 * log (design.From / design.To) / growth - 1e-9)))
    let sigmas = List.init (m + 1) (fun i -> design.From * (design.To / design.From) ** (float i / float m))
    sigmas, min 0.5 (2.0 * design.Accuracy / float m)

/// Annealed Langevin with step and number of steps prescribed at every level, `before` each transition's steps.
let descend design chi0Square before =
    let sigmas, accuracy = schedule design

    sigmas
    |> List.pairwise
    |> List.map (fun (upper, lower) ->
        let l, c = constantsAt design lower
        let h, n = LeeLangevin.prescribed design.D l c accuracy chi0Square
        anneal (Levels [ upper; lower ]) (before >=> repeat n (corrector (langevin h))))
    |> List.reduce (>=>)


let private design radius variance setting =
    let d = value "d" setting

    {
        D = d
        Radius = radius
        Variance = variance
        From = value "σ_M" setting * d ** 0.25
        To = value "σ_1" setting
        Accuracy = value "δ" setting
    }

let private scoreOfSetting setting =
    if value "ε" setting = 0.0 then
        exact
    else
        exact |> scaled (1.0 + value "ε" setting)

let private normalExperiment chi0Square before (setting: Setting) (_refinement: int) =
    experiment {
        target (normal (fill (int (value "d" setting)) 0.0) 1.0)
        forward ve
        score (scoreOfSetting setting)
        start prior
        sampler (descend (design 0.0 1.0 setting) chi0Square before)
        measure [ tv ]
    }

/// ½·N(−1, ¼) + ½·N(1, ¼), two modes; log-concave once σ is above √¾.
let private bimodalExperiment chi0Square before (setting: Setting) (_refinement: int) =
    experiment {
        target (mixture [ 0.5, normal [ -1.0 ] 0.25; 0.5, normal [ 1.0 ] 0.25 ])
        forward ve
        score (scoreOfSetting setting)
        start prior
        sampler (descend (design 1.0 0.25 setting) chi0Square before)
        measure [ tv ]
    }

/// Independent copies of ½·N(−1, ¼) + ½·N(1, ¼).
let private productExperiment chi0Square before (setting: Setting) refinement =
    { bimodalExperiment chi0Square before setting refinement with
        Target = product [ int (value "d" setting), mixture [ 0.5, normal [ -1.0 ] 0.25; 0.5, normal [ 1.0 ] 0.25 ] ]
    }

let private dimensionAxis =
    axis "d" "dimension" (function
        | Quick -> [ 1.0; 2.0; 4.0; 8.0; 16.0 ]
        | Standard -> [ 1.0; 2.0; 4.0; 8.0; 16.0; 32.0; 64.0 ]
        | Full -> [ for k in 0..8 -> 2.0 ** float k ])

let private accuracyAxis = axis "δ" "sum of the levels' ½·ε_χ" (fun _ -> [ 0.8; 0.4; 0.2; 0.1; 0.05 ])
let private errorAxis = axis "ε" "score error: s = (1 + ε)·∇ln p" (fun _ -> [ 1e-3; 3e-4; 1e-4; 3e-5; 1e-5; 0.0 ])

let scenarios chi0Square before =
    [
        {
            Name = "normal"
            Description =
                "N(0, I) from N(0, σ_M²·I), σ_M = 4·d^(1/4), down to σ = ½ with the prescribed levels, steps and times."
            Bases = [ Map.ofList [ "d", 4.0; "δ", 0.3; "σ_M", 4.0; "σ_1", 0.5; "ε", 1e-5 ] ]
            Axes = [ dimensionAxis; accuracyAxis; errorAxis ]
            Experiment = normalExperiment chi0Square before
        }
        {
            Name = "two modes"
            Description = "½·N(−1, ¼) + ½·N(1, ¼) from N(0, 9) down to σ = 2, where one more mode begins to show."
            Bases = [ Map.ofList [ "d", 1.0; "δ", 0.5; "σ_M", 3.0; "σ_1", 2.0; "ε", 1e-4 ] ]
            Axes =
                [
                    axis "σ_1" "noise of the last level" (function
                        | Quick -> [ 2.2 ]
                        | Standard -> [ 2.5; 2.0; 1.5 ]
                        | Full -> [ 2.5; 2.0; 1.5; 1.2; 1.0 ])
                ]
            Experiment = bimodalExperiment chi0Square before
        }
        {
            Name = "product of modes"
            Description =
                "d independent copies of ½·N(−1, ¼) + ½·N(1, ¼), by the product law, from N(0, σ_M²·I), σ_M = 3·d^(1/4), down to σ = 2."
            Bases = [ Map.ofList [ "d", 1.0; "δ", 0.5; "σ_M", 3.0; "σ_1", 2.0; "ε", 1e-5 ] ]
            Axes =
                [
                    axis "d" "dimension" (function
                        | Quick -> []
                        | Standard -> [ 1.0; 2.0; 4.0 ]
                        | Full -> [ 1.0; 2.0; 4.0; 8.0 ])
                ]
            Experiment = productExperiment chi0Square before
        }
    ]

/// K geometric levels with an ancestral step to each and one Langevin step, so short that the bound is what prediction leaves:
/// 46·h·d·C·L² = ζ with C = 1/L = 1 + σ².
let private predictedExperiment zeta (setting: Setting) (_refinement: int) =
    let d, k = value "d" setting, int (value "K" setting)
    let first, last = value "σ_M" setting, value "σ_1" setting
    let sigmas = List.init (k + 1) (fun i -> first * (last / first) ** (float i / float k))

    experiment {
        target (normal (fill (int d) 0.0) 1.0)
        forward ve
        start warm

        sampler (
            sigmas
            |> List.pairwise
            |> List.map (fun (upper, lower) ->
                let h = zeta * (1.0 + lower * lower) / (46.0 * d)
                anneal (Levels [ upper; lower ]) (predictor ancestral >=> corrector (langevin h)))
            |> List.reduce (>=>)
        )

        measure [ tv ]
    }

let predictedAxis =
    axis "K" "number of levels" (function
        | Quick -> [ 16.0; 64.0 ]
        | _ -> [ 8.0; 16.0; 32.0; 64.0; 128.0; 256.0 ])

let predictedDimension =
    axis "d" "dimension" (function
        | Quick -> [ 1.0; 4.0 ]
        | _ -> [ 1.0; 4.0; 16.0; 64.0 ])

/// What prediction does, with corrections too short to help.
let predicted axes =
    {
        Name = "prediction does the work"
        Description =
            "N(0, I) from its law at σ = 4 down to σ = ½ over K geometric levels, one ancestral step and one very short Langevin step each: the bound is what the predictor leaves."
        Bases = [ Map.ofList [ "d", 4.0; "K", 64.0; "σ_M", 4.0; "σ_1", 0.5 ] ]
        Axes = axes
        Experiment = predictedExperiment 1e-12
    }

/// Score evaluations of the prescribed plan over the logarithm that it contains, as a value.
let prescribedCost _ (trial: Trial) =
    let _, accuracy = schedule (design 0.0 1.0 trial.Setting)
    let cost = float trial.Subject.Plan.ScoreEvaluations / log (2.0 / accuracy ** 2.0)
    Ok(Estimate.ClosedForm(cost, 1e-6))

let costScenario before =
    let growing =
        axis "d" "dimension" (function
            | Quick -> [ for k in 4..9 -> 2.0 ** float k ]
            | _ -> [ for k in 4..11 -> 2.0 ** float k ])

    {
        Name = "prescribed cost"
        Description = "N(0, I), from σ = 8 to σ = ½ in every dimension."
        Bases = [ Map.ofList [ "d", 16.0; "δ", 2.0; "σ_M", 8.0; "σ_1", 0.5; "ε", 0.0 ] ]
        Axes = [ growing ]
        Experiment =
            fun setting refinement ->
                let d = value "d" setting
                normalExperiment 1.0 before (Map.add "σ_M" (8.0 / d ** 0.25) setting) refinement
    }
