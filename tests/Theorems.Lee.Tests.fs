module Sgm.Tests.TheoremsLeeTests

open System.Collections.Immutable
open System.Threading
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Theorems

let private runner = Runner.engine CancellationToken.None

let private planOf e = Lower.plan (fun file -> failtest file) e

/// Langevin at σ = 1 on a law of the line.
let private langevinOn data scoreOfIt =
    planOf (
        experiment {
            target data
            forward ve
            score scoreOfIt
            sampler (anneal (Levels [ 2.0; 1.0 ]) (repeat 10 (corrector (langevin 0.1))))
        }
    )

let private one = NoiseLevel.VarianceExploding 1.0
let private bimodal = mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ]

let private value name result =
    match result with
    | Ok(v: float) -> v
    | Error reason -> failtest $"{name}: {reason}"

let private close name (expected: float) (actual: float) =
    Expect.isLessThan (abs (actual - expected)) (1e-6 * abs expected) $"{name}: {actual} instead of {expected}"

let private errors =
    testList
        "score errors"
        [
            testCase "scaled: ε = |c − 1|·√(d/v), and a χ² tail for the bad set, in agreement with the line"
            <| fun () ->
                let plan = langevinOn (normal [ 0.0 ] 3.0) (exact |> scaled 1.1)
                close "l2" (0.1 / 2.0) (ScoreError.l2 plan one |> value "l2")
                // |s| = |x|/4 > 10·t, so |z| > 20·t for a standard normal z.
                let tail = 2.0 * (1.0 - MathNet.Numerics.Distributions.Normal.CDF(0.0, 1.0, 2.0))
                close "bad set" tail (ScoreError.badSet plan one 0.1 |> value "bad set")

            testCase "shifted and rippled: sup norms, and an empty bad set above them"
            <| fun () ->
                let plan = langevinOn bimodal (exact |> shifted 0.1 |> rippled 0.2 3.0)
                close "sup" (0.1 + 0.2 * sqrt 2.0) (ScoreError.sup plan |> value "sup")
                Expect.equal (ScoreError.badSet plan one 0.4 |> value "bad set") 0.0 "empty"
                // |sin(3x)| > 1/√2 half of the time where the density is flat against the ripple.
                let ripple = langevinOn (normal [ 0.0 ] 400.0) (exact |> rippled 0.2 3.0)
                close "L²" 0.2 (ScoreError.l2 ripple one |> value "l2")
                let half = ScoreError.badSet ripple one 0.2 |> value "bad set"
                Expect.isLessThan (abs (half - 0.5)) 1e-6 $"half: {half}"

            testCase "clipped: the bad set is where the denoiser leaves the ball"
            <| fun () ->
                // D = x·v/(v + 1) with v = 1: |x| > 2R, x ~ N(0, 2).
                let plan = langevinOn (normal [ 0.0 ] 1.0) (exact |> clipped 1.5)
                let tail = 2.0 * (1.0 - MathNet.Numerics.Distributions.Normal.CDF(0.0, 1.0, 3.0 / sqrt 2.0))
                close "bad set" tail (ScoreError.badSet plan one 0.0 |> value "bad set")

            testCase "what is not known is said"
            <| fun () ->
                Expect.isError (ScoreError.sup (langevinOn bimodal (exact |> scaled 1.1))) "not bounded"
                Expect.isError (ScoreError.sup (langevinOn bimodal (scoreOf (normal [ 0.0 ] 1.0)))) "another law"
        ]

