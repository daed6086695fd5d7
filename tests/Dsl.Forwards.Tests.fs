/// Forward processes besides vp and ve. In z = x/m and ρ = σ/m all are one process, which is what holds them against each other.
module Sgm.Tests.DslForwardsTests

open System
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification

let private ratios = [ 6.0; 3.0; 1.2; 0.5; 0.15; 0.05 ]

/// m of ρ, the same ratios under every process.
let private forwards =
    let listed = ratios |> List.mapi (fun i rho -> let m = 0.3 + 0.2 * float i in m, rho * m)

    [
        vp, levels ratios |> inRatio
        subVp, levels ratios |> inRatio
        rectified, levels ratios |> inRatio
        levelsOf listed, uniform 5.0 0.0 5
    ]

let private run target' (forward', schedule) method scored =
    experiment {
        target target'
        forward forward'
        start warm
        score scored
        sampler (anneal schedule (predictor method))
        measure [ tv; kl; w2 ]
    }
    |> Check.plan
    |> Result.defaultWith (fun problems -> failtestf "%s" (Message.renderAll problems))
    |> fun plan -> Laws.run plan (RunOptions())
    |> ExactLaws.finalOf

/// The noise of `ddpmLarge` is that of the forward process in x, r·√(ρ² − ρ′²) in z: of ρ and m.
let private inTimeOrNoise = [ "eulerMaruyama"; "exponential"; "relative"; "reverseDiffusion"; "ddpmLarge" ]

let private inRho =
    [
        for entry in Methods.predictors do
            if not (List.contains entry.Method.Word inTimeOrNoise) then
                entry.Method
    ]

