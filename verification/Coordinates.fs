namespace Sgm.Verification

open System.Collections.Generic
open Sgm.Engine

/// One coordinate that is normal both in the target and in the score's law: data means and variances.
[<Struct>]
type internal NormalCoordinate = { Mean: float; Variance: float; ScoredMean: float; ScoredVariance: float }

/// The coordinates of a plan whose target and score factor, the equal ones once with how often they occur.
type internal Coordinates =
    {
        Normal: (NormalCoordinate * float)[]
        /// One-dimensional laws of target and score, not both normal.
        Mixed: (Mixture * Mixture * float)[]
    }

module internal Coordinates =
    /// Coordinate j of a factor's law, over all factors and their copies.
    let private walk (target: Target) =
        seq {
            for factor in target.Factors do
                for _ in 1 .. factor.Count do
                    for j in 0 .. factor.Law.Dimension - 1 do
                        struct (factor.Law, j)
        }

    let private oneOf (struct (law: Mixture, j)) =
        if law.Dimension = 1 then
            law
        else
            Mixture.Normal([| law.Means[j] |], Covariance.Isotropic(1, law.Covariances[0].Eigenvalue j))

    let private content origin (law: Mixture) =
        law.Weights, law.Means |> Array.map (fun mean -> mean - origin), law.Covariances |> Array.map (fun c -> c.Eigenvalues[0])

    let private addTo (counts: Dictionary<'key, float>) key =
        match counts.TryGetValue key with
        | true, n -> counts[key] <- n + 1.0
        | _ -> counts[key] <- 1.0

    /// `moved` merges pairs of laws that are others moved together, where the error moves with them.
    let private find moved (target: Target) (scored: Target) =
        let normal = Dictionary<NormalCoordinate, float>()
        let mixed = Dictionary<struct (Mixture * int * Mixture * int), float>(HashIdentity.Structural)

        for (struct (law, j)), (struct (other, i)) in Seq.zip (walk target) (walk scored) do
            if law.Count = 1 && other.Count = 1 then
                let origin = if moved then other.Means[i] else 0.0

                addTo
                    normal
                    {
                        Mean = law.Means[j] - origin
                        Variance = law.Covariances[0].Eigenvalue j
                        ScoredMean = other.Means[i] - origin
                        ScoredVariance = other.Covariances[0].Eigenvalue i
                    }
            else
                addTo mixed struct (law, j, other, i)

        {
            Normal = normal |> Seq.map (fun entry -> entry.Key, entry.Value) |> Array.ofSeq
            Mixed =
                mixed
                |> Seq.map (fun entry ->
                    let struct (law, j, other, i) = entry.Key
                    oneOf struct (law, j), oneOf struct (other, i), entry.Value)
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
    let same (law: Mixture) (other: Mixture) =
        obj.ReferenceEquals(law, other) || content 0.0 law = content 0.0 other
