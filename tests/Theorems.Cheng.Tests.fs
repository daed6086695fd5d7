/// Proximal steps in W2 (Cheng et al. 2023): normal laws by the engine, others by Newton's method on quantiles.
module Sgm.Tests.ChengTests

open System
open Expecto
open MathNet.Numerics.LinearAlgebra
open Sgm
open Sgm.Verification
open Sgm.Verification.Theorems
open Sgm.Tests.PapersTests

/// Laws on the line with cells of equal mass and a constant density in each: KL to N(0, 1), and W2, in closed form.
module private Cells =
    let count = 120

    /// The Gram matrix of piecewise linear quantile functions in L²([0, 1]).
    let gram =
        Matrix.Build.Dense(
            count + 1,
            count + 1,
            fun i j ->
                let whole = 1.0 / (3.0 * float count)

                if i = j then (if i = 0 || i = count then whole else 2.0 * whole)
                elif abs (i - j) = 1 then 0.5 * whole
                else 0.0
        )

    let inner (a: Vector<float>) (b: Vector<float>) = a * (gram * b)
    let gaps (q: Vector<float>) = Array.init count (fun i -> q[i + 1] - q[i])

    let kl (q: Vector<float>) =
        -(gaps q |> Array.sumBy (fun gap -> log (gap * float count))) / float count
        + 0.5 * inner q q
        + 0.5 * log (2.0 * Math.PI)

    let private gradient (q: Vector<float>) =
        let rate = gaps q |> Array.map (fun gap -> 1.0 / (float count * gap))
        let at i = (if i < count then rate[i] else 0.0) - (if i > 0 then rate[i - 1] else 0.0)
        Vector.Build.Dense(count + 1, at) + gram * q

    let private hessian (q: Vector<float>) =
        let bend = gaps q |> Array.map (fun gap -> 1.0 / (float count * gap * gap))
        let own = Matrix.Build.Dense(count + 1, count + 1)

        bend
        |> Array.iteri (fun i c ->
            own[i, i] <- own[i, i] + c
            own[i + 1, i + 1] <- own[i + 1, i + 1] + c
            own[i, i + 1] <- own[i, i + 1] - c
            own[i + 1, i] <- own[i + 1, i] - c)

        own + gram

    /// argmin KL + ‖q − before‖²/(2h), by damped Newton steps: the barrier is self-concordant.
    let proximal h (before: Vector<float>) =
        let rec improve (q: Vector<float>) rounds =
            let slope = gradient q + gram * (q - before) / h
            let step = (hessian q + gram / h).Cholesky().Solve(-slope)
            let decrement = sqrt (max 0.0 (-(slope * step)))

            if decrement < 1e-11 || rounds = 0 then
                q
            else
                let own = sqrt (float count)
                improve (q + (if decrement * own < 0.3 then 1.0 else 1.0 / (1.0 + own * decrement)) * step) (rounds - 1)

        improve before 400

    /// 0.4·N(−2, 0.16) + 0.6·N(1.5, 0.36), between the quantiles of 10⁻³.
    let twoModes =
        let below x = MathNet.Numerics.Distributions.Normal.CDF(0.0, 1.0, x)
        let share x = 0.4 * below ((x + 2.0) / 0.4) + 0.6 * below ((x - 1.5) / 0.6)

        let rec quantile low high rounds p =
            let middle = 0.5 * (low + high)

            if rounds = 0 then middle
            elif share middle < p then quantile middle high (rounds - 1) p
            else quantile low middle (rounds - 1) p

        Vector.Build.Dense(count + 1, fun i -> quantile -8.0 8.0 60 (1e-3 + 0.998 * float i / float count))

    let least = lazy (proximal 1e7 (proximal 1e7 twoModes))

/// √(2(KL − least KL)).
let private size q = sqrt (2.0 * max 0.0 (Cells.kl q - Cells.kl Cells.least.Value))

let private away q =
    let apart = q - Cells.least.Value
    sqrt (Cells.inner apart apart)

