module Sgm.Tests.SabotageTests

open System
open System.IO
open System.Threading
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Sabotage
open Sgm.Verification.Theorems

let private runner = Runner.engine CancellationToken.None

/// A few statements that run in closed form, and so in no time.
let private few = [ Pedrotti.inexactLangevin; Bruno.gaussianMean; ExactDivergences.normalPairs ]

let private bug id change = { Id = id; Title = id; Breaks = "for a test"; Part = Kernels; Change = change }

/// Not a bug: the plan, the numbers and the statements come out as they were.
let private harmless =
    [
        bug "same plan" (OfPlan Some)
        bug "same number" (OfMeasure([ Metric.W2; Metric.Kl ], (fun _ _ estimate -> Some estimate)))
        bug "same statement" (OfStatement Some)
    ]

let private named id = Bugs.all |> List.find (fun bug -> bug.Id = id)

let private planOf pipeline =
    experiment {
        target (normal [ 1.0 ] 0.5)
        forward vp
        sampler pipeline
    }
    |> Lower.plan (fun file -> invalidOp file)

let private edit id plan =
    match (named id).Change with
    | OfPlan change -> change plan
    | _ -> failtest $"{id} changes no plan"

let private methodsOf (plan: Plan) =
    [
        for instruction in plan.Unrolled() do
            match instruction with
            | :? Instruction.Step as step -> step.Tableau
            | _ -> ()
    ]

