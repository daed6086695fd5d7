module Sgm.Tests.BrunoTests

open System.Threading
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Theorems
open Sgm.Verification.Theorems.BrunoTraining
open Sgm.Verification.Theorems.BrunoLearned

let private runner = Runner.engine CancellationToken.None

let private notApplicable theorem e (reason: string) =
    let cell = Study.onExperiment runner theorem e
    Expect.equal cell.Verdict NotApplicable $"{cell.Reason}"
    Expect.stringContains (defaultArg cell.Reason "") reason "reason"

/// The theorem on its first scenario with the base changed, along one axis.
let private along axis changes (theorem: Theorem) =
    let scenario = theorem.Scenarios.Head
    let changed = (scenario.Bases.Head, changes) ||> List.fold (fun setting (key, value) -> Map.add key value setting)

    let narrowed =
        { scenario with
            Bases = [ changed ]
            Axes = scenario.Axes |> List.filter (fun a -> a.Symbol = axis)
        }

    (Study.run runner Quick [ { theorem with Scenarios = [ narrowed ]; Rates = [] } ]).Checks.Head

let private training =
    {
        Dimension = 3
        Mean = 0.7
        Offset = -1.2
        Time = 1.5
        Rate = 0.3
        Temperature = 0.02
        Steps = 20
    }

let private squares (t: Training) (learned: Learned) =
    learned.Theta |> Array.map (Array.sumBy (fun x -> (x - t.Mean) * (x - t.Mean)))

/// E f(τ) for τ uniform on [0, T] by the midpoint rule.
let private overTimes time f =
    let n = 20_000
    Seq.init n (fun i -> f (time * (float i + 0.5) / float n)) |> Seq.average

