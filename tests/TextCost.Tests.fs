/// What `sgm check` costs, in counts: proportional to the text, whatever the text unrolls to.
module Sgm.Tests.TextCostTests

open System
open System.Collections.Immutable
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Tests.Command

let private bimodal = mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ]

let private sampled law process' sampler' =
    { (experiment {
          target law
          forward process'
          start (from (normal [ 0.0 ] 4.0))
          sampler sampler'
          measure [ tv ]
      }) with
        Particles = 1000
    }

let private planOf e =
    match Check.plan e with
    | Ok plan -> plan
    | Error problems -> failtest (Message.renderAll problems)

/// Every hypothesis of the catalogue, and what `check` asks of the interpreters.
let private assess e (plan: Plan) =
    let subject = { Experiment = e; Plan = plan; Setting = Map.empty }

    for theorem in Catalogue.theorems do
        Assumption.evaluateAll subject theorem.Assumptions |> ignore

    Laws.refusals plan |> ignore
    Memory.particles plan 1000L |> ignore
    StepCensus plan |> ignore
    plan.StepCount, plan.ScoreEvaluations

let private allocated work =
    let before = GC.GetAllocatedBytesForCurrentThread()
    work () |> ignore
    GC.GetAllocatedBytesForCurrentThread() - before

/// The least of many times: code that is compiled anew meanwhile, and caches and pools that other tests empty, allocate too.
let private least work = Seq.init 12 (fun _ -> allocated work) |> Seq.min

/// The bytes of a check beyond those of the same text with small numbers, the two in turn.
let private excess small large =
    let bytes e = allocated (fun () -> assess e (planOf e))
    let found = [ for _ in 1..12 -> bytes small, bytes large ]
    (found |> List.map snd |> List.min) - (found |> List.map fst |> List.min)

let private step = corrector (langevin 0.001)

let private repeats =
    let body n = repeat n step
    let nested n = repeat n (repeat n (repeat 10 step >=> corrector (langevin 0.002)) >=> step)
    let annealed n = anneal (geometric 10.0 0.1 10) (predictor ancestral >=> repeat n step)
    let outside n = repeat n (anneal (geometric 10.0 0.1 10) (predictor ancestral >=> step))
    let levels n = repeat n (anneal (geometric 10.0 0.1 10) step)

    testList
        "constant in repeats"
        [
            // Anneals are read one by one up to a limit, which the few of the last two are beyond.
            for name, sampler, few, n in
                [
                    "one corrector", body, 20, 1_000_000_000
                    "nested", nested, 20, 1_000_000
                    "inside an anneal", annealed, 20, 1_000_000_000
                    "around an anneal", outside, 50_000, 1_000_000_000
                    "around an anneal without predictor", levels, 50_000, 1_000_000_000
                ] do
                testCase name (fun () ->
                    let experiment n = sampled bimodal ve (sampler n)
                    // A number that is longer in a message.
                    Expect.isLessThan (excess (experiment few) (experiment n)) 5_000_000L "bytes beyond few repeats")
        ]

/// The plan with every visit of a transition counted.
let private counted (plan: Plan) =
    let mutable visits = 0L

    let instructions =
        plan.Instructions
        |> Seq.map (fun instruction ->
            match instruction with
            | :? Instruction.Transitions as all ->
                let body i =
                    visits <- visits + 1L
                    all.Body.Invoke i

                Instruction.Transitions(all.Count, Func<int, ImmutableArray<Instruction>> body) :> Instruction
            | other -> other)
        |> ImmutableArray.CreateRange

    Plan.withInstructions instructions plan, (fun () -> visits)

