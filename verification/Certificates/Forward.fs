namespace Sgm.Verification.Certificates

open System
open Sgm.Engine
open Sgm.Verification

/// What a step does to KL(q‖p) on one block; upper bounds to upper bounds, ∞ to ∞.
type internal Forward =
    {
        Once: float -> float
        /// n rounds of it.
        Rounds: int64 -> float -> float
        /// KL after the step from W2 before it, whatever KL was.
        OfDistance: float -> float
        /// A factor and a term: KL ← factor·KL + term, for the composition of several steps.
        Line: struct (float * float)
    }

/// The forward rules: KL(q‖p_ℓ), q the law of the state. The score's error under q is its error under p and its
/// Lipschitz constant times W2(q, p) ≤ √(2C·KL) (Otto and Villani), or its sup norm.
module internal Forward =
    let private up x = x * (1.0 + 1e-12)

    /// √(2C): W2(q, p) ≤ √(2C)·√KL(q‖p).
    let reach (target: Target) level =
        Constants.logSobolev target level |> Result.map (fun c -> up (sqrt (2.0 * c.Value)))

    /// ‖a + b·h‖ for −h… between the ends of a Hessian.
    let private steepest a b (hessian: Bracket) = max (abs (a + b * hessian.Low)) (abs (a + b * hessian.High))

    /// Pairs (E₀, E₁) with ‖α·x + β·∇ln p + γ·e‖_{L²(q)} ≤ E₀ + E₁·√KL(q‖p), E₁ where C is needed and known.
    let private errors (plan: Plan) level fisher (difference: Difference) =
        attempt {
            let! exact, whole = ScoreTerms.norms plan level fisher difference
            let! hessian = Wasserstein.hessian plan.Target level
            let { Alpha = alpha; Beta = beta; Gamma = gamma } = difference
            let rounding = difference.AlphaError + difference.BetaError * hessian.Size
            let isExactBase = obj.ReferenceEquals(plan.Score.Of, plan.Target)

            // −∇²ln p for ∇ln p.
            let own beta = steepest alpha (-beta) hessian + rounding

            let bySlope =
                attempt {
                    let! form = Wasserstein.scoreForm plan
                    let ripples = abs gamma * Wasserstein.rippled plan form

                    if isExactBase then
                        return whole, own (beta + gamma * (form.Gain - 1.0)) + ripples
                    else
                        let! other = Wasserstein.hessian plan.Score.Of level
                        return whole, own (beta - gamma) + abs (gamma * form.Gain) * other.Size + ripples
                }

            let bySup = ScoreError.sup plan |> Result.map (fun sup -> exact + abs gamma * sup, own beta)
            let found = [ bySlope; bySup ] |> List.choose Result.toOption

            do! require (not found.IsEmpty) () "no Lipschitz constant and no sup norm is known of the score's error"

            if found |> List.forall (fun (_, slope) -> slope = 0.0) then
                return found |> List.map (fun (constant, _) -> up constant, 0.0)
            else
                let! reach = reach plan.Target level
                return found |> List.map (fun (constant, slope) -> up constant, up (slope * reach))
        }

    /// With α = 1/Δ + m′ > 0 the smallest curvature of −ln P(z, ·), L̂ = sup‖∇²ln p′‖ in z′, η = L̂/α < 1 and a = c/Δ − 1/c:
    /// KL(qK‖p′) ≤ KL(q‖p) + X²/(2α), X = (êη + √(ê² + (1 − η²)·d·sup|a + c·h|²))/(1 − η²), ê = ‖z + ΔU − M‖_{L²(q)}/Δ,
    /// h in −∇²ln p′.
    let private predictor (plan: Plan) (step: Tableau) (lip: float option) =
        attempt {
            let! _ = PathRule.isNoisy step
            let! difference = PathRule.predictorDifference step
            let upper, lower = step.From, step.To
            let delta, spare = Information.step upper lower, Information.stepError upper lower + 1e-15
            let! fisher = Information.fisher plan.Target upper
            let! errors = errors plan upper (fisher / (upper.Mean * upper.Mean)) difference
            let! below = Wasserstein.hessian plan.Target lower
            let bent = below * (lower.Mean * lower.Mean)
            let c = step.C / lower.Mean
            let alpha = (1.0 - spare) / delta + bent.Low
            let eta = up (bent.Size / alpha)

            do!
                require
                    (alpha > 0.0 && eta < 1.0)
                    ()
                    $"'{step.Method}' is too long for the curvature at {Shared.spelled lower}: KL(q‖p) is not known to stay finite"

            let a = c / delta - 1.0 / c
            let rounding = spare * (c / delta + 1.0 / c) + 1e-15 * c * bent.Size
            let noise = sqrt (float plan.Dimension) * (steepest a c bent + rounding)

            let added error =
                let error = up (error / delta)
                let rest = 1.0 - eta * eta
                let x = (error * eta + sqrt (error * error + rest * noise * noise)) / rest
                up (x * x / (2.0 * alpha))

            let least kl =
                errors |> List.map (fun (e0, e1) -> added (e0 + (if e1 = 0.0 then 0.0 else e1 * sqrt kl))) |> List.min

            let constant = errors |> List.map fst |> List.min
            let once kl = if Double.IsPositiveInfinity kl then kl else up (kl + least kl)

            return
                {
                    Once = once
                    Rounds = fun n kl -> if n = 1L then once kl else infinity
                    OfDistance =
                        fun w ->
                            match lip with
                            | Some lip when Double.IsFinite w -> added (constant + lip / lower.Mean * w)
                            | _ -> infinity
                    Line = struct (infinity, infinity)
                }
        }

    /// How much of the dissipation pays for the error, and how much of it is given to what grows with KL: any is allowed.
    let private shares = [ 0.1; 0.2; 0.35; 0.5; 0.8 ]
    let private weights = [ 0.01; 0.1; 0.5; 2.0; 10.0 ]

    /// n times a line.
    let power (n: int64) (struct (factor, term)) =
        struct (factor ** float n * (1.0 + 1e-12 + 1e-15 * float n),
                Contraction.series n factor term * (1.0 + 1e-12 + 1e-15 * float n))

    /// A line after a line.
    let following (struct (f, t)) (struct (f', t')) = struct (up (f * f'), up (f' * t + t'))

    let through (struct (factor, term)) kl = Contraction.times factor kl + term

    /// KL ← factor·KL + (c₀ + c₁·√KL)²/(4a).
    [<Struct>]
    type private Bend = { Factor: float; Share: float; Constant: float; Rooted: float }

    /// A corrector with C² = 2τ as the drift b = ∇ln p + e frozen for time τ; L̂ = sup‖∇²ln p‖, C the log-Sobolev
    /// constant, E, S, B the norms of e, ∇ln p and b under the law before, each of the form x₀ + x₁·√KL. d/dt KL ≤ −(1
    /// − a)·I + D²/(4a), I ≥ 2KL/C, with D either E + L̂‖X_t − X_0‖ or, by the conditional law of X_0 given X_t, E +
    /// tL̂(B + 2S + …) + tM√(d(d + 2)) where ∇²ln p is M-Lipschitz.
    let private corrector (plan: Plan) (step: Tableau) =
        attempt {
            let! _ = PathRule.isNoisy step
            let! difference = PathRule.correctorDifference step
            let level, tau = step.From, 0.5 * step.C * step.C
            let! fisher = Information.fisher plan.Target level
            let fisher = fisher / (level.Mean * level.Mean)
            let! errors = errors plan level fisher difference
            let! hessian = Wasserstein.hessian plan.Target level
            let! reach = reach plan.Target level
            let! sobolev = Constants.logSobolev plan.Target level
            let size, d = hessian.Size, float plan.Dimension
            let s0, s1 = sqrt fisher.High, size * reach
            let long = tau * sqrt (tau / 3.0)

            let bends =
                [
                    for e0, e1 in errors do
                        let b0, b1 = s0 + e0, s1 + e1

                        for share in shares do
                            {
                                Factor = exp (-2.0 * (1.0 - share) * tau / sobolev.Value)
                                Share = share
                                Constant = sqrt tau * e0 + size * sqrt (tau * tau * d + long * long * b0 * b0)
                                Rooted = sqrt tau * e1 + size * long * b1
                            }

                            match Constants.hessianSmoothness plan.Target level with
                            | Ok third when 1.0 - share - 2.0 * size * tau > 0.0 ->
                                let square = 2.0 * size * size * tau * tau

                                {
                                    Factor = exp (-2.0 * ((1.0 - share) * tau - size * tau * tau) / sobolev.Value)
                                    Share = share
                                    Constant =
                                        sqrt tau * e0
                                        + long * (size * (b0 + 2.0 * s0) + third.Value * sqrt (d * (d + 2.0)))
                                        + square * sqrt (0.5 * d + tau * b0 * b0 / 5.0)
                                    Rooted =
                                        sqrt tau * e1 + long * size * (b1 + 2.0 * s1) + square * sqrt (tau / 5.0) * b1
                                }
                            | _ -> ()
                ]

            let once kl =
                let after bend =
                    let grown = bend.Constant + bend.Rooted * sqrt kl
                    bend.Factor * kl + grown * grown / (4.0 * bend.Share)

                if Double.IsPositiveInfinity kl then
                    kl
                else
                    bends |> List.map after |> List.min |> up

            // (x + y)² ≤ (1 + θ)x² + (1 + 1/θ)y²; lines above another one say nothing.
            let lines =
                [
                    for bend in bends do
                        for weight in weights do
                            let kept = (1.0 + 1.0 / weight) * bend.Rooted * bend.Rooted / (4.0 * bend.Share)
                            let added = (1.0 + weight) * bend.Constant * bend.Constant / (4.0 * bend.Share)
                            struct (up (bend.Factor + kept), up added)
                ]
                |> List.sortBy (fun (struct (factor, term)) -> factor, term)
                |> List.fold
                    (fun kept (struct (_, term) as line) ->
                        match kept with
                        | struct (_, least) :: _ when least <= term -> kept
                        | _ -> line :: kept)
                    []

            let rounds n kl =
                if Double.IsPositiveInfinity kl || n = 0L then kl
                elif n = 1L then once kl
                else lines |> List.map (fun line -> through (power n line) kl) |> List.min

            let stationary (struct (factor, term)) = if factor < 1.0 then term / (1.0 - factor) else infinity

            return
                {
                    Once = once
                    Rounds = rounds
                    OfDistance = fun _ -> infinity
                    Line = lines |> List.minBy (fun line -> struct (stationary line, line))
                }
        }

    /// What a step does; `lip` the Lipschitz constant of its mean map, where it is known.
    let step (plan: Plan) (step: Tableau) lip =
        if step.StaysAtLevel then corrector plan step else predictor plan step lip

    /// KL(q₀‖p_ℓ) of the first state.
    let start (plan: Plan) level =
        match plan.Start with
        | :? Start.Law as law -> RelativeEntropy.bound law.Of law.Level plan.Target level
        | _ -> Error "a point has no density: KL(q‖p) of the start is infinite"