let private shapes =
    testList
        "descents"
        [
            testCase "levels, predictors and Langevin steps are read from the plan"
            <| fun () ->
                let plan =
                    planOf (
                        experiment {
                            target bimodal
                            forward ve
                            start prior

                            sampler (
                                anneal
                                    (Levels [ 4.0; 2.0; 1.0 ])
                                    (predictor ancestral >=> repeat 3 (repeat 5 (corrector (langevinScaled 0.1))))
                            )
                        }
                    )

                match LevelRuns.ofPlan plan with
                | Ok [ first; second; third ] ->
                    Expect.equal first.N 0L "nothing at the start"
                    Expect.equal (second.Level.Sigma, second.N) (2.0, 15L) "second"
                    Expect.isLessThan (abs (third.H - 0.1)) 1e-15 "h = c·σ²"
                    Expect.isTrue (second.Predictor.IsSome && third.Predictor.IsSome) "predictors"
                    Expect.equal third.From.Sigma 2.0 "from"
                | other -> failtest $"{other}"

            testCase "a step at one level with another noise than √(2h) is refused"
            <| fun () ->
                let plan =
                    planOf (
                        experiment {
                            target bimodal
                            forward ve
                            start warm
                            sampler (corrector (langevin 0.1))
                        }
                    )

                let weaker (t: Tableau) : Instruction =
                    Instruction.Step(
                        Tableau(
                            Method = t.Method,
                            From = t.From,
                            To = t.To,
                            Stages = t.Stages,
                            A = t.A,
                            B = t.B,
                            C = t.C / sqrt 2.0
                        )
                    )

                let weakened =
                    Plan(
                        Target = plan.Target,
                        Score = plan.Score,
                        Start = plan.Start,
                        InitialLevel = plan.InitialLevel,
                        Instructions = ImmutableArray.CreateRange(plan.Tableaus() |> Seq.map weaker),
                        Metrics = plan.Metrics
                    )

                Expect.isOk (LevelRuns.ofPlan plan) "as it was"

                match LevelRuns.ofPlan weakened with
                | Error reason -> Expect.stringContains reason "not a Langevin step" "reason"
                | Ok runs -> failtest $"{runs}"

            testCase "two step sizes at one level are refused"
            <| fun () ->
                let plan =
                    planOf (
                        experiment {
                            target bimodal
                            forward ve
                            start warm
                            sampler (corrector (langevin 0.1) >=> corrector (langevin 0.2))
                        }
                    )

                Expect.isError (LevelRuns.ofPlan plan) "several sizes"
        ]

let private twins =
    testList
        "total variation between two runs"
        [
            testCase "of two normal laws from the grid is that of the closed form"
            <| fun () ->
                let lawOf mean =
                    experiment {
                        target (normal [ 0.0 ] 1.0)
                        forward ve
                        start (from (normal [ mean ] 1.0))
                        sampler (corrector (langevin 0.1))
                    }
                    |> planOf
                    |> fun plan -> GridInterpreter().Run(plan, RunOptions())
                    |> fun outcome -> outcome.Probes[0].Law :?> GridLaw

                let apart = (lawOf 0.0).TotalVariationFrom(lawOf 1.0)
                let deviation = sqrt (0.81 + 0.2)
                let expected = MathNet.Numerics.SpecialFunctions.Erf(0.9 / deviation / sqrt 8.0)
                Expect.isTrue (apart.Lower <= expected && expected <= apart.Upper) $"{apart} and {expected}"
                Expect.isLessThan (apart.Upper - apart.Lower) 1e-6 "narrow"
                let same = (lawOf 1.0).TotalVariationFrom(lawOf 1.0)
                Expect.isLessThan same.Upper 1e-9 "the same law"

            testCase "from a law that is far narrower than the own panels"
            <| fun () ->
                let lawOf mean variance =
                    experiment {
                        target (normal [ 0.0 ] 1.0)
                        forward ve
                        start (from (normal [ mean ] variance))
                        sampler (corrector (langevin 5e-9))
                    }
                    |> planOf
                    |> fun plan -> GridInterpreter().Run(plan, RunOptions())
                    |> fun outcome -> outcome.Probes[0].Law :?> GridLaw

                // N(0.3, 2·10⁻⁸) is above N(0, 1) where |x − 0.3| < r: there the wide one counts, outside the narrow one's tails.
                let deviation = sqrt 2e-8
                let wide = exp (-0.5 * 0.09) / sqrt (2.0 * System.Math.PI)
                let peak = 1.0 / (deviation * sqrt (2.0 * System.Math.PI))
                let r = deviation * sqrt (2.0 * log (peak / wide))
                let tails = 2.0 * MathNet.Numerics.Distributions.Normal.CDF(0.0, 1.0, -r / deviation)
                let expected = 1.0 - 2.0 * r * wide - tails
                let apart = (lawOf 0.0 1.0).TotalVariationFrom(lawOf 0.3 1e-8)

                Expect.isLessThan
                    (abs (apart.Value.Value - expected))
                    (apart.Upper - apart.Lower + 1e-8)
                    $"{apart} against {expected:R}"
        ]

