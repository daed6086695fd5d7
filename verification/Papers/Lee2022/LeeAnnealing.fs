/// Lee, Lu and Tan 2022: that annealing is needed. Langevin Monte Carlo on separated modes with and without levels of noise, by
/// the same number of score evaluations.
module Sgm.Verification.Theorems.LeeAnnealing

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios

/// The levels that an experiment anneals over, first and last, how many of them and how many steps; or why it is no annealing.
let private read (subject: Subject) =
    let accepts i (run: LevelRun) =
        let isAnnealed = if i = 0 then run.N = 0L else run.Predictor.IsNone && run.N > 0L
        require isAnnealed () "the sampler is not annealed Langevin"

    LevelRuns.accepted accepts subject.Plan
    |> Result.bind (fun runs ->
        match runs with
        | first :: (_ :: _ as rest) ->
            Ok(first.Level.Sigma, (List.last rest).Level.Sigma, rest.Length, rest |> List.sumBy (fun run -> run.N))
        | _ -> Error "the sampler takes no Langevin step")

let private schedule: Subject -> Result<float * float * int * int64, string> = Once.per read

/// The smallest distance between two components of the target at the last level, in their standard deviations.
let private separation (subject: Subject) =
    let plan = subject.Plan

    match List.ofSeq plan.Target.Factors, schedule subject with
    | [ factor ], Ok(_, last, _, _) when plan.Dimension = 1 && factor.Law.Count > 1 ->
        let law = factor.Law
        let deviation k = sqrt (law.Covariance(k).Eigenvalue 0 + last * last)

        // Neighbours decide: between the wider of two components and one that lies between them the distance is no larger.
        Array.init law.Count (fun k -> law.Means[k], deviation k)
        |> Array.sort
        |> Array.pairwise
        |> Array.map (fun ((x, a), (y, b)) -> (y - x) / max a b)
        |> Array.min
        |> Ok
    | _, Error reason -> Error reason
    | _ -> Error "the target is not a mixture on the line"

let private assumptions =
    [
        Assumption.ofResult "annealed Langevin from N(0, σ_M²), exact score" (fun subject ->
            if subject.Experiment.Start <> Prior || subject.Experiment.Score <> exact then
                Error "the start is not the prior, or the score is not exact"
            else
                schedule subject
                |> Result.map (fun (first, last, levels, n) ->
                    $"σ from {first:g6} to {last:g6} in {levels} levels, {n} evaluations"))
        Assumption.ofResult "the modes are separated at the last level: 6 standard deviations or more" (fun subject ->
            separation subject
            |> Result.bind (fun distance ->
                if distance >= 6.0 then
                    Ok $"{distance:g4} standard deviations"
                else
                    Error $"{distance:g4} standard deviations"))
    ]

/// What succeeds has at most this total variation, and what fails at least these.
let private success = 0.15

let private plainFailure = 0.4
let private twoLevelFailure = 0.2

let private langevins levels n = anneal levels (repeat n (corrector (langevinScaled 0.5)))

let private evidence: Evidence =
    fun runner trial ->
        let measured pipeline =
            { trial.Subject.Experiment with Sampler = pipeline }
            |> planOf
            |> Measure.atEnd Metric.Tv runner
            |> Result.bind (fun tv -> if tv.Value.HasValue then Ok tv else Error tv.Reason)

        let fails words least tv =
            {
                What = $"1 − TV with {words}"
                Measured = LeeNecessity.agreement tv
                Bound = 1.0 - least
            }

        schedule trial.Subject
        |> Result.bind (fun (first, last, levels, total) ->
            let n = int total
            let middles = List.unfold (fun s -> if s < 1.0 then None else Some(s, s / 2.0)) (first / 2.0)

            let plain =
                measured (langevins (Levels [ first; last ]) n)
                |> Result.map (fails $"{n} steps at σ = {last} alone" plainFailure)

            let two middle =
                measured (langevins (Levels [ first; middle; last ]) (n / 2))
                |> Result.map (fails $"{n / 2} steps at σ = {middle:g4}, {n / 2} at σ = {last}" twoLevelFailure)

            let annealed =
                measured (langevins (Geometric(first, last, levels)) (n / levels))
                |> Result.map (fun tv ->
                    {
                        What = $"TV with {levels} levels of {n / levels} steps"
                        Measured = tv
                        Bound = success
                    })

            (plain :: List.map two middles @ [ annealed ], Ok [])
            ||> List.foldBack (fun next found ->
                match next, found with
                | Ok comparison, Ok others -> Ok(comparison :: others)
                | Error reason, _
                | _, Error reason -> Error reason))

/// Modes at ±R ± 1 of variance 1/25, the left of every two with nine tenths of the mass.
let private nested r =
    mixture
        [
            0.81, normal [ -r - 1.0 ] 0.04
            0.09, normal [ -r + 1.0 ] 0.04
            0.09, normal [ r - 1.0 ] 0.04
            0.01, normal [ r + 1.0 ] 0.04
        ]

let private experimentOf (setting: Setting) (_refinement: int) =
    let n, levels = int (value "n" setting), 8

    experiment {
        target (nested (value "R" setting))
        forward ve
        start prior
        sampler (anneal (Geometric(16.0, 0.2, levels)) (repeat (n / levels) (corrector (langevinScaled 0.5))))
        measure [ tv ]
    }

/// Necessity of levels.
let annealing =
    {
        Id = "lee-2022-annealing"
        Title = "Separated modes need annealing, and levels enough"
        Statement =
            "Measured, not proved: four modes at two scales, ±R ± 1 of deviation 1/5 with unequal weights, from N(0, 16²) with n Langevin "
            + "steps h = σ²/2 and the exact score. In 8 geometric levels from σ = 16 to σ = 0.2 the total variation "
            + $"is at most {success}; with all n steps at σ = 0.2 it is at least {plainFailure}; in two levels, the first at any of "
            + $"σ = 8, 4, 2, 1, at least {twoLevelFailure}."
        Source =
            { Papers.lee "the need of annealing (Theorem 2.2 against Theorem 2.1)" with
                IsCompanion = false
            }
        Stance = Necessity
        Assumptions = assumptions
        Metric = Metric.Tv
        Evidence = evidence
        Scenarios =
            [
                {
                    Name = "modes at two scales"
                    Description =
                        "0.81·N(−R − 1, 1/25) + 0.09·N(−R + 1, 1/25) + 0.09·N(R − 1, 1/25) + 0.01·N(R + 1, 1/25): no single level is warm "
                        + "for both distances."
                    Bases = [ setting [ "R", 8.0; "n", 64.0 ] ]
                    Axes =
                        [
                            axis "n" "score evaluations" (function
                                | Quick -> [ 64.0 ]
                                | _ -> [ 64.0; 128.0; 256.0; 512.0 ])
                        ]
                    Experiment = experimentOf
                }
            ]
        Rates = []
        Reading =
            "Plain Langevin relaxes within every mode and keeps the start's weights of them: more steps do not help. A level of noise moves mass "
            + "between modes that it blurs, so two scales need two levels before the last; eight levels do with the same number of evaluations "
            + "what one and two cannot."
    }
