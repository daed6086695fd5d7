/// χ² through correctors, and the Poincaré constants that it takes: each against an independent computation.
module Sgm.Tests.CertificatesChiSquareTests

open System
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Tests.Certified
open Sgm.Tests.ExactLaws

let private steps (plan: Plan) =
    plan.Unrolled()
    |> Seq.choose (function
        | :? Instruction.Step as step -> Some step.Tableau
        | _ -> None)
    |> List.ofSeq

let private corrected law scored tau =
    planOf (
        experiment {
            target law
            forward ve
            score scored
            start warm
            sampler (anneal (levels [ 1e-9; 0.0 ]) (corrector (langevin tau)))
        }
    )

let private stepOf plan = List.exactlyOne (ChiSquare.step plan (List.head (steps plan)) |> orFail)

/// 1 + χ²(N(m, s)‖N(0, 1)).
let private chi m s = exp (m * m / (2.0 - s)) / sqrt (s * (2.0 - s)) - 1.0

let private recursion =
    testCase "chi-corrector: normal laws in closed form, from above; nine tenths of the rate are attained" (fun () ->
        for tau in [ 1e-4; 0.003; 0.05 ] do
            for gain, error in [ 1.0, 0.0; 1.0, 0.3; 0.95, 0.0; 1.1, 0.1 ] do
                let plan = corrected (normal [ 0.0 ] 1.0) (exact |> ScoreSyntax.scaled gain |> shifted error) tau
                let step = stepOf plan
                Expect.equal step.Bad 0.0 "no bad set"

                for mean, s in [ 0.0, 1.0; 0.3, 1.0; 2.0, 0.5; 0.1, 1.9; 4.0, 1.0 ] do
                    for n in [ 1; 10; 300; 10_000 ] do
                        let mutable m, v = mean, s

                        for _ in 1..n do
                            m <- (1.0 - gain * tau) * m + tau * error
                            v <- (1.0 - gain * tau) ** 2.0 * v + 2.0 * tau

                        Expect.isGreaterThanOrEqual
                            (ChiSquare.rounds (int64 n) step (chi mean s))
                            (chi m v * (1.0 - 1e-9))
                            $"{tau}, {gain}, {error}, {mean}, {s}, {n}"

        let step = stepOf (corrected (normal [ 0.0 ] 1.0) exact 1e-4)
        Expect.isLessThan (ChiSquare.rounds 10_000L step 50.0) (50.0 * exp -1.6) "rate"
        // χ² ≤ S/Λ with S ≈ τ²/(2a) and Λ = 2(1 − a)τ at rest.
        Expect.isLessThan (ChiSquare.rounds 1_000_000L step 0.0) 2e-4 "at rest")

let private onModes =
    testCase "chi-corrector: one step on two modes by plain quadrature, from p and from elsewhere" (fun () ->
        for a, v in [ 1.0, 0.55; 1.0, 0.3 ] do
            for error in [ 0.0; 0.3 ] do
                let tau = 0.002
                let plan = corrected (twoModeLaw a v) (exact |> shifted error) tau
                let p = modes a v
                let wide = a + 9.0 * sqrt v

                for shift in [ 0.0; 0.2 ] do
                    let q x = p (x - shift)
                    let before = trapezoid -wide wide 4000 (fun x -> q x * q x / p x) - 1.0

                    let after y =
                        trapezoid -wide wide 1500 (fun x ->
                            q x * normalDensity (x + tau * (modesScore a v x + error)) (2.0 * tau) y)

                    let truth = trapezoid -wide wide 300 (fun y -> after y ** 2.0 / p y) - 1.0
                    let found = ChiSquare.rounds 1L (stepOf plan) (max 0.0 before)
                    Expect.isGreaterThanOrEqual found (truth - 1e-8) $"{a}, {v}, {error}, {shift}")

