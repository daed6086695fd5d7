/// Lee, Lu and Tan 2022: the headline. Prediction, correction and both together, each at its best settings, by their work.
module Sgm.Verification.Theorems.LeeComparison

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios
open Sgm.Verification.Theorems.LeeSamplers

/// No setting: a pipeline's total variation is its own.
let private ofFamilies = setting [ "families", 1.0 ]

/// The total variation of a pipeline. Methods are held against each other in several settings, and each has its samplers once.
let private run =
    let found = Remember.quantity (fun runner (trial: Trial) -> Measure.atEnd Metric.Tv runner trial.Subject.Plan)

    fun runner (base': Experiment) pipeline ->
        let experiment = { base' with Sampler = pipeline }
        let plan = planOf experiment
        let subject = { Experiment = experiment; Plan = plan; Setting = ofFamilies }
        found runner { Subject = subject; Setting = ofFamilies; Refined = fun _ -> plan }

/// Every sampler of some families between two budgets, with its total variation.
let private measured runner base' range families above budget =
    families
    |> List.collect (fun family -> samplers range family above budget)
    |> List.choose (fun sampler ->
        match run runner base' sampler.Pipeline with
        | Ok tv when tv.Value.HasValue -> Some(sampler, tv)
        | _ -> None)

/// The best of them within a budget.
let private bestWithin budget several =
    match several |> List.filter (fun (sampler, _) -> sampler.Evaluations <= budget) with
    | [] -> Error $"no sampler of the family runs within {budget} score evaluations"
    | affordable -> Ok(affordable |> List.minBy (fun (_, tv: Estimate) -> tv.Value.Value))

let private best runner base' range families above budget =
    measured runner base' range families above budget |> bestWithin budget

let private ahead budget (sampler, tv) (other, otherTv: Estimate) =
    {
        What = $"TV within {budget} score evaluations, “{sampler.Words}” against “{other.Words}”"
        Measured = tv
        Bound = otherTv.Lower
    }

/// What no comparison shows: that either does anything. At most half of the total variation of the start.
let private works runner (base': Experiment) range (sampler: Sampler, tv) =
    run runner base' (anneal (Levels [ range.From; range.To ]) identity)
    |> Result.map (fun idle ->
        {
            What = $"TV of “{sampler.Words}” against half of the start's"
            Measured = tv
            Bound = idle.Lower / 2.0
        })

/// At the same number of score evaluations: total variations, against one method alone or against both.
let private atEqualWork runner (trial: Trial) budget =
    let base', range = trial.Subject.Experiment, rangeOf trial.Setting
    let winner family = best runner base' range [ family ] 0 budget

    let rivals =
        match Map.tryFind "alone" trial.Setting with
        | Some 1.0 -> [ PredictorOnly ]
        | Some _ -> [ CorrectorOnly ]
        | None -> [ PredictorOnly; CorrectorOnly ]

    winner PredictorCorrector
    |> Result.bind (fun both ->
        (rivals, Ok [])
        ||> List.foldBack (fun family found ->
            match winner family, found with
            | Ok alone, Ok others -> Ok(ahead budget both alone :: others)
            | Error reason, _
            | _, Error reason -> Error reason)
        |> Result.bind (fun comparisons ->
            let ordered = comparisons |> List.sortByDescending (fun comparison -> comparison.Bound)

            if Map.containsKey "alone" trial.Setting then
                works runner base' range both |> Result.map (fun first -> first :: ordered)
            else
                Ok ordered))

/// The score evaluations that the best of some families needs for TV ≤ δ, and by what; budgets 2·2^(k/2) up to 4096.
let private needed families runner (trial: Trial) =
    let target = value "δ" trial.Setting
    let budget k = int (round (2.0 * sqrt 2.0 ** float k))

    let rec search k =
        if k > 22 then
            Error $"more than {budget 22} score evaluations are needed"
        else
            let reached =
                measured
                    runner
                    trial.Subject.Experiment
                    (rangeOf trial.Setting)
                    families
                    (if k = 1 then 0 else budget (k - 1))
                    (budget k)
                |> List.filter (fun (_, tv) -> tv.Upper <= target)

            match reached with
            | [] -> search (k + 1)
            | several -> Ok(several |> List.map fst |> List.minBy (fun sampler -> sampler.Evaluations))

    search 1

/// At the same total variation: the predictor–corrector's share in the score evaluations of both.
let private atEqualAccuracy runner (trial: Trial) =
    match needed [ PredictorCorrector ] runner trial, needed [ PredictorOnly; CorrectorOnly ] runner trial with
    | Ok both, Ok alone ->
        let share = float both.Evaluations / float (both.Evaluations + alone.Evaluations)

        Ok
            [
                {
                    What =
                        "share in the score evaluations of both: "
                        + $"{both.Evaluations} (“{both.Words}”) in these and {alone.Evaluations} (“{alone.Words}”)"
                    Measured = Estimate.ClosedForm share
                    Bound = 0.5
                }
            ]
    | Error reason, _
    | _, Error reason -> Error reason

/// Where deterministic prediction alone overtakes: with half of n score evaluations it is behind the best predictor–corrector,
/// with n it is ahead.
let private crossover families runner (trial: Trial) n =
    let base', range = trial.Subject.Experiment, rangeOf trial.Setting
    let together = measured runner base' range families 0 n
    let alone = measured runner base' range [ FlowOnly ] 0 n

    match bestWithin (n / 2) together, bestWithin (n / 2) alone, bestWithin n together, bestWithin n alone with
    | Ok bothBefore, Ok aloneBefore, Ok bothAfter, Ok aloneAfter ->
        works runner base' range aloneAfter
        |> Result.map (fun first -> [ first; ahead (n / 2) bothBefore aloneBefore; ahead n aloneAfter bothAfter ])
    | Error reason, _, _, _
    | _, Error reason, _, _
    | _, _, Error reason, _
    | _, _, _, Error reason -> Error reason

let private evidence: Evidence =
    fun runner trial ->
        match Map.tryFind "against" trial.Setting, Map.tryFind "n" trial.Setting with
        | Some 1.0, Some n -> crossover [ PredictorCorrector ] runner trial (int n)
        | Some _, Some n -> crossover [ PredictorCorrector; FlowCorrector ] runner trial (int n)
        | None, Some budget -> atEqualWork runner trial (int budget)
        | _, None -> atEqualAccuracy runner trial

let private assumptions =
    [
        {
            Statement = "all families start from N(0, σ_M²·I), use the exact score, and run on exact laws"
            Evaluate =
                fun subject ->
                    if subject.Setting.IsEmpty then
                        Broken
                            "it compares families of samplers on the scenarios named here, and says nothing of one sampler"
                    elif subject.Experiment.Start = Prior && subject.Experiment.Score = exact then
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
        | Quick -> [ 8.0; 32.0 ]
        | Standard -> [ for k in 3..9 -> 2.0 ** float k ]
        | Full -> [ for k in 3..11 -> 2.0 ** float k ])

let private dimensionAxis =
    axis "d" "dimension" (function
        | Quick -> [ 4.0; 64.0 ]
        | Standard -> [ for k in 2..2..10 -> 2.0 ** float k ]
        | Full -> [ for k in 1..12 -> 2.0 ** float k ])

/// Half the variances 1, half 1/16: no single step suits all directions.
let private twoScales d = normalDiag (fill d 0.0) (List.init d (fun i -> if i % 2 = 0 then 1.0 else 1.0 / 16.0))

let private modes _ = mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ]
let private normalBase = setting [ "d", 16.0; "n", 16.0; "σ_M", 100.0; "σ_1", 0.1 ]
let private modesBase = setting [ "d", 1.0; "n", 8.0; "σ_M", 20.0; "σ_1", 0.2; "coarse", 1.0 ]

let private scenario name description data axes =
    {
        Name = name
        Description = description
        Bases = [ normalBase ]
        Axes = axes
        Experiment = experimentOf data
    }

/// A base for each method alone, so that the picture has the three methods' accuracy against their work.
let private againstEach point = [ Map.add "alone" 1.0 point; Map.add "alone" 2.0 point ]

let private workAndPrecision =
    { scenario
          "work and precision"
          ("The same law. Measured: the predictor–corrector's best total variation within n score evaluations, stochastic "
           + "predictors; the dashed lines are prediction's (alone = 1) and correction's (alone = 2).")
          twoScales
          [ budgetAxis ] with
        Bases = againstEach normalBase
    }

let private twoModes =
    { scenario
          "work and precision, two modes"
          ("½·N(−2, ¼) + ½·N(2, ¼) from σ = 20 to σ = 0.2, on a coarser grid of settings (ancestral steps, h = c·σ² with "
           + "c = 1, ½, ¼). Dashed: prediction alone (alone = 1), correction alone (alone = 2).")
          modes
          [
              later (
                  axis "n" "score evaluations" (function
                      | Full -> [ 8.0; 16.0; 32.0; 64.0 ]
                      | _ -> [ 8.0; 16.0 ])
              )
          ] with
        Bases = againstEach modesBase
    }

let private accuracyScenario =
    { scenario
          "work for an accuracy"
          ("The same law: score evaluations for TV ≤ δ, as the predictor–corrector's share in its own and the better single "
           + "method's.")
          twoScales
          [
              axis "δ" "accuracy in total variation" (function
                  | Quick -> [ 0.4; 0.2; 0.1 ]
                  | _ -> [ 0.4; 0.2; 0.1; 0.05; 0.025 ])
              axis "d" "dimension" (function
                  | Quick -> [ 4.0; 16.0 ]
                  | _ -> [ 4.0; 16.0; 64.0; 256.0 ])
          ] with
        Bases = [ setting [ "d", 16.0; "δ", 0.1; "σ_M", 100.0; "σ_1", 0.1 ] ]
    }

/// Where deterministic prediction alone overtakes: of which law, against which predictors in the predictor–corrector (1: the
/// stochastic ones, 2: all), at which number of score evaluations.
let private crossings =
    Map.ofList
        [
            1.0, (twoScales, changed normalBase [ "against", 1.0; "n", 64.0 ])
            2.0, (twoScales, changed normalBase [ "against", 2.0; "n", 256.0 ])
            3.0, (modes, changed modesBase [ "against", 1.0; "n", 32.0 ])
            4.0, (modes, changed modesBase [ "against", 2.0; "n", 32.0 ])
        ]

let private crossing (point: Setting) = crossings |> Map.find (value "case" point)

let private crossoverScenario =
    {
        Name = "crossover"
        Description =
            "Between n/2 and n score evaluations the probability flow alone (Heun's method) overtakes every predictor–corrector. "
            + "Two scales, d = 16: those with stochastic predictors at n = 64 (case 1), all at n = 256 (case 2); two modes: "
            + "those with stochastic predictors (case 3) and all (case 4) at n = 32."
        Bases = [ Map.empty ]
        Axes =
            [
                axis "case" "law and predictors" (function
                    | Quick -> [ 1.0 ]
                    | _ -> [ 1.0; 2.0; 3.0; 4.0 ])
            ]
        Experiment =
            fun point refinement ->
                let data, its = crossing point
                experimentOf data its refinement
    }

/// The evidence of a crossover is at the setting that its case stands for.
let private evidenceOfCase: Evidence =
    fun runner trial ->
        match Map.tryFind "case" trial.Setting with
        | Some _ -> evidence runner { trial with Setting = snd (crossing trial.Setting) }
        | None -> evidence runner trial

let private rate symbol exponent words quantity scenario =
    {
        Axis = symbol
        Exponent = AtMost exponent
        IsExponential = false
        Of = words
        Quantity = quantity
        Scenario = scenario
    }

/// What prediction alone needs, as a rate in the accuracy.
let private predictionAlone =
    rate
        "δ"
        -2.0
        "score evaluations that stochastic prediction alone needs for TV ≤ δ, at its best settings"
        (fun runner trial ->
            needed [ PredictorOnly ] runner trial
            |> Result.map (fun sampler -> Estimate.ClosedForm(float sampler.Evaluations)))
        { accuracyScenario with
            Axes = [ axis "δ" "accuracy" (fun _ -> [ for k in 1..5 -> 0.4 * 0.5 ** float k ]) ]
        }

/// Why there is a crossover: a deterministic method of order 2 has no noise to pay for.
let private flowAlone =
    rate
        "n"
        -2.0
        "the best TV of deterministic prediction alone within n score evaluations"
        (fun runner trial ->
            best runner trial.Subject.Experiment (rangeOf trial.Setting) [ FlowOnly ] 0 (int (value "n" trial.Setting))
            |> Result.map snd)
        (scenario
            "deterministic prediction alone"
            "Half the variances 1 and half 1/16, d = 16."
            twoScales
            [ axis "n" "score evaluations" (fun _ -> [ for k in 5..9 -> 2.0 ** float k ]) ])

/// LLT-3.2c, the comparison.
let predictorCorrectorWins =
    {
        Id = "lee-2022-comparison"
        Title = "Predictor–corrector against prediction or correction alone"
        Statement =
            "Measured, not proved: within the same number n ≥ 8 of score evaluations, each at its best settings on the same grid of "
            + "schedules, numbers of levels, predictors, steps and numbers of Langevin steps, the total variation of predictor–corrector "
            + "with stochastic predictors is at most that of stochastic prediction alone and of correction alone. Deterministic prediction "
            + "alone (the probability flow by Heun's method) is behind at first and ahead of every predictor–corrector of the grid from a "
            + "crossover on."
        Source =
            { Papers.lee "the claim that predictor–corrector is better than either portion alone" with
                IsCompanion = false
            }
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.Tv
        Evidence = evidenceOfCase
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
                crossoverScenario
            ]
        Rates = [ predictionAlone; flowAlone ]
        Reading =
            "The paper's claim is about stochastic predictors: they leave the variance too small and Langevin too large; together, at the right "
            + "ratio, the two errors cancel to first order, which neither can do alone. It takes a few levels: within 4 evaluations of two modes "
            + "prediction alone is ahead (TV 0.27 against 0.29). With few evaluations and an exact score both together are best; with many, "
            + "Heun's flow alone is (two scales: ahead of stochastic predictor–correctors from 64 evaluations on, of all from 256 on; two modes: "
            + "from 32 on), whose error falls like n^(−2) or faster where Langevin's steps cost a bias of order h."
    }
