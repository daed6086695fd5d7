/// The published table of Pierret and Galerne 2025.
module Sgm.Tests.PierretGalerneTests

open System.Threading
open Expecto
open Sgm.Verification
open Sgm.Verification.Theorems.PierretGalerneTable

let private runner = Runner.engine CancellationToken.None

/// The theorem at these entries.
let private at choose (theorem: Theorem) =
    let chosen =
        [
            for i, entry in Array.indexed entries.Value do
                if choose entry then
                    float i
        ]

    let scenario = theorem.Scenarios.Head
    let axes = [ { scenario.Axes.Head with Values = fun _ -> chosen } ]
    (Study.run runner Quick [ { theorem with Scenarios = [ { scenario with Axes = axes } ] } ]).Checks.Head

let tests =
    testList
        "a published table"
        [
            testCase "the table has its 176 entries, the first and the last as printed" (fun () ->
                Expect.hasLength entries.Value 176 "entries"
                let first, last = Array.head entries.Value, Array.last entries.Value

                Expect.equal
                    (first.Scheme, first.End, first.IsWarm, first.Stated, first.Printed)
                    ("EM", 0.0, true, 50, 4.78)
                    ""

                Expect.equal
                    (last.Scheme, last.End, last.IsWarm, last.Stated, last.Printed)
                    ("RK4", 1e-3, false, 1000, 0.19)
                    "")

            testCase "every scheme, end and start at 50 evaluations is as printed" (fun () ->
                let check = at (fun entry -> entry.Stated = 50) published
                Expect.hasLength check.Cells 44 "cells"
                Expect.equal check.Verdict Holds "verdict")

            testCase "another scheme, clock or number of points is not" (fun () ->
                // The same entries, held against the experiments of the next row.
                let other = published.Scenarios.Head
                let next (s: Setting) = Map.add "entry" (s["entry"] + 8.0) s
                let scenario = { other with Experiment = fun s k -> other.Experiment (next s) k }

                let moved = { published with Assumptions = []; Scenarios = [ scenario ] }

                let check = at (fun entry -> entry.Scheme = "Heun" && entry.Stated = 50 && entry.End < 1e-3) moved
                Expect.hasLength check.Cells 4 "cells"
                Expect.all check.Cells (fun cell -> cell.Verdict = Violated) "every cell")

            testCase "of Heun's rows the stated evaluations give other numbers" (fun () ->
                let check =
                    at (fun entry -> entry.Scheme = "Heun" && entry.Stated = 50 && entry.End < 1e-3) statedBudget

                Expect.hasLength check.Cells 4 "cells"
                Expect.equal check.Verdict Holds "verdict")
        ]
