namespace Sgm.Verification

open System
open System.Collections.Concurrent
open System.Runtime.CompilerServices
open MathNet.Numerics
open Sgm.Engine

/// Bounds for the error of a score estimate at a noise level: e = s − ∇ln p in L²(p), in the sup norm, and the probability of the bad set
/// {‖e‖ > t}. In closed form where there is one; otherwise coordinates that are independent are treated one by one, each enclosed on
/// intervals of the line. Found once for every plan and level.
module ScoreError =
    let private isExactBase (plan: Plan) = obj.ReferenceEquals(plan.Score.Of, plan.Target)

    let private couples (plan: Plan) =
        plan.Dimension > 1
        && plan.Score.AllModifiers
           |> Seq.exists (function
               | :? ScoreModifier.Clipped
               | :? ScoreModifier.Learned -> true
               | _ -> false)

    /// Whether the score is a function of which nothing is known but its values: a network, a function, and beyond the line a blend.
    let isUnknown (plan: Plan) =
        plan.Score.AllModifiers
        |> Seq.exists (function
            | :? ScoreModifier.Learned as learned -> not learned.Function.HasBounds
            | :? ScoreModifier.Blended -> plan.Dimension > 1
            | _ -> false)

    /// Most distinct coordinates that are walked one by one.
    let private mostWalks = 2000

    type private Found =
        {
            /// Shared among levels; merged where the error does not depend on the place.
            Coordinates: Lazy<Result<Coordinates, string>>
            Squares: ConcurrentDictionary<NoiseLevel, Result<float, string>>
            Bad: ConcurrentDictionary<struct (NoiseLevel * float), Result<float, string>>
            Exponentials: ConcurrentDictionary<struct (NoiseLevel * float), Result<float, string>>
        }

    let private cache = ConditionalWeakTable<Plan, Found>()

    let private foundOf (plan: Plan) =
        let moved =
            match ScoreForm.ofScore plan.Score with
            | Some form -> form.Ripples.IsEmpty
            | None -> false

        let create (plan: Plan) =
            {
                Coordinates = lazy (Coordinates.ofPlan moved plan)
                Squares = ConcurrentDictionary()
                Bad = ConcurrentDictionary()
                Exponentials = ConcurrentDictionary()
            }

        cache.GetValue(plan, create)

    let private coordinatesOf (plan: Plan) =
        if isUnknown plan then
            Error
                "nothing is known of a network, of a function, or of a blend in more than one dimension, but its values"
        elif couples plan then
            Error "a clipped or learned score couples the coordinates"
        else
            let blended =
                plan.Score.Blends |> Seq.collect (fun other -> other.Of.Factors) |> Seq.map (fun f -> f.Law.Count)

            Limits.within Limits.mostComponents (Seq.fold max 0 blended) "components"
            |> Result.bind (fun () -> (foundOf plan).Coordinates.Value)

    let private lineOf (plan: Plan) level (law: Mixture) (other: Mixture) =
        let scored = if Coordinates.same law other then None else Some(LineLaw.at level other)
        LineError(level, LineLaw.at level law, scored, List.ofSeq plan.Score.Modifiers, plan.Dimension)

    let private wholeLine (bracket: struct (float * float)) =
        let struct (least, most) = bracket

        if not (Double.IsFinite most) then
            Error "the score's error leaves the range of a double"
        elif most > 4.0 * least && most > 1e-24 then
            Error
                $"the score's error on the line is between {sqrt least:g4} and {sqrt most:g4}, and more intervals than are allowed would be needed to say it better"
        else
            Ok most

    let private few (all: Coordinates) =
        Limits.within
            Limits.mostComponents
            (all.Mixed |> Array.fold (fun most (law, other, _) -> max most (max law.Count other.Count)) 0)
            "components"
        |> Result.map (fun () -> all)

    let private sumOver (items: 'item[]) (square: 'item -> Result<float, string>) =
        (Ok 0.0, items)
        ||> Array.fold (fun total item ->
            total |> Result.bind (fun sum -> square item |> Result.map (fun one -> sum + one)))

    let private fishers = ConditionalWeakTable<Mixture, ConcurrentDictionary<NoiseLevel, float>>()

    /// E‖∇ln p‖² of a factor's law from above: J(Σ w_k·p_k) ≤ Σ w_k·J(p_k), and on the line what the walk finds.
    let private fisherOf (level: NoiseLevel) (law: Mixture) =
        let find (level: NoiseLevel) =
            let mutable convex = 0.0

            for k in 0 .. law.Count - 1 do
                for j in 0 .. law.Dimension - 1 do
                    convex <- convex + law.Weights[k] / level.VarianceOf(law.Covariance(k).Eigenvalue j)

            // Beyond the limit, convexity alone.
            if law.Count > 1 && law.Dimension = 1 && law.Count <= Limits.mostComponents then
                // s = 2·∇ln p has the error ∇ln p.
                let line = LineError(level, LineLaw.at level law, None, [ ScoreModifier.Scaled 2.0 ], 1)
                let struct (_, most) = line.Square()
                min convex most
            elif law.Count > 1 && law.Dimension = 2 then
                match PlaneIntegrals.facts law level with
                | Ok found -> min convex found.Fisher.High
                | Error _ -> convex
            else
                convex

        let found = fishers.GetValue(law, (fun _ -> ConcurrentDictionary()))
        found.GetOrAdd(level, find)

    let private fisher (target: Target) level =
        target.Factors |> Seq.sumBy (fun (factor: Factor) -> float factor.Count * fisherOf level factor.Law)

    /// A and B of the error A·(x − m) + B + ripples of a coordinate N(μ, v) with the score gain·(m′ − x)/v′ + shift + ripples.
    let private affine (plan: Plan) (form: ScoreForm) (level: NoiseLevel) (at: NormalCoordinate) =
        let v, u = level.VarianceOf at.Variance, level.VarianceOf at.ScoredVariance
        let widening = level.Mean * level.Mean * (at.ScoredVariance - at.Variance)
        let slope = (widening / v + 1.0 - form.Gain) / u
        let apart = level.Mean * (at.Mean - at.ScoredMean)
        struct (slope, form.Shift / sqrt (float plan.Dimension) - form.Gain * apart / u)

    /// E e² of it.
    let private normalSquare (plan: Plan) (form: ScoreForm) (level: NoiseLevel) (at: NormalCoordinate) =
        let v, unit = level.VarianceOf at.Variance, 1.0 / sqrt (float plan.Dimension)
        let struct (slope, middle) = affine plan form level at

        let law = Mixture.Normal([| at.Mean |], Covariance.Isotropic(1, at.Variance))
        let r = ScoreForm.rippleMoments form level law 0
        let crossing, bent = 2.0 * middle * unit, 2.0 * slope * v * unit
        let plain = slope * slope * v + middle * middle
        let sum = plain + crossing * r.First + bent * r.Slope + unit * unit * r.Second

        let sizes = plain + abs crossing * r.FirstSize + abs bent * r.SlopeSize + unit * unit * r.SecondSize

        max 0.0 sum + 1e-14 * sizes

    /// E‖e‖² of a score of another law where all factors of both are in the plane, by quadrature; None where they are not.
    let private inThePlane (plan: Plan) (form: ScoreForm option) level =
        let pairs = Seq.zip plan.Target.Factors plan.Score.Of.Factors |> List.ofSeq

        let arePairs =
            plan.Target.Factors.Length = plan.Score.Of.Factors.Length
            && pairs |> List.forall (fun (a, b) -> a.Law.Dimension = 2 && b.Law.Dimension = 2 && a.Count = b.Count)

        match form with
        | Some form when arePairs && form.Ripples.IsEmpty ->
            let shift = form.Shift * sqrt (2.0 / float plan.Dimension)

            (Ok 0.0, pairs)
            ||> List.fold (fun sum (own, other) ->
                attempt {
                    let! before = sum

                    let! (square: Certificates.Bracket) =
                        PlaneIntegrals.scoreError own.Law other.Law form.Gain shift level

                    return before + float own.Count * square.High
                })
            |> Some
        | _ -> None

    let private squareOf (plan: Plan) level =
        match ScoreForm.ofScore plan.Score with
        | _ when isUnknown plan ->
            ClippedError.above plan level
            |> Result.mapError (fun reason ->
                $"{reason}, so that nothing bounds its error: write … |> clipped R with R at least the norm of the data (sgm score has estimates)")
        | Some form when isExactBase plan ->
            Ok(ScoreForm.errorSquare form plan.Target level (fun () -> fisher plan.Target level))
        | form when (inThePlane plan form level).IsSome -> (inThePlane plan form level).Value
        | form ->
            coordinatesOf plan
            |> Result.bind few
            |> Result.bind (fun all ->
                let walked law other count =
                    (lineOf plan level law other).Square() |> wholeLine |> Result.map (fun square -> count * square)

                let normal (struct (at: NormalCoordinate, count)) =
                    match form with
                    | Some form -> Ok(count * normalSquare plan form level at)
                    | None ->
                        let law mean variance = Mixture.Normal([| mean |], Covariance.Isotropic(1, variance))
                        walked (law at.Mean at.Variance) (law at.ScoredMean at.ScoredVariance) count

                if all.Mixed.Length > mostWalks then
                    Error $"the law has more than {mostWalks} different coordinates that are not normal"
                else
                    sumOver all.Normal normal
                    |> Result.bind (fun sum ->
                        sumOver all.Mixed (fun (law, other, count) -> walked law other count)
                        |> Result.map (fun rest -> sum + rest)))

    /// An upper bound for ‖s − ∇ln p‖_{L²(p)} at a level, the value itself where there is a closed form. Of a network, or a
    /// function, from draws where its denoiser is clipped: wrong with a probability of 10⁻¹².
    let l2 (plan: Plan) (level: NoiseLevel) =
        (foundOf plan)
            .Squares.GetOrAdd(
                level,
                fun level ->
                    match Subject.constantScoreError plan with
                    | Ok constant -> Ok constant
                    | Error _ -> squareOf plan level |> Result.map sqrt
            )

    /// The probability that a bound at a level is wrong.
    let risk plan = if isUnknown plan then ClippedError.risk else 0.0

    /// Most levels of a law that is not normal, and of an error that is not constant.
    let private mostLevels = 2000

    /// The bounds at levels, in their order.
    let atLevels (plan: Plan) (levels: NoiseLevel list) =
        match Subject.constantScoreError plan with
        | Ok constant -> Ok [ for level in levels -> level, constant ]
        | Error _ ->
            attempt {
                let isNormal = plan.Target.IsGaussian && plan.Score.Of.IsGaussian && Seq.isEmpty plan.Score.Blends

                do!
                    Limits.within
                        (if isNormal then 200_000 else mostLevels)
                        levels.Length
                        "errors at levels of their own"

                let folder found level =
                    found |> Result.bind (fun before -> l2 plan level |> Result.map (fun l2 -> (level, l2) :: before))

                return! (Ok [], levels) ||> List.fold folder |> Result.map List.rev
            }

    /// A bound for sup‖s − ∇ln p‖, or why there is none.
    let sup (plan: Plan) =
        match ScoreForm.ofScore plan.Score with
        | _ when not (isExactBase plan) -> Error "the score is that of another law"
        | None -> Error "no bound is known for the sup norm of a clipped, blended or learned score's error"
        | Some form when form.Gain <> 1.0 ->
            Error
                $"sup‖s − ∇ln p‖ = ∞: the score is multiplied by {form.Gain:g6}, and ({form.Gain - 1.0:g6})·∇ln p is not bounded"
        | Some form -> Ok(abs form.Shift + sqrt 2.0 * (form.Ripples |> List.sumBy (fun (a, _) -> abs a)))

    /// P(χ²_d > x) from above: itself up to d = 1000, beyond by Chernoff's bound e^(−(x − d − d·ln(x/d))/2), x > d.
    let private chiSquareTail d x =
        if d <= 1000 then SpecialFunctions.GammaUpperRegularized(float d / 2.0, x / 2.0)
        elif x <= float d then 1.0
        else exp (-0.5 * (x - float d - float d * log (x / float d)))

    /// P(|A·(x − m) + B| > t) of a normal coordinate.
    let private normalBad (plan: Plan) (form: ScoreForm) (level: NoiseLevel) threshold (at: NormalCoordinate) =
        let struct (slope, middle) = affine plan form level at
        let spread = abs slope * sqrt (level.VarianceOf at.Variance)

        if spread = 0.0 then
            if abs middle > threshold then 1.0 else 0.0
        else
            LineLaw.tail ((threshold - middle) / spread) + LineLaw.tail ((threshold + middle) / spread)

    let private withoutRipples (form: ScoreForm option) = form |> Option.filter _.Ripples.IsEmpty

    /// The sum over all coordinates of what is known of the error in one: in closed form where the coordinate is normal and the
    /// score affine, and otherwise on the line.
    let private overCoordinates (plan: Plan) level (affine: ScoreForm option) ofNormal (ofLine: LineError -> float) =
        coordinatesOf plan
        |> Result.bind few
        |> Result.bind (fun all ->
            let walked law other count = count * ofLine (lineOf plan level law other)

            let normal (struct (at: NormalCoordinate, count)) =
                match affine with
                | Some form -> count * ofNormal form at
                | None ->
                    let law mean variance = Mixture.Normal([| mean |], Covariance.Isotropic(1, variance))
                    walked (law at.Mean at.Variance) (law at.ScoredMean at.ScoredVariance) count

            if all.Mixed.Length + (if affine.IsSome then 0 else all.Normal.Length) > mostWalks then
                Error $"the law has more than {mostWalks} different coordinates"
            else
                Ok(
                    Array.sumBy (fun (law, other, count) -> walked law other count) all.Mixed
                    + Array.sumBy normal all.Normal
                ))

    let private badOf (plan: Plan) (level: NoiseLevel) threshold =
        match sup plan, ScoreForm.ofScore plan.Score with
        | Ok bound, _ when bound <= threshold -> Ok 0.0
        | _, Some form when isExactBase plan && plan.Target.IsGaussian && form.Shift = 0.0 && form.Ripples.IsEmpty ->
            let smallest =
                plan.Target.Factors |> Seq.map (fun f -> level.VarianceOf f.Law.Covariances[0].Smallest) |> Seq.min

            // ‖s‖² ≤ Σ z_i²/v_min with z standard normal.
            Ok(chiSquareTail plan.Dimension (threshold * threshold * smallest / (form.Gain - 1.0) ** 2.0))
        | _, form ->
            let own = threshold / sqrt (float plan.Dimension)

            overCoordinates plan level (withoutRipples form) (fun form -> normalBad plan form level own) (_.Bad(own))
            |> Result.map (min 1.0)

    /// An upper bound for p(‖s − ∇ln p‖ > t) at a level: enclosed on the line, a χ² tail for scaled scores of normal laws, and
    /// by the union of the coordinates' own bad sets {|e_i| > t/√d} otherwise.
    let badSet (plan: Plan) (level: NoiseLevel) threshold =
        (foundOf plan).Bad.GetOrAdd(struct (level, threshold), (fun _ -> badOf plan level threshold))

    /// ln E e^(λe²) of an error A·(x − m) + B of a normal coordinate: −½ln(1 − 2λA²v) + λB²/(1 − 2λA²v).
    let private normalExponential (plan: Plan) (form: ScoreForm) (level: NoiseLevel) lambda (at: NormalCoordinate) =
        let struct (slope, middle) = affine plan form level at
        let part = 2.0 * lambda * slope * slope * level.VarianceOf at.Variance

        if part >= 1.0 then
            infinity
        else
            (-0.5 * RealFunctions.LogOnePlus -part + lambda * middle * middle / (1.0 - part)) * (1.0 + 1e-13)

    /// An upper bound for ln E_p e^(λ‖s − ∇ln p‖²) at a level, coordinate by coordinate; +∞ where none is finite.
    let exponential (plan: Plan) (level: NoiseLevel) lambda =
        let find _ =
            overCoordinates
                plan
                level
                (withoutRipples (ScoreForm.ofScore plan.Score))
                (fun form -> normalExponential plan form level lambda)
                (_.Exponential(lambda))

        (foundOf plan).Exponentials.GetOrAdd(struct (level, lambda), find)
