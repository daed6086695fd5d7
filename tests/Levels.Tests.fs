/// A level that moves without the state: what no theorem about the steps speaks of.
module Sgm.Tests.LevelsTests

open System.Threading
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Theorems

let private runner = Runner.engine CancellationToken.None

/// The papers' statements, without those that are about no step of the experiment itself: neighbouring levels and the first one
/// (nothing runs), a comparison of samplers of its own, and cases that are numbered.
let private aboutSteps =
    Catalogue.theorems
    |> List.filter (fun t ->
        [ "lee-"; "pedrotti-"; "bruno-" ] |> List.exists (fun (name: string) -> t.Id.StartsWith name)
        && not (
            [ "lee-2022-warm"; "lee-2022-prior"; "lee-2022-comparison"; "lee-2022-hypotheses" ]
            |> List.exists (fun id -> Tightness.isOf id t.Id)
        ))

/// The first experiment of every scenario, with its setting.
let private own (theorem: Theorem) =
    theorem.Scenarios @ (theorem.Rates |> List.map (fun claim -> claim.Scenario))
    |> List.choose (fun scenario ->
        scenario.Axes
        |> List.tryFind _.IsFor(Quick)
        |> Option.map (fun axis ->
            let setting = Map.add axis.Symbol (List.last (axis.Values Quick)) scenario.Bases.Head
            setting, scenario.Experiment setting 0))

let private refusal (theorem: Theorem) setting e =
    let subject = { Experiment = e; Plan = Scenarios.planOf e; Setting = setting }
    Assumption.evaluateAll subject theorem.Assumptions |> snd

/// The parameter of the level that the end is measured at.
let private lastParameter e =
    match Seq.last (Scenarios.planOf e).Instructions with
    | :? Instruction.Probe as probe -> probe.Level.Parameter
    | _ -> failtest "no probe at the end"

/// The end measured at another level, which the state never sees: a lower one where there is one, otherwise a higher one.
let private withAnotherEnd e =
    let last = lastParameter e
    let moved = if last > 0.0 then [ last; last / 2.0 ] else [ 1.0; 0.5 ]
    { e with Sampler = e.Sampler >=> anneal (Levels moved) identity }

/// Every anneal with a predictor, of at least three transitions, with its second transition left to no step.
let rec private withAGap pipeline =
    match pipeline with
    | Anneal(schedule, body) when Pipeline.moves body && Schedule.transitions schedule >= 3 ->
        let at = Schedule.parameter vp schedule
        let n = Schedule.transitions schedule

        anneal (Levels [ at 0; at 1 ]) body
        >=> anneal (Levels [ at 1; at 2 ]) identity
        >=> anneal (Levels [ for i in 2..n -> at i ]) body
    | Sequence parts -> parts |> List.map withAGap |> List.fold (>=>) identity
    | other -> other

let private langevinThenJump =
    experiment {
        target (normal [ 0.0 ] 0.01)
        forward ve
        start warm

        sampler (
            anneal (levels [ 1.2; 1.0 ]) (repeat 1000 (corrector (langevin 0.003)))
            >=> anneal (levels [ 1.0; 0.05 ]) identity
        )

        measure [ tv ]
    }

let private plansOf words sampler' verdict =
    testCase words
    <| fun () ->
        let plan =
            Scenarios.planOf (
                experiment {
                    target (standard 1)
                    forward ve
                    start warm
                    sampler sampler'
                }
            )

        Expect.equal (Result.isOk (LevelPath.follows plan)) verdict words

let tests =
    testList
        "levels that move without the state"
        [
            for theorem in aboutSteps do
                testCase
                    $"{theorem.Id} covers its own experiments, and none of them with a level that moves without the state"
                <| fun () ->
                    for setting, e in own theorem do
                        Expect.isNone (refusal theorem setting e) $"{setting}"
                        Expect.isSome (refusal theorem setting (withAnotherEnd e)) $"{setting}: the end"
                        let gapped = { e with Sampler = withAGap e.Sampler }

                        if gapped <> e then
                            Expect.isSome (refusal theorem setting gapped) $"{setting}: a gap that no step crosses"

            testCase "the sentence says which level moved, and where the state is"
            <| fun () ->
                let cell = Study.onExperiment runner LeeLangevin.langevinL2 langevinThenJump
                Expect.equal cell.Verdict NotApplicable "verdict"

                Expect.stringContains
                    (defaultArg cell.Reason "")
                    "the level moves without the state, from σ = 1 to σ = 0.05 before the end is measured"
                    "reason"

            testCase "the first level's χ² is that of the first level, whatever runs below it"
            <| fun () ->
                let e =
                    experiment {
                        target (normal [ 0.0 ] 0.25)
                        forward ve
                        sampler (anneal (levels [ 10.0; 0.5 ]) (corrector (langevin 0.01)))
                        measure [ chi2 ]
                    }

                // χ²(N(0, 100)‖N(0, 100.25)) = (1 − η²)^(−1/2) − 1 with 1 + η = 100/100.25.
                let cell = Study.onExperiment runner LeeWarmStart.firstLevel e
                let eta = 100.0 / 100.25 - 1.0
                Expect.equal cell.Verdict Holds $"{cell.Reason}"

                Expect.floatClose
                    Accuracy.medium
                    cell.Decisive.Value.Measured.Value.Value
                    ((1.0 - eta * eta) ** -0.5 - 1.0)
                    "χ²"

            plansOf
                "a descent in two anneals"
                (anneal (geometric 4.0 1.0 4) (predictor ancestral) >=> anneal (geometric 1.0 0.5 4) (predictor flow))
                true
            plansOf
                "correctors on the way, at the level that was reached"
                (anneal (geometric 4.0 1.0 4) (predictor ancestral >=> repeat 3 (corrector (langevin 0.1))))
                true
            plansOf
                "a level before the first step"
                (anneal (levels [ 4.0; 1.0 ]) (repeat 3 (corrector (langevin 0.1))))
                true
            plansOf
                "a gap before a predictor"
                (anneal (levels [ 4.0; 2.0 ]) (predictor flow) >=> anneal (levels [ 1.0; 0.5 ]) (predictor flow))
                false
            plansOf "correctors down levels" (anneal (geometric 4.0 1.0 4) (corrector (langevin 0.1))) false
            plansOf "the same descent twice" (repeat 2 (anneal (geometric 4.0 1.0 4) (predictor flow))) false
            plansOf
                "the end at another level"
                (anneal (geometric 4.0 1.0 4) (predictor flow) >=> anneal (levels [ 1.0; 0.5 ]) identity)
                false
            plansOf "repeated steps at one level" (repeat 1000000 (corrector (langevin 0.1))) true
        ]
