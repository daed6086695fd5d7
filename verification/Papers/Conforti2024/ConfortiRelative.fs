/// Conforti, Durmus and Silveri 2024: the contractive integrator under a finite relative Fisher information alone.
module Sgm.Verification.Theorems.ConfortiRelative

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Verification.Scenarios

/// What the statement needs to know of a run.
type private Run =
    {
        Steps: int
        Longest: float
        /// I(p_δ | N(0, I)) = E‖∇ln p_δ + x‖².
        Information: float
        /// KL(p_T‖q_T).
        Start: float
        /// Σ γ_k·ε_k².
        Errors: float
    }

let private run: Subject -> Result<Run, string> =
    Once.per (fun subject ->
        attempt {
            let plan = subject.Plan
            do! require (subject.Experiment.Forward = Vp) () "the statement is for vp"
            let own (t: Tableau) = t.Method = "relative" && not t.StaysAtLevel
            let! steps = Subject.stepsOf "'relative'" own plan
            do! Limits.within 10_000 steps.Length "steps"
            let! errors = ScoreError.atLevels plan (steps |> List.map _.From)
            let gammas = steps |> List.map (fun t -> t.From.Parameter - t.To.Parameter)
            let last = (List.last steps).To

            let! start =
                match plan.Start with
                | :? Start.Law as law -> RelativeEntropy.bound plan.Target steps.Head.From law.Of law.Level
                | _ -> Error "the start has no density"

            let! fisher = Information.fisher plan.Target last
            // E⟨∇ln p, x⟩ = −d by parts.
            let d, square = float plan.Dimension, Constants.secondMoment plan.Target last
            let rounding = 1e-14 * (fisher.High + 2.0 * d + square)

            return
                {
                    Steps = steps.Length
                    Longest = List.max gammas
                    Information = max 0.0 (fisher.High - 2.0 * d + square) + rounding
                    Start = start
                    Errors = List.map2 (fun gamma (_, error) -> gamma * error * error) gammas errors |> List.sum
                }
        })

/// KL(p_T‖q_T) + (√(h·I) + √(Σγ_kε_k²))².
let private bound one = (one.Start + (sqrt (one.Longest * one.Information) + sqrt one.Errors) ** 2.0) * (1.0 + 1e-12)

/// KL along the path of a normal law with the exact score, where the certificate's rule is an equality.
let private alongPath runner (subject: Subject) =
    if subject.Plan.Target.IsGaussian && subject.Experiment.Score = exact then
        Certificate.ofPlan runner.Cancellation subject.Plan
        |> Result.map (fun found ->
            let value = (List.last found).KlReverse.Value
            Some(Estimate.Exact(value, value * (1.0 - 1e-9), value, "certificate")))
    else
        Ok None

let private evidence: Evidence =
    fun runner trial ->
        attempt {
            let! r = run trial.Subject |> Result.map bound
            let! path = alongPath runner trial.Subject
            let! law = Measure.law runner trial.Subject.Plan

            return
                [
                    for what, measured in
                        [ "KL along the path, exactly", path; "KL(p‖q)", Measure.reverseKl law ] do
                        match measured with
                        | Some found -> { What = what; Measured = found; Bound = r }
                        | None -> ()
                    {
                        What = "TV, against the bound of KL(p‖q) by Pinsker's or Bretagnolle and Huber's inequality"
                        Measured = law.Measure Metric.Tv
                        Bound = PathRule.totalVariation r
                    }
                ]
        }

let private assumptions =
    [
        Assumption.ofResult "steps of the contractive integrator on vp" (fun s ->
            run s |> Result.map (fun one -> $"{one.Steps} steps, the longest of {one.Longest:g4}"))
        Assumption.ofResult "I(p_δ | N(0, I)) < ∞; ‖s − ∇ln p‖_{L²(p)} and KL(p_T‖q_T) are known" (fun s ->
            run s
            |> Result.map (fun one ->
                $"I = {one.Information:g4}, Σγ·ε² = {one.Errors:g4}, KL(p_T‖q_T) ≤ {one.Start:g4}"))
    ]