/// Theorems with every bound at 0.99 of what was measured, and the negative checks.
let private sharpness =
    testList
        "checks can fail"
        [
            for theorem in
                [
                    LeeLangevin.langevinL2
                    LeeWarmStart.neighbouringLevels
                    LeeWarmStart.firstLevel
                    LeeAnnealed.annealedLangevin
                    LeeAnnealed.predictorCorrector
                    LeePredictor.stochasticPredictor
                ] do
                testCase $"{theorem.Id}: a bound below the measurement is violated"
                <| fun () ->
                    let weakened =
                        { theorem with
                            Rates = []
                            Scenarios =
                                theorem.Scenarios
                                |> List.map (fun scenario -> { scenario with Axes = [ scenario.Axes.Head ] })
                                |> List.truncate 1
                            Evidence =
                                fun runner trial ->
                                    theorem.Evidence runner trial
                                    |> Result.map (List.map (fun c -> { c with Bound = 0.99 * c.Measured.Value.Value }))
                        }

                    for c in (Study.run runner Quick [ weakened ]).Checks do
                        Expect.equal c.Verdict Violated c.Key

            testCase "negative checks are of their own kind"
            <| fun () ->
                for c in (Study.run runner Quick [ LeeHypotheses.unstableStep; LeeHypotheses.brokenHypotheses ]).Checks do
                    Expect.equal c.Kind NegativeCheck c.Key
                    Expect.equal c.Verdict Holds $"{c.Key}: {c.Reason}"

            testCase "a stable step is not evidence that an unstable one fails"
            <| fun () ->
                let stable =
                    experiment {
                        target (normal [ 0.0 ] 1.0)
                        forward ve
                        start (from (normal [ 0.0 ] 1.2))
                        sampler (repeat 60 (corrector (langevin 0.5)))
                    }

                let cell = Study.onExperiment runner LeeHypotheses.unstableStep stable
                Expect.equal cell.Verdict NotApplicable "stable"
        ]

/// What goes into a bound is known, or the check is inconclusive.
let private knownInBounds =
    let far =
        experiment {
            target (normal [ 0.0 ] 1.0)
            forward ve
            score (scoreOf (mixture [ 0.99, normal [ 0.0 ] 1.0; 0.01, normal [ 20.0 ] 1.0 ]))
            start (from (normal [ 20.0 ] 1.0))
            sampler (corrector (langevin 0.1))
        }
        |> planOf

    testList
        "what bounds are evaluated with"
        [
            testCase "χ² of a start is that of normal laws, whatever the score: e^400 − 1"
            <| fun () ->
                match Measure.atStart Metric.Chi2 runner far |> Result.bind Measure.resolved with
                | Ok chi2 -> Expect.isLessThan (abs (log chi2 - 400.0)) 1e-9 $"{chi2}"
                | Error reason -> failtest reason

            testCase "the upper end of a narrow bracket, and no end of a wide one"
            <| fun () ->
                let wide = Estimate.Exact(2.0, 0.0, infinity, "grid")
                Expect.isError (Measure.resolved wide) "wide"
                Expect.equal (Measure.resolved (Estimate.Exact(2.0, 2.0, 2.0 + 1e-9, "grid"))) (Ok(2.0 + 1e-9)) "narrow"

            testCase "a bound is evaluated with the upper end of what is certain, or not at all"
            <| fun () ->
                Expect.equal (Measure.atMost (Estimate.Exact(2.0, 1.0, 3.0, "grid"))) (Ok 3.0) "wide"
                Expect.equal (Measure.atMost (Estimate.Infinite("grid", "tails"))) (Ok infinity) "infinite"
                Expect.equal (Measure.atMost (Estimate.Unavailable("grid", "no value", 0.0, 5.0))) (Ok 5.0) "no value"
                Expect.isError (Measure.atMost (Estimate.Unavailable("grid", "no value"))) "nothing known"
                Expect.isError (Measure.atMost (Estimate.Sampled(2.0, 1.0, 3.0, 0.99, "particles"))) "samples"

            testCase "the false mode's escape bound holds for its own example only"
            <| fun () ->
                let theorem = LeeFalseMode.falseModeInHighDimension
                let scenario = theorem.Scenarios.Head
                let own = scenario.Experiment (Map.ofList [ "d", 2.0; "h", 0.1; "N", 5.0 ]) 0
                Expect.equal (Study.onExperiment runner theorem own).Verdict Holds "the example"

                for words, other in
                    [
                        "another start", { own with Start = warm }
                        "the exact score", { own with Score = exact }
                        "a large step", { own with Sampler = repeat 5 (corrector (langevin 1.5)) }
                        "another target", { own with Target = product [ 1, normal [ 5.0 ] 1.0; 1, normal [ 0.0 ] 1.0 ] }
                    ] do
                    Expect.equal (Study.onExperiment runner theorem other).Verdict NotApplicable words
        ]

