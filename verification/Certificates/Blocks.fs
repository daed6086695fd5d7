namespace Sgm.Verification.Certificates

open System.Collections.Immutable
open Sgm.Engine
open Sgm.Verification

/// Coordinates that run by themselves: a part of a plan as a plan of its own, and how many copies of it there are.
type internal Block = { Plan: Plan; Count: float }

/// A plan whose target, score and start are products, as the plans of its factors. A certificate per block is never
/// looser than one of the whole.
module internal Blocks =
    /// Most coordinates of a normal law with a variance of their own that are treated one by one.
    let private mostOwn = 64

    /// The laws on the same coordinates of target, score and start, with the number of copies.
    type private Part =
        {
            Law: Mixture
            Scored: Mixture
            Start: (Mixture * NoiseLevel) option
            Count: float
            /// Shares of the amounts of shifts and ripples.
            Shift: float
            Ripple: float
        }

    let private subPlan (plan: Plan) (part: Part) =
        // A single factor is the target itself, of which constants are known already.
        let isAll = obj.ReferenceEquals(part.Law, plan.Target.Factors[0].Law) && part.Law.Dimension = plan.Dimension
        let target = if isAll then plan.Target else Target part.Law

        let modifier (m: ScoreModifier) : ScoreModifier =
            match m with
            | :? ScoreModifier.Shifted as s -> ScoreModifier.Shifted(s.Amount * part.Shift)
            | :? ScoreModifier.Rippled as r -> ScoreModifier.Rippled(r.Amplitude * part.Ripple, r.Frequency)
            | other -> other

        let scored =
            if obj.ReferenceEquals(plan.Score.Of, plan.Target) then
                target
            else
                Target part.Scored

        let start: Start =
            match part.Start with
            | Some(law, level) -> Start.Law((if obj.ReferenceEquals(law, part.Law) then target else Target law), level)
            | None -> plan.Start

        let one =
            Plan(
                Target = target,
                Score = Score(scored, plan.Score.Modifiers |> Seq.map modifier |> ImmutableArray.CreateRange),
                Start = start,
                InitialLevel = plan.InitialLevel,
                Instructions = ImmutableArray.Empty,
                Metrics = ImmutableArray.Empty
            )

        { Plan = one; Count = part.Count }

    let private coordinate (law: Mixture) i =
        Mixture.Normal([| law.Means[i] |], Covariance.Isotropic(1, law.Covariances[0].Eigenvalue i))

    let private direction (law: Mixture) (means: float[]) i =
        Mixture.Normal([| means[i] |], Covariance.Isotropic(1, law.Covariances[0].Eigenvalue i))

    /// Coordinates in the eigenvectors of a full covariance.
    let private turned (covariance: Covariance) (x: float[]) =
        let d = x.Length

        match covariance.Eigenvectors with
        | null -> x
        | vectors -> Array.init d (fun j -> Seq.sum (Seq.init d (fun i -> vectors[i * d + j] * x[i])))

    /// A normal law of few coordinates direction by direction: an affine score's error has a constant in every one,
    /// ripples only along the axes.
    let private divided hasRipples (part: Part) =
        let d, covariance = part.Law.Dimension, part.Law.Covariances[0]
        let isSame (law: Mixture) = obj.ReferenceEquals(law, part.Law)

        // Laws that are normal with independent coordinates in the directions of this one.
        let isAlong (law: Mixture) =
            law.Count = 1
            && (isSame law
                || law.Covariances[0].Shape = CovarianceShape.Isotropic
                || (law.Covariances[0].Shape = CovarianceShape.Diagonal && covariance.Shape <> CovarianceShape.Full))

        // Means are turned into the directions with a rounding of their own size, which must be nothing to the narrowest one.
        let isNear (law: Mixture) = 1e-15 * float d * Array.sumBy abs law.Means <= 1e-13 * sqrt covariance.Smallest

        let own =
            part.Law.Count = 1
            && (covariance.Shape <> CovarianceShape.Full
                || (isNear part.Law && isNear part.Scored && part.Start |> Option.forall (fst >> isNear)))
            && covariance.Shape <> CovarianceShape.Isotropic
            && (covariance.Shape = CovarianceShape.Diagonal || not hasRipples)
            && isAlong part.Scored
            && part.Start |> Option.forall (fst >> isAlong)
            && d <= mostOwn

        if not own then
            [ part ]
        else
            let along (law: Mixture) = turned covariance law.Means
            let ones = turned covariance (Array.create d (1.0 / sqrt (float d)))
            let mine, scored = along part.Law, along part.Scored
            let start = part.Start |> Option.map (fun (law, level) -> law, along law, level)

            [
                for i in 0 .. d - 1 ->
                    let law = direction part.Law mine i
                    let other (o: Mixture) means = if isSame o then law else direction o means i

                    { part with
                        Law = law
                        Scored = other part.Scored scored
                        Start = start |> Option.map (fun (o, means, level) -> other o means, level)
                        Shift = part.Shift * ones[i]
                        Ripple = part.Ripple / sqrt (float d)
                    }
            ]

    let private startOf (plan: Plan) =
        match plan.Start with
        | :? Start.Law as start ->
            if obj.ReferenceEquals(start.Of, plan.Target) then
                plan.Target.Factors |> Seq.map (fun f -> Some(f.Law, start.Level)) |> List.ofSeq |> Some
            elif RelativeEntropy.sameShape plan.Target start.Of then
                start.Of.Factors |> Seq.map (fun f -> Some(f.Law, start.Level)) |> List.ofSeq |> Some
            else
                let whole = start.Of.Factors[0].Law

                if
                    start.Of.Factors.Length = 1
                    && start.Of.Factors[0].Count = 1
                    && RelativeEntropy.canSplit whole
                    && RelativeEntropy.isUniform whole
                then
                    plan.Target.Factors
                    |> Seq.map (fun f -> Some(RelativeEntropy.restricted whole 0 f.Law.Dimension, start.Level))
                    |> List.ofSeq
                    |> Some
                else
                    None
        | _ -> None

    /// The blocks of a plan; one, the plan itself, where something couples all coordinates.
    let ofPlan (plan: Plan) =
        let separable = (ScoreForm.ofScore plan.Score).IsSome && RelativeEntropy.sameShape plan.Target plan.Score.Of

        let hasRipples = plan.Score.Modifiers |> Seq.exists (fun m -> m :? ScoreModifier.Rippled)

        match startOf plan with
        | Some starts when separable ->
            Seq.zip3 plan.Target.Factors plan.Score.Of.Factors starts
            |> Seq.map (fun (factor, scored, start) ->
                // A shift or a ripple of amplitude a has a/√d in every coordinate.
                let share = sqrt (float factor.Law.Dimension / float plan.Dimension)

                {
                    Law = factor.Law
                    Scored = scored.Law
                    Start = start
                    Count = float factor.Count
                    Shift = share
                    Ripple = share
                })
            |> Seq.collect (divided hasRipples)
            |> Seq.map (subPlan plan)
            |> List.ofSeq
        | _ -> [ { Plan = plan; Count = 1.0 } ]
