namespace Sgm.Verification.Certificates

open Sgm.Engine

/// A plan run on bounds: the fourth interpreter.
[<CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Certificate =
    /// The certificates at every probe, in the order of the run; or why there are none.
    let ofPlan (cancellation: System.Threading.CancellationToken) (plan: Plan) : Result<Certificate list, string> =
        Course.ofPlan plan
        |> Result.map (fun course ->
            match DrawnPath.atomsOf plan with
            | Some atoms -> DrawnCertificate.ofCourse cancellation plan atoms course
            | None -> CandidateCertificate.ofCourse cancellation plan course)
