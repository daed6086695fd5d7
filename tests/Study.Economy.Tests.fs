/// What a study does not do twice, and what it leaves to higher effort.
module Sgm.Tests.StudyEconomyTests

open System
open System.Threading
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Theorems
open Sgm.Tests.StudyTests

/// With how often its evidence was asked for.
let private counted evidence =
    let asked = ref 0

    let evidence: Evidence =
        fun runner trial ->
            Interlocked.Increment asked |> ignore
            evidence runner trial

    { claim with Evidence = Remember.evidence evidence }, asked

let private sampled: Evidence =
    fun runner trial ->
        Sampling.decide runner.Budget "TV" None trial.Subject.Experiment.Seed 1024L None (fun _ ->
            claim.Evidence runner trial)

let tests =
    testList
        "economy of studies"
        [
            testCase "exact evidence is asked for once an experiment and run, from samples once a check"
            <| fun () ->
                for evidence, expected in [ claim.Evidence, 3; sampled, 6 ] do
                    let theorem, asked = counted evidence
                    let runner = Runner.engine CancellationToken.None
                    let found = Study.run runner Quick [ theorem; { theorem with Id = "own-bound" } ]
                    Expect.all found.Checks (fun check -> check.Verdict = Holds) "both hold"
                    Expect.equal asked.Value expected "asked"

            testCase "another runner, another setting and an experiment of one's own are asked for anew"
            <| fun () ->
                let theorem, asked = counted claim.Evidence

                let broken =
                    { Runner.engine CancellationToken.None with
                        Run = fun _ _ -> failwith "the engine is broken"
                    }

                Study.run (Runner.engine CancellationToken.None) Quick [ theorem ] |> ignore
                let check = (Study.run broken Quick [ theorem ]).Checks |> List.exactlyOne
                Expect.equal check.Verdict Inconclusive "by the broken one"
                Expect.equal asked.Value 6 "asked"

                for _ in 1..2 do
                    Study.onExperiment runner theorem (langevinOf 0.1) |> ignore

                Expect.equal asked.Value 8 "asked of an experiment of one's own"

            testCase "evidence that failed is asked for again"
            <| fun () ->
                let isFirst = ref true

                let evidence: Evidence =
                    fun runner trial ->
                        if isFirst.Value then
                            isFirst.Value <- false
                            raise (ArithmeticException "the first time")

                        claim.Evidence runner trial

                let theorem = { claim with Evidence = Remember.evidence evidence }
                Expect.equal (studied theorem).Verdict Inconclusive "the first time"
                Expect.equal (studied theorem).Verdict Holds "then not"

            testCase "an axis without values is left to higher effort only where it has some there"
            <| fun () ->
                let scenario = claim.Scenarios.Head

                let axes =
                    [
                        axis steps
                        Scenarios.later { axis steps with Symbol = "later" }
                        { axis [] with Symbol = "never" }
                    ]

                let theorem =
                    { claim with
                        Scenarios = [ { scenario with Axes = axes; Bases = [ Map.ofList [ "h", 0.1 ] ] } ]
                    }

                let axesAt effort =
                    (Study.run runner effort [ theorem ]).Checks
                    |> List.map (fun check -> check.Axis.Symbol, check.Verdict, check.Cells.Length)

                Expect.equal (axesAt Quick) [ "h", Holds, 3; "never", Inconclusive, 0 ] "quick"

                Expect.equal (axesAt Standard) [ "h", Holds, 3; "later", Holds, 3; "never", Inconclusive, 0 ] "standard"

            testCase "at quick effort every theorem is held against two experiments at least, and keeps its rates"
            <| fun () ->
                for theorem in Catalogue.ofPapers do
                    let settings =
                        [
                            for scenario in theorem.Scenarios do
                                for axis in scenario.Axes |> List.filter _.IsFor(Quick) do
                                    for point in scenario.Bases do
                                        for value in axis.Values Quick -> scenario.Name, Map.add axis.Symbol value point
                        ]

                    if theorem.Id <> "lee-2022-annealing" && theorem.Id <> "lee-2022-cold-start" then
                        Expect.isGreaterThanOrEqual (settings |> List.distinct |> List.length) 2 theorem.Id

                    for claim in theorem.Rates do
                        let axis = claim.Scenario.Axes |> List.find (fun axis -> axis.Symbol = claim.Axis)
                        Expect.isGreaterThanOrEqual (axis.Values Quick).Length 4 $"{theorem.Id}, {claim.Of}"
        ]
