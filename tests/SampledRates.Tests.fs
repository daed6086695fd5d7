module Sgm.Tests.SampledRatesTests

open System
open System.Threading
open Expecto
open MathNet.Numerics.Distributions
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Theorems

let private slow = Environment.GetEnvironmentVariable "SGM_SLOW" = "1"

/// dX = −X dt + √2 dB from 4000 for a time 1 by Euler–Maruyama, that is by Langevin steps on N(0, 1).
let private ornsteinUhlenbeck h =
    experiment {
        target (normal [ 0.0 ] 1.0)
        forward ve
        start (point [ 4000.0 ])
        sampler (repeat (int (round (1.0 / h))) (corrector (langevin h)))
        measure []
    }

/// E X₁² = 4000²·e⁻² + 1 − e⁻².
let private secondMoment = 16e6 * exp -2.0 + 1.0 - exp -2.0

/// |E x² − E X₁²| from particles, by Student's t over them.
let private weakError particles (runner: Runner) (trial: Trial) =
    let setting = trial.Subject.Experiment.Seed + int64 (1.0 / Map.find "h" trial.Setting)

    Sampling.value runner.Budget "E x²" None setting particles (fun stage ->
        Measure.lawBy
            runner.Sample
            trial.Subject.Plan
            (RunOptions(Particles = stage.Particles, Seed = stage.Seed, Threads = 1))
        |> Result.map (fun law ->
            let squares = (law :?> ParticleLaw).Particles.Coordinate 0 |> Array.map (fun x -> x * x)
            let n = float squares.Length
            let mean = Array.average squares
            let variance = Array.sumBy (fun s -> (s - mean) * (s - mean)) squares / (n - 1.0)
            let confidence = stage.Confidence 1
            let half = StudentTail.Quantile(n - 1.0, (1.0 - confidence) / 2.0) * sqrt (variance / n)
            let value = abs (mean - secondMoment)
            Estimate.Sampled(value, max 0.0 (value - half), value + half, confidence, "mean of x²")))

let private claim exponent particles (steps: float list) : RateClaim =
    {
        Axis = "h"
        Exponent = exponent
        IsExponential = false
        Of = "weak error of Euler–Maruyama in E x²"
        Quantity = weakError particles
        Scenario =
            {
                Name = "Ornstein–Uhlenbeck"
                Description = "from 4000, for a time 1"
                Bases = [ Map.empty ]
                Axes = [ { Symbol = "h"; Meaning = "step"; Values = fun _ -> steps } ]
                Experiment = fun setting _ -> ornsteinUhlenbeck (Map.find "h" setting)
            }
    }

let private steps = [ 1.0 / 64.0; 1.0 / 128.0; 1.0 / 256.0; 1.0 / 512.0; 1.0 / 1024.0 ]

let private check exponent particles steps offset =
    let healthy = Runner.engine CancellationToken.None
    let runner = { healthy with Budget = { healthy.Budget with SeedOffset = offset } }

    let theorem =
        { Bruno.gaussianMean with
            Assumptions = []
            Scenarios = []
            Rates = [ claim exponent particles steps ]
        }

    (Study.run runner Quick [ theorem ]).Checks.Head

let private weakOrder =
    let seeds = if slow then 200 else 10

    testList
        "the weak order of Euler–Maruyama from samples"
        [
            testCase $"is 1: the same verdict for {seeds} seeds"
            <| fun () ->
                let verdicts =
                    Array.init seeds (fun seed -> (check (Exactly 1.0) 16384L steps (uint64 seed)).Verdict)
                    |> Array.countBy id

                if slow then
                    printfn $"weak order 1, verdicts of {seeds} seeds: %A{verdicts}"

                Expect.equal verdicts [| Holds, seeds |] "verdicts"
            testCase "is not 2, and not ½"
            <| fun () ->
                for exponent in [ Exactly 2.0; Exactly 0.5; AtMost 1.5 ] do
                    Expect.equal (check exponent 16384L steps 1UL).Verdict Violated $"{exponent}"
            testCase "with few particles it is open, and says how many would decide"
            <| fun () ->
                let few = check (Exactly 1.0) 64L steps 1UL
                Expect.equal few.Verdict Inconclusive $"{few.Reason}"
                Expect.stringContains (defaultArg few.Reason "") "times as many particles would decide" "reason"
            testCase "and as many do decide"
            <| fun () ->
                let few = check (Exactly 1.0) 64L steps 1UL
                let words = few.Reason.Value.Split ' '
                let factor = words[(Array.findIndex ((=) "times") words) - 1] |> float
                Expect.isLessThan factor 100.0 "a number that can be run"
                let many = check (Exactly 1.0) (int64 (1.3 * factor * 64.0)) steps 2UL
                Expect.equal many.Verdict Holds $"{factor}: {many.Reason}"
            testCase "values at the noise floor are left out"
            <| fun () ->
                let far = steps @ [ 1.0 / 8192.0; 1.0 / 16384.0 ]
                let points = (check (Exactly 1.0) 256L far 1UL).Rate.Value.Points
                let excluded = points |> List.filter (fun p -> p.Excluded.IsSome) |> List.map (fun p -> p.X)
                Expect.isNonEmpty excluded "some"
                Expect.isLessThan (List.max excluded) (1.0 / 1024.0) "only the last"
        ]

