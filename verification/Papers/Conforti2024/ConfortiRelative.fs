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
        Steps: Tableau list
        Longest: float
        /// I(p_δ | N(0, I)) = E‖∇ln p_δ + x‖².
        Information: float
        /// KL(p_T‖q_T).
        Start: float
        /// Σ γ_k·ε_k².
        Errors: float
    }

let private gamma (step: Tableau) = step.From.Parameter - step.To.Parameter

/// E‖∇ln p + x‖², as E⟨∇ln p, x⟩ = −d by parts.
let private information (target: Target) (level: NoiseLevel) =
    Information.fisher target level
    |> Result.map (fun ofScaled ->
        let others =
            Bracket.Near(Constants.secondMoment target level, 1e-14) - Bracket.Exactly(2.0 * float target.Dimension)

        (ofScaled * Bracket.Near(1.0 / level.Mean ** 2.0, 1e-15) + others).NotNegative)

/// KL(p‖N(0, I)) less (d/2)·ln 2π.
let private entropy (target: Target) (level: NoiseLevel) =
    Information.entropy target level
    |> Result.map (fun own -> Bracket.Near(0.5 * Constants.secondMoment target level, 1e-14) - own)

let private run: Subject -> Result<Run, string> =
    Once.per (fun subject ->
        attempt {
            let plan = subject.Plan
            do! require (subject.Experiment.Forward = Vp) () "the statement is for vp"
            let own (t: Tableau) = t.Method = "relative" && not t.StaysAtLevel
            let! steps = Subject.stepsOf "'relative'" own plan
            do! Limits.within 10_000 steps.Length "steps"
            let! errors = ScoreError.atLevels plan (steps |> List.map _.From)
            let! start = PathRule.start plan steps.Head.From
            let! last = information plan.Target (List.last steps).To

            return
                {
                    Steps = steps
                    Longest = steps |> List.map gamma |> List.max
                    Information = last.High
                    Start = start
                    Errors = List.map2 (fun step (_, error) -> gamma step * error * error) steps errors |> List.sum
                }
        })

/// KL(p_T‖q_T) + (√(h·I) + √(Σγ_kε_k²))².
let private bound (one: Run) =
    (one.Start + (sqrt (one.Longest * one.Information) + sqrt one.Errors) ** 2.0) * (1.0 + 1e-12)

/// What the steps cost along paths with the exact score: KL(p_δ‖N) − KL(p_T‖N) − Σ(2(e^γ − 1) − γ)·I_k.
let private alongPath (target: Target) (steps: Tableau list) =
    attempt {
        let! first = entropy target (List.head steps).From
        let! last = entropy target (List.last steps).To
        let! all = steps |> List.map (fun step -> information target step.From) |> every
        let frozen step = Bracket.Near(2.0 * RealFunctions.ExpM1(gamma step) - gamma step, 1e-13)
        let kept = List.map2 (fun step j -> frozen step * j) steps all |> List.fold (+) (Bracket.Exactly 0.0)
        let found = (last - first - kept).NotNegative
        return Estimate.Exact(found.Middle, found.Low, found.High, "entropies and Fisher information")
    }

let private evidence: Evidence =
    fun runner trial ->
        attempt {
            let! (one: Run) = run trial.Subject
            let! path = alongPath trial.Subject.Plan.Target one.Steps
            let! law = Measure.law runner trial.Subject.Plan
            let r = bound one

            return
                [
                    {
                        What = "the steps' part of KL along paths, exact score, against h·I"
                        Measured = path
                        Bound = one.Longest * one.Information
                    }
                    yield! PathRule.against law r
                ]
        }

let private assumptions =
    [
        Assumption.ofResult "steps of the contractive integrator on vp" (fun s ->
            run s |> Result.map (fun (one: Run) -> $"{one.Steps.Length} steps, the longest of {one.Longest:g4}"))
        Assumption.ofResult "I(p_δ | N(0, I)) < ∞; ‖s − ∇ln p‖_{L²(p)} and KL(p_T‖q_T) are known" (fun s ->
            run s
            |> Result.map (fun (one: Run) ->
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
            [ stepsAxis [ 24.0; 384.0 ] |> later; axis "δ" "where the time stops" (fun _ -> [ 0.1 ]) |> later ]
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

    let path _ (trial: Trial) =
        run trial.Subject |> Result.bind (fun (one: Run) -> alongPath trial.Subject.Plan.Target one.Steps)

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
            + "named the same, this is not true: KL(p‖q) = 0.0186 there after 32 steps from t = 8, with a bound of 0."
    }
