namespace Sgm.Verification

open System
open MathNet.Numerics
open Sgm.Engine

/// A mixture of normal laws on the line at a noise level, evaluated here and not by the engine: what bounds are computed from
/// does not share code with what they are held against.
type private Line = { Weights: float[]; Means: float[]; Deviations: float[] }

module private Line =
    let at (level: NoiseLevel) (law: Mixture) =
        {
            Weights = law.Weights
            Means = law.Means |> Array.map (fun mean -> level.Mean * mean)
            Deviations = Array.init law.Count (fun k -> sqrt (level.VarianceOf(law.Covariance(k).Eigenvalue 0)))
        }

    /// ln of every component's share of the density at x, up to −½·ln 2π.
    let private exponents line x =
        Array.map3
            (fun w m s -> log (w / s) - (x - m) * (x - m) / (2.0 * s * s))
            line.Weights
            line.Means
            line.Deviations

    let density line x = (exponents line x |> Array.sumBy exp) / sqrt (2.0 * Math.PI)

    let score line x =
        let logs = exponents line x
        let largest = Array.max logs
        let shares = logs |> Array.map (fun e -> exp (e - largest))

        Array.map3 (fun share m s -> share * (m - x) / (s * s)) shares line.Means line.Deviations
        |> Array.sum
        |> fun sum -> sum / Array.sum shares

    let private overComponents line f =
        Array.map3 (fun w m s -> w * f m s) line.Weights line.Means line.Deviations |> Array.sum

    let private tail z = 0.5 * SpecialFunctions.Erfc(z / sqrt 2.0)
    let below line x = overComponents line (fun m s -> tail ((m - x) / s))
    let above line x = overComponents line (fun m s -> tail ((x - m) / s))

    /// P(a < X < b), from the tail on the side where it is small.
    let between line a b =
        overComponents line (fun m s ->
            if a > m then
                tail ((a - m) / s) - tail ((b - m) / s)
            else
                tail ((m - b) / s) - tail ((m - a) / s))

    /// Points from 38 standard deviations (a density of 1e-300) below the lowest mean to the same above the highest.
    let points line finest =
        let reach = 38.0 * Array.max line.Deviations
        let low, high = Array.min line.Means - reach, Array.max line.Means + reach
        let step = min finest (Array.min line.Deviations / 40.0)
        let count = min 400_000 (int (ceil ((high - low) / step)))
        Array.init (count + 1) (fun i -> low + (high - low) * float i / float count)

