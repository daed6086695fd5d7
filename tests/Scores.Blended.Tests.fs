/// Blended scores: Σ weight·s.
module Sgm.Tests.ScoresBlendedTests

open System
open Expecto
open FsCheck.FSharp
open Sgm
open Sgm.Engine
open Sgm.Verification

let private planOf own =
    Check.plan own |> Result.defaultWith (fun problems -> failtestf "%s" (Message.renderAll problems))

let private modes = mixture [ 0.4, normal [ -2.0 ] 0.25; 0.6, normal [ 1.0 ] 0.5 ]

let private experimentOf law forward' scored method =
    experiment {
        target law
        forward forward'
        score scored

        start (
            from (
                normal
                    (List.replicate (ExactLaws.planOf (Certified.oneStep law ve 1.0 0.5 flow exact)).Dimension 0.3)
                    2.0
            )
        )

        sampler (anneal (geometric 2.0 0.2 6) (predictor method >=> corrector (langevin 0.01)))
        measure [ kl; tv; w2 ]
    }

/// Of two laws, of fitted parts, of a clip inside and outside, one inside another.
let private blends =
    [
        guided 2.5 exact (scoreOf (normal [ 0.2 ] 3.0))
        blend [ 0.7, exact |> shifted 0.1; -0.2, scoreOf (normal [ -1.0 ] 1.0); 0.4, scoreOf modes |> scaled 1.3 ]
        blend
            [ 1.0, guided 3.0 (exact |> rippled 0.2 2.0) (scoreOf (normal [ 0.0 ] 2.0)) |> temperature 1.4; 0.1, exact ]
        blend [ 0.3, exact ] |> shifted -0.2
    ]

let private definition =
    testList
        "what is evaluated"
        [
            testCase "on the line, the score and the denoiser are the sums, at every point" (fun () ->
                for scored in blends do
                    let plan = planOf (experimentOf modes vp scored ancestral)
                    let points = Array.init 41 (fun i -> -6.0 + 0.3 * float i)

                    for level in
                        [
                            NoiseLevel.VariancePreserving 1.3
                            NoiseLevel.Rectified 0.4
                            NoiseLevel.VarianceExploding 0.05
                        ] do
                        for reading in [ Prediction.Score; Prediction.Denoiser ] do
                            let found = Array.zeroCreate points.Length

                            ScoreField(plan.Score)
                                .Evaluate(level, reading, ReadOnlySpan points, Span found, points.Length)

                            for x, value in Array.zip points found do
                                let s = Naive.score plan.Score level x
                                let d = (x + level.NoiseVariance * s) / level.Mean
                                let expected = if reading = Prediction.Score then s else d

                                let size =
                                    1.0
                                    + abs expected
                                    + (if reading = Prediction.Score then 0.0 else abs (x / level.Mean))

                                Expect.isLessThan
                                    (abs (value - expected))
                                    (1e-12 * size / level.Sigma)
                                    $"{x} at {level}")

            testCase "in more dimensions, whatever the register width" (fun () ->
                let law = normalCov [ 0.5; -1.0; 0.0 ] [ [ 1.0; 0.3; 0.0 ]; [ 0.3; 0.5; 0.1 ]; [ 0.0; 0.1; 2.0 ] ]
                let other = normalDiag [ 0.0; 1.0; 0.0 ] [ 2.0; 1.0; 0.5 ]
                let parts = [ 1.7, exact |> clipped 1.5; -0.4, scoreOf other |> shifted 0.3; 0.2, exact ]
                let score scored = (planOf (experimentOf law ve scored ancestral)).Score
                let whole = score (blend parts |> scaled 0.9)
                let level = NoiseLevel.VarianceExploding 0.8
                let n = 37
                let points = Array.init (3 * n) (fun i -> 3.0 * sin (float i))

                let evaluate (field: ScoreField) =
                    let found = Array.zeroCreate points.Length
                    field.Evaluate(level, ReadOnlySpan points, Span found, n)
                    found

                let expected =
                    parts
                    |> List.map (fun (w, part) -> evaluate (ScoreField(score part)) |> Array.map ((*) w))
                    |> List.reduce (Array.map2 (+))
                    |> Array.map ((*) 0.9)

                let found = evaluate (ScoreField whole)

                for a, b in Array.zip found expected do
                    Expect.isLessThan (abs (a - b)) 1e-13 "sum"

                for bits in [ 64; 128; 256; 512 ] do
                    Expect.equal (evaluate (ScoreField(whole, bits))) found $"{bits} bits")
        ]

