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
        /// KL after n rounds from W2 before them, whatever KL was.
        OfDistance: int64 -> float -> float
        /// A factor and a term: KL ← factor·KL + term, for the composition of several steps.
        Line: struct (float * float)
    }

/// ‖·‖_{L²(q)} ≤ Constant + Slope·W2(q, p) + Rooted·√KL(q‖p).
[<Struct>]
type internal ErrorBound = { Constant: float; Slope: float; Rooted: float }

/// The forward rules: KL(q‖p_ℓ), q the law of the state. The score's error under q is its error under p and its
/// Lipschitz constant times W2(q, p) ≤ √(2C·KL) (Otto and Villani), its sup norm, or what its exponential moments say.
module internal Forward =
    let private up x = x * (1.0 + 1e-12)

    /// √(2C): W2(q, p) ≤ √(2C)·√KL(q‖p).
    let reach (target: Target) level =
        Constants.logSobolev target level |> Result.map (fun c -> up (sqrt (2.0 * c.Value)))

    /// ‖a + b·h‖ for −h… between the ends of a Hessian.
    let private steepest a b (hessian: Bracket) = max (abs (a + b * hessian.Low)) (abs (a + b * hessian.High))

    /// λ in multiples of the log-Sobolev constant at which exponential moments of the error are asked for.
    let private tilts = [ 0.75; 3.0; 12.0 ]

    /// E_q‖e‖² ≤ (KL(q‖p) + ln E_p e^(λ‖e‖²))/λ (Donsker and Varadhan), for errors whose Lipschitz constant is none or
    /// only the sum of those of two scores.
    let private byMoments (plan: Plan) level (difference: Difference) exact own =
        attempt {
            let! sobolev = Constants.logSobolev plan.Target level

            return
                [
                    for tilt in tilts do
                        let lambda = tilt * sobolev.Value

                        match ScoreError.exponential plan level lambda with
                        | Ok moment when Double.IsFinite moment ->
                            {
                                Constant = up (exact + abs difference.Gamma * sqrt (moment / lambda))
                                Slope = own difference.Beta
                                Rooted = up (abs difference.Gamma / sqrt lambda)
                            }
                        | _ -> ()
                ]
        }
        |> Result.defaultValue []

    /// Bounds of ‖α·x + β·∇ln p + γ·e‖_{L²(q)}.
    let internal errors (plan: Plan) level fisher (difference: Difference) =
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
                        return
                            {
                                Constant = up whole
                                Slope = up (own (beta + gamma * (form.Gain - 1.0)) + ripples)
                                Rooted = 0.0
                            }
                    else
                        let! other = Wasserstein.hessian plan.Score.Of level
                        let slope = own (beta - gamma) + abs (gamma * form.Gain) * other.Size + ripples
                        return { Constant = up whole; Slope = up slope; Rooted = 0.0 }
                }

            let bySup =
                ScoreError.sup plan
                |> Result.map (fun sup -> { Constant = up (exact + abs gamma * sup); Slope = own beta; Rooted = 0.0 })

            let byMoments =
                if isExactBase && bySlope.IsOk then
                    []
                else
                    byMoments plan level difference exact own

            let found = ([ bySlope; bySup ] |> List.choose Result.toOption) @ byMoments

            do!
                require
                    (not found.IsEmpty)
                    ()
                    "no Lipschitz constant, no sup norm and no exponential moment is known of the score's error"

            return found
        }

    /// The bounds as x₀ + x₁·√KL.
    let private rooted (plan: Plan) level (bounds: ErrorBound list) =
        if bounds |> List.forall (fun bound -> bound.Slope = 0.0) then
            Ok(bounds |> List.map (fun bound -> bound.Constant, bound.Rooted))
        else
            reach plan.Target level
            |> Result.map (fun reach ->
                bounds |> List.map (fun bound -> bound.Constant, up (bound.Slope * reach + bound.Rooted)))

    /// With α = 1/Δ + m′ > 0 the smallest curvature of −ln P(z, ·), L̂ = sup‖∇²ln p′‖ in z′, η = L̂/α < 1 and a = c/Δ − 1/c:
    /// KL(qK‖p′) ≤ KL(q‖p) + X²/(2α), X = (êη + √(ê² + (1 − η²)·d·sup|a + c·h|²))/(1 − η²), ê = ‖z + ΔU − M‖_{L²(q)}/Δ,
    /// h in −∇²ln p′.
    let private predictor (plan: Plan) (step: Tableau) (map: Contraction option) =
        attempt {
            let! _ = PathRule.isNoisy step
            let! difference = PathRule.predictorDifference step
            let upper, lower = step.From, step.To
            let delta, spare = Information.step upper lower, Information.stepError upper lower + 1e-15
            let! fisher = Information.fisher plan.Target upper
            let! bounds = errors plan upper (fisher / (upper.Mean * upper.Mean)) difference
            let! errors = rooted plan upper bounds
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

            let constant =
                bounds |> List.filter (fun bound -> bound.Rooted = 0.0) |> List.map _.Constant |> List.fold min infinity

            let once kl = if Double.IsPositiveInfinity kl then kl else up (kl + least kl)

            return
                {
                    Once = once
                    Rounds =
                        fun n kl ->
                            if n = 0L then kl
                            elif n = 1L then once kl
                            else infinity
                    OfDistance =
                        fun n w ->
                            match map with
                            | Some map when n = 1L && Double.IsFinite w -> added (constant + map.Lip / lower.Mean * w)
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
    let private corrector (plan: Plan) (step: Tableau) (map: Contraction option) =
        attempt {
            let! _ = PathRule.isNoisy step
            let! difference = PathRule.correctorDifference step
            let level, tau = step.From, 0.5 * step.C * step.C
            let! fisher = Information.fisher plan.Target level
            let fisher = fisher / (level.Mean * level.Mean)
            let! bounds = errors plan level fisher difference
            let! errors = rooted plan level bounds
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

            // The state is moved to one with the law p while n rounds of length T in all go by: (x₀ − y₀)/T of drift.
            let ofDistance (n: int64) w =
                match map with
                | Some map when Double.IsFinite w ->
                    let count, all = float n, Contraction.power n map
                    let farthest = Contraction.times (max 1.0 all.Lip) w + min all.Add (all.Mean + all.Centred)
                    let long = count * tau
                    let shifted = w * sqrt (1.0 / long + size + size * size * long / 3.0)

                    let of' (bound: ErrorBound) =
                        let error = bound.Constant + Contraction.times bound.Slope farthest
                        let drift = s0 + Contraction.times size farthest + error
                        let frozen = size * sqrt (count * (tau * tau * d + tau * tau * tau * drift * drift / 3.0))
                        (sqrt long * error + frozen + shifted) ** 2.0 / 4.0

                    bounds
                    |> List.filter (fun (bound: ErrorBound) -> bound.Rooted = 0.0)
                    |> List.fold (fun least bound -> min least (up (of' bound))) infinity
                | _ -> infinity

            let stationary (struct (factor, term)) = if factor < 1.0 then term / (1.0 - factor) else infinity

            return
                {
                    Once = once
                    Rounds = rounds
                    OfDistance = ofDistance
                    Line = lines |> List.minBy (fun line -> struct (stationary line, line))
                }
        }

    /// What a step does; `map` what it does to W2, where that is known.
    let step (plan: Plan) (step: Tableau) (map: Contraction option) =
        if step.StaysAtLevel then corrector plan step map else predictor plan step map

    /// KL(q₀‖p_ℓ) of the first state.
    let start (plan: Plan) level =
        match plan.Start with
        | :? Start.Law as law -> RelativeEntropy.bound law.Of law.Level plan.Target level
        | _ -> Error "a point has no density: KL(q‖p) of the start is infinite"
