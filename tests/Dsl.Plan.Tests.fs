module Sgm.Tests.DslPlanTests

open Expecto
open FsCheck.FSharp
open Sgm

let private planOf forward sampler =
    Lower.plan
        (fun file -> invalidOp file)
        {
            Target = normal [ 0.5 ] 2.0
            Forward = forward
            Score = exact
            Start = warm
            Sampler = sampler
            Measure = [ kl ]
            Particles = 1
            Seed = 1L
            Discrete = None
        }

let private unrolled forward sampler = (planOf forward sampler).Unrolled() |> List.ofSeq

/// The same steps and probes, numbers and levels to the bit, under both forward processes.
let private same a b message =
    for forward in [ vp; ve ] do
        Expect.sequenceEqual (unrolled forward a) (unrolled forward b) message

let private samplers = Generators.probed Generators.pipeline

let rec private remembers pipeline =
    match pipeline with
    | Predictor method -> Sgm.Verification.References.Memory.isRead method
    | other -> Pipeline.children other |> List.exists remembers

let private algebra =
    testList
        "algebra of samplers"
        [
            testProperty
                ">=> is associative, as a value and as a plan"
                (Generators.forAll (Gen.zip3 samplers samplers samplers) (fun (a, b, c) ->
                    Expect.equal ((a >=> b) >=> c) (a >=> (b >=> c)) "value"
                    same ((a >=> b) >=> c) (Sequence [ a; Sequence [ b; c ] ]) "plan"))

            testProperty
                "identity is its unit"
                (Generators.forAll samplers (fun a ->
                    Expect.equal (identity >=> a) a "left"
                    Expect.equal (a >=> identity) a "right"
                    same (Sequence [ identity; a; identity ]) a "plan"))

            testProperty "repeat 1 a = a" (Generators.forAll samplers (fun a -> same (repeat 1 a) a "plan"))

            testProperty
                "repeat 0 a = identity"
                (Generators.forAll (Gen.zip samplers samplers) (fun (a, b) ->
                    same (repeat 0 a >=> b) b "before"
                    same (b >=> repeat 0 a) b "after"))

            testProperty
                "repeat (m + n) a = repeat m a >=> repeat n a"
                (Generators.forAll (Gen.zip3 (Gen.choose (0, 3)) (Gen.choose (0, 3)) samplers) (fun (m, n, a) ->
                    same (repeat (m + n) a) (repeat m a >=> repeat n a) "plan"))

            testProperty
                "repeat m (repeat n a) = repeat (m·n) a"
                (Generators.forAll (Gen.zip3 (Gen.choose (0, 3)) (Gen.choose (0, 3)) samplers) (fun (m, n, a) ->
                    same (repeat m (repeat n a)) (repeat (m * n) a) "plan"))

            // But of methods that keep what they saw in an anneal, or count its transitions.
            testProperty
                "an anneal over a schedule cut in two is the two anneals in sequence"
                (Generators.forAll
                    (Gen.zip3
                        (Generators.schedule true)
                        (Gen.where (not << remembers) Generators.body)
                        (Gen.choose (0, 100)))
                    (fun (schedule, body, share) ->
                        let n = Schedule.transitions schedule
                        let cut = min n (share * (n + 1) / 101)

                        for forward in [ vp; ve ] do
                            let all = List.init (n + 1) (Schedule.parameter forward schedule)
                            let upper, lower = List.take (cut + 1) all, List.skip cut all

                            if upper.Length > 1 && lower.Length > 1 then
                                Expect.sequenceEqual
                                    (unrolled forward (anneal schedule body))
                                    (unrolled forward (anneal (levels upper) body >=> anneal (levels lower) body))
                                    "plan"))

            testProperty
                "the step count is that of the unrolled plan"
                (Generators.forAll samplers (fun a ->
                    let plan = planOf vp a

                    let steps =
                        plan.Unrolled()
                        |> Seq.sumBy (fun instruction ->
                            match instruction with
                            | AnyStep _ -> 1L
                            | _ -> 0L)

                    Expect.equal plan.StepCount steps "steps"))

            testProperty
                "the steps before a probe are those of the unrolled plan"
                (Generators.forAll samplers (fun a ->
                    let plan = planOf vp a

                    let before, _ =
                        (([], 0L), plan.Unrolled())
                        ||> Seq.fold (fun (found, steps) instruction ->
                            match instruction with
                            | AnyStep _ -> found, steps + 1L
                            | :? Engine.Instruction.Probe -> steps :: found, steps
                            | _ -> found, steps)

                    let counted = List.init before.Length (fun i -> plan.StepsBefore(int64 i))
                    Expect.equal counted (List.rev before) "steps before every probe"))

            testCase
                "levels: before the predictor the upper one, after it the lower one, without one the lower one"
                (fun () ->
                    let step = corrector (langevin 0.1)

                    let visited sampler =
                        unrolled ve sampler
                        |> List.choose (fun instruction ->
                            match instruction with
                            | :? Engine.Instruction.Step as step when step.Tableau.StaysAtLevel ->
                                Some step.Tableau.From.Sigma
                            | :? Engine.Instruction.Probe as probe -> Some probe.Level.Sigma
                            | _ -> None)

                    let schedule = levels [ 3.0; 2.0; 1.0 ]
                    Expect.equal (visited (anneal schedule (step >=> predictor flow))) [ 3.0; 2.0; 1.0 ] "before"
                    Expect.equal (visited (anneal schedule (predictor flow >=> step))) [ 2.0; 1.0; 1.0 ] "after"
                    Expect.equal (visited (anneal schedule step)) [ 2.0; 1.0; 1.0 ] "without"

                    Expect.equal
                        (visited (step >=> anneal schedule step))
                        [ 3.0; 2.0; 1.0; 1.0 ]
                        "at the first level too"

                    Expect.equal (visited step) [ 0.0; 0.0 ] "no anneal: the data level")

            testCase "long chains and deep nests lower without overflow" (fun () ->
                let long = Sequence(List.init 200_000 (fun i -> corrector (langevin (1.0 / float (i + 1)))))
                Expect.equal (planOf vp long).StepCount 200_000L "chain"
                let once = anneal (levels [ 2.0; 1.0 ]) (corrector (langevin 0.1))
                let deep = List.fold (fun body _ -> repeat 2 body) once [ 1..40 ]
                Expect.equal (planOf vp deep).StepCount (1L <<< 40) "nest of anneals")
        ]