let private matrices =
    testList
        "matrix"
        [
            testCase "a rate that is for other efforts is no check of the matrix" (fun () ->
                let slowly (claim: RateClaim) =
                    let axes = claim.Scenario.Axes |> List.map Scenarios.later
                    { claim with Scenario = { claim.Scenario with Axes = axes } }

                let kindsOf (theorem: Theorem) =
                    (Sabotage.against runner 1 [ theorem ] harmless).Catches
                    |> List.map (fun (check, _) -> check.Kind)
                    |> List.distinct

                let theorem = ChengProximal.proximal
                Expect.containsAll (kindsOf theorem) [ BoundCheck; RateCheck ] "both at quick effort"
                let bounds = kindsOf { theorem with Rates = List.map slowly theorem.Rates }
                Expect.isFalse (List.contains RateCheck bounds) "no rate"
                Expect.contains bounds BoundCheck "the bound")

            testCase "a bug that changes nothing survives, and is reported as surviving"
            <| fun () ->
                let matrix = Sabotage.against runner 1 few harmless

                Expect.equal
                    (matrix.Survivors |> List.map (fun row -> row.Bug.Id))
                    (harmless |> List.map (fun b -> b.Id))
                    "survivors"

                Expect.equal matrix.Silent matrix.Checks "no check catches anything"
                Expect.isEmpty matrix.Unsound "every check holds without a bug"
                Expect.stringContains (Report.Trial.lead matrix) "0 of 3 seeded bugs" "lead"

            testCase "a bug that leaves a check undecided is not caught by it"
            <| fun () ->
                let nothing _ _ _ = Some(Estimate.Unavailable("test", "not measured"))
                let blind = bug "no number" (OfMeasure([ Metric.W2; Metric.Kl; Metric.Tv; Metric.Chi2 ], nothing))
                let matrix = Sabotage.against runner 1 few [ blind ]
                let row = List.exactlyOne matrix.Rows
                Expect.isEmpty row.CaughtBy "nothing fails"
                Expect.exists row.Reactions (fun (_, reaction) -> reaction = Doubted) "but it is seen"
                Expect.equal (matrix.Survivors |> List.map (fun r -> r.Bug.Id)) [ "no number" ] "a survivor"

            testCase "a bug is caught by the checks that it breaks, and by no other"
            <| fun () ->
                let matrix = Sabotage.against runner 1 few [ named "kl-reversed"; named "heun-first-level" ]
                let reversed, heun = matrix.Rows[0], matrix.Rows[1]
                let catchers = reversed.CaughtBy |> List.map (fun name -> name.Theorem) |> List.distinct
                Expect.equal catchers [ "exact-divergences" ] "the reversed KL"
                Expect.isEmpty heun.CaughtBy "no statement here runs Heun's method"
                Expect.isTrue (heun.Reactions |> List.forall (fun (_, r) -> r = Untouched || r = Untried)) "untouched"

            testCase "the closed forms' first cells catch every bug of a normal law's divergence"
            <| fun () ->
                let bugs =
                    [
                        for id in
                            [ "kl-reversed"; "chi2-reversed"; "mean-forgotten"; "spread-forgotten"; "w2-variances" ] ->
                            named id
                    ]

                let matrix = Sabotage.against runner 1 [ ExactDivergences.normalPairs ] bugs
                Expect.equal (matrix.Survivors |> List.map (fun row -> row.Bug.Id)) [] "survivors"

            testCase "a bug that touches none but later cases is tried on them"
            <| fun () ->
                let bugs = [ named "never-rejected"; named "leap-root-two" ]
                let matrix = Sabotage.against runner 1 [ ExactWords.exactWords ] bugs
                Expect.equal (matrix.Survivors |> List.map (fun row -> row.Bug.Id)) [] "survivors"

            testCase "a bound that is too large is caught from the other side"
            <| fun () ->
                let matrix = Sabotage.against runner 1 few [ named "bound-doubled" ]
                let catchers = matrix.Rows.Head.CaughtBy |> List.map (fun name -> name.Theorem) |> List.distinct
                Expect.contains catchers "pedrotti-2024-d3a-bound" "the claim that it is attained"

            testCase "every bug of a certificate's rule is caught by the normal laws on which that rule alone decides"
            <| fun () ->
                let sharp (theorem: Theorem) =
                    let scenario = List.head theorem.Scenarios
                    let axis = List.head scenario.Axes
                    let few = { axis with Values = fun _ -> List.init Certified.sharpCases float }
                    { theorem with Scenarios = [ { scenario with Axes = [ few ] } ] }

                let statements =
                    [ Certified.totalVariation; Certified.wasserstein; Certified.relativeEntropy ] |> List.map sharp

                let bugs = Bugs.all |> List.filter (fun bug -> bug.Part = CertificateRules)
                Expect.isGreaterThanOrEqual bugs.Length 20 "every rule"
                let matrix = Sabotage.against runner 1 statements bugs
                Expect.equal (matrix.Survivors |> List.map (fun row -> row.Bug.Id)) [] "survivors"
                Expect.isEmpty matrix.Unsound "every check holds without a bug"

            testCase "a check that does not hold without a bug is left out"
            <| fun () ->
                let broken =
                    { Bruno.gaussianMean with
                        Evidence =
                            fun runner trial ->
                                Bruno.gaussianMean.Evidence runner trial
                                |> Result.map (List.map (fun c -> { c with Bound = 0.1 * c.Bound }))
                    }

                let matrix = Sabotage.against runner 1 [ broken ] [ named "langevin-2h" ]
                Expect.isNonEmpty matrix.Unsound "left out"
                let unsound = Set.ofList matrix.Unsound
                Expect.isFalse (matrix.Checks |> List.exists unsound.Contains) "not among those that tell"

            testCase "healthy verdicts and numbers are the same before and after"
            <| fun () ->
                let measured () =
                    (Study.run runner Quick few).Checks
                    |> List.map (fun c -> c.Key, c.Verdict, c.Tightest, c.Rate |> Option.map (fun r -> r.Slope))

                let before = measured ()
                let chosen = [ "drift-sign"; "w2-squared"; "bound-halved"; "start-variance" ] |> List.map named
                Sabotage.against runner 1 few chosen |> ignore
                Expect.equal (measured ()) before "verdicts"
        ]