let private assumptions =
    let notApplicable (theorem: Theorem) e (reason: string) =
        let cell = Study.onExperiment runner theorem e
        Expect.equal cell.Verdict NotApplicable $"{theorem.Id}: {cell.Reason}"
        Expect.stringContains (defaultArg cell.Reason "") reason theorem.Id

    let descent forwardOf startOf samplerOf =
        experiment {
            target (normal [ 0.0 ] 1.0)
            forward forwardOf
            start startOf
            sampler samplerOf
        }

    testList
        "assumptions"
        [
            testCase "levels too far apart"
            <| fun () ->
                notApplicable
                    LeeWarmStart.neighbouringLevels
                    (descent ve warm (anneal (Levels [ 2.0; 1.0 ]) identity))
                    "η = 3"
            testCase "a start that is not the target"
            <| fun () ->
                notApplicable
                    LeeWarmStart.neighbouringLevels
                    (descent ve prior (anneal (Levels [ 1.1; 1.0 ]) identity))
                    "not the target"
            testCase "a first level whose noise the data outgrow"
            <| fun () ->
                notApplicable
                    LeeWarmStart.firstLevel
                    (descent ve prior (anneal (Levels [ 1.2; 1.0 ]) identity))
                    "infinite"
            testCase "a chain of deterministic steps"
            <| fun () ->
                notApplicable
                    LeeBadSets.badSets
                    (descent ve prior (anneal (geometric 4.0 1.0 4) (predictor flow)))
                    "deterministic"
            testCase "levels that are not uniform in λ"
            <| fun () ->
                notApplicable
                    LeePredictor.stochasticPredictor
                    (descent ve prior (anneal (geometric 4.0 1.0 4) (predictor ancestral)))
                    "uniform in λ"
            testCase "levels whose λ is uniform measured by the last one, not by a step"
            <| fun () ->
                let bent by = [ for i in 0..2000 -> 1.0 / sqrt (0.1 + float i + (if i = 1000 then by else 0.0)) ]

                let over sigmas = descent ve prior (anneal (levels sigmas) (predictor ancestral))

                notApplicable LeePredictor.stochasticPredictor (over (bent 1e-3)) "uniform in λ"
                let cell = Study.onExperiment Planted.healthy LeePredictor.stochasticPredictor (over (bent 0.0))
                Expect.equal cell.Verdict Holds $"{cell.Reason}"
            testCase "annealed Langevin with too large a step"
            <| fun () ->
                notApplicable
                    LeeAnnealed.annealedLangevin
                    (descent ve prior (anneal (geometric 4.0 1.0 4) (repeat 5 (corrector (langevinScaled 0.1)))))
                    "is above 1/(272"
            testCase "too little time from a cold start"
            <| fun () ->
                notApplicable
                    LeeLangevin.langevinL2
                    { descent ve (from (normal [ 4.0 ] 1.0)) (repeat 1000 (corrector (langevin 1e-3))) with
                        Target = normal [ 0.0 ] 1.0
                    }
                    "is below C·ln(8χ₀²)"
        ]

let tests =
    testList "theorems of Lee, Lu and Tan" [ errors; shapes; twins; knownInBounds; sharpness; assumptions ]
