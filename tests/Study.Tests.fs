/// What a study does with a theorem that is not as it should be: cells that fail, bounds that are no numbers, wrong experiments.
module Sgm.Tests.StudyTests

open System
open System.IO
open System.Threading
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Theorems
open Sgm.Cli
open Sgm.Tests.Command
open Sgm.Tests.Folders

let internal runner = Runner.engine CancellationToken.None

let internal axis values = { Symbol = "h"; Meaning = "step"; Values = fun _ -> values }

/// Ten Langevin steps on N(0, 1).
let internal langevinOf h =
    experiment {
        target (standard 1)
        forward ve
        start (from (normal [ 0.0 ] 1.2))
        sampler (repeat 10 (corrector (langevin h)))
        measure [ tv ]
    }

let internal steps = [ 0.1; 0.2; 0.4 ]

let private scenarioOf experimentAt values =
    {
        Name = "own"
        Description = ""
        Bases = [ Map.empty ]
        Axes = [ axis values ]
        Experiment = fun setting _ -> experimentAt (Map.find "h" setting)
    }

/// A theorem of the test's own: TV at the end is below 1.
let internal claim =
    { LeeLuTan.langevinSupNorm with
        Id = "own"
        Metric = Metric.Tv
        Assumptions = [ Assumption.ofResult "anything" (fun _ -> Ok "yes") ]
        Evidence =
            fun runner trial ->
                Measure.atEnd Metric.Tv runner trial.Subject.Plan
                |> Result.map (fun tv -> [ { What = "TV"; Measured = tv; Bound = 0.9 } ])
        Scenarios = [ scenarioOf langevinOf steps ]
        Rates = []
    }

let private bounded bound =
    { claim with
        Evidence =
            fun runner trial -> claim.Evidence runner trial |> Result.map (List.map (fun c -> { c with Bound = bound }))
    }

let internal studied theorem = (Study.run runner Quick [ theorem ]).Checks |> List.exactlyOne

/// The verdict, and words of the reason.
let private comesTo verdict (words: string list) theorem =
    let check = studied theorem
    Expect.equal check.Verdict verdict $"{check.Reason}"

    for word in words do
        Expect.stringContains (defaultArg check.Reason "") word "reason"

let private whenStep at other h = if h = at then other () else langevinOf h

