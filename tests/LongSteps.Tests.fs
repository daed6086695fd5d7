/// One step over a transition of any length, from a point, against its textbook formula in the score at 700 digits.
module Sgm.Tests.LongStepsTests

open System
open System.IO
open Expecto
open Sgm
open Sgm.Engine

/// A row of LongSteps.tsv: forward, method, levels, components (w, μ, v), modifier, x, then T(x), C and Σ|terms| of a method whose
/// terms really cancel (|T| of the others).
type private Row =
    {
        Text: string
        Plan: Plan
        IsNormal: bool
        /// The state after the step, without its noise.
        Drift: float
        Noise: float
        /// What rounding is relative to: the terms of the step that are there in exact arithmetic, too.
        Size: float
    }

let private methods =
    Map
        [
            "eulerMaruyama", eulerMaruyama
            "exponential", exponential
            "ancestral", ancestral
            "flow", flow
            "flowHeun", flowHeun
        ]

let private row (text: string) =
    let field = text.Split '\t'
    let components = [ for part in field[4].Split ';' -> part.Split ',' |> Array.map float ]

    let law =
        match components with
        | [ [| _; mean; variance |] ] -> normal [ mean ] variance
        | several -> mixture [ for c in several -> c[0], normal [ c[1] ] c[2] ]

    let modified =
        match field[5], float field[6] with
        | "shifted", a -> exact |> shifted a
        | "scaled", c -> exact |> scaled c
        | "rippled", a -> exact |> rippled a 2.0
        | "clipped", r -> exact |> clipped r
        | _ -> exact

    {
        Text = text
        Plan =
            Lower.plan
                (fun file -> invalidOp file)
                {
                    Target = law
                    Forward = (if field[0] = "vp" then vp else ve)
                    Score = modified
                    Start = point [ float field[7] ]
                    Sampler = anneal (levels [ float field[2]; float field[3] ]) (predictor methods[field[1]])
                    Measure = []
                    Particles = 16
                    Seed = 1L
                    Discrete = None
                }
        IsNormal = components.Length = 1
        Drift = float field[8]
        Noise = float field[9]
        Size = float field[10]
    }

let private rows =
    lazy
        (use file = typeof<Row>.Assembly.GetManifestResourceStream "LongSteps.tsv"
         use reader = new StreamReader(file)

         [
             while not reader.EndOfStream do
                 row (reader.ReadLine())
         ])

/// Rounding of a few operations, relative to the state after the step.
let private precision = 2e-13

let private momentsOf (interpreter: IInterpreter) row =
    match interpreter.Run(row.Plan, RunOptions()) with
    | outcome when outcome.IsCompleted -> Some(outcome.Probes[0].Law.Moments())
    | _ -> None

/// The brackets hold, and are ten digits wide at most beyond what the rounding of positions, in units of the noise, costs a density:
/// |T|·2⁻⁵³/C, some two hundred of them. Where there is no law, positions are rounded by as much as the noise is wide.
let private onTheGrid row =
    let positions = if row.Noise > 0.0 then row.Size / row.Noise * 2.0 ** -45.0 else 0.0

    match momentsOf (GridInterpreter()) row with
    | Some moments ->
        let error = abs (moments.Mean[0] - row.Drift)
        let text = $"{row.Text}: mean {moments.Mean[0]:r} ± {moments.MeanError[0]:g}, variance {moments.Variance[0]:r}"
        Expect.isLessThanOrEqual error moments.MeanError[0] text
        let wrong = abs (moments.Variance[0] - row.Noise * row.Noise)
        Expect.isLessThanOrEqual wrong moments.VarianceError[0] text
        Expect.isLessThanOrEqual moments.MeanError[0] ((1e-10 + positions) * (row.Size + row.Noise)) text
    | None -> Expect.isGreaterThan positions 1e-3 $"{row.Text}: refused"

/// Closed forms have every digit.
let private normal' row =
    match momentsOf (GaussianInterpreter()) row with
    | Some moments ->
        let text = $"{row.Text}: mean {moments.Mean[0]:r}, variance {moments.Variance[0]:r}"
        Expect.isLessThanOrEqual (abs (moments.Mean[0] - row.Drift)) (precision * (row.Size + row.Noise)) text
        let variance = row.Noise * row.Noise
        Expect.isLessThanOrEqual (abs (moments.Variance[0] - variance)) (precision * variance) text
    | None -> failtestf "%s: no closed form" row.Text

