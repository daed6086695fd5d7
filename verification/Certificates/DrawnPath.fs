namespace Sgm.Verification.Certificates

open System
open System.Collections.Generic
open Sgm.Engine
open Sgm.Verification

/// The path rule for laws q∗N(0, v·I) whose coordinates are not independent (data sets, mixtures of one width): every term is a number plus
/// multiples of posterior moments of the atoms, T(g) = E tr Cov(A | z), so that R is one number plus one sum of draws.
module internal DrawnPath =
    /// A number plus Σ (c·T + e·F) over noise variances, less ½·w·Σ_j (T(g_j) − T(g)) of parts of steps.
    type private Linear =
        {
            Constant: float
            Terms: (float * float * float) list
            /// g, the noisier g_j, and w.
            Gains: (float * float list * float) list
            /// Levels at which the score's own E‖e‖² counts so many times.
            Errors: (NoiseLevel * float) list
        }

    let private number x = { Constant = x; Terms = []; Gains = []; Errors = [] }
    let private linear constant terms = { number constant with Terms = terms }
    let private erring level c = { number 0.0 with Errors = [ level, c ] }

    let private squared x = x * x

    let private plus a b =
        {
            Constant = a.Constant + b.Constant
            Terms = a.Terms @ b.Terms
            Gains = a.Gains @ b.Gains
            Errors = a.Errors @ b.Errors
        }

    let private times k a =
        {
            Constant = k * a.Constant
            Terms = a.Terms |> List.map (fun (g, t, f) -> g, k * t, k * f)
            Gains = a.Gains |> List.map (fun (g, noisier, w) -> g, noisier, k * w)
            Errors = a.Errors |> List.map (fun (level, c) -> level, k * c)
        }

    /// The atoms of a law of one block and one isotropic covariance, with that variance.
    let atomsOf (plan: Plan) =
        let factor = plan.Target.Factors[0]

        match Constants.kernelForm NoiseLevel.Data factor.Law with
        | Some form when
            plan.Target.Factors.Length = 1 && factor.Count = 1 && factor.Law.Count > 1 && factor.Law.Dimension > 1
            ->
            Some(Atoms factor.Law, form.Variance)
        | _ -> None

    /// How many parts of a step its posterior moments are drawn at: few where there are many steps.
    let private partsOf (steps: int) = max 4 (min 24 (6000 / max 1 steps))

    /// k·J = k·(d/g̃ − T/g̃²) of z with g̃ = v + g.
    let private ofFisher d wide k = linear (k * d / wide) [ wide, -k / (wide * wide), 0.0 ]

    /// −½∫T dλ over λ = 1/g̃ from 1/wide to 1/narrow from above, T falling: the whole width times T at the right end, and what the parts gain on it.
    let private unlearned parts wide narrow =
        let from, until = 1.0 / wide, 1.0 / narrow
        let width = (until - from) / float parts
        let noisier = [ for i in parts - 1 .. -1 .. 1 -> 1.0 / (from + width * float i) ]

        { number 0.0 with
            Terms = [ narrow, -0.5 * (until - from), 0.0 ]
            Gains =
                (if noisier |> List.forall (fun g -> g > narrow) then
                     [ narrow, noisier, 0.5 * width ]
                 else
                     [])
        }

    /// (x + γ‖e‖)² in the mean from above, x the root of what `exactly` bounds and about `norm`: with (x + y)² ≤ (1 + a)x² + (1 + 1/a)y²,
    /// a from a pilot's ‖e‖.
    let private withError (plan: Plan) level norm gamma exactly =
        if gamma = 0.0 then
            Ok exactly
        else
            match DrawnErrors.pilot plan level with
            | Error _ -> ScoreError.l2 plan level |> Result.map (fun _ -> exactly)
            | Ok _ when norm = 0.0 -> Ok(erring level (gamma * gamma))
            | Ok guess ->
                let a = gamma * guess / norm
                Ok(plus (times (1.0 + a) exactly) (erring level ((1.0 + 1.0 / a) * gamma * gamma)))

    /// E‖…‖² from above, for a quadratic form c + β²·J_x and what rounding may add, or for a norm ε beside the exact form.
    let private expectation (plan: Plan) level v difference =
        attempt {
            let d, wide, m = float plan.Dimension, v + Information.noise level, level.Mean
            let struct (exact, own) = ScoreTerms.forms plan level difference
            // J ≤ d/g̃: mixtures tell less than their components (convexity).
            let fisher = d / wide / (m * m)
            let rounding = ScoreTerms.rounding plan level fisher difference

            let ofForm (form: ScoreTerms.Quadratic) =
                let informed = ofFisher d wide (form.Beta * form.Beta / (m * m))
                let norm = sqrt (max 0.0 (form.Constant + form.Beta * form.Beta * fisher))
                plus (number (form.Constant + rounding * (2.0 * norm + rounding))) informed, norm

            let exactly, norm = ofForm exact

            match own with
            | Some form -> return exactly, fst (ofForm form)
            | None when ScoreError.isUnknown plan ->
                let! whole = withError plan level norm (abs difference.Gamma) exactly
                return exactly, whole
            | None ->
                let! error = ScoreError.l2 plan level
                let other = abs difference.Gamma * error
                // (x + y)² ≤ (1 + a)x² + (1 + 1/a)y².
                let a = if norm > 0.0 then other / norm else 0.0

                return
                    exactly,
                    if a = 0.0 then
                        plus exactly (number (other * other))
                    else
                        plus (times (1.0 + a) exactly) (number ((1.0 + 1.0 / a) * other * other))
        }

    /// `unlearned`: −½∫T dλ over the step.
    let private predictor unlearned (plan: Plan) v (step: Tableau) =
        attempt {
            let! _ = PathRule.isNoisy step
            let! difference = PathRule.predictorDifference step
            let upper, lower, d = step.From, step.To, float plan.Dimension
            let delta, c2 = Information.step upper lower, squared (step.C / lower.Mean)
            let wide, narrow = v + Information.noise upper, v + Information.noise lower
            let! exact, whole = expectation plan upper v difference

            let before =
                number (
                    0.5 * d * (log (wide / narrow) + RealFunctions.LogExcess(delta / c2 - 1.0))
                    + 1e-14 * d * (1.0 + delta / c2)
                )

            let all = before |> plus (unlearned wide narrow) |> plus (ofFisher d wide (-0.5 * delta * delta / c2))
            let total form = plus all (times (1.0 / (2.0 * c2)) form)
            return total exact, total whole
        }

    /// ¼(τ√H + √τ·ε)² ≤ ¼(1 + a)τ²H + ¼(1 + 1/a)τε² with H = (d/g̃² − 2T/g̃³ + F/g̃⁴)/m⁴.
    let private corrector (plan: Plan) v (step: Tableau) =
        attempt {
            let! _ = PathRule.isNoisy step
            let! difference = PathRule.correctorDifference step
            let d, wide, tau = float plan.Dimension, v + Information.noise step.From, 0.5 * step.C * step.C
            let scale = 1.0 / squared (squared step.From.Mean)

            let curvature = linear (scale * d / (wide * wide)) [ wide, -2.0 * scale / wide ** 3.0, scale / wide ** 4.0 ]

            let bound = Bracket.Exactly(d / wide / squared step.From.Mean)

            let split a =
                (if a > 0.0 then
                     times (0.25 * (1.0 + a) * tau * tau) curvature
                 else
                     times (0.25 * tau * tau) curvature),
                (if a > 0.0 then 0.25 * (1.0 + 1.0 / a) * tau else 0.0)

            let fromNorm error =
                let still, factor = split (error / (sqrt tau * sqrt curvature.Constant))
                plus still (number (factor * error * error))

            if ScoreError.isUnknown plan then
                let exact = ScoreTerms.exactNorm plan step.From { bound with Low = 0.0 } difference
                let guess = DrawnErrors.pilot plan step.From |> Result.defaultValue 0.0
                let size = exact + abs difference.Gamma * guess
                let still, factor = split (size / (sqrt tau * sqrt curvature.Constant))
                let! erring = withError plan step.From exact (abs difference.Gamma) (number (exact * exact))
                return fromNorm exact, plus still (times factor erring)
            else
                let! exact, whole = ScoreTerms.norms plan step.From { bound with Low = 0.0 } difference

                return fromNorm exact, fromNorm whole
        }

    /// −½∫₀^λ T dλ is how much less than a normal law z has in entropy; for a normal start in full, otherwise by what is known of it.
    let private start (plan: Plan) (atoms: Atoms) v (level: NoiseLevel) =
        match plan.Start with
        | :? Start.Law as law when
            law.Of.Factors.Length = 1
            && law.Of.Factors[0].Count = 1
            && RelativeEntropy.canSplit law.Of.Factors[0].Law
            && law.Of.Factors[0].Law.Covariances[0].Shape = CovarianceShape.Isotropic
            ->
            let q, m, d = law.Of.Factors[0].Law, level.Mean, float plan.Dimension
            let variance = law.Level.VarianceOf q.Covariances[0].Eigenvalues[0] / (m * m)
            let wide = v + Information.noise level
            let apart = atoms.SquareAbout(q.Means |> Array.map (fun x -> law.Level.Mean * x / m))
            let shape = 0.5 * d * RealFunctions.LogExcess(wide / variance - 1.0) + 1e-14 * d

            Ok(plus (number (shape + apart / (2.0 * variance))) (linear 0.0 [ wide, -0.5 / wide, 0.0 ]))
        | _ -> PathRule.start plan level |> Result.map number

    /// R after the steps, and the parts of it as they are estimated: start, and (exact, whole) of every kernel with how often it runs.
    type Found = { Upper: float; Start: float; Steps: (int64 * int64 * Tableau * float * float) list }

    /// Draws for the sum of the forms, one bound for all.
    let private found (plan: Plan) (atoms: Atoms) risk first forms =
        let errors = Dictionary<NoiseLevel, float>()
        let sums = Dictionary<float, struct (float * float)>()
        let mutable constant, size = 0.0, 0.0

        let add form =
            constant <- constant + form.Constant
            size <- size + abs form.Constant

            for g, t, f in form.Terms do
                let struct (a, b) = sums.GetValueOrDefault g
                sums[g] <- struct (a + t, b + f)

            for level, c in form.Errors do
                errors[level] <- errors.GetValueOrDefault level + c

        add first
        forms |> List.iter (fun (_, _, _, _, whole) -> add whole)

        let keys = Array.ofSeq sums.Keys
        let erring = Array.ofSeq errors.Keys

        let draws =
            dict [ for level in erring -> level, ClippedError.ofLevel plan level |> Result.toOption |> Option.get ]

        let gained =
            first :: (forms |> List.map (fun (_, _, _, _, whole) -> whole))
            |> List.collect (fun form -> form.Gains)
            |> Array.ofList

        let nodes =
            [|
                for g in keys do
                    let struct (t, f) = sums[g]
                    Node.level atoms g t f
                for g, noisier, w in gained do
                    Node.gain atoms g noisier w
                for level in erring do
                    DrawnErrors.node atoms draws[level] errors[level]
            |]

        // A network's error needs many draws where it is small: what is not seen may be large.
        let most = nodes |> Array.skip (keys.Length + gained.Length) |> Array.sumBy (fun node -> node.Cost)
        let perLevel = if erring.Length = 0 then 0.0 else most / float erring.Length
        let drawn = PosteriorDraws.above (1e6 * max 1.0 perLevel) (float (atoms.Dimension * atoms.Count)) risk nodes
        let moments = Dictionary<float, struct (float * float)>()
        Array.iteri (fun i g -> moments[g] <- drawn.Beside[i]) keys

        // A gain belongs to the step that ends at its noise variance.
        let gains = Dictionary<float, float>()

        gained
        |> Array.iteri (fun i (g, _, _) ->
            let struct (sum, _) = drawn.Beside[keys.Length + i]
            gains[g] <- sum)

        let squares =
            dict
                [
                    for i in 0 .. erring.Length - 1 do
                        let struct (square, _) = drawn.Beside[keys.Length + gained.Length + i]
                        erring[i], square
                ]

        let tails = errors |> Seq.sumBy (fun pair -> pair.Value * draws[pair.Key].Tail)

        let estimate form =
            form.Constant
            + (form.Terms
               |> List.sumBy (fun (g, t, f) ->
                   let struct (trace, fourth) = moments[g]
                   t * trace + f * fourth))
            - (form.Gains |> List.sumBy (fun (g, _, w) -> w * gains[g]))
            + (form.Errors |> List.sumBy (fun (level, c) -> c * squares[level]))

        {
            Upper = max 0.0 (constant + drawn.Upper + tails + 1e-13 * size)
            Start = max 0.0 (estimate first)
            Steps = forms |> List.map (fun (i, n, step, exact, whole) -> i, n, step, estimate exact, estimate whole)
        }

    /// R of kernels (first step, rounds, tableau) that follow the state's level, from draws.
    let bound (plan: Plan) (atoms: Atoms) v risk (level: NoiseLevel) (kernels: (int64 * int64 * Tableau) list) =
        attempt {
            let parts = partsOf kernels.Length
            let! first = start plan atoms v level

            let! forms =
                (Ok [], kernels)
                ||> List.fold (fun found (index, rounds, step) ->
                    attempt {
                        let! earlier = found

                        let! exact, whole =
                            if step.StaysAtLevel then
                                corrector plan v step
                            else
                                predictor (unlearned parts) plan v step

                        return (index, rounds, step, times (float rounds) exact, times (float rounds) whole) :: earlier
                    })

            return found plan atoms risk first (List.rev forms)
        }

    /// Estimates of κ, for choosing levels and not for bounding: T drawn at the levels of a grid, and straight in λ between them. From noisy to clean.
    let estimator (plan: Plan) (atoms: Atoms) v (grid: NoiseLevel[]) =
        let wide = grid |> Array.map (fun level -> v + Information.noise level)

        let drawn =
            PosteriorDraws.above
                1e6
                (float (atoms.Dimension * atoms.Count))
                0.5
                (wide |> Array.map (fun g -> Node.level atoms g 1.0 0.0))

        let traces = drawn.Beside |> Array.map (fun (struct (t, _)) -> t)
        let places = Dictionary<float, int>()
        wide |> Array.iteri (fun i g -> places[g] <- i)

        // ∫T dλ from the first level.
        let learned =
            Array.init (grid.Length - 1) (fun i ->
                0.5 * (traces[i] + traces[i + 1]) * (1.0 / wide[i + 1] - 1.0 / wide[i]))
            |> Array.scan (+) 0.0

        let between upper lower = number (-0.5 * (learned[places[lower]] - learned[places[upper]]))

        fun (step: Tableau) ->
            (if step.StaysAtLevel then
                 corrector plan v step
             else
                 predictor between plan v step)
            |> Result.map (fun (_, whole) ->
                // F is at most R²·T.
                let value (g, t, f) = (t + f * atoms.RadiusSquare) * traces[places[g]]
                let error (level, c) = c * (DrawnErrors.pilot plan level |> Result.defaultValue 0.0) ** 2.0
                max 0.0 (whole.Constant + List.sumBy value whole.Terms + List.sumBy error whole.Errors))