// The table of the language document, written naively; compared where nothing cancels.

type private Naive = { A: float; B: float; C: float }

let private naive (method: PredictorMethod) forward (upper: Engine.NoiseLevel) (lower: Engine.NoiseLevel) =
    let m, s, m', s' = upper.Mean, upper.Sigma, lower.Mean, lower.Sigma
    let r = m / m'
    let euler = { A = 1.0 / r; B = s * s / r - s * s'; C = 0.0 }

    let noise = sqrt (s * s - r * r * s' * s')
    let posterior c = Some { A = 1.0 / r; B = noise * noise / r; C = c }

    match method.Word, forward with
    | "eulerMaruyama", Vp ->
        let gamma = upper.Parameter - lower.Parameter

        Some { A = 1.0 + gamma; B = 2.0 * gamma; C = sqrt (2.0 * gamma) }
    | "exponential", Vp ->
        let gamma = upper.Parameter - lower.Parameter

        Some { A = exp gamma; B = 2.0 * (exp gamma - 1.0); C = sqrt (exp (2.0 * gamma) - 1.0) }
    | "relative", Vp -> Some { A = 2.0 - r; B = 2.0 * (1.0 - r); C = sqrt (1.0 - r * r) }
    | "reverseDiffusion", Vp -> Some { A = 2.0 - r; B = 1.0 - r * r; C = sqrt (1.0 - r * r) }
    | ("eulerMaruyama" | "exponential" | "relative" | "reverseDiffusion"), Ve ->
        let gamma = s * s - s' * s'
        Some { A = 1.0; B = gamma; C = sqrt gamma }
    | "ancestral", _ -> posterior (s' * noise / s)
    | "ddpmLarge", _ -> posterior (if s' = 0.0 then 0.0 else noise)
    | "ancestralEta", _ ->
        // DDIM, equation 12: m′·D + √(σ′² − c²)·(x − m·D)/σ + c·ξ with D = (x + σ²·s)/m.
        let c = float method.Arguments.Head * s' * noise / s
        let left = sqrt (s' * s' - c * c)

        Some { A = 1.0 / r; B = s * s / r - left * s; C = c }
    | "flow", _ -> Some euler
    | "flowHeun", _ -> if s' = 0.0 then Some euler else None
    | _ -> None

let private levelPair =
    gen {
        let! forward = Gen.elements [ vp; ve ]
        let! upper = Gen.choose (20, 300)
        let! lower = Gen.choose (0, upper - 10)
        return forward, Forward.level forward (float upper / 100.0), Forward.level forward (float lower / 100.0)
    }

let private close expected actual message = Expect.floatClose Accuracy.veryHigh actual expected message

let private predictors = Methods.predictors |> List.map (fun entry -> entry.Method)

let private kernels =
    testList
        "kernels against the table"
        [
            testProperty
                "one-stage predictors: A, B, C and levels"
                (Generators.forAll levelPair (fun (forward, upper, lower) ->
                    for method in predictors do
                        match naive method forward upper lower with
                        | None -> ()
                        | Some expected ->
                            let own = Sgm.Tests.Naive.tableauOf method (Transition.Alone(forward, upper, lower))

                            let tableau = own.InScores()

                            Expect.equal tableau.Stages.Length 1 $"{method}: stages"
                            Expect.equal tableau.Stages[0].Level upper $"{method}: score at the upper level"
                            Expect.equal (tableau.From, tableau.To) (upper, lower) $"{method}: levels"
                            close 1.0 tableau.Stages[0].A $"{method}: stage"
                            close expected.A tableau.A $"{method}: A"
                            close expected.B tableau.B[0] $"{method}: B"
                            close expected.C tableau.C $"{method}: C"))

            testProperty
                "flowHeun against its definition in x/m and σ/m, on a nonlinear score"
                (Generators.forAll levelPair (fun (forward, upper, lower) ->
                    let score x (level: Engine.NoiseLevel) = sin (x + level.Sigma) - 0.7 * x
                    let x = 0.83

                    let expected =
                        let rho, rho' = upper.Sigma / upper.Mean, lower.Sigma / lower.Mean

                        let slope y (level: Engine.NoiseLevel) rho =
                            let x = y * level.Mean
                            let denoised = (x + level.NoiseVariance * score x level) / level.Mean
                            (y - denoised) / rho

                        let y = x / upper.Mean
                        let k1 = slope y upper rho
                        let euler = y + (rho' - rho) * k1

                        if rho' = 0.0 then
                            lower.Mean * euler
                        else
                            lower.Mean * (y + (rho' - rho) * (k1 + slope euler lower rho') / 2.0)

                    let tableau = Sgm.Tests.Naive.tableauOf flowHeun (Transition.Alone(forward, upper, lower))

                    for tableau in [ tableau; tableau.InScores() ] do
                        let readings = ResizeArray<float>()

                        for stage in tableau.Stages do
                            let state = stage.A * x + Seq.sum (Seq.map2 (*) stage.B readings)
                            readings.Add(Sgm.Tests.Naive.read stage state (score state stage.Level))

                        close expected (tableau.A * x + Seq.sum (Seq.map2 (*) tableau.B readings)) "state"
                        Expect.equal tableau.C 0.0 "no noise"))

            testProperty
                "correctors: 1, h, √(2h) at their level"
                (Generators.forAll (Gen.zip levelPair Generators.positive) (fun ((_, level, _), h) ->
                    for method, step in [ langevin h, h; langevinScaled h, h * level.Sigma ** 2.0 ] do
                        let tableau =
                            match Kernel.corrector method (Correction.At level) with
                            | [ TableauStep tableau ] -> tableau
                            | other -> failtest $"{other}"

                        Expect.isTrue tableau.StaysAtLevel "level"
                        close 1.0 tableau.A "A"
                        close step tableau.B[0] "B"
                        close (sqrt (2.0 * step)) tableau.C "C"))
        ]

let tests = testList "Dsl.Plan" [ algebra; kernels ]
