/// Lee, Lu and Tan 2022: experiments with scores that are accurate in the sup norm.
module Sgm.Verification.Theorems.LeeSupNorm

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios

/// The largest step that the statement allows.
let largestStep d l c = 1.0 / (272.0 * d * c * l * l)

/// Langevin on a normal law with half the variances 1 and half κ, from variances wider by 0.8/√d: χ²₀ = O(1) in every d.
let experimentOf (time: float) (setting: Setting) (_refinement: int) =
    let value symbol = Map.find symbol setting
    let d = int (value "d")
    let kappa = value "κ"
    let h = value "h"
    let variances = List.init d (fun i -> if i % 2 = 0 then 1.0 else kappa)
    let wider = 1.0 + 0.8 / sqrt (float d)

    experiment {
        target (normalDiag (fill d 0.0) variances)
        forward ve
        score (if value "ε" = 0.0 then exact else exact |> shifted (value "ε"))
        start (from (normalDiag (fill d 0.0) (variances |> List.map (fun v -> v * wider))))
        sampler (repeat (int (ceil (time / h))) (corrector (langevin h)))
        measure [ chi2 ]
    }


let dimensionAxis =
    {
        Symbol = "d"
        Meaning = "dimension"
        Values =
            function
            | Quick -> [ 1.0; 2.0; 4.0; 8.0; 16.0; 32.0 ]
            | Standard -> [ 1.0; 2.0; 4.0; 8.0; 16.0; 32.0; 64.0 ]
            | Full -> [ 1.0; 2.0; 4.0; 8.0; 16.0; 32.0; 64.0; 128.0; 256.0 ]
    }

/// Halvings of the largest step allowed at the base dimension 4 with κ = 1.
let stepAxis =
    {
        Symbol = "h"
        Meaning = "Langevin step"
        Values =
            fun effort ->
                let count =
                    match effort with
                    | Quick -> 4
                    | Standard -> 6
                    | Full -> 8

                List.init count (fun k -> largestStep 4.0 1.0 1.0 / 2.0 ** float k)
    }

let errorAxis =
    {
        Symbol = "ε"
        Meaning = "sup norm of the score error"
        Values = fun _ -> List.init 6 (fun k -> 1.0 / (7.0 * 2.0 ** float k))
    }

let private contraction =
    {
        Name = "towards stationarity"
        Description =
            "A normal law from a wider one, Nh = 3: every step against the recursion, the end against the N-step bound."
        Bases = [ setting [ "d", 4.0; "h", largestStep 32.0 1.0 1.0; "ε", 0.05; "κ", 1.0 ] ]
        Axes = [ spanned dimensionAxis; quickly [ largestStep 4.0 1.0 1.0 ] stepAxis; quickly [ 1.0 / 7.0 ] errorAxis ]
        Experiment = experimentOf 3.0
    }

let private conditioned =
    {
        Name = "condition number 2"
        Description = "The same with variances 1 and 2: C = 2, L = 1."
        Bases = [ setting [ "d", 4.0; "h", largestStep 32.0 1.0 2.0; "ε", 0.05; "κ", 2.0 ] ]
        Axes =
            [
                { dimensionAxis with
                    Values = fun effort -> dimensionAxis.Values effort |> List.filter (fun d -> d >= 2.0 && d <= 32.0)
                }
                |> quickly [ 32.0 ]
            ]
        Experiment = experimentOf 3.0
    }

/// The largest step for every κ, and an error within ε₁² ≤ 1/(49·κ).
let private illConditioned =
    {
        Name = "high condition number"
        Description = "Half the variances 1 and half κ with the largest step for it, Nh = 1/10: C = κ, L = 1."
        Bases = [ setting [ "d", 4.0; "ε", 0.01; "κ", 100.0 ] ]
        Axes =
            [
                {
                    Symbol = "κ"
                    Meaning = "condition number"
                    Values =
                        function
                        | Quick -> [ 4.0; 64.0 ]
                        | Standard -> [ 4.0; 16.0; 64.0; 100.0 ]
                        | Full -> [ 4.0; 16.0; 64.0; 100.0; 196.0 ]
                }
            ]
        Experiment =
            fun point refinement ->
                let h = largestStep (Map.find "d" point) 1.0 (Map.find "κ" point)
                experimentOf 0.1 (Map.add "h" h point) refinement
    }

/// Langevin for T = 0.2 on ½·N(−r, 1) + ½·N(r, 1) from wider modes, with a ripple on the score of sup norm ε; r < 1, so that
/// L = 1 and C ≤ 1/(1 − r²).
let private bimodalExperiment (setting: Setting) (_refinement: int) =
    let r = Map.find "r" setting
    let modes variance = mixture [ 0.5, normal [ -r ] variance; 0.5, normal [ r ] variance ]
    let h = largestStep 1.0 1.0 (1.0 / (1.0 - r * r)) * Map.find "h" setting

    experiment {
        target (modes 1.0)
        forward ve
        score (exact |> rippled (Map.find "ε" setting / sqrt 2.0) 3.0)
        start (from (modes 1.4))
        sampler (repeat (int (ceil (0.2 / h))) (corrector (langevin h)))
        measure [ chi2 ]
    }