let private cells =
    testList
        "a cell that fails is that cell's verdict, with its setting"
        [
            testCase "the control holds"
            <| fun () ->
                comesTo Holds [] claim
                Expect.isNone (studied claim).Reason "nothing to say"
            testCase "a bound that is not a number"
            <| fun () ->
                let check = studied (bounded nan)
                comesTo Inconclusive [ "h = 0.1"; "not a number" ] (bounded nan)
                Expect.equal check.Vacuous 0 "not counted as vacuous either"
            testCase "an infinite bound holds and is vacuous; one below 0 is violated"
            <| fun () ->
                comesTo Holds [] (bounded infinity)
                Expect.equal (studied (bounded infinity)).Vacuous 3 "vacuous"
                comesTo Violated [ "h = 0.1" ] (bounded -infinity)
            testCase "an infinite bound does not hold of a measurement of which nothing is known"
            <| fun () ->
                comesTo
                    Inconclusive
                    [ "no reason" ]
                    { claim with
                        Evidence =
                            fun _ _ ->
                                Ok
                                    [
                                        {
                                            What = "W2"
                                            Measured = Estimate.Unavailable("test", "no reason")
                                            Bound = infinity
                                        }
                                    ]
                    }
            testCase "an exception in the bound"
            <| fun () ->
                let failing =
                    { claim with
                        Evidence =
                            fun runner trial ->
                                if Map.find "h" trial.Setting = 0.2 then
                                    raise (ArithmeticException "the logarithm of a negative number")

                                claim.Evidence runner trial
                    }

                comesTo Inconclusive [ "h = 0.2"; "the logarithm of a negative number" ] failing
                let cells = (studied failing).Cells
                Expect.equal (cells |> List.map (fun c -> c.Verdict)) [ Holds; Inconclusive; Holds ] "the others go on"
            testCase "an exception in an assumption"
            <| fun () ->
                comesTo
                    NotApplicable
                    [ "h = 0.1"; "the key is missing" ]
                    { claim with
                        Assumptions = [ { Statement = "it throws"; Evaluate = fun _ -> failwith "the key is missing" } ]
                    }
            testCase "an exception in the scenario"
            <| fun () ->
                let failing =
                    { claim with
                        Scenarios = [ scenarioOf (whenStep 0.4 (fun () -> failwith "no such law")) steps ]
                    }

                comesTo Inconclusive [ "h = 0.4"; "no such law" ] failing
                Expect.isNone (List.last (studied failing).Cells).Experiment "there is none"
            testCase "an exception in the measurement"
            <| fun () ->
                let broken = { runner with Run = fun _ _ -> failwith "the engine is broken" }
                let check = (Study.run broken Quick [ claim ]).Checks |> List.exactlyOne
                Expect.equal check.Verdict Inconclusive "verdict"
                Expect.stringContains (defaultArg check.Reason "") "the engine is broken" "reason"
            testCase "no comparison, no value, no scenario, no base"
            <| fun () ->
                comesTo Inconclusive [ "nothing was compared" ] { claim with Evidence = fun _ _ -> Ok [] }
                comesTo Inconclusive [ "nothing was tried" ] { claim with Scenarios = [ scenarioOf langevinOf [] ] }
                comesTo Inconclusive [ "tried on nothing" ] { claim with Scenarios = [] }

                comesTo
                    Inconclusive
                    [ "nothing was tried" ]
                    { claim with Scenarios = [ { scenarioOf langevinOf steps with Bases = [] } ] }
            testCase "cancelling ends the run all the same"
            <| fun () ->
                use source = new CancellationTokenSource()
                source.Cancel()

                Expect.throwsT<OperationCanceledException>
                    (fun () -> Study.run { runner with Cancellation = source.Token } Quick [ claim ] |> ignore)
                    "cancelled"
        ]

let private wrong =
    testList
        "what `sgm check` refuses no study takes"
        [
            for words, e, fault in
                [
                    "a start of another dimension", { langevinOf 0.1 with Start = from (standard 2) }, "dimension"
                    "a score of another dimension", { langevinOf 0.1 with Score = scoreOf (standard 3) }, "dimension"
                    "weights that do not sum to 1",
                    { langevinOf 0.1 with
                        Target = mixture [ 0.5, normal [ 0.0 ] 1.0; 0.6, normal [ 1.0 ] 1.0 ]
                    },
                    "1.1"
                    "a variance of −1", { langevinOf 0.1 with Target = normal [ 0.0 ] -1.0 }, "-1"
                    "a step of 0", langevinOf 0.0, "step"
                    "a prior without levels", { langevinOf 0.1 with Start = prior }, "anneal"
                ] do
                testCase words
                <| fun () ->
                    comesTo
                        Inconclusive
                        [ "no valid experiment"; fault ]
                        { claim with Scenarios = [ scenarioOf (fun _ -> e) steps ] }

                    let cell = Study.onExperiment runner claim e
                    Expect.equal cell.Verdict Inconclusive "on its own, too"
        ]