let private sgld =
    testList
        "training"
        [
            testCase "a₁, a₂, a₃ are the moments of σ²e^(−2τ) and σ²e^(−4τ)"
            <| fun () ->
                for time in [ 0.1; 1.0; 5.0 ] do
                    let a = curvatureMoments time
                    let curvature tau = (1.0 - exp (-2.0 * tau)) * exp (-2.0 * tau)
                    let close x y name = Expect.isLessThan (abs (x - y)) (1e-8 + 1e-7 * y) $"{name} at T = {time}"
                    close a.First (overTimes time curvature) "a₁"
                    close a.Second (overTimes time (fun tau -> curvature tau * curvature tau)) "a₂"
                    close a.Noise (overTimes time (fun tau -> curvature tau * exp (-2.0 * tau))) "a₃"

            testCase "the gradient is that of the denoising loss"
            <| fun () ->
                // ‖e^(−2τ)z − σe^(−τ)(x − θ)‖² by central differences; it is quadratic in θ, so they are exact.
                for tau, x, z, theta in [ 0.3, 1.2, -0.4, 0.1; 1.5, -0.7, 2.0, 0.9 ] do
                    let m, sigma = exp -tau, sqrt (1.0 - exp (-2.0 * tau))
                    let state = m * x + sigma * z
                    let loss theta = sigma * sigma * (-z / sigma - (-state + m * theta)) ** 2.0
                    let slope = (loss (theta + 0.5) - loss (theta - 0.5)) / 1.0
                    let gradient = 2.0 * sigma ** 2.0 * m ** 2.0 * (theta - x) + 2.0 * sigma * m ** 3.0 * z
                    Expect.isLessThan (abs (slope - gradient)) 1e-12 "H"

            testCase "E|θ_n − μ|² over runs is its formula"
            <| fun () ->
                let learned = learn training 20231113UL (1 <<< 18)
                let ratio = meanOverRuns "test" 0.999 id (squares training learned)
                let formula = secondMoment training

                Expect.isTrue
                    (ratio.Lower <= formula && formula <= ratio.Upper)
                    $"{formula} in [{ratio.Lower}, {ratio.Upper}]"

                Expect.isLessThan (ratio.Upper - ratio.Lower) (0.03 * formula) "narrow"

            testCase "given the times, θ_n has the recorded mean and variance"
            <| fun () ->
                let learned = learn training 20231113UL (1 <<< 18)

                let standardized =
                    Array.init learned.Runs (fun r ->
                        let centre = training.Mean + learned.Memory[r] * training.Offset
                        (learned.Theta[r][1] - centre) / sqrt learned.Spread[r])

                let n = float learned.Runs
                let mean = Array.average standardized
                let square = standardized |> Array.averageBy (fun x -> x * x)
                // 3.3 standard errors: one in a thousand.
                Expect.isLessThan (abs mean) (3.3 / sqrt n) $"mean {mean}"
                Expect.isLessThan (abs (square - 1.0)) (3.3 * sqrt (2.0 / n)) $"variance {square}"

            testCase "a wrong formula for the second moment is noticed"
            <| fun () ->
                // Forgetting 2λ/β, or a₃ where a₂ belongs, moves the formula by far more than the interval.
                let learned = learn training 20231113UL (1 <<< 18)
                let measured = meanOverRuns "test" 0.999 id (squares training learned)
                let cold = secondMoment { training with Temperature = 0.0 }
                Expect.isTrue (cold < measured.Lower) "without the temperature"

            testCase "the runs do not depend on how many there are"
            <| fun () ->
                let few, many = learn training 20231113UL 1000, learn training 20231113UL 10_000
                Expect.equal few.Theta[0] many.Theta[0] "the first run"
                Expect.equal few.Theta[0] (firstMean training) "the experiment's run"

            testCase "trap: the marginal law is closer than the law given θ, by one order of θ's deviation"
            <| fun () ->
                // A sampler without error: the output given θ is N(θ, I). From θ_0 = μ the deviation is s = O(√λ).
                let perfect =
                    {
                        Intercept = Array.zeroCreate 3
                        Slope = Array.create 3 1.0
                        Deviations = Array.create 3 1.0
                        OwnMean = Array.zeroCreate 3
                        OwnTheta = Array.zeroCreate 3
                    }

                for rate in [ 0.1; 0.01 ] do
                    let t = { training with Offset = 0.0; Temperature = 0.0; Rate = rate; Steps = 100 }
                    let learned = learn t 20231113UL (1 <<< 16)
                    let s2 = secondMoment t / 3.0
                    let givenTheta = (rootMeanSquare t perfect learned 0.999).Value.Value
                    let marginal = (marginal t perfect learned 0.999).Value.Value
                    Expect.isLessThan (abs (givenTheta / sqrt (3.0 * s2) - 1.0)) 0.02 "of order s"
                    Expect.isLessThan (abs (marginal / (sqrt 3.0 * s2 / 2.0) - 1.0)) 0.1 "of order s²"
        ]

let private assumptions =
    let reverse =
        experiment {
            target (normal [ 1.0 ] 1.0)
            forward vp
            score (scoreOf (normal [ 0.9 ] 1.0))
            sampler (anneal (uniform 2.0 0.0 64) (predictor eulerMaruyama))
        }

    let general = BrunoLogConcave.logConcave
    let bimodal = mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ]

    testList
        "assumptions"
        [
            testCase "a score that nobody knows how it was trained"
            <| fun () -> notApplicable BrunoSgld.trainedMean reverse "does not say how θ was trained"
            testCase "a learning rate above 2"
            <| fun () ->
                let check = along "n" [ "λ", 3.0 ] BrunoSgld.trainedMean
                Expect.equal check.Verdict NotApplicable "verdict"
                Expect.stringContains (defaultArg check.Reason "") "λ = 3" "reason"
            testCase "data that are not log-concave"
            <| fun () ->
                notApplicable general { reverse with Target = bimodal; Score = exact } "not known to be log-concave"
            testCase "a score of another law" <| fun () -> notApplicable general reverse "another law"
            testCase "another predictor"
            <| fun () ->
                notApplicable
                    general
                    { reverse with
                        Score = exact
                        Sampler = anneal (uniform 2.0 0.0 64) (predictor ancestral)
                    }
                    "ancestral"
            testCase "another forward process"
            <| fun () -> notApplicable general { reverse with Score = exact; Forward = Ve } "ve"
            testCase "another start"
            <| fun () -> notApplicable general { reverse with Score = exact; Start = warm } "prior"
            testCase "early stopping is about p_ε itself"
            <| fun () -> notApplicable BrunoStopping.earlyStopping { reverse with Start = warm } "takes steps"
            testCase "the continuous limit is measured against the data"
            <| fun () ->
                notApplicable
                    BrunoLimit.gaussianLimit
                    { reverse with Sampler = anneal (uniform 2.0 0.5 64) (predictor eulerMaruyama) }
                    "measured against time 0.5"
        ]

