// The language as an F# library: write an experiment, check it, run it exactly, read the estimates.
//
//     dotnet build -c Release cli
//     dotnet fsi examples/library.fsx
//
// What to look at: halving the step halves W2 to the target and quarters KL, without a trace of noise, because nothing is sampled.

#I "../cli/bin/Release/net10.0"
#r "SgmDsl.Engine.dll"
#r "SgmDsl.Dsl.dll"
#r "SgmDsl.Verification.dll"

open Sgm
open Sgm.Engine
open Sgm.Verification

/// N steps of Langevin dynamics of size h on N(0, 1) in ten dimensions, for a time of 20.
let langevinBias h =
    experiment {
        target (standard 10)
        forward vp
        start (point (fill 10 1.0))
        sampler (repeat (int (20.0 / h)) (corrector (langevin h)) >=> probe "stationary")
        measure [ kl; w2 ]
    }

let run (experiment: Experiment) =
    match Check.experiment "." experiment with
    | Error problems -> failwith (Message.renderAll problems)
    | Ok valid ->
        let outcome = Laws.run valid.Plan (RunOptions())

        if not outcome.IsCompleted then
            failwith $"the run ended early: {outcome.Status}"

        valid, Seq.last outcome.Probes

printfn "%-8s %-26s %-26s %s" "h" "W2 [lower, upper]" "KL [lower, upper]" "variance"

for h in [ 0.2; 0.1; 0.05; 0.025 ] do
    let _, probe = run (langevinBias h)

    let show metric =
        let estimate = probe.Law.Measure metric
        $"[{estimate.Lower:g9}, {estimate.Upper:g9}]"

    printfn "%-8g %-26s %-26s %.6f" h (show Metric.W2) (show Metric.Kl) (probe.Law.Moments().Variance[0])

// The exact variance of this chain is 1/(1 − h/2).

// The same experiment as text, with the identity that reports use.
let valid, _ = run (langevinBias 0.1)
printfn "\n%s\nfingerprint %s" valid.Text valid.Fingerprint

// Which theorems speak about it?
for theorem in Catalogue.theorems do
    let broken =
        theorem.Assumptions
        |> List.tryPick (fun assumption ->
            match assumption.Evaluate { Experiment = valid.Experiment; Plan = valid.Plan; Setting = Map.empty } with
            | Broken reason -> Some reason
            | InTheLimit limit -> Some $"it covers the limit {limit} of this run"
            | Satisfied _ -> None)

    match broken with
    | None -> printfn "%s covers it" theorem.Id
    | Some reason -> printfn "%s does not: %s" theorem.Id reason
