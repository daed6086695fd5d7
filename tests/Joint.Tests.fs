/// State and register, or position and velocity, on the line while noise is drawn: against normal laws in closed form,
/// plain sums, particles, and the orders that the words declare.
module Sgm.Tests.JointTests

open System
open System.Collections.Immutable
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Sabotage
open Sgm.Verification.Theorems
open Sgm.Tests.JointSums

let private anneals method = anneal (geometric 4.0 0.3 6) (predictor method)

/// Bodies that draw while a register or a velocity is kept.
let private bodies =
    [
        "obabo", repeat 12 (corrector (obabo 1.5 0.3))
        "baoab", repeat 12 (corrector (baoab 1.5 0.3))
        "a probe between", repeat 3 (corrector (obabo 0.5 0.2)) >=> probe "p" >=> repeat 3 (corrector (obabo 0.5 0.2))
        "runs of two words", repeat 4 (repeat 2 (corrector (baoab 1.0 0.3)) >=> corrector (obabo 1.0 0.2))
        "langevin between runs", repeat 3 (repeat 3 (corrector (baoab 2.0 0.2)) >=> corrector (langevin 0.05))
        "an anneal, then a run", anneals ancestral >=> repeat 5 (corrector (obabo 1.0 0.15))
        "a run after the flow", anneals flow >=> repeat 5 (corrector (baoab 1.0 0.15))
        "dpmpp2mSde", anneals (dpmpp2mSde 1.0)
        "little noise", anneals (dpmpp2mSde 0.3)
        "to the data", anneal (geometric 4.0 0.3 5 |> toZero) (predictor (dpmpp2mSde 1.0))
        "dpmppSde", anneals (dpmppSde 1.0)
        "corrections after dpmpp2m", anneal (geometric 4.0 0.3 6) (predictor dpmpp2m >=> corrector (langevinScaled 0.1))
        "two of them", anneal (geometric 4.0 0.3 6) (predictor (deis 2) >=> repeat 2 (corrector (langevinScaled 0.05)))
        "lms 2", anneal (geometric 4.0 0.3 6) (predictor (lms 2) >=> corrector (langevinScaled 0.1))
        "acceleratedOde", anneal (geometric 4.0 0.3 6) (predictor acceleratedOde >=> corrector (langevinScaled 0.1))
        "velocities in an anneal",
        anneal (geometric 4.0 0.5 4) (predictor ancestral >=> repeat 3 (corrector (obabo 1.0 0.2)))
    ]

let private starts = [ warm; from (normal [ 0.0 ] 2.0); from (normal [ -0.4 ] 0.5); point [ 0.7 ] ]

/// Every number of an exact law, and the mean and variance, to 1e-10 of another's.
let private agree what (a: Law) (b: Law) =
    for metric in [ Metric.Kl; Metric.Chi2; Metric.Tv; Metric.W2 ] do
        let exact, found = a.Measure metric, b.Measure metric

        if Double.IsInfinity exact.Upper then
            Expect.isTrue (Double.IsInfinity found.Upper) $"{what}, {metric}: {found}"
        elif metric = Metric.Chi2 && not found.Value.HasValue then
            // A start as wide as χ² just bears: what was left out on the way may be most of it.
            Expect.stringContains found.Reason "smallest density" $"{what}, {metric}"
            Expect.isLessThan found.Lower (exact.Upper + 1e-10) $"{what}, {metric}"
        else
            Expect.isTrue found.Value.HasValue $"{what}, {metric}: {found.Reason}"
            let scale = 1.0 + abs exact.Value.Value
            Expect.isLessThan (abs (found.Value.Value - exact.Value.Value)) (1e-10 * scale) $"{what}, {metric}"

            Expect.isTrue
                (found.Lower <= exact.Upper && exact.Lower <= found.Upper)
                $"{what}, {metric}: {found} {exact}"

            Expect.isLessThan (found.Upper - found.Lower) (1e-8 * scale) $"{what}, {metric}: width"

    let one, two = a.Moments(), b.Moments()
    Expect.isLessThan (abs (one.Mean[0] - two.Mean[0])) 1e-10 $"{what}: mean"
    Expect.isLessThan (abs (one.Variance[0] - two.Variance[0])) 1e-10 $"{what}: variance"

