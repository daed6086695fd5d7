module Sgm.Tests.PrescriptionTests

open System.Threading
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Theorems
open Sgm.Cli
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
                    VempalaLangevin.relativeEntropy, normalDiag [ 0.0; 3.0 ] [ 1.0; 2.0 ], 0.1
                    VempalaLangevin.relativeEntropy, bumps, 0.5
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
                    | Some(Ok measured) ->
                        Expect.isLessThanOrEqual measured.Upper prescription.Bound "an exact run keeps it"
                        Expect.isNone (Prescription.unkept prescription (Some(Ok measured))) "and is said to"
                    | Some(Error reason) -> failtest reason
                    | None -> failtest "no exact law"

            testCase
                "data smoother than the atoms are far apart: log-concave from the beginning, and planned for all the same"
            <| fun () ->
                for variance in [ 1.5; 4.0; 100.0 ] do
                    Expect.equal (PedrottiCurvature.forwardTime 5.0 0.1 variance) 0.0 "T1"
                    let prescription = made PedrottiTotalVariation.prediction (normal [ 0.1 ] variance) 0.5
                    Expect.isNone (Prescription.broken prescription) "assumptions"
                    Expect.isLessThanOrEqual prescription.Bound 0.5 "bound"

            testCase "what the accuracy is about: the target, or the target with noise"
            <| fun () ->
                let against theorem law accuracy =
                    Prescription.against (Scenarios.planOf (made theorem law accuracy).Experiment)

                Expect.equal (against Bruno.gaussianMean (standard 1) 0.5) "the target" "down to time 0"

                Expect.stringContains
                    (against LeePredictor.stochasticPredictor bimodal 0.5)
                    "X + σ·Z with σ = 0.25, not from the target itself"
                    "half of the smallest deviation"

                Expect.stringContains
                    (against PedrottiTotalVariation.prediction (normal [ 0.3 ] 0.5) 0.5)
                    "m·X + σ·Z"
                    "under vp"
        ]

/// What an exact run of a prescription for W2 ≤ 0.1 may measure.
let private promises =
    let prescription = made Bruno.gaussianMean (normal [ 1.0 ] 1.0) 0.1
    let unkept found = Prescription.unkept prescription found
    let exactly low high = Some(Ok(Estimate.Exact((low + high) / 2.0, low, high, "test")))

    testList
        "a run that does not keep the bound"
        [
            testCase "kept, and nothing to run it by"
            <| fun () ->
                Expect.isNone (unkept (exactly 0.01 0.02)) "below"
                Expect.isNone (unkept None) "no exact law"
            for words, found, sentence in
                [
                    "above", exactly 7.0 7.1, "measures 7 at least"
                    "above the bound, below the accuracy", exactly (prescription.Bound * 1.0001) 0.1, "at least"
                    "open", exactly 0.0 0.2, "leaves open"
                    "without a value", Some(Ok(Estimate.Unavailable("test", "no digits"))), "no digits"
                    "diverged", Some(Error "the sampler diverged"), "diverged"
                ] do
                testCase words <| fun () -> Expect.stringContains (defaultArg (unkept found) "") sentence "the sentence"
            testCase "a bound above the accuracy"
            <| fun () ->
                for bound in [ 0.11; nan; infinity ] do
                    Expect.isSome (Prescription.broken { prescription with Bound = bound }) $"{bound}"
        ]

let private refusals =
    testList
        "refusals"
        [
            testCase "a theorem that prescribes nothing"
            <| fun () -> refused Pedrotti.inexactLangevin (standard 1) 0.1 "these do: lee-2022-4.2"
            testCase "a target that the theorem does not cover"
            <| fun () ->
                refused BrunoLogConcave.logConcave bimodal 0.1 "not known to be log-concave"
                refused Bruno.gaussianMean bimodal 0.1 "covariance I"
            testCase "an accuracy that is none"
            <| fun () ->
                refused Bruno.gaussianMean (standard 1) 0.0 "positive"
                refused Bruno.gaussianMean (standard 1) nan "positive"
                refused LeePredictor.stochasticPredictor (standard 1) 1.0 "only less than 1"
            testCase "an accuracy that no time reaches"
            <| fun () -> refused BrunoLogConcave.logConcave (standard 1) 1e-290 "no time up to 300"
            testCase "what no exact law knows is asked for by name"
            <| fun () ->
                let skew = mixture [ 0.5, normal [ -2.0; 0.0; 0.0 ] 0.25; 0.5, normal [ 2.0; 1.0; 0.0 ] 0.25 ]
                refused LeePredictor.stochasticPredictor skew 0.9 "total variation between N(0, σ²·I) and the target"
            testCase "too many steps" <| fun () -> refused Bruno.gaussianMean (normal [ 1.0 ] 1.0) 1e-9 "steps, and"
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

            testCase "exits with 1 where its own run exceeds the bound, and prints no experiment"
            <| fun () ->
                let noisy = (Planted.engineWith (Planted.scaled 1.0 1.0 2.0)).Run

                for flags in [ []; [ "--json" ] ] do
                    match Arguments.parse "plan" (List.tail plan @ flags) with
                    | Error stop -> failtest $"{stop}"
                    | Ok arguments ->
                        let ran = ranOn false (fun terminal -> Plan.commandBy noisy terminal (PlanRequest.Of arguments))
                        Expect.equal ran.Code 1 ran.Out
                        Expect.stringContains ran.Error "above its bound" "the sentence"
                        Expect.isFalse (ran.Out.Contains "sampler") "no experiment"

            testCase "a target that is not log-concave gets no plan for log-concave ones"
            <| fun () ->
                let far = "mixture [ 0.5, normal [ 0.0 ] 1.0; 0.5, normal [ 1001.0 ] 1.1 ]"
                let ran = sgm [ "plan"; "bruno-2023-log-concave"; "--target"; far; "--accuracy"; "10.0" ]
                Expect.notEqual ran.Code 0 "exit code"
                Expect.equal ran.Out "" "no experiment"

            for accuracy in [ "0,1"; "1,000"; "1 000"; "1_000"; "NaN"; "Infinity"; "1e400"; "0x1"; "" ] do
                testCase $"takes no '{accuracy}' for an accuracy"
                <| fun () ->
                    let ran = sgm [ "plan"; "bruno-2023-gaussian"; "--target"; "standard 1"; "--accuracy"; accuracy ]

                    Expect.equal ran.Code 2 ran.Out
                    Expect.stringContains ran.Error $"found '{accuracy}'" "what was found"

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

let tests = testList "prescriptions" [ kept; promises; refusals; command ]
