/// The standing check of the plane, and what it must not let pass.
module Sgm.Tests.PlaneStandingTests

open System.Threading
open Expecto
open Sgm
open Sgm.Verification
open Sgm.Verification.Sabotage
open Sgm.Verification.Theorems

let private healthy = Runner.engine CancellationToken.None

/// One cell: condition number 30.
let private one =
    let scenario = ExactPlane.turnedRuns.Scenarios.Head

    { ExactPlane.turnedRuns with
        Scenarios = [ { scenario with Axes = [ scenario.Axes[1] ] } ]
    }

let private checkOf runner = (Study.run runner Quick [ one ]).Checks.Head

let tests =
    testList
        "the plane's standing check"
        [
            testCase "a healthy engine holds"
            <| fun () ->
                let check = checkOf healthy
                Expect.equal check.Verdict Holds $"{check.Reason}"

            for id in [ "covariance-diagonal"; "noise-two-percent"; "kl-no-half"; "tv-half-again"; "w2-squared" ] do
                testCase $"'{id}' is caught"
                <| fun () ->
                    let bug = Bugs.all |> List.find (fun bug -> bug.Id = id)
                    let check = checkOf (Bug.plant healthy bug)
                    Expect.equal check.Verdict Violated $"{bug.Title}: {check.Reason}"
        ]