let private normals =
    testList
        "normal laws"
        [
            for name, body in bodies do
                testCase name (fun () ->
                    for start' in starts do
                        let one = normal [ 0.5 ] 0.6
                        let closed = GaussianInterpreter().Run(ExactLaws.planOf (from' start' body one), RunOptions())
                        let summed = grid (from' start' body (mixture [ 0.5, one; 0.5, one ]))
                        Expect.isTrue summed.IsCompleted $"{name}, {start'}: {summed.Status}"

                        for a, b in Seq.zip closed.Probes summed.Probes do
                            agree $"{name}, {start'}, {a.Name}" a.Law b.Law)

            // The coefficients of a step are 1 and −1 up to rounding only.
            for word, friction, h in
                [
                    baoab, 0.16082, 1.49238
                    baoab, 0.7, 0.9
                    baoab, 1.3, 1.1
                    baoab, 0.31, 2.2
                    obabo, 0.16082, 1.49238
                    obabo, 0.7, 0.9
                ] do
                testCase $"γ = {friction}, h = {h}, {(word friction h).Word}, from far away" (fun () ->
                    let one = normal [ -0.654 ] 3.48
                    let body = repeat 3 (corrector (word friction h))
                    let start' = from (normal [ 6.3696 ] 0.3119)
                    let closed = GaussianInterpreter().Run(ExactLaws.planOf (from' start' body one), RunOptions())
                    let summed = grid (from' start' body (mixture [ 0.5, one; 0.5, one ]))
                    Expect.isTrue summed.IsCompleted $"{summed.Status}"
                    let a, b = (Seq.last closed.Probes).Law.Moments(), (Seq.last summed.Probes).Law.Moments()
                    Expect.isLessThan (abs (a.Mean[0] - b.Mean[0])) 1e-9 "mean"
                    Expect.isLessThan (abs (a.Variance[0] - b.Variance[0])) 1e-9 "variance")
        ]

