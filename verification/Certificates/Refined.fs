namespace Sgm.Verification.Certificates

open System.Collections.Immutable
open Sgm.Engine
open Sgm.Verification

/// The plan whose full covariances have eigenvalues that are right to their own last digits. The engine's are right to
/// those of the largest one, so that of a matrix of condition κ the smallest is off by κ roundings: what a certificate
/// adds up over directions would be below the truth.
module internal Refined =
    /// Most dimensions of a full covariance: the work is a hundred times d³.
    let private mostDense = 128

    let private covariance (own: Covariance) =
        if own.Shape <> CovarianceShape.Full then
            Ok own
        elif own.Dimension > mostDense then
            Error $"full covariances are certified up to d = {mostDense} only"
        else
            match own.Refined() with
            | null ->
                Error
                    "the eigenvalues of a full covariance are not known to their last digits: its condition is too large"
            | refined -> Ok refined

    let private isFull (law: Mixture) = law.Covariances |> Array.exists (fun c -> c.Shape = CovarianceShape.Full)

    let private law: Mixture -> Result<Mixture, string> =
        Once.per (fun (own: Mixture) ->
            if isFull own then
                own.Covariances
                |> Seq.map covariance
                |> every
                |> Result.map (fun refined -> Mixture(own.Given, own.Means, Array.ofList refined))
            else
                Ok own)

    /// The same target where nothing in it is refined, and always the same one for the same.
    let private target: Target -> Result<Target, string> =
        Once.per (fun (own: Target) ->
            if own.Factors |> Seq.exists (fun factor -> isFull factor.Law) then
                own.Factors
                |> Seq.map (fun factor -> law factor.Law |> Result.map (fun law -> Factor(factor.Count, law)))
                |> every
                |> Result.map (fun factors -> Target(ImmutableArray.CreateRange factors))
            else
                Ok own)

    /// The plan, or why its laws are not known well enough.
    let ofPlan (plan: Plan) : Result<Plan, string> =
        attempt {
            let! own = target plan.Target
            let! scored = target plan.Score.Of

            let! start =
                match plan.Start with
                | :? Start.Law as law ->
                    target law.Of
                    |> Result.map (fun refined ->
                        if obj.ReferenceEquals(refined, law.Of) then
                            plan.Start
                        else
                            Start.Law(refined, law.Level))
                | other -> Ok other

            if
                obj.ReferenceEquals(own, plan.Target)
                && obj.ReferenceEquals(scored, plan.Score.Of)
                && obj.ReferenceEquals(start, plan.Start)
            then
                return plan
            else
                return
                    Plan(
                        Target = own,
                        Score = Score(scored, plan.Score.Modifiers),
                        Start = start,
                        InitialLevel = plan.InitialLevel,
                        Instructions = plan.Instructions,
                        Metrics = plan.Metrics
                    )
        }
