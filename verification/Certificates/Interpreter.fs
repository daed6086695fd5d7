namespace Sgm.Verification.Certificates

open System.Runtime.CompilerServices
open Sgm.Engine
open Sgm.Verification

/// A plan run on bounds: the fourth interpreter.
[<CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Certificate =
    let private known = ConditionalWeakTable<Plan, Lazy<Result<Certificate list, string>>>()

    let private find (cancellation: System.Threading.CancellationToken) (plan: Plan) =
        attempt {
            let! plan = Refined.ofPlan plan
            let! course = Course.ofPlan plan

            return
                match DrawnPath.atomsOf plan with
                | Some atoms -> DrawnCertificate.ofCourse cancellation plan atoms course
                | None -> CandidateCertificate.ofCourse cancellation plan course
        }

    /// The certificates at every probe, in the order of the run; or why there are none. Found once a plan.
    let ofPlan cancellation (plan: Plan) : Result<Certificate list, string> =
        known.GetValue(plan, (fun plan -> Lazy.CreateFromValue(find cancellation plan))).Value
