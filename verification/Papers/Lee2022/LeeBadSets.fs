/// Lee, Lu and Tan 2022: a chain and its twin that differ on bad sets only.
module Sgm.Verification.Theorems.LeeBadSets

open System
open System.Collections.Immutable
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios

/// Most steps of a chain, whose sets B_k are found one by one.
let private longest = 10_000L

let private unrolled (plan: Plan) =
    plan.Unrolled()
    |> Seq.choose (function
        | TableauStep step -> Some step
        | GeneralStep step -> raise (NoTableauException step)
        | MetropolisStep step -> raise (NoTableauException step)
        | Repeated _
        | Annealed _
        | Probed _ -> None)
    |> List.ofSeq

/// The steps in the order of running.
let private chain: Subject -> Result<Tableau list, string> =
    Once.per (fun subject ->
        let isNoisy (step: Tableau) = step.Stages.Length = 1 && step.C <> 0.0

        if subject.Plan.StepCount = 0L then
            Error "the sampler takes no step"
        elif subject.Plan.StepCount > longest then
            Error $"the chain is longer than {longest} steps"
        elif not (Seq.forall isNoisy (subject.Plan.Tableaus())) then
            Error "a step is deterministic or has several stages; a bad set belongs to one noisy step of one score"
        else
            LevelPath.follows subject.Plan |> Result.map (fun () -> unrolled subject.Plan))

/// The same plan with the exact score.
let private twin (plan: Plan) = plan |> Plan.withScore (Engine.Score(plan.Target, ImmutableArray.Empty))

let private assume statement evaluate =
    Assumption.ofResult statement (fun subject -> chain subject |> Result.bind (evaluate subject))

/// √p_k(B_k) for every step, B_k = {s ≠ ∇ln p} at its level.
let private rootsOfBadMass (plan: Plan) (steps: Tableau list) =
    let byLevel =
        steps
        |> List.map (fun step -> step.From)
        |> List.distinct
        |> List.map (fun level -> struct (level.Parameter, level.Mean, level.Sigma), ScoreError.badSet plan level 0.0)
        |> dict

    (steps, Ok [])
    ||> List.foldBack (fun step found ->
        match byLevel[struct (step.From.Parameter, step.From.Mean, step.From.Sigma)], found with
        | Ok mass, Ok others -> Ok(sqrt mass :: others)
        | Error reason, _
        | _, Error reason -> Error reason)

let private assumptions =
    [
        assume "a chain of noisy steps, and its twin with the exact score" (fun _ steps -> Ok $"{steps.Length} steps")
        assume "the scores differ on bad sets B_k only, p_k(B_k) = δ_k" (fun subject steps ->
            rootsOfBadMass subject.Plan steps
            |> Result.map (fun roots -> $"the largest δ_k is {(List.max roots) ** 2.0:g6}"))
    ]

/// The twin's law after every step but the last is measured on the way; the last one is kept. The twin is what the chain is held
/// against, so it is run by the engine itself, whatever runs the chain.
let private runTwin cancellation (plan: Plan) =
    let runner = Runner.engine cancellation
    let before = ResizeArray<Estimate>()
    let mutable last: Law = null

    let watch (step: StepResult) =
        last <- step.Law

        if step.Index >= 0L then
            before.Add(step.Law.Measure Metric.Chi2)

    let outcome =
        runner.Run plan (RunOptions(Cancellation = runner.Cancellation, AfterStep = Action<StepResult> watch))

    if outcome.IsCompleted then
        Ok(List.ofSeq before, last)
    else
        Error "the twin did not run to its end by an exact law"

let private evidence: Evidence =
    fun runner trial ->
        let plan = trial.Subject.Plan
        let exact = twin plan

        match
            chain trial.Subject |> Result.bind (rootsOfBadMass plan),
            Measure.atStart Metric.Chi2 runner exact,
            runTwin runner.Cancellation exact,
            Measure.law runner plan
        with
        | Ok roots, Ok start, Ok(after, last), Ok law ->
            let known =
                (start :: after, Ok [])
                ||> List.foldBack (fun next found ->
                    found |> Result.bind (fun others -> Measure.resolved next |> Result.map (fun d -> d :: others)))

            known
            |> Result.map (fun squares ->
                let apart =
                    List.zip (List.truncate roots.Length squares) roots
                    |> List.sumBy (fun (square, root) -> sqrt (1.0 + square) * root)

                [
                    {
                        What = "TV between the chain and its twin"
                        Measured = law.TotalVariationFrom last
                        Bound = apart
                    }
                    {
                        What = "TV of the chain from the target"
                        Measured = law.Measure Metric.Tv
                        Bound = sqrt (max 0.0 (List.last squares)) / 2.0 + apart
                    }
                ])
        | Error reason, _, _, _
        | _, Error reason, _, _
        | _, _, Error reason, _
        | _, _, _, Error reason -> Error reason


