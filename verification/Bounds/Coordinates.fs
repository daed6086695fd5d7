namespace Sgm.Verification

open System.Collections.Generic
open Sgm.Engine

/// One coordinate that is normal both in the target and in the score's law: data means and variances.
[<Struct>]
type internal NormalCoordinate = { Mean: float; Variance: float; ScoredMean: float; ScoredVariance: float }

/// The coordinates of a plan whose target and score factor, the equal ones once with how often they occur.
type internal Coordinates =
    {
        Normal: struct (NormalCoordinate * float)[]
        /// One-dimensional laws of target and score, not both normal.
        Mixed: (Mixture * Mixture * float)[]
    }

module internal Coordinates =
    /// The coordinates of a target one by one: a factor's law and a coordinate of it.
    type private Walk(target: Target) =
        let mutable factor, copy, j = 0, 0, -1
        member _.Law = target.Factors[factor].Law
        member _.Coordinate = j

        /// To the next coordinate, of which there must be one.
        member this.Next() =
            j <- j + 1

            if j = this.Law.Dimension then
                j <- 0
                copy <- copy + 1

                if copy = target.Factors[factor].Count then
                    copy <- 0
                    factor <- factor + 1

    let private oneOf (law: Mixture) j =
        if law.Dimension = 1 then
            law
        else
            Mixture.Normal([| law.Means[j] |], Covariance.Isotropic(1, law.Covariances[0].Eigenvalue j))

    let private content origin (law: Mixture) =
        law.Weights,
        law.Means |> Array.map (fun mean -> mean - origin),
        law.Covariances |> Array.map (fun c -> c.Eigenvalues[0])

    /// `moved` merges pairs of laws that are others moved together, where the error moves with them.
    let private find moved (target: Target) (scored: Target) =
        let normal = ResizeArray<struct (NormalCoordinate * float)>()
        let mixed = Dictionary<struct (Mixture * Mixture * int), float>(HashIdentity.Structural)
        let mine, other = Walk target, Walk scored

        for _ in 1 .. target.Dimension do
            mine.Next()
            other.Next()
            let law, j, scored, i = mine.Law, mine.Coordinate, other.Law, other.Coordinate

            if law.Count = 1 && scored.Count = 1 then
                let origin = if moved then scored.Means[i] else 0.0

                let one =
                    {
                        Mean = law.Means[j] - origin
                        Variance = law.Covariances[0].Eigenvalue j
                        ScoredMean = scored.Means[i] - origin
                        ScoredVariance = scored.Covariances[0].Eigenvalue i
                    }

                let last = normal.Count - 1

                // Copies follow each other.
                if last >= 0 && (let struct (before, _) = normal[last] in before.Equals one) then
                    let struct (_, n) = normal[last]
                    normal[last] <- struct (one, n + 1.0)
                else
                    normal.Add(struct (one, 1.0))
            else
                let key = struct (law, scored, j + i)
                mixed[key] <- 1.0 + mixed.GetValueOrDefault key

        {
            Normal = normal.ToArray()
            Mixed =
                mixed
                |> Seq.map (fun entry ->
                    // At most one of the two has several coordinates; the other's only one is 0.
                    let struct (law, other, j) = entry.Key
                    oneOf law j, oneOf other j, entry.Value)
                |> Seq.groupBy (fun (law, other, _) ->
                    let origin = if moved then law.Means[0] else 0.0
                    content origin law, content origin other)
                |> Seq.map (fun (_, several) ->
                    let law, other, _ = Seq.head several
                    law, other, several |> Seq.sumBy (fun (_, _, n) -> n))
                |> Array.ofSeq
        }

    /// The coordinates of a plan, or why it has none of its own.
    let ofPlan moved (plan: Plan) =
        if plan.Target.HasIndependentCoordinates && plan.Score.Of.HasIndependentCoordinates then
            Ok(find moved plan.Target plan.Score.Of)
        else
            Error "the coordinates are not independent"

    /// Whether two laws on the line are the same.
    let same (law: Mixture) (other: Mixture) = obj.ReferenceEquals(law, other) || content 0.0 law = content 0.0 other