/// Points y = c·x·(1 + e·z) with known relative errors e.
let private line (random: Random) curvature errors =
    List.map2
        (fun x e ->
            let y = x * (1.0 + curvature * x) * (1.0 + e * Normal.Sample(random, 0.0, 1.0))
            let half = -e * y * Normal.InvCDF(0.0, 1.0, 0.005)

            {
                X = x
                Value = Estimate.Sampled(y, y - half, y + half, 0.99, "test")
                Excluded = None
                Experiment = Some(ornsteinUhlenbeck 1.0)
            })
        [ 1.0; 0.5; 0.25; 0.125; 0.0625 ]
        errors

/// Values with intervals of so many relative standard errors.
let private known (values: (float * float) list) error =
    values
    |> List.map (fun (x, y) ->
        let half = -error * y * Normal.InvCDF(0.0, 1.0, 0.005)

        {
            X = x
            Value = Estimate.Sampled(y, y - half, y + half, 0.99, "test")
            Excluded = None
            Experiment = Some(ornsteinUhlenbeck 1.0)
        })

let private fits =
    let errors = [ 0.001; 0.002; 0.004; 0.008; 0.016 ]

    testList
        "weighted least squares"
        [
            testCase "the interval covers as often as it says, and a line that fits is rarely refused"
            <| fun () ->
                let random = Random 11
                let trials = 4000
                let found = Array.init trials (fun _ -> Regression.measure 0.05 log (line random 0.0 errors))
                let refused = found |> Array.filter Result.isError |> Array.length

                let covered =
                    found
                    |> Array.filter (function
                        | Ok r -> r.Lower <= 1.0 && 1.0 <= r.Upper
                        | Error _ -> false)
                    |> Array.length

                // A line is refused with probability 0.001: 4 of 4000, with three deviations.
                Expect.isLessThan refused 11 "refused"
                Expect.isGreaterThan covered (int (0.95 * float trials) - 42) "covered"
            testCase "a curve is refused"
            <| fun () ->
                let random = Random 12
                let fit = Regression.measure 1e-6 log (line random 0.5 errors)
                Expect.isError fit "lack of fit"
            testCase "where the scatter is larger than the errors the interval is Student's of ordinary least squares"
            <| fun () ->
                // Residuals orthogonal to 1 and to log x; their χ² of 10 is below 16.27, the limit with 3 degrees of freedom.
                let logs = [ 0.0; 1.0; 2.0; 3.0; 4.0 ]
                let off = [ 1.0; -2.0; 0.0; 2.0; -1.0 ] |> List.map (fun r -> 0.01 * r)
                let points = known (List.map2 (fun x r -> exp x, exp (x + r)) logs off) 0.01
                let squares = List.sumBy (fun r -> r * r) off
                let half = StudentT.InvCDF(0.0, 1.0, 3.0, 0.995) * sqrt (squares / 3.0 / 10.0)

                match Regression.measure 0.5 log points with
                | Ok rate ->
                    Expect.floatClose Accuracy.medium rate.Slope 1.0 "slope"
                    Expect.floatClose Accuracy.medium ((rate.Upper - rate.Lower) / 2.0) half "half-width"
                | Error reason -> failtest reason
            testCase "values below the floor say how many particles lift them, by the square root law"
            <| fun () ->
                // A value has to be six errors and is 6/√3.5: three and a half times as many particles.
                let points = known [ for x in 1.0 .. 5.0 -> x, x ] (sqrt 3.5 / 6.0)

                match Regression.measure 0.05 log points with
                | Error reason -> Expect.stringContains reason "about 4 times as many particles" "reason"
                | Ok rate -> failtest $"{rate}"
            testCase "an undecided comparison says how many particles decide it, by the square root law"
            <| fun () ->
                // Half the interval is 0.3 and the bound 0.2 away: (3/2)² = 2.25 times as many.
                let measured = Estimate.Sampled(1.0, 0.7, 1.3, 0.99, "test")

                let theorem =
                    { Bruno.gaussianMean with
                        Assumptions = []
                        Evidence = fun _ _ -> Ok [ { What = "test"; Measured = measured; Bound = 1.2 } ]
                    }

                let cell = Study.onExperiment (Runner.engine CancellationToken.None) theorem (ornsteinUhlenbeck 1.0)
                Expect.equal cell.Verdict Inconclusive "open"
                Expect.stringContains (defaultArg cell.Reason "") "about 3 times as many particles" "reason"
            testCase "the slope is that of the normal equations"
            <| fun () ->
                let points = line (Random 13) 0.0 errors
                let w = errors |> List.map (fun e -> 1.0 / (e * e))
                let x = points |> List.map (fun p -> log p.X)
                let y = points |> List.map (fun p -> log p.Value.Value.Value)
                let sum f = List.sum (List.map3 f w x y)
                let s, sx, sy = sum (fun w _ _ -> w), sum (fun w x _ -> w * x), sum (fun w _ y -> w * y)
                let sxx, sxy = sum (fun w x _ -> w * x * x), sum (fun w x y -> w * x * y)
                let slope = (s * sxy - sx * sy) / (s * sxx - sx * sx)

                match Regression.measure 1e-6 log points with
                | Ok rate -> Expect.floatClose { absolute = 1e-6; relative = 0.0 } rate.Slope slope "slope"
                | Error reason -> failtest reason
        ]

let tests = testList "SampledRates" [ weakOrder; fits ]
