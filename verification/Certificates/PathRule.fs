namespace Sgm.Verification.Certificates

open System
open Sgm.Engine
open Sgm.Verification

/// What a step adds to KL(ideal path‖actual path): with the exact score, and with the score as it is; upper bounds.
/// With the score as it is, the two parts of the strong error E W2(K(x, ·), P(x, ·))² ≤ Mean² + Centred² under p, in
/// x′: of the means, and around them.
[<Struct>]
type Cost = { Exact: float; Whole: float; Mean: float; Centred: float }

/// The path rule: R ≥ KL(p_ℓ‖q) before a kernel, R + κ after it, κ = KL(p_ℓ⊗P‖p_ℓ⊗K) of the ideal kernel P and the
/// actual K. In every dimension, with L² errors alone, and without smoothness. Proofs in README.md of this folder.
module PathRule =
    let private spelled (level: NoiseLevel) = $"(m, σ) = ({level.Mean:g4}, {level.Sigma:g4})"

    let private squared x = x * x

    /// A, B of a one-stage step in scores; the model is read where the step begins.
    let private oneStage (step: Tableau) =
        let scored = step.InScores()

        if step.Stages.Length <> 1 then
            Error $"'{step.Method}' has {step.Stages.Length} stages, and the path rule here is for one"
        elif scored.Stages[0].A <> 1.0 || scored.Stages[0].Level <> step.From then
            Error $"'{step.Method}' does not read the score at the state and its level"
        else
            Ok(scored.A, scored.B[0])

    /// Whether a step draws noise, and moves down if it moves.
    let isNoisy (step: Tableau) =
        if not (step.C > 0.0) then
            Error $"'{step.Method}' to {spelled step.To} draws no noise, so that paths say nothing of laws"
        elif not step.StaysAtLevel && not (Information.step step.From step.To > 0.0) then
            Error $"'{step.Method}' does not move to a less noisy level"
        else
            Ok step

    /// z + ΔU − M/m′.
    let internal predictorDifference (step: Tableau) =
        oneStage step
        |> Result.map (fun (a, b) ->
            let upper, lower = step.From, step.To
            let delta = Information.step upper lower

            {
                Alpha = 1.0 / upper.Mean - a / lower.Mean
                Beta = delta * upper.Mean - b / lower.Mean
                Gamma = -b / lower.Mean
                AlphaError = 4e-16 * (1.0 / upper.Mean + abs a / lower.Mean)
                BetaError =
                    (Information.stepError upper lower + 4e-16) * delta * upper.Mean + 4e-16 * abs b / lower.Mean
            })

    /// (μ(x) − x)/τ − ∇ln p, C² = 2τ.
    let internal correctorDifference (step: Tableau) =
        oneStage step
        |> Result.map (fun (a, b) ->
            let tau = 0.5 * step.C * step.C

            {
                Alpha = (a - 1.0) / tau
                Beta = b / tau - 1.0
                Gamma = b / tau
                AlphaError = 4e-16 * abs (a - 1.0) / tau
                BetaError = 1e-15 * (1.0 + abs (b / tau))
            })

    /// With Δ = g − g′, c = C/m′ and z = x/m:
    /// κ = ½∫(J(γ) − J(g))dγ + (d/2)·(Δ/c² − 1 − ln(Δ/c²)) + ½ΔJ(g)·(1 − Δ/c²) + E‖z + ΔU − M/m′‖²/(2c²).
    let private predictor (plan: Plan) (step: Tableau) =
        attempt {
            let! _ = isNoisy step
            let! difference = predictorDifference step
            let upper, lower = step.From, step.To
            let delta = Information.step upper lower
            let! missed = Information.missed plan.Target upper lower
            let! fisher = Information.fisher plan.Target upper
            let d, c2 = float plan.Dimension, squared (step.C / lower.Mean)
            let scale = 1.0 / (upper.Mean * upper.Mean)
            let! exact, whole = ScoreTerms.norms plan upper (fisher * scale) difference
            let ratio = Bracket.Near(delta / c2, Information.stepError upper lower + 2e-15)
            let excess = max (RealFunctions.LogExcess(ratio.Low - 1.0)) (RealFunctions.LogExcess(ratio.High - 1.0))
            let noisy = 0.5 * d * excess * (1.0 + 1e-13)
            let informed = (0.5 * delta * fisher * (Bracket.Exactly 1.0 - ratio)).High
            let before = 0.5 * missed.High + noisy + informed
            let total norm = max 0.0 (before + norm * norm / (2.0 * c2) * (1.0 + 1e-14))


            return
                {
                    Exact = total exact
                    Whole = total whole
                    // Talagrand's inequality for N(0, C²·I): E W2² ≤ 2C²κ, of which the last term of κ is the means'.
                    Mean = lower.Mean * whole * (1.0 + 1e-14)
                    Centred = step.C * sqrt (2.0 * max 0.0 before) * (1.0 + 1e-14)
                }
        }

    /// ‖E[X_τ | X_0] − X_0 − τ∇ln p(X_0)‖ of the stationary diffusion from above: ∫‖(P_t − 1)∇ln p‖dt with (1 −
    /// e^(−λt))² ≤ 0.4073·λt, or, where the third derivatives of ln p are at most M, ½τ²‖𝓛∇ln p‖ with ‖𝓛∇ln p‖² =
    /// E‖∇³ln p‖² + E tr(∇²V)³ ≤ d²M² + L·H.
    let private drift (plan: Plan) level tau curvature =
        let plain = 0.4255 * tau * sqrt (tau * curvature)

        match Constants.hessianSmoothness plan.Target level, Constants.smoothness plan.Target level with
        | Ok third, Ok smooth ->
            let bent = (float plan.Dimension * third.Value) ** 2.0 + smooth.Value * curvature
            min plain (0.5 * tau * tau * sqrt bent)
        | _ -> plain

    /// With C² = 2τ, e = (μ(x) − x)/τ − ∇ln p and β from `drift`: 4τκ ≤ τ³H − β² + (τ‖e‖ + β)², against the stationary
    /// Langevin diffusion for time τ.
    let private corrector (plan: Plan) (step: Tableau) =
        attempt {
            let! _ = isNoisy step
            let! difference = correctorDifference step
            let! curvature = Information.curvature plan.Target step.From
            let! fisher = Information.fisher plan.Target step.From
            let tau = 0.5 * step.C * step.C
            let scale = 1.0 / (step.From.Mean * step.From.Mean)
            let! exact, whole = ScoreTerms.norms plan step.From (fisher * scale) difference
            let bias = drift plan step.From tau curvature.High
            // All of E‖∫(∇ln p(X_t) − ∇ln p(X_0))dt‖² ≤ τ³H that is not the mean's.
            let rest = max 0.0 (tau * tau * tau * curvature.High - bias * bias) * (1.0 + 1e-14)
            let total error = (rest + squared (tau * error + bias)) / (4.0 * tau) * (1.0 + 1e-14)

            return
                {
                    Exact = total exact
                    Whole = total whole
                    Mean = (tau * whole + bias) * (1.0 + 1e-14)
                    Centred = sqrt rest
                }
        }

    /// κ of a step under p at the level where it begins, or why the rule says nothing.
    let cost (plan: Plan) (step: Tableau) = if step.StaysAtLevel then corrector plan step else predictor plan step

    /// R of the first state at a level.
    let start (plan: Plan) level =
        match plan.Start with
        | :? Start.Law as start -> RelativeEntropy.bound plan.Target level start.Of start.Level
        | _ -> Error "a point has no density: KL(p‖q) of the start is infinite"

    /// R after steps, each taken once, from the start on. A certificate is at times below: it may begin anew from W2.
    let ofSteps (plan: Plan) (steps: Tableau list) =
        attempt {
            let! first = start plan steps.Head.From
            let! costs = every (List.map (cost plan) steps)
            return (first + List.sumBy _.Whole costs) * (1.0 + 3e-16 * float steps.Length)
        }

    /// TV from R: Pinsker, or Bretagnolle and Huber; never above 1.
    let totalVariation r =
        if Double.IsPositiveInfinity r then
            1.0
        else
            min 1.0 (min (sqrt (0.5 * r)) (sqrt (-(RealFunctions.ExpM1(-r))))) * (1.0 + 1e-15) |> min 1.0

    /// TV of a law against what a bound r of KL(p‖q) says of it.
    let againstTotalVariation (law: Law) r =
        {
            What = "TV, against the bound of KL(p‖q) by Pinsker's or Bretagnolle and Huber's inequality"
            Measured = law.Measure Metric.Tv
            Bound = totalVariation r
        }

    /// A law against a bound r of KL(p‖q): that divergence where it is known, and TV last.
    let against (law: Law) r =
        [
            match Measure.reverseKl law with
            | Some measured -> { What = "KL(p‖q)"; Measured = measured; Bound = r }
            | None -> ()
            againstTotalVariation law r
        ]