let private transitions =
    testList
        "transitions are visited a bounded number of times, by all theorems together"
        [
            for name, law, process', sampler, passes in
                [
                    "geometric, corrected",
                    bimodal,
                    ve,
                    anneal (geometric 10.0 0.1 20_000) (predictor ancestral >=> step),
                    4L
                    "geometric", bimodal, ve, anneal (geometric 10.0 0.1 20_000) (predictor flow), 5L
                    "uniform in time",
                    normal [ 0.5 ] 1.0,
                    vp,
                    anneal (uniform 5.0 0.0 20_000) (predictor eulerMaruyama),
                    11L
                ] do
                testCase name (fun () ->
                    let e = sampled law process' sampler
                    let plan, visits = counted (planOf e)
                    let steps, _ = assess e plan
                    Expect.isGreaterThanOrEqual steps 20_000L "steps"
                    Expect.isLessThanOrEqual (visits ()) (passes * 20_000L) "visits")

            testCase "counts are made in one pass, whoever asks" (fun () ->
                let sampler = anneal (geometric 10.0 0.1 100) (predictor flowHeun >=> repeat 7 (probe "p" >=> step))
                let plan, visits = counted (planOf (sampled bimodal ve sampler))
                Expect.equal plan.StepCount 800L "steps"
                Expect.equal plan.ScoreEvaluations 900L "evaluations: Heun has two"
                Expect.equal (plan.ProbeCount) 701L "probes, the end too"
                Expect.equal (plan.StepsBefore 14L) 17L "two whole transitions and a prediction before the 15th probe"
                StepCensus plan |> ignore
                Expect.isLessThanOrEqual (visits ()) 104L "one pass, and the transitions up to the probe")
        ]

let private numbered n make = List.init n (fun i -> make (float i))

/// What is worth so many components is refused in words, not by waiting.
let private laws =
    let own n = mixture (numbered n (fun i -> 1.0 / float n, normal [ 0.01 * i ] (1.0 + 0.001 * i)))
    let blocks n = product (numbered n (fun i -> 1, normal [ 0.0 ] (1.0 + i)))

    let pairs n =
        product (numbered n (fun i -> 1, mixture [ 0.5, normal [ 0.0 ] (1.0 + i); 0.5, normal [ 1.0 ] (1.0 + i) ]))

    let warm law = { sampled law ve (repeat 3 step) with Start = Warm }

    testList
        "components and blocks"
        [
            for name, law in [ "components", own; "normal blocks", blocks; "blocks of two modes", pairs ] do
                testCase $"{name}: memory is proportional to their number" (fun () ->
                    let bytes n =
                        let e = warm (law n)
                        let plan = planOf e
                        least (fun () -> assess e plan)

                    Expect.isLessThan (bytes 8000) (3L * bytes 4000) "bytes of twice as many")

            testCase "constants of too many components are refused with their number" (fun () ->
                let target = (planOf (warm (own 3000))).Target

                for constant in [ Constants.smoothness; Constants.strongConcavity; Constants.logSobolev ] do
                    match constant target NoiseLevel.Data with
                    | Ok found -> failtest $"found {found.Value}"
                    | Error reason -> Expect.stringContains reason "not computed: 3000 components" "the reason")

            testCase "the constants of normal blocks are those of the extreme ones" (fun () ->
                let target = (planOf (warm (blocks 300))).Target
                let value constant = constant target NoiseLevel.Data |> Result.map (fun (c: Constant) -> c.Value)
                Expect.equal (value Constants.smoothness) (Ok 1.0) "L = 1/the smallest variance"
                Expect.equal (value Constants.strongConcavity) (Ok(1.0 / 300.0)) "m = 1/the largest"
                Expect.equal (value Constants.logSobolev) (Ok 300.0) "C = the largest"
                Expect.equal (value Constants.subgaussian) (Ok(sqrt 300.0)) "ς² = the largest")

            testCase "modes are as far apart as the nearest two of all pairs" (fun () ->
                let random = Random 7

                for _ in 1..200 do
                    let parts = List.init 6 (fun _ -> 20.0 * random.NextDouble(), 0.01 + random.NextDouble() ** 4.0)
                    let last = 0.1

                    let apart =
                        [
                            for i in 0..5 do
                                for j in 0 .. i - 1 do
                                    let (x, v), (y, w) = parts[i], parts[j]
                                    abs (x - y) / sqrt (max v w + last * last)
                        ]
                        |> List.min

                    let e =
                        { sampled
                              (mixture [ for x, v in parts -> 1.0 / 6.0, normal [ x ] v ])
                              ve
                              (anneal (geometric 10.0 last 3) step) with
                            Start = Prior
                        }

                    let subject = { Experiment = e; Plan = planOf e; Setting = Map.empty }
                    let assumption = List.last Theorems.LeeAnnealing.annealing.Assumptions

                    match assumption.Evaluate subject with
                    | Broken words
                    | Satisfied words -> Expect.equal words $"{apart:g4} standard deviations" "distance"
                    | InTheLimit words -> failtest words)
        ]