let private laws =
    testList
        "laws"
        [
            testCase "on the line the law is the naive twin's" (fun () ->
                for scored in blends do
                    let plan = planOf (experimentOf modes vp scored ancestral)
                    let law = ExactLaws.finalOf (GridInterpreter().Run(plan, RunOptions()))
                    let naive = Naive.run 1600 plan
                    let level = (Seq.last (GridInterpreter().Run(plan, RunOptions()).Probes)).Level
                    let expected = Naive.kl naive plan.Target.Factors[0].Law level
                    let found = ExactLaws.value Metric.Kl law
                    Expect.isLessThan (abs (found - expected)) (1e-7 * (1.0 + expected)) $"{scored}"
                    let mean, variance = Naive.moments naive
                    let moments = law.Moments()
                    Expect.isLessThan (abs (moments.Mean[0] - mean)) 1e-7 "mean"
                    Expect.isLessThan (abs (moments.Variance[0] - variance)) 1e-6 "variance")

            testCase "normal laws stay normal: closed form and quadrature agree on the line" (fun () ->
                let parts =
                    [
                        1.8, exact
                        -0.7, scoreOf (normal [ -1.0 ] 3.0) |> shifted 0.1
                        0.1, scoreOf (normal [ 2.0 ] 0.5)
                    ]

                for method in [ ancestral; flow; flowHeun; dpmpp2s; eulerMaruyama ] do
                    let plan =
                        planOf (
                            experimentOf
                                (normal [ 1.0 ] 0.5)
                                vp
                                (blend parts |> temperature 1.2 |> shifted 0.05)
                                method
                        )

                    let closed = ExactLaws.finalOf (GaussianInterpreter().Run(plan, RunOptions()))
                    let grid = ExactLaws.finalOf (GridInterpreter().Run(plan, RunOptions()))

                    for metric in ExactLaws.metrics do
                        ExactLaws.contains
                            (grid.Measure metric)
                            (ExactLaws.value metric closed)
                            $"{metric.Name} of {method}")

            testCase "independent coordinates: each is the line's, in closed form where all parts are normal" (fun () ->
                let law = normalDiag [ 1.0; -1.0; 1.0 ] [ 0.5; 1.0; 0.5 ]
                let other = normalDiag [ 0.0; 0.5; 0.0 ] [ 2.0; 1.5; 2.0 ]
                let scored = guided 2.0 exact (scoreOf other |> shifted 0.3) |> shifted 0.2
                let plan = planOf (experimentOf law vp scored flowHeun)
                let whole = ExactLaws.finalOf (ProductInterpreter().Run(plan, RunOptions()))
                let unit = 1.0 / sqrt 3.0

                let alone mean variance otherMean otherVariance =
                    let guide = scoreOf (normal [ otherMean ] otherVariance) |> shifted (0.3 * unit)
                    let scored = guided 2.0 exact guide |> shifted (0.2 * unit)
                    ExactLaws.gaussianLaw (experimentOf (normal [ mean ] variance) vp scored flowHeun)

                let lines = [ alone 1.0 0.5 0.0 2.0; alone -1.0 1.0 0.5 1.5; alone 1.0 0.5 0.0 2.0 ]
                let moments = whole.Moments()

                for e, line in List.indexed lines do
                    let own = line.Moments()
                    Expect.isLessThan (abs (moments.Mean[e] - own.Mean[0])) 1e-12 $"mean {e}"
                    Expect.isLessThan (abs (moments.Variance[e] - own.Variance[0])) 1e-12 $"variance {e}"

                let sum = lines |> List.sumBy (ExactLaws.value Metric.Kl)
                ExactLaws.contains (whole.Measure Metric.Kl) sum "kl"
                Expect.isNotNull (GaussianInterpreter().WhyNot plan) "the coupled form has no blends")

            testCase "a million equal coordinates cost what one does" (fun () ->
                let scored = guided 1.5 exact (scoreOf (product [ 1_000_000, normal [ 0.0 ] 2.0 ]))
                let plan = planOf (experimentOf (product [ 1_000_000, normal [ 0.5 ] 1.0 ]) vp scored ancestral)
                let whole = ExactLaws.finalOf (ProductInterpreter().Run(plan, RunOptions()))

                let own =
                    experimentOf (normal [ 0.5 ] 1.0) vp (guided 1.5 exact (scoreOf (normal [ 0.0 ] 2.0))) ancestral

                let one = ExactLaws.gaussianLaw own |> ExactLaws.value Metric.Kl
                Expect.isLessThan (abs (ExactLaws.value Metric.Kl whole / (1e6 * one) - 1.0)) 1e-12 "kl")

            testCase "particles have the exact law's moments" (fun () ->
                let plan = planOf (experimentOf modes vp blends[1] flowHeun)
                let exactly = (ExactLaws.finalOf (GridInterpreter().Run(plan, RunOptions()))).Moments()
                let options = RunOptions(Particles = 200_000L, Seed = 3UL)
                let found = (ExactLaws.finalOf (Ensemble().Run(plan, options))).Moments()
                Expect.isLessThan (abs (found.Mean[0] - exactly.Mean[0])) (5.0 * found.MeanError[0]) "mean"

                Expect.isLessThan
                    (abs (found.Variance[0] - exactly.Variance[0]))
                    (5.0 * found.VarianceError[0])
                    "variance")

            testCase "what has no law is refused with the reason" (fun () ->
                let planar = normalCov [ 0.0; 0.0 ] [ [ 1.0; 0.5 ]; [ 0.5; 1.0 ] ]

                let plan =
                    planOf (
                        experimentOf
                            (normalDiag [ 0.0; 1.0 ] [ 1.0; 2.0 ])
                            ve
                            (blend [ 0.5, exact; 0.5, scoreOf planar ])
                            flow
                    )

                let inside (reason: string) expected = Expect.stringContains reason expected "reason"
                inside (GaussianInterpreter().WhyNot plan) "a blend"
                inside (ProductInterpreter().WhyNot plan) "not independent"
                let clip = blend [ 0.5, exact; 0.5, exact |> clipped 1.0 ]
                let clippedPlan = planOf (experimentOf (normalDiag [ 0.0; 1.0 ] [ 1.0; 2.0 ]) ve clip flow)
                inside (ProductInterpreter().WhyNot clippedPlan) "couples the coordinates")
        ]