let private bimodal =
    let few quick standard =
        function
        | Quick -> quick
        | Standard
        | Full -> standard

    {
        Name = "two modes"
        Description =
            "½·N(−r, 1) + ½·N(r, 1) from wider modes with a rippled score, by the grid law; h in units of the largest step."
        Bases = [ setting [ "r", 0.5; "h", 1.0; "ε", 0.05 ] ]
        Axes =
            [
                {
                    Symbol = "r"
                    Meaning = "distance of the modes from 0"
                    Values = few [ 0.6 ] [ 0.3; 0.5; 0.6; 0.7 ]
                }
                {
                    Symbol = "ε"
                    Meaning = "sup norm of the ripple"
                    Values = few [ 0.1 ] [ 0.1; 0.05; 0.025 ]
                }
                {
                    Symbol = "h"
                    Meaning = "step over the largest one allowed"
                    Values = few [] [ 1.0; 0.5; 0.25 ]
                }
            ]
        Experiment = bimodalExperiment
    }

let private axis symbol meaning quick standard =
    {
        Symbol = symbol
        Meaning = meaning
        Values =
            function
            | Quick -> quick
            | Standard
            | Full -> standard
    }

/// Independent copies of two modes, from copies wider by 0.4/√d, with a ripple on the score; 40 of the largest steps.
let private productExperiment (point: Setting) (_refinement: int) =
    let d = int (Map.find "d" point)
    let modes variance = mixture [ 0.5, normal [ -0.5 ] variance; 0.5, normal [ 0.5 ] variance ]

    experiment {
        target (product [ d, modes 1.0 ])
        forward ve
        score (exact |> rippled (Map.find "ε" point / sqrt 2.0) 3.0)
        start (from (product [ d, modes (1.0 + 0.4 / sqrt (float d)) ]))
        sampler (repeat 40 (corrector (langevin (largestStep (float d) 1.0 (1.0 / 0.75)))))
        measure [ chi2 ]
    }

let private productOfModes =
    {
        Name = "product of modes"
        Description =
            "d independent copies of ½·N(−½, 1) + ½·N(½, 1) with a rippled score, by the product law; L = 1, C ≤ 4/3 in every dimension."
        Bases = [ setting [ "d", 4.0; "ε", 0.05 ] ]
        Axes = [ axis "d" "dimension" [ 8.0 ] [ 1.0; 2.0; 4.0; 8.0; 16.0; 64.0; 256.0 ] ]
        Experiment = productExperiment
    }

/// Some of the largest steps for a law on the line, whose L and C are those of the table of constants.
let private onLine steps (law: Sgm.Target) beginning scoreOfIt =
    let target' = Lower.target (fun file -> invalidOp $"a scenario names the file {file}") law

    let h =
        match Constants.smoothness target' NoiseLevel.Data, Constants.logSobolev target' NoiseLevel.Data with
        | Ok l, Ok c -> largestStep 1.0 l.Value c.Value
        | Error reason, _
        | _, Error reason -> invalidOp reason

    experiment {
        target law
        forward ve
        score scoreOfIt
        start (from beginning)
        sampler (repeat steps (corrector (langevin h)))
        measure [ chi2 ]
    }

/// 0.9·N(0, 1) + 0.1·N(0, s²).
let private heavyAndLight =
    let law s widening = mixture [ 0.9, normal [ 0.0 ] widening; 0.1, normal [ 0.0 ] (s * s * widening) ]

    {
        Name = "heavy and light parts"
        Description =
            "0.9·N(0, 1) + 0.1·N(0, s²), two subgaussian norms in one law, from the same law widened by a fifth: no curvature bound, C by the criteria on the line."
        Bases = [ setting [ "ε", 0.01 ] ]
        Axes = [ axis "s" "standard deviation of the heavy part" [ 2.0 ] [ 1.5; 2.0; 3.0; 4.0 ] ]
        Experiment =
            fun point _ ->
                let s = Map.find "s" point
                onLine 40 (law s 1.0) (law s 1.2) (exact |> rippled (Map.find "ε" point / sqrt 2.0) 3.0)
    }

/// The durations of Old Faithful's eruptions.
let private realData =
    {
        Name = "Old Faithful"
        Description =
            "272 durations of eruptions, standardized, each with a normal law of deviation b around it, from the same with 1.1·b, three steps: C by the criteria on the line."
        Bases = [ setting [] ]
        Axes = [ axis "b" "bandwidth" [ 0.7 ] [ 0.7; 0.5; 0.4 ] ]
        Experiment =
            fun point _ ->
                let b = Map.find "b" point
                onLine 3 (OldFaithful.durations b) (OldFaithful.durations (1.1 * b)) exact
    }

/// What Theorem 4.2 is held against.
let scenarios = [ contraction; conditioned; illConditioned; bimodal; productOfModes; heavyAndLight; realData ]
