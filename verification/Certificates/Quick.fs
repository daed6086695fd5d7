namespace Sgm.Verification.Certificates

open Sgm
open Sgm.Engine

/// Certificates that cost below a second, told by counts of work and not by a clock, so that they are there on every
/// machine or on none.
module Quick =
    /// The most work that is done. A unit is about 5 µs of a core.
    let most = 200_000L

    /// A direction of a normal law at a step.
    let private direction = 20L

    /// A component of a mixture on the line at a level, where its density is enclosed.
    let private enclosure = 1_000L

    /// What the laws of the factors cost at a step, and at a level; copies of a factor cost nothing. None where terms are drawn.
    let private costs (target: Target) =
        (Some(0L, 0L), target.Factors)
        ||> Seq.fold (fun sum factor ->
            let law = factor.Law

            match sum, law.Count with
            | None, _ -> None
            | Some(steps, levels), 1 when law.Covariances[0].Shape = CovarianceShape.Isotropic ->
                Some(steps + direction, levels)
            | Some(steps, levels), 1 -> Some(steps + direction * int64 law.Dimension, levels)
            | Some(steps, levels), several when law.Dimension = 1 ->
                Some(steps + direction, levels + enclosure * int64 several)
            | _ -> None)

    /// Whether the error of the score is known in closed form.
    let private isPlain (plan: Plan) =
        obj.ReferenceEquals(plan.Score.Of, plan.Target)
        && plan.Score.Modifiers
           |> Seq.forall (fun modifier ->
               match modifier with
               | :? ScoreModifier.Shifted
               | :? ScoreModifier.Scaled
               | :? ScoreModifier.Rippled -> true
               | _ -> false)

    /// The work of a plan's certificate; more than `most` as soon as that is certain. None where it takes draws or
    /// quadratures of scores.
    let work (plan: Plan) =
        match costs plan.Target with
        | _ when not (isNull plan.Finite) -> Some(FinitePath.work plan.Finite)
        | Some(perStep, perLevel) when isPlain plan ->
            let steps = Course.placesWithin (most / perStep) plan

            let passed =
                steps
                |> Array.choose (fun instruction ->
                    match instruction with
                    | AnyStep step -> Some(step.From, step.To)
                    | _ -> None)

            // A change of the level without the state takes a quadrature too.
            let jumps =
                passed
                |> Seq.pairwise
                |> Seq.map (fun ((_, left), (right, _)) -> left, right)
                |> Seq.filter (fun (left, right) -> left <> right)
                |> Seq.distinct
                |> Seq.length

            let levels = jumps + (passed |> Seq.collect (fun (a, b) -> [ a; b ]) |> Seq.distinct |> Seq.length)

            Some(perStep * int64 steps.Length + perLevel * int64 levels)
        | _ -> None

    /// The last probe's certificate where it is quick.
    let ofPlan cancellation (plan: Plan) =
        match work plan with
        | Some units when units <= most ->
            match Certificate.ofPlan cancellation plan with
            | Ok(_ :: _ as found) -> Some(List.last found)
            | Ok []
            | Error _ -> None
        | _ -> None