/// E‖s − ∇ln p‖² by a trapezoid sum.
let private errorByHand (plan: Plan) level =
    let law = plan.Target.Factors[0].Law
    let exactly = Engine.Score(plan.Target, System.Collections.Immutable.ImmutableArray.Empty)
    let n, reach = 40_000, 25.0
    let width = 2.0 * reach / float n

    Seq.init (n + 1) (fun i ->
        let x = -reach + width * float i
        let e = Naive.score plan.Score level x - Naive.score exactly level x
        exp (Naive.logDensity law level x) * e * e * width)
    |> Seq.sum

let private errors =
    testList
        "errors"
        [
            testCase "on the line ε is bounded from above, closely" (fun () ->
                for scored in blends do
                    let plan = planOf (experimentOf modes vp scored ancestral)

                    for level in [ NoiseLevel.VariancePreserving 2.0; NoiseLevel.VariancePreserving 0.3 ] do
                        let truth = sqrt (errorByHand plan level)

                        match ScoreError.l2 plan level with
                        | Ok bound ->
                            Expect.isGreaterThanOrEqual bound (truth * (1.0 - 1e-9)) $"{scored}"
                            Expect.isLessThan bound (truth * 1.01 + 1e-12) $"{scored}"
                        | Error reason -> failtest reason)

            testCase "a blend that is the exact score has no error" (fun () ->
                let plan = planOf (experimentOf modes vp (blend [ 0.25, exact; 0.75, scoreOf modes ]) ancestral)

                match ScoreError.l2 plan (NoiseLevel.VariancePreserving 0.5) with
                | Ok bound -> Expect.isLessThan bound 1e-12 "ε"
                | Error reason -> failtest reason)

            testCase "beyond the line a blend without a clip is never taken for exact" (fun () ->
                let law = normal [ 0.5; -0.5 ] 1.0

                let plan =
                    planOf (experimentOf law vp (guided 1.5 exact (scoreOf (normal [ 0.0; 0.0 ] 2.0))) ancestral)

                match ScoreError.l2 plan (NoiseLevel.VariancePreserving 0.5) with
                | Ok bound -> failtest $"{bound}"
                | Error reason -> Expect.stringContains reason "clipped R" "remedy"

                Expect.isError (ScoreError.sup plan) "sup"
                let found = List.last (Certified.certified plan)
                Expect.equal found.Tv.Value 1.0 "tv"
                Expect.equal found.W2.Value infinity "w2")

            testCase "certificates on the line are never below the truth" (fun () ->
                for scored in blends do
                    let own =
                        { experimentOf modes ve scored ancestral with
                            Sampler = anneal (geometric 4.0 0.3 30) (predictor ancestral)
                            Start = warm
                        }

                    let plan = planOf own

                    let measured =
                        ExactLaws.finalOf (GridInterpreter().Run(plan, RunOptions())) |> ExactLaws.value Metric.Tv

                    let found = Certified.certified plan
                    Expect.isGreaterThanOrEqual (List.last found).Tv.Value measured $"{scored}")
        ]