let private particles row =
    let noise: float[] = Array.zeroCreate 16

    if row.Noise > 0.0 then
        RandomStream(1UL, 0L).FillNormal(noise.AsSpan())

    match Ensemble().Run(row.Plan, RunOptions(Particles = 16L, Seed = 1UL, Threads = 1)) with
    | outcome when outcome.IsCompleted ->
        let states = (outcome.Probes[0].Law :?> ParticleLaw).Particles.Coordinate 0

        for state, xi in Array.zip states noise do
            let near = precision * (row.Size + abs (row.Noise * xi))
            Expect.isLessThanOrEqual (abs (state - (row.Drift + row.Noise * xi))) near $"particles, {row.Text}"
    | outcome -> failtestf "particles, %s: %A" row.Text outcome.Status

let private bimodal = mixture [ 0.3, normal [ -2.0 ] 0.25; 0.7, normal [ 2.0 ] 0.25 ]

let private planWith score target forward start sampler : Plan =
    Lower.plan
        (fun file -> invalidOp file)
        {
            Target = target
            Forward = forward
            Score = score
            Start = start
            Sampler = sampler
            Measure = [ kl; w2 ]
            Particles = 16
            Seed = 1L
            Discrete = None
        }

let private planOf = planWith exact

let private atEnd (interpreter: IInterpreter) plan =
    let outcome = interpreter.Run(plan, RunOptions())

    if outcome.IsCompleted then
        (Seq.last outcome.Probes).Law
    else
        failtestf "%A" outcome.Status

let private inside (estimate: Estimate) value slack message =
    Expect.isLessThanOrEqual estimate.Lower (value + slack) $"{message}: lower end"
    Expect.isGreaterThanOrEqual estimate.Upper (value - slack) $"{message}: upper end"
    Expect.isLessThan (estimate.Upper - estimate.Lower) (1e-9 * (1.0 + value)) $"{message}: a narrow bracket"

let private down = [ 3.0; 1.0; 0.3; 0.1; 0.0 ]

/// From level T to t = 3 the posterior is N(0.8·e^(−3), 1 − e^(−6)) but for e^(−2(T − 3)); then on to the data. KL and W2 are those of
/// the chain from that law, by quadrature of the steps' formulas (case vp-long-first-step-45).
let private fromAfar =
    testList
        "the first step may be of any length"
        [
            for first in [ 18.0; 24.0; 45.0; 300.0 ] do
                for interpreter in [ GridInterpreter() :> IInterpreter; ProductInterpreter() ] do
                    testCase $"from t = {first}, {interpreter.Backend}" (fun () ->
                        let law =
                            planOf bimodal vp prior (anneal (levels (first :: down)) (predictor ancestral))
                            |> atEnd interpreter

                        inside (law.Measure Metric.W2) 0.71785571837192 1e-12 "W2"
                        inside (law.Measure Metric.Kl) 0.2141412297 1e-10 "KL")

            for sigma in [ 1e8; 1e17; 1e50 ] do
                testCase $"from σ = {sigma}" (fun () ->
                    // From any σ ≫ 1 the posterior at σ′ = 2 is N(0.8, 4): what comes after is the chain from there.
                    let rest = [ 2.0; 0.5; 0.1; 0.0 ]

                    let law first start =
                        planOf bimodal ve start (anneal (levels (first @ rest)) (predictor ancestral))
                        |> atEnd (GridInterpreter())

                    let far, near = law [ sigma ] prior, law [] (from (normal [ 0.8 ] 4.0))

                    for metric in [ Metric.W2; Metric.Kl ] do
                        let expected = near.Measure metric

                        inside
                            (far.Measure metric)
                            expected.Value.Value
                            (expected.Upper - expected.Lower + 1e-13)
                            $"{metric}")

            testCase "particles in the plane, with correlated modes" (fun () ->
                let modes = [ 0.3, -2.0, 0.1; 0.7, 2.0, -0.1 ]

                let target = mixture [ for w, at, c in modes -> w, normalCov [ at; at ] [ [ 0.25; c ]; [ c; 0.25 ] ] ]

                // The same noise from t = 45 and from t = 300: the start is forgotten, so the particles are the same.
                let particles first =
                    let plan = planOf target vp prior (anneal (levels (first :: down)) (predictor ancestral))

                    match Ensemble().Run(plan, RunOptions(Particles = 500L, Seed = 3UL)) with
                    | outcome when outcome.IsCompleted ->
                        let law = outcome.Probes[0].Law :?> ParticleLaw
                        Array.append (law.Particles.Coordinate 0) (law.Particles.Coordinate 1)
                    | outcome -> failtestf "%A" outcome.Status

                for a, b in Array.zip (particles 45.0) (particles 300.0) do
                    Expect.floatClose { absolute = 1e-9; relative = 1e-9 } a b "a coordinate"
                    Expect.isLessThan (abs a) 6.0 "within the modes")
        ]

