namespace Sgm.Verification.Certificates

open System.Runtime.CompilerServices
open Sgm.Engine
open Sgm.Verification

/// A plan run on bounds: the fourth interpreter.
[<CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Certificate =
    let private known = ConditionalWeakTable<Plan, Lazy<Result<Certificate list, string>>>()

    /// Bounds that use errors of a score from draws, at most one a level.
    let private atRisk (plan: Plan) (found: Certificate) =
        match ScoreError.risk plan with
        | 0.0 -> found
        | each ->
            let levels = plan.Steps() |> Seq.collect _.Levels |> Seq.distinct |> Seq.length

            let risky (bound: Bound) = { bound with Confidence = bound.Confidence - each * float levels }

            { found with
                Tv = risky found.Tv
                KlReverse = risky found.KlReverse
                Kl = risky found.Kl
                W2 = risky found.W2
            }

    /// Whether quadrature in the plane says what a law and its score tell, at the level that is dearest.
    let private byQuadrature (plan: Plan) =
        let law = plan.Target.Factors[0].Law

        law.Dimension = 2
        && not (ScoreError.isUnknown plan)
        && plan.Score.Blends |> Seq.isEmpty
        && match plan.Steps() |> Seq.collect (fun step -> [ step.From; step.To ]) |> List.ofSeq with
           | [] -> false
           | levels -> (Information.ofMixture law (levels |> List.minBy (fun l -> l.Sigma / l.Mean))).IsOk

    let private find rules (cancellation: System.Threading.CancellationToken) (plan: Plan) =
        match plan.Finite with
        | null ->
            attempt {
                let! plan = Refined.ofPlan plan
                let! course = Course.ofPlan plan

                return
                    match DrawnPath.atomsOf plan with
                    | Some atoms when not (byQuadrature plan) ->
                        DrawnCertificate.ofCourse cancellation plan atoms course
                    | _ -> CandidateCertificate.ofCourse rules cancellation plan course |> List.map (atRisk plan)
            }
        | symbols -> FinitePath.ofProcess cancellation symbols

    /// The certificates at every probe, in the order of the run; or why there are none. Found once a plan.
    let ofPlan cancellation (plan: Plan) : Result<Certificate list, string> =
        known.GetValue(plan, (fun plan -> Lazy.CreateFromValue(find RuleBook.proved cancellation plan))).Value

    /// The certificates by another book of rules.
    let internal byRules rules (plan: Plan) = find rules System.Threading.CancellationToken.None plan
