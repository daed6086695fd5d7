namespace Sgm.Verification.Certificates

open System
open Sgm.Engine
open Sgm.Verification

/// What a corrector does to χ²(q‖p) on one block: χ² ← factor·χ² + term by every line, where the score's error has no
/// more than a size; and p of the set where it has more, on which the exact score stands for it.
type internal ChiStep = { Lines: struct (float * float) list; Bad: float }

/// χ²(q‖p) = ∫q²/p − 1, q the law of the state, through Langevin steps: the rule *chi-corrector*.
module internal ChiSquare =
    let private up x = x * (1.0 + 1e-12)

    /// TV from Σ ln(1 + χ²) over blocks: ½√χ² of the product.
    let totalVariation logs = min 1.0 (up (0.5 * sqrt (RealFunctions.ExpM1 logs)))

    /// n rounds.
    let rounds n (step: ChiStep) chi =
        if n = 0L then
            chi
        else
            step.Lines |> List.map (fun line -> Forward.through (Forward.power n line) chi) |> List.min

    /// The line that ends lowest.
    let lowest (step: ChiStep) =
        step.Lines
        |> List.minBy (fun (struct (factor, term)) ->
            struct ((if factor < 1.0 then term / (1.0 - factor) else infinity), factor, term))

    /// What n rounds pay in TV for the bad sets: Σ q_k(bad) ≤ Σ (δ + √(χ²_k·δ)), with √(fᵏχ² + s) ≤ fᵏᐟ²√χ² + √s.
    let missed (n: int64) (step: ChiStep) chi =
        let of' (struct (factor: float, term)) =
            let count, delta = float n, step.Bad

            let share, stationary =
                if factor < 1.0 then
                    min count (1.0 / (1.0 - sqrt factor)), term / (1.0 - factor)
                else
                    count * factor ** (0.5 * count), Contraction.series n factor term

            up (count * delta + sqrt delta * (share * sqrt chi + count * sqrt stationary))

        if step.Bad = 0.0 then 0.0 else step.Lines |> List.map of' |> List.min

    let private shares = [ 0.1; 0.2; 0.35; 0.5; 0.7; 0.85 ]

    /// Thresholds of a bad set, in norms of the error.
    let private sizes = [ 1.5; 3.0; 6.0; 12.0; 25.0 ]

    /// With b = ∇ln p + e, ‖e(x)‖ ≤ ε + δ‖∇ln p(x)‖ everywhere.
    let private lines (plan: Plan) level tau epsilon delta =
        attempt {
            let! hessian = Wasserstein.hessian plan.Target level
            let! poincare = Constants.poincare plan.Target level
            let d, l = float plan.Dimension, hessian.Size
            let steep = (1.0 + delta) * l

            do!
                require
                    (tau * steep < 1.0)
                    ()
                    $"the step is too long for the curvature at {Shared.spelled level}: χ² is not known to contract"

            let k = 1.0 / (1.0 - tau * steep)
            let kept = 2.0 * delta + 2.0 * (2.0 + delta) * k * steep * tau
            let long = tau * sqrt (tau / 3.0)

            let root =
                epsilon * (sqrt tau + k * steep * long)
                + delta * sqrt (d * l * tau)
                + k * steep * (tau * sqrt d + (2.0 + delta) * long * sqrt (d * l))

            let found =
                [
                    for share in shares do
                        if share + kept < 1.0 then
                            let added = up (root * root / (2.0 * share))
                            let lost = 2.0 * delta * tau + (2.0 + delta) * k * steep * tau * tau
                            let rate = 2.0 * ((1.0 - share) * tau - lost) / poincare.Value
                            struct (up (exp (added - rate)), up (RealFunctions.ExpM1 added))
                ]

            do!
                require
                    (not found.IsEmpty)
                    ()
                    $"the step is too long for the curvature, or the score too wrong, at {Shared.spelled level}: χ² is not known to contract"

            return found
        }

    /// What a corrector does, once where the error has a bound, and once for every threshold where it has none.
    let step (plan: Plan) (step: Tableau) : Result<ChiStep list, string> =
        attempt {
            let! _ = PathRule.isNoisy step
            do! require step.StaysAtLevel () "χ² is carried through correctors only"
            let! difference = PathRule.correctorDifference step
            do! require (difference.Alpha = 0.0) () $"'{step.Method}' moves the state without its score"
            let level, tau = step.From, 0.5 * step.C * step.C
            let gamma, isExactBase = abs difference.Gamma, obj.ReferenceEquals(plan.Score.Of, plan.Target)

            match ScoreForm.ofScore plan.Score with
            | Some form when isExactBase ->
                let bound = abs form.Shift + sqrt 2.0 * (form.Ripples |> List.sumBy (fun (a, _) -> abs a))
                let delta = abs (difference.Beta + difference.Gamma * (form.Gain - 1.0)) + difference.BetaError
                let! found = lines plan level tau (up (gamma * bound)) delta
                return [ { Lines = found; Bad = 0.0 } ]
            | _ ->
                let! error = ScoreError.l2 plan level

                return!
                    sizes
                    |> List.map (fun size ->
                        attempt {
                            let threshold = size * error
                            let! bad = ScoreError.badSet plan level threshold
                            let delta = abs difference.Beta + difference.BetaError
                            let! found = lines plan level tau (up (gamma * threshold)) delta
                            return { Lines = found; Bad = up bad }
                        })
                    |> every
        }

    /// ln ∫q_j²/Π p_k^v_k over one coordinate, v_k = 1 for one component k alone: with the origin at the mean of q_j.
    let private coordinate (s: float) (parts: (float * float * float) list) =
        let sum f = parts |> List.sumBy f
        let precision = sum (fun (v, _, u) -> v / u)
        let pull = sum (fun (v, m, u) -> v * m / u)
        let far = sum (fun (v, m, u) -> v * m * m / u)
        let logs = sum (fun (v, _, u) -> v * log (u / s))
        let curved = 2.0 - s * precision

        if curved <= 1e-12 then
            infinity
        else
            // (2/s − P)·s = 2 − sP, and sΣv/u is near 1 where the laws are near each other.
            let shape = 0.5 * (logs - log curved)
            let moved = 0.5 * (pull * pull * s / curved + far)
            shape + moved + 1e-14 * (1.0 + sum (fun (v, _, u) -> v * abs (log (u / s))) + moved)

    /// ln ∫q_j²/Π p_k^v_k.
    let private against (q: Mixture) j (level: NoiseLevel) (p: Mixture) (level': NoiseLevel) weighted =
        let d = q.Dimension

        Seq.init d (fun i ->
            let part (v, k) =
                let apart = level'.Mean * p.Means[k * d + i] - level.Mean * q.Means[j * d + i]
                v, apart, level'.VarianceOf(p.Covariance(k).Eigenvalue i)

            coordinate (level.VarianceOf(q.Covariance(j).Eigenvalue i)) (List.map part weighted))
        |> Seq.sum

    /// ln(1 + χ²(q_j‖p)) ≤ that with Π p_k^v_k ≤ p (arithmetic and geometric means), or with one v_k·p_k alone.
    let private component' q j level (p: Mixture) level' =
        let all = against q j level p level' [ for k in 0 .. p.Count - 1 -> p.Weights[k], k ]
        Seq.init p.Count (fun k -> against q j level p level' [ 1.0, k ] - log p.Weights[k]) |> Seq.fold min all

    let private most = 2_000

    /// ln(1 + χ²(q‖p)) of laws at levels from above: √(1 + χ²) is convex in q, and χ² in both.
    let private ofLaws (q: Mixture) level (p: Mixture) level' =
        let isPlain (law: Mixture) = law.Covariances |> Array.forall (fun c -> c.Shape <> CovarianceShape.Full)

        if not (isPlain q && isPlain p) then
            Error "χ² of full covariances that are not turned alike is not known here"
        elif q.Count * p.Count > most then
            Error "mixtures of this many components are not compared"
        else
            let mean f =
                seq { 0 .. q.Count - 1 } |> Seq.sumBy (fun j -> if q.Weights[j] = 0.0 then 0.0 else q.Weights[j] * f j)

            let roots = mean (fun j -> exp (0.5 * component' q j level p level'))

            let mixed =
                if q.Weights = p.Weights then
                    let one j = RealFunctions.ExpM1(against q j level p level' [ 1.0, j ])
                    RealFunctions.LogOnePlus(mean one)
                else
                    infinity

            Ok(max 0.0 (up (min (2.0 * log roots) mixed)) + 1e-13)

    /// χ²(q at a level ‖ p at a level) from above, or why nothing is known.
    let bound (q: Target) level (p: Target) level' =
        if obj.ReferenceEquals(q, p) && level = level' then
            Ok 0.0
        elif RelativeEntropy.sameShape q p then
            (Ok 0.0, Seq.zip q.Factors p.Factors)
            ||> Seq.fold (fun found (a, b) ->
                attempt {
                    let! sum = found
                    let! one = ofLaws a.Law level b.Law level'
                    return sum + float a.Count * one
                })
            |> Result.map RealFunctions.ExpM1
        else
            Error "the factors of the two laws are not on the same coordinates"

    /// χ² of the first state.
    let start (plan: Plan) level =
        match plan.Start with
        | :? Start.Law as law -> bound law.Of law.Level plan.Target level
        | _ -> Error "a point has no density: χ² of the start is infinite"