let private onTheLine =
    testList
        "two modes, by quantile functions"
        [
            testCase "KL's root and W2 fall by 1 + h a step at least, and by that in the end" (fun () ->
                let h = 0.3
                let path = List.scan (fun q _ -> Cells.proximal h q) Cells.twoModes [ 1..24 ]

                for before, after in List.pairwise path do
                    Expect.isLessThanOrEqual (size after * (1.0 + h)) (size before * (1.0 + 1e-6) + 1e-7) "KL"
                    Expect.isLessThanOrEqual (away after * (1.0 + h)) (away before * (1.0 + 1e-6) + 1e-7) "W2"

                let first, last = size path[1] / size path[0], size path[20] / size path[19]
                Expect.isLessThan first 0.65 "at first"
                Expect.isGreaterThan last 0.75 "in the end")

            testCase "with first-order errors of norm ε the root ends below ε" (fun () ->
                let h, epsilon = 0.3, 0.1

                let step (q: Vector<float>) k =
                    let angle i = float (k % 4) * Math.PI * float i / float Cells.count
                    let wave = Vector.Build.Dense(Cells.count + 1, angle >> cos)
                    let error = wave * (epsilon / sqrt (Cells.inner wave wave))
                    let next = Cells.proximal h (q + h * error)
                    let left = (size next - epsilon) * (1.0 + h)
                    Expect.isLessThanOrEqual left (max 0.0 (size q - epsilon) + 1e-7) $"step {k}"
                    next

                let last = List.fold step Cells.twoModes [ 1..30 ]
                Expect.isLessThanOrEqual (size last) (epsilon * 1.001) "in the end")
        ]

let private back (levels': (float * float) list) method first =
    experiment {
        target (normal [ 2.0 ] 1.0)
        forward (levelsOf levels')
        start first
        sampler (anneal (levels [ 1.0; 0.0 ]) (predictor method))
        measure [ tv ]
    }

/// One proximal step of h = 1 from N(2, 1): to N(1, 1), m = ½, σ² = ¾.
let private one = [ 0.5, sqrt 0.75; 1.0, 0.0 ]

let private step h = custom "proximal" [ "h", h ] [ "0.5 * ((1 + h) * z + h * (denoise rho z - z) / (0.5 * rho) ** 2)" ]

let private plainly h = custom "back" [ "h", h ] [ "(1 + h) * z + h * (denoise rho z - z) / rho ** 2" ]

let private noise sigma law h =
    experiment {
        target law
        forward (levelsOf [ 1.0, sigma; 1.0, 0.0 ])
        start (from (standard 1))
        sampler (anneal (levels [ 1.0; 0.0 ]) (predictor (plainly h)))
        measure [ tv ]
    }

let private outwards = noise (sqrt ((3.0 + sqrt 8.0) ** 2.0 - 9.0)) (normal [ 0.0 ] 9.0) -0.5

let private narrow = noise (sqrt (1.0 / 3.0)) (normal [ 0.0 ] 1e-20) 0.5

let tests =
    testList
        "proximal steps"
        [
            yield! atQuick ChengProximal.proximal [ "shrinking-state"; "unit-epsilon" ]
            onTheLine

            testCase "one step by hand" (fun () ->
                let cell = Study.onExperiment runner ChengProximal.proximal (back one (step 1.0) (from (standard 1)))
                Expect.equal cell.Verdict Holds (defaultArg cell.Reason "")
                Expect.floatClose Accuracy.high cell.Decisive.Value.Bound 0.5 "½·1²")

            testCase "other steps, levels and starts are refused" (fun () ->
                for words, e in
                    [
                        "another h", back one (step 0.9) (from (standard 1))
                        "another level", back [ 0.4, sqrt 0.84; 1.0, 0.0 ] (step 1.0) (from (standard 1))
                        "another start", back one (step 1.0) (from (normal [ 0.1 ] 1.0))
                        "another step", back one flow (from (standard 1))
                        // Outwards: KL grows by it, and all else of the hypotheses is met.
                        "h below 0", outwards
                        // Of deviation 1e-10: absolutely it is as good as carried.
                        "a narrow law that is missed", narrow
                    ] do
                    refuses ChengProximal.proximal words e)
        ]