let private strength =
    testList
        "strength"
        [
            for theorem in
                [
                    BrunoLimit.gaussianLimit
                    BrunoSgld.trainedMean
                    BrunoLogConcave.logConcave
                    BrunoStopping.earlyStopping
                ] do
                testCase $"{theorem.Id} at 0.99 of what is measured is violated"
                <| fun () ->
                    let weakened =
                        { theorem with
                            Rates = []
                            Scenarios = [ theorem.Scenarios.Head ]
                            Evidence =
                                fun runner trial ->
                                    theorem.Evidence runner trial
                                    |> Result.map (List.map (fun c -> { c with Bound = 0.99 * c.Measured.Value.Value }))
                        }

                    let axis = theorem.Scenarios.Head.Axes.Head.Symbol
                    Expect.equal (along axis [] weakened).Verdict Violated theorem.Id

            testCase "the exact coefficients are attained"
            <| fun () ->
                let check = along "T" [] BrunoLimit.gaussianLimit
                Expect.equal check.Verdict Holds $"{check.Reason}"
                Expect.isLessThan (abs (check.Tightest.Value - 1.0)) 1e-9 $"{check.Tightest}"

            testCase "what is measured for log-concave data is the step's error, not the start's"
            <| fun () ->
                let check = along "γ" [ "T", 8.0 ] BrunoLogConcave.logConcave
                Expect.equal check.Verdict Holds $"{check.Reason}"

                for cell in check.Cells do
                    let measured = cell.Decisive.Value.Measured.Value.Value
                    Expect.isGreaterThan measured (1e3 * exp (-2.0 * 8.0)) "far above the start's error"
                    Expect.isFalse cell.IsVacuous "not vacuous"
        ]

let private regression =
    let point x value relative : RatePoint =
        {
            X = x
            Value = Estimate.Sampled(value, value * (1.0 - relative), value * (1.0 + relative), 0.999, "test")
            Excluded = None
            Experiment =
                Some(
                    experiment {
                        target (normal [ 0.0 ] 1.0)
                        forward vp
                        sampler (anneal (uniform 1.0 0.0 1) (predictor eulerMaruyama))
                    }
                )
        }

    let claim = BrunoSgld.trainedMean.Rates |> List.find (fun c -> c.Axis = "d")
    let grid = [ 1.0; 2.0; 4.0; 8.0; 16.0 ]

    testList
        "exponents of sampled values"
        [
            testCase "a power law with noise within its intervals"
            <| fun () ->
                let noise = [ 0.004; -0.003; 0.001; -0.004; 0.002 ]
                let points = List.map2 (fun x e -> point x (3.0 * sqrt x * (1.0 + e)) 0.01) grid noise

                match Rates.measure 1e-6 claim points with
                | Ok rate ->
                    Expect.isTrue (rate.Lower <= 0.5 && 0.5 <= rate.Upper) $"[{rate.Lower}, {rate.Upper}]"
                    Expect.isLessThan (rate.Upper - rate.Lower) 0.05 "narrow"
                | Error reason -> failtest reason
            testCase "a curve is no power law"
            <| fun () ->
                let points = grid |> List.map (fun x -> point x (sqrt x + 0.3 * x) 0.001)

                match Rates.measure 1e-6 claim points with
                | Ok rate -> failtest $"{rate.Slope}"
                | Error reason -> Expect.stringContains reason "does not fit" "reason"
            testCase "intervals that reach zero do not count"
            <| fun () -> Expect.isError (Rates.measure 1e-6 claim (grid |> List.map (fun x -> point x x 1.5))) "too few"
        ]

let tests = testList "Bruno" [ sgld; assumptions; strength; regression ]
