module Sgm.Tests.DslDataTests

open System
open System.IO
open Expecto
open Sgm

/// A folder with one file `data.csv` of this text.
let private withData (text: string) (test: string -> unit) =
    Folders.inFolder (fun folder ->
        File.WriteAllText(Path.Combine(folder, "data.csv"), text)
        test folder)

let private rows text =
    let mutable result = None

    withData text (fun folder ->
        let problems = Problems()
        result <- Some(Data.Library(folder).TryLoad([], "data.csv", problems), problems.List))

    result.Value

let private expectRows text expected =
    let found, problems = rows text
    Expect.equal problems [] "problems"
    Expect.equal found (Some expected) text

let private reading =
    testList
        "reading"
        [
            testCase "headers, line ends, blanks, signs and exponents" (fun () ->
                let expected = [| [| 1.0; -2.5 |]; [| 3e-4; 4.0 |] |]
                expectRows "1,-2.5\n3e-4,4\n" expected
                expectRows "x,y\n1,-2.5\n3e-4,4" expected
                expectRows "x , y\r\n 1 ,\t-2.5\r\n3E-4,+4\r\n\r\n" expected
                expectRows "\uFEFFx,y\n1,-2.5\n3e-4,4\n\n\n" expected
                expectRows "7\n" [| [| 7.0 |] |])

            testCase "a row that is half numbers is no header" (fun () ->
                let _, problems = rows "x,1\n2,3\n"
                Expect.equal (problems |> List.map (fun problem -> problem.Fault)) [ Fault.BadCell "x" ] "faults")

            testCase "positions are those of the data file" (fun () ->
                let _, problems = rows "a,b\n1,2\n3,x\n4\n"

                Expect.equal
                    (problems
                     |> List.map (fun problem ->
                         let position = problem.Position.Value
                         Path.GetFileName position.File, position.Line, position.Column, problem.Fault))
                    [ "data.csv", 3, 3, Fault.BadCell "x"; "data.csv", 4, 1, Fault.RaggedRow(1, 2) ]
                    "problems")

            testCase "a file of a million wrong cells stops after a hundred" (fun () ->
                let _, problems = rows (String.replicate 1_000_000 "x1\n")
                Expect.isLessThanOrEqual problems.Length 101 "problems")

            testCase "a file is read once and reported once" (fun () ->
                withData "1\nx\n" (fun folder ->
                    let experiment =
                        experiment {
                            target (samples "data.csv" 0.1)
                            forward ve
                            start (from (samples "data.csv" 0.2))
                            sampler (corrector (langevin 0.001))
                        }

                    match Check.experiment folder experiment with
                    | Ok _ -> failtest "valid"
                    | Error problems -> Expect.hasLength problems 1 "problems"))
        ]

let private lowering =
    testList
        "lowering"
        [
            testCase "samples: a component a row; standardized: columns of mean 0 and variance 1" (fun () ->
                withData "x,y\n1,10\n2,30\n6,20\n" (fun folder ->
                    let plan law =
                        let valid =
                            Check.experiment
                                folder
                                (experiment {
                                    target law
                                    forward ve
                                    start warm
                                    sampler (corrector (langevin 0.001))
                                })

                        match valid with
                        | Ok valid -> valid.Plan
                        | Error problems -> failtest (Message.renderAll problems)

                    let law = (plan (samples "data.csv" 0.5)).Target.Factors[0].Law
                    Expect.equal law.Means [| 1.0; 10.0; 2.0; 30.0; 6.0; 20.0 |] "means"
                    Expect.equal (law.Covariance 0).Eigenvalues [| 0.25 |] "bandwidth squared"

                    let law = (plan (standardized (samples "data.csv" 0.5))).Target.Factors[0].Law

                    for j in 0..1 do
                        let column = Array.init 3 (fun k -> law.Means[2 * k + j])
                        Expect.floatClose Accuracy.veryHigh (Array.average column) 0.0 "mean"

                        Expect.floatClose
                            Accuracy.veryHigh
                            (column |> Array.averageBy (fun v -> v * v))
                            1.0
                            "variance"))

            testCase "the path is relative to the file that names it" (fun () ->
                withData "1\n2\n" (fun folder ->
                    let path = Path.Combine(folder, "some.sgm")

                    File.WriteAllText(
                        path,
                        "experiment { target (samples \"data.csv\" 0.5); forward ve; start warm; sampler identity }"
                    )

                    Expect.isOk (Check.file path |> Result.mapError Message.renderAll) "found beside the experiment"))
        ]

let tests = testList "Dsl.Data" [ reading; lowering ]