let private conduct =
    testList
        "conduct"
        [
            testCase "particles agree on two modes" (fun () ->
                for name, body in bodies do
                    let plan = ExactLaws.planOf (on target' body)
                    let exact = (ExactLaws.finalOf (GridInterpreter().Run(plan, RunOptions()))).Moments()
                    let n = 100_000L
                    let drawn = (ExactLaws.finalOf (Ensemble().Run(plan, RunOptions(Particles = n)))).Moments()
                    let error = sqrt (exact.Variance[0] / float n)
                    Expect.isLessThan (abs (exact.Mean[0] - drawn.Mean[0])) (5.0 * error) $"{name}: mean"

                    Expect.isLessThan
                        (abs (drawn.Variance[0] / exact.Variance[0] - 1.0))
                        (6.0 * sqrt (2.0 / float n))
                        $"{name}: variance")

            testCase "products of such lines are run line by line" (fun () ->
                let body = repeat 4 (corrector (obabo 1.0 0.3))
                let alone = ExactLaws.finalOf (grid (on target' body))

                let together =
                    on (product [ 1000, target' ]) body
                    |> ExactLaws.planOf
                    |> fun plan -> ProductInterpreter().Run(plan, RunOptions())
                    |> ExactLaws.finalOf

                Expect.floatClose Accuracy.high (ExactLaws.value kl together) (1000.0 * ExactLaws.value kl alone) "KL"
                let w2Alone = ExactLaws.value w2 alone
                Expect.floatClose Accuracy.high (ExactLaws.value w2 together) (sqrt 1000.0 * w2Alone) "W2")

            testCase "an observer sees every step after which the law is known" (fun () ->
                let seen body =
                    let found = ResizeArray()
                    let options = RunOptions(AfterStep = fun step -> found.Add step.Index)
                    GridInterpreter().Run(ExactLaws.planOf (on target' body), options) |> ExactLaws.finalOf |> ignore
                    List.ofSeq found

                Expect.equal (seen (repeat 3 (corrector (baoab 1.0 0.2)))) [ -1L; 0L; 1L; 2L ] "velocities"

                Expect.equal
                    (seen (anneal (geometric 3.0 0.5 2) (predictor dpmpp2m >=> corrector (langevinScaled 0.1))))
                    [ -1L; 0L; 1L; 3L ]
                    "a deterministic step that reads a register is none of them")

            testCase "what two coordinates do not follow is refused with the reason" (fun () ->
                let annealed body = anneal (geometric 3.0 0.3 5) body
                let run method = repeat 3 (corrector method)

                for body, says in
                    [
                        annealed (predictor (dpmpp3mSde 1.0)), "no single number"
                        annealed (predictor (lms 4) >=> corrector (langevinScaled 0.1)), "no single number"
                        run (baoab 1.0 1.2), "below 2/√curvature"
                        annealed (corrector (langevinScaled 0.1) >=> predictor dpmpp2m),
                        "before a probe is deterministic"
                        run (mala 0.1) >=> run (obabo 1.0 0.2), "kinks"
                        run (randomizedMidpoint 0.1), "random fraction"
                    ] do
                    let plan = ExactLaws.planOf (on target' body)
                    Expect.isNotNull (GridInterpreter().WhyNot plan) $"{body}"
                    Expect.stringContains (GridInterpreter().WhyNot plan) says $"{body}"
                    Expect.stringContains (GridInterpreter().WhyNot plan) "particles" $"{body}"
                    Expect.isEmpty (Laws.applicable plan) $"{body}"

                let sde = annealed (predictor (dpmpp2mSde 1.0))
                let clipped' = { from' prior sde target' with Score = exact |> clipped 1.2 }
                Expect.stringContains (GridInterpreter().WhyNot(ExactLaws.planOf clipped')) "kinks" "clipped"

                // With hardly any friction little is drawn in a step, and nodes are as near.
                match (grid (on target' (run (obabo 1e-5 0.3)))).Status with
                | :? RunStatus.Unsupported as refused -> Expect.stringContains refused.Reason "more friction" "dense"
                | status -> failtestf "%A" status

                // What is kept and never read again takes no coordinate.
                let once = on target' (run (obabo 1.0 0.2) >=> repeat 3 (corrector (mala 0.1)))
                Expect.isTrue (grid once).IsCompleted "a velocity that ends")

            testCase "positions do not depend on a velocity's scale: obabo alone is a Langevin step" (fun () ->
                let h = 0.3
                let one = ExactLaws.finalOf (grid (on target' (corrector (obabo 1.7 h))))
                let other = ExactLaws.finalOf (grid (on target' (corrector (langevin (h * h / 2.0)))))
                agree "one step" other one)
        ]

/// Slopes of the logarithms between halves of h.
let private slopes method metric =
    [ 0.4; 0.2; 0.1 ]
    |> List.map (fun h ->
        let target' = mixture [ 0.4, normal [ -0.9 ] 0.4; 0.6, normal [ 0.9 ] 0.5 ]
        let e = on target' (repeat (int (round (8.0 / h))) (corrector (method h)))
        log (ExactLaws.value metric (ExactLaws.finalOf (grid e))))
    |> List.pairwise
    |> List.map (fun (a, b) -> (a - b) / log 2.0)

let private orders =
    testList
        "orders"
        [
            for name, method in [ "obabo", obabo 2.0; "baoab", baoab 2.0 ] ->
                testCase $"{name} on two modes: the invariant law is wrong by h²" (fun () ->
                    for metric, order in [ Metric.W2, 2.0; Metric.Tv, 2.0; Metric.Kl, 4.0 ] do
                        match slopes method metric with
                        | [ far; near ] ->
                            Expect.isLessThan (abs (near - order)) 0.12 $"{metric}"
                            Expect.isLessThan (abs (near - order)) (abs (far - order)) $"{metric}: nearer as h falls"
                        | _ -> failtest "three values have two slopes")
        ]

/// Twice the noise: another temperature.
let private twiceTheNoise (step: GeneralTableau) =
    let scaled (terms: ImmutableArray<Term>) =
        ImmutableArray.CreateRange(
            terms
            |> Seq.map (fun term ->
                if term.Of = Input.Noise then
                    Term(term.Of, term.Number, 2.0 * term.Coefficient)
                else
                    term)
        )

    GeneralTableau(
        Method = step.Method,
        From = step.From,
        To = step.To,
        Stages =
            ImmutableArray.CreateRange(
                step.Stages |> Seq.map (fun stage -> GeneralStage(stage.Level, scaled stage.At, stage.Of))
            ),
        Updates = ImmutableArray.CreateRange(Seq.map scaled step.Updates),
        Rounding = step.Rounding
    )

let private planted (plan: Plan) =
    let rec changed (body: ImmutableArray<Instruction>) =
        ImmutableArray.CreateRange(
            body
            |> Seq.map (fun instruction ->
                match instruction with
                | :? Instruction.General as step -> Instruction.General(twiceTheNoise step.Tableau) :> Instruction
                | :? Instruction.Repeat as repeat -> Instruction.Repeat(repeat.Count, changed repeat.Body)
                | other -> other)
        )

    PlanEdit.lists (fun body -> List.ofSeq (changed body)) plan

let private standing =
    testList
        "the standing check"
        [
            testCase "the order holds, and noise of another size violates it" (fun () ->
                for runner, expected in [ Planted.healthy, Holds; Planted.engineWith planted, Violated ] do
                    let check = (Study.run runner Quick [ KineticOrder.invariantLaw ]).Checks |> List.exactlyOne
                    Expect.equal check.Verdict expected $"{check}")
        ]

let tests = testList "Joint" [ normals; yield! JointSums.tests; conduct; orders; standing ]