/// One step to the data from the noised data itself: x ← D(x), with variance m²v²/(m²v + σ²) and the mean of the data.
let private toTheData =
    testCase "a step to the data leaves the variance of the denoiser, however sharp the data" (fun () ->
        for mean, variance in [ -2.74039072668444, 1.793427264348429e-06; 3.0, 1e-12; -0.5, 100.0; 40.0, 1e4 ] do
            for forward, parameter in [ vp, 0.1; vp, 5.0; vp, 20.0; ve, 0.01; ve, 1e3; ve, 1e6 ] do
                for method in [ ancestral; flow; flowHeun ] do
                    let plan =
                        planOf
                            (normal [ mean ] variance)
                            forward
                            warm
                            (anneal (levels [ parameter; 0.0 ]) (predictor method))

                    let level = plan.InitialLevel
                    let m, v = level.Mean, level.NoiseVariance
                    let expected = m * m * variance * variance / (m * m * variance + v)

                    for interpreter in [ GaussianInterpreter() :> IInterpreter; GridInterpreter() ] do
                        let moments = (atEnd interpreter plan).Moments()
                        let text = $"{interpreter.Backend}, {method}, N({mean}, {variance}), {level}"

                        if interpreter.Backend = "gaussian" then
                            Expect.isLessThan (abs (moments.Variance[0] / expected - 1.0)) 1e-14 $"{text}: variance"

                        let error = abs (moments.Variance[0] - expected)

                        Expect.isLessThanOrEqual
                            error
                            (moments.VarianceError[0] + 1e-14 * expected)
                            $"{text}: variance"

                        let offset = abs (moments.Mean[0] - mean)
                        Expect.isLessThanOrEqual offset (moments.MeanError[0] + 1e-15 * abs mean) $"{text}: mean")

let private memory =
    testList
        "the grid's memory"
        [
            testCase "a product of too many kinds of coordinates is refused before it runs" (fun () ->
                let target = product [ for i in 1..9000 -> 1, normal [ float i ] 1.0 ]
                let plan = planWith (exact |> rippled 0.1 2.0) target vp warm (corrector (langevin 0.01))

                Expect.stringContains (ProductInterpreter().WhyNot plan) "GiB" "the reason")
            testCase "a map with more structure than points is refused" (fun () ->
                let target = normal [ 0.0 ] 1.0
                let plan = planWith (exact |> rippled 0.1 1e9) target vp warm (corrector (langevin 0.01))

                match GridInterpreter().Run(plan, RunOptions()).Status with
                | :? RunStatus.Unsupported as refused -> Expect.stringContains refused.Reason "memory" "the reason"
                | other -> failtestf "%A" other)
        ]

let tests =
    testList
        "LongSteps"
        [
            fromAfar
            toTheData
            memory
            testCase "every method has rows" (fun () ->
                for KeyValue(name, _) in methods do
                    let own = rows.Value |> List.filter (fun row -> row.Text.Contains name)
                    Expect.isGreaterThan own.Length 15 name)
            testCase "on the grid" (fun () -> List.iter onTheGrid rows.Value)
            testCase "on normal laws" (fun () ->
                rows.Value
                |> List.filter (fun row -> row.IsNormal && isNull (GaussianInterpreter().WhyNot row.Plan))
                |> List.iter normal')
            testCase "by particles" (fun () -> List.iter particles rows.Value)
        ]