let private applicability =
    let upTo largest =
        Assumption.ofResult "a small step" (fun subject ->
            let h = (Seq.head (subject.Plan.Tableaus())).B[0]
            require (h <= largest) $"h = {h}" $"h = {h} is too large")

    let rate exponent values : RateClaim =
        {
            Axis = "h"
            Exponent = exponent
            IsExponential = false
            Of = "h itself"
            Quantity = fun _ trial -> Ok(Estimate.ClosedForm(Map.find "h" trial.Setting))
            Scenario = scenarioOf langevinOf values
        }

    let rated largest exponent =
        { claim with
            Assumptions = [ upTo largest ]
            Scenarios = []
            Rates = [ rate exponent [ for k in 0..7 -> 0.5 ** float k ] ]
        }

    testList
        "what is not applicable is counted and named"
        [
            testCase "some cells"
            <| fun () ->
                let some = { claim with Assumptions = [ upTo 0.2 ] }
                comesTo Holds [ "not applicable in 1 of 3 cells (h = 0.4)"; "h = 0.4 is too large" ] some
                Expect.equal (studied some).NotApplicableCells 1 "counted"
            testCase "all cells"
            <| fun () -> comesTo NotApplicable [ "h = 0.1"; "too large" ] { claim with Assumptions = [ upTo 0.01 ] }
            testCase "points of a rate"
            <| fun () ->
                comesTo Holds [ "not applicable in 1 of 8 cells (h = 1)" ] (rated 0.5 (Exactly 1.0))
                comesTo Inconclusive [ "fewer than four"; "not applicable in 6 of 8 cells" ] (rated 0.02 (Exactly 1.0))
                comesTo NotApplicable [ "not applicable in 8 of 8" ] (rated 0.001 (Exactly 1.0))
                comesTo Violated [ "not applicable in 1 of 8 cells (h = 1)" ] (rated 0.5 (Exactly 2.0))
            testCase "an axis that a rate's scenario does not have"
            <| fun () ->
                comesTo
                    Inconclusive
                    [ "nothing was tried" ]
                    { claim with Scenarios = []; Rates = [ { rate (Exactly 1.0) steps with Axis = "d" } ] }
            testCase "a statement about the limit of small steps says nothing of one experiment"
            <| fun () ->
                let limit = { claim with Assumptions = [ Assumption.inTheLimit "h → 0" (fun _ -> Ok "T2 = 1") ] }

                let cell = Study.onExperiment runner limit (langevinOf 0.1)
                Expect.equal cell.Verdict NotApplicable "its own plan is not refined"
                Expect.equal cell.Reason (Some Assumption.limitOnly) "reason"
                comesTo Holds [] limit
        ]

/// A law that measures nothing, an engine that runs nothing: no claim about a bound may hold then.
let private tightness =
    let claimed = Tightness.claimed LeeLuTan.langevinSupNorm |> Option.get

    let measuring (change: Estimate -> Estimate) =
        let changed =
            { LeeLuTan.langevinSupNorm with
                Evidence =
                    fun runner trial ->
                        LeeLuTan.langevinSupNorm.Evidence runner trial
                        |> Result.map (List.map (fun c -> { c with Measured = change c.Measured }))
            }

        { (Tightness.claimed changed |> Option.get) with Rates = [] }

    testList
        "how tight: from the lower end of the truth"
        [
            testCase "a law that measured nothing, and one whose interval is everything"
            <| fun () ->
                for change in
                    [
                        fun _ -> Estimate.Unavailable("test", "it measured nothing")
                        fun _ -> Estimate.Exact(0.1, 0.0, infinity, "test")
                    ] do
                    for check in (Study.run runner Quick [ measuring change ]).Checks do
                        Expect.equal check.Verdict Inconclusive check.Key
            testCase "a truth that is a thousand times smaller"
            <| fun () ->
                let smaller (e: Estimate) = Estimate.Exact(e.Value.Value / 1e3, e.Lower / 1e3, e.Upper / 1e3, "test")

                for check in (Study.run runner Quick [ measuring smaller ]).Checks do
                    Expect.equal check.Verdict Violated check.Key
            testCase "the truth as it is"
            <| fun () ->
                for check in (Study.run runner Quick [ { claimed with Rates = [] } ]).Checks do
                    Expect.equal check.Verdict Holds $"{check.Key}: {check.Reason}"
            testCase "nothing is claimed of an experiment of one's own"
            <| fun () ->
                let cell = Study.onExperiment runner claimed (langevinOf 1e-3)
                Expect.equal cell.Verdict NotApplicable $"{cell.Reason}"
        ]