/// The error of a score estimate at a noise level: e = s − ∇ln p in L²(p), in the sup norm, and the probability of the bad set
/// {‖e‖ > t}. Coordinates that are independent are treated one by one, on the line by quadrature.
module ScoreError =

    /// `Count` independent coordinates with one law each and one score estimate each.
    type private Coordinates = { Count: int; Law: Mixture; Scored: Mixture }

    let private isExactBase (plan: Plan) = obj.ReferenceEquals(plan.Score.Of, plan.Target)

    let private coordinateLaws (target: Target) =
        [|
            for factor in target.Factors do
                for _ in 1 .. factor.Count do
                    for i in 0 .. factor.Law.Dimension - 1 do
                        if factor.Law.Dimension = 1 then
                            factor.Law
                        else
                            Mixture.Normal(
                                [| factor.Law.Means[i] |],
                                Covariance.Isotropic(1, factor.Law.Covariances[0].Eigenvalue i)
                            )
        |]

    let private key (law: Mixture) =
        List.ofArray law.Weights, List.ofArray law.Means, List.init law.Count (fun k -> law.Covariance(k).Eigenvalue 0)

    /// The coordinates of a plan whose target and score factor, or why they do not.
    let private coordinates (plan: Plan) =
        let couples =
            plan.Score.Modifiers
            |> Seq.exists (function
                | :? ScoreModifier.Clipped
                | :? ScoreModifier.Learned -> true
                | _ -> false)

        if not (plan.Target.HasIndependentCoordinates && plan.Score.Of.HasIndependentCoordinates) then
            Error "the coordinates are not independent"
        elif couples && plan.Dimension > 1 then
            Error "a clipped or learned score couples the coordinates"
        else
            Array.zip (coordinateLaws plan.Target) (coordinateLaws plan.Score.Of)
            |> Array.countBy (fun (law, scored) -> key law, key scored)
            |> Array.map (fun ((law, scored), count) ->
                let mixture (weights, means, variances) =
                    Mixture(
                        Array.ofList weights,
                        Array.ofList means,
                        variances |> List.map (fun v -> Covariance.Isotropic(1, v)) |> Array.ofList
                    )

                { Count = count; Law = mixture law; Scored = mixture scored })
            |> Ok

    /// e on the line.
    let private errorOn (plan: Plan) (level: NoiseLevel) (at: Coordinates) =
        let target, scored = Line.at level at.Law, Line.at level at.Scored
        let unit = 1.0 / sqrt (float plan.Dimension)

        fun x ->
            let change value (modifier: ScoreModifier) =
                match modifier with
                | :? ScoreModifier.Shifted as shifted -> value + shifted.Amount * unit
                | :? ScoreModifier.Scaled as scaled -> value * scaled.Factor
                | :? ScoreModifier.Learned as learned -> fst (learned.Function.OnLine(level, x).ToTuple())
                | :? ScoreModifier.Rippled as rippled ->
                    value + rippled.Amplitude * unit * sqrt 2.0 * sin (rippled.Frequency * x)
                | :? ScoreModifier.Clipped as clipped ->
                    let denoised = (x + level.NoiseVariance * value) / level.Mean

                    // Inside the ball nothing changes, not even by rounding.
                    if abs denoised <= clipped.Radius then
                        value
                    else
                        (level.Mean * Math.CopySign(clipped.Radius, denoised) - x) / level.NoiseVariance
                | _ -> nan

            (plan.Score.Modifiers |> Seq.fold change (Line.score scored x)) - Line.score target x

    /// A spacing that resolves the fastest ripple.
    let private finest (plan: Plan) =
        plan.Score.Modifiers
        |> Seq.map (fun modifier ->
            match modifier with
            | :? ScoreModifier.Rippled as rippled -> 0.1 / abs rippled.Frequency
            | _ -> infinity)
        |> Seq.fold min infinity

    /// ‖s − ∇ln p‖_{L²(p)} at a level.
    let l2 (plan: Plan) (level: NoiseLevel) =
        if isExactBase plan && plan.Score.Modifiers.IsEmpty then
            Ok 0.0
        else
            match Subject.constantScoreError plan with
            | Ok constant -> Ok constant
            | Error _ ->
                coordinates plan
                |> Result.map (
                    Array.sumBy (fun at ->
                        let line = Line.at level at.Law
                        let points = Line.points line (finest plan)
                        let error = errorOn plan level at
                        let square x = Line.density line x * error x ** 2.0
                        float at.Count * (points[1] - points[0]) * Array.sumBy square points)
                    >> sqrt
                )

    /// A bound for sup‖s − ∇ln p‖, or why there is none.
    let sup (plan: Plan) =
        if not (isExactBase plan) then
            Error "the score is that of another law"
        else
            (Ok 0.0, plan.Score.Modifiers)
            ||> Seq.fold (fun bound modifier ->
                match bound, modifier with
                | Ok sum, (:? ScoreModifier.Shifted as shifted) -> Ok(sum + abs shifted.Amount)
                | Ok sum, (:? ScoreModifier.Rippled as rippled) -> Ok(sum + abs rippled.Amplitude * sqrt 2.0)
                | Ok _, _ -> Error "the score error is not bounded (only 'shifted' and 'rippled' errors are)"
                | Error reason, _ -> Error reason)

    /// P(|e| > t) for one coordinate: sign changes of |e| − t found on the points and bisected; what lies beyond counts as bad.
    let private badOnLine (plan: Plan) level threshold at =
        let line = Line.at level at.Law
        let error = errorOn plan level at
        let isBad x = abs (error x) > threshold
        let points = Line.points line (finest plan)
        let flags = points |> Array.map isBad

        let crossing i =
            let rec halve good bad k =
                let middle = (good + bad) / 2.0

                if k = 0 then good
                elif isBad middle then halve good middle (k - 1)
                else halve middle bad (k - 1)

            if flags[i] then
                halve points[i + 1] points[i] 40
            else
                halve points[i] points[i + 1] 40

        let inside =
            Seq.init (points.Length - 1) (fun i ->
                match flags[i], flags[i + 1] with
                | true, true -> Line.between line points[i] points[i + 1]
                | true, false -> Line.between line points[i] (crossing i)
                | false, true -> Line.between line (crossing i) points[i + 1]
                | false, false -> 0.0)
            |> Seq.sum

        inside + Line.below line points[0] + Line.above line (Array.last points)

    /// The factor c when the only modifiers are 'scaled' ones of an exact score.
    let private scaling (plan: Plan) =
        let factors =
            plan.Score.Modifiers
            |> Seq.map (fun modifier ->
                match modifier with
                | :? ScoreModifier.Scaled as scaled -> Some scaled.Factor
                | _ -> None)
            |> List.ofSeq

        if isExactBase plan && factors |> List.forall Option.isSome then
            Some(factors |> List.choose id |> List.fold (*) 1.0)
        else
            None

    /// An upper bound for p(‖s − ∇ln p‖ > t) at a level: computed on the line and for scaled scores of normal laws (a χ² tail),
    /// by the union of the coordinates' own bad sets {|e_i| > t/√d} otherwise.
    let badSet (plan: Plan) (level: NoiseLevel) threshold =
        match sup plan, scaling plan with
        | Ok bound, _ when bound <= threshold -> Ok 0.0
        | _, Some factor when plan.Target.IsGaussian ->
            let smallest =
                plan.Target.Factors
                |> Seq.map (fun factor -> level.VarianceOf factor.Law.Covariances[0].Smallest)
                |> Seq.min

            // ‖s‖² ≤ Σ z_i²/v_min with z standard normal.
            let square = threshold * threshold * smallest / (factor - 1.0) ** 2.0
            Ok(SpecialFunctions.GammaUpperRegularized(float plan.Dimension / 2.0, square / 2.0))
        | _ ->
            coordinates plan
            |> Result.map (
                Array.sumBy (fun at ->
                    float at.Count * badOnLine plan level (threshold / sqrt (float plan.Dimension)) at)
                >> min 1.0
            )