let private oneProcess =
    testCase "steps in ρ go the same way under every process" (fun () ->
        let modes = mixture [ 0.3, normal [ -1.0 ] 0.2; 0.7, normal [ 1.5 ] 0.4 ]

        for target', tolerance in [ normal [ 0.7; -1.0 ] 0.5, 1e-11; modes, 1e-7 ] do
            for method in (if tolerance < 1e-9 then inRho else [ ancestral; flowHeun; dpm2Ancestral 0.5 ]) do
                let expected = run target' (ve, levels ratios) method exact
                let spread = expected.Moments()

                for forward' in forwards do
                    let found = run target' forward' method exact
                    let m = (Forward.level (fst forward') (Schedule.last (fst forward') (snd forward'))).Mean
                    let moments = found.Moments()

                    let near (a: float) (b: float) what =
                        Expect.isLessThan
                            (abs (a - b))
                            (tolerance * (1.0 + abs b))
                            $"{what} of {method} under {fst forward'}"

                    for e in 0 .. found.Dimension - 1 do
                        near (moments.Mean[e] / m) spread.Mean[e] "mean"
                        near (moments.Variance[e] / (m * m)) spread.Variance[e] "variance"

                    for metric in [ Metric.Tv; Metric.Kl ] do
                        near (ExactLaws.value metric found) (ExactLaws.value metric expected) metric.Name

                    near (ExactLaws.value Metric.W2 found / m) (ExactLaws.value Metric.W2 expected) "w2")

/// f = (ln m)′ and g² = (σ²)′ − 2f·σ² by differences of what a process says its levels are.
let private sde forward t =
    let m t = (Forward.level forward t).Mean
    let variance t = (Forward.level forward t).NoiseVariance
    let h = 1e-5
    let slope f = (f (t - 2.0 * h) - 8.0 * f (t - h) + 8.0 * f (t + h) - f (t + 2.0 * h)) / (12.0 * h)
    let f = slope (m >> log)
    f, slope variance - 2.0 * f * variance t

let private tableauOf method forward upper lower =
    match Kernel.predictor method (Transition.Alone(forward, upper, lower)) with
    | [ TableauStep step ] -> step
    | other -> failtest $"{other}"

/// In decimal numbers of 28 digits.
let private precise =
    testCase "coefficients of ancestralEta are right to rounding, also near η = 1 and to levels far below" (fun () ->
        let rootOf (x: decimal) = Seq.fold (fun root _ -> (root + x / root) / 2M) (decimal (sqrt (float x))) [ 1..3 ]

        for eta in [ 0.0; 0.5; 0.999; 1.0 ] do
            for forward, above, below in
                [
                    ve, 5.0, 1e-3
                    ve, 1.0, 1e-6
                    ve, 1.0, 0.75
                    rectified, 0.9375, 0.001
                    rectified, 0.5, 0.4375
                    levelsOf [ 0.75, 2.0; 1.5, 0.001 ], 1.0, 0.0
                ] do
                let upper, lower = Forward.level forward above, Forward.level forward below
                let step = tableauOf (ancestralEta eta) forward upper lower

                let m, sigma, m', sigma' =
                    decimal upper.Mean, decimal upper.Sigma, decimal lower.Mean, decimal lower.Sigma

                let kappa = (m * sigma') / (m' * sigma)
                let down = rootOf (1M - decimal eta * decimal eta * (1M - kappa * kappa))

                let near (found: float) (expected: decimal) what =
                    let error = abs ((decimal found - expected) / expected)
                    // What `decimal` keeps of a double: 15 digits.
                    Expect.isLessThan error 4e-15M $"{what} of η = {eta} under {forward} from {above} to {below}"

                near step.A (sigma' / sigma * down) "A"
                near step.B[0] (m' * (1M - kappa * down)) "B"

                if eta > 0.0 then
                    near step.C (decimal eta * sigma' * rootOf (1M - kappa * kappa)) "C")

let private inTime =
    testList
        "steps in the process's time"
        [
            testCase "Euler–Maruyama is that of the SDE with these levels" (fun () ->
                for forward in [ vp; subVp; rectified ] do
                    for above, below in [ 0.9, 0.6; 0.5, 0.45; 0.2, 0.0 ] do
                        let upper = Forward.level forward above
                        let lower = Forward.level forward below

                        let step = tableauOf eulerMaruyama forward upper lower

                        let f, g2 = sde forward above
                        let gamma = above - below

                        for found, expected, what in
                            [
                                step.A, 1.0 - gamma * f, "A"
                                step.B[0], gamma * g2, "B"
                                step.C, sqrt (gamma * g2), "C"
                            ] do
                            Expect.isLessThan
                                (abs (found - expected))
                                1e-9
                                $"{what} from {above} to {below} under {forward}")

            testCase "its order is 1 under subVp and rectified" (fun () ->
                for forward' in [ subVp; rectified ] do
                    let w2 n =
                        run (normal [ 1.0 ] 0.5) (forward', uniform 0.9 0.1 n) eulerMaruyama exact
                        |> ExactLaws.value Metric.W2

                    let order = Math.Log2(w2 512 / w2 1024)
                    Expect.isLessThan (abs (order - 1.0)) 0.05 $"{forward'}")

            testCase "what has no step says so, and what to write" (fun () ->
                for forward', schedule in forwards do
                    for method in [ eulerMaruyama; exponential; relative; reverseDiffusion ] do
                        let own =
                            experiment {
                                target (standard 1)
                                forward forward'
                                start warm
                                sampler (anneal schedule (predictor method))
                            }

                        let isListed = schedule = uniform 5.0 0.0 5
                        let hasStep = forward' = vp || (method = eulerMaruyama && not isListed)

                        match Check.plan own with
                        | Ok _ -> Expect.isTrue hasStep $"{method} under {forward'}"
                        | Error problems ->
                            Expect.isFalse hasStep $"{method} under {forward'}"
                            Expect.stringContains (Message.renderAll problems) "ancestral, flow" "remedy")
        ]

let private listed =
    testCase "listed levels are checked" (fun () ->
        let errors forward' schedule =
            let own =
                experiment {
                    target (standard 1)
                    forward forward'
                    start warm
                    sampler (anneal schedule (predictor flow))
                }

            match Check.plan own with
            | Ok _ -> ""
            | Error problems -> Message.renderAll problems

        let three = levelsOf [ 0.1, 1.0; 0.7, 0.5; 1.0, 0.1 ]

        for forward', schedule, expected in
            [
                three, uniform 2.0 0.0 2, ""
                three, uniform 3.0 0.0 3, "from 0 (the last one) to 2 (the first)"
                three, levels [ 2.0; 0.5 ], "whole"
                three, karras 7.0 2.0 1.0 1 |> inRatio, "none between them"
                three, cosine 10, "none between them"
                levelsOf [ 0.0, 1.0; 1.0, 0.1 ], uniform 1.0 0.0 1, "m = 0"
                levelsOf [ 1.0, 0.1; 0.7, 0.5 ], uniform 1.0 0.0 1, "strictly decreasing"
                levelsOf [ 1.0, 0.1 ], uniform 1.0 0.0 1, "from 2 to"
                rectified, uniform 1.0 0.0 4, "m = 0"
                rectified, uniform 1.5 0.0 4, "below 1"
            ] do
            let found = errors forward' schedule

            if expected = "" then
                Expect.equal found "" "valid"
            else
                Expect.stringContains found expected found)

let private theorems =
    testCase "no theorem about vp or ve covers another process" (fun () ->
        let own forward' schedule start' =
            experiment {
                target (normal [ 0.5 ] 1.0)
                forward forward'
                start start'
                score (scoreOf (normal [ 0.6 ] 1.0))
                sampler (anneal schedule (predictor eulerMaruyama))
                measure [ w2 ]
            }

        // Times from 0.9 to 0 in equal steps are those of a reverse process; those of Bruno et al. are about vp.
        for theorem in Catalogue.theorems do
            let verdict forward' start' =
                (Study.onExperiment Planted.healthy theorem (own forward' (uniform 0.9 0.0 9) start')).Verdict

            if theorem.Id.StartsWith "bruno" || theorem.Id.StartsWith "pedrotti" then
                for start' in [ prior; warm ] do
                    for forward' in [ subVp; rectified ] do
                        Expect.equal (verdict forward' start') NotApplicable $"{theorem.Id} under {forward'}"

        let isCovered =
            Catalogue.theorems
            |> List.exists (fun theorem ->
                theorem.Id.StartsWith "bruno"
                && (Study.onExperiment Planted.healthy theorem (own vp (uniform 0.9 0.0 9) prior)).Verdict
                   <> NotApplicable)

        Expect.isTrue isCovered "under vp one of them speaks of it")

let tests = testList "Dsl.Forwards" [ oneProcess; precise; inTime; listed; theorems ]