let private between =
    testCase "χ² of laws: normal ones in closed form, mixtures from above by quadrature" (fun () ->
        let target law = (planOf (oneStep law ve 1.0 0.5 ancestral exact)).Target
        let data = NoiseLevel.Data

        for m, s in [ 0.0, 0.5; 1.0, 1.0; 0.3, 1.9 ] do
            let found = ChiSquare.bound (target (normal [ m ] s)) data (target (normal [ 0.0 ] 1.0)) data |> orFail
            Expect.floatClose { absolute = 1e-12; relative = 1e-9 } found (chi m s) "normal"
            Expect.isGreaterThanOrEqual found (chi m s) "from above"

        let level = NoiseLevel.VarianceExploding 0.4

        for q, law, at, density in
            [
                normal [ 0.2 ] 1.0, twoModeLaw 1.0 0.6, data, normalDensity 0.2 1.0
                twoModeLaw 1.0 0.3, twoModeLaw 1.0 0.3, level, modes 1.0 0.46
                twoModeLaw 1.1 0.3, mixture [ 0.3, normal [ -1.0 ] 0.4; 0.7, normal [ 1.0 ] 0.5 ], data, modes 1.1 0.3
            ] do
            let p x =
                match law with
                | own when own = twoModeLaw 1.0 0.6 -> modes 1.0 0.6 x
                | own when own = twoModeLaw 1.0 0.3 -> modes 1.0 0.3 x
                | _ -> 0.3 * normalDensity -1.0 0.4 x + 0.7 * normalDensity 1.0 0.5 x

            let truth = trapezoid -9.0 9.0 4000 (fun x -> density x ** 2.0 / p x) - 1.0
            let own, other = target q, target law
            let found = ChiSquare.bound own at other data |> orFail
            Expect.isGreaterThanOrEqual found truth "mixtures"
            Expect.isTrue (Double.IsFinite found) "finite"

        let wide = ChiSquare.bound (target (normal [ 0.0 ] 2.5)) data (target (normal [ 0.0 ] 1.0)) data
        Expect.equal (orFail wide) infinity "twice as wide: infinite")

let private poincare =
    testCase "C_P: above Var f/E f′² of functions, and below the log-Sobolev constant" (fun () ->
        for law, p in
            [
                twoModeLaw 1.0 0.3, modes 1.0 0.3
                twoModeLaw 1.5 0.5, modes 1.5 0.5
                mixture [ 0.02, normal [ -2.0 ] 0.5; 0.98, normal [ 2.0 ] 0.5 ],
                (fun x -> 0.02 * normalDensity -2.0 0.5 x + 0.98 * normalDensity 2.0 0.5 x)
            ] do
            let target = (planOf (oneStep law ve 1.0 0.5 ancestral exact)).Target
            let found = (Constants.poincare target NoiseLevel.Data |> orFail).Value
            let mean f = trapezoid -9.0 9.0 6000 (fun x -> p x * f x)

            let quotient k centre =
                let f x = tanh (k * (x - centre))
                let middle = mean f
                let steep = mean (fun x -> (k / cosh (k * (x - centre)) ** 2.0) ** 2.0)
                mean (fun x -> (f x - middle) ** 2.0) / steep

            let best =
                Seq.max (
                    seq {
                        for k in [ 0.3; 0.7; 1.0; 1.5; 2.0; 3.0 ] do
                            for c in [ -1.0; -0.5; 0.0; 0.5 ] -> quotient k c
                    }
                )

            Expect.isGreaterThanOrEqual found best "from above"
            Expect.isLessThan found (8.0 * best) "near"
            let sobolev = (Constants.logSobolev target NoiseLevel.Data |> orFail).Value
            Expect.isLessThanOrEqual found sobolev "at most C"

        let normal' = (planOf (oneStep (normal [ 1.0 ] 0.7) ve 1.0 0.5 ancestral exact)).Target
        Expect.equal (Constants.poincare normal' NoiseLevel.Data |> orFail).Value 0.7 "normal")

let private whole =
    [
        testCase "χ² is the rule that decides where a rare mode makes C larger than C_P, and steps are small" (fun () ->
            let law w v = mixture [ w, normal [ -1.3 ] v; 1.0 - w, normal [ 1.3 ] v ]

            let plan =
                planOf (
                    experiment {
                        target (law 1e-4 0.25)
                        forward ve
                        start (from (law 1e-4 0.6))
                        sampler (anneal (levels [ 0.500000001; 0.5 ]) (repeat 400_000 (corrector (langevin 1e-5))))
                    }
                )

            let tv book = (Certificate.byRules book plan |> orFail |> List.last).Tv.Value
            let without = { RuleBook.proved with Chi = fun _ _ -> Error "not used" }
            Expect.isLessThan (tv RuleBook.proved) (0.9 * tv without) "smaller than without")

        testCase "a plan says why χ² is not carried" (fun () ->
            let because scored tau =
                match ChiSquare.step (corrected (normal [ 0.0 ] 1.0) scored tau) with
                | step ->
                    let plan = corrected (normal [ 0.0 ] 1.0) scored tau

                    match step (List.head (steps plan)) with
                    | Error reason -> reason
                    | Ok _ -> failtest "carried"

            Expect.stringContains (because exact 1.5) "too long for the curvature" "long step"
            Expect.stringContains (because (exact |> ScoreSyntax.scaled 3.0) 0.001) "too wrong" "wrong score")
    ]

let tests = testList "chi-square" ([ recursion; onModes; between; poincare ] @ whole)