/// `lee-2022-hypotheses` must come out false where a theorem forgets a hypothesis, and where it refuses everything.
let private hypotheses =
    let measured = (Study.run runner Quick [ LeeHypotheses.brokenHypotheses ]).Checks |> List.exactlyOne

    testList
        "broken hypotheses"
        [
            testCase "every case is decided"
            <| fun () ->
                Expect.equal measured.Verdict Holds $"{measured.Reason}"
                Expect.isTrue (measured.Cells |> List.forall (fun c -> c.Verdict = Holds)) "all cells"
                Expect.isGreaterThan measured.Cells.Length 10 "cases"
            testCase
                "theorems that forget their hypotheses, and theorems that refuse everything, are caught in every case"
            <| fun () ->
                for words, assumptionsOf in
                    [
                        "nothing is asked", (fun _ -> [])
                        "nothing is covered", (fun _ -> [ Assumption.ofResult "never" (fun _ -> Error "never") ])
                    ] do
                    let wrong = LeeHypotheses.brokenHypothesesOf assumptionsOf
                    let check = (Study.run runner Quick [ wrong ]).Checks |> List.exactlyOne
                    Expect.isTrue (check.Cells |> List.forall (fun c -> c.Verdict = Violated)) words
            testCase "a theorem that forgets one of its hypotheses is caught"
            <| fun () ->
                // The step is the last hypothesis of Theorem 4.2.
                let forgetful (theorem: Theorem) =
                    if theorem.Id = LeeLuTan.langevinSupNorm.Id then
                        List.take (theorem.Assumptions.Length - 1) theorem.Assumptions
                    else
                        theorem.Assumptions

                let check = studied (LeeHypotheses.brokenHypothesesOf forgetful)
                Expect.equal check.Verdict Violated "h ≤ 1/(272·d·C·L²) is dropped"
                Expect.stringContains (defaultArg check.Reason "") "step too large" "the case"
        ]

let private result checks = { Study.run runner Quick [ claim ] with Checks = checks }

let private exits =
    let check verdict = { studied claim with Verdict = verdict }

    let verified run words =
        inFolder (fun folder ->
            match Arguments.parse "verify" (words @ [ "--report"; Path.Combine(folder, "report") ]) with
            | Ok arguments -> ranOn false (fun terminal -> Verify.commandBy run terminal (VerifyRequest.Of arguments))
            | Error stop -> failtest $"{stop}")

    let nothing: Plan -> RunOptions -> Outcome =
        fun _ _ -> Outcome(RunStatus.Unsupported "it runs nothing", System.Collections.Immutable.ImmutableArray.Empty)

    testList
        "what is no success"
        [
            testCase "nothing checked, nothing covered, something open"
            <| fun () ->
                let sentence accepts checks = (result (List.map check checks)).Shortfall accepts
                Expect.isNone (sentence false [ Holds; NotApplicable ]) "holds"
                Expect.equal (sentence true []) (Some "nothing was checked") "nothing"
                Expect.stringContains (sentence true [ NotApplicable ]).Value "no theorem covers" "not covered"
                Expect.stringContains (sentence false [ Holds; Inconclusive ]).Value "1 of 2 checks" "open"
                Expect.isNone (sentence true [ Holds; Inconclusive ]) "open and accepted"
            testCase "sgm verify ends with 1 and a sentence, and with 0 where open checks are accepted"
            <| fun () ->
                let open' = verified nothing [ "bruno-2023-gaussian" ]
                Expect.equal open'.Code 1 open'.Out
                Expect.stringContains open'.Error "inconclusive" "the sentence"
                let accepted = verified nothing [ "bruno-2023-gaussian"; "--allow-inconclusive" ]
                Expect.equal accepted.Code 0 accepted.Error
            testCase "a report of cells without an experiment can be written"
            <| fun () ->
                inFolder (fun folder ->
                    let failing = { claim with Scenarios = [ scenarioOf (fun _ -> failwith "no such law") steps ] }

                    let document =
                        Study.run runner Quick [ failing ] |> Report.Document.create DateTimeOffset.UnixEpoch

                    match
                        Report.Folder.writeDocument CancellationToken.None (Path.Combine(folder, "report")) document
                    with
                    | Ok page -> Expect.stringContains (File.ReadAllText page) "no such law" "the reason"
                    | Error reason -> failtest reason)
        ]

let tests = testList "studies" [ cells; wrong; applicability; tightness; hypotheses; exits ]