let private bugs =
    testList
        "bugs"
        [
            testCase "at least 40, each with a name of its own and words"
            <| fun () ->
                let ids = Bugs.all |> List.map (fun bug -> bug.Id)
                Expect.isGreaterThanOrEqual ids.Length 40 "how many"
                Expect.equal (List.distinct ids) ids "unique"

                for bug in Bugs.all do
                    Expect.isTrue (bug.Title <> "" && bug.Breaks <> "") bug.Id

            testCase
                "a plan without a step, without a score error and from the target has nothing to change but its start"
            <| fun () ->
                let still =
                    experiment {
                        target (normal [ 1.0 ] 0.5)
                        forward vp
                        start warm
                        sampler identity
                    }
                    |> Lower.plan (fun file -> invalidOp file)

                for bug in Bugs.all do
                    match bug.Change with
                    | OfPlan change when not (bug.Id.StartsWith("start-", StringComparison.Ordinal)) ->
                        Expect.isTrue (change still).IsNone bug.Id
                    | _ -> ()

            testCase "dropped, doubled and swapped transitions"
            <| fun () ->
                let plan = planOf (anneal (uniform 2.0 0.0 4) (predictor ancestral >=> corrector (langevin 0.1)))
                let steps (p: Plan option) = methodsOf p.Value
                let names (p: Plan option) = steps p |> List.map (fun t -> t.Method)
                Expect.equal (steps (edit "last-transition-dropped" plan)).Length 6 "one less"
                Expect.equal (steps (edit "last-transition-twice" plan)).Length 10 "one more"
                Expect.equal (names (edit "corrector-first" plan)).Head "langevin" "the other way round"
                Expect.equal (names (edit "no-corrector" plan)) (List.replicate 4 "ancestral") "prediction alone"
                let swapped = steps (edit "non-monotone" plan) |> List.map (fun t -> t.From.Parameter)
                Expect.isGreaterThan swapped[2] swapped[0] "the second level first"

            testCase "a changed law keeps its moments and can still be compared with another run"
            <| fun () ->
                let plan = planOf (anneal (uniform 2.0 0.1 4) (predictor ancestral))
                let broken = Bug.plant runner (named "always-zero")
                let law (r: Runner) = (Seq.last (r.Run plan (RunOptions())).Probes).Law
                Expect.equal ((law broken).Moments().Mean) ((law runner).Moments().Mean) "moments"
                Expect.equal ((law broken).Measure Metric.W2).Value (Nullable 0.0) "the number"
                Expect.isGreaterThan ((law runner).Measure Metric.W2).Value.Value 0.0 "the healthy number"
        ]

let private command =
    let verify statements bugs folder =
        let request =
            { Sgm.Cli.VerifyRequest.Of [ Sgm.Cli.VerifyArguments.Ids [ "exact-divergences" ] ] with
                Report = Path.Combine(folder, "report")
                Sabotage = Some(Path.Combine(folder, "trust.md"))
            }

        let trial: Sgm.Cli.Verify.Trial = { Statements = statements; Bugs = bugs }
        Command.ranOn false (fun terminal -> Sgm.Cli.Verify.commandWith Laws.run trial terminal request)

    testList
        "command"
        [
            testCase "a surviving bug is exit code 1, said clearly, and in every form of the report"
            <| fun () ->
                Folders.inFolder (fun folder ->
                    let ran = verify few [ harmless.Head; named "kl-reversed" ] folder
                    Expect.equal ran.Code 1 ran.Error
                    Expect.stringContains ran.Error "1 of 2 seeded bugs are caught by no check" "the sentence"
                    Expect.stringContains ran.Out "survives same plan" "the table"

                    for file in [ "trust.md"; "report/index.html"; "report/report.md"; "report/report.json" ] do
                        Expect.stringContains (File.ReadAllText(Path.Combine(folder, file))) "same plan" file)

            testCase "with every bug caught it is 0"
            <| fun () ->
                Folders.inFolder (fun folder ->
                    let ran = verify few [ named "kl-reversed" ] folder
                    Expect.equal ran.Code 0 ran.Error
                    let trust = File.ReadAllText(Path.Combine(folder, "trust.md"))
                    Expect.stringContains trust "1 of 1 seeded bugs are caught" "the lead")

            testCase "bugs are planted when asked, and by a full verification of everything"
            <| fun () ->
                let request = Sgm.Cli.VerifyRequest.Of
                Expect.isFalse (request []).PlantsBugs "quick"
                Expect.isTrue (request [ Sgm.Cli.VerifyArguments.Effort Full ]).PlantsBugs "full"
                Expect.isTrue (request [ Sgm.Cli.VerifyArguments.Sabotage "x.md" ]).PlantsBugs "asked"
        ]

let tests = testList "seeded bugs" [ matrices; bugs; command ]