/// Ancestral steps from σ = 3 to σ = 0.3 on two narrow modes; the denoiser is clipped to |x| ≤ R.
let private predictorExperiment (setting: Setting) (_refinement: int) =
    experiment {
        target (mixture [ 0.5, normal [ -1.0 ] 0.01; 0.5, normal [ 1.0 ] 0.01 ])
        forward ve
        score (exact |> clipped (value "R" setting))
        start prior
        sampler (anneal (geometric 3.0 0.3 (int (value "n" setting))) (predictor ancestral))
        measure [ tv ]
    }

/// Langevin on two modes noised to σ = ½, from one wide mode off the centre; the denoiser is clipped to |x| ≤ R.
let private correctorExperiment (setting: Setting) (_refinement: int) =
    experiment {
        target (mixture [ 0.5, normal [ -1.0 ] 0.5; 0.5, normal [ 1.0 ] 0.5 ])
        forward ve
        score (exact |> clipped (value "R" setting))
        start (from (normal [ 0.2 ] 1.4))

        sampler (anneal (Levels [ 1.0; 0.5 ]) identity >=> repeat (int (value "n" setting)) (corrector (langevin 0.1)))

        measure [ tv ]
    }

let private stepsAxis =
    axis "n" "number of steps" (function
        | Quick -> [ 6.0 ]
        | Standard -> [ 8.0; 16.0; 32.0 ]
        | Full -> [ 8.0; 16.0; 32.0; 64.0; 128.0 ])

/// LLT-4.1.
let badSets =
    {
        Id = "lee-2022-4.1"
        Title = "Bad sets: a chain and its twin"
        Statement =
            "Chains Z (law q_n) and Z̄ (law q̄_n) run with the same noise and are equal until the first visit to a bad set; "
            + "χ²(q̄_k‖p_k) ≤ D_k², p_k(B_k) ≤ δ_k. Then TV(q_n, q̄_n) ≤ Σ_{k<n} √(1 + D_k²)·√δ_k, and TV(q_n, p_n) ≤ ½·D_n + that sum."
        Source = Papers.lee "Theorem 4.1"
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.Tv
        Evidence = evidence
        Scenarios =
            [
                {
                    Name = "ancestral steps, clipped denoiser"
                    Description =
                        "Two narrow modes at ±1; the score differs from the exact one exactly where the denoiser leaves [−R, R]. Both sides by exact laws; at R = 1.3 the bound for the twins' distance, 2e−15, would be below what the distance of two laws on the line can be resolved to, 1e−13."
                    Bases = [ Map.ofList [ "R", 1.2; "n", 12.0 ] ]
                    Axes =
                        [
                            stepsAxis
                            axis "R" "radius that the denoiser is clipped to" (fun _ ->
                                [ 1.02; 1.05; 1.1; 1.15; 1.2; 1.25 ])
                            |> later
                        ]
                    Experiment = predictorExperiment
                }
                {
                    Name = "Langevin, clipped denoiser"
                    Description =
                        "½·N(−1, ½) + ½·N(1, ½) at σ = ½, from one mode: B is the outside of an interval, and the same at every step."
                    Bases = [ Map.ofList [ "R", 4.0; "n", 12.0 ] ]
                    Axes =
                        [
                            axis "R" "radius that the denoiser is clipped to" (function
                                | Quick -> [ 3.0 ]
                                | _ -> [ 2.0; 2.5; 3.0; 3.5; 4.0; 4.5; 5.0; 6.0 ])
                            later stepsAxis
                        ]
                    Experiment = correctorExperiment
                }
            ]
        Rates = []
        Reading =
            "Loose by the square root: by Cauchy–Schwarz a visit to a set of probability δ costs √δ, though the twins of these chains visit it with a probability near δ."
    }
