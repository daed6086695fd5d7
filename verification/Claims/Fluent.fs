/// Running, certificates and claims for C#: no options, tuples of references, F# lists or curried functions.
namespace Sgm.Fluent

open System
open System.Collections.Generic
open System.Runtime.CompilerServices
open System.Threading
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates

/// An upper bound of a certificate.
[<Sealed>]
type CertifiedBound internal (bound: Bound) =
    /// The bound; ∞ where nothing is known, and then `Reason` says why.
    member _.Value = bound.Value

    /// 1 for a theorem without draws.
    member _.Confidence = bound.Confidence

    /// Null where the bound says something.
    member _.Reason: string = Option.toObj bound.Reason

/// What is certified at a probe.
[<Sealed>]
type CertifiedProbe internal (certificate: Certificate) =
    member _.Name = certificate.Name
    member _.Level = certificate.Level
    member _.Tv = CertifiedBound certificate.Tv
    member _.Kl = CertifiedBound certificate.Kl

    /// KL(p‖q), of the target from the law.
    member _.KlReverse = CertifiedBound certificate.KlReverse
    member _.W2 = CertifiedBound certificate.W2

/// What can be done with a checked experiment.
[<AbstractClass; Sealed; Extension>]
type Runs =
    static member private Valid(check: Fluent.CheckResult) =
        if not check.IsValid then
            invalidOp (String.Join("\n", check.Errors))

    /// Runs by an exact law where one applies, else by the experiment's particles.
    /// Throws InvalidOperationException with the errors of an experiment that is not valid, or why nothing can run it.
    [<Extension>]
    static member Run(check: Fluent.CheckResult) : Outcome =
        Runs.Valid check

        match Laws.choose By.Auto check.Plan with
        | Error refusals -> invalidOp (Laws.reasons refusals)
        | Ok choice ->
            let run (choice: Choice) =
                let options =
                    RunOptions(Particles = int64 check.Experiment.Particles, Seed = uint64 check.Experiment.Seed)

                choice.Interpreter.Run(check.Plan, options)

            let outcome = run choice

            match outcome.Status with
            | :? RunStatus.Unsupported as unsupported when choice.Interpreter.Backend <> "particles" ->
                match Laws.instead choice unsupported.Reason check.Plan with
                | Ok particles -> run particles
                | Error refusals -> invalidOp (Laws.reasons refusals)
            | _ -> outcome

    /// The certificates at every probe. Throws InvalidOperationException as `Run` does, or why there is none.
    [<Extension>]
    static member Certify(check: Fluent.CheckResult) : IReadOnlyList<CertifiedProbe> =
        Runs.Valid check

        match Certificate.ofPlan CancellationToken.None check.Plan with
        | Ok found -> found |> List.map CertifiedProbe |> Array.ofList :> IReadOnlyList<CertifiedProbe>
        | Error reason -> invalidOp reason

/// One's own theorems: a family of experiments over axes, and what is claimed of it.
[<AbstractClass; Sealed; Extension>]
type Claims =
    /// The experiments at all settings of the axes.
    static member Over
        (
            experiment: Func<IReadOnlyDictionary<string, float>, Experiment>,
            [<ParamArray>] axes: struct (string * float[])[]
        ) : Claim.Family =
        Claim.over [ for struct (name, values) in axes -> name, List.ofArray values ] (fun at -> experiment.Invoke at)

    /// metric ≤ bound at the end, in all combinations.
    [<Extension>]
    static member AtMost
        (family: Claim.Family, name: string, metric: Metric, bound: Func<IReadOnlyDictionary<string, float>, float>)
        : Theorem =
        Claim.check name metric (fun at -> bound.Invoke at) family

    /// metric ~ axis^exponent at the end.
    [<Extension>]
    static member Rate(family: Claim.Family, name: string, metric: Metric, axis: string, exponent: float) : Theorem =
        Claim.rate name metric axis exponent family

    /// Why the theorems are not supported by a quick verification; null where all hold.
    static member Objection([<ParamArray>] theorems: Theorem[]) : string =
        Option.toObj (Claim.objection Quick (List.ofArray theorems))
