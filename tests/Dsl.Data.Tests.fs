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
    Expect.equal (found |> Option.map (fun data -> data.Rows)) (Some expected) text

let private faults text = rows text |> snd |> List.map (fun problem -> problem.Fault)

/// What `sgm run` says that it read.
let private said text = rows text |> fst |> Option.get |> string

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

            testCase "quotes, blank lines before the header, comments" (fun () ->
                expectRows "x,y\n\"1.0\",\"2.0\"\n" [| [| 1.0; 2.0 |] |]
                expectRows "\n\nx,y\n1.0,2.0\n" [| [| 1.0; 2.0 |] |]
                expectRows "\"a, \"\"b\"\"\" , \"y\"\n1,2\n" [| [| 1.0; 2.0 |] |]
                expectRows "# 2019,2020\n1.1,1.2\n0.9,1.0\n" [| [| 1.1; 1.2 |]; [| 0.9; 1.0 |] |]
                Expect.equal (faults "x\n\"1\n") [ Fault.BadQuote ] "not closed"
                Expect.equal (faults "x\n\"1\"2\n") [ Fault.BadQuote ] "text after it")

            testCase "missing values are faults, in the first row too" (fun () ->
                Expect.equal
                    (faults "NA,NA\n1.0,2.0\n")
                    [ Fault.MissingValue "NA"; Fault.MissingValue "NA" ]
                    "first row"

                Expect.equal (faults "x,y\n1,\n2,nan\n") [ Fault.MissingValue ""; Fault.MissingValue "nan" ] "cells"
                Expect.equal (faults "x\ninf\n") [ Fault.NonFiniteCell "inf" ] "infinity is no missing value")

            testCase "a header of another width than the rows: decimal commas" (fun () ->
                Expect.equal
                    (faults "weight\n3,14\n" |> List.head)
                    (Fault.HeaderWidth([ "weight" ], 2))
                    "names and values are compared"

                let _, problems = rows "weight\n3,14\n"
                let message = Message.render problems.Head
                Expect.stringContains message "'weight'" "the name"
                Expect.stringContains message "2 values" "the values")

            testCase "what was read is said: names, an index, a header of years" (fun () ->
                Expect.equal
                    (said ",x,y\n0,1.0,2.0\n1,2.0,4.5\n2,3.0,5.5\n")
                    "data.csv: 3 rows × 3 columns: (unnamed), x, y"
                    "index"

                Expect.equal
                    (said "2019,2020\n1.1,1.2\n")
                    "data.csv: 2 rows × 2 columns: no header, the first row is 2019, 2020 (a line that begins with # is skipped)"
                    "years")

            testCase "an index column is warned of, by its values" (fun () ->
                let hasIndex text = (rows text |> fst |> Option.get).HasIndex
                Expect.isTrue (hasIndex ",x\n0,5\n1,7\n2,9\n") "from 0"
                Expect.isTrue (hasIndex "Unnamed: 0,x\n1,5\n2,7\n") "from 1"
                Expect.isFalse (hasIndex ",x\n0,5\n2,7\n") "values"
                Expect.isFalse (hasIndex "id,x\n0,5\n1,7\n") "a name"
                Expect.isFalse (hasIndex "0,5\n1,7\n") "no header"

                withData ",x\n0,5\n1,7\n2,8\n" (fun folder ->
                    let experiment =
                        experiment {
                            target (samples "data.csv" 0.5)
                            forward ve
                            start warm
                            sampler identity
                        }

                    match Check.experiment folder experiment with
                    | Ok valid ->
                        let faults = valid.Warnings |> List.map (fun warning -> warning.Fault)
                        Expect.contains faults (Fault.IndexColumn "data.csv") "warning"
                    | Error problems -> failtest (Message.renderAll problems)))

            testCase "sizes have limits: cells, columns, values, bytes" (fun () ->
                let cell = String('1', Csv.longestLine + 1)
                Expect.contains (faults cell) (Fault.LineTooLong Csv.longestLine) "a line"
                let columns = String.replicate 1_000_000 "1," + "1\n"
                Expect.contains (faults columns) (Fault.TooManyColumns(1_000_001, 100_000)) "columns"

                Folders.inFolder (fun folder ->
                    let path = Path.Combine(folder, "sparse.csv")

                    using (File.Create path) (fun file -> file.SetLength(2L <<< 30))

                    let problems = Problems()
                    Expect.isNone (Data.Library(folder).TryLoad([], "sparse.csv", problems)) "not read"

                    match problems.List with
                    | [ { Fault = Fault.DataTooLarge("sparse.csv", found, _) } ] ->
                        Expect.equal found (2L <<< 30) "its size is said"
                    | other -> failtestf "%A" other))

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

            testCase "standardized: no offset cancels and nothing overflows" (fun () ->
                let standard values = Lower.standardize (values |> Array.map Array.singleton) |> Array.map Array.head

                // (−1, −1, 2)/√2: mean 0 and variance 1 of 0, 0, 2.
                let offset = standard [| 1e16; 1e16; 1.0000000000000002e16 |]

                Array.iter2
                    (fun a b -> Expect.floatClose Accuracy.veryHigh a b "offset")
                    offset
                    [| -1.0 / sqrt 2.0; -1.0 / sqrt 2.0; sqrt 2.0 |]

                Expect.equal (standard [| 1e308; -1e308 |]) [| 1.0; -1.0 |] "large"
                Expect.equal (standard [| 5e-324; 0.0 |] |> Array.map abs) [| 1.0; 1.0 |] "small")

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
