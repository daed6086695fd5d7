/// Nguyen Cong, Hieu Tran Bao and Hoang Thanh-Tung 2025: wrong labels, and a discriminator's gradient against them.
module Sgm.Verification.Theorems.NguyenLabels

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Verification.Scenarios

/// What the experiment says of labels: p̃ as a target, 1 − η with p̃ ≥ (1 − η)·p, and the strength λ of the correction.
type private Labels = { Noisy: Target; Kept: float; Strength: float }

/// The least share of a component of p that p̃ has, 0 where it lacks one; equal components are one.
let private kept (law: Mixture) (noisy: Mixture) =
    let weightIn (of': Mixture) i =
        Seq.init of'.Count id
        |> Seq.filter (fun j ->
            law.Means[i] = of'.Means[j] && law.Covariance(i).Eigenvalue 0 = of'.Covariance(j).Eigenvalue 0)
        |> Seq.sumBy (fun j -> of'.Weights[j])

    Seq.init law.Count id
    |> Seq.filter (fun i -> law.Weights[i] > 0.0)
    |> Seq.map (fun i -> weightIn noisy i / weightIn law i)
    |> Seq.min

let private line (target: Target) =
    match List.ofSeq target.Factors with
    | [ one ] when one.Law.Dimension = 1 && one.Count = 1 -> Ok one.Law
    | _ -> Error "the target is not a law on the line"

let private labels: Subject -> Result<Labels, string> =
    Once.per (fun subject ->
        match subject.Experiment.Score.Base with
        | Blend [ strength, { Base = Exact; Modifiers = [] }; rest, { Base = ScoreOf noisy; Modifiers = [] } ] when
            abs (strength + rest - 1.0) <= 1e-12
            ->
            attempt {
                let! law = line subject.Plan.Target
                let! plan = checkedPlan { subject.Experiment with Target = noisy; Score = exact }
                let! other = line plan.Target
                let share = kept law other
                do! require (share > 0.0) () "a part of p is not in p̃"
                return { Noisy = plan.Target; Kept = min 1.0 share; Strength = strength }
            }
        | _ -> Error "the score is not 'guided λ exact (scoreOf noisy)'")

/// KL(p‖p̃) at a level.
let private fromNoisy (subject: Subject) level =
    attempt {
        let! found = labels subject
        let! law = line subject.Plan.Target
        let! noisy = line found.Noisy
        return LineIntegrals.relativeEntropy (LineLaw.at level law) (LineLaw.at level noisy)
    }

let private estimate (found: Bracket) =
    Estimate.Exact(0.5 * (found.Low + found.High), max 0.0 found.Low, found.High, "quadrature")

/// KL(p_T‖q_T) + Σ ½[Δλ·(d·g − g²J(g)) − d·ln(g/g′) + ∫J] + Σ ½Δ·(g/g′)·m²·ε², with Δλ = Δ/(g·g′); all steps ancestral.
let private bound (subject: Subject) =
    attempt {
        let plan = subject.Plan
        let steps = List.ofSeq (plan.Tableaus())
        let levels = steps |> List.map (fun step -> step.From)
        let! errors = ScoreError.atLevels plan levels
        let d = float plan.Dimension

        let! start = PathRule.start plan levels.Head

        let cost (step: Tableau, (_, error: float)) =
            attempt {
                let upper, lower = step.From, step.To
                let g, below, delta = Information.noise upper, Information.noise lower, Information.step upper lower
                let! fisher = Information.fisher plan.Target upper
                let! missed = Information.missed plan.Target upper lower
                // (d·g − g²J)·Δλ + ΔJ = d·Δ/g′ − J·Δ·(g/g′ − 1), from J's lower end.
                let held = d * delta / below - fisher.Low * delta * (g / below - 1.0)
                let steps = 0.5 * (held - d * log (g / below) + missed.High)
                return max 0.0 steps + 0.5 * delta * (g / below) * (upper.Mean * error) ** 2.0
            }

        let! added = every (Seq.map cost (List.zip steps errors))
        return (start + List.sum added) * (1.0 + 1e-10)
    }

let private evidence: Evidence =
    fun runner trial ->
        attempt {
            let plan = trial.Subject.Plan
            let! r = bound trial.Subject
            let! own = labels trial.Subject
            let! apart = fromNoisy trial.Subject (Seq.last (plan.Tableaus())).To
            let! certificates = Certificate.ofPlan runner.Cancellation plan
            let certified = (List.last certificates).KlReverse.Value
            let! law = Measure.law runner plan

            return
                [
                    {
                        What = "KL(p‖p̃) at the end, against ln(1/(1 − η))"
                        Measured = estimate apart
                        Bound = -log own.Kept * (1.0 + 1e-14)
                    }
                    {
                        What = "KL(p‖q) as the certificate has it"
                        // It is an upper end itself, within 1 % (errors of the score are enclosed to 0.4 %).
                        Measured = Estimate.Exact(certified, 0.99 * certified, certified, "certificate")
                        Bound = r
                    }
                    PathRule.againstTotalVariation law r
                ]
        }

let private assumptions =
    [
        Assumption.ofResult "the score is s̃ + λ(s − s̃), s̃ that of p̃ ≥ (1 − η)·p on the line" (fun subject ->
            labels subject |> Result.map (fun own -> $"λ = {own.Strength:g4}, η = {1.0 - own.Kept:g4}"))
        Assumption.ofResult "ancestral steps that end above the data" (fun subject ->
            attempt {
                let! steps = Subject.stepsOf "'ancestral'" (fun step -> step.Method = "ancestral") subject.Plan
                do! require ((List.last steps).To.Sigma > 0.0) () "they lead to the data"
                return $"{steps.Length} of them"
            })
    ]

let private whole symbol s = int (value symbol s)

/// A class, and what wrong labels mix into it.
type private Classes = { Own: (float * Sgm.Target) list; Other: (float * Sgm.Target) list }

let private noisy eta classes =
    [
        for w, law in classes.Own -> (1.0 - eta) * w, law
        for w, law in classes.Other -> eta * w, law
    ]
    |> mixture

let private two = { Own = [ 1.0, normal [ 1.5 ] 0.3 ]; Other = [ 1.0, normal [ -1.5 ] 0.3 ] }

let private many =
    {
        Own = [ 0.6, normal [ 1.0 ] 0.2; 0.4, normal [ -0.5 ] 0.5 ]
        Other = [ 0.5, normal [ 0.3 ] 0.1; 0.5, normal [ -2.0 ] 0.4 ]
    }

let private experimentOf classes first (s: Setting) (_refinement: int) =
    let corrected = guided (value "λ" s) exact (scoreOf (noisy (value "η" s) classes))

    experiment {
        target (mixture classes.Own)
        forward vp
        score (if value "e" s = 0.0 then corrected else corrected |> shifted (value "e" s))
        start first
        sampler (anneal (geometric (value "T" s) (value "δ" s) (whole "K" s)) (predictor ancestral))
        measure [ tv; kl ]
    }

let private base' = setting [ "T", 4.0; "δ", 0.05; "K", 24.0; "η", 0.3; "λ", 0.5; "e", 0.0 ]

let private scenarios =
    [
        scenario
            "two classes"
            "N(1.5, 0.3), with a share η of N(−1.5, 0.3) by wrong labels, from N(0, 1)."
            (experimentOf two prior)
            [ base' ]
            [
                axis "λ" "strength of the correction" (fun _ -> [ 0.0; 0.5; 0.9 ]) |> quickly [ 0.9; 0.5 ]
                axis "η" "probability of a wrong label" (fun _ -> [ 0.5; 0.2; 0.05 ]) |> later
                axis "e" "the discriminator's own error" (fun _ -> [ 0.3; 0.1 ]) |> later
                axis "K" "number of steps" (fun _ -> [ 12.0; 48.0 ]) |> later
            ]
        scenario
            "corrected in the early phase"
            "The same from the exact law at T, uncorrected from there on."
            (experimentOf two warm)
            [ changed base' [ "λ", 0.0 ] ]
            [ axis "T" "where the correction ends" (fun _ -> [ 2.0; 1.0; 0.5; 0.2 ]) |> later ]
        scenario
            "classes that overlap"
            "0.6·N(1, 0.2) + 0.4·N(−½, ½), wrong labels from ½·N(0.3, 0.1) + ½·N(−2, 0.4)."
            (experimentOf many prior)
            [ base' ]
            [ axis "K" "number of steps" (fun _ -> [ 16.0; 64.0 ]) |> later ]
    ]

let private rates =
    let claim symbol meaning exponent isExponential time values =
        {
            Axis = symbol
            Exponent = Exactly exponent
            IsExponential = isExponential
            Of = $"KL(p_T‖p̃_T), in {symbol}"
            Quantity = fun _ trial -> fromNoisy trial.Subject trial.Subject.Plan.InitialLevel |> Result.map estimate
            Scenario =
                scenario
                    $"two classes, KL(p_T‖p̃_T) in {symbol}"
                    "What labels cost above the level of the start."
                    (experimentOf two warm)
                    [ changed base' [ "K", 2.0; "T", time ] ]
                    [ axis symbol meaning (fun _ -> values) ]
        }

    [
        claim "T" "time" -2.0 true 2.0 [ 2.0; 3.0; 4.0; 5.0 ]
        claim "η" "probability of a wrong label" 2.0 false 2.0 [ 0.16; 0.08; 0.04; 0.02 ]
    ]

/// The companion.
let noisyLabels =
    {
        Id = "nguyen-cong-2025-labels"
        Title = "Wrong labels, and a discriminator's correction"
        Statement =
            "p a class, p̃ ≥ (1 − η)·p what noisy labels make of it, s̃ the score of p̃, corrected to s̃ + λ(s − s̃) "
            + "by a discriminator's gradient ∇ln(p/p̃). Ancestral steps: KL(p_δ‖q) ≤ KL(p_T‖q_T) + Σ ½∫(mmse_k − mmse) "
            + "dΛ + Σ ½ΔΛ_k·δ_k², δ_k the error of the denoiser at level k, Λ = m²/σ²; with small steps the last sum is "
            + "(1 − λ)²·[KL(p_δ‖p̃_δ) − KL(p_T‖p̃_T)], at most (1 − λ)²·ln(1/(1 − η))."
        Source =
            Papers.companion
                "Nguyen Cong, Tran Bao and Hoang Thanh-Tung 2025"
                "arXiv 2508.19581"
                "a discriminator's guidance against noisy labels"
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.Tv
        Evidence = evidence
        Scenarios = scenarios
        Rates = rates
        Reading =
            "Labels cost the relative entropy between the class and its noisy version, most of it in the early phase, "
            + "where classes part; a correction that ends at t leaves what is below t."
    }