let private words =
    testList
        "words"
        [
            testCase "guided is the programs' scale" (fun () ->
                let other = scoreOf (standard 1)
                Expect.equal (guided 7.5 exact other) (blend [ 7.5, exact; -6.5, other ]) "blend"

                Expect.equal
                    (guided 1.0 exact other)
                    (blend [ 1.0, exact; 0.0, other ])
                    "scale 1 is the conditional score")

            testCase "temperature divides the score: of a normal law, that of N(m, k·v)" (fun () ->
                let plan = planOf (experimentOf (normal [ 0.4 ] 2.0) ve (exact |> temperature 0.5) flow)
                let s = Naive.score plan.Score NoiseLevel.Data 1.0
                Expect.isLessThan (abs (s - (0.4 - 1.0) / (0.5 * 2.0))) 1e-15 "score")

            testProperty
                "texts read back"
                (Generators.forAll
                    (Gen.map2
                        (fun a b -> blend [ 0.5, a; -2.0, b |> scaled 0.3 ] |> shifted 0.1)
                        (Generators.score false 1)
                        (Generators.score false 1))
                    (fun scored ->
                        let own = { experimentOf modes vp exact flow with Score = scored }

                        match Check.text "a.sgm" "." (Print.experiment own) with
                        | Ok found -> Expect.equal found.Experiment.Score scored "score"
                        | Error problems -> failtestf "%s" (Message.renderAll problems)))

            testCase "faults stand where they are" (fun () ->
                let text =
                    "experiment {\n    target (standard 2)\n    forward vp\n    score (blend [ 0.5, exact |> clipped -1.0\n                   0.5, scoreOf (standard 3) ] |> temperature 0.0)\n    sampler (anneal (uniform 1.0 0.1 2) (predictor flow))\n}\n"

                match Check.text "a.sgm" "." text with
                | Ok _ -> failtest "valid"
                | Error problems ->
                    let all = Message.renderAll problems

                    Expect.stringContains
                        all
                        "a.sgm:4:42: error: score / parts / part 1 / modifier 1 / radius"
                        "radius"

                    Expect.stringContains all "a.sgm:5:34: error: score / parts / part 2 / law" "dimension"

                    Expect.stringContains
                        all
                        "score / modifier 1 / k: found 0.0, expected a temperature > 0"
                        "temperature")
        ]

let tests = testList "Scores.Blended" [ definition; laws; errors; words ]
