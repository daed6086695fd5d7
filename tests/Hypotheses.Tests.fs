module Sgm.Tests.HypothesesTests

open System.Threading
open Expecto
open Sgm
open Sgm.Verification

let private runner = Runner.engine CancellationToken.None

let private papers =
    Catalogue.theorems
    |> List.filter (fun t ->
        [ "lee-"; "pedrotti-"; "bruno-" ] |> List.exists (fun (name: string) -> t.Id.StartsWith name))

let rec private mapPipeline (change: Pipeline -> Pipeline) pipeline =
    match pipeline with
    | Anneal(schedule, body) -> Anneal(schedule, mapPipeline change body)
    | Repeat(n, body) -> Repeat(n, mapPipeline change body)
    | Sequence parts -> Sequence(List.map (mapPipeline change) parts)
    | Corrector _
    | Predictor _
    | Probe _ -> change pipeline

/// Langevin steps k times as large.
let private steps k =
    mapPipeline (function
        | Corrector method when method.Word = "langevin" -> Corrector(langevin (k * float method.Arguments.Head))
        | Corrector method when method.Word = "langevinScaled" ->
            Corrector(langevinScaled (k * float method.Arguments.Head))
        | other -> other)

/// Two covariances in the plane: neither L nor C_LS is known, and the law is not log-concave.
let private planar = mixture [ 0.5, normal [ -2.0; 0.0 ] 0.25; 0.5, normal [ 2.0; 0.0 ] 0.5 ]

/// A theorem's own first experiments, one a scenario.
let private own (theorem: Theorem) =
    theorem.Scenarios
    |> List.choose (fun scenario ->
        scenario.Axes
        |> List.tryFind _.IsFor(Quick)
        |> Option.map (fun axis ->
            let setting = Map.add axis.Symbol (List.head (axis.Values Quick)) scenario.Bases.Head
            scenario.Experiment setting 0))

let private refuses (theorem: Theorem) words e =
    let cell = Study.onExperiment runner theorem e
    Expect.equal cell.Verdict NotApplicable $"{theorem.Id}, {words}"
    Expect.stringContains (defaultArg cell.Reason "") "assumption “" $"{theorem.Id}, {words}: the reason"
    Expect.isNone cell.Decisive $"{theorem.Id}, {words}: nothing is compared"
    Expect.isFalse cell.IsVacuous $"{theorem.Id}, {words}: not counted as vacuous"

    Expect.isTrue
        (cell.Assumptions
         |> List.exists (fun (_, result) ->
             match result with
             | Broken reason -> reason <> ""
             | Satisfied _
             | InTheLimit _ -> false))
        $"{theorem.Id}, {words}: a broken assumption"

/// What breaks a hypothesis of some theorems in an experiment of their own; the ids that must refuse every such experiment.
let private broken: (string * (Experiment -> Experiment) * string list) list =
    [
        // So many times that the next to no step of 3.2's “prediction does the work” is too large as well.
        "Langevin steps 10¹³ times too large",
        (fun e -> { e with Sampler = steps 1e13 e.Sampler }),
        [
            "lee-2022-4.2"
            "lee-2022-2.1"
            "lee-2022-2.2"
            "lee-2022-3.2"
            "lee-2022-false-mode"
            "lee-2022-cold-start"
            "pedrotti-2024-d5a"
            "pedrotti-2024-d5b"
            "pedrotti-2024-tv"
        ]
        "a constant score error of 50",
        (fun e -> { e with Score = e.Score |> shifted 50.0 }),
        [ "lee-2022-4.2"; "lee-2022-cold-start"; "lee-2022-false-mode" ]
    ]

let tests =
    testList
        "hypotheses"
        [
            for theorem in papers do
                testCase $"{theorem.Id} refuses what it is not about"
                <| fun () ->
                    refuses
                        theorem
                        "a law without known constants, from a point, by huge steps and a flow to the data"
                        (experiment {
                            target planar
                            forward ve
                            score (scoreOf (normal [ 0.0; 0.0 ] 1.0))
                            start (point [ 9.0; 9.0 ])

                            sampler (
                                repeat 2 (corrector (langevin 50.0))
                                >=> anneal (Levels [ 2.0; 1.0; 0.0 ]) (predictor flow >=> corrector (langevin 0.1))
                            )

                            measure [ tv ]
                        })

            for words, change, ids in broken do
                for id in ids do
                    testCase $"{id} refuses its own experiments with {words}"
                    <| fun () ->
                        let theorem = papers |> List.find (fun t -> t.Id = id)
                        let experiments = own theorem
                        Expect.isNonEmpty experiments "experiments"

                        for e in experiments do
                            refuses theorem words (change e)
        ]