let private whole symbol s = int (value symbol s)

let private experimentOf law (s: Setting) (_refinement: int) =
    experiment {
        target (law s)
        forward vp
        score (if value "ε" s = 0.0 then exact else exact |> shifted (value "ε" s))
        sampler (anneal (uniform (value "T" s) (value "δ" s) (whole "K" s)) (predictor relative))
        measure [ tv ]
    }

/// Half the variances v and half 1, where nothing is to be done.
let private normals s =
    normalDiag (fill (whole "d" s) 0.5) (List.init (whole "d" s) (fun i -> if i % 2 = 0 then value "v" s else 1.0))

let private modes _ = mixture [ 0.6, normal [ 1.0 ] 0.1; 0.4, normal [ -1.0 ] 0.3 ]
let private base' = setting [ "T", 4.0; "δ", 0.0; "K", 64.0; "d", 4.0; "v", 0.5; "ε", 0.0 ]
let private stepsAxis counts = axis "K" "number of steps" (fun _ -> counts)

let private scenarios =
    [
        scenario
            "normal laws"
            "Variances v and 1 in turn, means ½, equal steps from N(0, I) down to the data."
            (experimentOf normals)
            [ base' ]
            [
                stepsAxis [ 16.0; 256.0; 1024.0 ] |> quickly [ 512.0 ]
                axis "d" "dimension" (fun _ -> [ 2.0; 16.0; 64.0 ]) |> later
                axis "v" "variance" (fun _ -> [ 4.0; 0.1 ]) |> quickly [ 4.0 ]
                axis "ε" "error of the score" (fun _ -> [ 0.3; 0.1 ]) |> quickly [ 0.1 ]
            ]
        scenario
            "two modes"
            "0.6·N(1, 0.1) + 0.4·N(−1, 0.3), down to the data."
            (experimentOf modes)
            [ changed base' [ "d", 1.0; "K", 96.0 ] ]
            [
                stepsAxis [ 24.0; 384.0 ] |> later
                axis "δ" "where the time stops" (fun _ -> [ 0.1 ]) |> later
            ]
    ]

let private rates =
    let inSteps words exponent quantity =
        {
            Axis = "K"
            Exponent = exponent
            IsExponential = false
            Of = $"{words} of the contractive integrator"
            Quantity = quantity
            Scenario =
                scenario
                    $"normal laws, {words} in K"
                    "From the exact law at T."
                    (fun s k -> { experimentOf normals s k with Start = warm })
                    [ base' ]
                    [ stepsAxis [ 128.0; 256.0; 512.0; 1024.0 ] ]
        }

    let path runner (trial: Trial) =
        alongPath runner trial.Subject |> Result.bind (Option.map Ok >> Option.defaultValue (Error "no normal law"))

    [ inSteps "KL along the path" (Exactly -1.0) path; inSteps "KL(q‖p)" (AtMost -2.0) (atEnd Metric.Kl) ]

/// The companion.
let contractive =
    {
        Id = "conforti-2024-kl"
        Title = "The contractive integrator under a finite relative Fisher information"
        Statement =
            "vp, steps γ_k ≤ h of 'relative' from q_T, ε_k = ‖s − ∇ln p‖_{L²(p)} where step k begins, I = E_p‖∇ln p_δ + "
            + "x‖². Then KL(p_δ‖q) ≤ KL(p_T‖q_T) + (√(h·I) + √(Σγ_k·ε_k²))², δ = 0 allowed."
        Source =
            Papers.companion
                "Conforti, Durmus and Gentiloni Silveri 2024"
                "arXiv 2308.12240"
                "KL convergence guarantees for score diffusion models under minimal data assumptions"
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.Tv
        Evidence = evidence
        Scenarios = scenarios
        Rates = rates
        Reading =
            "No smoothness, no early stopping: I is 0 for N(0, I), where the integrator is exact. Of 'exponential', often "
            + "named the same, this is not true: KL 0.0225 there, with a bound of 0."
    }
