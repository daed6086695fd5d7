/// Lee, Lu and Tan 2022: the headline. Prediction, correction and both together, each at its best settings, by their work.
module Sgm.Verification.Theorems.LeeComparison

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios
open Sgm.Verification.Theorems.LeeSamplers

let private run runner (base': Experiment) sampler =
    { base' with Sampler = sampler.Pipeline } |> planOf |> Measure.atEnd Metric.Tv runner

/// The best total variation of a family between two budgets, with the sampler that has it.
let private best runner base' range family above budget =
    samplers range family above budget
    |> List.choose (fun sampler ->
        match run runner base' sampler with
        | Ok tv when tv.Value.HasValue -> Some(sampler, tv)
        | _ -> None)
    |> function
        | [] -> Error $"no sampler of the family runs within {budget} score evaluations"
        | several -> Ok(several |> List.minBy (fun (_, tv) -> tv.Value.Value))


/// At the same number of score evaluations: total variations, against one method alone or against both.
let private atEqualWork runner (trial: Trial) budget =
    let winner family = best runner trial.Subject.Experiment (rangeOf trial.Setting) family 0 budget

    let rivals =
        match Map.tryFind "alone" trial.Setting with
        | Some 1.0 -> [ PredictorOnly, "prediction alone," ]
        | Some _ -> [ CorrectorOnly, "correction alone," ]
        | None -> [ PredictorOnly, "prediction alone,"; CorrectorOnly, "correction alone," ]

    let folder found (family, words) =
        match found, winner PredictorCorrector, winner family with
        | Ok comparisons, Ok(both, together), Ok(sampler, other) ->
            Ok(
                {
                    What = $"TV within {budget} score evaluations, “{both.Words}” against {words} “{sampler.Words}”"
                    Measured = together
                    Bound = other.Upper
                }
                :: comparisons
            )
        | Error reason, _, _
        | _, Error reason, _
        | _, _, Error reason -> Error reason

    (Ok [], rivals)
    ||> List.fold folder
    |> Result.map (List.sortByDescending (fun comparison -> comparison.Bound))

/// The score evaluations that the best of some families needs for TV ≤ δ, and by what; budgets 2·2^(k/2) up to 4096.
let private needed families runner (trial: Trial) =
    let target = value "δ" trial.Setting
    let budget k = int (round (2.0 * sqrt 2.0 ** float k))

    let rec search k =
        if k > 22 then
            Error $"more than {budget 22} score evaluations are needed"
        else
            let reached =
                families
                |> List.choose (fun family ->
                    match
                        best runner trial.Subject.Experiment (rangeOf trial.Setting) family (budget (k - 1)) (budget k)
                    with
                    | Ok(sampler, tv) when tv.Upper <= target -> Some sampler
                    | _ -> None)

            match reached with
            | [] -> search (k + 1)
            | several -> Ok(several |> List.minBy (fun sampler -> sampler.Evaluations))

    search 1

/// At the same total variation: the predictor–corrector's share in the score evaluations of both.
let private atEqualAccuracy runner (trial: Trial) =
    match needed [ PredictorCorrector ] runner trial, needed [ PredictorOnly; CorrectorOnly ] runner trial with
    | Ok both, Ok alone ->
        Ok
            [
                {
                    What =
                        $"share in the score evaluations of both: {both.Evaluations} (“{both.Words}”) in these and {alone.Evaluations} (“{alone.Words}”)"
                    Measured =
                        Estimate.ClosedForm(float both.Evaluations / float (both.Evaluations + alone.Evaluations))
                    Bound = 0.5
                }
            ]
    | Error reason, _
    | _, Error reason -> Error reason

let private evidence: Evidence =
    fun runner trial ->
        match Map.tryFind "n" trial.Setting with
        | Some budget -> atEqualWork runner trial (int budget)
        | None -> atEqualAccuracy runner trial

let private assumptions =
    [
        {
            Statement = "all families start from N(0, σ_M²·I), use the exact score, and run on exact laws"
            Evaluate =
                fun subject ->
                    if subject.Experiment.Start = Prior && subject.Experiment.Score = exact then
                        Satisfied $"d = {subject.Plan.Dimension}"
                    else
                        Broken "the start is not the prior, or the score is not exact"
        }
    ]

let private experimentOf data (setting: Setting) (_refinement: int) =
    let range = rangeOf setting

    experiment {
        target (data (int (value "d" setting)))
        forward ve
        start prior
        sampler (anneal (Geometric(range.From, range.To, 8)) (predictor ancestral >=> corrector (langevinScaled 0.5)))
        measure [ tv ]
    }


let private budgetAxis =
    axis "n" "score evaluations" (function
        | Quick -> [ 8.0; 16.0; 32.0 ]
        | Standard -> [ for k in 3..9 -> 2.0 ** float k ]
        | Full -> [ for k in 3..11 -> 2.0 ** float k ])

let private dimensionAxis =
    axis "d" "dimension" (function
        | Quick -> [ 4.0; 64.0 ]
        | Standard -> [ for k in 2..2..10 -> 2.0 ** float k ]
        | Full -> [ for k in 1..12 -> 2.0 ** float k ])

/// Half the variances 1, half 1/16: no single step suits all directions.
let private twoScales d = normalDiag (fill d 0.0) (List.init d (fun i -> if i % 2 = 0 then 1.0 else 1.0 / 16.0))

let private scenario name description data axes =
    {
        Name = name
        Description = description
        Bases = [ Map.ofList [ "d", 16.0; "n", 16.0; "σ_M", 100.0; "σ_1", 0.1 ] ]
        Axes = axes
        Experiment = experimentOf data
    }

/// A base for each method alone, so that the picture has the three methods' accuracy against their work.
let private againstEach bases =
    bases |> List.collect (fun point -> [ Map.add "alone" 1.0 point; Map.add "alone" 2.0 point ])

let private workAndPrecision =
    { scenario
          "work and precision"
          "The same law. Measured: the predictor–corrector's best total variation within n score evaluations; the dashed lines are prediction's (alone = 1) and correction's (alone = 2)."
          twoScales
          [ budgetAxis ] with
        Bases = againstEach [ Map.ofList [ "d", 16.0; "n", 16.0; "σ_M", 100.0; "σ_1", 0.1 ] ]
    }

let private twoModes =
    { scenario
          "work and precision, two modes"
          "½·N(−2, ¼) + ½·N(2, ¼) from σ = 20 to σ = 0.2, on a coarser grid of settings (ancestral steps, h = c·σ² with c = 1, ½, ¼). Dashed: prediction alone (alone = 1), correction alone (alone = 2)."
          (fun _ -> mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ])
          [
              axis "n" "score evaluations" (function
                  | Quick -> [ 8.0 ]
                  | Standard -> [ 8.0; 16.0 ]
                  | Full -> [ 8.0; 16.0; 32.0; 64.0 ])
          ] with
        Bases = againstEach [ Map.ofList [ "d", 1.0; "n", 8.0; "σ_M", 20.0; "σ_1", 0.2; "coarse", 1.0 ] ]
    }

let private accuracyScenario =
    { scenario
          "work for an accuracy"
          "The same law: score evaluations for TV ≤ δ, as the predictor–corrector's share in its own and the better single method's."
          twoScales
          [
              axis "δ" "accuracy in total variation" (function
                  | Quick -> [ 0.4; 0.2; 0.1 ]
                  | _ -> [ 0.4; 0.2; 0.1; 0.05; 0.025 ])
              axis "d" "dimension" (function
                  | Quick -> [ 4.0; 16.0 ]
                  | _ -> [ 4.0; 16.0; 64.0; 256.0 ])
          ] with
        Bases = [ Map.ofList [ "d", 16.0; "δ", 0.1; "σ_M", 100.0; "σ_1", 0.1 ] ]
    }

/// What prediction alone needs, as a rate in the accuracy.
let private predictionAlone =
    {
        Axis = "δ"
        Exponent = AtMost -2.0
        IsExponential = false
        Of = "score evaluations that prediction alone needs for TV ≤ δ, at its best settings"
        Quantity =
            fun runner trial ->
                needed [ PredictorOnly ] runner trial
                |> Result.map (fun sampler -> Estimate.ClosedForm(float sampler.Evaluations))
        Scenario =
            { accuracyScenario with
                Axes = [ axis "δ" "accuracy" (fun _ -> [ for k in 1..5 -> 0.4 * 0.5 ** float k ]) ]
            }
    }

/// LLT-3.2c, the comparison.
let predictorCorrectorWins =
    {
        Id = "lee-2022-comparison"
        Title = "Predictor–corrector against prediction or correction alone"
        Statement =
            "Measured, not proved: within the same number n ≥ 8 of score evaluations, each at its best settings on the same grid of schedules, numbers of levels, predictors, steps and "
            + "numbers of Langevin steps, the predictor–corrector's total variation is at most that of prediction alone and of correction alone."
        Source =
            { Papers.lee "the claim that predictor–corrector is better than either portion alone" with
                IsCompanion = false
            }
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.Tv
        Evidence = evidence
        Scenarios =
            [
                scenario
                    "two scales"
                    "A normal law, half the variances 1 and half 1/16, from σ = 100 to σ = 0.1."
                    twoScales
                    [ dimensionAxis ]
                workAndPrecision
                twoModes
                accuracyScenario
            ]
        Rates = [ predictionAlone ]
        Reading =
            "The predictor leaves the variance too small and Langevin too large: together, at the right ratio, the two errors cancel to first order, which neither can do alone. It takes a few levels: within 4 evaluations of two modes prediction alone is ahead (TV 0.27 against 0.29)."
    }