let private wrapped law sampler =
    $"experiment {{\n    target (%s{law})\n    forward vp\n    start warm\n    sampler (%s{sampler})\n}}"

let private joined separator n (make: int -> string) = Seq.init n make |> String.concat separator

/// What reading, checking, lowering and naming a text allocate, by what there is many of.
let private texts =
    let kernel = "corrector (langevin 0.01)"
    let weight (n: int) = (1.0 / float n).ToString "R"

    let many: (string * (int -> string) * int64) list =
        [
            "levels",
            (fun n ->
                let levels = joined "; " n (fun i -> $"{n - i}e-3")
                wrapped "standard 1" $"anneal (levels [ {levels} ]) (predictor flow >=> {kernel})"),
            // With the step of every transition, made once to be counted.
            2500L
            "steps", (fun n -> wrapped "standard 1" (joined " >=> " n (fun _ -> kernel))), 3500L
            "components on the line",
            (fun n ->
                wrapped ("mixture [ " + joined "; " n (fun i -> $"{weight n}, normal [ {i}.25 ] 1.5") + " ]") kernel),
            3000L
            "components in space",
            (fun n ->
                wrapped
                    ("mixture [ " + joined "; " n (fun i -> $"{weight n}, normal [ {i}.25; 1.0; 2.0 ] 1.5") + " ]")
                    kernel),
            3500L
            "blocks",
            (fun n -> wrapped ("product [ " + joined "; " n (fun i -> $"1, normal [ {i}.25 ] 1.5") + " ]") kernel),
            3500L
        ]

    testList
        "texts"
        [
            for name, text, most in many do
                testCase $"{name}: bytes in proportion, and few" (fun () ->
                    let bytes n =
                        let text = text n

                        let check () =
                            match Check.text "many.sgm" "." text with
                            | Ok valid -> valid
                            | Error problems -> failtest (Message.renderAll problems)

                        check () |> ignore
                        allocated check

                    let few, several = bytes 2000, bytes 4000
                    // Without what a text takes once, which grows with the words of the language.
                    Expect.isLessThan ((several - few) / 2000L) most "bytes of one"
                    Expect.isLessThan several (few * 5L / 2L) "bytes of twice as many")

            testCase "steps under many levels stand where they always did, below their head" (fun () ->
                let levels' = numbered 400 (fun i -> 500.5 - i)
                let steps = List.init 50 (fun i -> corrector (langevin (0.001 * float (i + 1))))
                let e = sampled bimodal ve (anneal (levels levels') (Sequence(predictor flow :: steps)))
                let text = Print.experiment e
                let lines = text.Split '\n'
                let head = lines |> Array.findIndex (fun line -> line.Contains "anneal")
                let column = lines[head].IndexOf "(predictor flow" + 1
                Expect.isGreaterThan column 1000 "a long head"
                Expect.equal (lines[head + 1].IndexOf ">=>") column "the next step"
                Expect.equal (Parse.experiment "wide.sgm" text) (Ok e) "it reads back")

            testCase "the fingerprint of an experiment is that of its text, which is not kept" (fun () ->
                let e = sampled (mixture (numbered 4000 (fun i -> 1.0 / 4000.0, normal [ i ] 1.0))) ve step
                Expect.equal (Fingerprint.ofExperiment e) (Fingerprint.ofText (Print.experiment e)) "fingerprint"
                let text = Print.experiment e
                Expect.isLessThan (allocated (fun () -> Fingerprint.ofExperiment e)) (12L * int64 text.Length) "bytes")

            testCase "a place in a long text is found in it" (fun () ->
                let parts =
                    joined "; " 500 (fun i -> if i = 321 then "0.002, standard 0" else "0.002, normal [ 1.0 ] 1.0")

                let text = wrapped $"mixture [ {parts} ]" $"{kernel} >=> ({kernel} >=> corrector (langevin -1.0))"

                match Check.text "long.sgm" "." text with
                | Ok _ -> failtest "valid"
                | Error problems ->
                    let at = [ for problem in problems -> problem.Position.Value.Line, problem.Position.Value.Column ]
                    let lines = text.Split '\n'
                    let column line (words: string) = lines[line - 1].IndexOf words + 1

                    Expect.contains at (2, column 2 "standard 0" + 9) "the dimension"
                    Expect.contains at (5, column 5 "-1.0") "the step")

            testCase "what covers an experiment is said without a certificate" (fun () ->
                let e =
                    { sampled bimodal ve (anneal (geometric 10.0 0.1 200) (predictor ancestral)) with
                        Start = Prior
                    }

                for id in [ "certificate-tv"; "certificate-w2" ] do
                    let theorem = Catalogue.theorems |> List.find (fun theorem -> theorem.Id = id)

                    let evaluate () =
                        Assumption.evaluateAll
                            { Experiment = e; Plan = planOf e; Setting = Map.empty }
                            theorem.Assumptions

                    Expect.isNone (snd (evaluate ())) id
                    Expect.isLessThan (allocated evaluate) 2_000_000L "bytes"

                    let many = { e with Target = mixture (numbered 5000 (fun i -> 1.0 / 5000.0, normal [ i ] 1.0)) }

                    let reason =
                        snd (
                            Assumption.evaluateAll
                                { Experiment = many; Plan = planOf many; Setting = Map.empty }
                                theorem.Assumptions
                        )

                    Expect.stringContains (defaultArg reason "") "not computed: 5000 components" "refused by count")
        ]

/// Laws that are kept at probes.
let private probes =
    let watched law n = planOf { sampled law ve (repeat n (step >=> probe "x")) with Start = Warm }

    testList
        "probes of exact laws"
        [
            for name, interpreter, law in
                [
                    "gaussian", GaussianInterpreter() :> IInterpreter, normal [ 0.0 ] 1.0
                    "gaussian, coupled", GaussianInterpreter(), normalCov [ 0.0; 0.0 ] [ [ 1.0; 0.5 ]; [ 0.5; 1.0 ] ]
                    "grid", GridInterpreter(), bimodal
                    "product", ProductInterpreter(), product [ 2, bimodal; 1, normal [ 0.0 ] 2.0 ]
                    "product, normal", ProductInterpreter(), normalDiag [ 0.0; 1.0 ] [ 1.0; 2.0 ]
                ] do
                testCase $"{name}: counted before the run" (fun () ->
                    Expect.isNull (interpreter.WhyNot(watched law 10)) "eleven laws are kept"
                    let reason = interpreter.WhyNot(watched law 2_000_000_000)
                    Expect.stringContains reason "the laws at 2000000001 probes need" "the number"
                    Expect.stringContains reason "use fewer probes" "what to do"

                    match interpreter.Run(watched law 2_000_000_000, RunOptions()).Status with
                    | :? RunStatus.Unsupported as refused -> Expect.equal refused.Reason reason "not begun"
                    | other -> failtestf "%A" other)

            testCase "what check says of the grid counts them" (fun () ->
                Expect.isGreaterThan
                    (Memory.grid (watched bimodal 10))
                    (Memory.grid (planOf (sampled bimodal ve step)))
                    "bytes")
        ]

let tests = testList "text cost" [ repeats; transitions; laws; texts; probes ]
