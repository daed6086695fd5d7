/// What tests of a paper's statement share.
module Sgm.Tests.PapersTests

open System.Threading
open Expecto
open Sgm.Verification
open Sgm.Verification.Sabotage

let runner = Runner.engine CancellationToken.None

/// It holds at quick effort, says something, and comes back violated from these bugs.
let atQuick (theorem: Theorem) bugs =
    let checks runner = (Study.run runner Quick [ theorem ]).Checks

    [
        testCase "holds, and says something" (fun () ->
            for check in checks runner do
                Expect.equal check.Verdict Holds $"{check.Key}: {check.Reason}"

                if check.Kind = BoundCheck then
                    Expect.isLessThan check.Vacuous check.Cells.Length $"{check.Key}: vacuous")

        for id in bugs do
            testCase $"is violated by {id}" (fun () ->
                let bug = Bugs.all |> List.find (fun bug -> bug.Id = id)
                let bounds = { theorem with Rates = [] }
                let told = Bug.restate [ bounds ] bug
                let verdicts = (Study.run (Bug.plant runner bug) Quick told).Checks |> List.map _.Verdict
                Expect.contains verdicts Violated $"%A{verdicts}")
    ]

/// It says nothing of an experiment, and why.
let refuses theorem words e =
    let cell = Study.onExperiment runner theorem e
    Expect.equal cell.Verdict NotApplicable words
    Expect.stringContains (defaultArg cell.Reason "") "assumption “" $"{words}: the reason"

/// What a theorem compares on an experiment of one's own.
let comparisons (theorem: Theorem) e =
    let plan = Scenarios.planOf e
    let subject = { Experiment = e; Plan = plan; Setting = Map.empty }

    match theorem.Evidence runner { Subject = subject; Setting = Map.empty; Refined = fun _ -> plan } with
    | Ok found -> found
    | Error reason -> failtest reason
