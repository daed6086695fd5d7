/// Lee, Lu and Tan 2022: the stochastic predictor with a score that was fitted to data, its error estimated on draws that the
/// fit has not seen.
module Sgm.Verification.Theorems.LeeLearned

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios
open Sgm.Verification.Theorems.LeePredictions

let private isFitted (subject: Subject) =
    match subject.Experiment.Score.Base with
    | ScoreMatching(draws, features, _) -> Ok $"{draws} draws, {features} features"
    | KernelDensity(draws, bandwidth, _) -> Ok $"{draws} draws, bandwidth {bandwidth:g6}"
    | Onnx(file, _) -> Ok $"the network {file}"
    | OfFunction(name, _) -> Ok $"the function {name}"
    | Exact
    | ScoreOf _
    | Blend _ -> Error "the score is not fitted to draws of the target"

/// Held-out draws come from seeds that no experiment's fit uses: fits have seeds below 2^31.
let private heldOutSeed (stage: Stage) = int64 (stage.Seed >>> 2) ||| (1L <<< 40)

let private assumptions =
    [
        Assumption.ofResult "the score is fitted to draws of the target, and the error is estimated on others" isFitted
        LeePredictor.ancestralSteps
    ]

/// The measured interval, widened by what the bound may be off from its central value: measured ≤ bound then holds exactly when
/// the measurement's upper end is below the bound's lower end, and is violated when its lower end is above the bound's upper.
let private withBound confidence (measured: Estimate) (lower: float, central: float, upper: float) =
    if measured.Value.HasValue then
        Estimate.Sampled(
            measured.Value.Value,
            max 0.0 (measured.Lower - (upper - central)),
            measured.Upper + (central - lower),
            confidence,
            $"{measured.Method}; the bound's ε from held-out draws"
        )
    else
        measured

/// Of the exact law: start and end.
let private bothEnds =
    Remember.quantity (fun runner (trial: Trial) ->
        attempt {
            let! start = Measure.atStart Metric.Tv runner trial.Subject.Plan |> Result.bind Measure.resolved
            let! measured = Measure.atEnd Metric.Tv runner trial.Subject.Plan
            return start, measured
        })

let private evidence: Evidence =
    fun runner trial ->
        let plan = trial.Subject.Plan

        match LeePredictor.descent trial.Subject, bothEnds runner trial with
        | Error reason, _
        | _, Error reason -> Error reason
        | Ok run, Ok(start, measured) ->
            let weighted = run.Levels |> List.map (fun level -> level, (level.NoiseVariance / level.Mean) ** 2.0)

            let measure (stage: Stage) =
                let confidence = stage.Confidence 1

                let errors = HeldOut.squaredErrors plan weighted (int stage.Particles) (heldOutSeed stage) confidence

                let bound sum = LeePredictor.bound plan run sum start
                let delta sum = sqrt (run.Step * sum)
                let central = bound errors.Value.Value

                Ok
                    [
                        {
                            What =
                                $"TV at the last level; √(Δλ·Σδ_i²) in [{delta errors.Lower:g4}, {delta errors.Upper:g4}] from {stage.Particles} held-out draws"
                            Measured = withBound confidence measured (bound errors.Lower, central, bound errors.Upper)
                            Bound = central
                        }
                    ]

            Sampling.decide
                runner.Budget
                "the L² error of a fitted score"
                (Some HeldOut.assumes)
                trial.Subject.Experiment.Seed
                (1L <<< 13)
                None
                measure

let private whole symbol setting = int (value symbol setting)
let private modes _ = mixture [ 0.5, normal [ -1.0 ] 0.2; 0.5, normal [ 1.0 ] 0.2 ]

let private drawsAxis =
    axis "n" "draws that the score is fitted to" (function
        | Quick -> [ 250.0 ]
        | Standard -> [ 250.0; 500.0; 1000.0; 2000.0; 4000.0 ]
        | Full -> [ for k in 0..6 -> 250.0 * 2.0 ** float k ])

let private featuresAxis =
    axis "k" "random Fourier features" (function
        | Quick -> [ 8.0 ]
        | _ -> [ 8.0; 16.0; 32.0; 64.0; 128.0 ])

let private bandwidthAxis =
    axis "b" "bandwidth of the kernel density" (function
        | Quick -> [ 0.2 ]
        | _ -> [ 0.8; 0.4; 0.2; 0.1; 0.05 ])

let private base': Setting = Map.ofList [ "n", 1000.0; "k", 64.0; "b", 0.2; "ρ_0", 10.0; "τ", 0.4; "K", 32.0 ]

let private scenarios =
    [
        {
            Name = "score matching"
            Description =
                "½·N(−1, 1/5) + ½·N(1, 1/5); denoising score matching, ridge regression on k random Fourier features at every level, n draws."
            Bases = [ base' ]
            Axes = [ featuresAxis; later drawsAxis ]
            Experiment = experimentOf modes prior (fun s -> scoreMatching (whole "n" s) (whole "k" s) 1)
        }
        {
            Name = "kernel density"
            Description = "The same data; the exact score of the kernel density of n draws, bandwidth b."
            Bases = [ Map.add "n" 250.0 base' ]
            Axes = [ bandwidthAxis ]
            Experiment = experimentOf modes prior (fun s -> kernelDensity (whole "n" s) (value "b" s) 1)
        }
    ]

/// LLT-3.1c with ε estimated.
let learnedPredictor =
    {
        Id = "lee-2022-3.1-learned"
        Title = "The stochastic predictor with a score fitted to data"
        Statement =
            "As Theorem 3.1: TV(output, p_τ) ≤ TV(start, p_{ρ_0}) + ½·√(Δλ·Σδ_i² + (1/τ² − 1/ρ_0²)·tr Cov(Z₀)/K), where Σδ_i², the denoiser's errors in "
            + "L²(p_i), is known by a confidence interval from draws that the score was not fitted to. The verdict needs the measured value "
            + "below the bound at the interval's lower end."
        Source = Papers.lee "Theorem 3.1"
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.Tv
        Evidence = evidence
        Scenarios = scenarios
        Rates = []
        Reading =
            "The bound's ε is that of a score which was really fitted: more draws and more features lower it until the steps' own error, K^(−1/2), is what is left."
    }
