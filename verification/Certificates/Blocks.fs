namespace Sgm.Verification.Certificates

open System.Collections.Immutable
open Sgm.Engine
open Sgm.Verification

/// Coordinates that run by themselves: a part of a plan as a plan of its own, and how many copies of it there are.
type internal Block = { Plan: Plan; Count: float }

/// A plan whose target, score and start are products, as the plans of its factors. A certificate per block is never looser than one of the whole.
module internal Blocks =
    /// Most coordinates of a normal law with a variance of their own that are treated one by one.
    let private mostOwn = 64

    /// The laws on the same coordinates of target, score and start, with the number of copies.
    type private Part = { Law: Mixture; Scored: Mixture; Start: (Mixture * NoiseLevel) option; Count: float }

    let private subPlan (plan: Plan) (part: Part) =
        let share = sqrt (float part.Law.Dimension / float plan.Dimension)
        let target = Target part.Law

        // A shift or a ripple of amplitude a has a/√d in every coordinate.
        let modifier (m: ScoreModifier) : ScoreModifier =
            match m with
            | :? ScoreModifier.Shifted as s -> ScoreModifier.Shifted(s.Amount * share)
            | :? ScoreModifier.Rippled as r -> ScoreModifier.Rippled(r.Amplitude * share, r.Frequency)
            | other -> other

        let scored = if obj.ReferenceEquals(plan.Score.Of, plan.Target) then target else Target part.Scored

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

    /// A normal law of few coordinates with variances of their own, coordinate by coordinate.
    let private divided (part: Part) =
        let isPlain (law: Mixture) = law.Count = 1 && law.Covariances[0].Shape <> CovarianceShape.Full
        let startIsPlain = part.Start |> Option.forall (fun (law, _) -> isPlain law)
        let d = part.Law.Dimension

        let own =
            part.Law.Count = 1
            && part.Law.Covariances[0].Shape = CovarianceShape.Diagonal
            && isPlain part.Scored
            && startIsPlain
            && d <= mostOwn

        if not own then
            [ part ]
        else
            [
                for i in 0 .. d - 1 ->
                    let law = coordinate part.Law i

                    let start =
                        part.Start
                        |> Option.map (fun (other, level) ->
                            (if obj.ReferenceEquals(other, part.Law) then law else coordinate other i), level)

                    { part with Law = law; Scored = coordinate part.Scored i; Start = start }
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

                if start.Of.Factors.Length = 1 && start.Of.Factors[0].Count = 1 && RelativeEntropy.canSplit whole
                   && RelativeEntropy.isUniform whole then
                    plan.Target.Factors
                    |> Seq.map (fun f -> Some(RelativeEntropy.restricted whole 0 f.Law.Dimension, start.Level))
                    |> List.ofSeq
                    |> Some
                else
                    None
        | _ -> None

    /// The blocks of a plan; one, the plan itself, where something couples all coordinates.
    let ofPlan (plan: Plan) =
        let separable =
            (ScoreForm.ofScore plan.Score).IsSome && RelativeEntropy.sameShape plan.Target plan.Score.Of

        match startOf plan with
        | Some starts when separable ->
            Seq.zip3 plan.Target.Factors plan.Score.Of.Factors starts
            |> Seq.map (fun (factor, scored, start) ->
                { Law = factor.Law; Scored = scored.Law; Start = start; Count = float factor.Count })
            |> Seq.collect divided
            |> Seq.map (subPlan plan)
            |> List.ofSeq
        | _ -> [ { Plan = plan; Count = 1.0 } ]
