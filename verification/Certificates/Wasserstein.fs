namespace Sgm.Verification.Certificates

open System
open System.Collections.Immutable
open Sgm.Engine
open Sgm.Verification

/// The W2 rule: W2(qK, p′) ≤ Lip·W2(q, p) + W2(pK, p′), Lip the Lipschitz constant of the learned mean map, and K the
/// learned kernel under p; what the means are off adds up, what is centred adds up in squares.
module internal Wasserstein =
    let private up x = x * (1.0 + 1e-13)

    /// W2(p_ℓ, p_ℓ′) ≤ √((m − m′)²·E‖X‖² + (σ − σ′)²·d), one noise for both.
    let between (target: Target) (a: NoiseLevel) (b: NoiseLevel) =
        let data = Constants.secondMoment target NoiseLevel.Data
        up (sqrt ((a.Mean - b.Mean) ** 2.0 * data + (a.Sigma - b.Sigma) ** 2.0 * float target.Dimension))

    /// Finds what a level needs, so that later steps have it.
    let prepare (block: Block) level =
        Constants.smoothness block.Plan.Score.Of level |> ignore
        Constants.strongConcavity block.Plan.Score.Of level |> ignore

    /// −∇²ln p of a law lies between these at a level: m or −L, and 1/(smallest eigenvalue) or L.
    let hessian (law: Target) level =
        attempt {
            let! smooth = Constants.smoothness law level

            let least =
                match Constants.strongConcavity law level with
                | Ok concave -> concave.Value
                | Error _ -> -smooth.Value

            return { Low = least * (1.0 - 1e-14); High = smooth.Value * (1.0 + 1e-14) }
        }

    /// sup|∂ripples|.
    let rippled (plan: Plan) (form: ScoreForm) =
        sqrt 2.0 * (form.Ripples |> List.sumBy (fun (a, w) -> abs (a * w))) / sqrt (float plan.Dimension)

    let scoreForm (plan: Plan) =
        match ScoreForm.ofScore plan.Score with
        | Some form -> Ok form
        | None -> Error "no Lipschitz constant is known here for a clipped, blended or learned score"

    /// The slope of the mean map, enclosed: stage by stage, each score having slopes −gain·[m, L] ± those of its
    /// ripples. Slopes of several stages multiply, so that they are numbers: one coordinate, or all alike.
    let private slope (plan: Plan) (step: Tableau) =
        attempt {
            let! form = scoreForm plan
            let scored = step.InScores()

            let one =
                plan.Dimension = 1
                || (plan.Target.IsGaussian
                    && plan.Score.Of.IsGaussian
                    && plan.Score.Of.Factors
                       |> Seq.forall (fun f -> f.Law.Covariances[0].Shape = CovarianceShape.Isotropic)
                    && plan.Score.Of.Factors.Length = 1)

            do!
                require
                    (one || step.Stages.Length = 1)
                    ()
                    $"the Lipschitz constant of '{step.Method}' is known here in one dimension and for isotropic normal laws"

            let ripple = { Low = -(rippled plan form); High = rippled plan form }
            let near (x: float) = Bracket.Near(x, 1e-15)

            let! stages =
                (Ok [], scored.Stages)
                ||> Seq.fold (fun found stage ->
                    attempt {
                        let! earlier = found
                        let! bent = hessian plan.Score.Of stage.Level

                        let at =
                            (near stage.A, Seq.zip stage.B (List.rev earlier))
                            ||> Seq.fold (fun sum (b, s) -> sum + near b * s)

                        return (ripple - near form.Gain * bent) * at :: earlier
                    })

            return (near scored.A, Seq.zip scored.B (List.rev stages)) ||> Seq.fold (fun sum (b, s) -> sum + near b * s)
        }

    /// x-, μ- and shift-coefficients of the mean map of an affine score of N(μ, v·I).
    let private affine (form: ScoreForm) v (step: Tableau) =
        let scored = step.InScores()

        let plus (a, b, c) (k: float) (a', b', c') = a + k * a', b + k * b', c + k * c'

        let stages =
            ([], scored.Stages)
            ||> Seq.fold (fun earlier stage ->
                let y =
                    ((stage.A, 0.0, 0.0), Seq.zip stage.B (List.rev earlier))
                    ||> Seq.fold (fun sum (b, s) -> plus sum b s)

                let x, mu, shift = y
                let lambda = stage.Level.VarianceOf v
                let k = form.Gain / lambda
                (-k * x, k * (stage.Level.Mean - mu), 1.0 - k * shift) :: earlier)

        ((scored.A, 0.0, 0.0), Seq.zip scored.B (List.rev stages)) ||> Seq.fold (fun sum (b, s) -> plus sum b s)

    /// Where an affine step takes an isotropic normal block: N(m′μ + offset, spread²·I) for N(m′μ, wanted²·I), d coordinates.
    type private Image = { Offset: float; Spread: float; Wanted: float; Coordinates: float }

    let private image (plan: Plan) (step: Tableau) =
        let isIsotropic =
            plan.Target.Factors.Length = 1
            && plan.Target.IsGaussian
            && plan.Target.Factors[0].Count = 1
            && plan.Target.Factors[0].Law.Covariances[0].Shape = CovarianceShape.Isotropic
            && obj.ReferenceEquals(plan.Score.Of, plan.Target)

        match ScoreForm.ofScore plan.Score with
        | Some form when isIsotropic ->
            let law = plan.Target.Factors[0].Law
            let v, d = law.Covariances[0].Eigenvalues[0], float plan.Dimension
            let x, mu, shift = affine form v step
            let m = step.From.Mean
            let moved = x * m + mu - step.To.Mean
            let spare = 1e-15 * (abs (x * m) + abs mu + step.To.Mean)
            let one mean = abs (moved * mean + shift * form.Shift / sqrt d) + spare * abs mean

            Some
                {
                    Offset = law.Means |> Array.sumBy (fun mean -> one mean ** 2.0) |> sqrt |> up
                    Spread = sqrt (x * x * step.From.VarianceOf v + step.C * step.C)
                    Wanted = sqrt (step.To.VarianceOf v)
                    Coordinates = d
                }
        | _ -> None

    /// W2(pK, p′) of it; ripples move by their sup norm at most.
    let private normalError (plan: Plan) (step: Tableau) =
        match ScoreForm.ofScore plan.Score, image plan step with
        | Some form, Some found when form.Ripples.IsEmpty || step.Stages.Length = 1 ->
            let ripples =
                if form.Ripples.IsEmpty then
                    0.0
                else
                    sqrt 2.0 * (form.Ripples |> List.sumBy (fun (a, _) -> abs a)) * abs (step.InScores().B[0])

            let wide = abs (found.Spread - found.Wanted) + 4e-15 * (found.Spread + found.Wanted)
            Some(up (sqrt (found.Offset ** 2.0 + found.Coordinates * wide * wide) + ripples))
        | _ -> None

    /// KL(p′‖pK) of it, in closed form: ½·d·(r − 1 − ln r) + offset²/(2·spread²), r = wanted²/spread².
    let normalStep (plan: Plan) (step: Tableau) =
        match ScoreForm.ofScore plan.Score, image plan step with
        | Some form, Some found when form.Ripples.IsEmpty && found.Spread > 0.0 ->
            let excess = (found.Wanted - found.Spread) * (found.Wanted + found.Spread) / (found.Spread * found.Spread)
            let spare = 4e-15 * (2.0 + abs excess)
            let at x = if x > -1.0 then RealFunctions.LogExcess x else infinity
            let shape = max (at (excess - spare)) (at (excess + spare))
            Some(up (0.5 * found.Coordinates * shape + found.Offset ** 2.0 / (2.0 * found.Spread * found.Spread)))
        | _ -> None

    /// What a step does on a block. `path` is κ of the block with the score as it is.
    let step (block: Block) (tableau: Tableau) =
        attempt {
            let! slope = slope block.Plan tableau

            let parts =
                if tableau.C > 0.0 then
                    PathRule.cost block.Plan tableau |> Result.map (fun cost -> cost.Mean, cost.Centred)
                else
                    Error
                        $"W2 of '{tableau.Method}', which draws no noise, is known here for normal targets and affine scores"

            let! mean, centred =
                match parts, normalError block.Plan tableau with
                | Ok _, _ -> parts
                // Only the closed form: no split, and no path.
                | Error _, Some _ -> Ok(infinity, 0.0)
                | Error reason, None -> Error reason

            let together = up (sqrt (mean * mean + centred * centred))
            let exact = normalError block.Plan tableau |> Option.defaultValue infinity

            return
                {
                    Lip = slope.Size
                    Add = min exact together
                    Mean = mean
                    Centred = centred
                    Noise = tableau.C
                }
        }

    /// W2(q₀, p_ℓ) from above: closed form for normal laws, Talagrand's inequality for a normal start, the components'
    /// own couplings, a point.
    let start (plan: Plan) (level: NoiseLevel) =
        let d = float plan.Dimension

        match plan.Start with
        | :? Start.Point as point ->
            // E‖X − a‖² = tr Cov + ‖E X − a‖².
            let mutable i, square = 0, Constants.covarianceTrace plan.Target level

            for factor in plan.Target.Factors do
                for _ in 1 .. factor.Count do
                    for j in 0 .. factor.Law.Dimension - 1 do
                        let law = factor.Law

                        let mean =
                            Seq.sum (Seq.init law.Count (fun k -> law.Weights[k] * law.Means[k * law.Dimension + j]))

                        square <- square + (level.Mean * mean - point.At[i]) ** 2.0
                        i <- i + 1

            Ok(up (sqrt square))
        | :? Start.Law as law when obj.ReferenceEquals(law.Of, plan.Target) ->
            Ok(if law.Level = level then 0.0 else between plan.Target law.Level level)
        | :? Start.Law as law when
            law.Of.Factors.Length = 1
            && law.Of.Factors[0].Law.Count = 1
            && law.Of.Factors[0].Law.Covariances[0].Shape = CovarianceShape.Isotropic
            ->
            let q = law.Of.Factors[0]
            let s = sqrt (law.Level.VarianceOf q.Law.Covariances[0].Eigenvalues[0])

            let means = Array.concat (Seq.replicate q.Count q.Law.Means)

            // One noise for both: E‖mX − μ‖² + (σ − s)²·d, by Σ over components.
            let mutable i, square = 0, d * (level.Sigma - s) ** 2.0
            let mutable apart = 0.0

            for factor in plan.Target.Factors do
                for _ in 1 .. factor.Count do
                    for j in 0 .. factor.Law.Dimension - 1 do
                        let f = factor.Law

                        for k in 0 .. f.Count - 1 do
                            let offset = level.Mean * f.Means[k * f.Dimension + j] - law.Level.Mean * means[i]

                            apart <-
                                apart
                                + f.Weights[k] * (offset ** 2.0 + level.Mean * level.Mean * f.Covariance(k).Variance j)

                        i <- i + 1

            let coupled = sqrt (square + apart)

            // Normal laws of commuting covariances: Σ (√λ − s)² and the means.
            let closed =
                if plan.Target.IsGaussian then
                    let mutable sum, at = 0.0, 0

                    for factor in plan.Target.Factors do
                        for _ in 1 .. factor.Count do
                            for j in 0 .. factor.Law.Dimension - 1 do
                                let spread = sqrt (level.VarianceOf(factor.Law.Covariances[0].Eigenvalue j)) - s
                                let offset = level.Mean * factor.Law.Means[j] - law.Level.Mean * means[at]
                                sum <- sum + offset * offset + spread * spread
                                at <- at + 1

                    Some(sqrt sum)
                else
                    None

            let talagrand =
                match RelativeEntropy.bound plan.Target level law.Of law.Level with
                | Ok r -> s * sqrt (2.0 * r)
                | Error _ -> infinity

            Ok(up (min talagrand (closed |> Option.defaultValue coupled)) + 1e-15 * s * sqrt d)
        | _ ->
            Error
                "W2 from this start to the target is not known here: it is for points, isotropic normal laws and the target itself"
