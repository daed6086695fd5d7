// The certificate of every paper's scenarios beside the paper's bound: the table of docs/certificates.md.
// Usage: dotnet build cli -c Release && dotnet fsi bench/certificates.fsx
#I "../cli/bin/Release/net10.0"
#r "MathNet.Numerics.dll"
#r "SgmDsl.Engine.dll"
#r "SgmDsl.Dsl.dll"
#r "SgmDsl.Verification.dll"

open System.Threading
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates

let runner = Runner.engine CancellationToken.None

/// Bound, certificate and measured value at a scenario's first setting, of plans that are certified in seconds.
let row (theorem: Theorem) (scenario: Scenario) =
    let setting = scenario.Bases.Head
    let own = scenario.Experiment setting 0

    match Scenarios.checkedPlan own with
    | Ok plan when plan.Target.Dimension <= 64 && plan.StepCount <= 20_000L ->
        let trial =
            {
                Subject = { Experiment = own; Plan = plan; Setting = setting }
                Setting = setting
                Refined = scenario.Experiment setting >> Scenarios.planOf
            }

        let isCovered = snd (Assumption.evaluateAll trial.Subject theorem.Assumptions) |> Option.isNone

        match isCovered, lazy theorem.Evidence runner trial, lazy Certificate.ofPlan CancellationToken.None plan with
        | true, Lazy(Ok compared), Lazy(Ok found) ->
            let certificate = List.last found

            let bound =
                match theorem.Metric.Name with
                | "tv" -> Some certificate.Tv.Value
                | "kl" -> Some certificate.Kl.Value
                | "w2" -> Some certificate.W2.Value
                | _ -> None

            bound |> Option.map (fun bound -> (List.last compared).Bound, bound, (List.last compared).Measured.Upper)
        | _ -> None
    | _ -> None

for theorem in Catalogue.ofPapers do
    for scenario in theorem.Scenarios do
        match
            (try
                row theorem scenario
             with :? System.Collections.Generic.KeyNotFoundException ->
                 None)
        with
        | Some(bound, certificate, measured) ->
            printfn
                $"| `{theorem.Id}` | {scenario.Name} | {theorem.Metric} | {bound:G3} | {certificate:G3} | {measured:G3} |"
        | None -> ()
