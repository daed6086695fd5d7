module Sgm.Tests.PrescriptionTests

open System.Threading
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Theorems
open Sgm.Tests.Command

let private runner = Runner.engine CancellationToken.None

let private engineTarget law = Lower.target (fun _ -> [||]) law
let private make theorem law accuracy = Prescription.make runner theorem law (engineTarget law) accuracy

let private made theorem law accuracy =
    match make theorem law accuracy with
    | Ok prescription -> prescription
    | Error reason -> failtest reason

let private refused theorem law accuracy (reason: string) =
    match make theorem law accuracy with
    | Ok _ -> failtest "it was made"
    | Error found -> Expect.stringContains found reason "reason"

let private bimodal = mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ]
let private bumps = mixture [ 0.5, normal [ 0.5 ] 0.5; 0.5, normal [ 1.5 ] 0.5 ]

let private kept =
    testList
        "what is prescribed"
        [
            for theorem, law, accuracy in
                [
                    LeeLuTan.langevinSupNorm, normal [ 1.0; -1.0 ] 0.5, 0.3
                    LeeLuTan.langevinSupNorm, normalDiag [ 0.0; 3.0 ] [ 1.0; 2.0 ], 1.0
                    Bruno.gaussianMean, normal [ 3.0; 4.0 ] 1.0, 0.2
                    Bruno.gaussianMean, standard 16, 0.5
                    BrunoLogConcave.logConcave, bumps, 0.2
                    BrunoLogConcave.logConcave, normal [ 0.0; 1.0 ] 2.0, 0.3
                    LeePredictor.stochasticPredictor, bimodal, 0.5
                    LeePredictor.stochasticPredictor, product [ 4, bumps ], 0.9
                    LeeAnnealed.annealedLangevin, normal [ 1.0; 0.0 ] 1.0, 0.9
                    LeeAnnealed.predictorCorrector, normal [ 1.0; 0.0 ] 1.0, 0.9
                    PedrottiTotalVariation.prediction, normal [ 0.3 ] 0.5, 0.5
                    PedrottiTotalVariation.prediction,
                    mixture [ 0.5, normal [ -0.5 ] 0.25; 0.5, normal [ 0.5 ] 0.25 ],
                    0.9
                ] do
                testCase $"{theorem.Id} to {accuracy} in dimension {(engineTarget law).Dimension}"
                <| fun () ->
                    let prescription = made theorem law accuracy
                    Expect.isNone (Prescription.broken prescription) "assumptions"
                    Expect.isLessThanOrEqual prescription.Bound accuracy "the bound is the accuracy at most"
                    Expect.isGreaterThan prescription.Bound (0.1 * accuracy) "and is used"

                    match Prescription.measured runner prescription with
                    | Ok measured -> Expect.isLessThanOrEqual measured.Upper prescription.Bound "an exact run keeps it"
                    | Error reason -> failtest reason
        ]

let private refusals =
    testList
        "refusals"
        [
            testCase "a theorem that prescribes nothing"
            <| fun () -> refused Pedrotti.inexactLangevin (standard 1) 0.1 "these do: lee-2022-4.2"
            testCase "a target that the theorem does not cover"
            <| fun () ->
                refused BrunoLogConcave.logConcave bimodal 0.1 "not log-concave"
                refused Bruno.gaussianMean bimodal 0.1 "covariance I"
            testCase "an accuracy that is none"
            <| fun () ->
                refused Bruno.gaussianMean (standard 1) 0.0 "positive"
                refused Bruno.gaussianMean (standard 1) nan "positive"
            testCase "too many steps"
            <| fun () -> refused Bruno.gaussianMean (normal [ 1.0 ] 1.0) 1e-9 "steps, more than"
            testCase "data files"
            <| fun () ->
                let law = samples "data.csv" 0.1

                match Prescription.make runner Bruno.gaussianMean law (engineTarget (standard 1)) 0.1 with
                | Ok _ -> failtest "it was made"
                | Error reason -> Expect.stringContains reason "data file" "reason"
            testCase "too many levels, and a law whose log-Sobolev constant is not known"
            <| fun () ->
                refused LeePredictor.stochasticPredictor (standard 4) 1e-3 "levels, more than"
                refused LeeAnnealed.annealedLangevin (standard 4) 1e-3 "Langevin steps, more than"
                let planar = mixture [ 0.5, normal [ -2.0; 0.0 ] 0.25; 0.5, normal [ 2.0; 0.0 ] 0.5 ]
                refused PedrottiTotalVariation.prediction planar 0.5 "different covariances"
        ]

let private command =
    let plan = [ "plan"; "bruno-2023-gaussian"; "--target"; "normal [ 1.0 ] 1.0"; "--accuracy"; "0.1" ]

    testList
        "sgm plan"
        [
            testCase "prints an experiment that is valid, with comments"
            <| fun () ->
                // An exact name, though another theorem's begins with it.
                let ran = sgm plan
                Expect.equal (ran.Code, ran.Error) (0, "") "fine"

                match Check.text "plan.sgm" "." ran.Out with
                | Ok loaded -> Expect.isGreaterThan loaded.Plan.StepCount 1L "steps"
                | Error problems -> failtest (Message.renderAll problems)

                for what in [ "// T = "; "// K = "; "// cost: "; "an exact run"; "companion of" ] do
                    Expect.stringContains ran.Out what "comment"

            testCase "as JSON"
            <| fun () ->
                let ran = sgm (plan @ [ "--json" ])
                let number path = (at path (json ran)).GetDouble()
                Expect.equal ran.Code 0 "fine"
                Expect.isLessThanOrEqual (number [ "bound" ]) (number [ "accuracy" ]) "bound"
                Expect.isLessThanOrEqual (number [ "measured"; "value" ]) (number [ "bound" ]) "measured"

            for words, message in
                [
                    [ "plan"; "bruno-2023-gausian"; "--target"; "standard 1"; "--accuracy"; "0.1" ], "did you mean"
                    [ "plan"; "bruno"; "--target"; "standard 1"; "--accuracy"; "0.1" ], "several theorems"
                    [ "plan"; "lee-2022-4.2"; "--target"; "normall [ 1.0 ] 1.0"; "--accuracy"; "0.1" ], "normall"
                    [ "plan"; "lee-2022-4.2"; "--target"; "standard 1"; "--accuracy"; "much" ], "accuracy"
                    [ "plan"; "lee-2022-4.2"; "--target"; "standard 1" ], "accuracy"
                ] do
                testCase ("refuses " + String.concat " " words)
                <| fun () ->
                    let ran = sgm words
                    Expect.equal ran.Code 2 "exit code"
                    Expect.stringContains ran.Error message "message"
        ]

let tests = testList "prescriptions" [ kept; refusals; command ]
